"""In which order a form's expressions are evaluated: each after what it reads. A circle is a fault of the form."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

PARTS = ("calculation", "relevant", "required", "readonly", "count", "choice_filter")
Key = tuple[str, str]


class Cycle(ValueError):
    """Expressions that wait for each other. paths: the nodes on the circle."""

    def __init__(self, paths: list[str]) -> None:
        super().__init__(" → ".join(paths))
        self.paths = paths


def evaluation_order(nodes: list[dict[str, Any]]) -> list[list[str]]:
    """[[path, part], …], sources before what reads them, otherwise as in the form. Raises Cycle."""
    by_path = {node["path"]: node for node in nodes}
    sorter: TopologicalSorter[Key] = TopologicalSorter()
    for node in nodes:
        for part in PARTS:
            if isinstance(node.get(part), bool) or part not in node:
                continue
            key = (node["path"], part)
            sorter.add(key, *sorted(_sources(by_path, node, part) - {key}))
            if part == "relevant" and node["path"] in set(reads_of(node[part], node["path"])):
                raise Cycle([node["path"]])
    try:
        return [list(key) for key in sorter.static_order()]
    except CycleError as error:
        raise Cycle(list(dict.fromkeys(path for path, _ in error.args[1]))) from error


def _sources(by_path: dict[str, dict[str, Any]], node: dict[str, Any], part: str) -> set[Key]:
    found: set[Key] = set()
    for read in reads_of(node[part], node["path"]):
        above = read
        while above in by_path:
            source = by_path[above]
            wanted = ["relevant", "count"] if above != read else ["calculation", "relevant", "count"]
            for name in wanted:
                # A node inside the very group whose relevance is asked does not wait for itself.
                inside = node["path"].startswith(above + "/") or node["path"] == above
                if name in source and not isinstance(source[name], bool) and not (inside and name != "calculation"):
                    found.add((above, name))
            above = source["parent"]
    return found


def reads_of(tree: Any, owner: str) -> Iterator[str]:
    """Paths an expression of ``owner`` reads, as far as they can be told without answers."""
    if not isinstance(tree, list) or not tree:
        return
    match tree[0]:
        case "ref":
            yield tree[1]
        case "path":
            yield from _path_reads(tree, owner)
        case _:
            for part in tree[1:]:
                yield from reads_of(part, owner)


def _path_reads(tree: list[Any], owner: str) -> Iterator[str]:
    start, steps = tree[1], tree[2:]
    at: str | None = None
    if start == "/":
        at = ""
    elif start == ".":
        at = owner
    elif isinstance(start, list):
        if start[0] == "ref":
            at = start[1]
        elif start[:2] == ["fn", "current"]:
            at = owner
        else:
            yield from reads_of(start, owner)
    for step in steps:
        for inner in step[2:]:
            yield from reads_of(inner, owner)
        if at is not None:
            if step[0] == "parent":
                at = at.rsplit("/", 1)[0]
            elif step[0] == "child":
                at = f"{at}/{step[1]}"
    if at and at != owner:
        yield at
