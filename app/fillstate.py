"""A form being filled page by page on a server that keeps nothing: the state travels in the page, signed.

Pure but for the ids and the clock it is given. The state holds the register
as it was when the form was opened, so that what is saved says "from what I
saw to what I wrote", as on the phone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

from app.formfields import is_select, is_silent
from forms.definition import Form
from forms.expression.values import EvaluationError, to_string
from forms.instance import Instance
from forms.instance import Node as Answer
from sync.records import Record

Rows = dict[str, list[dict[str, Any]]]
FILES = frozenset({"image", "photo", "draw", "signature", "annotate", "audio", "video", "file"})
ANSWERLESS = frozenset({"note"})

_INTEGER, _DECIMAL = re.compile(r"-?[0-9]{1,10}"), re.compile(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)")
_POINT = re.compile(r"-?[0-9]+(\.[0-9]+)?( -?[0-9]+(\.[0-9]+)?){1,3}")
_LABELS = {"household": "head_name", "member": "full_name", "visit": "date", "issue": "description", "village": "village_title"}


@dataclass
class State:
    """Everything a page must bring back. base: the register's records by kind, as they were at the opening."""

    form_id: str
    version: str
    user_id: str
    submission_id: str
    started: str
    household_id: str = ""
    village_id: str = ""
    base: Rows = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    carried: dict[str, dict[str, str]] = field(default_factory=dict)

    def packed(self) -> dict[str, Any]:
        return asdict(self)


def row_of(record: Record) -> dict[str, Any]:
    """What of a record the state keeps."""
    return {"id": record.id, "area": record.area, "rev": record.rev, "since": dict(record.since), "fields": dict(record.fields)}


def external_of(base: Rows) -> Rows:
    """The base as the form's expressions read it."""
    return {
        kind: [
            {name: "" if value is None else str(value) for name, value in row["fields"].items()}
            | {"name": row["id"], "label": str(row["fields"].get(_LABELS.get(kind, ""), ""))}
            for row in rows
        ]
        for kind, rows in base.items()
    }


def instance_of(form: Form, state: State, now: datetime, ids: Callable[[], str], lang: str, *, fresh: bool = False) -> Instance:
    """The form as it was left, or (fresh) opened for the first time."""
    return Instance(
        form, now=now, external=external_of(state.base), ids=ids, lang=lang if lang in form.definition["languages"] else None,
        prefill={"household_id": state.household_id, "village_id": state.village_id},
        answers=None if fresh else state.answers,
    )  # fmt: skip


def shown(instance: Instance) -> list[Answer]:
    """The questions that stand in the page with a control."""
    return [
        answer
        for answer in instance.questions()
        if answer.relevant
        and not is_silent(answer.definition)
        and answer.definition["type"] not in ANSWERLESS
        and answer.definition["type"] != "calculate"
        and not instance.locked(answer)
    ]


