"""Nodes, lists, instances of repeats, and the shuffle."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from typing import Any

from forms.expression.evaluate import Compiled, Context, Shape, compile_tree
from forms.expression.functions.registry import (
    present,
    special,
)
from forms.expression.parse import Tree
from forms.expression.paths import shared_repeat
from forms.expression.values import (
    NAN,
    Element,
    EvaluationError,
    NodeSet,
    Value,
    to_number,
    to_string,
)


@special("position", 0, 1)
def _position(trees: list[Tree], shape: Shape) -> Compiled:
    if not trees:
        return Compiled("number", lambda c: float(c.position))
    nodes = compile_tree(trees[0], shape).nodes()

    def run(c: Context) -> float:
        found = nodes(c)
        return float(found[0].position) if found else NAN

    return Compiled("number", run)


special("last", 0, 0)(lambda trees, shape: Compiled("number", lambda c: float(c.size)))
special("current", 0, 0)(lambda trees, shape: Compiled("nodes", lambda c: (c.current,)))


@special("name", 0, 1)
def _name_of(trees: list[Tree], shape: Shape) -> Compiled:
    if not trees:
        return Compiled("string", lambda c: c.node.name)
    nodes = compile_tree(trees[0], shape).nodes()
    return Compiled("string", lambda c: next((node.name for node in nodes(c)), ""))


special("local-name", 0, 1)(_name_of)


@special("instance", 1, 1)
def _instance(trees: list[Tree], shape: Shape) -> Compiled:
    name = compile_tree(trees[0], shape).string()

    def run(c: Context) -> NodeSet:
        wanted = name(c)
        found = c.runtime.external(wanted)
        if found is None:
            raise EvaluationError("unknown_instance", wanted)
        return (found,)

    return Compiled("nodes", run)


@special("pulldata", 4, 4)
def _pulldata(trees: list[Tree], shape: Shape) -> Compiled:
    file, want, key, value = (compile_tree(tree, shape).string() for tree in trees)

    def run(c: Context) -> str:
        name = file(c).removesuffix(".csv")
        document = c.runtime.external(name)
        if document is None:
            raise EvaluationError("unknown_instance", name)
        column, wanted = key(c), value(c)
        lookup = getattr(document, "where", None)
        rows = (
            lookup(column, (wanted,))
            if lookup is not None
            else [row for root in document.named("root") for row in root.named("item")
                  if any(cell.value == wanted for cell in row.named(column))]
        )  # fmt: skip
        return to_string(rows[0].named(want(c))) if rows else ""

    return Compiled("string", run)


@special("indexed-repeat", 3, 7)
def _indexed_repeat(trees: list[Tree], shape: Shape) -> Compiled:
    """All instances of the node, narrowed by each (repeat, index) pair; repeats not named bind to the owner's."""
    if len(trees) % 2 == 0:
        raise EvaluationError("argument_count", "indexed-repeat")
    target = absolute_path(trees[0], shape)
    indexes: dict[str, Callable[[Context], float]] = {}
    for repeat, index in zip(trees[1::2], trees[2::2], strict=True):
        path = absolute_path(repeat, shape)
        if not target.startswith(path + "/"):
            raise EvaluationError("not_in_repeat", path)
        indexes[path] = compile_tree(index, shape).number()
    shared = shared_repeat(target, shape)
    parts = target.strip("/").split("/")
    paths = ["/" + "/".join(parts[: i + 1]) for i in range(len(parts))]

    def run(c: Context) -> NodeSet:
        own = {}
        node: Element | None = c.current
        place = shape.owner
        while node is not None and place:
            own[place] = node
            node, place = node.parent, place.rpartition("/")[0]
        nodes: list[Element] = [c.runtime.root]
        for path, name in zip(paths, parts, strict=True):
            nodes = [child for above in nodes for child in above.named(name)]
            if path in indexes:
                wanted = indexes[path](c)
                nodes = [child for child in nodes if child.position == wanted]
            elif shared and (shared == path or shared.startswith(path + "/")) and path in own:
                nodes = [child for child in nodes if child is own[path]]
            c.runtime.spend(len(nodes) + 1)
        return nodes

    return Compiled("nodes", run)


def absolute_path(tree: Tree, shape: Shape) -> str:
    """The path a reference names, without instances; relative ones from the owner."""
    if isinstance(tree, list) and tree[0] == "ref":
        return str(tree[1])
    if isinstance(tree, list) and tree[0] == "path":
        place = "" if tree[1] == "/" else shape.owner
        for axis, name, *_ in tree[2:]:
            place = place.rpartition("/")[0] if axis == "parent" else f"{place}/{name}"
        return place
    raise EvaluationError("not_nodes", "indexed-repeat")


_MODULUS = 2_147_483_647


def shuffled(items: Sequence[Any], seed: int | None, random: Callable[[], float]) -> list[Any]:
    """XFORMS §5. Without a seed any order."""
    state = 0
    if seed is not None:
        state = (
            int(math.fmod(seed, _MODULUS))
            if abs(seed) < 2**53
            else (abs(seed) % _MODULUS) * (1 if seed > 0 else -1)
        )
        if state <= 0:
            state += _MODULUS - 1
    out: list[Any] = []
    for i, item in enumerate(items):
        if seed is None:
            draw = random()
        else:
            state = state * 16807 % _MODULUS
            draw = (state - 1) / (_MODULUS - 1)
        j = math.floor(draw * (i + 1))
        out.append(item)
        if j != i:
            out[i] = out[j]
            out[j] = item
    return out


def seed_of(value: Value) -> int:
    number = to_number(value)
    if number == number and math.isfinite(number):
        return math.trunc(number)
    text = to_string(value)
    if text in ("", "NaN") or isinstance(value, float):
        return 0
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)


@special("randomize", 1, 2)
def _randomize(trees: list[Tree], shape: Shape) -> Compiled:
    nodes = compile_tree(trees[0], shape).nodes()
    seed = compile_tree(trees[1], shape).run if len(trees) > 1 else None

    def run(c: Context) -> NodeSet:
        return shuffled(present(nodes(c)), seed_of(seed(c)) if seed else None, c.runtime.random)

    return Compiled("nodes", run)
