"""The checks as records: the shipped rules that phones keep, and what a county changes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

from app.config import ROOT
from app.publish import EVERYWHERE, OWN_NAME
from app.tables.checks import default_limits
from forms.library import lists_of
from forms.rules.reading import rules_to_wire, shipped
from sync.author import Author
from sync.own import write_own
from sync.records import Op
from sync.store.base import Store

SHIPPED = "shipped"


@lru_cache(maxsize=1)
def amounts() -> dict[str, str]:
    """The limits that rules.md leaves to the shared list of thresholds."""
    rows = lists_of(ROOT / "forms" / "library")
    known = {str(row.get("name", "")): str(row.get("amount", "")) for row in rows if row.get("list_name") == "threshold"}
    return default_limits(known)


def publish_rules(store: Store, clock: Callable[[], datetime]) -> None:
    """Bring the record that phones read up to this program's rules. Only a centre calls it."""
    if (known := store.get("rules", SHIPPED)) and known.fields.get("hash") == shipped().hash:
        return
    write_own(store, OWN_NAME, "", partial(_shipped_ops, store), clock=clock)


def _shipped_ops(store: Store, author: Author) -> list[Op]:
    wire = rules_to_wire(shipped())
    fields = {"hash": wire["hash"], "rules": wire["rules"], "limits": {**wire["limits"], **amounts()}}
    record = store.get("rules", SHIPPED)
    if record is None:
        return [author.create("rules", SHIPPED, EVERYWHERE, fields)]
    if record.fields.get("hash") == wire["hash"]:
        return []
    changes = {name: (record.fields.get(name), value) for name, value in fields.items()}
    return [author.update("rules", SHIPPED, EVERYWHERE, changes, base_rev=record.rev)]


def change_settings(
    store: Store, county: str, actor: str, off: Sequence[str], limits: Mapping[str, str], clock: Callable[[], datetime]
) -> None:
    """What a county uses from now on; phones get it with their next pull. The caller has asked whether this person may."""

    def make(author: Author) -> list[Op]:
        fields: dict[str, Any] = {"off": " ".join(sorted(off)), "limits": dict(sorted(limits.items()))}
        record = store.get("rules", county)
        if record is None:
            return [author.create("rules", county, county.ljust(12, "0"), fields)]
        changes = {n: (record.fields.get(n), v) for n, v in fields.items() if record.fields.get(n) != v}
        return [author.update("rules", county, record.area, changes, base_rev=record.rev)] if changes else []

    write_own(store, "checks", actor, make, clock=clock)
