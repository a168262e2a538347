"""Tree to value.

A tree is turned once into nested closures (``compile_tree``), which are then
called for every evaluation with a Context. References are bound here: which
repeats are "the same instance" depends only on the path of the node that owns
the expression, so it is known beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, Protocol

from forms.expression.parse import Tree
from forms.expression.values import (
    NAN,
    Element,
    EvaluationError,
    NodeSet,
    Value,
    equal,
    number_of_text,
    pair_as_numbers,
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
    return _BUILDERS[tree[0]](tree, shape)


def evaluate(compiled: Compiled, context: Context) -> Value:
    """The value, with the step count started afresh. Raises EvaluationError."""
    context.runtime.steps = 0
    value: Value = compiled.run(context)
    return value


# ---- operators -------------------------------------------------------------


def _chain(tree: Tree, operators: tuple[str, ...]) -> list[tuple[str, Tree]]:
    """``a + b - c`` as [(+, a), (+, b), (-, c)], so that a long chain does not nest deeply."""
    links = []
    while isinstance(tree, list) and tree[0] in operators:
        links.append((tree[0], tree[2]))
        tree = tree[1]
    links.append((operators[0], tree))
    links.reverse()
    return links


def _logic(tree: Tree, shape: Shape) -> Compiled:
    stop = tree[0] == "or"
    parts = [compile_tree(part, shape).boolean() for _, part in _chain(tree, (tree[0],))]
    if len(parts) == 2:
        a, b = parts
        if stop:
            return Compiled("boolean", lambda c: a(c) or b(c))
        return Compiled("boolean", lambda c: a(c) and b(c))

    def run(c: Context) -> bool:
        for part in parts:
            if part(c) is stop:
                return stop
        return not stop

    return Compiled("boolean", run)


def _sum(tree: Tree, shape: Shape) -> Compiled:
    links = [(op, compile_tree(part, shape)) for op, part in _chain(tree, ("+", "-"))]
    if len(links) == 2 and links[1][0] == "-" and "number" not in (links[0][1].kind, links[1][1].kind):
        return _difference(links[0][1], links[1][1])
    parts = [(-1.0 if op == "-" else 1.0, part.number()) for op, part in links]
    if len(parts) == 2:
        (_, a), (sign, b) = parts
        if sign > 0:
            return Compiled("number", lambda c: a(c) + b(c))
        return Compiled("number", lambda c: a(c) - b(c))

    def run(c: Context) -> float:
        total = parts[0][1](c)
        for sign, part in parts[1:]:
            total += sign * part(c)
        return total

    return Compiled("number", run)


def _difference(left: Compiled, right: Compiled) -> Compiled:
    """``a - b`` where both may turn out to be dates."""
    a, b = left.run, right.run

    def run(c: Context) -> float:
        x, y = pair_as_numbers(_scalar(a(c)), _scalar(b(c)), c.runtime.local)
        return x - y

    return Compiled("number", run)


def _scalar(value: Value) -> Value:
    return value if isinstance(value, str | float | bool) else to_string(value)


def _times(tree: Tree, shape: Shape) -> Compiled:
    a, b = compile_tree(tree[1], shape).number(), compile_tree(tree[2], shape).number()
    return Compiled("number", lambda c: a(c) * b(c))


def divide(x: float, y: float) -> float:
    if y:
        return x / y
    if x == 0 or x != x or y != y:
        return NAN
    return math.copysign(math.inf, x) * math.copysign(1.0, y)


def modulo(x: float, y: float) -> float:
    """Sign of the left operand."""
    if y == 0 or math.isinf(x) or x != x or y != y:
        return NAN
    return math.fmod(x, y)


def _div(tree: Tree, shape: Shape) -> Compiled:
    a, b = compile_tree(tree[1], shape).number(), compile_tree(tree[2], shape).number()
    return Compiled("number", lambda c: divide(a(c), b(c)))


def _mod(tree: Tree, shape: Shape) -> Compiled:
    a, b = compile_tree(tree[1], shape).number(), compile_tree(tree[2], shape).number()
    return Compiled("number", lambda c: modulo(a(c), b(c)))


def _neg(tree: Tree, shape: Shape) -> Compiled:
    a = compile_tree(tree[1], shape).number()
    return Compiled("number", lambda c: -a(c))


def _union(tree: Tree, shape: Shape) -> Compiled:
    parts = [compile_tree(part, shape).nodes() for _, part in _chain(tree, ("|",))]

    def run(c: Context) -> NodeSet:
        seen: dict[int, Element] = {}
        for part in parts:
            for node in part(c):
                seen.setdefault(id(node), node)
        return list(seen.values())

    return Compiled("nodes", run)


def _equality(tree: Tree, shape: Shape) -> Compiled:
    wanted = tree[0] == "="
    left, right = compile_tree(tree[1], shape), compile_tree(tree[2], shape)
    if right.kind == "nodes" and left.kind != "nodes":
        left, right = right, left  # symmetric; node-sets to the left
    a, b = left.run, right.run
    if left.kind == "nodes" and isinstance(right.literal, str):
        text, name = right.literal, left.child
        if name:

            def child_and_text(c: Context) -> bool:  # half of all that rules ask
                nodes = c.node.named(name)
                c.runtime.spend(len(nodes) + 1)
                for node in nodes:  # noqa: SIM110 - a generator costs more than the test
                    if (node.value == text) is wanted:
                        return True
                return False

            return Compiled("boolean", child_and_text)

        def nodes_and_text(c: Context) -> bool:
            for node in a(c):  # noqa: SIM110 - a generator costs more than the test
                if (node.value == text) is wanted:
                    return True
            return False

        return Compiled("boolean", nodes_and_text)
    if left.kind == "string" and right.kind == "string":
        return Compiled("boolean", lambda c: (a(c) == b(c)) is wanted)
    if left.kind == "number" and right.kind == "number":
        return Compiled("boolean", lambda c: (a(c) == b(c)) is wanted)

    if left.kind == "nodes" and right.kind == "number":

        def nodes_and_number(c: Context) -> bool:
            number = b(c)
            for node in a(c):  # noqa: SIM110 - a generator costs more than the test
                if (number_of_text(node.value) == number) is wanted:
                    return True
            return False

        return Compiled("boolean", nodes_and_number)

    def run(c: Context) -> bool:
        return _any_pair(a(c), b(c), lambda x, y: equal(x, y) is wanted)

    return Compiled("boolean", run)


def _any_pair(x: Value, y: Value, test: Callable[[Value, Value], bool]) -> bool:
    """True if any node of either side satisfies the test; a boolean meets a node-set as a whole."""
    if isinstance(x, bool) or isinstance(y, bool):
        if not isinstance(x, str | float | bool):
            x = to_boolean(x)
        if not isinstance(y, str | float | bool):
            y = to_boolean(y)
    if isinstance(x, str | float | bool):
        if isinstance(y, str | float | bool):
            return test(x, y)
        return any(test(x, node.value) for node in y)
    if isinstance(y, str | float | bool):
        return test(x[0].value, y) if len(x) == 1 else any(test(node.value, y) for node in x)
    return any(test(node.value, other.value) for node in x for other in y)


_ORDERS: dict[str, Callable[[float, float], bool]] = {
    "<": lambda x, y: x < y,
    "<=": lambda x, y: x <= y,
    ">": lambda x, y: x > y,
    ">=": lambda x, y: x >= y,
}


def _order(tree: Tree, shape: Shape) -> Compiled:
    test = _ORDERS[tree[0]]
    left, right = compile_tree(tree[1], shape), compile_tree(tree[2], shape)
    a, b = left.run, right.run
    if left.kind == "number" and right.kind == "number":
        return Compiled("boolean", lambda c: test(a(c), b(c)))
    if left.kind == "nodes" and right.kind == "number":
        return Compiled("boolean", lambda c: _any_above(a(c), b(c), test))

    def run(c: Context) -> bool:
        local = c.runtime.local
        return _any_pair(a(c), b(c), lambda x, y: test(*pair_as_numbers(x, y, local)))

    return Compiled("boolean", run)


def _any_above(nodes: NodeSet, limit: float, test: Callable[[float, float], bool]) -> bool:
    for node in nodes:  # noqa: SIM110 - a generator costs more than the test
        if test(number_of_text(node.value), limit):
            return True
    return False


# ---- paths -----------------------------------------------------------------


def _ref(tree: Tree, shape: Shape) -> Compiled:
    """``${name}``: repeats that hold both the owner and the target mean the owner's own instance."""
    path: str = tree[1]
    shared = shared_repeat(path, shape)
    names = path[len(shared) :].strip("/").split("/") if path != shared else []
    if not shared:
        if not any(path == repeat or path.startswith(repeat + "/") for repeat in shape.repeats):

            def single(c: Context) -> NodeSet:
                node = c.runtime.single.get(path)
                return (node,) if node is not None else ()

            return Compiled("nodes", single)
        return Compiled("nodes", lambda c: _descend([c.runtime.root], names, c.runtime))
    climb = shape.owner.count("/") - shared.count("/")
    if len(names) == 1:
        (name,) = names
        if climb == 1:

            def sibling(c: Context) -> NodeSet:
                above = c.current.parent
                return above.named(name) if above is not None else ()

            return Compiled("nodes", sibling)

        def beside(c: Context) -> NodeSet:
            node: Element | None = c.current
            for _ in range(climb):
                node = node.parent if node is not None else None
            return node.named(name) if node is not None else ()

        return Compiled("nodes", beside)

    def near(c: Context) -> NodeSet:
        node: Element | None = c.current
        for _ in range(climb):
            node = node.parent if node is not None else None
        return _descend([node], names, c.runtime) if node is not None else ()

    return Compiled("nodes", near)


