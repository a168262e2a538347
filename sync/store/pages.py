"""Small rules that both databases share: pages and their cursors, moments as text, tokens as hashes."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from sync.problems import Problem
from sync.records import Page, Record


def page_of(records: list[Record], limit: int, end: int, prefix: str) -> Page:
    """At most limit of the records; one more was asked for to know whether more follow."""
    more = len(records) > limit
    chosen = tuple(records[:limit])
    last = chosen[-1].seq if chosen else 0
    seq = last if more else max(end, last)
    return Page(cursor=f"{prefix}{seq}", seq=seq, more=more, records=chosen)


def place_of(cursor: str | None, prefix: str, latest: int) -> int:
    """The place a cursor names, 0 without one. Raises Problem cursor_stale, with the reason, for one not of this log and scope."""
    if not cursor:
        return 0
    place = cursor.removeprefix(prefix)
    if place == cursor:
        same_log = cursor.partition(".")[0] == prefix.partition(".")[0]
        raise Problem("cursor_stale", reason="scope" if same_log else "epoch")
    if not (place.isascii() and place.isdigit()) or int(place) > latest:
        raise Problem("cursor_stale", reason="place")
    return int(place)


def moment_text(moment: datetime) -> str:
    """UTC, milliseconds, Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def gone_record(kind: str, id: str, area: str, rev: int, seq: int) -> Record:
    """The tombstone of a record whose tombstone was cleared away."""
    return Record(kind=kind, id=id, area=area, rev=rev, seq=seq, fields={}, since={}, deleted=True)


def token_hash(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()
