"""What a finished form says about the register: its entities sheet and save_to columns, applied.

The phone derives the same (static/js/core/entities.js) and sends it as ops;
the server derives it again to compare.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forms.definition import Form
from forms.expression.parse import Tree
from forms.expression.values import EvaluationError, to_boolean, to_string
from forms.instance import Instance, Node

Base = Mapping[str, Sequence[Mapping[str, Any]]]
"""Records as they were when the form was opened, by list: ``{"id", "fields"}``."""


@dataclass(frozen=True)
class EntityChange:
    """kind is create or update; fields: name → {"old", "new"}. old == new confirms a value."""

    entity: str
    id: str
    kind: str
    fields: dict[str, dict[str, Any]]


def changes(form: Form, instance: Instance, base: Base) -> list[EntityChange]:
    """In the order of the entities sheet, repeat instances in order.

    Only relevant answers are saved. What was and stays blank is left out; a
    new record has no blank fields, and null as every old value.
    """
    found = []
    for entity in form.definition["entities"]:
        for scope in instance.instances_of(entity["scope"]):
            if scope.relevant:
                change = _change(entity, scope, instance, base.get(entity["list"], ()))
                if change is not None:
                    found.append(change)
    return found


def _change(
    entity: Mapping[str, Any], scope: Node, instance: Instance, records: Sequence[Mapping[str, Any]]
) -> EntityChange | None:
    def holds(tree: Tree) -> bool:
        return tree is not None and _value(instance, tree, scope, to_boolean) is True

    given, create_if, update_if = entity.get("entity_id"), entity.get("create_if"), entity.get("update_if")
    updates = holds(update_if) if update_if is not None else given is not None and create_if is None
    creates = not updates and (holds(create_if) if create_if is not None else given is None)
    if not updates and not creates:
        return None
    identity = (
        _value(instance, given, scope, to_string) if given is not None else instance.runtime.uuid()
    ) or ""
    if not identity.strip():
        return None
    before: Mapping[str, Any] = {}
    if updates:
        before = next((record["fields"] for record in records if record["id"] == identity.strip()), {})
    fields: dict[str, dict[str, Any]] = {}
    for name, path in entity["save_to"].items():
        node = next(iter(instance.nodes_of(path, scope)), None)
        if node is None or not node.relevant:
            continue
        old = before.get(name) or ""
        if updates and (old != "" or node.value != ""):
            fields[name] = {"old": old, "new": node.value}
        elif creates and node.value != "":
            fields[name] = {"old": None, "new": node.value}
    return EntityChange(entity["list"], identity.strip(), "update" if updates else "create", fields)


def _value(instance: Instance, tree: Tree, scope: Node, convert: Any) -> Any:
    try:
        return convert(instance.evaluate(tree, scope))
    except EvaluationError:
        return None
