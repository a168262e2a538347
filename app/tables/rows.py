"""What a record becomes in the read tables: one row, or nothing for kinds without a table. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from itertools import repeat
from typing import Any

import msgspec

from app.tables.clock import local_time
from app.tables.names import natural_key, sort_key
from forms.register import FIELDS
from sync.records import Record

Row = tuple[Any, ...]
_json = msgspec.json.Encoder(order="sorted")
_as_kept = msgspec.json.Encoder()
_ALL_TEXT = {str}
# A visit where nobody was met has a handful of answers, and they are alike.
SHORT_ANSWERS = 400
_PHOTO = re.compile(r"\b([0-9a-f]{64})\.(?:jpe?g|png|webp)\b")


TABLE_OF = {
    "household": "households",
    "member": "members",
    "visit": "visits",
    "issue": "issues",
    "submission": "submissions",
    "area": "areas",
    "small_area": "small_areas",
    "user": "users",
    "form": "forms",
    "conflict": "conflicts",
    "decision": "decisions",
    "exemption": "exemptions",
    "rules": "rule_settings",
    "device": "devices",
    "pairing": "pairings",
    "event": "events",
    "sight": "sights",
}

_RECORD = ("id", "area", "rev", "seq", "pending", "since")
_FIELD_NAMES = {kind: tuple(field.name for field in fields) for kind, fields in FIELDS.items()}

COLUMNS: dict[str, tuple[str, ...]] = {
    "household": (*_RECORD, *_FIELD_NAMES["household"], "place_key", "head_key"),
    "member": (*_RECORD, *_FIELD_NAMES["member"]),
    "visit": (*_RECORD, *_FIELD_NAMES["visit"]),
    "issue": (*_RECORD, *_FIELD_NAMES["issue"]),
    "pairing": (*_RECORD, *_FIELD_NAMES["pairing"]),
    "event": (*_RECORD, *_FIELD_NAMES["event"]),
    "submission": (
        *_RECORD,
        *("form_id", "form_version", "form_hash", "household_id", "sheet", "started", "ended", "day"),
        *("instance_name", "answers", "carried", "sender", "cadre", "cadre_name", "received"),
        *("reviewed", "problems", "problem_count", "differences", "difference_count"),
        *("answers_digest", "reasons", "visit_checks", "visit_check_count"),
    ),
    "area": ("code", "name", "level", "seq", "until", "successor"),
    "small_area": ("id", "area", "name", "villages", "seq"),
    "user": ("id", "area", "username", "name", "role", "unit", "phone", "state", "batch", "seq"),
    "form": ("id", "area", "form_id", "version", "hash", "title", "state", "versions", "seq"),
    "conflict": (
        *("id", "area", "seq", "entity", "entity_id", "state", "actor", "device_time"),
        *("submission", "fields"),
    ),
    "decision": (
        *("id", "area", "seq", "verdict", "reason", "code", "entity", "entity_id", "kind"),
        *("author", "said_at", "by", "at"),
    ),
    "exemption": (
        *("id", "area", "seq", "household_id", "member_id", "rule", "reason", "state", "asked_by", "asked_on"),
        *("approver", "answer", "valid_until", "evidence"),
    ),
    "rules": ("id", "area", "seq", "off", "limits"),
    "device": ("id", "area", "seq", "user_id", "name", "kind", "key", "enrolled_at"),
    "sight": ("id", "area", "seq", "what", "who", "at", "day", "household_id", "name", "rows", "whole", "reason"),
}

_LEVEL_ENDS = (2, 4, 6, 9, 12)


def row_of(record: Record) -> Row:
    """The record's row, in the order of COLUMNS[record.kind]."""
    return _MAKERS[record.kind](record)


def area_level(code: str) -> int:
    """How many of a 12-digit code's digits count: 2 province, 4 city, 6 county, 9 township, 12 village."""
    significant = len(code[:12].rstrip("0"))
    return next((end for end in _LEVEL_ENDS if end >= significant), 12)