def shared_repeat(path: str, shape: Shape) -> str:
    """The deepest repeat that holds both the owner and the path; '' when none does.

    The repeat itself is not held by one of its instances: ``count(${member})`` counts all, asked from anywhere.
    """
    best = ""
    for repeat in shape.repeats:
        if (
            len(repeat) > len(best)
            and path.startswith(repeat + "/")
            and (shape.owner == repeat or shape.owner.startswith(repeat + "/"))
        ):
            best = repeat
    return best


def _descend(nodes: list[Element], names: list[str], runtime: Runtime) -> NodeSet:
    for name in names:
        nodes = [child for node in nodes for child in node.named(name)]
        runtime.spend(len(nodes))
    return nodes


def _path(tree: Tree, shape: Shape) -> Compiled:
    start, steps = tree[1], tree[2:]
    indexed = _list_lookup(start, steps, shape)
    if indexed is not None:
        return indexed
    if start == "/":
        first: Callable[[Context], NodeSet] = lambda c: (c.runtime.root,)  # noqa: E731
    elif start == ".":
        if len(steps) == 1 and steps[0][0] == "child" and len(steps[0]) == 2 and steps[0][1] != "*":
            return Compiled("nodes", _child(steps[0][1]), child=steps[0][1])
        first = lambda c: (c.node,)  # noqa: E731
    else:
        first = compile_tree(start, shape).nodes()
    return Compiled("nodes", _walk(first, steps, shape))


