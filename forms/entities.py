"""What a finished form says about the register: its entities sheet and save_to columns, applied.

The phone derives the same (static/js/core/entities.js) and sends it as ops;
the server derives it again to compare.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forms.definition import Form
from forms.expression.values import EvaluationError, Value, to_boolean, to_string
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
    for number, entity in enumerate(form.definition["entities"]):
        for scope in instance.instances_of(entity["scope"]):
            if scope.relevant:
                change = _change(number, entity, scope, instance, base)
                if change is not None:
                    found.append(change)
    return found


def _change(
    number: int, entity: Mapping[str, Any], scope: Node, instance: Instance, base: Base
) -> EntityChange | None:
    def said(which: str, convert: Callable[[Value], Any]) -> Any:
        """None where it fails."""
        try:
            return convert(instance.asked_once(scope, f"entity {number} {which}", entity[which]))
        except EvaluationError:
            return None

    given, create_if, update_if = entity.get("entity_id"), entity.get("create_if"), entity.get("update_if")
    updates = said("update_if", to_boolean) if update_if is not None else given is not None and create_if is None
    creates = not updates and (said("create_if", to_boolean) if create_if is not None else given is None)
    if not updates and not creates:
        return None
    identity = (said("entity_id", to_string) if given is not None else instance.runtime.uuid()) or ""
    if not identity.strip():
        return None
    before: Mapping[str, Any] = {}
    if updates:
        records = base.get(entity["list"], ())
        before = next((record["fields"] for record in records if record["id"] == identity.strip()), {})
    fields: dict[str, dict[str, Any]] = {}
    inside, start = f"{scope.path}/", len(scope.path) + 1
    for name, path in entity["save_to"].items():
        node = scope.kids.get(path[start:]) if path.startswith(inside) else None
        if node is None or node.instances is not None:
            node = next(iter(instance.nodes_of(path, scope)), None)
        if node is None or not node.relevant:
            continue
        new = node.value
        if updates:
            old = before.get(name) or ""
            if old != "" or new != "":
                fields[name] = {"old": old, "new": new}
        elif new != "":
            fields[name] = {"old": None, "new": new}
    return EntityChange(entity["list"], identity.strip(), "update" if updates else "create", fields)
