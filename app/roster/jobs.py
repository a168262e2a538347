"""Imports of one data folder: a folder each, with the file, the plan and how far it is.

A step that reads the file runs in a process of its own (`worker`); taking in
and taking back run in one thread here, in pieces, and go on where they were
after the program was stopped.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import re
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from app.roster.headings import bare
from app.roster.plan import FILE as PLAN_FILE
from app.roster.plan import Plan
from app.roster.worker import Progress, hash_of, write_json
from sync.scope import within

log = logging.getLogger("ruhu.import")

KEEP_DAYS = 90
NOTES = "erased"
"""A roster is personal data; an import can be undone for as long as its folder is kept."""
STEP_SECONDS = 900
POLL_SECONDS = 0.1
PROGRAM = Path(__file__).parents[2]

LOOKING, MAPPING, CHECKING, CHECKED = "looking", "mapping", "checking", "checked"
RUNNING, DONE, UNDOING, UNDONE = "running", "done", "undoing", "undone"
STOPPED, UNDO_STOPPED, FAILED = "stopped", "undo_stopped", "failed"
BUSY = (LOOKING, CHECKING, RUNNING, UNDOING)
_AFTER_A_STOP = {LOOKING: FAILED, CHECKING: MAPPING, RUNNING: STOPPED, UNDOING: UNDO_STOPPED}
_ID = re.compile(r"[0-9a-f]{24}")


@dataclass(frozen=True)
class Import:
    """A manifest. prefixes: the areas of whoever began it, all of which a reader must have."""

    id: str
    name: str
    kind: str
    owner: str
    prefixes: tuple[str, ...]
    created: str
    state: str = LOOKING
    error: str = ""
    sheet: str = ""
    header: int = 0
    targets: tuple[str, ...] = ()
    by_person: bool = True
    mode: str = "fill"
    village: str = ""
    decisions: tuple[tuple[int, str], ...] = ()
    finished: str = ""

    @property
    def file(self) -> str:
        return f"roster{self.kind}"


Work = Callable[["Imports", Import], Import]


class Imports:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._manifests = threading.Lock()
        self._queue: queue.Queue[tuple[str, Work]] = queue.Queue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.stopping = threading.Event()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for job in self.all():
            if job.state in BUSY:
                self.put(replace(job, state=_AFTER_A_STOP[job.state], error="worker" if job.state == LOOKING else ""))
        if to_forget(folder):
            self._wake()

    # --- manifests ----------------------------------------------------------------------------------------

    def new(self, name: str, kind: str, owner: str, prefixes: Iterable[str], now: str) -> Import:
        job = Import(secrets.token_hex(12), name, kind, owner, tuple(prefixes), now)
        self.path(job).mkdir(mode=0o700)
        self.put(job)
        return job

    def get(self, id: str) -> Import | None:
        if not _ID.fullmatch(id):
            return None
        try:
            loaded: dict[str, Any] = json.loads((self.folder / id / "import.json").read_text("utf-8"))
        except (OSError, ValueError):
            return None
        lists = ("prefixes", "targets")
        loaded |= {name: tuple(loaded[name]) for name in lists}
        return Import(**{**loaded, "decisions": tuple((line, said) for line, said in loaded["decisions"])})

    def all(self) -> list[Import]:
        """Newest first."""
        found = [job for path in self.folder.iterdir() if (job := self.get(path.name))]
        return sorted(found, key=lambda job: (job.created, job.id), reverse=True)

    def put(self, job: Import) -> Import:
        with self._manifests:
            write_json(self.path(job) / "import.json", asdict(job))
        return job

    def path(self, job: Import) -> Path:
        return self.folder / job.id

    def plan(self, job: Import) -> Plan | None:
        return Plan(self.path(job)) if (self.path(job) / PLAN_FILE).exists() else None

    def look(self, job: Import) -> list[dict[str, Any]]:
        """The sheets of the file with their first rows; [] before it was looked at."""
        found: list[dict[str, Any]] = _read(self.path(job) / "look.json").get("sheets", [])
        return found

    def read(self, job: Import, name: str) -> dict[str, Any]:
        """What the worker left under that name; {} when nothing is there."""
        return _read(self.path(job) / name)

    def progress(self, job: Import) -> int:
        return int(_read(self.path(job) / Progress.FILE).get("done", 0))

    def remove(self, job: Import) -> None:
        shutil.rmtree(self.path(job), ignore_errors=True)

    def sweep(self, before: str) -> None:
        for job in self.all():
            if job.created < before and job.state not in BUSY:
                self.remove(job)

    def busy_in(self, areas: Iterable[str]) -> bool:
        """Whether something runs for an import that may be about one of these places."""
        return any(job.state in BUSY for job in self._about(areas))

    def forget(self, texts: Iterable[str], areas: Iterable[str]) -> None:
        """Have every import about one of these places removed in whose file one of the texts fills a cell.

        It happens after what runs now; a note keeps it over a restart, and goes when it is done. What cannot be read is
        removed as well: nobody could say that they are not in it.
        """
        if hashes := _hashes(texts):
            (self.folder / NOTES).mkdir(exist_ok=True, mode=0o700)
            write_json(self.folder / NOTES / f"{secrets.token_hex(12)}.json", {"hashes": hashes, "areas": sorted(areas)})
            self._wake()

    def have_forgotten(self, seconds: float) -> bool:
        """Whether that is done, within that time."""
        end = time.monotonic() + seconds
        while to_forget(self.folder) and time.monotonic() < end:
            time.sleep(0.03)
        return not to_forget(self.folder)

    def _forget_noted(self) -> None:
        for note in to_forget(self.folder):
            told = _read(note)
            self._forget(told.get("hashes", []), told.get("areas", []))
            if not self.stopping.is_set():  # what was cut off is done again
                note.unlink(missing_ok=True)

    def _forget(self, hashes: Sequence[str], areas: Iterable[str]) -> None:
        for job in self._about(areas) if hashes else ():
            if self.stopping.is_set():
                break
            wrong = self.in_worker("holds", job, {"hashes": hashes})
            if wrong or self.read(job, "holds.json").get("holds", True):
                self.remove(job)

    def _about(self, areas: Iterable[str]) -> list[Import]:
        places = list(areas)
        return [job for job in self.all() if any(within(area, job.prefixes) for area in places)]

    # --- what a source was told before --------------------------------------------------------------------

    def remembered(self) -> dict[str, str]:
        """Heading → target, as people set it for earlier files with that heading."""
        return {str(name): str(target) for name, target in _read(self.folder / "columns.json").items()}

    def remember(self, names: Iterable[str], targets: Iterable[str]) -> None:
        told = {bare(name): target for name, target in zip(names, targets, strict=False) if bare(name)}
        with self._manifests:
            write_json(self.folder / "columns.json", self.remembered() | told)

    # --- work ---------------------------------------------------------------------------------------------

    def start(self, job: Import, state: str, work: Work) -> Import:
        """Queue a step; the page sees the state at once. work answers the import as it is afterwards."""
        job = self.put(replace(job, state=state, error=""))
        (self.path(job) / Progress.FILE).unlink(missing_ok=True)
        self._wake(job.id, work)
        return job

    def _wake(self, id: str = "", work: Work = lambda _imports, job: job) -> None:
        self._queue.put((id, work))
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="ruhu-import", daemon=True)
                self._thread.start()

    def wait(self, id: str, seconds: float = 60) -> Import:
        """The import once nothing runs for it any more, or as it is after that time."""
        end = time.monotonic() + seconds
        while (job := self.get(id)) and job.state in BUSY and time.monotonic() < end:
            time.sleep(0.03)
        assert job is not None
        return job

    def close(self) -> None:
        """Stop at the next piece; what is not finished goes on when somebody says so."""
        self.stopping.set()
        if self._process:
            self._process.kill()
        if self._thread:
            self._wake()
            self._thread.join(timeout=10)

    def in_worker(self, step: str, job: Import, task: dict[str, Any]) -> str:
        """Run a step of the worker; '' when it succeeded, else a code of app.roster.words."""
        folder = self.path(job)
        (folder / "failed.json").unlink(missing_ok=True)
        write_json(folder / "task.json", task | {"file": job.file, "kind": job.kind, "run": job.id})
        command = [sys.executable, "-m", "app.roster.worker", step, str(folder)]
        environment = {"PYTHONPATH": str(PROGRAM), "PATH": os.environ.get("PATH", ""), "PYTHONDONTWRITEBYTECODE": "1",
                       "SYSTEMROOT": os.environ.get("SYSTEMROOT", ""), "PYTHONUTF8": "1"}  # fmt: skip
        self._process = subprocess.Popen(command, cwd=PROGRAM, env=environment, stderr=subprocess.PIPE)
        try:
            _out, said = self._process.communicate(timeout=STEP_SECONDS)
            code = self._process.returncode
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            return "timeout"
        finally:
            self._process = None
        if code == 0:
            return ""
        if code != 3:
            log.error("an import's worker ended with %s: %s", code, said.decode("utf-8", "replace").strip().split("\n")[-1][:60])
        return str(_read(folder / "failed.json").get("code", "worker"))

    def noting(self, job: Import) -> Callable[[int], None]:
        """What tells the page how many are done."""
        return Progress(self.path(job)).note

    def _work(self) -> None:
        while not self.stopping.is_set():
            id, work = self._queue.get()
            try:
                self._forget_noted()
            except OSError as error:  # the note stays: again at the next step
                log.error("rosters of erased people were not looked through: %s", type(error).__name__)
            job = self.get(id)
            if job is None or job.state not in BUSY:
                continue
            try:
                self.put(work(self, job))
            except Exception as error:  # one bad file must not end the thread that serves the others
                log.error("an import failed: %s", type(error).__name__, exc_info=os.environ.get("RUHU_DEBUG") == "1")
                with contextlib.suppress(OSError):
                    self.put(replace(job, state=_AFTER_A_STOP[job.state], error="worker"))


def to_forget(folder: Path) -> list[Path]:
    """Notes of people who were erased, whose rosters in this folder are still to be looked through."""
    return sorted((folder / NOTES).glob("*.json"))


def _hashes(texts: Iterable[str]) -> list[str]:
    return sorted({hash_of(text) for text in texts if text.strip()})


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found
