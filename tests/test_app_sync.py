"""The sync API over real requests: what goes in, what comes out, and what is never trusted.

1. a push comes back with a receipt per op; the same push again gives the same answer
2. a body that was cut, altered or swollen stores nothing
3. nobody reads or writes outside their places
4. a photo is sent in parts and comes back whole to those who may see it
5. the user's password hash never reaches a phone
"""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import Any

import pytest

from sync import protocol
from sync.records import BlobRef
from sync.store.dates import dates_of

VILLAGE, OTHER_VILLAGE = "500156105203", "500110103201"
HOUSEHOLD, OTHER_HOUSEHOLD = "h-ran", "h-far"


def water(author: Any, new: str = "yes", old: str = "no", household: str = HOUSEHOLD, area: str = VILLAGE) -> Any:
    return author.update("household", household, area, {"water_safe": (old, new)})


def test_a_push_is_answered_op_by_op(phone: Any, cast: Any, here: Any) -> None:
    device = phone(cast.cadre)
    op = water(device.author)
    reply = device.push([op], packed=True)
    assert reply.status_code == 200
    (result,) = reply.json["results"]
    assert (result["op_id"], result["status"]) == (op.op_id, "applied")
    assert result["receipt"]["tier"] == "centre"
    assert result["receipt"]["hash"] == op.hash
    assert reply.json["acked_dseq"] == {device.install_id: 1}
    assert here.store.get("household", HOUSEHOLD).fields["water_safe"] == "yes"
    again = device.push([op]).json["results"][0]
    assert (again["status"], again["first"], again["receipt"]) == ("duplicate", "applied", result["receipt"])


def test_hello_tells_how_far_a_phone_has_come(phone: Any, cast: Any) -> None:
    device = phone(cast.cadre)
    device.push([water(device.author)])
    body = {"install_id": device.install_id, "dseq": 1, "unconfirmed": 1}
    reply = device.client.post("/sync/v1/hello", json=body, headers=device.headers).json
    assert reply["acked_dseq"] == {device.install_id: 1}
    assert reply["confirmed_dseq"] == {device.install_id: 1}
    assert reply["tier"] == "centre"
    assert reply["time"]


def refused(device: Any, body: bytes, code: str, status: int, **headers: str) -> None:
    sent = device.headers | protocol.push_headers(body) | headers
    reply = device.client.post("/sync/v1/push", data=body, headers={k: v for k, v in sent.items() if v})
    assert (reply.status_code, reply.json["error"]["code"]) == (status, code), reply.text
    assert reply.json["error"]["message"]
    assert reply.json["error"]["next"]


