"""Print jobs: laid out in worker processes, seen while they run, kept as files, one at a time.

A job is a folder under ``jobs/`` of the data folder: ``job.json`` (the
manifest), and ``result.pdf`` once it is done. A job that was running when the
program stopped is shown as interrupted; starting it again is a new job.
"""

from __future__ import annotations

import contextlib
import json
import logging
import multiprocessing
import os
import queue
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from app.errors import is_disk_full
from app.print import fonts
from sync.store.disk import MB, free

log = logging.getLogger("ruhu.print")

CHUNK = 10
"""Documents in one piece of work: more saves fonts, fewer moves the progress oftener."""
CHUNK_SECONDS = 180
"""A piece that takes longer is given up: a sheet takes a third of a second."""
POLL_SECONDS = 0.2
KEEP_DAYS = 7

QUEUED, RUNNING, DONE = "queued", "running", "done"
FAILED, CANCELLED, INTERRUPTED = "failed", "cancelled", "interrupted"
UNFINISHED = (QUEUED, RUNNING)
BLANK = "form"
"""The kind of a job that shows nobody."""

NO_ROOM = "服务器磁盘空间不足,没有生成文件。请管理员清理磁盘,再重新打印。"

_ID = re.compile(r"[0-9a-f]{24}")


@dataclass(frozen=True)
class Job:
    """A manifest. areas: the villages in it, all of which a reader must be allowed to see.

    done and total count documents. whole: personal numbers stand on it unmasked. households: whose they are.
    """

    id: str
    kind: str
    title: str
    owner: str
    areas: tuple[str, ...]
    total: int
    created: str
    state: str = QUEUED
    done: int = 0
    error: str = ""
    form_id: str = ""
    form_version: str = ""
    whole: bool = False
    households: tuple[str, ...] = ()


