"""I14: what the version before wrote and sent is still understood, and nothing of it is lost.

``tests/vectors/old/v1`` was recorded from that version (see the README there): the database of a centre, what a
phone said and was answered, and what it holds unsent. Here it meets today's server: the same token, the same
bytes. `tests/js/data_old.test.js` has the phone's half.
"""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync import protocol
from sync.audit import OP
from sync.store.backup import back_up, restore
from sync.store.sqlite import SqliteStore
from tests.conftest import HOUSEHOLD, NEXT_VILLAGE, VILLAGE

OLD = Path(__file__).parent / "vectors" / "old" / "v1"
EXCHANGE = json.loads((OLD / "exchange.json").read_text("utf-8"))
PHONE = json.loads((OLD / "phone.json").read_text("utf-8"))
SIGN_IN = json.loads(EXCHANGE["recorded"][0]["reply"])
HEADERS = {"Authorization": f"Bearer {SIGN_IN['token']}"}


def folder_of_then(folder: Path) -> Path:
    """The data folder as the version before left it."""
    folder.mkdir(parents=True)
    with sqlite3.connect(folder / "store.db") as db:
        db.executescript((OLD / "centre.sql").read_text("utf-8"))
    for sha256, content in json.loads((OLD / "blobs.json").read_text("utf-8")).items():
        (folder / "blobs" / sha256[:2]).mkdir(parents=True)
        (folder / "blobs" / sha256[:2] / sha256).write_bytes(base64.b64decode(content))
    return folder


@pytest.fixture
def here(config: Any) -> Iterator[Any]:
    from app.node import open_node

    folder_of_then(config.data_dir)
    opened = open_node(config)
    yield opened
    opened.close()


def recorded(path: str) -> dict[str, Any]:
    return next(one for one in EXCHANGE["recorded"] if one["path"].startswith(path))


def push(client: Any, body: str, *, packed: bool = False) -> Any:
    sent = gzip.compress(body.encode()) if packed else body.encode()
    return client.post("/sync/v1/push", data=sent, headers=HEADERS | protocol.push_headers(sent, gzipped=packed))


def keys_of(value: Any) -> set[str]:
    return set(value) if isinstance(value, dict) else set()


def test_the_folder_of_then_opens_with_all_it_had(here: Any) -> None:
    store = here.store
    assert store.server_id == SIGN_IN["server_id"] and store.epoch == SIGN_IN["epoch"]
    assert store.get("household", HOUSEHOLD).fields["water_safe"] == "yes"
    assert store.acked([SIGN_IN["install_id"]]) == {SIGN_IN["install_id"]: 3}
    assert list(store.audit_faults()) == [] and len(store.acts(OP)) >= 3, "its ops are in the audit chain from now on"


def test_a_hello_of_then_is_answered_with_all_that_was_answered(client: Any) -> None:
    then = recorded("/sync/v1/hello")
    reply = client.post("/sync/v1/hello", data=then["body"], headers=HEADERS | {"Content-Type": "application/json"})
    assert reply.status_code == 200
    assert keys_of(json.loads(then["reply"])) <= keys_of(reply.json)
    assert reply.json["acked_dseq"] == {SIGN_IN["install_id"]: 3}


def test_a_push_of_then_sent_again_is_a_duplicate(client: Any) -> None:
    then = recorded("/sync/v1/push")
    reply = push(client, then["body"])
    before = json.loads(then["reply"])
    assert reply.status_code == 200 and [one["status"] for one in reply.json["results"]] == ["duplicate"] * 3
    for now, old in zip(reply.json["results"], before["results"], strict=True):
        assert (now["first"], now["rev"], now["seq"]) == (old["status"], old["rev"], old["seq"])
        assert {name: now["receipt"][name] for name in old["receipt"]} == old["receipt"]
        assert keys_of(old) <= keys_of(now)


@pytest.mark.parametrize("packed", [False, True])
def test_what_lay_in_the_outbox_of_then_is_applied(client: Any, here: Any, packed: bool) -> None:
    """Pushed exactly as the old code would: its body, its token, its idea of the server."""
    reply = push(client, EXCHANGE["unsent"]["body"], packed=packed)
    assert reply.status_code == 200, reply.json
    results = reply.json["results"]
    assert [one["status"] for one in results] == ["applied"] * 5
    ops = json.loads(EXCHANGE["unsent"]["body"])["ops"]
    for op, result in zip(ops, results, strict=True):
        assert result["receipt"]["hash"] == op["hash"] and result["receipt"]["tier"] == "centre"
    assert reply.json["acked_dseq"] == {SIGN_IN["install_id"]: 8}
    assert here.store.get("household", HOUSEHOLD).fields["water_safe"] == "yes"
    assert len(here.store.history("household", HOUSEHOLD)) >= 4
    receipts = client.get(f"/sync/v1/receipts?install_id={SIGN_IN['install_id']}&after=0", headers=HEADERS).json["receipts"]
    assert [one["dseq"] for one in receipts] == list(range(1, 9))
    assert list(here.store.audit_faults()) == []


