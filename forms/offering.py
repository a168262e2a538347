"""The choices of selects, and texts with answers in them."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from forms.expression.evaluate import Context, Labels, compile_tree
from forms.expression.functions import seed_of, shuffled
from forms.expression.parse import Tree
from forms.expression.values import EvaluationError, to_string, well_formed
from forms.external import Table
from forms.nodes import Choice, Node, several
from forms.recalculation import Recalculation


class Offering(Recalculation):
    """Recalculation with choice lists and languages."""

    def labels(self) -> Labels:
        return _Labels(self)

    def table(self, name: str) -> Table | None:
        found = self.tables.get(name)
        if found is None:
            rows = self.given_rows(name)
            if rows is None:
                rows = self.form.definition.get("tables", {}).get(name)
            if rows is None and name in self.form.definition["lists"]:
                rows = self.choice_rows(name)
            if rows is None:
                if name not in self.form.definition["instances"] and name != "__last-saved":
                    return None
                rows = ()
            found = self.tables[name] = Table(rows)
        return found

    def given_rows(self, name: str) -> Sequence[Mapping[str, Any]] | None:
        """Rows from outside. A list of the form's own is not shadowed by a register list it never asked for."""
        definition = self.form.definition
        return None if name in definition["lists"] and name not in definition["instances"] else self.rows.get(name)

    def choice_rows(self, name: str) -> list[dict[str, str]]:
        return [
            {"name": choice["name"], "label": self.plain(choice.get("label")), **choice.get("extra", {})}
            for choice in self.form.definition["lists"][name]
        ]

    def plain(self, text: Mapping[str, Any] | None) -> str:
        """A text without its variable parts."""
        parts = self.in_language(text)
        return parts if isinstance(parts, str) else "".join(part for part in parts if isinstance(part, str))

    def in_language(self, text: Mapping[str, Any] | None) -> Any:
        if not text:
            return ""
        default = self.form.definition["default_language"]
        return text.get(self.lang) or text.get(default) or next(iter(text.values()), "")

    def put_together(self, node: Node, parts: Sequence[Any], which: str) -> str:
        filled = ""
        for number, part in enumerate(parts):
            if isinstance(part, str):
                filled += part
            else:
                value = self.compute(node, f"{which} {self.lang} {number}", part["tree"])
                filled += "" if value is None else well_formed(to_string(value))
        return filled

    def offered(self, node: Node) -> list[Choice]:
        """The choices of a select now. Raises EvaluationError."""
        definition = node.definition
        items = definition.get("items", {})
        tree = definition.get("choice_filter")
        if "repeat" in items:
            return self.offered_from_repeat(node, items["repeat"], tree)
        source = items.get("instance") or definition.get("list", "")
        table = self.table(source)
        rows: Sequence[Any] = table.items if table is not None else ()
        if tree is not None:
            test = self.filter_test(node, tree)
            rows = [row for row in rows if test(row)]
        value, label = items.get("value", "name"), items.get("label", "label")
        fixed = [Choice(one["name"], self.plain(one["label"])) for one in items.get("fixed", ())]
        return fixed + [
            Choice(str(row.row.get(value, "")), str(row.row.get(label, "")), row.row) for row in rows
        ]

    def offered_names(self, node: Node) -> Collection[str]:
        """As offered, the names only. Raises EvaluationError."""
        definition = node.definition
        if (
            "choice_filter" not in definition
            and "items" not in definition
            and self.given_rows(definition["list"]) is None
        ):
            return self.engine.names_of_list.get(definition["list"], frozenset())
        return {choice.name for choice in self.offered(node)}

    def shown(self, node: Node) -> list[Choice]:
        """The choices in the order to show, with their labels. Raises EvaluationError."""
        found = self.offered(node)
        labels = {
            choice["name"]: parts
            for choice in self.form.definition["lists"].get(node.definition.get("list", ""), ())
            if not isinstance(parts := self.in_language(choice.get("label")), str)
        }
        if labels:
            found = [
                replace(choice, label=self.put_together(node, labels[choice.name], f"choice {choice.name}"))
                if choice.name in labels
                else choice
                for choice in found
            ]
        parameters = node.definition.get("parameters") or {}
        if str(parameters.get("randomize", "")).lower() != "true":
            return found
        given = node.definition.get("seed")
        if given is None:
            if node.seed is None:
                node.seed = math.floor(self.runtime.random() * 2_147_483_647)
            return shuffled(found, int(node.seed), self.runtime.random)
        return shuffled(found, seed_of(self.evaluate(given, node)), self.runtime.random)

    def offered_from_repeat(self, node: Node, path: str, tree: Tree) -> list[Choice]:
        found = []
        for item in self.nodes_of(path, node):
            if item.value == "":
                continue
            if tree is not None and item.parent is not None:
                # References stand for the offered instance first, then for the select's own.
                test = compile_tree(tree, self.engine.shape(item.parent.path)).boolean()
                if not test(Context(self.runtime, item.parent, item.parent)):
                    continue
            found.append(Choice(item.value, item.value))
        return found

    def filter_test(self, node: Node, tree: Tree) -> Callable[[Any], bool]:
        test = self.engine.closure(node.path, "choice_filter", tree).boolean()
        runtime = self.runtime
        runtime.steps = 0
        return lambda row: test(Context(runtime, row, node, row.position, 1))

    def clear_unoffered(self, node: Node) -> None:
        """An answer that is no longer offered goes; of several, only that one."""
        if self.as_sent or node.text == "" or not node.relevant:
            return
        try:
            names = self.offered_names(node)
        except EvaluationError as error:
            self.errors[self.path_of(node), "choice_filter"] = str(error)
            return
        if several(node.definition):
            kept = " ".join(name for name in node.text.split() if name in names)
        else:
            kept = node.text if node.text in names else ""
        self.write(node, kept)


class _Labels:
    """What expressions ask of the form."""

    def __init__(self, instance: Offering) -> None:
        self.instance = instance
        self.version = instance.form.version

    def choice_label(self, path: str, value: str, lang: str | None) -> str:
        """path: of the select; also its name, or ``${name}``. '' for what is not a choice."""
        engine = self.instance.engine
        name = path.strip().removeprefix("${").removesuffix("}").strip()
        definition = engine.by_path.get(engine.names.get(name, name))
        if definition is None:
            return ""
        for choice in self.instance.form.definition["lists"].get(definition.get("list", ""), ()):
            if choice["name"] == value:
                return self.instance.plain(choice.get("label"))
        items = definition.get("items", {})
        if "repeat" in items:
            return value if any(n.value == value for n in self.instance.instances_of(items["repeat"])) else ""
        table = self.instance.table(items["instance"]) if "instance" in items else None
        found = table.where(items.get("value", "name"), (value,)) if table is not None else []
        return str(found[0].row.get(items.get("label", "label"), "")) if found else ""
