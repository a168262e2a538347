"""The entities sheet: which list, where in the form, under which conditions, and what is saved."""

from __future__ import annotations

from typing import Any

from forms.compiling import Compilation
from forms.outline import ROOT

_COLUMNS = ("entity_id", "label", "create_if", "update_if")


def entities_of(made: Compilation) -> list[dict[str, Any]]:
    """One for each row, in sheet order; save_to: property → path."""
    entities: list[dict[str, Any]] = []
    for line in made.outline.entities:
        trees = {name: made.tree(line.get(name), line, name) if line.get(name) else None for name in _COLUMNS}
        scope = made.entity_scopes.get(line.row, ROOT)
        entities.append({"list": line.get("list_name"), "scope": scope, **trees, "save_to": {}})
    for node in made.nodes:
        if "save_to" in node:
            line_of = made.outline.line_of(node["path"])
            wanted = line_of.get("save_to").partition("#")[0] if line_of and "#" in line_of.get("save_to") else ""
            above = [
                one
                for one in entities
                if node["path"].startswith(one["scope"] + "/") and (not wanted or one["list"] == wanted)
            ]
            if above:
                max(above, key=lambda one: len(one["scope"]))["save_to"][node["save_to"]] = node["path"]
    return entities
