"""How much room the disk has, and what is not taken in any more when there is little.

Photos stop first, so that the ops, which are small and are what people wrote,
still come in; before the last few percent are gone those wait on the phones
too, and the database keeps the room it needs to stay sound.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sync.problems import Problem

FOR_BLOBS, FOR_OPS = 0.10, 0.03
KEPT_SECONDS = 1.0


class Room:
    """Of the disk under a folder; of None, a store elsewhere, there is always room.

    for_blobs, for_ops: the free share below which they are refused. usage: as `shutil.disk_usage`.
    """

    def __init__(
        self, folder: Path | None, *, for_blobs: float = FOR_BLOBS, for_ops: float = FOR_OPS,
        usage: Callable[[Path], Any] = shutil.disk_usage, clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._folder = folder
        self._for_blobs, self._for_ops = for_blobs, for_ops
        self._usage, self._clock = usage, clock
        self._lock = threading.Lock()
        self._known: tuple[float, float] | None = None

    def free(self) -> float:
        """The share of the disk that is free, at most a second old."""
        if self._folder is None:
            return 1.0
        with self._lock:
            now = self._clock()
            if self._known is None or not 0 <= now - self._known[0] < KEPT_SECONDS:
                used = self._usage(self._folder)
                self._known = now, used.free / used.total
            return self._known[1]

    @property
    def low(self) -> bool:
        return self.free() < self._for_blobs

    @property
    def full(self) -> bool:
        return self.free() < self._for_ops

    def take_ops(self) -> None:
        """Raises Problem disk_full when ops have to wait."""
        if self.full:
            raise Problem("disk_full")

    def take_blobs(self) -> None:
        """Raises Problem disk_low when blobs have to wait."""
        if self.low:
            raise Problem("disk_low")