def _child(name: str) -> Run:
    """The commonest path of all: a name alone."""

    def run(c: Context) -> NodeSet:
        nodes = c.node.named(name)
        c.runtime.spend(len(nodes) + 1)
        return nodes

    return run


def _walk(first: Callable[[Context], NodeSet], steps: list[Tree], shape: Shape) -> Run:
    moves = [(_axis(step[0], step[1]), [predicate(p, shape) for p in step[2:]]) for step in steps]

    def run(c: Context) -> NodeSet:
        nodes = first(c)
        runtime = c.runtime
        for move, predicates in moves:
            if len(nodes) == 1:
                found: Sequence[Element] = move(nodes[0])
                for keep in predicates:
                    found = keep(found, c)
            else:
                gathered: dict[int, Element] = {}
                for node in nodes:
                    found = move(node)
                    for keep in predicates:
                        found = keep(found, c)
                    for one in found:
                        gathered.setdefault(id(one), one)
                found = list(gathered.values())
            nodes = found
            runtime.spend(len(nodes) + 1)
        return nodes

    return run


def _axis(axis: str, name: str) -> Callable[[Element], Sequence[Element]]:
    if axis == "child":
        if name == "*":
            return lambda node: node.all()
        return lambda node: node.named(name)
    if axis == "parent":

        def parent(node: Element) -> Sequence[Element]:
            above = node.parent
            return (above,) if above is not None and name in ("*", above.name) else ()

        return parent
    if axis == "self":
        return lambda node: (node,) if name in ("*", node.name) else ()

    def descendants(node: Element) -> Sequence[Element]:
        found: list[Element] = []
        for child in node.all():
            if name in ("*", child.name):
                found.append(child)
            found.extend(descendants(child))
        return found

    return descendants


Keep = Callable[[Sequence[Element], Context], Sequence[Element]]


