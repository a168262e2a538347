"""What an expression may cost: no pattern and no list keeps a server busy for ever."""

from __future__ import annotations

import pytest

from forms.cli import run_js
from forms.expression.functions import runs_away, shuffled
from forms.expression.linear_regex import full_match
from forms.expression.parse import ExpressionError, parse
from forms.vectors import prepare_expression, run_expression

EMPTY = {
    "form_id": "case", "version": "1", "root": "/data", "nodes": [], "lists": {}, "instances": {}, "entities": [], "order": [],
    "languages": ["default"], "default_language": "default", "title": {}, "instance_name": None,
}  # fmt: skip
NOW = "2026-11-24T10:00:00+08:00"


def value(expression: str, context: dict[str, object] | None = None) -> object:
    case = {"id": "x", "expr": expression, "context": context or {}}
    found = run_expression(prepare_expression(case, NOW))
    return found.get("value", found)


def test_a_pattern_with_nested_repeats_comes_to_an_end() -> None:
    assert value(f"regex('{'a' * 40}!', '(a+)+')") is False
    assert value(f"regex('{'a' * 40}', '(a+)+')") is True


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("(a|ab)*c", "aababc", True),
        ("^([A-Z][a-z]+ ?)+$", "Ann Bob", True),
        ("([^,]*,)*x", "a,b,x", True),
        ("([^,]*,)*x", "a,b,y", False),
        (r"(\d{3}-)*\d+", "123-456-7", True),
        (r"(\w+\s*)+", "a b  c", True),
        ("(a{2})+b?", "aaaab", True),
    ],
)
def test_the_patient_matcher_agrees(pattern: str, text: str, expected: bool) -> None:
    import re

    assert full_match(pattern, text) is expected
    assert (re.fullmatch(pattern, text, re.ASCII) is not None) is expected


def test_plain_patterns_use_the_quick_engine() -> None:
    assert not runs_away("^[0-9]{17}[0-9X]$", 9)
    assert runs_away("(a+)+", 9)


def test_scanning_a_list_against_itself_meets_the_step_limit() -> None:
    rows = [{"n": "1"}] * 1500
    assert value("count(/data/r[n = /data/r[n > 5]/n])", {"r": rows}) == {"id": "x", "error": "too_many_steps: 2000000"}


def test_deep_nesting_is_refused_and_long_chains_are_not() -> None:
    with pytest.raises(ExpressionError) as caught:
        parse("(" * 500 + "1" + ")" * 500, lambda name: None)
    assert caught.value.code == "too_deep"
    assert value(" + ".join(["1"] * 400)) == 400


@pytest.mark.parametrize(("seed", "expected"), [(42, "AFCBDE"), (11111111, "ACDBFE"), (0, "CBEAFD")])
def test_seeded_shuffle(seed: int, expected: str) -> None:
    assert "".join(shuffled("ABCDEF", seed, lambda: 0.5)) == expected


RUNAWAY = ("(a+)+", "(a|aa)+b", "(x+x+)+y", "(a*)*", r"(\w+\.)+\w+", ".*.*.*.*.*y", "^([a-z]+ ?)*[0-9]$", "([^,]*,){3}x")
TEXTS = ("", "aaa", "aab", "a.b.c", "1,2,3,x", "a" * 60, "x" * 4000, "a" * 60 + "!", "ab cd 1")


@pytest.mark.parametrize("pattern", RUNAWAY)
def test_no_pattern_keeps_an_engine_busy(pattern: str) -> None:
    """Without the matcher that does not backtrack this never ends; both engines answer alike."""
    trees = [["fn", "regex", text, pattern] for text in TEXTS]
    cases = [
        {"id": str(i), "definition": EMPTY, "answers": {}, "at": "/data", "tree": tree, "lang": None, "external": {},
         "now": None, "tz": "UTC"}
        for i, tree in enumerate(trees)
    ]  # fmt: skip
    in_python = [run_expression(case) for case in cases]
    assert [a.get("value", "error") for a in in_python] == [
        a.get("value", "error") for a in run_js("eval", cases)
    ]