def take(instance: Instance, posted: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Write what was posted into the instance. Answers what could not be read, message code by path.

    Only questions that stood in the page are touched: one that is not posted
    was left empty. Files are not here, they come as uploads.
    """
    wrong: dict[str, str] = {}
    for path, answer in [(instance.path_of(one), one) for one in shown(instance)]:
        node = answer.definition
        if node["type"] in FILES:
            continue
        text = text_of(node, posted.get(path, ()), answer.text, instance.runtime.now)
        if text != answer.text:
            instance.set_value(path, text)
    for answer in shown(instance):
        code = misread(instance, answer)
        if code:
            wrong[instance.path_of(answer)] = code
    return wrong


def text_of(node: Mapping[str, Any], values: Sequence[str], before: str, now: datetime) -> str:
    """The posted values as the text that is stored."""
    kind, looks = node["type"], set(node.get("appearance") or ())
    given = [value.replace("\r\n", "\n") for value in values if value]
    if kind.startswith("select_multiple") or kind == "rank":
        return " ".join(dict.fromkeys(given))
    text = given[0] if given else ""
    if kind in ("integer", "decimal"):
        return re.sub(r"[\s,,]", "", text)
    if kind == "date" and text:
        return text + {4: "-01-01", 7: "-01"}.get(len(text), "") if looks & {"year", "month-year"} else text
    if kind == "time":
        return before if text and before[:5] == text[:5] else _with_zone(text, now)
    if kind in ("dateTime", "datetime"):
        return before if text and before[:16] == text[:16] else _with_zone(text, now)
    if kind in ("geopoint", "geotrace", "geoshape"):
        return re.sub(r"\s*[;;]\s*", ";", re.sub(r"[,,\s]+", " ", text)).strip()
    return text if kind == "text" and text.strip() else text.strip()


def _with_zone(text: str, now: datetime) -> str:
    if not text:
        return ""
    seconds = text if text.count(":") == 2 else f"{text}:00"
    offset = now.strftime("%z") or "+0000"
    return f"{seconds}.000{offset[:3]}:{offset[3:5]}"


def misread(instance: Instance, answer: Answer) -> str:
    """Why an answer is not of its question's kind: number, whole_number, date, place, choice; '' when it is."""
    kind, text = answer.definition["type"], answer.text
    if not text:
        return ""
    if kind == "integer":
        return "" if _INTEGER.fullmatch(text) else "whole_number"
    if kind == "decimal":
        return "" if _DECIMAL.fullmatch(text) else "number"
    if kind == "date":
        return "" if _is_date(text) else "date"
    if kind == "geopoint":
        return "" if _POINT.fullmatch(text) else "place"
    if kind in ("geotrace", "geoshape"):
        return "" if all(_POINT.fullmatch(one) for one in text.split(";") if one) else "place"
    if is_select(answer.definition):
        offered = {choice.name for choice in instance.choices(instance.path_of(answer))}
        chosen = [text] if kind.startswith("select_one") else text.split()
        return "" if set(chosen) <= offered else "choice"
    return ""


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def carried_at_opening(form: Form, instance: Instance, base: Rows) -> dict[str, dict[str, str]]:
    """The answers that hold a value of the register, with its date: path → value, date."""
    found: dict[str, dict[str, str]] = {}
    for node in form.definition["nodes"]:
        source = node.get("carried")
        if not source:
            continue
        for answer in instance.instances_of(node["path"]):
            record = _record_behind(form, instance, base, answer, source)
            value = str((record or {}).get("fields", {}).get(source["property"]) or "")
            if record and value and value == answer.text:
                date = str(record["since"].get(source["property"], ""))
                found[instance.path_of(answer)] = {"value": value, "date": date}
    return found


def _record_behind(form: Form, instance: Instance, base: Rows, answer: Answer, source: Mapping[str, str]) -> dict[str, Any] | None:
    rows = base.get(source["list"], [])
    if source["list"] in ("household", "village"):
        return rows[0] if rows else None
    scope: Answer | None = answer
    while scope is not None and scope.slot is None:
        scope = scope.parent
    if scope is None:
        return None
    declared = [one for one in form.definition["entities"] if (one["list"], one["scope"]) == (source["list"], scope.path)]
    if not declared or declared[0].get("entity_id") is None:
        return None
    entity = declared[0]
    try:
        id = to_string(instance.evaluate(entity["entity_id"], scope))
    except EvaluationError:
        return None
    return next((row for row in rows if row["id"] == id), None)


def carried_now(state: State, instance: Instance, confirmed: bool) -> dict[str, dict[str, str]]:
    """The carried answers that were asked, with what became of them: same, changed or unconfirmed."""
    found = {}
    for path, known in state.carried.items():
        answer = instance.find(path)
        if answer is None or not answer.relevant:
            continue
        kept = "same" if confirmed else "unconfirmed"
        found[path] = known | {"state": kept if answer.text == known["value"] else "changed"}
    return found
