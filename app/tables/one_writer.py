"""One writer of the read tables: whoever has their writer connection holds a lock beside the file.

Two writers or checkpointers of one file can lose what was committed on the
SQLite that most machines have (docs/decisions/0007-sqlite.md).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path
from typing import IO

SECONDS = 10.0
"""How long a writer that is about to end is waited for: it notices within moments that the server is gone."""


class AnotherWriter(Exception):
    """The read tables are being written; by: the process, where it can be told."""

    def __init__(self, by: str) -> None:
        self.by = by
        super().__init__(f"another process writes the read tables: {by}")


def hold(path: Path, seconds: float = SECONDS) -> IO[str]:
    """Become the one writer of the tables at that path, until what is answered is closed. Raises AnotherWriter, OSError."""
    handle = open(path.with_suffix(".lock"), "a+", encoding="ascii")  # noqa: SIM115 - held until it is closed
    end = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > end:
                handle.seek(0)
                by = handle.read().strip()
                handle.close()
                raise AnotherWriter(by) from None
            time.sleep(0.02)
    with contextlib.suppress(OSError):  # a full disk: the lock holds without a name on it
        handle.truncate(0)
        os.write(handle.fileno(), str(os.getpid()).encode())
    return handle
