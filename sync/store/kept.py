"""Records on their way to a phone, passed on as they are kept.

A village is thirty megabytes once every value is read and every date spelled out, and the phone reads it all again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from sync.records import KeptRecord, Record, Scope
from sync.scope import shown, shown_whole

_json = msgspec.json.Encoder()


def kept_of(scope: Scope, row: Any, record_of: Callable[[Any], Record]) -> KeptRecord:
    """row: kind, id, area, rev, seq, fields, since, then what only some stores keep, and last whether it is deleted."""
    kind, id_, area, rev, seq, fields, since, *pending, deleted = row
    if shown_whole(scope, kind, bool(deleted)):
        return KeptRecord(kind=kind, id=id_, area=area, rev=rev, seq=seq, fields=msgspec.Raw(fields), since=msgspec.Raw(since),
                          pending=pending[0] if pending else 0, deleted=bool(deleted))  # fmt: skip
    record = shown(scope, record_of(row))
    return KeptRecord(kind=kind, id=id_, area=area, rev=rev, seq=seq, fields=msgspec.Raw(_json.encode(record.fields)),
                      since=msgspec.Raw(_json.encode(record.since)), pending=record.pending, deleted=record.deleted)  # fmt: skip
