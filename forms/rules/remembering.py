"""Of a rule asked of a whole county: the part that a few fields decide, worked out once for the same values.

Most rules look at two or three coded fields of a person. A county has 400,000
people and a few hundred different answers to those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from forms.dependencies import trees_of
from forms.expression.evaluate import Context, Shape, compile_tree
from forms.expression.parse import Tree
from forms.expression.values import EvaluationError

Texts = Mapping[str, str]
Known = dict[Any, bool]

MOST = 40_000
"""So many answers are remembered of each rule: more than there are birthdays of the living."""
MOST_DAYS = 64
"""Phones without a network bring a month's visits together; hardly more days are asked of in turns."""
_STEADY = frozenset({"selected", "not", "date", "today", "count"})
"""Functions whose answer follows from their arguments and the day."""
_DATED = frozenset({"date", "today"})
_OPERATORS = frozenset({"and", "or", "=", "!=", "<", "<=", ">", ">=", "+", "-", "*", "div", "mod", "neg"})
_CODED = frozenset({"active", "relation", "sex", "labour", "work_area", "public_job"})
"""What may be asked of all people of a household: of a person's age, hardly two households are alike."""
_ABOVE = ["parent", "*"]
_NOWHERE = Shape((), "/data")

OWN, ABOVE, PEOPLE = "own", "above", "people"
Fields = set[tuple[str, str]]
"""(whose, name): of the node itself, of its household, of each person of it; '' for how many those are."""


class Part(NamedTuple):
    """Of a rule ``a and b and c`` some that stand together. fields: what decides them, None when something else does."""

    tree: Tree
    fields: Fields | None

    @property
    def kind(self) -> int:
        return 2 if self.fields is None else int(any(whose == PEOPLE for whose, _name in self.fields))


class Asked:
    """The rules over one sort of node, made ready. Their answers hold for one set of limits."""

    def __init__(self, rules: Iterable[tuple[str, Tree]]) -> None:
        made = [_Rule(name, when) for name, when in rules]
        self._own = sorted({name for rule in made for name in rule.own})
        self._above = sorted({name for rule in made for name in rule.above})
        self._rules = [(rule.name, self._picking(rule), rule.first, rule.more) for rule in made]
        self._dated = [rule.dated for rule in made]
        self._always: list[Known] = [{} for _ in made]
        self._on: dict[str, list[Known]] = {}

    def true_ones(self, context: Context, own: Texts, above: Texts, people: Sequence[Texts], today: str) -> list[str]:
        """Names of the rules that are true of the context's node, in their order.

        own, above: the texts of the node and of the household it is in; people: of everybody in it. A rule without an
        answer (a date that is none) is not true.
        """
        values = (*map(own.get, self._own), *map(above.get, self._above))
        found = []
        # Spelled out: nearly all of a county's checks come no further than the first part.
        for (name, pick, first, more), known in zip(self._rules, self._on.get(today) or self._begin(today), strict=True):
            if first is not None:
                key = pick(values)
                answer = known.get(key)
                if answer is None:
                    answer = _remembered(known, key, first, context)
                if not answer:
                    continue
            for part in more:
                if not part.is_true(context, own, above, people, known):
                    break
            else:
                found.append(name)
        return found

    def _picking(self, rule: _Rule) -> Callable[[Sequence[Any]], Any]:
        """Of all values those that decide a rule's first part."""
        places = [self._own.index(name) for name in rule.own]
        places += [len(self._own) + self._above.index(name) for name in rule.above]
        return itemgetter(*places) if places else lambda _values: ()

    def _begin(self, today: str) -> list[Known]:
        """What was answered on that day, by rule; of most rules that is what was answered on any."""
        if len(self._on) >= MOST_DAYS:
            self._on.clear()
        known = [{} if dated else always for dated, always in zip(self._dated, self._always, strict=True)]
        self._on[today] = known
        return known


class _Rule:
    """first: what a few fields decide, own ones and above ones; more: what is asked when that is true."""

    def __init__(self, name: str, when: Tree) -> None:
        self.name = name
        self.dated = any(part[:1] == ["fn"] and part[1] in _DATED for part in trees_of(when))
        parts = split(when)
        first = parts.pop(0) if parts[0].kind == 0 else None
        self.first = _test(first.tree) if first else None
        self.own, self.above, _people = _names(first)
        self.more = [_Part(place, part) for place, part in enumerate(parts)]


