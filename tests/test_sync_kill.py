"""A real server process killed without warning, and a network that cuts, repeats and dawdles: what was promised is there.

1. killed at each failpoint while a phone pushes ops and a picture
2. killed at each failpoint of a node's link upward
3. every body cut at any place, under the server that ships, stores nothing
4. a proxy that loses answers, resets, slices and delays
"""

from __future__ import annotations

import hashlib
import http.client
import json
import random
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sync.author import Author
from sync.failpoints import NAMES
from sync.protocol import push_body, push_headers
from sync.records import BlobRef, Op
from sync.store.sqlite import SqliteStore
from tests import patience
from tests.browser.servers import NodeProcess
from tests.proxy import FaultyProxy

VILLAGE = "500156103203"
PICTURE = bytes(range(256)) * 300
SHA256 = hashlib.sha256(PICTURE).hexdigest()
_json = msgspec.json.Encoder()


def clock() -> datetime:
    return datetime.now(UTC)


class BareNode(NodeProcess):
    """A server of that folder without any forms to publish, so that it starts at once."""

    def command(self) -> list[str]:
        upstream = self.arguments[0] if self.arguments else ""
        empty = self.data.with_name("no-forms")
        empty.mkdir(exist_ok=True)
        return [sys.executable, "-c", STARTER, str(self.data), str(empty), str(self.port), upstream]


STARTER = """
import sys
from pathlib import Path
from app.config import Config
from app.serve import serve
data, forms, port, upstream = sys.argv[1:5]
config = Config(data_dir=Path(data), forms_dir=Path(forms), port=int(port), upstream=upstream, relay_seconds=0.2)
sys.exit(serve(config, say=print))
"""


class Phone:
    """A phone over HTTP that goes on until everything was answered."""

    patience = 5.0

    def __init__(self, url: str, token: str, install_id: str) -> None:
        self.url, self.token = url, token
        self.author = Author(install_id, "u-cadre", clock=clock)
        self.log: list[Op] = []
        self.promised: dict[str, str] = {}

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
        request = urllib.request.Request(
            self.url + path, body, {"Authorization": f"Bearer {self.token}", **(headers or {})}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=self.patience) as reply:
                return reply.headers, reply.read()
        except http.client.HTTPException as broken:  # an answer cut in the middle
            raise ConnectionError(repr(broken)) from broken

    def push(self, most: int = 5) -> bool:
        """Offer the next ops; whether all of the log was answered."""
        ops = [op for op in self.log if op.op_id not in self.promised][:most]
        if not ops:
            return True
        body = push_body([_json.encode(op) for op in ops], server_id=None, epoch=None)
        _, said = self.ask("POST", "/sync/v1/push", body, push_headers(body))
        for result in json.loads(said)["results"]:
            if result["receipt"]:
                self.promised[result["op_id"]] = result["receipt"]["hash"]
        return len(self.promised) == len(self.log)

    def send_picture(self) -> bool:
        try:
            headers, _ = self.ask("HEAD", f"/sync/v1/blob/{SHA256}")
            offset = int(headers["Upload-Offset"])
        except urllib.error.HTTPError as error:
            assert error.code == 404
            offset = 0
        while offset < len(PICTURE):
            told = {"Upload-Offset": str(offset), "Upload-Length": str(len(PICTURE))}
            headers, _ = self.ask("PUT", f"/sync/v1/blob/{SHA256}", PICTURE[offset : offset + 20_000], told)
            offset = int(headers["Upload-Offset"])
        return True


answered = partial(patience.until, seconds=40, passing=(OSError, TimeoutError))
"""Until a server that is killed and comes back has answered."""


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Callable[..., tuple[NodeProcess, Phone]]]:
    """Makes a centre's folder with one cadre's phone, and its server process."""
    started: list[NodeProcess] = []

    def make(**env: str) -> tuple[NodeProcess, Phone]:
        store = SqliteStore(tmp_path / "data", clock=clock)
        seed = Author("seed", "seed", clock=clock)
        store.load([seed.create("user", "u-cadre", VILLAGE, {"role": "cadre", "area": VILLAGE}),
                    seed.create("household", "h1", VILLAGE, {"visits": "0"})])  # fmt: skip
        install = store.add_install("u-cadre", kind="device", name="phone")
        store.close()
        node = BareNode(tmp_path / "data", env=env)
        started.append(node)
        phone = Phone(node.url, install.token, install.install_id)
        for number in range(12):
            blobs = [BlobRef(SHA256, len(PICTURE))] if number == 0 else []
            phone.log.append(phone.author.create("submission", f"s{number}", VILLAGE, {"n": str(number)}, blobs=blobs))
            phone.log.append(phone.author.update("household", "h1", VILLAGE, {"visits": (str(number), str(number + 1))}))
        return node, phone

    yield make
    for node in started:
        node.stop(9)


