"""Records passed on as they are kept: to a phone, and to a server's own read tables.

A village is thirty megabytes once every value is read and every date spelled out, and the phone reads it all again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from sync.records import KeptRecord, Record, Scope, UnreadRecord
from sync.scope import shown, shown_whole
from sync.store.dates import dates_of, packed_dates

_json = msgspec.json.Encoder()
_document: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


def kept_of(scope: Scope, row: Any, record_of: Callable[[Any], Record]) -> KeptRecord:
    """row: kind, id, area, rev, seq, fields, since, then what only some stores keep, and last whether it is deleted."""
    kind, id_, area, rev, seq, fields, since, *pending, deleted = row
    if shown_whole(scope, kind, bool(deleted)):
        return KeptRecord(kind=kind, id=id_, area=area, rev=rev, seq=seq, fields=msgspec.Raw(fields), since=msgspec.Raw(since),
                          pending=pending[0] if pending else 0, deleted=bool(deleted))  # fmt: skip
    record = shown(scope, record_of(row))
    return KeptRecord(kind=kind, id=id_, area=area, rev=rev, seq=seq, fields=msgspec.Raw(_json.encode(record.fields)),
                      since=msgspec.Raw(_json.encode(record.since)), pending=record.pending, deleted=record.deleted)  # fmt: skip


def unread_of(record: Record) -> UnreadRecord:
    """The record as a store would keep it."""
    return UnreadRecord(record.kind, record.id, record.area, record.rev, record.seq, _json.encode(record.fields).decode(),
                        packed_dates(record.since, record.fields), record.pending, record.deleted)  # fmt: skip


def read(unread: UnreadRecord) -> Record:
    fields = _document.decode(unread.fields)
    return Record(kind=unread.kind, id=unread.id, area=unread.area, rev=unread.rev, seq=unread.seq, fields=fields,
                  since=dates_of(unread.since, fields), pending=unread.pending, deleted=unread.deleted)  # fmt: skip
