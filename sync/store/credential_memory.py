"""Whose token is whose, remembered between requests until anything it follows from changes.

A phone shows its token with every request, and looking it up anew is dear
beside taking in a visit. Rights must change at once, so the database itself
tells when an install or a person was written, whoever wrote it: temporary
triggers on the one writer's connection.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable

from sync.records import Credential

# Written at every contact; nobody's rights follow from them.
_IDLE_COLUMNS = frozenset({"last_seen", "made_dseq"})


class CredentialMemory:
    """Credentials by hash of their token. Unknown tokens are not remembered: anyone can make those up."""

    def __init__(self) -> None:
        self._known: dict[str, Credential] = {}
        self._lock = threading.Lock()
        self._changed = False
        self._generation = 0

    def watch(self, writer: sqlite3.Connection) -> None:
        """Have the writer's connection tell of every change to installs and people."""
        writer.create_function("rights_changed", 0, self._note)
        columns = [row[1] for row in writer.execute("PRAGMA table_info(install)")]
        telling = ", ".join(name for name in columns if name not in _IDLE_COLUMNS)
        tell = "BEGIN SELECT rights_changed(); END"
        for name, event in (
            ("install_new", "INSERT ON main.install"),
            ("install_gone", "DELETE ON main.install"),
            ("install_other", f"UPDATE OF {telling} ON main.install"),
            ("user_new", "INSERT ON main.record WHEN new.kind = 'user'"),
            ("user_gone", "DELETE ON main.record WHEN old.kind = 'user'"),
            ("user_other", "UPDATE ON main.record WHEN new.kind = 'user'"),
        ):
            writer.execute(f"CREATE TEMP TRIGGER {name} AFTER {event} {tell}")

    def _note(self) -> None:
        self._changed = True

    def committed(self) -> None:
        """What was told of is on disk now; before that, a reader would have found the old state again."""
        if self._changed:
            self._changed = False
            with self._lock:
                self._generation += 1
                self._known.clear()

    def get(self, key: str, look_up: Callable[[], Credential | None]) -> Credential | None:
        """The remembered one, or what look_up finds; kept unless something changed while it looked."""
        found = self._known.get(key)
        if found is not None:
            return found
        generation = self._generation
        found = look_up()
        if found is not None:
            with self._lock:
                if generation == self._generation:
                    self._known[key] = found
        return found
