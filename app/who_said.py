"""Who said the values that stand in some records: for a phone, which by itself knows only the day of each.

No value leaves by this way, only whose word it is. A node answers from what came through it; what was said
elsewhere it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.office.history import Said, said
from sync.records import Credential, Record
from sync.scope import may_read, scope_of
from sync.store.base import Store

KINDS = ("household", "member")


def who_said(store: Store, credential: Credential, ids: Sequence[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """id → field → ``{"who", "when", "visit", "confirmed"}``; a record outside the caller's scope is left out."""
    scope = scope_of(credential)
    spoken: dict[str, dict[str, Said]] = {}
    for kind in KINDS:
        records = {id: one for id, one in store.records(kind, ids).items() if may_read(scope, one) and not one.deleted}
        histories = store.histories(kind, list(records))
        spoken |= {id: said(histories.get(id, ()), one.fields) for id, one in records.items()}
    people = store.records("user", sorted({one.actor for fields in spoken.values() for one in fields.values()}))
    return {id: {name: _told(one, people) for name, one in fields.items()} for id, fields in spoken.items()}


def _told(one: Said, people: Mapping[str, Record]) -> dict[str, Any]:
    """when: minutes of the device's own clock. visit: it was said in one. who: also somebody who left, '' for nobody known here."""
    person = people.get(one.actor)
    name = str(person.fields.get("name") or "") if person else ""
    return {"who": name, "when": one.when, "visit": bool(one.submission), "confirmed": one.confirmed}
