"""Arithmetic, comparison, logic and unions. XPath 1.0, section 3.4 and 3.5, with ODK's dates in comparisons."""

from __future__ import annotations

import math
from collections.abc import Callable

from forms.expression.evaluate import Compiled, Context, Shape, compile_tree
from forms.expression.parse import Tree
from forms.expression.values import (
    NAN,
    Element,
    NodeSet,
    Value,
    equal,
    number_of_text,
    pair_as_numbers,
    to_boolean,
    to_string,
)


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
        return any_pair(a(c), b(c), lambda x, y: equal(x, y) is wanted)

    return Compiled("boolean", run)


def any_pair(x: Value, y: Value, test: Callable[[Value, Value], bool]) -> bool:
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
        return any_pair(a(c), b(c), lambda x, y: test(*pair_as_numbers(x, y, local)))

    return Compiled("boolean", run)


def _any_above(nodes: NodeSet, limit: float, test: Callable[[float, float], bool]) -> bool:
    for node in nodes:  # noqa: SIM110 - a generator costs more than the test
        if test(number_of_text(node.value), limit):
            return True
    return False


BUILDERS: dict[str, Callable[[Tree, Shape], Compiled]] = {
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
}
