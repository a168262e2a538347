"""Asking rules of one household, or of one visit. Pure; ``static/js/core/rules.js`` asks the same way."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from forms.expression.evaluate import Context, Runtime
from forms.rules.facts import members_facts
from forms.rules.reading import RuleSet
from forms.rules.remembering import Asked


@dataclass(frozen=True)
class Finding:
    """A rule that is true of a household ('' as member) or of one of its members."""

    rule: str
    member: str = ""


class Thing:
    """A node that rules see: a text, or children by name, made when they are first asked for."""

    __slots__ = ("_kids", "_texts", "name", "parent", "position", "value")
    relevant = True

    def __init__(self, name: str, parent: Thing | None, value: str = "", position: int = 1) -> None:
        self.name, self.parent, self.value, self.position = name, parent, value, position
        self._texts: Mapping[str, str] = {}
        self._kids: dict[str, Sequence[Thing]] = {}

    def fill(self, texts: Mapping[str, str]) -> Thing:
        """Children are these texts; one that is not there reads as ''."""
        self._texts = texts
        return self

    def put(self, name: str, kids: Sequence[Thing]) -> None:
        self._kids[name] = kids

    def named(self, name: str) -> Sequence[Thing]:
        kids = self._kids.get(name)
        if kids is None:
            kids = self._kids[name] = (Thing(name, self, self._texts.get(name) or ""),)
        return kids

    def all(self) -> Sequence[Thing]:
        """Only what has been asked for by name: rules do not ask for ``*``."""
        return [kid for kids in self._kids.values() for kid in kids]


class Checks:
    """A rule set made ready to be asked many times. limits: amounts of the county by name; off: rules it does not use."""

    def __init__(self, rules: RuleSet, *, limits: Mapping[str, str] | None = None, off: Collection[str] = ()) -> None:
        amounts = {name: limit.amount for name, limit in rules.limits.items()} | dict(limits or {})
        self._limits = amounts
        self._household, self._member, self._visit = (
            Asked((rule.name, rule.when) for rule in rules.over(scope) if rule.name not in off)
            for scope in ("household", "member", "visit")
        )

    def household(
        self,
        household: Mapping[str, str],
        members: Sequence[Mapping[str, str]],
        *,
        now: datetime,
        last: Mapping[str, str] | None = None,
    ) -> list[Finding]:
        """What is true of a household and its members (every one ever listed, each with ``id``), household first."""
        today = now.date().isoformat()
        root = Thing("data", None).fill(household)
        texts = [{**member, **facts} for member, facts in zip(members, members_facts(members, today), strict=True)]
        people = [Thing("member", root, position=place).fill(text) for place, text in enumerate(texts, 1)]
        root.put("member", people)
        self._beside(root, last or {})
        runtime = _runtime(root, now)
        names = self._household.true_ones(Context(runtime, root, root), household, {}, texts, today)
        found = [Finding(name) for name in names]
        for text, person in zip(texts, people, strict=True):
            names = self._member.true_ones(Context(runtime, person, person), text, household, texts, today)
            found += [Finding(name, text["id"]) for name in names]
        return found

    def visit(self, facts: Mapping[str, str], *, now: datetime) -> list[Finding]:
        """What is true of how a visit was made; facts: those that rules.md names."""
        root = Thing("data", None).fill(facts)
        self._beside(root, {})
        context = Context(_runtime(root, now), root, root)
        return [Finding(name) for name in self._visit.true_ones(context, facts, {}, (), now.date().isoformat())]

    def _beside(self, root: Thing, last: Mapping[str, str]) -> None:
        root.put("last", (Thing("last", root).fill(last),))
        root.put("limit", (Thing("limit", root).fill(self._limits),))


def _runtime(root: Thing, now: datetime) -> Runtime:
    return Runtime(root=root, single={}, external=lambda _name: None, now=now, random=lambda: 0.0,
                   uuid=lambda: "", labels=_NO_LABELS)  # fmt: skip


class _NoLabels:
    version = ""

    def choice_label(self, path: str, value: str, lang: str | None) -> str:
        return value


_NO_LABELS = _NoLabels()
