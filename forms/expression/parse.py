"""Expression text to tree.

The tree is plain JSON, so that the evaluators in Python and JavaScript walk
the same thing and nobody parses twice:

* a whole number or a string stands for itself; ``0.3`` is ``["fn", "number", "0.3"]``
* ``[op, a, b]`` with op one of ``or and = != < <= > >= + - * div mod |``
* ``["neg", a]``
* ``["fn", name, arg…]``
* ``["ref", "/data/member/name"]`` for ``${name}``: the absolute path; every
  repeat on it that also holds the evaluated node means the same instance
* ``["path", start, step…]``: start is ``"/"``, ``"."`` (context node) or a
  tree; a step is ``[axis, name or "*", predicate…]``, axis child, parent, self,
  or descendant (``//x``; any depth below, document order)
* ``["filter", tree, predicate…]``

Source of the grammar: XPath 1.0 §3, ODK XForms specification; limits of our own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

Tree = Any
"""JSON: number, string or list as described above."""

MAX_LENGTH = 50_000
MAX_DEPTH = 150
"""Nesting of brackets and calls; a chain like ``a + b + c`` does not count."""

PRECEDENCE = {
    "or": 1,
    "and": 2,
    "=": 3,
    "!=": 3,
    "<": 4,
    "<=": 4,
    ">": 4,
    ">=": 4,
    "+": 5,
    "-": 5,
    "*": 6,
    "div": 6,
    "mod": 6,
    "|": 8,
}
UNARY = 7

AXES = {"child", "parent", "self"}
KNOWN_AXES = AXES | {
    "ancestor",
    "ancestor-or-self",
    "attribute",
    "descendant",
    "descendant-or-self",
    "following",
    "following-sibling",
    "namespace",
    "preceding",
    "preceding-sibling",
}

_SPACE = re.compile(r"[ \t\r\n]+")
_NUMBER = re.compile(r"\d+(?:\.\d*)?|\.\d+")
_NAME_PATTERN = r"[^\W\d][\w.\-\u00b7]*"
_NAME = re.compile(rf"{_NAME_PATTERN}(?::(?!:){_NAME_PATTERN})?")
_REFERENCE = re.compile(rf"\$\{{(last-saved#)?({_NAME_PATTERN}(?::{_NAME_PATTERN})?)\}}")
_OPERATOR_NAME = re.compile(r"(?:and|or|div|mod)(?![^\W\d]|[.\-])")
_OPERATOR = re.compile(r"!=|<=|>=|[=<>+\-*|]")


class ExpressionError(ValueError):
    """An expression that cannot be read, or names something that is not there.

    code: stable, for the catalogue of problems. position: 0-based offset of the
    place in the text. detail: the name, character or number at fault.
    """

    def __init__(self, code: str, position: int, detail: str = "") -> None:
        super().__init__(f"{code} at {position}: {detail}" if detail else f"{code} at {position}")
        self.code = code
        self.position = position
        self.detail = detail


Resolve = Callable[[str], str | None]
"""Question name to absolute path, None when there is no such name."""


def parse(text: str, resolve: Resolve) -> Tree:
    """The tree of an expression.

    Raises ExpressionError with the place of the first mistake: ``syntax``,
    ``unclosed`` (bracket or quote), ``unknown_name``, ``axis``, ``too_long``,
    ``too_deep``, ``empty``.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError("too_long", MAX_LENGTH, str(len(text)))
    parser = _Parser(text, resolve)
    if parser.at_end():
        raise ExpressionError("empty", 0)
    tree = parser.expression(0)
    if not parser.at_end():
        parser.fail()
    return tree


