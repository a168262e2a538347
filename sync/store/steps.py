"""What happened to records, from the rows of either database."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

from sync.problems import Problem
from sync.protocol import actor_of_body, op_of_body
from sync.records import Change
from sync.store.base import Maker

CHANGE = "n, body, status, rev, received_at, code, hash"


def changes_of(rows: Iterable[Any]) -> list[Change]:
    """From rows of `CHANGE`; a body that nobody can read any more is left out."""
    changes = []
    for n, body, status, rev, received, code, hash_ in rows:
        with contextlib.suppress(Problem):
            changes.append(Change(seq=n, op=op_of_body(body), status=status, rev=rev, received_at=received, code=code,
                                  hash=hash_))  # fmt: skip
    return changes


def makers_of(rows: Iterable[Any]) -> dict[str, Maker]:
    """From each record's id, and body and arrival of its first op."""
    found = {}
    for id, body, received in rows:
        actor, cites = actor_of_body(body)
        found[id] = Maker(actor, received, cites)
    return found


def by_record(changes: Iterable[Change]) -> dict[str, list[Change]]:
    """The changes of one kind, each record's in their order."""
    found: dict[str, list[Change]] = {}
    for change in changes:
        found.setdefault(change.op.id, []).append(change)
    return found


def by_submission(made: Iterable[Change], caused: Iterable[Change]) -> dict[str, list[Change]]:
    """Of each submission the op that made it, then those it caused, both in their order."""
    found = by_record(made)
    for change in caused:
        found.setdefault(change.op.submission or "", []).append(change)
    return found
