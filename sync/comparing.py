"""A node compares what it holds with the tier above, place by place, and mends what differs.

Meant for quiet moments: while anything in scope is newer than the node's
cursor the tier above says ``moved``, and the next round tries again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from sync.devices import stop_told
from sync.digest import (
    PLACE,
    Key,
    Mending,
    Sum,
    bucket_of,
    differing,
    fingerprint,
    from_wire,
    mending,
    place_of,
    sums,
)
from sync.records import Record
from sync.scope import EVERYTHING
from sync.store.base import Compared, Copy, Store
from sync.store.pages import moment_text

EVERY = timedelta(days=1)
SOON = timedelta(minutes=10)
"""After a comparison that could not be finished."""
AT_ONCE = 16  # buckets asked for in one message

SAME, MENDED, MOVED, UNSUPPORTED = "same", "mended", "moved", "unsupported"

Ask = Callable[[str], Mapping[str, Any]]
"""Asks the tier above for a path below /sync/v1/; raises Problem not_found from one that knows no digests."""


class Moved(Exception):
    """The tier above has something that this node has not pulled yet."""


def is_due(store: Store, now: datetime) -> bool:
    """Once a day, and sooner where the last try could not be finished. A clock that went back makes it due."""
    last = store.compared().get("")
    if last is None:
        return True
    pause = EVERY if last.result in (SAME, MENDED, UNSUPPORTED) else SOON
    return not moment_text(now - pause) < last.at <= moment_text(now)


def compare(store: Store, ask: Ask, now: datetime) -> Compared:
    """One comparison of everything in scope. Keeps its result; raises Problem and msgspec.ValidationError of the answers."""
    cursor, source = store.upstream_cursor()
    found: dict[Key, str] = {}

    def ask_it(path: str) -> Mapping[str, Any]:
        said = ask(path)
        if (said.get("server_id"), said.get("epoch")) != source:
            raise msgspec.ValidationError("another server's answer")  # it must not empty the register
        return said

    try:
        if cursor:
            found = _mended(store, ask_it, cursor)
        result = MENDED if found else SAME
    except Moved:
        result = MOVED
    compared = Compared(moment_text(now), result if cursor else MOVED, len(found))
    store.note_compared("", compared, found)
    return compared


def _mended(store: Store, ask: Ask, cursor: str) -> dict[Key, str]:
    """What really had to be changed, and why."""
    above = _places_above(ask, cursor)
    plan = Mending([], [], {})
    views: list[Key] = []
    extra: list[Key] = []
    for place in sorted({*above, *store.places(EVERYTHING)}):
        copies = store.copies_in(place)
        here = {(one.kind, one.id): one for one in map(_comparable, copies) if one is not None}
        views += [(copy.record.kind, copy.record.id) for copy in copies if _view_is_off(copy)]
        if place not in above:
            extra += here
            continue
        wrong = differing(sums(here.values()), above[place])
        if wrong:
            mine = {key: record for key, record in here.items() if bucket_of(*key) in wrong}
            one = mending(mine, _buckets(ask, cursor, place, wrong))
            plan = Mending(plan.take + one.take, plan.drop + one.drop, plan.why | one.why)
    taken = {(record.kind, record.id) for record in plan.take}
    drop = [key for key in dict.fromkeys([*plan.drop, *extra]) if key not in taken]
    rebuild = [key for key in views if key not in taken and key not in drop]
    if not (plan.take or drop or rebuild):
        return {}
    why = dict.fromkeys(rebuild, "view") | dict.fromkeys(drop, "extra") | {key: plan.why[key] for key in taken}
    stop_told(store, plan.take)
    changed = store.mend(plan.take, drop, rebuild)
    return {key: why[key] for key in changed if key in why}


def _comparable(copy: Copy) -> Record | None:
    """What the tier above should have of it: nothing for what waits to go up, or is a tombstone."""
    record = copy.upstream or (None if copy.open else copy.record)
    if record is None or record.deleted:
        return None
    # The row's own key counts: what is kept in it may have been written by anybody.
    key = (copy.record.kind, copy.record.id)
    return record if (record.kind, record.id) == key else msgspec.structs.replace(record, kind=key[0], id=key[1])


def _view_is_off(copy: Copy) -> bool:
    """Whether what is seen is not what came from above, with nothing of ours in between to explain it."""
    if copy.upstream is None or copy.open:
        return False
    if copy.record.deleted or copy.upstream.deleted:
        return copy.record.deleted != copy.upstream.deleted
    return fingerprint(copy.record) != fingerprint(copy.upstream)


class _Place(NamedTuple):
    name: str
    buckets: dict[int, Sum]


def _places_above(ask: Ask, cursor: str) -> dict[str, dict[int, Sum]]:
    found: dict[str, dict[int, Sum]] = {}
    after = ""
    while True:
        said = ask(f"digest?cursor={cursor}&after={after}")
        if said.get("moved"):
            raise Moved
        some = [_place(name, value) for name, value in msgspec.convert(said["places"], dict[str, Any]).items()]
        found |= {place.name: place.buckets for place in some}
        last = max((place.name for place in some), default=after)
        if not said.get("more") or last <= after:
            return found
        after = last


def _place(name: str, value: Any) -> _Place:
    if not (name.isascii() and name.isdigit() and place_of(name) == name and len(name) <= PLACE):
        raise msgspec.ValidationError("no place")
    try:
        return _Place(name, {int(bucket): from_wire(one) for bucket, one in dict(value["buckets"]).items()})
    except (KeyError, TypeError, ValueError) as error:
        raise msgspec.ValidationError("no sums") from error


def _buckets(ask: Ask, cursor: str, place: str, wanted: Sequence[int]) -> Iterator[Record]:
    for at in range(0, len(wanted), AT_ONCE):
        some = wanted[at : at + AT_ONCE]
        said = ask(f"bucket?cursor={cursor}&place={place}&buckets={','.join(map(str, some))}")
        if said.get("moved"):
            raise Moved
        yield from msgspec.convert(said["records"], list[Record])
