"""What finishing a form says to the store: the ops of one submission, as the phone's form-ops.js makes them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.fillstate import State
from forms.definition import Form, without_indexes
from forms.entities import EntityChange
from forms.instance import Finished, Instance
from sync.author import Author
from sync.records import BlobRef, Op


@dataclass(frozen=True)
class Filler:
    id: str
    name: str
    area: str


def ops_of(
    author: Author, form: Form, state: State, instance: Instance, finished: Finished, changes: Sequence[EntityChange],
    carried: Mapping[str, Mapping[str, str]], blobs: Sequence[BlobRef], filler: Filler, now: datetime, visit_id: str,
) -> list[Op]:  # fmt: skip
    """The submission's own op first, then the visit, the household and what else follows."""
    household = next(iter(state.base.get("household", [])), None)
    area = household["area"] if household else state.village_id or filler.area
    today = now.date().isoformat()
    about = {"submission": state.submission_id, "form_id": form.form_id, "form_version": form.version, "form_hash": form.hash}
    ops = [author.create("submission", state.submission_id, area, {
        "form_id": form.form_id, "form_version": form.version, "form_hash": form.hash, "household_id": state.household_id,
        "sheet": "", "started": state.started, "ended": now.isoformat(timespec="milliseconds"),
        "instance_name": finished.instance_name, "answers": finished.answers, "carried": {k: dict(v) for k, v in carried.items()},
    }, blobs=blobs, **about)]  # fmt: skip
    rest = list(only_said(changes, unasked(form, instance, state, carried)))
    if household:
        ops.append(author.create("visit", visit_id, area, {
            "household_id": state.household_id, "submission_id": state.submission_id, "form_id": form.form_id, "date": today,
            "outcome": named(form, instance, "outcome") or "met", "cadre": filler.id, "cadre_name": filler.name,
            "note": named(form, instance, "remark"),
        }, **about))  # fmt: skip
        own = next((one for one in rest if one.entity == "household" and one.id == state.household_id), None)
        fields = {name: (step["old"], step["new"]) for name, step in own.fields.items()} if own else {}
        fields["last_visit"] = (household["fields"].get("last_visit") or "", today)
        ops.append(author.update("household", household["id"], area, fields, base_rev=household["rev"], **about))
        rest = [one for one in rest if one is not own]
    ops += [_op(author, one, state, area, about) for one in rest]
    return ops


def _op(author: Author, change: EntityChange, state: State, area: str, about: Mapping[str, str]) -> Op:
    base = next((row for row in state.base.get(change.entity, []) if row["id"] == change.id), None)
    fields = {name: (step["old"], step["new"]) for name, step in change.fields.items()}
    if change.kind == "create":
        added = {"member": {"household_id": state.household_id, "state": "active"},
                 "issue": {"household_id": state.household_id, "submission_id": state.submission_id, "state": "open"}}  # fmt: skip
        for name, value in added.get(change.entity, {}).items():
            fields.setdefault(name, (None, value))
        return author.create(change.entity, change.id, area, {name: new for name, (_, new) in fields.items()}, **about)
    place, rev = (base["area"], base["rev"]) if base else (area, 0)
    return author.update(change.entity, change.id, place, fields, base_rev=rev, **about)


def unasked(form: Form, instance: Instance, state: State, carried: Mapping[str, Mapping[str, str]]) -> set[tuple[str, str, str]]:
    """(entity, id, field) of the register whose carried value nobody confirmed."""
    found = set()
    for path, known in carried.items():
        if known["state"] != "unconfirmed":
            continue
        node = form.nodes[without_indexes(path)]
        for entity in form.definition["entities"]:
            for name, saved in entity["save_to"].items():
                if saved == node["path"]:
                    found.add((entity["list"], _id(instance, entity, path) or state.household_id, name))
    return found


def _id(instance: Instance, entity: Mapping[str, Any], path: str) -> str:
    match entity.get("entity_id"):
        case ["ref", str(reference)]:
            scope = path
            while scope and without_indexes(scope) != entity["scope"]:
                scope = scope.rpartition("/")[0]
            relative = reference.removeprefix(f"{entity['scope']}/")
            return instance.value(f"{scope}/{relative}" if scope and relative != reference else reference)
    return ""


def only_said(changes: Sequence[EntityChange], unsaid: set[tuple[str, str, str]]) -> list[EntityChange]:
    """Without the confirmations nobody made."""
    kept = []
    for one in changes:
        fields = {
            name: step
            for name, step in one.fields.items()
            if (step["old"] or "") != (step["new"] or "") or (one.entity, one.id, name) not in unsaid
        }
        if one.kind == "create" or fields:
            kept.append(EntityChange(one.entity, one.id, one.kind, fields))
    return kept


def named(form: Form, instance: Instance, name: str) -> str:
    """A question's answer by its name, outside repeats; '' when it was not asked."""
    for node in form.definition["nodes"]:
        if node["name"] == name and node["kind"] == "question":
            answer = instance.find(node["path"])
            return answer.text if answer is not None and answer.relevant else ""
    return ""
