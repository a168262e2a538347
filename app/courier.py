"""The courier desk of a node: files made here, files brought here, and what became of them.

Each file that is brought is an errand with a folder entry of its own: the file under a name made here,
the facts as JSON beside it, and the receipts that answer it. The work runs in a thread; a node that was
stopped meanwhile says so, and the file can be taken in once more: nothing is taken twice.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from app import keys
from app.upstream import read_upstream
from sync.carry_back import read_receipts, write_receipts
from sync.carry_in import FilePart, Taken, missing_blobs, take_in
from sync.carry_out import Carried, Carrier, carry_out
from sync.courier import ENDING, OPS, RECEIPTS, Head, Reader
from sync.devices import register
from sync.identity import ABOVE_ALL, Identity, noted
from sync.ids import new_id
from sync.problems import Problem
from sync.records import CENTRE
from sync.relay import Transport
from sync.sealed import key_id
from sync.store.base import Store

log = logging.getLogger("ruhu.courier")

FOLDER = "courier"
MOST_BYTES = 600 * 1024 * 1024
LARGEST_CLOSED = 24 * 1024 * 1024
"""Of a file that goes by network, in one request."""
KEEP_DAYS = 60
"""As long as a node keeps what it sent: receipts may travel for weeks."""
CLOSE_SECONDS = 15.0

RUNNING, DONE, FAILED, CARRIED, INTERRUPTED = "running", "done", "failed", "carried", "interrupted"


@dataclass(frozen=True)
class Errand:
    """One file that was brought. problem: code of what stopped it; found: what was in it, as numbers and ids;
    up: when a carried file went to the node above by network."""

    id: str
    kind: str
    file_id: str
    sender: str
    at: str
    by: str
    size: int
    state: str = RUNNING
    parts: int = 0
    problem: str = ""
    found: dict[str, Any] = field(default_factory=dict)
    answered: bool = False
    up: str = ""


class Desk:
    """The courier files of one node."""

    def __init__(self, store: Store, data_dir: Path, clock: Callable[[], datetime]) -> None:
        self._store, self._data_dir, self._now = store, data_dir, clock
        self.folder = data_dir / FOLDER
        self._lock = threading.Lock()
        self._running: dict[str, Errand] = {}
        self._workers: set[threading.Thread] = set()

    # --- out ------------------------------------------------------------------------------------------

    @property
    def is_centre(self) -> bool:
        return self._store.tier == CENTRE

    def make(self, out: IO[bytes]) -> tuple[str, Carried]:
        """Write this node's file; answers its id and what it holds. Raises Problem."""
        file_id = new_id()
        along = [(errand.file_id, self.path(errand)) for errand in self.all() if errand.state == CARRIED]
        # The centre must know whose ops these are before it meets them.
        register(self._store, self._me.public.sign, self._joined["area"], clock=self._now)
        centre = noted(self._store, ABOVE_ALL)
        return file_id, carry_out(self._store, out, self._carrier(), centre=centre.seal if centre else "",
                                  file_id=file_id, files=along)  # fmt: skip

    def send_up(self, ask: Transport) -> bool:
        """Hand what is carried for the centre to the node above; answers whether anything went. Raises Problem upstream_silent."""
        moved = False
        for errand in self.all():
            if errand.state != CARRIED or errand.up or errand.size > LARGEST_CLOSED:
                continue
            reply = ask("POST", "/sync/v1/closed", self.path(errand).read_bytes(), {"Content-Type": "application/octet-stream"})
            if reply.status == 202:
                # It may have been answered by file meanwhile.
                now = self.get(errand.id) or errand
                self._note(replace(now, up=self._now().isoformat(timespec="seconds")))
                moved = True
        return moved

    def _carrier(self) -> Carrier:
        return Carrier(self._joined["install_id"], self._me.signing, self._me.public.seal)

    @property
    def _joined(self) -> dict[str, Any]:
        known = read_upstream(self._data_dir)
        if known is None:
            raise Problem("courier_no_centre_key")
        return known

    # --- in -------------------------------------------------------------------------------------------

    def bring(self, source: IO[bytes], *, by: str, now: datetime, wait: bool = False) -> Errand:
        """Keep a file and begin with it. Raises Problem for one that cannot be used here at all."""
        errand_id = new_id()
        self.folder.mkdir(mode=0o700, exist_ok=True)
        path = self.folder / f"{errand_id}.{ENDING}"
        try:
            size = _save(source, path)
            with path.open("rb") as body:
                head = Reader(body).head
            self._refuse(head)
            errand = Errand(errand_id, head.kind, head.id, head.sender, now.isoformat(timespec="seconds"), by, size)
            if head.kind == OPS and not self._opens(head):
                errand = self._carry(errand)
                self._note(errand)
                return errand
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        self._start(errand, wait)
        return errand if not wait else self.get(errand_id) or errand

    def again(self, id: str) -> None:
        """Take in once more what was interrupted, or what waited for another file."""
        errand = self.get(id)
        if errand is None or errand.state not in (FAILED, INTERRUPTED) or not self.path(errand).exists():
            raise Problem("not_found")
        self._start(replace(errand, state=RUNNING, parts=0, problem=""), False)

    def all(self) -> list[Errand]:
        """Every errand still kept, the newest first."""
        found = [self.get(path.stem) for path in self.folder.glob("*.json")] if self.folder.exists() else []
        return sorted((one for one in found if one), key=lambda one: one.id, reverse=True)

    def get(self, id: str) -> Errand | None:
        if running := self._running.get(id):
            return running
        try:
            errand = Errand(**json.loads((self.folder / f"{_plain(id)}.json").read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return replace(errand, state=INTERRUPTED) if errand.state == RUNNING else errand

    def path(self, errand: Errand) -> Path:
        return self.folder / f"{errand.id}.{ENDING}"

    def answer(self, errand: Errand) -> Path:
        """Where its receipts are."""
        return self.folder / f"{errand.id}.back.{ENDING}"

    def sweep(self, before: str) -> None:
        """Forget errands from before that moment."""
        for errand in self.all():
            if errand.at < before and (errand.state not in (RUNNING, CARRIED) or errand.up):
                for path in (self.path(errand), self.answer(errand), self.folder / f"{errand.id}.json"):
                    path.unlink(missing_ok=True)

    # --- keys -----------------------------------------------------------------------------------------

    @property
    def _me(self) -> Identity:
        return keys.identity(self._data_dir)

    def _opens(self, head: Head) -> bool:
        return head.to == key_id(self._me.sealing)

    def _refuse(self, head: Head) -> None:
        """What this node can do nothing with."""
        if head.kind not in (OPS, RECEIPTS):
            raise Problem("courier_foreign")
        if head.kind == OPS and self.is_centre and not self._opens(head):
            raise Problem("courier_not_for_us")
        if head.kind == RECEIPTS and (self.is_centre or head.reader != self._carrier().install_id):
            if carried := next((one for one in self.all() if one.file_id == head.about and one.state == CARRIED), None):
                raise Problem("courier_for_a_phone", where=carried.sender)
            raise Problem("courier_other_device")

    # --- the work -------------------------------------------------------------------------------------

    def _carry(self, errand: Errand) -> Errand:
        """A file for the centre: kept, and taken along with our next. The same file twice is kept once."""
        for one in self.all():
            if one.file_id == errand.file_id and one.state in (CARRIED, DONE) and one.id != errand.id:
                self.path(one).unlink(missing_ok=True)
                (self.folder / f"{one.id}.json").unlink(missing_ok=True)
        return replace(errand, state=CARRIED)

    def _start(self, errand: Errand, wait: bool) -> None:
        self._note(errand)
        worker = threading.Thread(target=self._work, args=(errand,), name="ruhu-courier", daemon=True)
        with self._lock:
            self._running[errand.id] = errand
            self._workers = {one for one in self._workers if one.is_alive()} | {worker}
            worker.start()
        if wait:
            worker.join()

    def close(self) -> None:
        """Wait for what is under way, before the store is closed; what takes longer waits for `again`."""
        end = time.monotonic() + CLOSE_SECONDS
        with self._lock:
            workers = list(self._workers)
        for worker in workers:
            worker.join(max(0.0, end - time.monotonic()))

    def _work(self, errand: Errand) -> None:
        def told(parts: int) -> None:
            self._running[errand.id] = replace(errand, parts=parts)

        try:
            done = self._taken_in(errand, told) if errand.kind == OPS else self._read(errand, told)
        except Problem as problem:
            done = replace(errand, state=FAILED, problem=problem.code)
        except Exception as error:
            log.error("a courier file could not be taken in: %s", type(error).__name__)
            done = replace(errand, state=FAILED, problem="store_failed")
        self._note(done)
        with self._lock:
            self._running.pop(errand.id, None)
        if done.state == DONE and not done.problem:
            self.path(done).unlink(missing_ok=True)

    def _taken_in(self, errand: Errand, told: Any) -> Errand:
        store = self._store
        along = _Along(self.folder / f"{errand.id}.along")
        with self.path(errand).open("rb") as source:
            taken = take_in(store, source, self._me.sealing, now=self._now, told=told, along=along.take)
        back = []
        for file_id, path in along.whole():
            with path.open("rb") as source:
                inner = self.bring(source, by=errand.by, now=self._now(), wait=True)
            if inner.answered:
                back.append((file_id, self.answer(inner)))
        along.clear()
        part = self.answer(errand).with_suffix(".part")
        with part.open("wb") as out:
            write_receipts(store, out, taken, self._me, file_id=new_id(), now=self._now(), files=back)
            out.flush()
            os.fsync(out.fileno())
        os.replace(part, self.answer(errand))
        return replace(errand, state=DONE, problem=taken.end, found=_summary(store, taken, len(back)), answered=True)

    def _read(self, errand: Errand, told: Any) -> Errand:
        centre = noted(self._store, ABOVE_ALL)
        along = _Along(self.folder / f"{errand.id}.along")
        with self.path(errand).open("rb") as source:
            read = read_receipts(self._store, source, install_id=self._carrier().install_id, key=self._me.sealing,
                                 centre=centre.sign if centre else "", told=told, along=along.take)  # fmt: skip
        carried = {one.file_id: one for one in self.all() if one.state in (CARRIED, DONE)}
        for file_id, path in along.whole():
            if one := carried.get(file_id):
                os.replace(path, self.answer(one))
                self._note(replace(one, state=DONE, answered=True))
        along.clear()
        return replace(errand, state=DONE, problem=read.end, found=read._asdict())

    def _note(self, errand: Errand) -> None:
        part = self.folder / f"{errand.id}.json.part"
        part.write_text(json.dumps(asdict(errand), ensure_ascii=False), "utf-8")
        os.replace(part, self.folder / f"{errand.id}.json")


class _Along:
    """Files that came inside another, gathered under one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lengths: dict[str, int] = {}

    def take(self, part: FilePart, body: bytes) -> None:
        if part.length > MOST_BYTES or part.offset + len(body) > part.length:
            raise Problem("too_large", limit=MOST_BYTES)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._lengths[part.id] = part.length
        path = self._folder / part.id
        here = path.stat().st_size if path.exists() else 0
        if here == part.offset:
            with path.open("ab") as out:
                out.write(body)

    def whole(self) -> Iterator[tuple[str, Path]]:
        for id, length in self._lengths.items():
            path = self._folder / id
            if path.exists() and path.stat().st_size == length:
                yield id, path

    def clear(self) -> None:
        if self._folder.exists():
            for path in self._folder.iterdir():
                path.unlink()
            self._folder.rmdir()


def _summary(store: Store, taken: Taken, along: int) -> dict[str, Any]:
    """What the page tells: numbers, problem codes, and ids of installs."""
    return {
        "signed": taken.signed, "ops": taken.ops, "results": dict(taken.results), "asides": dict(taken.asides),
        "gaps": taken.gaps, "faults": dict(taken.faults), "installs": len(taken.logs), "blobs": len(taken.named),
        "missing": len(missing_blobs(store, taken)), "along": along,
    }  # fmt: skip


def _save(source: IO[bytes], path: Path) -> int:
    """Raises Problem too_large, disk_full."""
    size = 0
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            while chunk := source.read(1024 * 1024):
                size += len(chunk)
                if size > MOST_BYTES:
                    raise Problem("too_large", limit=MOST_BYTES)
                out.write(chunk)
    except OSError as error:
        raise Problem("disk_full") from error
    return size


def _plain(id: str) -> str:
    """An errand's id as it was made; anything else names no file."""
    return id if all(letter in "0123456789abcdef-" for letter in id) else "none"
