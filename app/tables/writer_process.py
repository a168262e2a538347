"""The one writer of the read tables of a node that serves: a process of its own (docs/decisions/0027-one-writer-of-read-tables.md).

It follows the store, looks at visits again and checks households, behind the
pushes: at lower priority and without sharing their interpreter's lock. The
store it only looks at. It ends when its standard input does, which is when the
server does, however that came about.

    python -m app.tables.writer_process

One line of JSON each way. In: what it is to work on, {"tables", "folder", "database", "checked"}, then
{"n", "look"} for a page that waits, {"forgotten"} once nothing else of the server's shows what is about to be erased.
Out: {"ready"} when the tables are open, {"n"} when a page can go on, {"erased", "areas"} before something is,
{"alive"} now and then while work goes on.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from app.checks import amounts
from app.logs import log_to_stderr
from app.publish import FormShelf
from app.tables.follow import Tables
from app.tables.hands import Hands, store_to_look_at
from app.tables.review import FormReviewer
from app.tables.review_process import ReviewProcess, ReviewProcesses
from app.tables.upkeep import Ask, Upkeep

NICE = 2
"""Pushes come first, but where both cores are busy the tables must not fall far behind."""
FORGET_SECONDS = 30.0
BEAT_SECONDS = 5.0
LAST_SECONDS = 3.0
"""For what is under way when the server is gone. A transaction that is cut off is none."""


def main() -> None:
    os.nice(NICE)
    log_to_stderr()
    heard, said = _own(sys.stdin.fileno(), os.devnull), _own(sys.stdout.fileno(), None)
    work: dict[str, Any] = json.loads(heard.readline() or b"null") or sys.exit(0)
    told = _Told(heard, said)
    threading.Thread(target=told.listen, daemon=True).start()
    folder, database = Path(work["folder"]), str(work["database"])
    store: Any = store_to_look_at(folder, database)
    hands = partial(Hands, folder, database, Path(work["tables"]))
    tables = Tables(work["tables"], store, checked=bool(work["checked"]), hands=hands)
    tables.on_erased = told.forget
    shelf = FormShelf(store)
    where = database or str(folder / "store.db")
    reviewer = ReviewProcesses(lambda: ReviewProcess(where, Path(tables.path), shelf))
    upkeep = Upkeep(tables, reviewer, FormReviewer(tables, store, shelf, amounts()), lambda: datetime.now().astimezone())
    told.begin(upkeep)
    told.say({"ready": os.getpid()})
    threading.Thread(target=told.beat, args=(lambda: tables.pulse,), daemon=True).start()
    upkeep.run()
    tables.close()


class _Told:
    """Listens to the server, from before there is anything to ask until it is gone."""

    def __init__(self, heard: Any, said: Any) -> None:
        self._heard, self._said = heard, said
        self._saying = threading.Lock()
        self._forgotten = threading.Event()
        self._upkeep: Upkeep | None = None
        self._gone = False
        self._lock = threading.Lock()

    def begin(self, upkeep: Upkeep) -> None:
        with self._lock:
            self._upkeep = upkeep
            if self._gone:
                upkeep.stop()

    def listen(self) -> None:
        for line in iter(self._heard.readline, b""):
            asked = json.loads(line)
            if "forgotten" in asked:
                self._forgotten.set()
            elif self._upkeep:  # nobody asks before it has said that it is ready
                self._upkeep.ask(Ask(partial(self.say, {"n": asked["n"]}), bool(asked["look"])))
        last = threading.Timer(LAST_SECONDS, os._exit, (0,))
        last.daemon = True
        last.start()
        with self._lock:
            self._gone = True
            if self._upkeep:
                self._upkeep.stop()

    def forget(self, homes: set[str], areas: set[str]) -> None:
        """Have the server remove what else shows them. Raises TimeoutError: then their rows stay, until the next try."""
        self._forgotten.clear()
        self.say({"erased": sorted(homes), "areas": sorted(areas)})
        if not self._forgotten.wait(FORGET_SECONDS):
            raise TimeoutError("the server did not say that it has removed what shows erased records")

    def beat(self, pulse: Callable[[], int]) -> None:
        """Say that work goes on, as long as it does."""
        last = -1
        while not self._gone:
            if (now := pulse()) != last:
                last = now
                self.say({"alive": now})
            time.sleep(BEAT_SECONDS)

    def say(self, what: dict[str, Any]) -> None:
        with self._saying, suppress(OSError):  # nobody is there to hear it
            self._said.write(json.dumps(what).encode() + b"\n")


def _own(fd: int, instead: str | None) -> Any:
    """The stream on that descriptor for this process alone: what it starts must not keep the server's pipe open.

    instead: what stands there from now on; None is standard error.
    """
    mine = open(os.dup(fd), "rb" if instead else "wb", buffering=-1 if instead else 0)  # noqa: SIM115 - as long as the process
    other = os.open(instead, os.O_RDONLY) if instead else sys.stderr.fileno()
    os.dup2(other, fd)
    return mine


if __name__ == "__main__":
    main()
