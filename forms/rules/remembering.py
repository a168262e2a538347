"""Of a rule asked of a whole county: the part that a few fields decide, worked out once for the same values.

Most rules look at two or three coded fields of a person. A county has 400,000
people and a few hundred different answers to those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from forms.dependencies import trees_of
from forms.expression.evaluate import Context, Shape, compile_tree
from forms.expression.parse import Tree
from forms.expression.values import EvaluationError

Texts = Mapping[str, str]

MOST = 40_000
"""So many answers are remembered of each rule: more than there are birthdays of the living."""
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
    """A rule made ready. Answers hold for one set of limits, those of a dated rule for one day: whoever asks keeps them apart."""

    __slots__ = ("_above", "_first", "_more", "_own", "dated", "name")

    def __init__(self, name: str, when: Tree) -> None:
        self.name = name
        self.dated = any(part[:1] == ["fn"] and part[1] in _DATED for part in trees_of(when))
        parts = split(when)
        first = parts.pop(0) if parts[0].kind == 0 else None
        self._first = _test(first.tree) if first else None
        self._own, self._above, _people = _names(first)
        self._more = [_Part(place, part) for place, part in enumerate(parts)]

    def is_true(self, context: Context, own: Texts, above: Texts, people: Sequence[Texts], known: dict[Any, bool]) -> bool:
        """own, above: the texts of the node and of the household it is in; people: of everybody in it.

        One without an answer (a date that is none) is not true.
        """
        if self._first is not None:
            # Spelled out: of nearly all rules this is all.
            key = (*map(own.get, self._own), *map(above.get, self._above))
            answer = known.get(key)
            if answer is None:
                answer = _remembered(known, key, self._first, context)
            if not answer:
                return False
        return all(part.is_true(context, own, above, people, known) for part in self._more) if self._more else True


class _Part:
    """A later part of a rule, asked when those before it are true."""

    __slots__ = ("_above", "_own", "_people", "_place", "_steady", "_test")

    def __init__(self, place: int, part: Part) -> None:
        self._place, self._test, self._steady = place, _test(part.tree), part.fields is not None
        self._own, self._above, self._people = _names(part)

    def is_true(self, context: Context, own: Texts, above: Texts, people: Sequence[Texts], known: dict[Any, bool]) -> bool:
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


def _remembered(known: dict[Any, bool], key: Any, test: Callable[[Context], bool], context: Context) -> bool:
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
