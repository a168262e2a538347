"""A real server process: it answers, keeps what it acknowledged, stops cleanly, and says plainly why it cannot start.

1. it serves, keeps the connection, and stops on SIGTERM with exit code 0
2. a port in use: one line naming the port, who has it, and how to choose another
3. a data folder that cannot be used: one line
4. a body cut by the network stores nothing, under the server that ships
5. it refuses debug mode, and halves of a certificate
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from app.config import ROOT, Config
from app.node import NodeProblem, join, open_node
from app.serve import check_port, listener_of, serve

STARTER = """
import sys
from pathlib import Path
from app.config import Config
from app.serve import serve
data, forms, static, port = sys.argv[1:5]
config = Config(data_dir=Path(data), forms_dir=Path(forms), static_dir=Path(static), port=int(port))
sys.exit(serve(config, say=print, ready=lambda: print("ready", flush=True)))
"""


def free_port() -> int:
    for port in range(18200, 18250):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port between 18200 and 18249")


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def running(here: Any, port: int) -> Iterator[subprocess.Popen[str]]:
    """A server of the cast's data folder in a process of its own."""
    here.close()
    command = [sys.executable, "-c", STARTER, str(here.config.data_dir), str(here.config.forms_dir),
               str(here.config.static_dir), str(port)]  # fmt: skip
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout
            first = process.stdout.readline()
            if first != "ready\n":
                process.kill()
                pytest.fail(first + process.stdout.read())
            yield process
        finally:
            process.kill()


def test_it_serves_and_stops_when_told(running: subprocess.Popen[str], port: int) -> None:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for path in ("/", "/static/dist/main-0A1B2C3D.js", "/office/sign-in"):
        line.request("GET", path)
        reply = line.getresponse()
        assert reply.status == 200
        assert reply.read()
        assert line.sock is not None, "the connection is kept: a round trip costs 400 ms in the field"
    line.close()
    running.send_signal(signal.SIGTERM)
    assert running.wait(timeout=20) == 0
    assert running.stdout and running.stdout.read() == ""


def test_a_body_cut_by_the_network_stores_nothing(running: subprocess.Popen[str], port: int, cast: Any) -> None:
    from sync import protocol

    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    wish = json.dumps({"username": cast.cadre.username, "password": cast.cadre.password, "device": "手机"})
    line.request("POST", "/api/sign-in", wish.encode(), {"Content-Type": "application/json"})
    token = json.loads(line.getresponse().read())["token"]
    body = json.dumps({"format": 1, "ops": []}).encode() + b" " * 3000
    headers = protocol.push_headers(body) | {"Authorization": f"Bearer {token}", "Host": "x",
                                             "Content-Length": str(len(body))}  # fmt: skip
    head = "POST /sync/v1/push HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", port), timeout=10) as cut:
        cut.sendall(head.encode() + b"\r\n" + body[:2000])
        cut.shutdown(socket.SHUT_WR)
        answer = cut.recv(65536).decode()
    assert answer.startswith("HTTP/1.1 400"), answer[:200]
    line.request("POST", "/sync/v1/push", body, headers | {"Host": "x"})
    assert line.getresponse().status == 200
    line.close()


def test_a_port_in_use_is_one_clear_line(config: Any) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        said: list[str] = []
        busy = Config(data_dir=config.data_dir, port=taken, forms_dir=config.forms_dir)
        assert serve(busy, say=said.append) == 1
    (line,) = said
    assert "\n" not in line
    assert str(taken) in line
    assert f"--port {taken + 1}" in line
    assert f"pid {os.getpid()}" in line
    assert not config.data_dir.exists(), "nothing was touched before the port was known to be free"


def test_who_listens() -> None:
    assert listener_of(1) == ""


@pytest.mark.parametrize(("host", "named"), [("203.0.113.7", "--host"), ("no such host", "--host")])
def test_an_address_that_is_not_ours(host: str, named: str) -> None:
    with pytest.raises(NodeProblem, match=named):
        check_port(host, 18249)


def test_a_data_folder_that_cannot_be_written(tmp_path: Path, config: Any) -> None:
    (tmp_path / "file").write_text("in the way")
    blocked = Config(data_dir=tmp_path / "file" / "data", forms_dir=config.forms_dir, port=free_port())
    said: list[str] = []
    assert serve(blocked, say=said.append) == 1
    (line,) = said
    assert "--data" in line
    assert "\n" not in line


def test_a_data_folder_in_use(here: Any) -> None:
    with pytest.raises(NodeProblem) as told:
        open_node(here.config)
    assert str(here.config.data_dir) in str(told.value)
    assert "\n" not in str(told.value)


def test_debug_mode_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NodeProblem, match="debug"):
        open_node(Config(data_dir=tmp_path / "d", debug=True))


def test_half_a_certificate(tmp_path: Path, config: Any, port: int) -> None:
    said: list[str] = []
    (tmp_path / "cert.pem").write_text("not a certificate")
    for wrong in ({"cert": tmp_path / "cert.pem"}, {"cert": tmp_path / "cert.pem", "key": tmp_path / "none.pem"}):
        assert serve(Config(data_dir=config.data_dir, port=port, **wrong), say=said.append) == 1
    assert all("--key" in line or "cert.pem" in line for line in said)


def test_a_village_node_joins_and_serves_its_people(
    running: subprocess.Popen[str], port: int, tmp_path: Path, config: Any, cast: Any
) -> None:
    """One sign-in with the node account; then forms, people and households of its place come down."""
    below = Config(data_dir=tmp_path / "village", upstream=f"http://127.0.0.1:{port}", forms_dir=config.forms_dir,
                   static_dir=config.static_dir, background=False)  # fmt: skip
    with pytest.raises(NodeProblem, match="用户名或密码不对"):
        join(below, cast.node.username, "wrong")
    with pytest.raises(NodeProblem, match="node account"):
        join(below, cast.cadre.username, cast.cadre.password)
    join(below, cast.node.username, cast.node.password)
    assert (below.data_dir / "upstream.json").stat().st_mode & 0o077 == 0
    village = open_node(below)
    try:
        assert village.relay
        while village.relay.step():
            pass
        client = create_app(below, village).test_client()
        wish = {"username": cast.cadre.username, "password": cast.cadre.password, "device": "手机"}
        reply = client.post("/api/sign-in", json=wish)
        assert (reply.status_code, reply.json["tier"]) == (200, "node")
        headers = {"Authorization": f"Bearer {reply.json['token']}"}
        kinds = {record["kind"] for record in client.get("/sync/v1/pull", headers=headers).json["records"]}
        assert {"household", "form", "user", "area"} <= kinds
        assert client.get("/forms/mini/1.html").status_code == 200
    finally:
        village.close()


def test_joining_nobody(tmp_path: Path) -> None:
    with pytest.raises(NodeProblem, match="cannot be reached"):
        join(Config(data_dir=tmp_path / "v", upstream="http://127.0.0.1:18249"), "a", "b")


def test_a_node_that_never_joined_says_how(config: Any) -> None:
    below = Config(data_dir=config.data_dir, upstream="http://127.0.0.1:18249", forms_dir=config.forms_dir)
    with pytest.raises(NodeProblem, match="--join"):
        open_node(below)
