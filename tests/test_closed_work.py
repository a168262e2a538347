"""Work of a locked phone: the centre opens it and takes it in as if it had been pushed; nobody else can."""

from __future__ import annotations

import base64
import io
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from test_app_courier import PICTURE, PICTURE_NAME, County, Phone, _json, county

from app.courier import CARRIED
from sync import keys
from sync.closed_work import ClosedOp, ClosedPart, piece_of, push_of
from sync.courier import SENDER, Head, Writer
from sync.problems import Problem
from sync.records import BlobRef
from sync.relay import Reply
from sync.sealed import seal

__all__ = ["county"]
VECTOR = json.loads((Path(__file__).parent / "vectors" / "closed_work.json").read_text("utf-8"))
KEY = keys.sealing_key(bytes(range(32)))


def test_what_a_phone_closed_the_centre_opens() -> None:
    op, part = VECTOR["op"], VECTOR["part"]
    push = json.loads(push_of(ClosedOp(**op["facts"]), base64.b64decode(op["body"]), KEY))
    assert push["ops"] == [op["opens"]] and push["heads"] == []
    assert piece_of(ClosedPart(**part["facts"]), base64.b64decode(part["body"]), KEY) == base64.b64decode(part["opens"])


@pytest.mark.parametrize("change", ["key", "work", "op_id", "body"])
def test_with_another_key_or_in_another_place_nothing_opens(change: str) -> None:
    op = VECTOR["op"]
    facts, body, key = dict(op["facts"]), base64.b64decode(op["body"]), KEY
    if change == "key":
        key = keys.sealing_key(b"o" * 32)
    elif change == "body":
        body = body[:-1] + bytes([body[-1] ^ 1])
    else:
        facts[change] = "other"
    with pytest.raises(Problem) as caught:
        push_of(ClosedOp(**facts), body, key)
    assert caught.value.code == "courier_altered"


def locked_file(phone: Phone, centre: str, *, spoil: int = -1, id: str = "locked") -> bytes:
    """What a phone exports whose person has not unlocked: each op as it lies, the last with the head."""
    raw = os.urandom(32)
    sealed = keys.to_text(seal(raw, centre, b"ruhu-work-1\ns1"))
    out = io.BytesIO()
    writer = Writer(out, Head(kind="ops", id=id, sender=phone.install_id, by=SENDER), seal_to=centre, sign_with=phone.key)
    for at, op in enumerate(phone.ops):
        head = json.loads(phone.body(phone.ops[: at + 1]))["heads"][0]
        body = _closed(raw, f"op|{op.op_id}", _json.encode(op))
        writer.write("closed", body[:-1] + b"x" if at == spoil else body, op_id=op.op_id, work="s1", key=sealed, head=head,
                     pack=False)  # fmt: skip
    for n, offset in enumerate(range(0, len(PICTURE), 256 * 1024)):
        body = _closed(raw, f"blob|{PICTURE_NAME}|{n}", PICTURE[offset : offset + 256 * 1024])
        writer.write("closed_blob", body, sha256=PICTURE_NAME, n=n, offset=offset, length=len(PICTURE), work="s1", key=sealed,
                     pack=False)  # fmt: skip
    writer.close()
    return out.getvalue()


def _closed(raw: bytes, about: str, plain: bytes) -> bytes:
    iv = os.urandom(12)
    return iv + AESGCM(raw).encrypt(iv, plain, about.encode())


def test_a_locked_phones_work_is_taken_in_with_its_photo_and_the_later_push_adds_nothing(county: County) -> None:
    phone = Phone(county.centre)
    phone.visit("s1", blobs=[BlobRef(PICTURE_NAME, len(PICTURE))])
    taken = county.in_(locked_file(phone, county.keys.seal))
    assert (taken.found["results"], taken.found["missing"], taken.found["faults"]) == ({"applied": 2}, 0, {})
    assert county.centre.has_blob(PICTURE_NAME)
    assert county.in_(locked_file(phone, county.keys.seal, id="again")).found["results"] == {"duplicate": 2}
    phone.push()
    found = county.centre.get("submission", "s1")
    assert found and found.fields["answers"] == {"who": "魏家德"}


def test_one_spoilt_piece_is_told_and_the_log_waits_there(county: County) -> None:
    phone = Phone(county.centre)
    phone.visit("s1", blobs=[BlobRef(PICTURE_NAME, len(PICTURE))])
    taken = county.in_(locked_file(phone, county.keys.seal, spoil=0))
    assert taken.found["faults"]["courier_altered"] == 1
    assert taken.found["gaps"] == {phone.install_id: 1}
    assert county.centre.get("submission", "s1") is None


def test_a_village_hands_it_up_by_network_once_and_the_centre_opens_it(county: County) -> None:
    phone = Phone(county.village)
    phone.visit("s1", blobs=[BlobRef(PICTURE_NAME, len(PICTURE))])
    county.round_trip()  # tells the centre of this phone
    assert county.back(locked_file(phone, county.keys.seal)).state == CARRIED
    asked: list[tuple[str, str]] = []

    def up(method: str, path: str, body: bytes = b"", headers: Any = None) -> Reply:
        asked.append((method, path))
        if len(asked) == 1:
            return Reply(503, {}, b"")
        county.in_(body)
        return Reply(202, {}, b"{}")

    assert [county.stand.send_up(up) for _ in range(3)] == [False, True, False]
    assert asked == [("POST", "/sync/v1/closed")] * 2
    assert county.centre.get("submission", "s1") and county.village.get("submission", "s1") is None
    # The person unlocks: the village learns it too, and the centre knows it already.
    phone.push()
    assert county.round_trip()[0].found["results"] == {"duplicate": 2}


def test_a_phone_brings_it_over_the_network_with_any_token(phone: Any, cast: Any, here: Any) -> None:
    mine, bringer = phone(cast.cadre), phone(cast.cadre)
    owner = Phone(here.store, cast.cadre.id)
    owner.visit("s-closed", area="500156105203")
    file = locked_file(owner, here.identity.public.seal)
    reply = bringer.client.post("/sync/v1/closed", data=file, headers=bringer.headers)
    assert (reply.status_code, reply.json["state"]) == (202, "running")
    for _ in range(100):
        if here.store.get("submission", "s-closed"):
            break
        time.sleep(0.05)
    assert here.store.get("submission", "s-closed")
    assert mine.client.post("/sync/v1/closed", data=b"no file", headers=mine.headers).json["error"]["code"] == "courier_cut"
    assert mine.client.post("/sync/v1/closed", data=file).status_code == 401
