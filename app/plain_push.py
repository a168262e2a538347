"""A push that came as plainly as phones send it, read from the buffer and answered without cheroot's general way.

Reading and writing a request with cheroot costs more than taking one visit in.
Nothing is refused here: a head that is not whole, or says anything that needs
thought, is left in the buffer for cheroot.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterable
from email.utils import formatdate
from functools import lru_cache
from typing import Any, NamedTuple

from cheroot.server import KnownLengthRFile

from app.push_lane import PATH
from app.sync_api import REFUSED

LINE = f"POST {PATH} HTTP/1.1\r\n".encode()
LARGEST_HEAD = 8192
LARGEST = 32 * 1024 * 1024
READ_AWAY = 2 * 1024 * 1024
"""More than a phone pushes at once: it has to hear why it was refused."""
_END = b"\r\n\r\n"
# One spelling of a line: no folding, no controls, nothing before the colon that an intermediary might read otherwise.
_HEAD = re.compile(rb"(?:[A-Za-z0-9-]+:[ ]?[\x21-\xff](?:[\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?\r\n)+")
_NEEDS_THOUGHT = frozenset({"HTTP_TRANSFER_ENCODING", "HTTP_EXPECT", "HTTP_UPGRADE", "HTTP_CONNECTION"})
_DIGITS = re.compile("[0-9]{1,9}")
Headers = dict[str, str]


class Head(NamedTuple):
    """Of a plain push. headers: as WSGI calls them. end: where its body begins. length: of the body."""

    headers: Headers
    end: int
    length: int


def head_in(buffer: bytes, begin: int, limit: int, largest: int = LARGEST) -> Head | None:
    """The head of a plain push that begins there, None when anything else does, or not yet all of one.

    limit: bytes of a head. largest: bytes of a body; for a larger one cheroot has an answer.
    """
    if not buffer.startswith(LINE, begin):
        return None
    end = buffer.find(_END, begin, begin + limit) + 2
    head = bytes(buffer[begin + len(LINE) : end])
    if end < 2 or not _HEAD.fullmatch(head):
        return None
    lines = head[:-2].decode("latin-1").split("\r\n")
    found = {_name(name): value.strip(" ") for name, _, value in (line.partition(":") for line in lines)}
    if len(found) < len(lines) or not _NEEDS_THOUGHT.isdisjoint(found) or not _DIGITS.fullmatch(found.get("CONTENT_LENGTH", "")):
        return None
    length = int(found["CONTENT_LENGTH"])
    return Head(found, end + 2, length) if length <= largest else None


def may_become(buffer: bytes, begin: int, limit: int) -> bool:
    """Whether what came so far is the beginning of a push whose head is still under way."""
    came = len(buffer) - begin
    return LINE.startswith(buffer[begin : begin + len(LINE)]) and came < limit and buffer.find(_END, begin) < 0


def take_head(reader: Any, limit: int, largest: int = LARGEST) -> Headers | None:
    """The headers of a plain push, taken from the buffer. Waits for the first bytes, as reading its first line would."""
    if reader._read_pos >= len(reader._read_buf):
        reader.peek(1)
    head = head_in(reader._read_buf, reader._read_pos, limit, largest)
    if head is None:
        return None
    reader.bytes_read += head.end - reader._read_pos
    reader._read_pos = head.end
    return head.headers


@lru_cache(maxsize=256)
def _name(name: str) -> str:
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{key}"


def environ_of(request: Any, head: Headers, body: KnownLengthRFile) -> dict[str, Any]:
    """As cheroot's gateway has it."""
    server, connection = request.server, request.conn
    return {
        "ACTUAL_SERVER_PROTOCOL": server.protocol,
        "PATH_INFO": PATH,
        "QUERY_STRING": "",
        "REMOTE_ADDR": connection.remote_addr or "",
        "REMOTE_PORT": str(connection.remote_port or ""),
        "REQUEST_METHOD": "POST",
        "REQUEST_URI": PATH,
        "SCRIPT_NAME": "",
        "SERVER_NAME": server.server_name,
        "SERVER_PORT": str(server.bind_addr[1]),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": server.software,
        "wsgi.errors": sys.stderr,
        "wsgi.input": body,
        "wsgi.input_terminated": False,
        "wsgi.multiprocess": False,
        "wsgi.multithread": True,
        "wsgi.run_once": False,
        "wsgi.url_scheme": request.scheme.decode(),
        "wsgi.version": (1, 0),
        **head,
        **(connection.ssl_env or {}),
    }


def answered(request: Any, head: Headers) -> tuple[bytes, bool]:
    """What goes out for the push, and whether the connection stays open."""
    server = request.server
    body = KnownLengthRFile(request.conn.rfile, int(head["CONTENT_LENGTH"]))
    said: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        said[:] = [status, headers]
        return written.append

    written: list[bytes] = []
    environ = environ_of(request, head, body)
    if request.conn.refused:  # a round has tried already
        environ[REFUSED], request.conn.refused = request.conn.refused, None
    response: Iterable[bytes] = server.wsgi_app(environ, start_response)
    try:
        written.extend(response)
    finally:
        if hasattr(response, "close"):
            response.close()
    status, headers = said
    payload = b"".join(written)
    # A refusal may come before the body was looked at; a long one is not worth reading for the connection's sake.
    stays = body.remaining <= READ_AWAY and not status.startswith("413") and server.can_add_keepalive_connection
    if stays and body.remaining:
        body.read(body.remaining)
    return spelled(server, status, headers, payload, stays), stays


def spelled(server: Any, status: str, headers: Iterable[tuple[str, str]], payload: bytes, stays: bool) -> bytes:
    """The whole answer as it is sent. stays: the connection remains open."""
    names = {name.lower() for name, _ in headers}
    more = [] if "content-length" in names else [("Content-Length", str(len(payload)))]
    more += [] if stays or "connection" in names else [("Connection", "close")]
    more += [] if "date" in names else [("Date", _date(int(time.time())))]
    more += [] if "server" in names else [("Server", server.server_name)]
    lines = "".join([f"{name}: {value}\r\n" for name, value in (*headers, *more)])
    return f"{server.protocol} {status}\r\n{lines}\r\n".encode("latin-1") + payload


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
