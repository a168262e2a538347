"""Lines of a large roster, read by a process of its own while they are compared: each is about half of the work.

They come through a pipe in pieces, in their order, so that nothing depends on which of the two is faster.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import IO

from app.roster.lines import Line, Spelling

PIECE = 400
"""Lines."""
_HEAD = 4
_NONE = b"[]"


class Failed(Exception):
    """The process that reads ended with this code, before the end of the file."""

    def __init__(self, code: int) -> None:
        super().__init__(f"reading ended with {code}")
        self.code = code


def write(out: IO[bytes], lines: Iterable[Line]) -> None:
    """The lines, and a piece of none at their end."""
    spelling, rest = Spelling(), iter(lines)
    while True:
        some = list(islice(rest, PIECE))
        piece = spelling.bytes_of(some)
        out.write(len(piece).to_bytes(_HEAD, "big") + piece)
        out.flush()
        if not some:
            return


def read(command: Sequence[str]) -> Iterator[Line] | None:
    """The lines that the command writes; None where no process can be had. Raises Failed while they are read."""
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
    except OSError:
        return None
    return _lines(process)


def _lines(process: subprocess.Popen[bytes]) -> Iterator[Line]:
    spelling = Spelling()
    with process:
        try:
            while piece := _piece(process):
                yield from spelling.lines_of(piece)
        finally:
            process.kill()


def _piece(process: subprocess.Popen[bytes]) -> bytes:
    """The next piece, b'' at the end."""
    assert process.stdout is not None
    length = int.from_bytes(head := process.stdout.read(_HEAD), "big")
    piece = process.stdout.read(length)
    if len(head) < _HEAD or len(piece) < length:
        raise Failed(process.wait() or 1)
    return b"" if piece == _NONE else piece
