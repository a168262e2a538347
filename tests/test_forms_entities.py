"""What a finished form says to the register, and what it records by itself: the cases that the phone's engine reads too."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from forms.compile import compile_rows
from forms.entities import changes
from forms.instance import Instance
from forms.review import evaluate

VECTORS = json.loads((Path(__file__).parent / "vectors" / "entities.json").read_text(encoding="utf-8"))
FORMS = {name: compile_rows(one["sheets"]) for name, one in VECTORS["forms"].items()}
META = VECTORS["metadata"]


def opened(form: str, now: str = META["opened"], **options: Any) -> Instance:
    ids = count(1)
    return Instance(
        FORMS[form], now=datetime.fromisoformat(now), prefill=VECTORS["prefill"], ids=lambda: f"id-{next(ids)}", **options
    )


def test_the_phone_reads_the_definitions_of_today() -> None:
    for name, form in FORMS.items():
        assert json.loads(json.dumps(form.definition)) == VECTORS["forms"][name]["definition"]


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_the_register_follows(case: dict[str, Any]) -> None:
    filled = opened(case["form"])
    for path, *value in case["set"]:
        assert filled.add_repeat(value[0]) if path == "+" else filled.set_value(path, value[0]) == "ok"
    answers = filled.finalize().answers
    found = changes(FORMS[case["form"]], filled, VECTORS["base"])
    told = [[c.entity, c.id, c.kind, {k: [v["old"], v["new"]] for k, v in c.fields.items()}] for c in found]
    assert told == case["expected"]
    sent = {"answers": answers, "ended": META["reopened"]}
    ops = [{"entity": c.entity, "id": c.id, "kind": c.kind, "fields": c.fields} for c in found]
    if case["form"] == "two":  # an id that is made anew cannot be compared
        assert evaluate(FORMS["two"], sent, ops=ops) == []


def test_metadata_is_of_the_beginning_and_end_of_the_end() -> None:
    draft = opened("two").answers(hidden=True)
    again = opened("two", META["reopened"], answers=draft)
    assert (again.value("/data/start"), again.value("/data/end")) == (META["expected"]["start"], "")
    answers = again.finalize().answers
    assert {name: answers[name] for name in META["expected"]} == META["expected"]
    assert evaluate(FORMS["two"], {"answers": answers, "ended": META["reopened"]}) == []
