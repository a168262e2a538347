"""The read tables of a node that serves, as its server has them: read here, written by a process of their own.

The server starts that process, starts it again whenever it ends, and asks it
on behalf of pages to have what was just stored. A page waits for a moment and
then shows what is there: a writer that is away fails no page.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import count
from typing import Any, Protocol

from app.config import ROOT
from app.tables.follow import OnErased
from app.tables.reading import ReadTables

log = logging.getLogger("ruhu.tables")

PATIENCE = 5.0
"""Seconds a page waits. What is stored is nearly always in the tables within some hundredths."""
FAR_BEHIND = 20_000
"""Positions behind at which a page does not wait at all, and says so: somebody reads a whole county in."""
LONG_LIFE = 60.0
LONGEST_REST = 30.0
CLOSE_SECONDS = 10.0
WATCH_SECONDS = 15.0
SILENT_WATCHES = 6
"""Watches without a sign of life from a writer, after which it is ended: it hangs. The next one goes on where it was."""


class Log(Protocol):
    """What is asked of a store."""

    def latest_seq(self) -> int: ...


class _Waiting:
    def __init__(self, look: bool) -> None:
        self.look = look
        self.done = threading.Event()


class TablesElsewhere(ReadTables):
    """work: what the writer is told of where it works (`app.tables.writer_process`). Start it; close it."""

    def __init__(self, path: str, store: Log, work: Mapping[str, Any], command: Sequence[str] | None = None) -> None:
        super().__init__(path)
        self.store = store
        self.on_erased: OnErased | None = None
        self._work = {**work, "tables": path}
        self._command = list(command or (sys.executable, "-m", "app.tables.writer_process"))
        self._child: subprocess.Popen[bytes] | None = None
        self._ready = self._resting = False
        self._lives = False
        self._late = threading.Event()  # shared with `through`
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._waiting: dict[int, _Waiting] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep_one, name="ruhu-tables", daemon=True)
        self._watcher = threading.Thread(target=self._watch, name="ruhu-tables-watch", daemon=True)

    # What pages call

    def catch_up(self, limit: int | None = None, *, wait: bool = False) -> int:
        """Have what is stored now in the tables, if that takes a moment only. As `Tables.catch_up`; answers 0."""
        if 0 < self.behind() <= FAR_BEHIND:
            self._ask(look=False)
        return 0

    def catch_up_and_look(self) -> None:
        """The same, and what follows from the latest: the second look at a visit, the checks over a household."""
        behind = self.behind()
        if behind <= FAR_BEHIND and (behind or self._is_something_new()):
            self._ask(look=True)

    @property
    def late(self) -> bool:
        """Whether a page has waited in vain, and nothing was answered since: the others do not wait."""
        return self._late.is_set()

    def behind(self) -> int:
        """How many positions of the store's log are not yet in the tables."""
        there = self.reading().execute("SELECT value FROM meta WHERE name = 'seq'").fetchone()
        return max(0, self.store.latest_seq() - int(there[0] if there else 0))

    def _is_something_new(self) -> bool:
        sql = "SELECT EXISTS (SELECT 1 FROM submissions WHERE reviewed = 0) OR EXISTS (SELECT 1 FROM check_due)"
        return bool(self.reading().execute(sql).fetchone()[0])

    def _ask(self, look: bool) -> None:
        waiting, number = _Waiting(look), next(self._numbers)
        with self._lock:
            if self._resting or self._stopping.is_set():
                return
            self._waiting[number] = waiting
            if self._ready:
                self._send({"n": number, "look": look})
            patience = 0.0 if self.late else PATIENCE
        done = waiting.done.wait(patience)
        with self._lock:
            self._waiting.pop(number, None)
            if not done and not self.late:
                self._late.set()
                log.warning("the writer of the read tables is late; pages show what is there")

    # The writer

    def start(self) -> None:
        self._thread.start()
        self._watcher.start()

    def close(self) -> None:
        """End the writer and wait for it."""
        with self._lock:
            self._stopping.set()
            child = self._child
            if child:
                _hang_up(child)
        if child:
            try:
                child.wait(CLOSE_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
        if self._thread.is_alive():
            self._thread.join(CLOSE_SECONDS)
        super().close()

    @property
    def writer(self) -> int | None:
        """The writer's process, once it has the tables open."""
        child = self._child
        return child.pid if child and self._ready else None

    def _keep_one(self) -> None:
        rest = 0.0
        while not self._stopping.wait(rest):
            began = time.monotonic()
            ended = self._one_life()
            if self._stopping.is_set():
                return
            log.error("the writer of the read tables ended (%s) and is started again", ended)
            # One that was killed comes back at once; one that cannot live is not tried over and over.
            rest = 0.0 if time.monotonic() - began > LONG_LIFE else min(LONGEST_REST, 2 * rest + 0.5)
            if rest > PATIENCE:
                self._let_go()

    def _watch(self) -> None:
        """End a writer that lives without a sign of life. Watches are counted, not seconds: this process may have slept itself."""
        silent = 0
        while not self._stopping.wait(WATCH_SECONDS):
            with self._lock:
                silent = 0 if self._lives or not self._ready else silent + 1
                self._lives = False
                child = self._child
            if silent >= SILENT_WATCHES and child:
                log.error("the writer of the read tables gave no sign of life for %d s and is ended", silent * WATCH_SECONDS)
                child.kill()
                silent = 0

    def _one_life(self) -> str:
        """From the writer's start to its end; answers how it ended."""
        try:
            child = self._begin()
        except OSError as error:  # no memory for another process, or none may be made
            return type(error).__name__
        with child:
            for line in child.stdout or ():
                self._heard(json.loads(line))
            with self._lock:
                self._ready = False
            return str(child.wait())

    def _begin(self) -> subprocess.Popen[bytes]:
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        child = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C is for the server, which ends the writer when it is done with it
        )  # fmt: skip
        assert child.stdin
        os.set_blocking(child.stdin.fileno(), False)  # a writer that hears nothing must not hold a page
        with self._lock:
            self._child = child
            self._send(self._work)
            if self._stopping.is_set():
                _hang_up(child)
        self._work["checked"] = False  # the next one may come because the file is damaged
        return child

    def _heard(self, told: Mapping[str, Any]) -> None:
        self._lives = True
        if "alive" in told:
            return
        if "erased" in told:
            self._forget(told)
            return
        with self._lock:
            if "ready" in told:
                self.reopen()
                self._ready, self._resting = True, False
                self._late.clear()
                for number, one in self._waiting.items():
                    self._send({"n": number, "look": one.look})
                return
            self._late.clear()
            if waiting := self._waiting.get(told["n"]):
                waiting.done.set()

    def _forget(self, told: Mapping[str, Any]) -> None:
        """What the writer is about to take out of the tables; it waits for our word, and asks again without it."""
        try:
            if self.on_erased:
                self.on_erased(set(told["erased"]), set(told["areas"]))
        except Exception as error:
            log.error("what shows erased records was not removed: %s", type(error).__name__)
            return
        with self._lock:
            self._send({"forgotten": True})

    def _let_go(self) -> None:
        """Pages do not wait for a writer that is not there."""
        with self._lock:
            self._resting = True
            for waiting in self._waiting.values():
                waiting.done.set()

    def _send(self, what: Mapping[str, Any]) -> None:
        assert self._child and self._child.stdin
        with suppress(OSError, ValueError):  # it has ended or does not listen: whoever waits goes on after a while
            os.write(self._child.stdin.fileno(), json.dumps(what).encode() + b"\n")


def _hang_up(child: subprocess.Popen[bytes]) -> None:
    with suppress(OSError):
        if child.stdin:
            child.stdin.close()
