"""When the disk says no: which problem that is, and when a process may not go on.

After a failed flush nobody knows what the disk holds: the kernel may call the
pages clean that it could not write, and a second flush would succeed. So the
process ends at once, answers nobody, and the next start writes the log anew
(`sqlite_file`). Phones and nodes still have what was not answered for.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from sync.problems import Problem

EXIT = 74
"""The exit code of a process that gave its disk up (EX_IOERR)."""
MB = 1024 * 1024

_FULL, _READONLY, _CORRUPT, _NO_DATABASE = 13, 8, 11, 26
_FLUSH = (1034, 1290)  # SQLITE_IOERR_FSYNC, SQLITE_IOERR_DIR_FSYNC
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)

leave: Callable[[int], NoReturn] = os._exit
"""How the process ends: without goodbye, since nothing more may be written or answered. Tests put another one."""


def flush(handle: int) -> None:
    """fsync. A failure ends the process."""
    try:
        os.fsync(handle)
    except OSError as error:
        give_up("flush_failed", f"errno {error.errno}")


def flush_folder(folder: Path) -> None:
    """A new name in a folder must survive a power cut too. A failure ends the process."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        flush(handle)
    finally:
        os.close(handle)


def give_up(code: str, where: str) -> NoReturn:
    """End the process with one clear line."""
    problem = Problem(code, where=where)
    sys.stderr.write(f"✗ {problem.message()} {problem.next()} · {problem.message('en')} {problem.next('en')}\n")
    sys.stderr.flush()
    leave(EXIT)
    raise problem  # only where a test put another way to leave


def of_os(error: OSError, where: str = "") -> Problem:
    """disk_full or store_failed."""
    return Problem("disk_full" if error.errno in _NO_ROOM else "store_failed", where=where)


def of_sqlite(error: sqlite3.Error, folder: Path) -> Problem:
    """What a database error means: disk_full, folder_damaged, folder_read_only or store_failed.

    A failed flush ends the process.
    """
    code = getattr(error, "sqlite_errorcode", 0)
    if code in _FLUSH:
        give_up("flush_failed", str(folder))
    kind = code & 0xFF
    if kind in (_CORRUPT, _NO_DATABASE):
        return Problem("folder_damaged", where=str(folder))
    if kind == _READONLY:
        return Problem("folder_read_only", where=str(folder))
    if kind == _FULL or free(folder) < MB // 16:
        return Problem("disk_full", where=str(folder))
    return Problem("store_failed", where=str(folder))


def free(folder: Path) -> int:
    """Bytes that are free for us on the disk a folder is on."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
