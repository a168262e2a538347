"""Photos, signatures and form definitions as files named by their SHA-256.

A blob is whole or it is not there: parts gather in ``<sha256>.part``, which
is renamed only after its hash was checked and its bytes were flushed.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from pathlib import Path
from typing import BinaryIO

from sync.failpoints import reach
from sync.problems import Problem
from sync.store import disk

MAX_BLOB = 64 * 1024 * 1024
_NAME = re.compile(r"[0-9a-f]{64}")


class BlobFolder:
    """Files under one folder, spread over 256 sub-folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str) -> Path:
        """Where the blob lies. Raises Problem not_found for a name that is no SHA-256."""
        if not _NAME.fullmatch(sha256):
            raise Problem("not_found")
        return self.folder / sha256[:2] / sha256

    def received(self, sha256: str) -> int:
        """Bytes of an unfinished blob."""
        try:
            return self._part(sha256).stat().st_size
        except FileNotFoundError:
            return 0

    def append(self, sha256: str, offset: int, length: int, body: bytes) -> int:
        """Add a part; answers the bytes now here. The caller holds a lock for this blob.

        Raises Problem disk_full with what was here before still here. A failed flush drops the part and ends the process.
        """
        if not 0 < length <= MAX_BLOB:
            raise Problem("too_large", limit=MAX_BLOB)
        here = self.received(sha256)
        if offset != here or offset + len(body) > length:
            raise Problem("blob_offset", offset=here)
        part = self._part(sha256)
        self._write(part, here, body)
        reach("blob.part")
        if here + len(body) == length:
            self._finish(sha256, part)
        return here + len(body)

    def remove(self, sha256: str) -> None:
        """Delete it, whole or in part, as far as it is there."""
        for path in (self.path(sha256), self._part(sha256)):
            path.unlink(missing_ok=True)

    def open(self, sha256: str) -> BinaryIO:
        try:
            return self.path(sha256).open("rb")
        except FileNotFoundError:
            raise Problem("not_found") from None

    def _finish(self, sha256: str, part: Path) -> None:
        with part.open("rb") as whole:
            actual = hashlib.file_digest(whole, "sha256").hexdigest()
        if actual != sha256:
            part.unlink()
            raise Problem("blob_digest")
        reach("blob.checked")
        os.replace(part, self.path(sha256))
        disk.flush_folder(part.parent)
        reach("blob.named")

    def _write(self, part: Path, here: int, body: bytes) -> None:
        try:
            part.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with part.open("ab", buffering=0) as out:
                try:
                    written = out.write(body)
                    if written != len(body):
                        raise OSError(errno.ENOSPC, "short write")
                except OSError:
                    out.truncate(here)
                    raise
                self._flush(out.fileno(), part)
        except OSError as error:
            raise disk.of_os(error) from error

    @staticmethod
    def _flush(handle: int, part: Path) -> None:
        try:
            os.fsync(handle)
        except OSError as error:
            # The kernel may call these bytes clean; a phone that went on from here would build on sand.
            part.unlink()
            disk.give_up("flush_failed", f"errno {error.errno}")

    def _part(self, sha256: str) -> Path:
        return self.path(sha256).with_suffix(".part")
