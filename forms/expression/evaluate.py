"""Tree to value.

A tree is turned once into nested closures (``compile_tree``), which are then
called for every evaluation with a Context. References are bound here: which
repeats are "the same instance" depends only on the path of the node that owns
the expression, so it is known beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import cache
from typing import Any, Protocol

from forms.expression.parse import Tree
from forms.expression.values import (
    NAN,
    Element,
    EvaluationError,
    NodeSet,
    Value,
    number_of_text,
    to_boolean,
    to_number,
    to_string,
)

STEP_LIMIT = 2_000_000
"""Nodes looked at in one evaluation; a 5,000-row list scanned against itself stays refused."""


class Labels(Protocol):
    """What ``jr:choice-name`` and ``version`` need of the form."""

    version: str

    def choice_label(self, path: str, value: str, lang: str | None) -> str: ...


@dataclass
class Runtime:
    """What every evaluation of one form instance shares.

    root holds the root element of the answers (``data``) as its only child.
    single: the element of every path without a repeat. now bears the local zone.
    """

    root: Element
    single: Mapping[str, Element]
    external: Callable[[str], Element | None]
    now: datetime
    random: Callable[[], float]
    uuid: Callable[[], str]
    labels: Labels
    lang: str | None = None
    step_limit: int = STEP_LIMIT
    steps: int = 0
    local: tzinfo = field(init=False)

    def __post_init__(self) -> None:
        self.local = self.now.tzinfo or UTC

    def spend(self, steps: int) -> None:
        self.steps += steps
        if self.steps > self.step_limit:
            raise EvaluationError("too_many_steps", str(self.step_limit))


class Context:
    """Where an evaluation stands: the context node, the owner (``current()``), and the place in a predicate."""

    __slots__ = ("current", "node", "position", "runtime", "size")

    def __init__(self, runtime: Runtime, node: Element, current: Element, position: int = 1, size: int = 1):
        self.runtime = runtime
        self.node = node
        self.current = current
        self.position = position
        self.size = size


Run = Callable[[Context], Any]


@dataclass(frozen=True)
class Shape:
    """What binding needs of the form: which paths are repeats; the path of the expression's owner."""

    repeats: Collection[str]
    owner: str


class Compiled:
    """A closure and the type it gives: number, string, boolean, nodes, or any (known only when run).

    child: the name, where it is nothing but the context node's children of that name.
    """

    __slots__ = ("child", "kind", "literal", "run")

    def __init__(self, kind: str, run: Run, literal: Any = None, child: str = "") -> None:
        self.kind = kind
        self.run = run
        self.literal = literal
        self.child = child

    def number(self) -> Callable[[Context], float]:
        run = self.run
        if self.kind == "number":
            return run
        if self.kind == "nodes":

            def first_number(c: Context) -> float:
                nodes = run(c)
                return number_of_text(nodes[0].value) if nodes else NAN

            return first_number
        return lambda c: to_number(run(c))

    def string(self) -> Callable[[Context], str]:
        run = self.run
        if self.kind == "string":
            return run
        if self.kind == "nodes":

            def first_text(c: Context) -> str:
                nodes = run(c)
                return nodes[0].value if nodes else ""

            return first_text
        return lambda c: to_string(run(c))

    def boolean(self) -> Callable[[Context], bool]:
        run = self.run
        if self.kind == "boolean":
            return run
        return lambda c: to_boolean(run(c))

    def nodes(self) -> Callable[[Context], NodeSet]:
        """Raises EvaluationError when the value turns out not to be a node-set."""
        run = self.run
        if self.kind == "nodes":
            return run

        def checked(c: Context) -> NodeSet:
            value = run(c)
            if isinstance(value, str | float | bool):
                raise EvaluationError("not_nodes")
            return value  # type: ignore[no-any-return]

        return checked


def compile_tree(tree: Tree, shape: Shape) -> Compiled:
    """Raises EvaluationError for an unknown function or a wrong argument count."""
    if isinstance(tree, bool):
        raise EvaluationError("bad_tree")
    if isinstance(tree, int | float):
        number = float(tree)
        return Compiled("number", lambda c: number, number)
    if isinstance(tree, str):
        return Compiled("string", lambda c: tree, tree)
    return _builders()[tree[0]](tree, shape)


@cache
def _builders() -> Mapping[str, Callable[[Tree, Shape], Compiled]]:
    from forms.expression import functions, operators, paths  # they compile their parts with this module

    return {**operators.BUILDERS, **paths.BUILDERS, "fn": functions.call}


def evaluate(compiled: Compiled, context: Context) -> Value:
    """The value, with the step count started afresh. Raises EvaluationError."""
    context.runtime.steps = 0
    value: Value = compiled.run(context)
    return value
