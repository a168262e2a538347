"""The net under the pull: places compared by digest, so that a difference nobody noticed is found and mended.

The records of a place (the first twelve digits of their area) fall into 256
buckets by kind and id; a bucket is told by how many records it holds and the
XOR of their fingerprints. ``static/js/core/digest.js`` is the other home of
this rule; both read ``tests/vectors/digest.json``. Tombstones count as absent:
every tier clears its own away.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sync.canonical import canonical_of_checked
from sync.records import Record

BUCKETS = 256
PLACE = 12

Key = tuple[str, str]


class Sum(NamedTuple):
    """How many records, and the XOR of their fingerprints."""

    number: int = 0
    xor: int = 0


EMPTY = Sum()


def place_of(area: str) -> str:
    """The village of an area, or the whole code of a larger place."""
    return area[:PLACE]


def bucket_of(kind: str, id: str) -> int:
    return zlib.crc32(f"{kind}\0{id}".encode()) % BUCKETS


def fingerprint(record: Record) -> int:
    """Of all that has to be the same on every tier; seq and pending are each tier's own."""
    content = {"kind": record.kind, "id": record.id, "area": record.area, "rev": record.rev,
               "fields": record.fields, "since": record.since}  # fmt: skip
    return int.from_bytes(hashlib.sha256(canonical_of_checked(content)).digest(), "big")


def sums(records: Iterable[Record]) -> dict[int, Sum]:
    """Bucket → sum, of the records that are not deleted; empty buckets are left out."""
    found: dict[int, Sum] = {}
    for record in records:
        if not record.deleted:
            bucket = bucket_of(record.kind, record.id)
            number, xor = found.get(bucket, EMPTY)
            found[bucket] = Sum(number + 1, xor ^ fingerprint(record))
    return found


def whole(buckets: Mapping[int, Sum]) -> Sum:
    """The sum of a place."""
    number = xor = 0
    for one in buckets.values():
        number, xor = number + one.number, xor ^ one.xor
    return Sum(number, xor)


def differing(here: Mapping[int, Sum], there: Mapping[int, Sum]) -> list[int]:
    return sorted(bucket for bucket in {*here, *there} if here.get(bucket, EMPTY) != there.get(bucket, EMPTY))


def to_wire(one: Sum) -> list[object]:
    return [one.number, f"{one.xor:064x}"]


def from_wire(value: object) -> Sum:
    """Raises ValueError for what is no sum."""
    match value:
        case [int(count), str(text)] if len(text) == 64:
            return Sum(count, int(text, 16))
    raise ValueError("no sum")


class Mending(NamedTuple):
    """What it takes to be as the tier above: records to take, keys to drop, and why, by key."""

    take: list[Record]
    drop: list[Key]
    why: dict[Key, str]


def mending(here: Mapping[Key, Record], there: Iterable[Record], *, extra: Iterable[Key] = ()) -> Mending:
    """Compare the records of buckets that differ. here and there hold all records of those buckets.

    extra: keys found in places that the tier above does not know. What is in ``there`` is never dropped.
    """
    above = {(record.kind, record.id): record for record in there if not record.deleted}
    take = [record for key, record in above.items() if key not in here or fingerprint(here[key]) != fingerprint(record)]
    drop = sorted({*here, *extra} - set(above))
    why = {(record.kind, record.id): "differs" if (record.kind, record.id) in here else "missing" for record in take}
    return Mending(take, drop, why | dict.fromkeys(drop, "extra"))
