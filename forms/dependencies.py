"""What expressions read, and the order in which they must be evaluated.

Everything is by path without indexes: "an expression of /data/member/age reads
/data/member/birth_date". Cycles are found here, because they are refused when
the form is loaded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from forms.expression.parse import Tree

Node = Mapping[str, Any]

EXPRESSIONS = ("calculation", "relevant", "required", "readonly", "count", "choice_filter")
"""The kinds of expression that recalculation keeps up to date, with their place in a node."""

Cell = tuple[str, str]
"""(path, kind of expression)"""


@dataclass
class Reads:
    """paths: nodes read. lists: names of instances read. unknown: absolute paths that lead nowhere."""

    paths: set[str] = field(default_factory=set)
    lists: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    own: bool = False
    """Whether ``.`` (or a path to itself) is read outside ``once()``."""


def reads_of(tree: Tree, owner: str, paths: Collection[str], context: str | None = "") -> Reads:
    """What a tree owned by a node reads.

    paths: every path of the form, root included. context: where ``.`` stands;
    None where it stands in an external list (choice filters).
    """
    reads = Reads()
    _visit(tree, owner, owner if context == "" else context, paths, reads)
    if owner in reads.paths:
        reads.own = True
    return reads


def _visit(tree: Tree, owner: str, context: str | None, paths: Collection[str], reads: Reads) -> set[str]:
    """Collects into reads; answers the paths the tree's own node-set may hold."""
    if not isinstance(tree, list) or not tree:
        return set()
    head = tree[0]
    if head == "ref":
        reads.paths.add(tree[1])
        return {tree[1]}
    if head == "path":
        return _visit_path(tree, owner, context, paths, reads)
    if head == "fn":
        return _visit_call(tree, owner, context, paths, reads)
    if head == "filter":
        found = _visit(tree[1], owner, context, paths, reads)
        for predicate in tree[2:]:
            for place in sorted(found) or (None,):
                _visit(predicate, owner, place, paths, reads)
        return found
    found = set()
    for part in tree[1:]:
        found |= _visit(part, owner, context, paths, reads)
    return found if head == "|" else set()


def _visit_call(
    tree: Tree, owner: str, context: str | None, paths: Collection[str], reads: Reads
) -> set[str]:
    name, arguments = tree[1], tree[2:]
    if name == "instance":
        if arguments and isinstance(arguments[0], str):
            reads.lists.add(arguments[0])
        return set()
    if name == "pulldata" and arguments and isinstance(arguments[0], str):
        reads.lists.add(arguments[0])
    if name == "current":
        return {owner}
    if name == "once":
        inner = Reads()
        for argument in arguments:
            _visit(argument, owner, context, paths, inner)
        reads.paths |= inner.paths - {owner}
        reads.lists |= inner.lists
        return set()
    found: set[str] = set()
    for argument in arguments:
        found |= _visit(argument, owner, context, paths, reads)
    return found if name in ("randomize", "indexed-repeat", "if", "coalesce") else set()


def _visit_path(
    tree: Tree, owner: str, context: str | None, paths: Collection[str], reads: Reads
) -> set[str]:
    start, steps = tree[1], tree[2:]
    if start == "/":
        places: set[str] = {""}
    elif start == ".":
        if context is None:
            for step in steps:
                for predicate in step[2:]:
                    _visit(predicate, owner, None, paths, reads)
            return set()
        places = {context}
    else:
        inner = Reads()
        places = _visit(start, owner, context, paths, inner)
        reads.lists |= inner.lists
        # The node a path starts from is a place, not something read: current()/../x reads x.
        reads.paths |= inner.paths - places if steps else inner.paths
        if not places:
            for step in steps:
                for predicate in step[2:]:
                    _visit(predicate, owner, None, paths, reads)
            return set()
    absolute = start == "/"
    for axis, name, *predicates in steps:
        places = {target for place in places for target in _step(place, axis, name, paths)}
        for predicate in predicates:
            for place in places:
                _visit(predicate, owner, place, paths, reads)
    if absolute and not places and steps:
        reads.unknown.add("/" + "/".join(str(step[1]) for step in steps))
    reads.paths |= places - {""}
    return places


def _step(place: str, axis: str, name: str, paths: Collection[str]) -> Iterator[str]:
    if axis == "child":
        if name != "*":
            if f"{place}/{name}" in paths:
                yield f"{place}/{name}"
            return
        depth = place.count("/") + 1
        yield from (p for p in paths if p.startswith(place + "/") and p.count("/") == depth)
    elif axis == "parent":
        above = place.rpartition("/")[0]
        if place and name in ("*", above.rpartition("/")[2]):
            yield above
    elif axis == "self":
        if name in ("*", place.rpartition("/")[2]):
            yield place
    else:
        yield from (p for p in paths if p.startswith(place + "/") and name in ("*", p.rpartition("/")[2]))