def test_a_cut_or_altered_push_stores_nothing(phone: Any, cast: Any, here: Any) -> None:
    device = phone(cast.cadre)
    body = device.body([water(device.author)])
    whole = protocol.push_headers(body)
    before = here.store.latest_seq()
    for cut in (0, 1, len(body) // 2, len(body) - 1):
        reply = device.client.post("/sync/v1/push", data=body[:cut], headers=device.headers | whole)
        assert reply.status_code == 400
        assert reply.json["error"]["code"] == "length_mismatch"
    refused(device, body.replace(b"yes", b"nay"), "digest_mismatch", 400, **{"Content-Digest": whole["Content-Digest"]})
    refused(device, body, "digest_mismatch", 400, **{"Content-Digest": ""})
    refused(device, body, "length_mismatch", 400, **{"Ruhu-Length": ""})
    refused(device, b"<html>", "bad_json", 400)
    refused(device, b"[" * 100_000, "bad_json", 400)
    refused(device, b"not gzip", "bad_json", 400, **{"Content-Encoding": "gzip"})
    refused(device, gzip.compress(b"{}")[:-3], "bad_json", 400, **{"Content-Encoding": "gzip"})
    assert here.store.latest_seq() == before
    assert here.store.get("household", HOUSEHOLD).fields["water_safe"] == "no"


def test_a_bomb_is_not_unpacked(phone: Any, cast: Any) -> None:
    device = phone(cast.cadre)
    refused(device, gzip.compress(b" " * 50_000_000), "too_large", 413, **{"Content-Encoding": "gzip"})
    refused(device, b" " * (protocol.MAX_BYTES + 1), "too_large", 413)


def test_without_a_token_nothing_is_read(client: Any) -> None:
    for path in ("pull", "receipts", f"blob/{'0' * 64}"):
        reply = client.get(f"/sync/v1/{path}", headers={"Authorization": "Bearer guessed"})
        assert reply.status_code == 401
        assert reply.json["error"]["code"] == "unknown_token"


def test_each_sees_their_own_places_only(phone: Any, cast: Any) -> None:
    def households(person: Any) -> set[str]:
        return {record["id"] for record in phone(person).pull_all() if record["kind"] == "household"}

    assert households(cast.cadre) == {HOUSEHOLD}
    assert households(cast.township) == {HOUSEHOLD}
    assert households(cast.neighbour) == set()
    assert households(cast.stranger) == {OTHER_HOUSEHOLD}


def test_a_phone_gets_its_forms(phone: Any, cast: Any) -> None:
    (form,) = [record for record in phone(cast.cadre).pull_all() if record["kind"] == "form"]
    assert form["id"] == "mini"
    assert form["fields"]["version"] == "1"
    assert form["fields"]["title"]["zh"] == "小表"


def test_no_password_hash_reaches_a_phone(phone: Any, cast: Any) -> None:
    assert "argon2" not in json.dumps(phone(cast.county).pull_all())
    assert "argon2" in json.dumps(phone(cast.node).pull_all())  # a node signs its own people in


def test_an_op_outside_the_place_is_kept_and_not_applied(phone: Any, cast: Any, here: Any) -> None:
    device = phone(cast.cadre)
    lies = [
        water(device.author, household=OTHER_HOUSEHOLD, area=OTHER_VILLAGE),
        water(device.author, household=OTHER_HOUSEHOLD, area=VILLAGE),
    ]
    reply = device.push(lies).json
    assert [result["status"] for result in reply["results"]] == ["quarantined", "quarantined"]
    assert all(result["message"] for result in reply["results"])
    assert "water_safe" not in here.store.get("household", OTHER_HOUSEHOLD).fields
    assert len(here.store.quarantined()) == 2


def test_a_gap_is_asked_for(phone: Any, cast: Any) -> None:
    device = phone(cast.cadre)
    first, second = water(device.author), water(device.author, "no", "yes")
    reply = device.push([second]).json
    assert reply["results"][0]["status"] == "retry"
    assert reply["expected"] == {device.install_id: 1}
    assert [r["status"] for r in device.push([first, second]).json["results"]] == ["applied", "applied"]


def test_receipts_of_the_centre(phone: Any, cast: Any) -> None:
    device = phone(cast.cadre)
    op = water(device.author)
    device.push([op])
    (receipt,) = device.get(f"/sync/v1/receipts?install_id={device.install_id}&after=0").json["receipts"]
    assert receipt["op_id"] == op.op_id
    assert receipt["receipt"]["tier"] == "centre"
    assert device.get("/sync/v1/receipts?after=1").json["receipts"] == []


@pytest.mark.parametrize("query", ["cursor=nonsense", "cursor=a.b.1"])
def test_a_foreign_cursor_starts_again(phone: Any, cast: Any, query: str) -> None:
    reply = phone(cast.cadre).get(f"/sync/v1/pull?{query}")
    assert reply.status_code == 409
    assert reply.json["error"]["code"] == "cursor_stale"


@pytest.mark.parametrize("query", ["limit=x", "limit=-1", "limit=999999999999999999"])
def test_strange_numbers_are_refused(phone: Any, cast: Any, query: str) -> None:
    assert phone(cast.cadre).get(f"/sync/v1/pull?{query}").status_code == 400


def test_dates_come_brief_only_to_who_asks(phone: Any, cast: Any) -> None:
    """A phone of before reads a map; one that asks is spared a date beside every value."""
    device = phone(cast.cadre)
    whole = {one["id"]: one for one in device.get("/sync/v1/pull").json["records"] if one["kind"] == "household"}
    brief = {one["id"]: one for one in device.get("/sync/v1/pull?dates=brief").json["records"] if one["kind"] == "household"}
    assert whole and whole.keys() == brief.keys()
    assert all(isinstance(one["since"], dict) for one in whole.values())
    assert any(isinstance(one["since"], list) for one in brief.values())
    for id, one in brief.items():
        assert one["fields"] == whole[id]["fields"]
        assert dates_of(json.dumps(one["since"]), one["fields"]) == whole[id]["since"]


def test_answers_are_packed_and_not_kept(phone: Any, cast: Any) -> None:
    device = phone(cast.county)
    packed = device.client.get("/sync/v1/pull", headers=device.headers | {"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Cache-Control"] == "no-store"
    assert packed.headers["Content-Digest"] == protocol.digest_header(packed.data)
    assert json.loads(gzip.decompress(packed.data))["records"]


def put(device: Any, name: str, offset: int, length: int, part: bytes) -> Any:
    headers = device.headers | {"Upload-Offset": str(offset), "Upload-Length": str(length)}
    return device.client.put(f"/sync/v1/blob/{name}", data=part, headers=headers)


def photographed(device: Any, photo: bytes) -> str:
    """Push a submission that names the photo; answers its name."""
    name = hashlib.sha256(photo).hexdigest()
    answers = {"form_id": "mini", "answers": {"photo": name}}
    op = device.author.create("submission", "s1", VILLAGE, answers, blobs=[BlobRef(name, len(photo))])
    assert device.push([op]).json["results"][0]["status"] == "applied"
    return name


def test_a_photo_in_parts(phone: Any, cast: Any) -> None:
    device = phone(cast.cadre)
    photo = bytes(range(256)) * 1500
    name = hashlib.sha256(photo).hexdigest()
    assert device.client.head(f"/sync/v1/blob/{name}", headers=device.headers).status_code == 404
    assert put(device, name, 0, len(photo), photo[:200_000]).status_code == 404  # no op names it yet
    photographed(device, photo)
    assert put(device, name, 0, len(photo), photo[:200_000]).status_code == 204
    head = device.client.head(f"/sync/v1/blob/{name}", headers=device.headers)
    assert (head.headers["Upload-Offset"], head.headers["Upload-Length"]) == ("200000", str(len(photo)))
    wrong = put(device, name, 100_000, len(photo), photo[100_000:150_000])
    assert (wrong.status_code, wrong.headers["Upload-Offset"]) == (409, "200000")
    assert device.get(f"/sync/v1/blob/{name}").status_code == 404  # half a photo is none
    assert put(device, name, 200_000, len(photo), photo[200_000:]).status_code == 201
    seen = phone(cast.township).get(f"/sync/v1/blob/{name}")
    assert seen.data == photo
    assert seen.headers["Content-Disposition"] == "attachment"
    assert phone(cast.stranger).get(f"/sync/v1/blob/{name}").status_code == 404
    assert put(phone(cast.stranger), name, 0, len(photo), photo[:10]).status_code == 404


def test_a_part_has_its_limit(phone: Any, cast: Any) -> None:
    device = phone(cast.cadre)
    photo = bytes(300_000)
    assert put(device, photographed(device, photo), 0, len(photo), photo).status_code == 413


def test_an_altered_photo_is_dropped(phone: Any, cast: Any) -> None:
    device = phone(cast.cadre)
    name = photographed(device, b"true")
    assert put(device, name, 0, 4, b"fake").status_code == 400
    assert put(device, name, 0, 4, b"true").status_code == 201


@pytest.mark.parametrize("name", ["../../secret.key", "0" * 63, "G" * 64, "..%2f..%2fsecret.key"])
def test_a_blob_s_name_is_a_hash(phone: Any, cast: Any, name: str) -> None:
    device = phone(cast.cadre)
    assert device.get(f"/sync/v1/blob/{name}").status_code == 404
    assert put(device, name, 0, 4, b"true").status_code in (400, 404)


def test_a_stopped_device_pulls_nothing_and_its_ops_are_kept(phone: Any, cast: Any, here: Any) -> None:
    device = phone(cast.cadre)
    here.store.revoke(device.install_id)
    assert device.get("/sync/v1/pull").status_code == 401
    reply = device.push([water(device.author)])
    assert reply.status_code == 200
    assert reply.json["results"][0]["status"] == "quarantined"
    assert here.store.get("household", HOUSEHOLD).fields["water_safe"] == "no"