def text_of(value: Any) -> str:
    """A field as the tables keep it. Documents become JSON, so nothing a client sent can break a page."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return _json.encode(value).decode()


def _common(record: Record) -> Row:
    return (
        record.id,
        record.area,
        record.rev,
        record.seq,
        record.pending or 0,
        _as_kept.encode(record.since).decode() if record.since else "{}",
    )


def _register_row(record: Record) -> Row:
    row = (*_common(record), *map(record.fields.get, _FIELD_NAMES[record.kind], repeat("")))
    # Nearly always all are text: looking at each of a county's fields is what catching up would spend its time on.
    return row if set(map(type, row[len(_RECORD) :])) == _ALL_TEXT else (*row[: len(_RECORD)], *map(text_of, row[len(_RECORD) :]))


def _household(record: Record) -> Row:
    group, house_no = text_of(record.fields.get("group")), text_of(record.fields.get("house_no"))
    place_key = f"{natural_key(group)} {natural_key(house_no)}"
    return (*_register_row(record), place_key, sort_key(text_of(record.fields.get("head_name"))))


def _submission(record: Record) -> Row:
    fields = {name: text_of(value) for name, value in record.fields.items()}
    value = fields.get
    ended = value("ended", "") or value("started", "")
    return (
        *_common(record),
        *(value(name, "") for name in ("form_id", "form_version", "form_hash", "household_id", "sheet")),
        *(value("started", ""), value("ended", ""), local_time(ended)[:10], value("instance_name", "")),
        *(value("answers", "{}"), value("carried", "{}"), "", "", "", ""),
        *(0, "[]", 0, "[]", 0, answers_digest(value("answers", "{}")), value("checks", "{}"), "[]", 0),
    )


def answers_digest(answers: str) -> str:
    """Names a whole set of answers, so that two households with the very same ones are found; '' for none."""
    return hashlib.sha256(answers.encode()).hexdigest()[:32] if len(answers) > SHORT_ANSWERS else ""


def photos_in(answers: str) -> list[str]:
    """SHA-256 names of the pictures that answers hold."""
    return sorted(set(_PHOTO.findall(answers)))


def area_key(record: Record) -> str:
    """The 12 digits an area is known by; a county may come as its first six, a group has two more."""
    return record.id.ljust(12, "0")


def _area(record: Record) -> Row:
    code = area_key(record)
    value = record.fields.get
    level = len(code) if len(code) > 12 else area_level(code)
    return (code, text_of(value("name")), level, record.seq, text_of(value("valid_until")), text_of(value("successor")))


def _plain(record: Record) -> Row:
    """A row whose columns beside id, area and seq are fields of the same name."""
    own = {"id": record.id, "area": record.area, "seq": record.seq}
    value = record.fields.get
    return tuple(own[name] if name in own else text_of(value(name)) for name in COLUMNS[record.kind])


def _user(record: Record) -> Row:
    row = dict(zip(COLUMNS["user"], _plain(record), strict=True))
    return tuple((row | {"area": row["area"] or text_of(record.fields.get("area"))}).values())


def _conflict(record: Record) -> Row:
    row = dict(zip(COLUMNS["conflict"], _plain(record), strict=True))
    about = text_of(record.fields.get("id"))  # the record in dispute; the conflict has an id of its own
    return tuple((row | {"entity_id": about, "fields": text_of(dict(record.fields))}).values())


def _decision(record: Record) -> Row:
    row = dict(zip(COLUMNS["decision"], _plain(record), strict=True))
    return tuple((row | {"entity_id": text_of(record.fields.get("id"))}).values())


_MAKERS: dict[str, Callable[[Record], Row]] = {
    "household": _household,
    "member": _register_row,
    "visit": _register_row,
    "issue": _register_row,
    "submission": _submission,
    "area": _area,
    "small_area": _plain,
    "user": _user,
    "form": _plain,
    "conflict": _conflict,
    "decision": _decision,
    "exemption": _plain,
    "rules": _plain,
    "device": _plain,
    "pairing": _register_row,
    "event": _register_row,
    "sight": _plain,
}
