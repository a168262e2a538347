"""Calls inside expressions: known functions, argument counts, patterns that can be read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from forms.dependencies import trees_of
from forms.expression.functions import arity, pattern_of
from forms.expression.parse import Tree

NEED_NODES = {"count", "count-non-empty", "sum", "randomize"}
PAIRED = {"weighted-checklist": 0, "indexed-repeat": 1}
"""What the argument count leaves when halved."""


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
            try:
                pattern_of(arguments[1])
            except re.error as error:
                yield "bad_regex", str(error)
