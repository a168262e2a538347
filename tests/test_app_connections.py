"""Requests as bytes over a real socket: what app.connections does beside cheroot must not be noticed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from cheroot import wsgi

from app.connections import Connection, HoldingWriter, LineReader

CRLF = b"\r\n"


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/none":
        start_response("204 No Content", [])
        return []
    body = environ["wsgi.input"].read()
    if environ["PATH_INFO"] == "/parts":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return iter([b"one ", b"two ", body])
    told = f"{environ.get('HTTP_LANGUAGE', '')} {body.decode()}".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(told)))])
    return [told]


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    server = wsgi.Server(("127.0.0.1", 0), app, numthreads=2)
    server.ConnectionClass = Connection
    server.max_request_header_size = 2000
    server.prepare()
    thread = threading.Thread(target=server.serve)
    thread.start()
    yield server.bind_addr
    server.stop()
    thread.join()


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


def test_they_are_what_is_used() -> None:
    here, there = socket.socketpair()
    with here, there:
        connection = Connection(_Server(), here)
        assert isinstance(connection.rfile, LineReader) and isinstance(connection.wfile, HoldingWriter)


class _Server:
    peercreds_enabled = peercreds_resolve_enabled = False
