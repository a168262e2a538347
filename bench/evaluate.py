"""What it costs the server to look at a submission again: CPU per submission, best and median of several rounds.

    python3 run.py bench evaluate

Two forms: the shipped visit with four members, and a made one of 500
questions with 200 calculations and 100 constraints. The goal for a
60-question submission is 1 ms; the figure is also given per 60 answers.
"""

from __future__ import annotations

import statistics
import time
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from forms.compile import compile_rows
from forms.definition import Form
from forms.instance import Instance
from forms.library import load_library
from forms.review import evaluate

ROUNDS, EACH = 15, 20
NOW = datetime.fromisoformat("2026-11-24T20:15:03.123+08:00")
ENDED = "2026-11-24T20:40:00.000+08:00"


def visit() -> tuple[Form, dict[str, Any], dict[str, Any]]:
    """The shipped visit, four members, as a phone would send it."""
    form = load_library(Path(__file__).parent.parent / "forms" / "library").forms["visit"]
    members = [
        {"name": f"m{i}", "household_id": "h1", "full_name": f"人{i}", "relation": "01", "sex": "1",
         "birth_date": f"19{60 + i}-01-01", "state": "active"}
        for i in range(4)
    ]  # fmt: skip
    lists = {"household": [{"name": "h1", "label": "甲", "head_name": "甲", "water_source": "piped"}], "member": members}
    ids = count(1)
    filled = Instance(form, now=NOW, external=lists, prefill={"household_id": "h1"}, ids=lambda: f"id-{next(ids)}")
    for node in list(filled.questions()):
        if node.relevant and not node.text and node.definition["type"] in ("integer", "select_one"):
            choices = filled.choices(filled.path_of(node))
            filled.set_value(filled.path_of(node), choices[0].name if choices else "0")
    for node in list(filled.questions()):
        if node.relevant and node.required and not node.text:
            filled.set_value(filled.path_of(node), "屋顶漏雨")
    finished = filled.finalize()
    assert finished.valid, finished.violations
    return form, {"answers": finished.answers, "ended": ENDED}, lists


def large() -> tuple[Form, dict[str, Any], dict[str, Any]]:
    """500 questions: 200 calculations over 300 numbers, a constraint on every third."""
    survey: list[dict[str, str]] = [
        {"type": "integer", "name": f"n{i}", "label": f"n{i}"} | ({"constraint": ". >= 0"} if i % 3 == 0 else {})
        for i in range(300)
    ]
    survey += [
        {
            "type": "calculate",
            "name": f"c{i}",
            "calculation": f"${{n{i}}} + ${{n{i + 1}}} * 2" + (f" + ${{c{i - 1}}}" if i % 4 else ""),
        }
        for i in range(200)
    ]
    form = compile_rows({"survey": survey, "settings": [{"form_id": "large", "version": "1"}]})
    filled = Instance(form, now=NOW, ids=lambda: "x")
    for i in range(300):
        filled.set_value(f"/data/n{i}", str(i))
    return form, {"answers": filled.finalize().answers, "ended": ENDED}, {}


def answers_in(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(answers_in, value.values()))
    return sum(map(answers_in, value)) if isinstance(value, list) else 1


def measure(name: str, form: Form, submission: dict[str, Any], lists: dict[str, Any]) -> None:
    problems = evaluate(form, submission, external=lists)
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        for _ in range(EACH):
            evaluate(form, submission, external=lists)
        times.append((time.process_time() - started) / EACH * 1000)
    size = answers_in(submission["answers"])
    best, middle = min(times), statistics.median(times)
    print(
        f"{name}: {size} answers, {len(problems)} problems; best {best:.2f} ms, median {middle:.2f} ms, "
        f"{best * 60 / size:.2f} ms per 60 answers"
    )


def main() -> None:
    measure("visit, 4 members", *visit())
    measure("500 questions", *large())


if __name__ == "__main__":
    main()