class _Parser:
    """Recursive descent over the characters; whether ``*`` or ``and`` is an operator depends on the place."""

    def __init__(self, text: str, resolve: Resolve) -> None:
        self.text = text
        self.resolve = resolve
        self.position = 0
        self.depth = 0

    def at_end(self) -> bool:
        self.skip_space()
        return self.position >= len(self.text)

    def skip_space(self) -> None:
        found = _SPACE.match(self.text, self.position)
        if found:
            self.position = found.end()

    def peek(self, literal: str) -> bool:
        self.skip_space()
        return self.text.startswith(literal, self.position)

    def take(self, literal: str) -> bool:
        if not self.peek(literal):
            return False
        self.position += len(literal)
        return True

    def close(self, literal: str, opened_at: int) -> None:
        if self.take(literal):
            return
        if self.at_end():
            raise ExpressionError("unclosed", opened_at, self.text[opened_at])
        self.fail()

    def fail(self) -> None:
        rest = self.text[self.position : self.position + 12]
        raise ExpressionError("syntax", self.position, rest.split("\n")[0])

    def operator(self) -> str | None:
        """The binary operator here, not yet taken."""
        self.skip_space()
        found = _OPERATOR_NAME.match(self.text, self.position) or _OPERATOR.match(self.text, self.position)
        return found.group() if found else None

    def expression(self, lowest: int) -> Tree:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError("too_deep", self.position, str(MAX_DEPTH))
        left = self.operand()
        while True:
            operator = self.operator()
            if operator is None or PRECEDENCE[operator] <= lowest:
                break
            self.position += len(operator)
            left = [operator, left, self.expression(PRECEDENCE[operator])]
        self.depth -= 1
        return left

    def operand(self) -> Tree:
        if self.take("-"):
            return ["neg", self.expression(UNARY)]
        return self.path()

    def path(self) -> Tree:
        self.skip_space()
        text, start = self.text, self.position
        if start >= len(text):
            raise ExpressionError("syntax", start)
        if text.startswith("//", start):
            return ["path", "/", *self.steps()]
        if text[start] == "/":
            self.position += 1
            if self.at_end() or not self.starts_step():
                return ["path", "/"]
            return ["path", "/", *self.steps()]
        if self.starts_primary():
            return self.filter()
        if self.starts_step():
            return ["path", ".", *self.steps()]
        self.fail()
        return None

    def starts_primary(self) -> bool:
        text, start = self.text, self.position
        first = text[start]
        if first in "\"'($" or _NUMBER.match(text, start):
            return True
        name = _NAME.match(text, start)
        if not name or name.group() in ("node", "text", "comment", "processing-instruction"):
            return False
        after = _SPACE.match(text, name.end())
        return text.startswith("(", after.end() if after else name.end())

    def starts_step(self) -> bool:
        self.skip_space()
        first = self.text[self.position : self.position + 1]
        return first in (".", "*", "@") or bool(_NAME.match(self.text, self.position))

    def filter(self) -> Tree:
        """A primary expression, its predicates, and the steps from it."""
        tree = self.primary()
        predicates = self.predicates()
        if predicates:
            tree = ["filter", tree, *predicates]
        if self.peek("//") or self.take("/"):
            return ["path", tree, *self.steps()]
        return tree

    def primary(self) -> Tree:
        text, start = self.text, self.position
        first = text[start]
        if first in "\"'":
            end = text.find(first, start + 1)
            if end < 0:
                raise ExpressionError("unclosed", start, first)
            self.position = end + 1
            return text[start + 1 : end]
        if first == "(":
            self.position += 1
            tree = self.expression(0)
            self.close(")", start)
            return tree
        if first == "$":
            return self.reference()
        number = _NUMBER.match(text, start)
        if number:
            self.position = number.end()
            return _literal(number.group())
        name = _NAME.match(text, start)
        assert name is not None
        self.position = name.end()
        return ["fn", name.group(), *self.arguments()]

    def reference(self) -> Tree:
        found = _REFERENCE.match(self.text, self.position)
        if not found:
            raise ExpressionError("reference", self.position, self.text[self.position : self.position + 20])
        path = self.resolve(found.group(2))
        if path is None:
            raise ExpressionError("unknown_name", self.position, found.group(2))
        self.position = found.end()
        if found.group(1):
            steps = [["child", part] for part in path.split("/")[1:]]
            return ["path", ["fn", "instance", "__last-saved"], *steps]
        return ["ref", path]

    def arguments(self) -> list[Tree]:
        self.skip_space()
        opened_at = self.position
        self.take("(")
        if self.take(")"):
            return []
        arguments = [self.expression(0)]
        while self.take(","):
            arguments.append(self.expression(0))
        self.close(")", opened_at)
        return arguments

    def steps(self) -> list[Tree]:
        """Steps from here; the slash before the first is already taken, unless it is double."""
        steps = [self.deep_step() if self.take("//") else self.step()]
        while True:
            if self.take("//"):
                steps.append(self.deep_step())
            elif self.take("/"):
                steps.append(self.step())
            else:
                return [step for step in steps if step != ["self", "*"]]

    def deep_step(self) -> Tree:
        start = self.position
        axis, name, *predicates = self.step()
        if axis != "child":
            raise ExpressionError("axis", start, "//..")
        return ["descendant", name, *predicates]

    def step(self) -> Tree:
        self.skip_space()
        start = self.position
        if self.take("@"):
            raise ExpressionError("axis", start, "@")
        if self.take(".."):
            return ["parent", "*", *self.predicates()]
        if self.take("."):
            return ["self", "*", *self.predicates()]
        axis = "child"
        name = self.name_test()
        if self.take("::"):
            if name not in KNOWN_AXES:
                raise ExpressionError("syntax", start, name)
            if name not in AXES:
                raise ExpressionError("axis", start, name)
            axis, name = name, self.name_test()
        return [axis, name, *self.predicates()]

    def name_test(self) -> str:
        if self.take("*"):
            return "*"
        self.skip_space()
        found = _NAME.match(self.text, self.position)
        if not found:
            self.fail()
            raise AssertionError
        self.position = found.end()
        if found.group() == "node" and self.take("("):
            self.close(")", self.position - 1)
            return "*"
        return found.group()

    def predicates(self) -> list[Tree]:
        predicates = []
        while self.peek("["):
            opened_at = self.position
            self.take("[")
            predicates.append(self.expression(0))
            self.close("]", opened_at)
        return predicates


def _literal(digits: str) -> Tree:
    """A whole number as itself, any other by way of ``number('0.3')``: canonical JSON knows no fractions."""
    value = float(digits)
    return int(value) if value == int(value) and abs(value) < 2**53 else ["fn", "number", digits]


def names_of(text: str) -> Sequence[str]:
    """The ``${name}``s of a text, whether or not the rest can be read."""
    return [found.group(2) for found in _REFERENCE.finditer(text)]
