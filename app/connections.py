"""cheroot's connections with less work a request: lines found in what was read, headers and body in one send.

Nothing of what is refused or how is decided here; where a line is not whole in
the buffer yet, cheroot's own reading goes on.
"""

from __future__ import annotations

from typing import Any

from cheroot.makefile import StreamReader, StreamWriter
from cheroot.server import HTTPConnection, HTTPRequest


class LineReader(StreamReader):
    """Finds a line at once instead of looking ahead byte by byte as the slow module does that cheroot builds on."""

    def readline(self, size: int | None = -1) -> bytes:
        begin: int = self._read_pos
        buffer: bytes = self._read_buf
        end = buffer.find(b"\n", begin, None if size is None or size < 0 else begin + size) + 1
        if not end:
            line: bytes = super().readline(size)
            return line
        self._read_pos = end
        self.bytes_read += end - begin
        return buffer[begin:end]


class HoldingWriter(StreamWriter):
    """While holding, what is written waits for what is written next."""

    holding = False

    def write(self, some: bytes) -> int:
        if not self.holding:
            written: int = super().write(some)
            return written
        self._write_buf.extend(some)
        self.bytes_written += len(some)
        return len(some)


class Request(HTTPRequest):
    """Headers go out with the first of the body, or at the end where there is none."""

    def send_headers(self) -> None:
        self.conn.wfile.holding = True
        try:
            super().send_headers()
        finally:
            self.conn.wfile.holding = False

    def respond(self) -> None:
        super().respond()
        self.conn.wfile.flush()


class Connection(HTTPConnection):
    """The one a server is given as its ConnectionClass."""

    RequestHandlerClass = Request

    def __init__(self, server: Any, sock: Any, makefile: Any = None) -> None:
        super().__init__(server, sock, _file_of)


def _file_of(sock: Any, mode: str, size: int) -> LineReader | HoldingWriter:
    return LineReader(sock, mode, size) if "r" in mode else HoldingWriter(sock, mode, size)
