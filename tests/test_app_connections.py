"""Requests as bytes over a real socket: what app.connections does beside cheroot must not be noticed."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cheroot.wsgi import Gateway_10

from app import plain_push
from app.accepting import Server, TlsAdapter
from app.connections import GRACE_SECONDS, SLOWEST_BYTES, Connection, HoldingWriter, LineReader, Pace
from app.origin.authority import ensure

CRLF = b"\r\n"


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/none":
        start_response("204 No Content", [])
        return []
    if environ.get("HTTP_REFUSE"):
        start_response("401 Unauthorized", [("Content-Length", "0")])
        return []
    body = environ["wsgi.input"].read()
    if environ["PATH_INFO"] == "/parts":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return iter([b"one ", b"two ", body])
    told = f"{environ.get('HTTP_LANGUAGE', '')} {body.decode()}".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(told)))])
    return [told]


@contextmanager
def serving(adapter: TlsAdapter | None = None) -> Iterator[tuple[str, int]]:
    server = Server(("127.0.0.1", 0), app, numthreads=2)
    server.ConnectionClass = Connection
    server.max_request_header_size = 2000
    server.max_request_body_size = 8_000_000
    server.ssl_adapter = adapter
    server.prepare()
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server.bind_addr
    finally:
        server.stop()
        thread.join()


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    with serving() as bound:
        yield bound


def asked(path: str, body: bytes = b"", *lines: bytes, method: str = "POST") -> bytes:
    return CRLF.join([f"{method} {path} HTTP/1.1".encode(), b"Host: x", b"Content-Length: %d" % len(body), *lines, b"", body])


def reply(line: socket.socket, size: int = 65536) -> bytes:
    line.settimeout(10)
    return line.recv(size)


def test_headers_and_body_come_in_one_piece(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as line:
        for word in (b"one", b"two"):
            line.sendall(asked("/", word, b"Language: zh"))
            head, _, body = reply(line).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200") and body == b"zh " + word


def test_an_answer_without_a_body_is_not_held_back(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as line:
        line.sendall(asked("/none"))
        assert reply(line).startswith(b"HTTP/1.1 204")


def test_a_body_in_parts_arrives_whole(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as line:
        line.sendall(asked("/parts", b"three", b"Connection: close"))
        got = b""
        while some := reply(line):
            got += some
        assert b"4\r\none \r\n" in got and b"5\r\nthree\r\n" in got and got.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("step", [1, 7, 50])
def test_a_request_in_slices_is_read_as_one(address: tuple[str, int], step: int) -> None:
    whole = asked("/", b"x" * 100, b"Language: " + b"z" * 600)
    with socket.create_connection(address) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(whole), step):
            line.sendall(whole[at : at + step])
        assert reply(line).endswith(b"z" * 600 + b" " + b"x" * 100)


def test_two_requests_in_one_piece_are_both_answered(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as line:
        line.sendall(asked("/", b"one") + asked("/", b"two", b"Connection: close"))
        got = b""
        while some := reply(line):
            got += some
        assert got.count(b"HTTP/1.1 200") == 2 and got.index(b" one") < got.index(b" two")


def test_headers_beyond_the_limit_are_refused(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as line:
        line.sendall(asked("/", b"", b"Language: " + b"z" * 3000))
        assert reply(line).startswith(b"HTTP/1.1 413")


def test_a_header_without_its_end_is_refused(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as line:
        line.sendall(b"POST / HTTP/1.1\r\nHost: x\nLanguage: zh\r\n\r\n")
        assert reply(line).startswith(b"HTTP/1.1 400")


def test_who_says_nothing_holds_up_nobody(address: tuple[str, int]) -> None:
    """Two threads answer; six browsers hold a spare connection."""
    with contextlib.ExitStack() as silent:
        for _ in range(6):
            silent.enter_context(socket.create_connection(address))
        with socket.create_connection(address) as line:
            line.sendall(asked("/", b"one"))
            assert reply(line).endswith(b" one")


def test_of_too_many_silent_ones_the_oldest_goes(address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.accepting.MOST_SILENT", 3)
    lines = []
    for _ in range(5):
        lines.append(socket.create_connection(address))
        time.sleep(0.05)
    for line in lines[:2]:
        assert reply(line) == b""
    lines[4].sendall(asked("/", b"one"))
    assert reply(lines[4]).endswith(b" one")
    for line in lines:
        line.close()


def test_a_handshake_left_off_in_the_middle_holds_up_nobody(tmp_path: Path) -> None:
    files = ensure(tmp_path, ["localhost"], datetime.now(UTC))
    trusting = ssl.create_default_context(cafile=str(files.ca))
    hello = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        trusting.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost").do_handshake()
    words = hello.read()
    with serving(TlsAdapter(str(files.cert), str(files.key))) as bound, contextlib.ExitStack() as lost:
        lost.enter_context(socket.create_connection(bound)).sendall(words[: len(words) // 2])
        lost.enter_context(socket.create_connection(bound))
        with socket.create_connection(bound, timeout=5) as plain:
            plain.sendall(asked("/", b"one"))
            assert b"200" not in plain.recv(1000)
        with trusting.wrap_socket(socket.create_connection(bound, timeout=5), server_hostname="localhost") as line:
            for word in (b"one", b"two"):
                line.sendall(asked("/", word))
                assert line.recv(65536).endswith(b" " + word)


@pytest.mark.parametrize("bytes_a_second", [SLOWEST_BYTES / 2, SLOWEST_BYTES * 2])
def test_the_slowest_line_is_served_and_no_slower_one(bytes_a_second: float) -> None:
    now = 0.0
    pace = Pace(clock=lambda: now)

    def move(count: int) -> int:
        nonlocal now
        now += count / bytes_a_second
        return count

    def send(seconds: float) -> None:
        for _ in range(int(seconds)):
            pace.timed(move, int(bytes_a_second))

    send(GRACE_SECONDS)
    now += 600  # what the server takes itself is nobody's fault
    if bytes_a_second > SLOWEST_BYTES:
        send(2000)
    else:
        with pytest.raises(TimeoutError, match="timed out"):
            send(2000)
    pace.begin()
    send(GRACE_SECONDS)


def test_who_sends_a_letter_now_and_then_is_told_so(address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.connections.GRACE_SECONDS", 0.2)
    with socket.create_connection(address) as line:
        for letter in asked("/", b"one"):
            line.sendall(bytes([letter]))
            if select.select([line], [], [], 0.05)[0]:
                break
        assert reply(line).startswith(b"HTTP/1.1 408")


def test_they_are_what_is_used() -> None:
    here, there = socket.socketpair()
    with here, there:
        connection = Connection(_Server(), here)
        assert isinstance(connection.rfile, LineReader) and isinstance(connection.wfile, HoldingWriter)


class _Server:
    peercreds_enabled = peercreds_resolve_enabled = False


# --- pushes that come plainly ------------------------------------------------------------------------------------


PUSH = "/sync/v1/push"


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The environments that the app was given, and which way each came."""
    found: list[dict[str, Any]] = []
    real = plain_push.environ_of
    monkeypatch.setattr(plain_push, "environ_of", lambda *said: found.append(made := real(*said)) or made)
    return found