class Graph:
    """Who reads what in a form, as recalculation needs it.

    ``order`` is a dependency order of all cells; ``readers[path]`` are the
    cells to look at when the value of path, or its presence, has changed.
    """

    def __init__(self, nodes: Sequence[Node], root: str) -> None:
        self.paths = [root, *(node["path"] for node in nodes)]
        known = set(self.paths)
        self.reads: dict[Cell, Reads] = {}
        for node in nodes:
            for kind in EXPRESSIONS:
                tree = node.get(kind)
                if tree is None or (kind == "calculation" and node.get("trigger")):
                    continue
                context: str | None = ""
                if kind == "choice_filter" and "repeat" not in node.get("items", {}):
                    context = None
                elif kind == "choice_filter":
                    context = node["items"]["repeat"].rpartition("/")[0]
                self.reads[node["path"], kind] = reads_of(tree, node["path"], known, context)
            source = node.get("items", {}).get("repeat")
            if source:
                self.reads.setdefault((node["path"], "choice_filter"), Reads()).paths.add(source)
        self.cycle: list[str] = []
        self.order: list[Cell] = self._sorted()
        self.readers: dict[str, list[Cell]] = {}
        for cell in self.order:
            for path in self.reads[cell].paths:
                self.readers.setdefault(path, []).append(cell)

    def _providers(self, path: str) -> Iterable[Cell]:
        """Cells that decide what a reader of path sees: its value, and whether it and what holds it are there.

        Not the choice filters: two selects may well exclude each other's choice. What they clear
        is evaluated again.
        """
        for kind in ("calculation", "relevant", "count"):
            yield path, kind
        above = path.rpartition("/")[0]
        while above:
            yield above, "relevant"
            yield above, "count"
            above = above.rpartition("/")[0]

    def _sorted(self) -> list[Cell]:
        """Depth first over the cells in document order; fills ``cycle`` with the paths of the first circle."""
        done: dict[Cell, bool] = {}
        order: list[Cell] = []
        below: dict[str, list[str]] = {}
        for path in self.paths:
            for other in (path.rpartition("/")[0],):
                below.setdefault(other, []).append(path)
        for first in self.reads:
            if first in done:
                continue
            stack: list[tuple[Cell, Iterator[Cell]]] = [(first, self._before(first, below))]
            done[first] = False
            while stack:
                cell, before = stack[-1]
                nearer = next(before, None)
                if nearer is None:
                    stack.pop()
                    done[cell] = True
                    order.append(cell)
                elif nearer not in self.reads or done.get(nearer):
                    continue
                elif nearer in done:
                    if not self.cycle:
                        names = [entry[0][0] for entry in stack]
                        at = next(i for i, entry in enumerate(stack) if entry[0] == nearer)
                        self.cycle = list(dict.fromkeys(names[at:]))
                else:
                    done[nearer] = False
                    stack.append((nearer, self._before(nearer, below)))
        return order

    def _before(self, cell: Cell, below: Mapping[str, Sequence[str]]) -> Iterator[Cell]:
        path = cell[0]
        for read in self.reads[cell].paths:
            if read == path:
                # A node's own relevance does not depend on being read; a self-reference is told apart by ``own``.
                continue
            if path == read or path.startswith(read + "/"):
                # What holds the owner: only its presence is read, and the owner inherits that anyway.
                yield read, "count"
                continue
            yield from self._providers_within(read, path)

    def _providers_within(self, read: str, owner: str) -> Iterator[Cell]:
        for provider in self._providers(read):
            holder = provider[0]
            if provider[1] == "count" and (owner == holder or owner.startswith(holder + "/")):
                # An instance's own nodes exist because of the count; only other readers wait for it.
                continue
            yield provider

    def self_readers(self) -> list[Cell]:
        """Cells that read their own node: refused, like any circle."""
        return [cell for cell, reads in self.reads.items() if reads.own and cell[1] != "choice_filter"]


def register_readers(
    nodes: Sequence[Node], graph: Graph, registers: Collection[str]
) -> tuple[set[str], set[str]]:
    """(paths whose own expression reads a register list, those and all that depend on them)."""
    direct: set[str] = set()
    for (path, _), reads in graph.reads.items():
        if reads.lists & set(registers):
            direct.add(path)
    for node in nodes:
        for kind in ("dynamic_default", "calculation"):
            if node.get(kind) is not None and reads_of(node[kind], node["path"], graph.paths).lists & set(
                registers
            ):
                direct.add(node["path"])
    reached = set(direct)
    pending = list(direct)
    while pending:
        path = pending.pop()
        for reader, kind in graph.readers.get(path, ()):
            if kind in ("calculation", "relevant", "count") and reader not in reached:
                reached.add(reader)
                pending.append(reader)
    return direct, reached


def trees_of(value: Any) -> Iterator[Tree]:
    """Every call and operator inside a tree, itself first."""
    if isinstance(value, list):
        yield value
        for part in value:
            yield from trees_of(part)
