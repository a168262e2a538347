"""What is seen below the centre: the last state from upstream with pending ops on top.

Node and phone use the same rule (``static/js/core/overlay.js``,
``tests/vectors/overlay.json``), rebuilt whenever upstream answers.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sync.apply import effect_of
from sync.records import HELD, QUARANTINED, Op, Record


def visible(upstream: Record | None, pending: Sequence[Op]) -> Record | None:
    """The upstream record with the pending ops applied in order.

    None when upstream has none and no pending op creates it. rev and seq stay
    upstream's; ``pending`` counts the ops overlaid. An op that cannot be
    applied yet, or that loses a merge, leaves what is there and still counts.
    """
    record = upstream
    held: list[Op] = []
    for op in pending:
        effect = effect_of(op, record)
        if effect.status == HELD:
            held.append(op)  # from another device than the one that makes the record
            continue
        record = effect.record
        while held and record is not None:
            record = effect_of(held.pop(0), record).record
    if record is None or not pending:
        return record
    before = upstream.pending if upstream else 0
    return msgspec.structs.replace(record, pending=before + len(pending))


def is_pending(result: tuple[str, int] | None, record_seq: int) -> bool:
    """Whether an op still has to be overlaid.

    result: (status, seq) the next tier gave, None while it has not answered.
    record_seq: seq of the record as pulled from that tier, 0 when it has not come.
    An answer alone is not enough: until the record that includes the op has
    been pulled, dropping the overlay would show the old value again.
    """
    if result is None:
        return True
    status, seq = result
    if status in (HELD, QUARANTINED):
        return False
    return record_seq < seq
