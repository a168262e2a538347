"""Where a batch for the upstream may end."""

from __future__ import annotations

from collections.abc import Sequence

from sync.store.base import ToRelay


def whole_batch(rows: Sequence[ToRelay], max_bytes: int) -> list[ToRelay]:
    """The first rows that fit, cut where no log stands before the head that covers it; [] when there is no such place.

    A first run up to a head is taken whole even where it is larger: a phone sent it in one body, so it fits in one.
    """
    size = cut = 0
    open_logs: set[str] = set()
    for place, row in enumerate(rows, 1):
        size += len(row.body) + 1
        if cut and size > max_bytes:
            break
        if row.head is not None and row.dseq < row.head.dseq:
            open_logs.add(row.install_id)
        else:
            open_logs.discard(row.install_id)
        if not open_logs:
            cut = place
    return list(rows[:cut])
