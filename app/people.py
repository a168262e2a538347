"""User records by sign-in name, kept up with the store by its cursor."""

from __future__ import annotations

import threading

from sync.problems import Problem
from sync.records import Record, Scope
from sync.store.base import Store

EVERY_USER = Scope(area_prefixes=("",), kinds=("user",))


class People:
    """Finds a person by sign-in name without scanning the store at each sign-in."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cursor: str | None = None
        self._ids: dict[str, str] = {}
        self._lock = threading.Lock()

    def find(self, account: str) -> Record | None:
        """The user record of that name (case folded), or None. Names are unique; the newest record wins."""
        with self._lock:
            try:
                self._catch_up()
            except Problem:  # a stale cursor: the store was restored
                self._cursor, self._ids = None, {}
                self._catch_up()
            found = self._ids.get(account)
        record = self._store.get("user", found) if found else None
        if record is None or record.deleted or record.fields.get("username", "").casefold() != account:
            return None
        return record

    def _catch_up(self) -> None:
        while True:
            page = self._store.pull(EVERY_USER, self._cursor, 500)
            for record in page.records:
                name = record.fields.get("username", "").casefold()
                if name and not record.deleted:
                    self._ids[name] = record.id
            self._cursor = page.cursor
            if not page.more:
                return