class _Part:
    """A later part of a rule, asked when those before it are true."""

    __slots__ = ("_above", "_own", "_people", "_place", "_steady", "_test")

    def __init__(self, place: int, part: Part) -> None:
        self._place, self._test, self._steady = place, _test(part.tree), part.fields is not None
        self._own, self._above, self._people = _names(part)

    def is_true(self, context: Context, own: Texts, above: Texts, people: Sequence[Texts], known: Known) -> bool:
        if not self._steady:
            return _answer(self._test, context)
        said = (*map(own.get, self._own), *map(above.get, self._above))
        # With its place, as the parts of a rule share what is remembered of it.
        key = (self._place, said, *[tuple(map(one.get, self._people)) for one in people])
        answer = known.get(key)
        return _remembered(known, key, self._test, context) if answer is None else answer


def _names(part: Part | None) -> tuple[tuple[str, ...], ...]:
    fields = (part.fields if part else None) or set()
    return tuple(tuple(sorted(name for whose, name in fields if whose == one and name)) for one in (OWN, ABOVE, PEOPLE))


def _remembered(known: Known, key: Any, test: Callable[[Context], bool], context: Context) -> bool:
    if len(known) >= MOST:
        known.clear()
    answer = known[key] = _answer(test, context)
    return answer


def _test(tree: Tree) -> Callable[[Context], bool]:
    return compile_tree(tree, _NOWHERE).boolean()


def split(when: Tree) -> list[Part]:
    """The parts of a rule in their order; neighbours that are decided alike are one, and what no fields decide comes last."""
    parts: list[Part] = []
    for tree in _conjuncts(when):
        part = Part(tree, _fields(tree))
        before = parts[-1] if parts else None
        if before is not None and before.kind == 2:
            parts[-1] = Part(["and", before.tree, tree], None)
        elif before is not None and before.kind == part.kind:
            parts[-1] = Part(["and", before.tree, tree], (before.fields or set()) | (part.fields or set()))
        else:
            parts.append(part)
    return parts


def _conjuncts(tree: Tree) -> list[Tree]:
    return [*_conjuncts(tree[1]), tree[2]] if isinstance(tree, list) and tree[0] == "and" else [tree]


def _fields(tree: Tree) -> Fields | None:
    """The fields that decide it; None when something else does as well."""
    if not isinstance(tree, list):
        return set()
    if tree[0] == "path":
        return _field(tree[2:]) if tree[1] == "." else None
    if tree[0] == "fn" and tree[1] not in _STEADY:
        return None
    if tree[0] != "fn" and tree[0] not in _OPERATORS:
        return None
    return _all_of(tree[2:] if tree[0] == "fn" else tree[1:])


def _all_of(trees: Sequence[Tree]) -> Fields | None:
    gathered: Fields = set()
    for tree in trees:
        found = _fields(tree)
        if found is None:
            return None
        gathered |= found
    return gathered


def _field(steps: list[Any]) -> Fields | None:
    above = steps[:1] == [_ABOVE]
    steps = steps[1:] if above else steps
    if steps and steps[0][:2] == ["child", "member"]:
        return _of_people(steps[0][2:], steps[1:])
    if any(len(step) != 2 or step[0] != "child" for step in steps):
        return None
    names = [step[1] for step in steps]
    if names[:1] == ["limit"]:
        return set()  # the county's: the same for everybody who is asked
    return {(ABOVE if above else OWN, names[0])} if len(names) == 1 and names[0] != "last" else None


def _of_people(which: Sequence[Tree], steps: list[Any]) -> Fields | None:
    """What decides a path to the people of a household for whom all of which is true, or to one field of theirs."""
    found = _all_of([*which, *(["path", ".", step] for step in steps)])
    if found is None or len(steps) > 1 or any(whose != OWN or name not in _CODED for whose, name in found):
        return None
    return {(PEOPLE, ""), *((PEOPLE, name) for _own, name in found)}


def _answer(test: Callable[[Context], bool], context: Context) -> bool:
    context.runtime.steps = 0
    try:
        return test(context)
    except EvaluationError:
        return False
