"""Forms and action sequences made at random, played in Python and in JavaScript, compared step by step.

    python3 run.py form differ --examples 20000

A difference is shown as the smallest form and the shortest sequence that
Hypothesis finds for it, as one line for ``tests/vectors/more-scenarios.jsonl``.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from forms.cli import CORE_CLI
from forms.vectors import prepare_scenario, run_scenario

NOW = "2024-06-15T10:30:00+08:00"
TEXTS = (
    "", "0", "1", "2", "3", "-3", "2.5", "1e3", "abc", "a b", "a", "b", "c", "🎃x", "田大山", " 5 ", "007", "true",
    "10:30", "10:30:00.000+08:00", "2024-02-29", "2023-02-29", "2024-01-02T10:00:00.000+08:00", "1990-06-15",
    "12345678901", "30.5 110.2 0 0", "0 0 0 0", "\u00a0x", "x\ny", "OK", "z z",
)  # fmt: skip
TYPES = (
    "text", "integer", "decimal", "date", "select_one s", "select_multiple s", "calculate", "note", "time",
    "dateTime", "geopoint", "select_one f", "rank s", "hidden",
)  # fmt: skip
CHOICES = [
    {"list_name": "s", "name": "a", "label": "A", "k": "1"},
    {"list_name": "s", "name": "b", "label": "B", "k": "2"},
    {"list_name": "s", "name": "c", "label": "C", "k": "1"},
    {"list_name": "f", "name": "x", "label": "X", "k": "a"},
    {"list_name": "f", "name": "y", "label": "Y", "k": "b"},
    {"list_name": "f", "name": "z", "label": "Z", "k": "b"},
]
VALUES = (
    "{a} + 1", "{a} * {b}", "{a} - {b}", "{a} div {b}", "{a} mod 3", "sum({a})", "max({a})", "min({a}, {b})",
    "count({a})", "count-non-empty({a})", "int({a} div 3)", "round({a}, 1)", "position(..)", "string-length({a})",
    "count-selected({a})", "decimal-date-time({a})", "today() - {a}", "if({c}, {a}, {b})", "coalesce({a}, {b})",
    "once({a})", "concat({a}, '-', {b})", "substr({a}, 0, 1)", "substr({a}, 1)", "join(',', {a})",
    "translate({a}, 'ab', 'b')", "format-date({a}, '%Y-%m-%e')", "selected-at({a}, 0)", "date({a} + 1)",
    "date-time({a})", "normalize-space({a})", "decimal-time({a})", "format-date-time({a}, '%H:%M')",
    "indexed-repeat({x}, {r}, {i})", "count({r})", "sum({x})", "join('|', {x})", "{x}", "max({x}) - min({x})",
    "number({a})", "string({a})", "{c}", "{a} = {b}", "pow({a}, 2)", "substring-before({a}, 'b')",
    "jr:choice-name({a}, '{a}')", "string-length(translate({a}, 'x', ''))", "digest({a}, 'MD5', 'hex')",
    "area({a})", "join('', randomize({x}, 42))", "-{a}", "{a} | {b}", "count({x}[. != ''])", "'k'", "7", "now()",
    "instance('s')/root/item[k = {a}]/label", "instance('f')/root/item[name = {a}]/k", "version()", "name(..)",
    "../..", "count(../*)", "current()/../{n}", "position({x})", "sum(/data//{n})", "string(/data/{n})",
)  # fmt: skip
TESTS = (
    "{a} > 1", "{a} = 'a'", "{a} != ''", "selected({a}, 'b')", "not({a})", "{a} and {b}", "{a} or {b}",
    "regex({a}, '[a-z]+')", "contains({a}, 'a')", "position(..) mod 2 = 1", "{a} < today()", "{a} = {b}",
    "{a} >= {b}", "count({x}) > 1", "sum({x}) < 3", "string-length({a}) < 3", "true()", "false()", "{a}", "{r}",
    "boolean-from-string({a})", "checklist(1, 2, {a}, {b})", "{x} = 'a'", "{x} != 1", "regex({a}, '(a+)+b?')",
)  # fmt: skip
OWN = (". > 1", ". != {a}", "string-length(.) < 4", "regex(., '[0-9]+')", ". <= today()", "not(. = 'b')")


class Sheet:
    """One survey in the making."""

    def __init__(self, draw: Callable[..., Any]) -> None:
        self.draw = draw
        self.rows: list[dict[str, str]] = []
        self.questions: list[tuple[str, ...]] = []
        self.repeats: list[tuple[str, ...]] = []
        self.count = 0

    def one(self, *of: Any) -> Any:
        return self.draw(st.sampled_from(of))

    def chance(self, percent: int) -> bool:
        return bool(self.draw(st.integers(0, 99)) < percent)

    def name(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def expression(self, patterns: tuple[str, ...], depth: int = 0) -> str:
        pattern = self.one(*patterns)
        names = [path[-1] for path in self.questions] or [""]
        inside = [path[-1] for path in self.questions if any(path[: len(r)] == r for r in self.repeats)] or names
        repeats = [path[-1] for path in self.repeats] or names
        ref = "${%s}"
        filled = {
            "a": ref % self.one(*names), "b": ref % self.one(*names), "x": ref % self.one(*inside),
            "r": ref % self.one(*repeats), "i": self.one("1", "2", "0", ref % self.one(*names)), "n": self.one(*names),
            "c": "",
        }  # fmt: skip
        if "{c}" in pattern:
            filled["c"] = self.expression(TESTS, depth + 1) if depth < 2 else "true()"
        for key, text in filled.items():
            pattern = pattern.replace(f"{{{key}}}", text)
        return pattern if "${}" not in pattern else "1"

    def fill(self, above: tuple[str, ...], depth: int) -> None:
        for _ in range(self.draw(st.integers(1, 4) if depth else st.integers(3, 9))):
            what = self.draw(st.integers(0, 9))
            if what < 7 or depth > 2:
                self.question(above)
            else:
                self.block("group" if what == 7 else "repeat", above, depth)

    def block(self, kind: str, above: tuple[str, ...], depth: int) -> None:
        name = self.name(kind[0])
        row = {"type": f"begin {kind}", "name": name, "label": name}
        if self.chance(30):
            row["relevant"] = self.expression(TESTS)
        if self.chance(10):
            row["read_only"] = self.expression(TESTS)
        if kind == "repeat":
            if self.chance(40):
                row["repeat_count"] = self.expression(("{a}", "2", "count({x})", "count({r})", "string-length({a})"))
            self.repeats.append((*above, name))
        self.rows.append(row)
        self.fill((*above, name), depth + 1)
        self.rows.append({"type": f"end {kind}"})

    def question(self, above: tuple[str, ...]) -> None:
        kind, name = self.one(*TYPES), self.name("q")
        row = {"type": kind, "name": name, "label": name}
        known = bool(self.questions)
        if kind == "calculate" or (self.chance(15) and kind != "note"):
            row["calculation"] = self.expression(VALUES)
            if known and self.chance(25):
                row["trigger"] = f"${{{self.one(*(path[-1] for path in self.questions))}}}"
        if self.chance(20):
            row["relevant"] = self.expression(TESTS)
        if kind not in ("calculate", "hidden"):
            if self.chance(15):
                row["required"] = self.one("yes", self.expression(TESTS))
            if self.chance(20):
                row["constraint"] = self.expression(OWN)
                row["constraint_message"] = f"no ${{{self.one(*(p[-1] for p in self.questions))}}}" if known else "no"
            if self.chance(10):
                row["read_only"] = self.one("yes", self.expression(TESTS))
            if self.chance(20) and known:
                row["label"] = f"L ${{{self.one(*(path[-1] for path in self.questions))}}}"
        if self.chance(25):
            row["default"] = self.one("1", "a", "2", "2024-02-29", self.expression(VALUES))
        if kind.endswith(" f") and self.chance(70) and known:
            row["choice_filter"] = self.expression(("k = {a}", "k != {a} and name != 'z'", "selected({a}, k)"))
        if kind.endswith(" s") and self.chance(20):
            row["parameters"] = "randomize=true, seed=42"
        self.rows.append(row)
        self.questions.append((*above, name))


@st.composite
def played(draw: Callable[..., Any]) -> dict[str, Any]:
    """A scenario with no expectations: every step is followed by a look at everything."""
    sheet = Sheet(draw)
    sheet.fill((), 0)
    steps: list[dict[str, Any]] = [{"do": "look"}]

    def place(path: tuple[str, ...]) -> str:
        text = "/data"
        for i, name in enumerate(path):
            text += f"/{name}"
            if path[: i + 1] in sheet.repeats and draw(st.integers(0, 3)):
                text += f"[{draw(st.integers(1, 3))}]"
        return text

    for _ in range(draw(st.integers(3, 14))):
        action = draw(st.integers(0, 9))
        if action < 6 or not sheet.repeats:
            if sheet.questions:
                path = place(sheet.one(*sheet.questions))
                steps.append({"do": "set", "path": path, "value": sheet.one(*TEXTS)})
        elif action < 8:
            steps.append({"do": "add_repeat", "path": place(sheet.one(*sheet.repeats))})
        elif action < 9:
            steps.append({"do": "remove_repeat", "path": place(sheet.one(*sheet.repeats))})
        else:
            steps.append({"do": "finalize"})
        steps.append({"do": "look"})
    steps.append({"do": "finalize"})
    return {
        "id": "differ",
        "form": {"survey": sheet.rows, "choices": CHOICES, "settings": [{"form_id": "scn", "version": "1"}]},
        "steps": steps, "now": NOW, "tz": draw(st.sampled_from(["Asia/Shanghai", "UTC", "America/New_York"])),
    }  # fmt: skip


class Phone:
    """One long-lived Node with the phone's engine: a line in, a line out."""

    def __init__(self) -> None:
        node = shutil.which("node")
        assert node is not None
        self.process = subprocess.Popen(
            [node, str(CORE_CLI), "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def play(self, prepared: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(prepared) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def __enter__(self) -> Phone:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


def differences(python: dict[str, Any], phone: dict[str, Any]) -> list[str]:
    if "load_error" in python or "load_error" in phone:
        return [] if ("load_error" in python) == ("load_error" in phone) else [f"load: {python} {phone}"[:2000]]
    found = []
    for number, (one, other) in enumerate(zip(python["steps"], phone["steps"], strict=True)):
        for key in sorted(set(one) | set(other)):
            a, b = one.get(key), other.get(key)
            if isinstance(a, dict) and isinstance(b, dict):
                found += [
                    f"step {number} {key} {at}: Python {a.get(at)!r}, phone {b.get(at)!r}"
                    for at in sorted(set(a) | set(b))
                    if a.get(at) != b.get(at)
                ]
            elif a != b:
                found.append(f"step {number} {key}: Python {a!r}, phone {b!r}")
    return found


def hold_against_each_other(examples: int, phone: Phone, *, derandomize: bool = False) -> int:
    """How many of the examples were forms that load. Raises AssertionError with the smallest difference."""
    loaded = 0

    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=derandomize, print_blob=False,
        phases=[Phase.generate, Phase.shrink], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(played())
    def compare(case: dict[str, Any]) -> None:
        nonlocal loaded
        prepared = prepare_scenario(case, NOW)
        if "error" in prepared:
            return
        loaded += 1
        found = differences(run_scenario(prepared), phone.play(prepared))
        assert not found, "\n".join([*found[:12], json.dumps(case, ensure_ascii=False)])

    compare()
    return loaded


def main(examples: int) -> None:
    loaded = made = 0
    with Phone() as phone:
        while made < examples:
            portion = min(200, examples - made)
            loaded += hold_against_each_other(portion, phone)
            made += portion
            print(f"{made} forms made, {loaded} loaded and played alike · 两个引擎结果一致", flush=True)
