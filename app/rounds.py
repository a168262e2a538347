"""Rounds of pushes: one thread hears out many connections, and what all of them have said goes into one commit.

A thread for each connection costs more than taking its push in: they wake each
other over the interpreter's lock, and few come together in a commit. Who has
just pushed is therefore listened to here for a while. Only what is whole is
taken up, nothing is waited for: all that is unusual, slow or refused goes back,
with every byte that came, to the threads that know how to deal with it.
"""

from __future__ import annotations

import select
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from app.plain_push import LARGEST_HEAD, Head, head_in, may_become, spelled
from app.push_lane import Answer, Apart

USABLE = hasattr(select, "epoll")
"""Elsewhere a selector does not notice connections that come while it waits."""
MOST_HELD = 200
MOST_TOGETHER = 64
MOST_BYTES = 128 * 1024
"""Of bodies in one round, after which it begins: whoever asks for something else waits until it is answered."""
LARGEST_BODY = 64 * 1024
RECEIVED = 64 * 1024
LONG = 6 * 1024
"""Of a push, as it is sent: some ten visits."""
LINGER_SECONDS = 1.0
STUCK_SECONDS = 1.0
LOOK_SECONDS = 0.2

Asked = tuple[dict[str, str], bytes]


class Rounds:
    """together: takes pushes in and says for each its answer, or what it was refused for (`PushLane.together`)."""

    def __init__(self, server: Any, together: Callable[[Sequence[Asked]], Iterator[Answer | Exception]]) -> None:
        self._server, self._together = server, together
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._held: set[Any] = set()
        self._first: dict[Any, None] = {}  # who has said something that was not looked at yet
        self._serving: list[tuple[Any, Head]] = []
        self._began: float | None = None
        self._thread: threading.Thread | None = None
        self._stopping = False

    # --- asked by other threads ----------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._held)

    def take(self, connection: Any) -> bool:
        """Listen to a connection that was just answered. False when it has to wait elsewhere."""
        if connection.rfile.has_data():
            return False
        with self._lock:
            if self._stopping or len(self._held) >= MOST_HELD or self._stuck():
                return False
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="rounds of pushes", daemon=True)
                self._thread.start()
            connection.socket.settimeout(0)
            connection.answered_at = time.monotonic()
            self._held.add(connection)
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)
        return True

    def relieve(self) -> None:
        """Where a disk holds a round up, give all others back: they may want something that needs no disk."""
        with self._lock:
            serving = {connection for connection, _ in self._serving}
            others = [one for one in self._held if one not in serving] if self._stuck() else []
            for one in others:
                self._forget(one)
        for one in others:
            self._give_back(one)

    def stop(self) -> None:
        """Answer what is being taken in, and give everybody back."""
        with self._lock:
            self._stopping = True
        if self._thread:
            self._thread.join()
        with self._lock:
            held = list(self._held)
            for one in held:
                self._forget(one)
            self._selector.close()
        for one in held:
            self._give_back(one)

    def _stuck(self) -> bool:
        return self._began is not None and time.monotonic() - self._began > STUCK_SECONDS

    # --- the one thread --------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._hear_all()
                if self._serving:
                    self._answer_all()
                else:
                    self._let_go_of_the_silent()
            except Exception:
                self._server.error_log("a round of pushes failed", level=40, traceback=True)
                self._break_off()

    def _hear_all(self) -> None:
        """Gather whole pushes, from everybody who has said something or until they are enough for a round."""
        ready = dict.fromkeys(key.data for key, _ in self._selector.select(0 if self._first else LOOK_SECONDS))
        # Who had to wait comes first, else the same few would be served for ever.
        waiting = iter([one for one in self._first | ready if one in self._held])
        self._first, self._serving, size = {}, [], 0
        for connection in waiting:
            try:
                head = self._heard(connection)
            except Exception:
                self._drop(connection)  # else it would be heard, and fail, without end
                raise
            if head:
                self._serving.append((connection, head))
                size += head.length
                if len(self._serving) == MOST_TOGETHER or size >= MOST_BYTES:
                    break
        self._first = dict.fromkeys(waiting)

    def _heard(self, connection: Any) -> Head | None:
        """The head of the push that is whole in the buffer by now. What will be none is given to the other threads."""
        reader, limit = connection.rfile, self._server.max_request_header_size or LARGEST_HEAD
        while True:
            buffer, begin = reader._read_buf, reader._read_pos
            head = connection.head = connection.head or head_in(buffer, begin, limit, LARGEST_BODY)
            if head is None and not may_become(buffer, begin, limit):
                self._pass_on(connection)
                return None
            if head and len(buffer) - head.end >= head.length:
                return head
            try:
                some = connection.socket.recv(RECEIVED)
            except (BlockingIOError, ssl.SSLWantReadError):
                return None
            except OSError:
                some = b""
            if not some:  # it hung up, or worse
                self._pass_on(connection)
                return None
            if begin:
                buffer, reader._read_pos, connection.head = buffer[begin:], 0, None
            reader._read_buf = buffer + some

    def _answer_all(self) -> None:
        serving, self._began = self._serving, time.monotonic()
        answers = self._together([(head.headers, _body(connection, head)) for connection, head in serving])
        stays = self._server.can_add_keepalive_connection
        for (connection, head), answer in zip(serving, answers, strict=True):
            if isinstance(answer, Exception):
                connection.refused = None if isinstance(answer, Apart) else answer
                self._pass_on(connection)  # with its push still in the buffer
            else:
                connection.rfile._read_pos, connection.head = head.end + head.length, None
                self._send(connection, spelled(self._server, "200 OK", answer.headers, answer.packed, stays), stays)
        with self._lock:
            self._serving, self._began = [], None

    def _send(self, connection: Any, answer: bytes, stays: bool) -> None:
        connection.answered_at = time.monotonic()
        try:
            sent = connection.socket.send(answer)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            sent = 0
        except OSError:
            sent, answer, stays = 0, b"", False
        if sent < len(answer):
            connection.owed = answer[sent:], stays
            self._pass_on(connection)
        elif not stays:
            self._drop(connection)
        elif connection.rfile.has_data() or pending(connection.socket):
            self._first[connection] = None

    def _let_go_of_the_silent(self) -> None:
        since = time.monotonic() - LINGER_SECONDS
        with self._lock:
            silent = [one for one in self._held if one.answered_at < since]
            for one in silent:
                self._forget(one)
        for one in silent:
            self._give_back(one)

    def _break_off(self) -> None:
        """After a fault of ours, let go of whom it befell; they have no answer and will come again."""
        for connection, _ in self._serving:
            if connection in self._held:
                self._drop(connection)
        with self._lock:
            self._serving, self._began = [], None

    # --- letting go ------------------------------------------------------------------------------------------------

    def _forget(self, connection: Any) -> None:
        self._held.discard(connection)
        connection.head = None
        self._selector.unregister(connection.socket)
        connection.socket.settimeout(self._server.timeout)

    def _pass_on(self, connection: Any) -> None:
        """To a thread of its own, which goes on with what is in the buffer."""
        with self._lock:
            self._forget(connection)
        self._server.process_conn(connection)

    def _give_back(self, connection: Any) -> None:
        """To those who wait for somebody to say something."""
        connection.pushed = False
        self._server.put_conn(connection)

    def _drop(self, connection: Any) -> None:
        with self._lock:
            self._forget(connection)
        connection.close()


class Desks:
    """Rounds beside one another, for a store that lets one be decided while another is written.

    Only who sends long pushes is spread over them: short ones cost least when all come together.
    """

    def __init__(self, rounds: Sequence[Rounds]) -> None:
        self._rounds = rounds

    def __len__(self) -> int:
        return sum(map(len, self._rounds))

    def take(self, connection: Any) -> bool:
        spread = self._rounds if connection.pushed_bytes >= LONG else self._rounds[:1]
        return min(spread, key=len).take(connection)

    def relieve(self) -> None:
        for one in self._rounds:
            one.relieve()

    def stop(self) -> None:
        for one in self._rounds:
            one.stop()


def _body(connection: Any, head: Head) -> bytes:
    return bytes(connection.rfile._read_buf[head.end : head.end + head.length])


def pending(sock: socket.socket) -> bool:
    """Whether TLS holds bytes back that no selector knows of."""
    return isinstance(sock, ssl.SSLSocket) and bool(sock.pending())
