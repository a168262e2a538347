"""What is worked out once per form version: the dependency graph and the closures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forms.definition import Form
from forms.dependencies import Cell, Graph
from forms.expression.evaluate import Compiled, Shape, compile_tree
from forms.expression.parse import Tree


class Engine:
    """What is worked out once per form version: the graph and the closures."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.root: str = form.definition["root"]
        self.nodes = list(form.definition["nodes"])
        self.by_path: dict[str, Mapping[str, Any]] = {node["path"]: node for node in self.nodes}
        self.kind_of: dict[str, str] = {self.root: "group"} | {
            node["path"]: node["kind"] for node in self.nodes
        }
        self.plans: dict[
            str, list[tuple[Mapping[str, Any], str, str, str, bool, tuple[bool, bool] | None]]
        ] = {}
        """By parent path what to build there: definition, kind, name, path, whether it is in a repeat's instance, and
        whether it is always (read-only, required)."""
        self.repeats = tuple(node["path"] for node in self.nodes if node["kind"] == "repeat")
        for node in self.nodes:
            path = node["path"]
            repeated = any(path.startswith(repeat + "/") for repeat in self.repeats)
            always = (node.get("readonly") is True, node.get("required") is True)
            self.plans.setdefault(node["parent"], []).append(
                (node, node["kind"], node["name"], path, repeated, always if any(always) else None)
            )
        self.graph = Graph(self.nodes, self.root)
        self.rank: dict[Cell, int] = {cell: i for i, cell in enumerate(self.graph.order)}
        self.cells: list[Cell] = self.graph.order
        self.ranks_as_sent = [
            rank for rank, (_, kind) in enumerate(self.cells) if kind in ("relevant", "required", "readonly")
        ]
        """Of what is worked out for answers that stay as they were sent."""
        self.kinds: dict[str, list[str]] = {}
        for path, kind in self.graph.order:
            self.kinds.setdefault(path, []).append(kind)
        self.triggered: dict[str, list[str]] = {}
        for node in self.nodes:
            for source in node.get("trigger", ()):
                self.triggered.setdefault(source, []).append(node["path"])
        self.names_of_list = {
            name: frozenset(choice["name"] for choice in choices)
            for name, choices in form.definition["lists"].items()
        }
        self.compiled: dict[tuple[str, str], Compiled] = {}
        self.references: dict[tuple[str, str], Compiled] = {}
        self.names: dict[str, str] = {node["name"]: node["path"] for node in self.nodes}

    def shape(self, owner: str) -> Shape:
        return Shape(self.repeats, owner)

    def closure(self, owner: str, kind: str, tree: Tree) -> Compiled:
        """Compiled once for (owner, kind). Raises EvaluationError."""
        found = self.compiled.get((owner, kind))
        if found is None:
            found = self.compiled[owner, kind] = compile_tree(tree, self.shape(owner))
        return found

    def reference(self, path: str, owner: str) -> Compiled:
        """``${…}`` of a path, written at the owner; compiled once."""
        found = self.references.get((path, owner))
        if found is None:
            found = self.references[path, owner] = compile_tree(["ref", path], self.shape(owner))
        return found


def engine_of(form: Form) -> Engine:
    """The form's engine, kept with the form."""
    found = form.__dict__.get("_engine")
    if not isinstance(found, Engine):
        found = form.__dict__["_engine"] = Engine(form)
    return found
