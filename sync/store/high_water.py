"""How far a store had come, kept beside the database, so that an old copy put in its place is noticed.

A node that went on from yesterday's file would give out places and numbers a
second time, and phones would believe to be delivered what is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from sync.store import disk

NAME = "high-water"
OF_DATABASE = "high-water.database"
"""The same of a PostgreSQL that a web host serves, in the host's folder."""
_WIDTH = 160


class HighWater:
    """The file. It is written after each commit and not flushed: being behind the database is harmless."""

    def __init__(self, folder: Path, name: str = NAME) -> None:
        try:
            self._handle = os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise disk.of_os(error, str(folder)) from error

    def is_above(self, epoch: str, last_n: int, last_seq: int) -> bool:
        """Whether this epoch had come further than the database says."""
        try:
            said = json.loads(os.pread(self._handle, _WIDTH, 0))
            return bool(said["epoch"] == epoch and (said["n"] > last_n or said["seq"] > last_seq))
        except (ValueError, KeyError, TypeError):
            return False  # new, or cut by a power failure: nothing is known

    def note(self, epoch: str, last_n: int, last_seq: int) -> None:
        line = json.dumps({"epoch": epoch, "n": last_n, "seq": last_seq})
        with contextlib.suppress(OSError):  # the commit is done: a full disk here is no reason to answer otherwise
            os.pwrite(self._handle, line.ljust(_WIDTH - 1).encode() + b"\n", 0)

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
