"""What a record becomes in the read tables: one row, or nothing for kinds without a table. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from app.tables.clock import local_time
from app.tables.names import natural_key, sort_key
from forms.register import FIELDS
from sync.records import UnreadRecord
from sync.store.dates import dates_of

Row = tuple[Any, ...]
_json = msgspec.json.Encoder(order="sorted")
_document: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])
# A visit where nobody was met has a handful of answers, and they are alike.
SHORT_ANSWERS = 400
# Looked for by what stands behind it: at every beginning of a word sixty-four digits were tried before.
_PHOTO_ENDS = re.compile(r"\.(?:jpe?g|png|webp)\b")
_PHOTO = re.compile(r"(?:\W|^)([0-9a-f]{64})")
_PHOTO_LENGTH = 64


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

_DATED = frozenset(name for names in _FIELD_NAMES.values() for name in names)
# Nearly always all fields are text: read like this, a county is taken in at twice the speed.
_ALL_TEXT = {
    kind: msgspec.json.Decoder(msgspec.defstruct(kind, [(name, str, "") for name in names], gc=False))
    for kind, names in _FIELD_NAMES.items()
}
_as_tuple = msgspec.structs.astuple

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


def maker(kind: str) -> Callable[[UnreadRecord], Row]:
    """What makes a record of this kind its row, in the order of COLUMNS[kind]."""
    return _MAKERS[kind]


def fields_of(record: UnreadRecord) -> dict[str, Any]:
    return _document.decode(record.fields)


def dates_in(row: Mapping[str, Any]) -> dict[str, str]:
    """The day on which each value of a row was said; those of values that are blank are left out."""
    named = dict.fromkeys(_DATED.intersection(row))
    return {name: day for name, day in dates_of(row["since"] or "{}", named).items() if row.get(name)}


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


def _register(kind: str) -> Callable[[UnreadRecord], Row]:
    names, all_text = _FIELD_NAMES[kind], _ALL_TEXT[kind].decode

    def row(record: UnreadRecord) -> Row:
        try:
            values = _as_tuple(all_text(record.fields))
        except msgspec.ValidationError:
            values = tuple(map(text_of, map(fields_of(record).get, names)))
        return (record.id, record.area, record.rev, record.seq, record.pending, record.since, *values)

    return row


_GROUP, _HOUSE_NO, _HEAD_NAME = map(COLUMNS["household"].index, ("group", "house_no", "head_name"))
_plain_household = _register("household")


def _household(record: UnreadRecord) -> Row:
    row = _plain_household(record)
    place_key = f"{natural_key(row[_GROUP])} {natural_key(row[_HOUSE_NO])}"
    return (*row, place_key, sort_key(row[_HEAD_NAME]))


def _submission(record: UnreadRecord) -> Row:
    fields = {name: text_of(value) for name, value in fields_of(record).items()}
    value = fields.get
    ended = value("ended", "") or value("started", "")
    return (
        *(record.id, record.area, record.rev, record.seq, record.pending, record.since),
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
    found = set()
    for end in _PHOTO_ENDS.finditer(answers):
        at = end.start() - _PHOTO_LENGTH
        if at >= 0 and (named := _PHOTO.fullmatch(answers, max(0, at - 1), end.start())):
            found.add(named[1])
    return sorted(found)


def area_key(record: UnreadRecord) -> str:
    """The 12 digits an area is known by; a county may come as its first six, a group has two more."""
    return record.id.ljust(12, "0")


def _area(record: UnreadRecord) -> Row:
    code = area_key(record)
    value = fields_of(record).get
    level = len(code) if len(code) > 12 else area_level(code)
    return (code, text_of(value("name")), level, record.seq, text_of(value("valid_until")), text_of(value("successor")))


def _plain(record: UnreadRecord) -> Row:
    """A row whose columns beside id, area and seq are fields of the same name."""
    return tuple(_plain_columns(record, fields_of(record)).values())


def _plain_columns(record: UnreadRecord, fields: Mapping[str, Any]) -> dict[str, Any]:
    own = {"id": record.id, "area": record.area, "seq": record.seq}
    return {name: own[name] if name in own else text_of(fields.get(name)) for name in COLUMNS[record.kind]}


def _user(record: UnreadRecord) -> Row:
    fields = fields_of(record)
    row = _plain_columns(record, fields)
    return tuple((row | {"area": row["area"] or text_of(fields.get("area"))}).values())


def _conflict(record: UnreadRecord) -> Row:
    fields = fields_of(record)
    about = text_of(fields.get("id"))  # the record in dispute; the conflict has an id of its own
    return tuple((_plain_columns(record, fields) | {"entity_id": about, "fields": text_of(fields)}).values())


def _decision(record: UnreadRecord) -> Row:
    fields = fields_of(record)
    return tuple((_plain_columns(record, fields) | {"entity_id": text_of(fields.get("id"))}).values())


_MAKERS: dict[str, Callable[[UnreadRecord], Row]] = {
    "household": _household,
    "member": _register("member"),
    "visit": _register("visit"),
    "issue": _register("issue"),
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
    "pairing": _register("pairing"),
    "event": _register("event"),
    "sight": _plain,
}
