"""Whole-value matching without backtracking, for patterns that could keep the built-in engine busy for ever.

Follows all possibilities at once over the parsed pattern: positions in the
text reachable after each part. Time grows with text length squared at worst.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from forms.expression.values import EvaluationError

# The built-in engine's own parser has no typed face.
constants: Any = import_module("re._constants")
parser: Any = import_module("re._parser")

MOST_STEPS = 200_000
_KNOWN = {constants.AT, constants.LITERAL, constants.NOT_LITERAL, constants.ANY, constants.IN}


def full_match(pattern: str, text: str) -> bool:
    """Raises EvaluationError for look-around and back references, and when it takes too long."""
    try:
        parts = parser.parse(pattern, re.ASCII)
    except re.error as error:
        raise EvaluationError("bad_regex", str(error)) from error
    _refuse_what_needs_backtracking(parts)
    return len(text) in _Matcher(text).sequence(parts, {0})


def _refuse_what_needs_backtracking(parts: Sequence[Any]) -> None:
    for operator, argument in parts:
        if operator in (constants.MAX_REPEAT, constants.MIN_REPEAT):
            _refuse_what_needs_backtracking(argument[2])
        elif operator is constants.SUBPATTERN:
            _refuse_what_needs_backtracking(argument[3])
        elif operator is constants.BRANCH:
            for branch in argument[1]:
                _refuse_what_needs_backtracking(branch)
        elif operator not in _KNOWN:
            raise EvaluationError("bad_regex", str(operator))


class _Matcher:
    def __init__(self, text: str) -> None:
        self.text = text
        self.steps = 0

    def sequence(self, parts: Sequence[Any], places: set[int]) -> set[int]:
        for operator, argument in parts:
            if not places:
                return places
            self.steps += len(places)
            if self.steps > MOST_STEPS:
                raise EvaluationError("too_many_steps", "regex")
            places = self.part(operator, argument, places)
        return places

    def part(self, operator: Any, argument: Any, places: set[int]) -> set[int]:
        if operator in (constants.MAX_REPEAT, constants.MIN_REPEAT):
            fewest, most, body = argument
            return self.repeat(fewest, most, body, places)
        if operator is constants.SUBPATTERN:
            return self.sequence(argument[3], places)
        if operator is constants.BRANCH:
            return set().union(*(self.sequence(branch, places) for branch in argument[1]))
        if operator is constants.AT:
            return {place for place in places if self.at(argument, place)}
        if operator in (constants.LITERAL, constants.NOT_LITERAL, constants.ANY, constants.IN):
            return {p + 1 for p in places if p < len(self.text) and _one(operator, argument, self.text[p])}
        raise EvaluationError("bad_regex", str(operator))

    def repeat(self, fewest: int, most: Any, body: Sequence[Any], places: set[int]) -> set[int]:
        for _ in range(fewest):
            places = self.sequence(body, places)
        reached = set(places)
        count = fewest
        while places and (most is constants.MAXREPEAT or count < most):
            places = self.sequence(body, places) - reached
            reached |= places
            count += 1
        return reached

    def at(self, where: Any, place: int) -> bool:
        if where in (constants.AT_BEGINNING, constants.AT_BEGINNING_STRING):
            return place == 0
        if where in (constants.AT_END, constants.AT_END_STRING):
            return place == len(self.text)
        before = place > 0 and (self.text[place - 1].isalnum() or self.text[place - 1] == "_")
        after = place < len(self.text) and (self.text[place].isalnum() or self.text[place] == "_")
        return (before != after) is (where is constants.AT_BOUNDARY)


def _one(operator: Any, argument: Any, character: str) -> bool:
    if operator is constants.ANY:
        return character != "\n"
    if operator is constants.LITERAL:
        return bool(ord(character) == argument)
    if operator is constants.NOT_LITERAL:
        return bool(ord(character) != argument)
    negated = bool(argument[0][0] is constants.NEGATE)
    held = any(_in_class(kind, content, character) for kind, content in argument[int(negated) :])
    return held is not negated


_CLASSES = {
    constants.CATEGORY_DIGIT: r"\d",
    constants.CATEGORY_NOT_DIGIT: r"\D",
    constants.CATEGORY_SPACE: r"\s",
    constants.CATEGORY_NOT_SPACE: r"\S",
    constants.CATEGORY_WORD: r"\w",
    constants.CATEGORY_NOT_WORD: r"\W",
}


def _in_class(operator: Any, argument: Any, character: str) -> bool:
    if operator is constants.RANGE:
        return bool(argument[0] <= ord(character) <= argument[1])
    if operator is constants.CATEGORY:
        return re.fullmatch(_CLASSES[argument], character, re.ASCII) is not None
    return bool(operator is constants.LITERAL and ord(character) == argument)