def check(folder: Path, phone: Phone) -> None:
    """Everything promised is there once, the log has no gap, the heads are what the log says."""
    store = SqliteStore(folder, clock=clock)
    try:
        install = phone.author.install_id
        there = {late.op_id: late.receipt.hash for late in store.receipts(install, 0)}
        assert phone.promised.items() <= there.items()
        assert store.acked([install]) == {install: len(there)}
        for number in range(12):
            assert len(store.history("submission", f"s{number}")) <= 1
        household = store.get("household", "h1")
        applied = sum(1 for op in phone.log if op.op_id in there and op.entity == "household")
        assert household is not None and household.fields["visits"] == str(applied)
    finally:
        store.close()


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith(("push", "blob"))])
def test_killed_at_a_failpoint_nothing_promised_is_lost(village: Any, tmp_path: Path, name: str) -> None:
    node, phone = village(RUHU_FAILPOINT=f"{name}:3" if name in ("push.written", "push.committed", "blob.part") else name)
    node.start()
    with pytest.raises((OSError, urllib.error.URLError)):
        for _ in range(20):
            phone.push()
            if phone.promised:
                phone.send_picture()
    assert node.process is not None and node.process.wait(10) == -9
    check(tmp_path / "data", phone)
    node.env = {}
    node.start()
    answered(phone.push)
    answered(phone.send_picture)
    node.stop()
    check(tmp_path / "data", phone)
    store = SqliteStore(tmp_path / "data", clock=clock)
    with store.open_blob(SHA256) as body:
        assert body.read() == PICTURE
    store.close()


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith(("relay", "page"))])
def test_a_node_killed_on_its_link_upward_loses_and_doubles_nothing(tmp_path: Path, name: str) -> None:
    from app.config import Config
    from app.upstream import UPSTREAM_FILE

    centre_folder, node_folder = tmp_path / "centre", tmp_path / "node"
    store = SqliteStore(centre_folder, clock=clock)
    seed = Author("seed", "seed", clock=clock)
    store.load([seed.create("user", "u-cadre", VILLAGE, {"role": "cadre", "area": VILLAGE}),
                seed.create("user", "u-node", VILLAGE, {"role": "node", "area": VILLAGE}),
                seed.create("household", "h1", VILLAGE, {"visits": "0"})])  # fmt: skip
    token = store.add_install("u-node", kind="node", name="node").token
    server_id = store.server_id
    store.close()
    centre = BareNode(centre_folder)
    centre.start()
    try:
        node_folder.mkdir()
        kept = {"url": centre.url, "token": token, "install_id": "", "area": VILLAGE, "server_id": server_id}
        (node_folder / UPSTREAM_FILE).write_text(json.dumps(kept))
        local = SqliteStore(node_folder, clock=clock)
        install = local.add_install("u-cadre", kind="device", name="phone")
        local.close()
        node = BareNode(node_folder, centre.url, env={"RUHU_FAILPOINT": name})
        assert Config(data_dir=node_folder, upstream=centre.url).follows
        phone = Phone(node.url, install.token, install.install_id)
        for number in range(4):
            phone.log.append(phone.author.create("submission", f"s{number}", VILLAGE, {"n": str(number)}))
        try:
            node.start()
            answered(phone.push, seconds=15)
        except (RuntimeError, AssertionError):
            pass  # it may die before it is asked
        assert node.process is not None and node.process.wait(20) == -9
        node.env = {}
        node.start()
        answered(phone.push)

        def confirmed() -> bool:
            _, said = phone.ask("GET", "/sync/v1/receipts?after=0")
            return [one["receipt"]["tier"] for one in json.loads(said)["receipts"]] == ["centre"] * 4

        answered(confirmed)
        node.stop()
    finally:
        centre.stop()
    store = SqliteStore(centre_folder, clock=clock)
    assert [len(store.history("submission", f"s{number}")) for number in range(4)] == [1] * 4
    assert store.acked([install.install_id]) == {install.install_id: 4}
    store.close()


def test_a_body_cut_anywhere_stores_nothing(village: Any, tmp_path: Path) -> None:
    import socket

    node, phone = village()
    node.start()
    body = push_body([_json.encode(op) for op in phone.log[:3]], server_id=None, epoch=None)
    head = "POST /sync/v1/push HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + phone.token + "\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in push_headers(body).items())
    chance = random.Random(7)
    for at in sorted(chance.sample(range(len(body)), 25)):
        for declared in (len(body), at):  # the connection breaks; or a proxy passes the cut off as whole
            with socket.create_connection(("127.0.0.1", node.port), timeout=5) as line:
                line.sendall((head + f"Content-Length: {declared}\r\nConnection: close\r\n\r\n").encode() + body[:at])
                line.shutdown(socket.SHUT_WR)
                answer = line.recv(200)
            assert not answer or answer.split()[1] in (b"400", b"408"), answer
    node.stop()
    store = SqliteStore(tmp_path / "data", clock=clock)
    assert store.acked([phone.author.install_id]) == {phone.author.install_id: 0}
    store.close()


@pytest.mark.parametrize("toxic", ["lost_answers", "resets", "slices", "delays", "slow", "flaps"])
def test_through_a_bad_network_everything_arrives_once(
    village: Any, tmp_path: Path, toxic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # `bench kills` runs these two as slowly as they are in a village.
    monkeypatch.setattr(FaultyProxy, "SLOW_BYTES", 50_000)
    monkeypatch.setattr(FaultyProxy, "SLOW_SECONDS", 0.1)
    monkeypatch.setattr(FaultyProxy, "FLAP_SECONDS", 0.3)
    node, phone = village()
    node.start()
    with FaultyProxy(node.port, toxic, seed=5) as proxy:
        phone.url = f"http://127.0.0.1:{proxy.port}"
        answered(lambda: phone.push(3))
        answered(phone.send_picture)
        for _ in range(200):  # a quick machine is through before the line has gone for the first time
            if proxy.harmed:
                break
            answered(phone.send_picture)
            time.sleep(0.01)
        assert proxy.harmed > 0
    node.stop()
    assert len(phone.promised) == len(phone.log)
    check(tmp_path / "data", phone)
