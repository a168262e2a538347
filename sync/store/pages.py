"""Small rules that both databases share: pages and their cursors, moments as text, tokens as hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

from sync.problems import Problem
from sync.records import KeptPage, KeptRecord, Page, Record, UnreadPage, UnreadRecord


def page_of(records: list[Record], limit: int, end: int, prefix: str) -> Page:
    """At most limit of the records; one more was asked for to know whether more follow."""
    more, seq = _reached(records, limit, end)
    return Page(cursor=f"{prefix}{seq}", seq=seq, more=more, records=tuple(records[:limit]))


def kept_page_of(records: list[KeptRecord], limit: int, end: int, prefix: str) -> KeptPage:
    """The same of records that nobody read."""
    more, seq = _reached(records, limit, end)
    return KeptPage(cursor=f"{prefix}{seq}", seq=seq, more=more, records=tuple(records[:limit]))


def unread_page_of(records: list[UnreadRecord], limit: int, end: int) -> UnreadPage:
    """The same of what a server's own read tables take in."""
    more, seq = _reached(records, limit, end)
    return UnreadPage(seq, more, records[:limit])


def _reached(records: Sequence[Record | KeptRecord | UnreadRecord], limit: int, end: int) -> tuple[bool, int]:
    more = len(records) > limit
    last = records[: limit + 1][-2 if more else -1].seq if records else 0
    return more, last if more else max(end, last)


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
