"""rules.md to compiled rules, and compiled rules to the JSON that phones keep."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from forms.expression.parse import ExpressionError, Tree, parse
from forms.register import field_of

FILE = Path(__file__).parent / "rules.md"
BLOCK, QUERY, FLAG = "block", "query", "flag"
SEVERITIES = (BLOCK, QUERY, FLAG)
SCOPES = ("household", "member", "visit")


class RuleError(ValueError):
    """A row of the table that cannot be used; says which and why."""


@dataclass(frozen=True)
class Rule:
    """over: whom ``when`` is asked of. fields: of the register, what a person has to look at."""

    name: str
    over: str
    severity: str
    when: Tree
    fields: tuple[str, ...]
    message: Mapping[str, str]
    todo: Mapping[str, str]
    source: str
    text: str = ""


@dataclass(frozen=True)
class Limit:
    """An amount that rules compare with; the county sets its own."""

    name: str
    amount: str
    label: Mapping[str, str]
    unit: str


@dataclass(frozen=True)
class RuleSet:
    """Rules in the order of the table, by name; limits by name. hash names the content."""

    rules: Mapping[str, Rule]
    limits: Mapping[str, Limit]
    hash: str

    def over(self, scope: str) -> list[Rule]:
        return [rule for rule in self.rules.values() if rule.over == scope]


@lru_cache(maxsize=1)
def shipped() -> RuleSet:
    """The rules that come with the program."""
    return read_rules(FILE.read_text("utf-8"))


def read_rules(text: str) -> RuleSet:
    """Raises RuleError naming the rule and the column."""
    tables = dict(_tables(text))
    limits = {row["name"]: Limit(row["name"], row["amount"], _two(row, "label"), row["unit"]) for row in tables["limits"]}
    rules: dict[str, Rule] = {}
    for row in tables["rules"]:
        rule = _rule(row, limits)
        if rule.name in rules:
            raise RuleError(f"{rule.name}: name: used twice")
        rules[rule.name] = rule
    told = json.dumps([to_wire(rule) for rule in rules.values()], ensure_ascii=False, sort_keys=True)
    return RuleSet(rules, limits, hashlib.sha256(told.encode()).hexdigest())


def to_wire(rule: Rule) -> dict[str, Any]:
    """A rule as the phone keeps it."""
    return {"name": rule.name, "over": rule.over, "severity": rule.severity, "when": rule.when,
            "fields": list(rule.fields), "message": dict(rule.message), "todo": dict(rule.todo)}  # fmt: skip


def rules_to_wire(found: RuleSet) -> dict[str, Any]:
    """All of it: {rules, limits: {name: amount}, hash}."""
    return {"rules": [to_wire(rule) for rule in found.rules.values()],
            "limits": {limit.name: limit.amount for limit in found.limits.values()}, "hash": found.hash}  # fmt: skip


def _rule(row: Mapping[str, str], limits: Mapping[str, Limit]) -> Rule:
    name = row["name"]
    if row["severity"] not in SEVERITIES:
        raise RuleError(f"{name}: severity: {row['severity']!r} is none of {', '.join(SEVERITIES)}")
    if row["over"] not in SCOPES:
        raise RuleError(f"{name}: over: {row['over']!r} is none of {', '.join(SCOPES)}")
    try:
        tree = parse(row["when"], lambda _name: None)
    except ExpressionError as error:
        raise RuleError(f"{name}: when: {error}") from error
    for limit in _limits_in(tree):
        if limit not in limits:
            raise RuleError(f"{name}: when: no limit called {limit}")
    fields = tuple(row["fields"].split())
    for field in fields:
        if not field_of("member", field) and not field_of("household", field):
            raise RuleError(f"{name}: fields: the register has no {field}")
    return Rule(name, row["over"], row["severity"], tree, fields, _two(row, "message"), _two(row, "todo"),
                row["source"], row["when"])  # fmt: skip


def _limits_in(tree: Tree) -> Iterator[str]:
    """Names in ``limit/name`` steps."""
    if not isinstance(tree, list):
        return
    steps = [step for step in tree if isinstance(step, list) and step and step[0] == "child"]
    for step, following in itertools.pairwise(steps):
        if step[1] == "limit":
            yield following[1]
    for part in tree:
        yield from _limits_in(part)


def _two(row: Mapping[str, str], name: str) -> dict[str, str]:
    return {lang: row[f"{name}_{lang}"] for lang in ("zh", "en")}


def _tables(text: str) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """(heading, rows) of every table below a second-level heading."""
    for section in text.split("\n## ")[1:]:
        heading, *lines = section.splitlines()
        cells = [_cells(line) for line in lines if line.startswith("|")]
        if cells:
            head, _dashes, *rows = cells
            for row in rows:
                if len(row) != len(head):
                    raise RuleError(f"{row[0]}: {len(row)} cells instead of {len(head)}")
            yield heading.strip(), [dict(zip(head, row, strict=True)) for row in rows]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
