"""A process that is asked in lines and answers in lines."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress

from app.config import ROOT
from forms.isolated import end


class LineChild:
    """Runs until it ends by itself, or is ended. until: a moment of the clock that never goes back."""

    def __init__(self, command: Sequence[str]) -> None:
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C is for the server, which ends the child when it is done with it
        )  # fmt: skip
        assert self._process.stdin
        os.set_blocking(self._process.stdin.fileno(), False)  # a pipe holds less than many visits
        self._rest = b""
        self.told: set[tuple[str, str]] = set()
        """What it has been told once and keeps."""

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, line: bytes, until: float) -> None:
        """Of a child that has ended, or does not listen until then, nothing is heard: its answer is missing."""
        assert self._process.stdin
        into, rest = self._process.stdin.fileno(), memoryview(line + b"\n")
        with suppress(BrokenPipeError):
            while rest:
                _, ready, _ = select.select([], [into], [], max(0.0, until - time.monotonic()))
                if not ready:
                    return
                rest = rest[os.write(into, rest) :]

    def answer(self, until: float) -> bytes | None:
        """Its next line; None when it ended, or it is late."""
        assert self._process.stdout
        out = self._process.stdout.fileno()
        parts = [self._rest]
        while b"\n" not in parts[-1]:
            ready, _, _ = select.select([out], [], [], max(0.0, until - time.monotonic()))
            part = os.read(out, 1 << 16) if ready else b""
            if not part:
                return None
            parts.append(part)
        line, _, self._rest = b"".join(parts).partition(b"\n")
        return line

    def end(self) -> None:
        end(self._process)