def test_a_plain_push_means_the_same_as_by_the_long_way(
    address: tuple[str, int], seen: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = asked(PUSH, b"one", b"Language: zh", b"content-type: application/json", b"X-Odd:none", b"Ruhu-Length: 3")
    others: list[dict[str, Any]] = []
    gateway = Gateway_10.get_environ
    monkeypatch.setattr(Gateway_10, "get_environ", lambda self: others.append(made := gateway(self)) or made)
    replies = []
    for way in ("quick", "long"):
        if way == "long":
            monkeypatch.setattr(plain_push, "take_head", lambda *_: None)
        with socket.create_connection(address) as line:
            line.sendall(whole)
            replies.append(reply(line))
    assert len(seen) == len(others) == 1
    unlike = {"REMOTE_PORT", "wsgi.input"}
    assert {k: v for k, v in seen[0].items() if k not in unlike} == {k: v for k, v in others[0].items() if k not in unlike}
    heads = [sorted(one.partition(b"\r\n\r\n")[0].split(CRLF)) for one in replies]
    assert [[line for line in head if not line.startswith(b"Date")] for head in heads] == \
        [[line for line in heads[0] if not line.startswith(b"Date")]] * 2  # fmt: skip
    assert any(line.startswith(b"Date: ") for line in heads[0])
    assert {one.partition(b"\r\n\r\n")[2] for one in replies} == {b"zh one"}


@pytest.mark.parametrize(
    "line",
    [b"Transfer-Encoding: chunked", b"Content-Length: 3", b"Expect: 100-continue", b"Connection: close", b"Upgrade: h2c",
     b" folded: x", b"No Name: x", b"Name : x", b"Bare: a\nB: c", b"Control: \x01", b"NoColon", b"Underscore_d: x"],
)  # fmt: skip
def test_what_needs_thought_is_left_to_the_long_way(address: tuple[str, int], seen: list[dict[str, Any]], line: bytes) -> None:
    with socket.create_connection(address) as open_line:
        open_line.sendall(asked(PUSH, b"one", line))
        open_line.settimeout(2)
        with contextlib.suppress(TimeoutError):
            open_line.recv(65536)
    assert seen == []


def test_pushes_in_one_piece_are_answered_one_by_one(address: tuple[str, int], seen: list[dict[str, Any]]) -> None:
    with socket.create_connection(address) as line:
        line.sendall(asked(PUSH, b"one") + asked(PUSH, b"two") + asked("/", b"three") + asked(PUSH, b"four", b"Connection: close"))
        got = b""
        while some := reply(line):
            got += some
        assert got.count(b"HTTP/1.1 200") == 4
        assert got.index(b" one") < got.index(b" two") < got.index(b" three") < got.index(b" four")
    assert len(seen) == 2


def test_a_body_nobody_looked_at_is_not_taken_for_the_next_request(
    address: tuple[str, int], seen: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_connection(address) as line:
        line.sendall(asked(PUSH, asked("/", b"smuggled"), b"Refuse: yes"))
        assert reply(line).startswith(b"HTTP/1.1 401")
        line.sendall(asked(PUSH, b"two"))
        head, _, body = reply(line).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200") and body == b" two"


def test_a_long_body_that_was_refused_unread_ends_the_connection(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as line:
        line.sendall(asked(PUSH, b"x" * (plain_push.READ_AWAY + 100_000), b"Refuse: yes"))
        assert b"Connection: close" in reply(line)


def test_a_body_beyond_the_cap_is_refused_unread(address: tuple[str, int], seen: list[dict[str, Any]]) -> None:
    with socket.create_connection(address) as line:
        line.sendall(asked(PUSH, b"").replace(b"Content-Length: 0", b"Content-Length: 900000000"))
        assert reply(line).startswith(b"HTTP/1.1 413")
    assert seen == []


def test_a_body_that_is_cut_is_no_request(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as line:
        line.sendall(asked(PUSH, b"one two three")[:-4])
        line.shutdown(socket.SHUT_WR)
        got = b""
        while some := reply(line):
            got += some
    assert got.endswith(b" one two t")  # what came goes to the app, which compares it with what was declared


def test_a_push_with_too_long_a_head_is_refused(address: tuple[str, int], seen: list[dict[str, Any]]) -> None:
    with socket.create_connection(address) as line:
        line.sendall(asked(PUSH, b"", b"Language: " + b"z" * 3000))
        assert reply(line).startswith(b"HTTP/1.1 413")
    assert seen == []