class Jobs:
    """All jobs of one data folder. Work happens in one thread, which starts the worker processes.

    folder: ``jobs/``; font_folder keeps the cut font.
    """

    def __init__(self, folder: Path, font_folder: Path, *, workers: int = 0, chunk_seconds: float = CHUNK_SECONDS) -> None:
        self.folder, self.font_folder = folder, font_folder
        self.workers = workers or os.cpu_count() or 1
        self.chunk_seconds = chunk_seconds
        self._lock = threading.Lock()
        self._manifests = threading.Lock()
        self._queue: queue.Queue[tuple[str, Callable[[], Iterable[str]]]] = queue.Queue()
        self._cancelled: set[str] = set()
        self._unwritten: dict[str, Job] = {}
        self._thread: threading.Thread | None = None
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._interrupt_unfinished()

    def start(self, job: Job, documents: Callable[[], Iterable[str]]) -> Job:
        """Queue a job. documents is called in the work thread and gives the pages' HTML."""
        (self.folder / job.id).mkdir(mode=0o700)
        self._write(job)
        self._queue.put((job.id, documents))
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="ruhu-print", daemon=True)
                self._thread.start()
        return job

    def get(self, id: str) -> Job | None:
        if not _ID.fullmatch(id):
            return None
        if id in self._unwritten:
            return self._unwritten[id]
        try:
            loaded: dict[str, Any] = json.loads((self.folder / id / "job.json").read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return Job(**{**loaded, **{name: tuple(loaded.get(name, ())) for name in ("areas", "households")}})

    def all(self) -> list[Job]:
        """Newest first."""
        found = [job for path in self.folder.iterdir() if (job := self.get(path.name))]
        return sorted(found, key=lambda job: (job.created, job.id), reverse=True)

    def result(self, id: str) -> Path:
        return self.folder / id / "result.pdf"

    def cancel(self, id: str) -> None:
        """Stop a job that is not finished; what was laid out so far is dropped."""
        self._cancelled.add(id)
        self._move(id, QUEUED, CANCELLED)  # a running one is stopped by the thread that runs it

    def wait(self, id: str, seconds: float = 60) -> Job:
        """The job once it is finished, or as it is after that time."""
        end = time.monotonic() + seconds
        while (job := self.get(id)) and job.state in UNFINISHED and time.monotonic() < end:
            time.sleep(0.05)
        assert job is not None
        return job

    def sweep(self, before: str) -> None:
        """Remove finished jobs created before that moment: printed sheets hold personal data."""
        for job in self.all():
            if job.created < before and job.state not in UNFINISHED:
                shutil.rmtree(self.folder / job.id, ignore_errors=True)

    def forget(self, households: Iterable[str], areas: Iterable[str]) -> int:
        """Remove every job about one of these households, or about one of their places when it does not say whose it is."""
        gone, places, removed = set(households), set(areas), 0
        for job in self.all():
            unsaid = not job.households and job.kind != BLANK
            if gone & set(job.households) or (unsaid and places & set(job.areas)):
                self.cancel(job.id)
                shutil.rmtree(self.folder / job.id, ignore_errors=True)
                removed += 1
        return removed

    def _move(self, id: str, before: str, after: str) -> Job | None:
        """The job in its new state, or None when it was not in the old one: two threads cannot both move it."""
        with self._manifests:
            job = self.get(id)
            if job is None or job.state != before:
                return None
            moved = replace(job, state=after)
            self._put(moved)
            return moved

    def _write(self, job: Job) -> None:
        with self._manifests:
            self._put(job)

    def _put(self, job: Job) -> None:
        path = self.folder / job.id / "job.json"
        part = path.with_suffix(".part")
        try:
            part.write_text(json.dumps(asdict(job), ensure_ascii=False), "utf-8")
            os.replace(part, path)
        except OSError:
            # A full disk: the page still tells how the job ended, as long as the program runs.
            part.unlink(missing_ok=True)
            self._unwritten[job.id] = job
            return
        self._unwritten.pop(job.id, None)

    def _interrupt_unfinished(self) -> None:
        for job in self.all():
            if job.state in UNFINISHED:
                self._write(replace(job, state=INTERRUPTED, error="程序停止时还没有做完,请重新开始。"))

    def _work(self) -> None:
        while True:
            id, documents = self._queue.get()
            job = self._move(id, QUEUED, RUNNING)
            if job is None:
                continue
            try:
                self._run(job, documents)
            except fonts.PrintingMissing as missing:
                self._fail(id, str(missing))
            except TimeoutError:
                self._fail(id, "有一批表超过时限没有排完,已停止。请少选一些户再打印。")
            except Exception as error:  # one bad job must not end the thread that runs the others
                log.error("print job failed: %s", type(error).__name__)
                full = is_disk_full(error) or free(self.folder) < MB
                self._fail(id, NO_ROOM if full else "排版出错,没有生成文件。请重试;还不行就换一户试试,并告诉管理员。")
            finally:
                self.result(id).with_suffix(".part").unlink(missing_ok=True)
                for piece in (self.folder / id).glob("piece-*.pdf"):
                    piece.unlink(missing_ok=True)

    def _fail(self, id: str, words: str) -> None:
        job = self.get(id)
        if job:
            self._write(replace(job, state=FAILED, error=words))

    def _run(self, job: Job, documents: Callable[[], Iterable[str]]) -> None:
        fonts.check()
        fonts.prepare(self.font_folder)
        pages = list(documents())
        chunks = [pages[start : start + CHUNK] for start in range(0, len(pages), CHUNK)]
        pieces = [self.folder / job.id / f"piece-{number:05d}.pdf" for number in range(len(chunks))]
        job = replace(job, total=len(pages))
        # Spawned, not forked: the server has threads, whose locks a fork would copy held.
        context = multiprocessing.get_context("spawn")
        with context.Pool(min(self.workers, len(chunks)) or 1, _begin, (str(self.font_folder),)) as pool:
            waiting = [
                pool.apply_async(_lay_out, (chunk, str(piece))) for chunk, piece in zip(chunks, pieces, strict=True)
            ]
            for number, one in enumerate(waiting):
                self._await(job.id, one)
                if job.id in self._cancelled:
                    pool.terminate()
                    self._write(replace(job, state=CANCELLED))
                    return
                job = replace(job, done=job.done + len(chunks[number]))
                self._write(job)
        merge(pieces, self.result(job.id))
        self._write(replace(job, state=DONE))

    def _await(self, id: str, one: Any) -> None:
        """Wait for a piece. Raises TimeoutError, and what the worker raised."""
        end = time.monotonic() + self.chunk_seconds
        while not one.ready():
            if id in self._cancelled:
                return
            if time.monotonic() > end:
                raise TimeoutError
            one.wait(POLL_SECONDS)
        one.get()


def new_job(kind: str, title: str, owner: str, areas: Iterable[str], total: int, created: str, **more: Any) -> Job:
    """A job with an id nobody can guess."""
    return Job(secrets.token_hex(12), kind, title, owner, tuple(sorted(set(areas))), total, created, **more)


def merge(pieces: Sequence[Path], target: Path) -> None:
    """One PDF of all pieces, in order; whole or not at all."""
    import pikepdf

    part = target.with_suffix(".part")
    with pikepdf.new() as whole, contextlib.ExitStack() as opened:
        for piece in pieces:
            whole.pages.extend(opened.enter_context(pikepdf.open(piece)).pages)
        whole.save(part)
    os.replace(part, target)


_renderer: Any = None


def _begin(font_folder: str) -> None:
    """In a new worker: load the text engine once."""
    global _renderer
    from app.print.render import Renderer

    _renderer = Renderer(fonts.prepare(Path(font_folder)))


def _lay_out(pages: Sequence[str], target: str) -> None:
    Path(target).write_bytes(_renderer.pdf(pages))
