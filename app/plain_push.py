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
from typing import Any

from cheroot.server import KnownLengthRFile

from app.push_lane import PATH

LINE = f"POST {PATH} HTTP/1.1\r\n".encode()
LARGEST = 32 * 1024 * 1024
READ_AWAY = 2 * 1024 * 1024
"""More than a phone pushes at once: it has to hear why it was refused."""
_END = b"\r\n\r\n"
# One spelling of a line: no folding, no controls, nothing before the colon that an intermediary might read otherwise.
_HEAD = re.compile(rb"(?:[A-Za-z0-9-]+:[ ]?[\x21-\xff](?:[\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?\r\n)+")
_NEEDS_THOUGHT = frozenset({"HTTP_TRANSFER_ENCODING", "HTTP_EXPECT", "HTTP_UPGRADE", "HTTP_CONNECTION"})
_DIGITS = re.compile("[0-9]{1,9}")
Headers = dict[str, str]


def take_head(reader: Any, limit: int, largest: int = LARGEST) -> Headers | None:
    """The headers of a plain push as WSGI calls them, taken from the buffer; None when anything else is there.

    limit: bytes of a head. largest: bytes of a body; for a larger one cheroot has an answer. Waits for the first
    bytes of a request, as reading its first line would.
    """
    if reader._read_pos >= len(reader._read_buf):
        reader.peek(1)
    buffer, begin = reader._read_buf, reader._read_pos
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
    if int(found["CONTENT_LENGTH"]) > largest:
        return None
    reader._read_pos = end + 2
    reader.bytes_read += end + 2 - begin
    return found


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
    response: Iterable[bytes] = server.wsgi_app(environ_of(request, head, body), start_response)
    try:
        written.extend(response)
    finally:
        if hasattr(response, "close"):
            response.close()
    status, headers = said
    payload = b"".join(written)
    names = {name.lower() for name, _ in headers}
    # A refusal may come before the body was looked at; a long one is not worth reading for the connection's sake.
    stays = body.remaining <= READ_AWAY and not status.startswith("413") and server.can_add_keepalive_connection
    if stays and body.remaining:
        body.read(body.remaining)
    more = [] if "content-length" in names else [("Content-Length", str(len(payload)))]
    more += [] if stays or "connection" in names else [("Connection", "close")]
    more += [] if "date" in names else [("Date", _date(int(time.time())))]
    more += [] if "server" in names else [("Server", server.server_name)]
    lines = "".join([f"{name}: {value}\r\n" for name, value in (*headers, *more)])
    return f"{server.protocol} {status}\r\n{lines}\r\n".encode("latin-1") + payload, stays


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
