"""The part that opens a stranger's file: a process of its own, with a limit on its memory.

    python -m app.roster.worker look FOLDER     first rows of every sheet → look.json
    python -m app.roster.worker compare FOLDER  the whole file against the register → plan.db
    python -m app.roster.worker lines FOLDER    the lines of the file, read, for `compare` → stdout
    python -m app.roster.worker areas FOLDER    codes and names of places → areas.json
    python -m app.roster.worker holds FOLDER    whether one of some texts stands in a cell → holds.json
    python -m app.roster.worker staff FOLDER    people who are to get accounts → staff.json

What it is to do lies in the folder (``task.json``); how far it is, in
``progress.json``; why it gave up, in ``failed.json``.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from itertools import chain, islice
from pathlib import Path
from typing import Any

from app.areas import read_list
from app.codelists import code_lists
from app.roster import beside, reading, unpacked
from app.roster.cells import Reader
from app.roster.compare import Comparison, Wish
from app.roster.headings import find_header
from app.roster.known import Known
from app.roster.lines import Line, Lines
from app.roster.places import Places
from app.roster.plan import Writer
from app.roster.staff import MOST as STAFF_AT_MOST
from app.roster.staff import read_list as read_staff
from app.roster.staff import to_text

MEMORY = 2 * 1024**3
LOOKED_AT = 30
PROGRESS_SECONDS = 0.5
BESIDE_FROM = 1_000_000
"""Bytes of a file, of some thousands of people, from which on reading it in a process of its own is worth its start."""


def look(folder: Path, task: dict[str, Any]) -> None:
    """The sheets with their first rows and the header each seems to have; all rows are kept for comparing."""
    path, kind = folder / task["file"], task["kind"]
    found = []
    for name in reading.sheets(path, kind):
        rows = reading.rows(path, kind, name)
        first = list(islice(rows, LOOKED_AT))
        if any(cell for row in first for cell in row):
            if kind != ".csv":
                unpacked.keep(folder, name, chain(first, rows))
            found.append({"name": name, "first": first, "header": find_header(first).line})
    if not found:
        raise reading.Unreadable("empty_file")
    write_json(folder / "look.json", {"sheets": found})


def compare(folder: Path, task: dict[str, Any]) -> None:
    known, places = _register(task)
    writer = Writer(folder)
    wish = Wish(tuple(task["targets"]), task["by_person"], task["mode"],
                {int(line): said for line, said in task["decisions"].items()})  # fmt: skip
    comparison = Comparison(task["run"], wish, known, places, plan=writer.plan, say=writer.say)
    progress = Progress(folder)
    for line in _lines(folder, task, places):
        comparison.take(line)
        progress.note(line.number)
    counts = comparison.finish()
    writer.close({"counts": dict(counts)})
    known.close()


def lines(folder: Path, task: dict[str, Any]) -> None:
    known, places = _register(task)
    known.close()
    beside.write(sys.stdout.buffer, _read(folder, task, places))


def _lines(folder: Path, task: dict[str, Any], places: Places) -> Iterable[Line]:
    """Read by another process while this one compares, where that is worth its start and can be had."""
    large = (folder / task["file"]).stat().st_size >= BESIDE_FROM and (os.cpu_count() or 1) > 1
    found = beside.read([sys.executable, "-m", "app.roster.worker", "lines", str(folder)]) if large else None
    return _read(folder, task, places) if found is None else found


def _read(folder: Path, task: dict[str, Any], places: Places) -> Iterator[Line]:
    today = date.fromisoformat(task["today"])
    read = Lines(task["targets"], task["by_person"], Reader(code_lists(), today), places, today)
    return read.each(_numbered(folder, task))


def _numbered(folder: Path, task: dict[str, Any]) -> Iterator[tuple[int, reading.Row]]:
    found = unpacked.rows(folder, task["sheet"])
    rows = reading.rows(folder / task["file"], task["kind"], task["sheet"]) if found is None else found
    for number, row in enumerate(rows, 1):
        if number - task["header"] > reading.MOST_ROWS:
            raise reading.Unreadable("too_many_rows")
        if number > task["header"]:
            yield number, row


def _register(task: dict[str, Any]) -> tuple[Known, Places]:
    known = Known(Path(task["read_db"]), *task["scope"], task["targets"])
    return known, Places(known.area_names(), task["prefixes"], task["village"], known.successors())


def areas(folder: Path, task: dict[str, Any]) -> None:
    """A list of codes and names → areas.json."""
    path, kind = folder / task["file"], task["kind"]
    every = (row for name in reading.sheets(path, kind) for row in reading.rows(path, kind, name))
    found = read_list(islice(every, reading.MOST_ROWS))
    write_json(folder / "areas.json", {"places": found.places, "faults": found.faults})


def staff(folder: Path, task: dict[str, Any]) -> None:
    """The people of the first sheet that lists any, line by line; ``lines`` is missing where none does."""
    path, kind = folder / task["file"], task["kind"]
    for name in reading.sheets(path, kind):
        rows = list(islice(reading.rows(path, kind, name), LOOKED_AT + 2 * STAFF_AT_MOST))
        listed = read_staff(rows)
        if listed is not None:
            write_json(folder / "staff.json", {"lines": to_text(listed[: STAFF_AT_MOST + 1])})
            return
    write_json(folder / "staff.json", {})


def holds(folder: Path, task: dict[str, Any]) -> None:
    """The texts are told by their hashes: who was erased is written nowhere again."""
    path, kind, wanted = folder / task["file"], task["kind"], set(task["hashes"])
    every = (cell for name in reading.sheets(path, kind) for row in reading.rows(path, kind, name) for cell in row if cell)
    write_json(folder / "holds.json", {"holds": any(hash_of(cell) in wanted for cell in every)})


def hash_of(text: str) -> str:
    """Of a cell however it is spaced."""
    return hashlib.sha256("".join(text.split()).upper().encode()).hexdigest()


class Progress:
    """How far a step is, in the folder's file, and no oftener than a page asks: each time is a wait for the disk."""

    FILE = "progress.json"

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock, self._next = folder / self.FILE, clock, 0.0

    def note(self, done: int) -> None:
        now = self._clock()
        if now >= self._next:
            self._next = now + PROGRESS_SECONDS
            write_json(self._path, {"done": done})


def write_json(path: Path, value: Any) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value, ensure_ascii=False), "utf-8")
    os.replace(part, path)


def main(argv: list[str]) -> int:
    step, folder = argv[0], Path(argv[1])
    task = json.loads((folder / "task.json").read_text("utf-8"))
    try:
        STEPS[step](folder, task)
    except beside.Failed as failed:
        return failed.code  # it has said why
    except reading.Unreadable as error:
        write_json(folder / "failed.json", {"code": str(error)})
        return 3
    except MemoryError:
        write_json(folder / "failed.json", {"code": "too_large"})
        return 3
    return 0


STEPS = {"look": look, "compare": compare, "lines": lines, "areas": areas, "holds": holds, "staff": staff}


def limit_memory() -> None:
    with contextlib.suppress(ImportError):  # Windows has no such limit
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


if __name__ == "__main__":
    limit_memory()
    gc.disable()  # it ends soon, and makes no circles: looking for some is a fifth of its time
    sys.exit(main(sys.argv[1:]))
