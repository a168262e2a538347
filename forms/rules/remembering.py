"""Of a rule asked of a whole county: the part that a few fields decide, worked out once for the same values.

Most rules look at two or three coded fields of a person. A county has 400,000
people and a few hundred different answers to those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from forms.expression.evaluate import Context, Shape, compile_tree
from forms.expression.parse import Tree
from forms.expression.values import EvaluationError

Texts = Mapping[str, str]

MOST = 40_000
"""So many answers are remembered of each rule: more than there are birthdays of the living."""
_STEADY = frozenset({"selected", "not", "date", "today"})
"""Functions whose answer follows from their arguments and the day."""
_OPERATORS = frozenset({"and", "or", "=", "!=", "<", "<=", ">", ">=", "+", "-", "*", "div", "mod", "neg"})
_NO_FIELDS = frozenset({"member", "last"})
_ABOVE = ["parent", "*"]
_NOWHERE = Shape((), "/data")


class Asked:
    """A rule made ready. Answers hold for one day and one set of limits: whoever asks keeps them apart."""

    __slots__ = ("_above", "_first", "_own", "_rest", "name")

    def __init__(self, name: str, when: Tree) -> None:
        self.name = name
        first, rest, fields = split(when)
        self._first, self._rest = _test(first), _test(rest)
        self._own = tuple(sorted(name for above, name in fields if not above))
        self._above = tuple(sorted(name for above, name in fields if above))

    def is_true(self, context: Context, own: Texts, above: Texts, known: dict[Any, bool]) -> bool:
        """own, above: the texts of the node and of the household it is in. One without an answer (a date that is none) is not."""
        if self._first is not None:
            key = (*map(own.get, self._own), *map(above.get, self._above))
            answer = known.get(key)
            if answer is None:
                if len(known) >= MOST:
                    known.clear()
                answer = known[key] = _answer(self._first, context)
            if not answer or self._rest is None:
                return answer
        return self._rest is not None and _answer(self._rest, context)


def split(when: Tree) -> tuple[Tree | None, Tree | None, set[tuple[bool, str]]]:
    """(what fields decide, what has to be asked after it, those fields, of the household: True).

    Of ``a and b and c`` the parts in front: what comes after a false one is not asked.
    """
    parts, fields, steady = _conjuncts(when), set[tuple[bool, str]](), 0
    for part in parts:
        found = _fields(part)
        if found is None:
            break
        fields |= found
        steady += 1
    return _joined(parts[:steady]), _joined(parts[steady:]), fields


def _conjuncts(tree: Tree) -> list[Tree]:
    return [*_conjuncts(tree[1]), tree[2]] if isinstance(tree, list) and tree[0] == "and" else [tree]


def _joined(parts: list[Tree]) -> Tree | None:
    whole: Tree | None = None
    for part in parts:
        whole = part if whole is None else ["and", whole, part]
    return whole


def _fields(tree: Tree) -> set[tuple[bool, str]] | None:
    """The fields that decide it; None when something else does as well."""
    if not isinstance(tree, list):
        return set()
    if tree[0] == "path":
        return _field(tree[2:]) if tree[1] == "." else None
    if tree[0] == "fn" and tree[1] not in _STEADY:
        return None
    if tree[0] != "fn" and tree[0] not in _OPERATORS:
        return None
    gathered: set[tuple[bool, str]] = set()
    for part in tree[2:] if tree[0] == "fn" else tree[1:]:
        found = _fields(part)
        if found is None:
            return None
        gathered |= found
    return gathered


def _field(steps: list[Any]) -> set[tuple[bool, str]] | None:
    above = steps[:1] == [_ABOVE]
    steps = steps[1:] if above else steps
    if any(len(step) != 2 or step[0] != "child" for step in steps):
        return None
    names = [step[1] for step in steps]
    if names[:1] == ["limit"]:
        return set()  # the county's: the same for everybody who is asked
    return {(above, names[0])} if len(names) == 1 and names[0] not in _NO_FIELDS else None


def _test(tree: Tree | None) -> Callable[[Context], bool] | None:
    return None if tree is None else compile_tree(tree, _NOWHERE).boolean()


def _answer(test: Callable[[Context], bool], context: Context) -> bool:
    context.runtime.steps = 0
    try:
        return test(context)
    except EvaluationError:
        return False
