"""Every case of the form engine's vectors, in Python and (where Node is there) in JavaScript.

Undisputed cases must come out as expected. A disputed one may match any of the
engines named in it; which was chosen is written in docs/form-language.md.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from forms.cli import run_js
from forms.vectors import prepare_expression, prepare_scenario, run_expression, run_scenario

VECTORS = Path(__file__).parent / "vectors"
NOW = "2026-11-24T10:00:00+08:00"


def cases(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (VECTORS / name).read_text("utf-8").splitlines()]


EXPRESSIONS = cases("expressions.jsonl") + cases("more-expressions.jsonl")
SCENARIOS = cases("scenarios.jsonl") + cases("more-scenarios.jsonl")


def as_number(value: Any) -> float | None:
    if isinstance(value, bool):
        return float(value)
    try:
        return float(str(value).replace("Infinity", "inf"))
    except ValueError:
        return None


def same(got: dict[str, Any], expected: Any, kind: str, tolerance: float | None) -> bool:
    if kind == "error" or (isinstance(expected, dict) and expected.get("error")):
        return "error" in got if expected is None or isinstance(expected, dict) else not_an_error(got, expected)
    if "error" in got:
        return False
    if kind == "number":
        return same_number(got["value"], expected, tolerance)
    if kind == "boolean":
        return got["value"] is expected
    return str(got["value"]) == str(expected)


def not_an_error(got: dict[str, Any], expected: Any) -> bool:
    return "error" not in got and (str(got["value"]) == str(expected) or same_number(got["value"], expected, None))


def same_number(got: Any, expected: Any, tolerance: float | None) -> bool:
    a, b = as_number(got), as_number(expected)
    if a is None or b is None:
        return got == expected
    if a != a or b != b:
        return a != a and b != b
    return a == b or abs(a - b) <= (tolerance or 1e-9 * max(abs(a), abs(b)))


def judge(case: dict[str, Any], got: dict[str, Any]) -> None:
    kind, tolerance = case["expected_type"], case.get("tolerance")
    if same(got, case["expected"], kind, tolerance):
        return
    assert case.get("disputed"), (case["expr"], case["expected"], got)
    assert any(same(got, value, kind, tolerance) for value in case["values"].values()), (case["expr"], case["values"], got)


@pytest.mark.parametrize("case", EXPRESSIONS, ids=[case["id"] for case in EXPRESSIONS])
def test_expression(case: dict[str, Any]) -> None:
    judge(case, run_expression(prepare_expression(case, NOW)))


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node")
def test_expressions_in_javascript() -> None:
    answers = run_js("eval", [prepare_expression(case, NOW) for case in EXPRESSIONS])
    assert len(answers) == len(EXPRESSIONS)
    for case, got in zip(EXPRESSIONS, answers, strict=True):
        judge(case, got)


def short(path: str) -> str:
    return path.replace("[1]", "")


def judge_step(step: dict[str, Any], got: dict[str, Any]) -> None:
    if "result" in step:
        assert got["result"] == step["result"]
    for what, expected in step.get("expect", {}).items():
        if what == "form_valid":
            assert got[what] == expected
        elif what == "submission":
            came = {short(path): text for path, text in got["submission"].items()}
            assert {short(path): came.get(short(path)) for path in expected} == {
                short(path): text for path, text in expected.items()
            }
        elif what == "submission_absent":
            for path in expected:
                absent = short(path)
                assert not any(p == absent or p.startswith((absent + "/", absent + "[")) for p in map(short, got["submission"]))
        else:
            stripped = {p: v.strip() if isinstance(v, str) else v for p, v in got[what].items()}
            assert {path: stripped.get(path) for path in expected} == expected


def judge_scenario(case: dict[str, Any], got: dict[str, Any]) -> None:
    if case.get("expected_load"):
        assert "load_error" in got
        return
    assert "load_error" not in got, got
    for step, found in zip(case["steps"], got["steps"], strict=True):
        judge_step(step, found)


@pytest.mark.parametrize("case", SCENARIOS, ids=[case["id"] for case in SCENARIOS])
def test_scenario(case: dict[str, Any]) -> None:
    judge_scenario(case, run_scenario(prepare_scenario(case, NOW)))


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node")
def test_scenarios_in_javascript() -> None:
    answers = run_js("play", [prepare_scenario(case, NOW) for case in SCENARIOS])
    for case, got in zip(SCENARIOS, answers, strict=True):
        judge_scenario(case, got)
