"""cheroot's connections with less work a request: lines found in what was read, headers and body in one send.

Where a line is not whole in the buffer yet, cheroot's own reading goes on. Who
sends or takes so slowly that it can only be meant is cut off (`Pace`).
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from cheroot.makefile import StreamReader, StreamWriter
from cheroot.server import HTTPConnection, HTTPRequest

from app import plain_push

# The slowest line that is still served: a quarter of the worst village line (2 kB/s) after half a minute for its turns.
GRACE_SECONDS = 30.0
SLOWEST_BYTES = 500.0
GREETING_SECONDS = 10.0
LISTEN_MS = 5


class Pace:
    """How long a peer let us wait within one request, in one direction, and what came of it.

    Only waiting counts, not what the server itself takes over an answer.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.begin()

    def begin(self) -> None:
        self.waited = 0.0
        self.passed = 0

    def timed(self, move: Callable[[Any], int | None], buffer: Any) -> int | None:
        """One read or write. Raises TimeoutError, in cheroot's words, for whoever is slower than the slowest line."""
        if self.waited - GRACE_SECONDS > self.passed / SLOWEST_BYTES:
            raise TimeoutError("timed out")
        began = self._clock()
        try:
            count = move(buffer)
        finally:
            self.waited += self._clock() - began
        self.passed += count or 0
        return count


class PacedSocket(socket.SocketIO):
    def __init__(self, sock: Any, mode: Any, pace: Pace) -> None:
        super().__init__(sock, mode)
        self._pace = pace

    def readinto(self, buffer: Any) -> int | None:
        return self._pace.timed(super().readinto, buffer)

    def write(self, buffer: Any) -> int | None:
        return self._pace.timed(super().write, buffer)


class LineReader(StreamReader):
    """Finds a line at once instead of looking ahead byte by byte as the slow module does that cheroot builds on."""

    def __init__(self, sock: Any, size: int, pace: Pace) -> None:
        super(StreamReader, self).__init__(PacedSocket(sock, "rb", pace), size)
        self.bytes_read = 0

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

    def __init__(self, sock: Any, size: int, pace: Pace) -> None:
        super(StreamWriter, self).__init__(PacedSocket(sock, "wb", pace), size)
        self.bytes_written = 0

    def write(self, some: bytes) -> int:
        if not self.holding:
            written: int = super().write(some)
            return written
        self._write_buf.extend(some)
        self.bytes_written += len(some)
        return len(some)


class Request(HTTPRequest):
    """Headers go out with the first of the body, or at the end where there is none. A plain push goes a way of its own."""

    push: plain_push.Headers | None = None

    def parse_request(self) -> None:
        heads, bodies = self.server.max_request_header_size, self.server.max_request_body_size
        self.push = plain_push.take_head(self.conn.rfile, heads or plain_push.LARGEST_HEAD, bodies or plain_push.LARGEST)
        self.conn.pushed = self.push is not None
        self.conn.pushed_bytes = int(self.push["CONTENT_LENGTH"]) if self.push else 0
        if self.push is None:
            super().parse_request()
        else:
            self.response_protocol = "HTTP/1.1"
            self.started_request = self.ready = True

    def send_headers(self) -> None:
        self.conn.wfile.holding = True
        try:
            super().send_headers()
        finally:
            self.conn.wfile.holding = False

    def respond(self) -> None:
        if self.push is None:
            super().respond()
            self.conn.wfile.flush()
            return
        answer, stays = plain_push.answered(self, self.push)
        self.sent_headers, self.close_connection = True, not stays
        self.conn.wfile.write(answer)


class Connection(HTTPConnection):
    """The one a server is given as its ConnectionClass.

    pushed: the last request was a plain push; pushed_bytes: of its body. Of a round it was in (`app.rounds`): head: of the
    push that is not whole yet; refused: why its push could not be taken; owed: what is still to be sent, and whether it
    stays open then.
    """

    RequestHandlerClass = Request
    pushed = False
    pushed_bytes = 0
    head: plain_push.Head | None = None
    refused: Exception | None = None
    owed: tuple[bytes, bool] | None = None
    answered_at = 0.0

    def __init__(self, server: Any, sock: Any, makefile: Any = None) -> None:
        self._sending, self._taking = Pace(), Pace()
        self._greeted = not isinstance(sock, ssl.SSLSocket)
        super().__init__(server, sock, self._file_of)

    def _file_of(self, sock: Any, mode: str, size: int) -> LineReader | HoldingWriter:
        return LineReader(sock, size, self._sending) if "r" in mode else HoldingWriter(sock, size, self._taking)

    def communicate(self) -> bool:
        """As cheroot's; but who just had an answer is listened to for a moment, as long as nobody else waits."""
        if self.owed:
            return self._settled(*self.owed)
        while self._answered():
            if self.pushed and self.server.rounds is not None:
                return True
            if not self._speaks_on():
                return True
        return False

    def _settled(self, answer: bytes, stays: bool) -> bool:
        """Send the rest of an answer that did not fit into what the line took at once."""
        self.owed = None
        self._taking.begin()
        try:
            self.wfile.write(answer)
        except OSError:
            return False
        return stays

    def _answered(self) -> bool:
        self._sending.begin()
        self._taking.begin()
        if not self._greeted and not self._greet():
            return False
        stays: bool = super().communicate()
        return stays

    def _speaks_on(self) -> bool:
        """Whether the next request comes at once. Putting the connection aside and taking it up again costs more."""
        if not self.server.ready or self.server.requests.qsize:
            return False
        if self.rfile.has_data():
            return True
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return bool(poll.poll(LISTEN_MS))

    def _greet(self) -> bool:
        """The TLS handshake, by the thread that will answer; False where none comes about."""
        self.socket.settimeout(GREETING_SECONDS)
        try:
            self.socket.do_handshake()
        except OSError:  # an ssl.SSLError is one; plain HTTP, an unknown authority, or nothing more was said
            return False
        self.socket.settimeout(self.server.timeout)
        self._greeted = True
        return True