def test_its_photo_goes_on_after_the_update(client: Any, here: Any) -> None:
    push(client, EXCHANGE["unsent"]["body"])
    for row in PHONE["ruhu-outbox"]["stores"]["blob"]["rows"]:
        bytes_ = base64.b64decode(row["bytes"]["base64"])
        headers = HEADERS | {"Upload-Offset": "0", "Upload-Length": str(len(bytes_))}
        assert client.put(f"/sync/v1/blob/{row['sha256']}", data=bytes_, headers=headers).status_code == 201
        assert here.store.has_blob(row["sha256"])


def test_a_pull_with_the_cursor_of_then_goes_on(client: Any) -> None:
    """Or begins anew; never is something left out."""
    cursor = json.loads(EXCHANGE["recorded"][-1]["reply"])["cursor"]
    push(client, EXCHANGE["unsent"]["body"])
    reply = client.get(f"/sync/v1/pull?limit=500&cursor={cursor}", headers=HEADERS)
    if reply.status_code == 409:
        assert reply.json["error"]["code"] == "cursor_stale"
        reply = client.get("/sync/v1/pull?limit=500", headers=HEADERS)
    assert keys_of(json.loads(EXCHANGE["recorded"][-1]["reply"])) <= keys_of(reply.json)
    changed = {(one["kind"], one["id"]): one for one in reply.json["records"]}
    assert ("household", HOUSEHOLD) in changed and not reply.json["more"]
    assert all(one["area"] != NEXT_VILLAGE or one["kind"] == "area" for one in reply.json["records"])


def test_a_backup_of_the_old_folder_is_restored_and_goes_on(tmp_path: Path) -> None:
    from datetime import datetime

    folder = folder_of_then(tmp_path / "old")
    back_up(folder, tmp_path / "b", now=datetime(2026, 11, 28), say=lambda step: None)
    shutil.rmtree(folder)
    restore(tmp_path / "b", tmp_path / "new", now=datetime(2026, 11, 28))
    store = SqliteStore(tmp_path / "new")
    assert store.get("household", HOUSEHOLD) is not None and store.epoch != SIGN_IN["epoch"]
    assert list(store.audit_faults()) == []
    store.close()


# --- what is newer than this server, and what it does not know ---------------------------------------------


def test_a_format_of_the_future_is_refused_whole_and_says_what_to_do(client: Any, here: Any) -> None:
    body = json.loads(EXCHANGE["unsent"]["body"]) | {"format": protocol.FORMAT + 1}
    reply = push(client, json.dumps(body, ensure_ascii=False))
    assert reply.status_code == 400 and reply.json["error"]["code"] == "format_unknown"
    assert "更新" in reply.json["error"]["next"]
    assert here.store.acked([SIGN_IN["install_id"]]) == {SIGN_IN["install_id"]: 3}, "nothing was taken, nothing is lost"
    # Once the server is updated (here: the same body in a format it knows) all of it goes up.
    assert push(client, EXCHANGE["unsent"]["body"]).json["acked_dseq"] == {SIGN_IN["install_id"]: 8}


@pytest.mark.parametrize("format_", [1, protocol.FORMAT, None])
def test_a_push_is_never_refused_for_being_old(client: Any, format_: int | None) -> None:
    body = json.loads(EXCHANGE["unsent"]["body"])
    body.pop("format")
    if format_ is not None:
        body["format"] = format_
    assert push(client, json.dumps(body, ensure_ascii=False)).status_code == 200


@pytest.mark.parametrize(("change", "code"), [
    ({"kind": "merge_of_the_future"}, "unknown_kind"),
    ({"entity": "satellite"}, "not_allowed"),
    ({"v": 9, "kind": "update_many"}, "unknown_kind"),
])  # fmt: skip
def test_an_op_this_server_does_not_know_is_kept_and_the_rest_flows(
    client: Any, here: Any, change: dict[str, Any], code: str
) -> None:
    from sync.canonical import content_hash

    body = json.loads(EXCHANGE["unsent"]["body"])
    strange = body["ops"][0] | change | {"member_of_the_future": {"a": ["b"]}}
    strange["hash"] = content_hash(strange)
    body["ops"][0] = strange
    reply = push(client, json.dumps(body, ensure_ascii=False)).json
    assert (reply["results"][0]["status"], reply["results"][0]["code"]) == ("quarantined", code)
    assert reply["acked_dseq"] == {SIGN_IN["install_id"]: 8}
    kept = [row[0] for row in here.store._all("SELECT body FROM op WHERE op_id = ?", strange["op_id"])]
    assert json.loads(kept[0]) == strange, "byte by byte, with what this version does not know"


def test_answers_to_a_form_version_that_is_not_here_are_kept(client: Any, here: Any) -> None:
    from sync.canonical import content_hash

    body = json.loads(EXCHANGE["unsent"]["body"])
    first = body["ops"][0]
    first["form_version"] = first["fields"]["form_version"]["new"] = "77"
    first["hash"] = content_hash(first)
    assert push(client, json.dumps(body, ensure_ascii=False)).status_code == 200
    assert any(json.loads(row[0]) == first for row in here.store._all("SELECT body FROM op WHERE op_id = ?", first["op_id"]))
    assert first["area"] == VILLAGE
