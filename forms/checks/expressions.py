"""Calls inside expressions: known functions, argument counts, patterns that can be read; words that lack their quotes."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator

from forms.dependencies import trees_of
from forms.expression.functions import arity, names, pattern_of
from forms.expression.parse import ExpressionError, Tree

NEED_NODES = {"count", "count-non-empty", "sum", "randomize"}
PAIRED = {"weighted-checklist": 0, "indexed-repeat": 1}
"""What the argument count leaves when halved."""

FUNCTIONS = frozenset(names())
_CLASSES = re.compile(r"\\[pP]\{\^?\w+\}|\[:\w+:\]|\\[hHvVRXzZ]")


def calls(tree: Tree) -> Iterator[tuple[str, str]]:
    """(code, detail) of every call inside the tree that cannot work."""
    for part in trees_of(tree):
        if len(part) < 2 or part[0] != "fn" or not isinstance(part[1], str):
            continue
        name, arguments = part[1], part[2:]
        expected = arity(name)
        if expected is None:
            yield "unknown_function", name
        elif not expected[0] <= len(arguments) <= expected[1] or len(arguments) % 2 != PAIRED.get(
            name, len(arguments) % 2
        ):
            yield "argument_count", name
        elif name in NEED_NODES and isinstance(arguments[0], str | int):
            yield "argument_type", name
        elif name == "regex" and isinstance(arguments[1], str):
            fault = broken(arguments[1])
            if fault:
                yield "bad_regex", fault


_FULL_WIDTH = dict(
    zip("（），；：＝＜＞！＋－＊／．“”‘’【】｛｝＄", "(),;:=<>!+-*/.\"\"''[]{}$", strict=True)
)


def read_fault(error: ExpressionError, text: str) -> tuple[str, str]:
    """(code, detail) of an expression that cannot be read; a Chinese sign typed for a plain one is named."""
    if error.code in ("syntax", "unclosed", "reference"):
        sign = text[error.position : error.position + 1]
        if sign not in _FULL_WIDTH:
            sign = next((one for one in text[: error.position + 1][-2:] if one in _FULL_WIDTH), "")
        if sign:
            return "full_width", f"{sign} → {_FULL_WIDTH[sign]}"
    return error.code, error.detail


def broken(pattern: str) -> str:
    """What is wrong with a regular expression; '' for one that some engine of the field reads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        try:
            pattern_of(pattern)
        except re.error as error:
            plain = (
                _CLASSES.sub(r"\\w", pattern)
                .replace("(?<", "(?P<")
                .replace("(?P<=", "(?<=")
                .replace("(?P<!", "(?<!")
            )
            try:
                re.compile(plain)
            except re.error:
                return str(error)
    return ""


def unquoted(tree: Tree) -> Iterator[str]:
    """Bare words in a question's own expression: ``${a} = yes`` reads a child ``yes`` that no question has."""
    if not isinstance(tree, list) or not tree:
        return
    if tree[0] == "path":
        if tree[1] == "." and len(tree) > 2 and tree[2][0] == "child" and tree[2][1] != "*":
            yield tree[2][1]
        elif isinstance(tree[1], list):
            yield from unquoted(tree[1])
        return
    if tree[0] == "filter":
        yield from unquoted(tree[1])
        return
    for part in tree[1:]:
        yield from unquoted(part)
