"""Pushes heard out by one thread: what it does must not be noticed but by how little it costs."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app import rounds
from app.accepting import Server, TlsAdapter
from app.connections import Connection
from app.origin.authority import ensure
from app.push_lane import REFUSED, Answer, Apart
from app.rounds import Asked, Desks, Rounds
from tests.patience import until
from tests.test_app_connections import PUSH, asked

pytestmark = pytest.mark.skipif(not rounds.USABLE, reason="no epoll here")


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Says that it was not a round which answered."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    told = f"app {environ.get(REFUSED, '')} {body.decode()}".encode()
    start_response("200 OK", [("Content-Length", str(len(told)))])
    return [told]


class Store:
    """Takes pushes in, as long as it is not held up; answers with what was said, or refuses it."""

    def __init__(self) -> None:
        self.taken: list[list[bytes]] = []
        self.go, self.begun = threading.Event(), threading.Event()
        self.go.set()

    def together(self, pushes: Sequence[Asked]) -> Iterator[Answer | Exception]:
        self.taken.append([body for _, body in pushes])
        self.begun.set()
        assert self.go.wait(20)
        for _, body in pushes:
            if body.startswith((b"refuse", b"apart")):
                yield ValueError("why") if body.startswith(b"refuse") else Apart("too long")
            else:
                told = b"round " + body * (100_000 if body.startswith(b"long") else 1)
                yield Answer([("Content-Length", str(len(told)))], told)


@contextlib.contextmanager
def serving(store: Store, adapter: TlsAdapter | None = None) -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), app, numthreads=2)
    server.ConnectionClass = Connection
    server.max_request_header_size, server.max_request_body_size = 2000, 8_000_000
    server.keep_alive_conn_limit = 300
    server.rounds = Rounds(server, store.together)
    server.ssl_adapter = adapter
    server.prepare()
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        store.go.set()
        server.stop()
        thread.join()


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def server(store: Store) -> Iterator[Server]:
    with serving(store) as server:
        yield server


def said(line: socket.socket, *requests: bytes) -> bytes:
    """The body of the answer."""
    line.sendall(b"".join(requests))
    return answer(line)


def answer(line: socket.socket) -> bytes:
    line.settimeout(10)
    got = b""
    while b"\r\n\r\n" not in got:
        got += some if (some := line.recv(1)) else pytest.fail(f"hung up after {got!r}")
    assert got.startswith(b"HTTP/1.1 200 OK"), got
    length, body = int(got.split(b"Content-Length: ")[1].split(b"\r\n")[0]), b""
    while len(body) < length:
        body += some if (some := line.recv(length - len(body))) else pytest.fail("hung up")
    return body


@contextlib.contextmanager
def line_in_rounds(server: Server) -> Iterator[socket.socket]:
    """A connection that has pushed, and is listened to by the one thread."""
    assert server.rounds is not None
    held = server.rounds._held
    with socket.create_connection(server.bind_addr) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        assert said(line, asked(PUSH, b"first")) == b"app  first"
        until(lambda: line.getsockname()[1] in [one.remote_port for one in list(held)])
        yield line


def test_what_many_have_said_is_taken_in_together(server: Server, store: Store) -> None:
    with contextlib.ExitStack() as open_lines:
        lines = [open_lines.enter_context(line_in_rounds(server)) for _ in range(9)]
        store.go.clear()
        lines[0].sendall(asked(PUSH, b"0"))
        assert store.begun.wait(5)
        for number, line in enumerate(lines[1:], 1):
            line.sendall(asked(PUSH, b"%d" % number))
        time.sleep(0.05)
        store.go.set()
        assert [answer(line) for line in lines] == [b"round %d" % number for number in range(9)]
    assert [len(one) for one in store.taken] == [1, 8]


def test_one_after_the_other_over_the_same_line(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "LINGER_SECONDS", 60)  # who wants something else does not wait for it
    with line_in_rounds(server) as line:
        for word in (b"a", b"b", b"c"):
            assert said(line, asked(PUSH, word)) == b"round " + word
        assert said(line, asked("/", b"page")) == b"app  page"
        assert said(line, asked(PUSH, b"d")) == b"app  d"
    assert store.taken == [[b"a"], [b"b"], [b"c"]]


@pytest.mark.parametrize("step", [1, 7, 60])
def test_what_comes_in_slices_is_waited_for_without_waiting(server: Server, store: Store, step: int) -> None:
    whole = asked(PUSH, b"x" * 100)
    with line_in_rounds(server) as slow, line_in_rounds(server) as quick:
        for at in range(0, len(whole), step):
            slow.sendall(whole[at : at + step])
            if at % 50 == 0:
                assert said(quick, asked(PUSH, b"q")) == b"round q"
        assert answer(slow) == b"round " + b"x" * 100


def test_who_is_long_at_it_gets_a_thread_of_its_own(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "LINGER_SECONDS", 0.1)
    whole = asked(PUSH, b"slow")
    with line_in_rounds(server) as line:
        line.sendall(whole[:-3])
        until(lambda: len(server.rounds or ()) == 0)
        line.sendall(whole[-3:-2])
        time.sleep(0.3)
        monkeypatch.setattr(rounds, "LINGER_SECONDS", 60)
        assert said(line, whole[-2:]) == b"app  slow"
        until(lambda: len(server.rounds or ()) == 1)
        assert said(line, asked(PUSH, b"quick again", b"Language: zh")) == b"round quick again"
    assert store.taken == [[b"quick again"]]


def test_who_goes_on_in_the_middle_of_a_body_is_understood(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "LINGER_SECONDS", 60)
    with line_in_rounds(server) as line:
        second = asked(PUSH, b"the second")
        assert said(line, asked(PUSH, b"one"), second[:-4]) == b"round one"
        time.sleep(0.05)
        assert said(line, second[-4:], asked(PUSH, b"three")[:-3]) == b"round the second"
        assert said(line, b"ree") == b"round three"


def test_who_says_nothing_more_is_given_back(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "LINGER_SECONDS", 0.1)
    with line_in_rounds(server) as line:
        until(lambda: len(server.rounds or ()) == 0)
        assert said(line, asked("/", b"page")) == b"app  page"


@pytest.mark.parametrize(
    "line",
    [b"Transfer-Encoding: chunked", b"Content-Length: 3", b"Expect: 100-continue", b"Connection: close", b"Upgrade: h2c",
     b" folded: x", b"No Name: x", b"Name : x", b"Bare: a\nB: c", b"Control: \x01", b"NoColon", b"Underscore_d: x",
     b"Long: " + b"z" * 3000],
)  # fmt: skip
def test_what_needs_thought_is_left_to_the_long_way(server: Server, store: Store, line: bytes) -> None:
    with line_in_rounds(server) as open_line:
        open_line.sendall(asked(PUSH, b"one", line))
        open_line.settimeout(0.3)
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            open_line.recv(65536)
    assert store.taken == []


def test_a_long_body_is_read_by_a_thread_of_its_own(server: Server, store: Store) -> None:
    body = b"x" * (rounds.LARGEST_BODY + 1)
    with line_in_rounds(server) as line:
        assert said(line, asked(PUSH, body)) == b"app  " + body
        assert said(line, asked(PUSH, b"one")) in (b"round one", b"app  one")
    assert [len(body) for taken in store.taken for body in taken if len(body) > 10] == []


def test_requests_in_one_piece_are_answered_in_their_order(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "LINGER_SECONDS", 60)
    with socket.create_connection(server.bind_addr) as line:
        line.sendall(asked(PUSH, b"one") + asked(PUSH, b"two"))
        assert [answer(line) for _ in range(2)] == [b"app  one", b"app  two"]
    with line_in_rounds(server) as line:
        line.sendall(asked(PUSH, b"one") + asked(PUSH, b"two") + asked("/", b"three") + asked(PUSH, b"four"))
        assert [answer(line) for _ in range(4)] == [b"round one", b"round two", b"app  three", b"app  four"]


def test_what_is_refused_is_told_by_the_app_and_nobody_else_hears_of_it(server: Server, store: Store) -> None:
    with line_in_rounds(server) as one, line_in_rounds(server) as other:
        store.go.clear()
        one.sendall(asked(PUSH, b"before"))
        assert store.begun.wait(5)
        one_more = asked(PUSH, b"refuse this")
        other.sendall(one_more + asked("/", b"page"))
        store.go.set()
        assert answer(one) == b"round before"
        assert answer(other) == b"app why refuse this" and answer(other) == b"app  page"
        assert said(other, asked(PUSH, b"again")).endswith(b" again")
    assert sum(body == b"refuse this" for taken in store.taken for body in taken) == 1


def test_what_is_too_long_for_a_round_is_taken_in_by_a_thread_of_its_own(server: Server, store: Store) -> None:
    with line_in_rounds(server) as line:
        assert said(line, asked(PUSH, b"apart")) == b"app  apart"
        until(lambda: len(server.rounds or ()) == 1)
        assert said(line, asked(PUSH, b"again")) == b"round again"
    assert store.taken == [[b"apart"], [b"again"]]


def test_long_pushes_are_spread_and_short_ones_come_together(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "LINGER_SECONDS", 60.0)
    with serving(store) as server, contextlib.ExitStack() as lines:
        server.rounds = desks = Desks([Rounds(server, store.together) for _ in range(2)])
        long = b"x" * rounds.LONG

        def line_after(body: bytes) -> socket.socket:
            line = lines.enter_context(socket.create_connection(server.bind_addr))
            before = len(desks)
            assert said(line, asked(PUSH, body)).startswith(b"app")
            until(lambda: len(desks) > before)
            return line

        for _ in range(2):
            line_after(b"short")
        assert list(map(len, desks._rounds)) == [2, 0]
        there, also_there, here = (line_after(long) for _ in range(3))
        assert list(map(len, desks._rounds)) == [3, 2]
        store.go.clear()
        for line in (there, here):
            line.sendall(asked(PUSH, long))
        until(lambda: len(store.taken) == 2)  # both at once: neither is answered yet
        store.go.set()
        assert answer(there) == answer(here) == b"round " + long
        assert said(also_there, asked(PUSH, b"again")) == b"round again"
    assert all(one._stopping and not len(one) for one in desks._rounds)


def test_who_does_not_take_its_answer_holds_up_nobody(server: Server) -> None:
    with line_in_rounds(server) as slow, line_in_rounds(server) as quick:
        slow.sendall(asked(PUSH, b"long" * 20) + asked(PUSH, b"next"))
        for word in (b"a", b"b"):
            assert said(quick, asked(PUSH, word)) == b"round " + word
        assert answer(slow) == b"round " + b"long" * 2_000_000
        assert answer(slow).endswith(b" next")


def test_who_hangs_up_in_the_middle_is_let_go(server: Server, store: Store) -> None:
    with line_in_rounds(server) as line:
        line.sendall(asked(PUSH, b"one two three")[:-4])
        line.shutdown(socket.SHUT_WR)
        assert answer(line) == b"app  one two t"  # which compares it with what was declared
        assert line.recv(10) == b""
    until(lambda: len(server.rounds or ()) == 0)
    with line_in_rounds(server) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # gone without a word
    until(lambda: len(server.rounds or ()) == 0)
    with line_in_rounds(server) as line:
        assert said(line, asked(PUSH, b"one")) == b"round one"
    until(lambda: len(server.rounds or ()) == 0)


def test_while_a_disk_hangs_pages_are_still_answered(server: Server, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "STUCK_SECONDS", 0.1)
    monkeypatch.setattr(rounds, "LINGER_SECONDS", 60)
    with line_in_rounds(server) as one, line_in_rounds(server) as other:
        store.go.clear()
        one.sendall(asked(PUSH, b"stuck"))
        assert store.begun.wait(5)
        assert said(other, asked("/", b"page")) == b"app  page"
        assert said(other, asked(PUSH, b"push")) == b"app  push"
        time.sleep(0.1)
        assert len(server.rounds or ()) == 1, "and nobody else is drawn into it"
        store.go.set()
        assert answer(one) == b"round stuck"


def test_more_than_one_round_can_hold_all_get_their_turn(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "MOST_TOGETHER", 2)
    monkeypatch.setattr(rounds, "RECEIVED", 50)  # so that everybody has more to say all the time
    with contextlib.ExitStack() as open_lines:
        lines = [open_lines.enter_context(line_in_rounds(server)) for _ in range(6)]
        store.go.clear()
        lines[0].sendall(asked(PUSH, b"0"))
        assert store.begun.wait(5)
        for number, line in enumerate(lines):
            line.sendall(asked(PUSH, b"%d" % number) * 20)
        store.go.set()
        assert [answer(lines[0]) for _ in range(21)] == [b"round 0"] * 21
        for number, line in enumerate(lines[1:], 1):
            assert [answer(line) for _ in range(20)] == [b"round %d" % number] * 20
    counts = [sum(taken.count(b"%d" % n) for taken in store.taken[:30]) for n in range(6)]
    assert max(len(taken) for taken in store.taken) == 2
    assert min(counts) > 8, counts


def test_a_round_begins_once_it_has_much_to_do(server: Server, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "MOST_BYTES", 1000)
    with contextlib.ExitStack() as open_lines:
        lines = [open_lines.enter_context(line_in_rounds(server)) for _ in range(5)]
        store.go.clear()
        lines[0].sendall(asked(PUSH, b"0"))
        assert store.begun.wait(5)
        for line in lines[1:]:
            line.sendall(asked(PUSH, b"x" * 600))
        time.sleep(0.05)
        store.go.set()
        assert [len(answer(line)) for line in lines] == [7] + [606] * 4
    assert [len(taken) for taken in store.taken] == [1, 2, 2]


def test_a_fault_in_a_round_ends_its_lines_and_no_other(server: Server, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with line_in_rounds(server) as one, line_in_rounds(server) as other:
        with monkeypatch.context() as patch:
            patch.setattr(server.rounds, "_together", lambda _: iter(()))
            one.sendall(asked(PUSH, b"one"))
            one.settimeout(10)
            assert one.recv(10) == b""
        assert said(other, asked(PUSH, b"two")) == b"round two"


def test_a_line_that_cannot_be_heard_is_let_go(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    failed: list[Any] = []
    with line_in_rounds(server) as line, monkeypatch.context() as patch:
        patch.setattr(rounds, "head_in", lambda *said: failed.append(said) or 1 / 0)
        line.sendall(asked(PUSH, b"one"))
        line.settimeout(10)
        assert line.recv(10) == b""
    assert len(failed) == 1
    with line_in_rounds(server) as line:
        assert said(line, asked(PUSH, b"two")) == b"round two"


def test_no_more_are_listened_to_than_it_may(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "MOST_HELD", 1)
    with line_in_rounds(server), socket.create_connection(server.bind_addr) as other:
        for word in (b"one", b"two"):
            assert said(other, asked(PUSH, word)) == b"app  " + word


def test_who_stops_answers_what_is_being_taken_in(store: Store) -> None:
    with serving(store) as server, line_in_rounds(server) as line:
        store.go.clear()
        line.sendall(asked(PUSH, b"last"))
        assert store.begun.wait(5)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        time.sleep(0.1)
        store.go.set()
        stopping.join(20)
        assert answer(line) == b"round last"
        assert line.recv(10) == b""


def test_over_tls_it_is_the_same(store: Store, tmp_path: Path) -> None:
    files = ensure(tmp_path, ["localhost"], datetime.now(UTC))
    trusting = ssl.create_default_context(cafile=str(files.ca))
    with (
        serving(store, TlsAdapter(str(files.cert), str(files.key))) as server,
        trusting.wrap_socket(socket.create_connection(server.bind_addr), server_hostname="localhost") as line,
    ):
        assert said(line, asked(PUSH, b"first")) == b"app  first"
        until(lambda: len(server.rounds or ()) == 1)
        whole = asked(PUSH, b"x" * 40_000)  # three records
        for _ in range(3):
            assert said(line, whole) == b"round " + b"x" * 40_000
        for at in range(0, len(whole), 10_000):
            line.sendall(whole[at : at + 10_000])
        assert answer(line) == b"round " + b"x" * 40_000
        line.sendall(asked(PUSH, b"a") + asked(PUSH, b"b"))
        assert (answer(line), answer(line)) == (b"round a", b"round b")
        line.sendall(asked(PUSH, b"c") + asked("/", b"d"))
        assert (answer(line), answer(line)) == (b"round c", b"app  d")


def test_over_tls_nothing_is_left_lying_where_no_selector_sees_it(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "LINGER_SECONDS", 60)
    files = ensure(tmp_path, ["localhost"], datetime.now(UTC))
    trusting = ssl.create_default_context(cafile=str(files.ca))
    with (
        serving(store, TlsAdapter(str(files.cert), str(files.key))) as server,
        trusting.wrap_socket(socket.create_connection(server.bind_addr), server_hostname="localhost") as line,
    ):
        first = asked(PUSH, b"x" * (8192 - len(asked(PUSH, b"x" * 8000)) + 8000))
        line.sendall(first + asked(PUSH, b"second"))  # a thread reads 8192 bytes of the record
        assert (len(answer(line)), answer(line)) == (5 + len(first.partition(b"\r\n\r\n")[2]), b"app  second")
        until(lambda: len(server.rounds or ()) == 1)
        monkeypatch.setattr(rounds, "RECEIVED", len(asked(PUSH, b"a")))
        line.sendall(asked(PUSH, b"a") + asked(PUSH, b"b"))
        assert (answer(line), answer(line)) == (b"round a", b"round b")
