"""Plain SQL views over the records, for reports and tools that know nothing of Ruhu.

Answers become one view a form, a column a question; versions are merged by
the question's name. The views read; nobody writes through them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql

from forms.register import FIELDS

KINDS = {"household": "households", "member": "members", "visit": "visits", "issue": "issues",
         "pairing": "pairings", "event": "household_events"}
_HEAD = ("id", "area", "county", "rev", "deleted")
_SUBMISSION = ("form_id", "form_version", "household_id", "started", "ended")
LONGEST = 63
"""Bytes of a PostgreSQL name."""


def make_views(connection: psycopg.Connection, definitions: Iterable[Mapping[str, Any]] = ()) -> list[str]:
    """Make every view anew in one transaction; answers their names.

    definitions: of all published versions of all forms, oldest first.
    """
    made: list[str] = []
    with connection.transaction():
        for kind, name in KINDS.items():
            columns: list[tuple[str, Sequence[str]]] = [(field.name, ("fields", field.name)) for field in FIELDS[kind]]
            made.append(_view(connection, name, kind, columns, ()))
        head: list[tuple[str, Sequence[str]]] = [(name, ("fields", name)) for name in _SUBMISSION]
        made.append(_view(connection, "submissions", "submission", head, ()))
        for form_id, columns in _answers(definitions).items():
            name = shortened(f"answers_{form_id}")
            made.append(_view(connection, name, "submission", [*head, *columns], (form_id,)))
    return made


def _view(
    connection: psycopg.Connection, name: str, kind: str, columns: Sequence[tuple[str, Sequence[str]]], form: Sequence[str]
) -> str:
    shown: list[sql.Composable] = [sql.Identifier(column) for column in _HEAD]
    taken = set(_HEAD)
    for column, path in columns:
        if column in taken:
            continue
        taken.add(column)
        value = sql.SQL("{} #>> {}").format(sql.Identifier(path[0]), sql.Literal(list(path[1:])))
        shown.append(sql.SQL("{} AS {}").format(value, sql.Identifier(column)))
    where = sql.SQL("kind = {}").format(sql.Literal(kind))
    if form:
        where += sql.SQL(" AND fields ->> 'form_id' = {}").format(sql.Literal(form[0]))
    connection.execute(sql.SQL("DROP VIEW IF EXISTS {}").format(sql.Identifier(name)))
    connection.execute(
        sql.SQL("CREATE VIEW {} AS SELECT {} FROM record WHERE {}").format(
            sql.Identifier(name), sql.SQL(", ").join(shown), where
        )
    )
    return name


def _answers(definitions: Iterable[Mapping[str, Any]]) -> dict[str, list[tuple[str, Sequence[str]]]]:
    """Form id → (column, path into the record) of each question; a repeat is one column of JSON."""
    found: dict[str, dict[str, Sequence[str]]] = {}
    for definition in definitions:
        columns = found.setdefault(str(definition["form_id"]), {})
        repeats = [node["path"] + "/" for node in definition["nodes"] if node["kind"] == "repeat"]
        for node in definition["nodes"]:
            if node["kind"] == "group" or node["type"] == "note" or node["path"].startswith(tuple(repeats)):
                continue
            path = ("fields", "answers", *node["path"].split("/")[2:])
            columns[_free(node, path, columns)] = path
    return {form_id: list(columns.items()) for form_id, columns in found.items()}


def _free(node: Mapping[str, Any], path: Sequence[str], columns: Mapping[str, Sequence[str]]) -> str:
    """The question's name; with its group's before it where another question has it."""
    name = shortened(str(node["name"]))
    return name if columns.get(name, path) == path else shortened("_".join(path[2:]))


def shortened(name: str) -> str:
    """As much of a name as PostgreSQL keeps, cut between characters."""
    return name.encode()[:LONGEST].decode(errors="ignore")
