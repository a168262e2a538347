"""Disks that fail: a small one that fills up, and one whose flushes fail. Each says why it cannot be had here."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SHIM = Path(__file__).with_name("harm.c")


class SmallDisk:
    """A folder on a disk of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, leave: int = 0) -> None:
        """Use up the room but that many bytes."""
        with self._ballast.open("ab", buffering=0) as out:
            for size in (65536, 4096, 512, 1):
                try:
                    while self.free() > leave + (size if leave else 0) or not leave:
                        out.write(b"\0" * size)
                except OSError:
                    pass

    def empty(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def free(self) -> int:
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize


@contextmanager
def small_disk(folder: Path, size: str = "8m") -> Iterator[SmallDisk]:
    """A tmpfs of that size; skips the test where nobody may mount one."""
    folder.mkdir()
    mount = shutil.which("mount")
    made = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)], capture_output=True
    )
    if not made or made.returncode:
        pytest.skip("no small disk here: a tmpfs can be mounted by root only")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


class FailingFlush:
    """Makes the flushes of a server process fail at will; ``env`` goes into its environment."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            pytest.skip("no failing flushes here: a C compiler is needed (cc)")
        library = folder / "harm.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(SHIM)], check=True)
        self._flag = folder / "harm.flag"
        self.env = {"LD_PRELOAD": str(library), "HARM_FLAG": str(self._flag)}

    def begin(self, path_holds: str) -> None:
        """From now on flushing a file whose path holds that text fails."""
        part = self._flag.with_suffix(".part")
        part.write_text(path_holds)
        os.replace(part, self._flag)

    def end(self) -> None:
        self._flag.unlink(missing_ok=True)