def predicate(tree: Tree, shape: Shape) -> Keep:
    """A number picks by position, anything else is taken as true or false."""
    if isinstance(tree, int | float):
        index = int(tree) - 1
        exact = tree == int(tree) and index >= 0
        return lambda nodes, c: nodes[index : index + 1] if exact else ()
    compiled = compile_tree(tree, shape)
    test = compiled.run

    def keep(nodes: Sequence[Element], c: Context) -> Sequence[Element]:
        runtime = c.runtime
        runtime.spend(len(nodes))
        size = len(nodes)
        inner = Context(runtime, c.node, c.current, 1, size)
        kept = []
        for position, node in enumerate(nodes, 1):
            inner.node = node
            inner.position = position
            value = test(inner)
            if (value == position) if isinstance(value, float) else to_boolean(value):
                kept.append(node)
        return kept

    return keep


def _filter(tree: Tree, shape: Shape) -> Compiled:
    nodes = compile_tree(tree[1], shape).nodes()
    predicates = [predicate(p, shape) for p in tree[2:]]

    def run(c: Context) -> NodeSet:
        found = nodes(c)
        for keep in predicates:
            found = keep(found, c)
        return found

    return Compiled("nodes", run)


def _list_lookup(start: Tree, steps: list[Tree], shape: Shape) -> Compiled | None:
    """``instance('x')/root/item[col = expr]…`` through the list's index on col, where the shape allows it."""
    if not (
        isinstance(start, list)
        and start[:2] == ["fn", "instance"]
        and len(start) == 3
        and isinstance(start[2], str)
        and len(steps) >= 2
        and steps[0] == ["child", "root"]
        and steps[1][:2] == ["child", "item"]
        and len(steps[1]) > 2
    ):
        return None
    test = column_test(steps[1][2])
    if test is None:
        return None
    column, wanted_tree = test
    wanted = compile_tree(wanted_tree, shape).run
    name: str = start[2]

    def first(c: Context) -> NodeSet:
        document = c.runtime.external(name)
        if document is None:
            raise EvaluationError("unknown_instance", name)
        value = wanted(c)
        lookup = getattr(document, "where", None)
        if lookup is not None and not isinstance(value, bool | float):
            texts = (value,) if isinstance(value, str) else [node.value for node in value]
            found: Sequence[Element] = lookup(column, texts)
            c.runtime.spend(len(found) + 1)
            return found
        rows = [row for root in document.named("root") for row in root.named("item")]
        c.runtime.spend(len(rows))
        return [row for row in rows if _any_pair(row.named(column), value, equal)]

    rest = [predicate(p, shape) for p in steps[1][3:]]

    def rows(c: Context) -> NodeSet:
        found = first(c)
        for keep in rest:
            found = keep(found, c)
        return found

    return Compiled("nodes", _walk(rows, steps[2:], shape) if len(steps) > 2 else rows)


def column_test(tree: Tree) -> tuple[str, Tree] | None:
    """(column, other side) of ``col = expr`` where expr does not look at the row."""
    if not (isinstance(tree, list) and tree[0] == "="):
        return None
    for column, other in ((tree[1], tree[2]), (tree[2], tree[1])):
        if (
            isinstance(column, list)
            and column[:2] == ["path", "."]
            and len(column) == 3
            and len(column[2]) == 2
            and column[2][0] == "child"
            and column[2][1] != "*"
            and not looks_at_context(other)
        ):
            return column[2][1], other
    return None


_CONTEXT_FUNCTIONS = {"position", "last", "string-length", "normalize-space", "name", "local-name"}


def looks_at_context(tree: Tree) -> bool:
    """Whether the value may depend on the context node of a predicate (not on ``current()``)."""
    if not isinstance(tree, list):
        return False
    if tree[0] == "ref":
        return False
    if tree[0] == "path":
        # Predicates of the path's own steps have their own context node.
        return tree[1] == "." or looks_at_context(tree[1])
    if tree[0] == "fn":
        if tree[1] in _CONTEXT_FUNCTIONS and len(tree) == 2:
            return True
        return any(looks_at_context(argument) for argument in tree[2:])
    return any(looks_at_context(part) for part in tree[1:])


def _fn(tree: Tree, shape: Shape) -> Compiled:
    from forms.expression.functions import call  # the functions compile their arguments with this module

    return call(tree, shape)


_BUILDERS: dict[str, Callable[[Tree, Shape], Compiled]] = {
    "or": _logic,
    "and": _logic,
    "=": _equality,
    "!=": _equality,
    "<": _order,
    "<=": _order,
    ">": _order,
    ">=": _order,
    "+": _sum,
    "-": _sum,
    "*": _times,
    "div": _div,
    "mod": _mod,
    "|": _union,
    "neg": _neg,
    "ref": _ref,
    "path": _path,
    "filter": _filter,
    "fn": _fn,
}
