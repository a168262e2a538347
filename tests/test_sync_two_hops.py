"""One visit over two hops: phone → village → centre and back, over real SQLite, with lost replies.

In-process transport: the same service functions the HTTP API calls.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sync import service
from sync.author import Author
from sync.devices import register
from sync.identity import ABOVE_ALL, Identity, identity_of, note
from sync.logs import blob_word_holds
from sync.problems import Problem
from sync.protocol import Hello, checked_body, encode, parse_blob_names, push_body, push_headers
from sync.records import CENTRE, NODE, BlobRef, Credential, FieldChange, Keys, Op
from sync.relay import REFUSED_FOR, Relay, Reply
from sync.scope import scope_of
from sync.store.backup import renew_epoch
from sync.store.base import Store
from sync.store.sqlite import SqliteStore

VILLAGE = "500156103203"
NEIGHBOUR = "500156103204"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
_json = msgspec.json.Encoder()


def clock() -> datetime:
    return NOW


class Wire:
    """Carries a node's requests to the store above by the service; can lose replies."""

    def __init__(self, store: Store, token: str) -> None:
        self.store, self.token = store, token
        self.lose: set[str] = set()
        self.down = False
        self.refused: set[str] = set()
        self.full = False
        self.identity: Identity | None = None
        self.reached = 0

    def __call__(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
        if self.down:
            raise Problem("upstream_silent")
        if self.full and method == "PUT":
            return Reply(507, {}, b"{}")
        try:
            if path in self.refused:
                raise Problem("not_found")
            status, answer = 200, self._answer(method, path, body, headers or {})
        except Problem as problem:
            status, answer = (409 if problem.code == "cursor_stale" else 404), {"error": {"code": problem.code}}
        if path in self.lose:
            self.lose.discard(path)
            raise Problem("upstream_silent")
        raw = answer if isinstance(answer, bytes) else encode(answer)
        return Reply(status, {"Upload-Offset": str(self.reached)} if method == "PUT" else {}, raw)

    def _answer(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Any:
        credential = self.store.credential(self.token)
        assert credential is not None
        route, _, query = path.partition("?")
        asked = dict(pair.split("=", 1) for pair in query.split("&") if pair)
        if route.endswith("/hello"):
            return service.hello(self.store, credential, Hello(), now=NOW)
        if route.endswith("/push"):
            return service.push(self.store, credential, checked_body(body, headers), now=NOW)
        if route.endswith("/pull"):
            return service.pull(self.store, credential, asked.get("cursor"), int(asked["limit"]), now=NOW)
        if route.endswith("/digest"):
            return service.digest(self.store, credential, asked.get("cursor"), asked.get("after", ""))
        if route.endswith("/bucket"):
            wanted = {int(one) for one in asked["buckets"].split(",")}
            return service.bucket(self.store, credential, asked.get("cursor"), asked["place"], wanted)
        if route.endswith("/receipts"):
            return service.receipts(self.store, credential, asked["install_id"], int(asked["after"]), now=NOW)
        if route.endswith("/blobs"):
            places = service.blob_places(self.store, credential, parse_blob_names(body))
            return {"blobs": places, "words": service.blob_words(self.store, places, identity=self.identity)}
        if method == "PUT":
            offset, length = int(headers["Upload-Offset"]), int(headers["Upload-Length"])
            self.reached = service.put_blob(self.store, credential, route.rsplit("/", 1)[1], offset, length, body)
            return {}
        return service.read_blob(self.store, credential, route.rsplit("/", 1)[1])


class County:
    """A centre, a village node below it, and a cadre's phone."""

    def __init__(self, folder: Path) -> None:
        self.centre = SqliteStore(folder / "centre", clock=clock)
        self.village = SqliteStore(folder / "village", clock=clock)
        seed = Author("seed", "seed", clock=clock)
        people = {"u-cadre": ("cadre", VILLAGE), "u-node": ("node", VILLAGE), "u-other": ("cadre", NEIGHBOUR)}
        self.centre.load(
            [seed.create("user", id, area, {"username": id, "role": role, "area": area, "password_hash": "x"})
             for id, (role, area) in people.items()]
            + [seed.create("household", "h1", VILLAGE, {"head_name": "冉光明", "water_source": "well"}),
               seed.create("household", "h2", NEIGHBOUR, {"head_name": "田秀英"})]
        )  # fmt: skip
        node = self.centre.add_install("u-node", kind="node", name="village")
        self.wire = Wire(self.centre, node.token)
        self.relay = Relay(self.village, transport=self.wire)
        self.relay.step()
        self.phone = self.village.add_install("u-cadre", kind="device", name="phone")
        self.author = Author(self.phone.install_id, "u-cadre", clock=clock)

    @property
    def credential(self) -> Credential:
        found = self.village.credential(self.phone.token)
        assert found is not None
        return found

    def push(self, *ops: Op) -> dict[str, Any]:
        body = push_body([_json.encode(op) for op in ops], server_id=None, epoch=None)
        return service.push(self.village, self.credential, checked_body(body, push_headers(body)), now=NOW)

    def close(self) -> None:
        self.centre.close()
        self.village.close()


@pytest.fixture
def county(tmp_path: Path) -> Iterator[County]:
    made = County(tmp_path)
    yield made
    made.close()


def water(author: Author, old: str, new: str, submission: str | None = None) -> Op:
    return author.update("household", "h1", VILLAGE, {"water_source": (old, new)}, submission=submission)


def statuses(reply: dict[str, Any]) -> list[str]:
    return [result["status"] for result in reply["results"]]


def test_a_device_stopped_above_dies_below_at_the_next_link(county: County) -> None:
    """A stolen phone: the county stops it, and the village's server ends its token without anybody there doing anything."""
    register(county.village, "", VILLAGE, clock=clock)
    county.relay.step()
    told = county.centre.get("device", county.phone.install_id)
    assert told is not None and told.fields["user_id"] == "u-cadre"
    other = county.village.add_install("u-cadre", kind="device", name="another phone")
    boss = Author("i-boss", "u-boss", clock=clock)
    county.centre.load([boss.void("device", told.id, told.area, {}, "停用设备", base_rev=told.rev)])
    assert not county.credential.revoked, "the village has not been told"
    county.relay.step()
    assert county.credential.revoked
    with pytest.raises(Problem, match="device_revoked"):
        service.pull(county.village, county.credential, None, 10, now=NOW)
    reply = county.push(water(county.author, "well", "piped"))
    assert statuses(reply) == ["quarantined"] and reply["results"][0]["code"] == "device_revoked"
    kept = county.village.credential(other.token)
    assert kept is not None and not kept.revoked, "only the one that was stopped"


def test_without_hearing_it_the_stolen_phone_would_go_on(county: County, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.relay.stop_told", lambda store, records: 0)
    register(county.village, "", VILLAGE, clock=clock)
    county.relay.step()
    boss = Author("i-boss", "u-boss", clock=clock)
    county.centre.load([boss.void("device", county.phone.install_id, VILLAGE, {}, "停用设备")])
    county.relay.step()
    assert not county.credential.revoked


def test_the_village_holds_its_own_area_only(county: County) -> None:
    assert county.village.get("household", "h1") is not None
    assert county.village.get("household", "h2") is None
    assert county.village.get("user", "u-other") is None


def test_a_visit_reaches_the_centre_and_the_receipt_comes_back(county: County) -> None:
    submission = county.author.create("submission", "s1", VILLAGE, {"form_id": "visit", "answers": {"a": "1"}})
    reply = county.push(submission, water(county.author, "well", "piped", "s1"))
    assert statuses(reply) == ["applied", "applied"]
    assert {result["receipt"]["tier"] for result in reply["results"]} == {NODE}
    before = county.village.get("household", "h1")
    assert before is not None and before.fields["water_source"] == "piped" and before.pending == 1
    county.relay.step()
    for store in (county.centre, county.village):
        record = store.get("household", "h1")
        assert record is not None and record.fields["water_source"] == "piped" and record.rev == 2
    after = county.village.get("household", "h1")
    assert after is not None and after.pending == 0
    late = county.village.receipts(county.phone.install_id, 0)
    assert [(one.dseq, one.receipt.tier, one.status) for one in late] == [(1, CENTRE, "applied"), (2, CENTRE, "applied")]
    assert county.village.confirmed([county.phone.install_id]) == {county.phone.install_id: 2}
    assert [change.op.actor for change in county.centre.history("household", "h1")] == ["seed", "u-cadre"]
    assert len(county.centre.ops_of_submission("s1")) == 2


def test_the_same_op_again_has_one_effect_and_the_stored_answer(county: County) -> None:
    op = water(county.author, "well", "piped")
    first = county.push(op)
    again = county.push(op)
    assert statuses(again) == ["duplicate"]
    assert again["results"][0]["first"] == "applied"
    assert again["results"][0]["receipt"] == first["results"][0]["receipt"]
    county.wire.lose.add("/sync/v1/push")
    with pytest.raises(Problem):
        county.relay.step()
    county.relay.step()
    record = county.centre.get("household", "h1")
    assert record is not None and record.rev == 2
    assert county.village.confirmed([county.phone.install_id]) == {county.phone.install_id: 1}


def test_a_gap_is_sent_back_and_nothing_is_skipped(county: County) -> None:
    one, two = water(county.author, "well", "piped"), water(county.author, "piped", "spring")
    reply = county.push(two)
    assert statuses(reply) == ["retry"] and reply["expected"] == {county.phone.install_id: 1}
    assert statuses(county.push(one, two)) == ["applied", "applied"]


def test_two_phones_saying_different_things_make_a_conflict_for_a_person(county: County) -> None:
    other = county.centre.add_install("u-cadre", kind="device", name="second")
    author = Author(other.install_id, "u-cadre", clock=clock)
    body = push_body([_json.encode(water(author, "well", "cistern"))], server_id=None, epoch=None)
    credential = county.centre.credential(other.token)
    assert credential is not None
    service.push(county.centre, credential, body, now=NOW)
    county.push(water(county.author, "well", "piped"))
    county.relay.step()
    county.relay.step()
    for store in (county.centre, county.village):
        record = store.get("household", "h1")
        assert record is not None and record.fields["water_source"] == "cistern"
        open_questions = [r for r in store.changes(0, 1000).records if r.kind == "conflict"]
        assert [(q.fields["ours"], q.fields["theirs"]) for q in open_questions] == [
            ({"water_source": "cistern"}, {"water_source": "piped"})
        ]


def test_an_op_outside_the_area_is_kept_and_not_applied(county: County) -> None:
    county.village.load([Author("s2", "s", clock=clock).create("household", "far", NEIGHBOUR, {"head_name": "x"})])
    op = county.author.update("household", "far", VILLAGE, {"head_name": ("x", "y")})
    assert statuses(county.push(op, water(county.author, "well", "piped"))) == ["quarantined", "applied"]
    far = county.village.get("household", "far")
    assert far is not None and far.fields["head_name"] == "x"
    assert [change.code for change in county.village.quarantined()] == ["outside_area"]


def test_the_same_id_with_other_content_is_kept_beside_it(county: County) -> None:
    op = water(county.author, "well", "piped")
    county.push(op)
    forged = msgspec.structs.replace(op, fields={"water_source": FieldChange("well", "cistern")})
    assert statuses(county.push(forged)) == ["quarantined"]
    record = county.village.get("household", "h1")
    assert record is not None and record.fields["water_source"] == "piped"


def test_an_update_before_its_create_waits(county: County) -> None:
    late = county.author.update("member", "m9", VILLAGE, {"full_name": ("", "冉小")})
    make = county.author.create("member", "m9", VILLAGE, {"household_id": "h1"})
    assert statuses(county.push(late)) == ["held"]
    assert statuses(county.push(make)) == ["applied"]
    county.relay.step()
    for store in (county.village, county.centre):
        record = store.get("member", "m9")
        assert record is not None and record.fields["full_name"] == "冉小"


def test_a_cut_or_altered_body_is_refused_before_it_is_read(county: County) -> None:
    body = push_body([_json.encode(water(county.author, "well", "piped"))], server_id=None, epoch=None)
    headers = push_headers(body)
    for altered, code in ((body[:-7], "length_mismatch"), (body[:-1] + b" ", "digest_mismatch")):
        with pytest.raises(Problem) as refused:
            checked_body(altered, headers)
        assert refused.value.code == code
    assert county.village.acked([county.phone.install_id]) == {county.phone.install_id: 0}


def test_a_phone_pulls_its_village_without_password_hashes(county: County) -> None:
    page = county.village.pull(scope_of(county.credential), None, 500)
    assert {record.id for record in page.records if record.kind == "household"} == {"h1"}
    assert all("password_hash" not in record.fields for record in page.records)
    assert county.village.pull(scope_of(county.credential), page.cursor, 500).records == ()
    with pytest.raises(Problem) as stale:
        county.village.pull(scope_of(county.credential), "other." + page.cursor, 500)
    assert stale.value.code == "cursor_stale"


def test_a_village_restarts_with_everything(county: County, tmp_path: Path) -> None:
    county.push(water(county.author, "well", "piped"))
    county.village.close()
    county.village = SqliteStore(tmp_path / "village", clock=clock)
    relay = Relay(county.village, transport=county.wire)
    relay.step()
    record = county.centre.get("household", "h1")
    assert record is not None and record.fields["water_source"] == "piped"


def test_one_process_holds_the_folder(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "data", clock=clock)
    with pytest.raises(Problem) as refused:
        SqliteStore(tmp_path / "data", clock=clock)
    assert refused.value.code == "folder_in_use"
    store.close()


def test_blobs_are_taken_in_parts_and_verified(county: County) -> None:
    body = bytes(range(256)) * 10
    sha256 = hashlib.sha256(body).hexdigest()
    with pytest.raises(Problem):
        service.put_blob(county.village, county.credential, sha256, 0, len(body), body)
    county.push(county.author.create("submission", "s2", VILLAGE, {"a": "b"}, blobs=[BlobRef(sha256, len(body))]))
    assert service.put_blob(county.village, county.credential, sha256, 0, len(body), body[:1000]) == 1000
    with pytest.raises(Problem) as wrong:
        service.put_blob(county.village, county.credential, sha256, 500, len(body), body[500:])
    assert wrong.value.code == "blob_offset" and wrong.value.details == {"offset": 1000}
    with pytest.raises(Problem) as longer:
        service.put_blob(county.village, county.credential, sha256, 1000, len(body) + 1, body[1000:])
    assert longer.value.code == "blob_size"
    assert service.put_blob(county.village, county.credential, sha256, 1000, len(body), body[1000:]) == len(body)
    assert service.read_blob(county.village, county.credential, sha256) == body


def place_of(county: County, sha256: str, store: SqliteStore | None = None) -> str:
    return service.blob_places(store or county.village, county.credential, [sha256])[sha256]


def test_a_photo_is_at_the_centre_when_the_centre_says_so(county: County) -> None:
    photo = BlobRef(hashlib.sha256(b"a photo").hexdigest(), 7)
    county.push(county.author.create("submission", "s2", VILLAGE, {"a": "b"}, blobs=[photo]))
    assert place_of(county, photo.sha256) == ""
    service.put_blob(county.village, county.credential, photo.sha256, 0, 7, b"a photo")
    county.wire.down = True
    with pytest.raises(Problem):
        county.relay.step()
    assert place_of(county, photo.sha256) == "here"
    county.wire.down = False
    county.relay.step()
    assert county.centre.has_blob(photo.sha256) and place_of(county, photo.sha256) == "centre"


def signing_centre(county: County, secret: bytes = b"centre") -> Keys:
    """The centre signs with the key made from secret; the village has met the centre of the usual one."""
    county.wire.identity = identity_of(secret)
    met = identity_of(b"centre").public
    note(county.village, ABOVE_ALL, met)
    photo = BlobRef(hashlib.sha256(b"a photo").hexdigest(), 7)
    county.push(county.author.create("submission", "s2", VILLAGE, {"a": "b"}, blobs=[photo]))
    service.put_blob(county.village, county.credential, photo.sha256, 0, 7, b"a photo")
    county.relay.step()
    return met


PHOTO = hashlib.sha256(b"a photo").hexdigest()


def test_the_centres_own_word_on_a_photo_is_handed_down(county: County) -> None:
    met = signing_centre(county)
    word = service.blob_words(county.village, {PHOTO: "centre"})[PHOTO]
    assert place_of(county, PHOTO) == "centre" and blob_word_holds(word, met.sign)
    # The word of another day or server is worth nothing once the centre was put back.
    county.village.forget_upstream()
    assert place_of(county, PHOTO) == "here" and not service.blob_words(county.village, {PHOTO: "centre"})


def test_nobody_else_says_that_a_photo_is_at_the_centre(county: County) -> None:
    signing_centre(county, b"somebody else")
    assert county.centre.has_blob(PHOTO) and place_of(county, PHOTO) == "here"
    county.wire.identity = identity_of(b"centre")
    county.relay.step()
    assert place_of(county, PHOTO) == "centre"


def test_without_the_centres_word_anybody_could_say_so(county: County, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.relay.blob_word_holds", lambda *_: True)
    signing_centre(county, b"somebody else")
    assert place_of(county, PHOTO) == "centre"


def test_a_photo_that_the_tier_above_lost_is_brought_again(county: County) -> None:
    photo = BlobRef(hashlib.sha256(b"a photo").hexdigest(), 7)
    county.push(county.author.create("submission", "s2", VILLAGE, {"a": "b"}, blobs=[photo]))
    service.put_blob(county.village, county.credential, photo.sha256, 0, 7, b"a photo")
    county.village.blob_relayed(photo.sha256, "here")  # as if it had once been there
    county.relay.step()
    assert place_of(county, photo.sha256) == "here" and not county.centre.has_blob(photo.sha256)
    county.relay.step()
    assert county.centre.has_blob(photo.sha256) and place_of(county, photo.sha256) == "centre"


def test_a_centre_without_room_refuses_no_photo_for_good(county: County) -> None:
    photo = BlobRef(hashlib.sha256(b"a photo").hexdigest(), 7)
    county.push(county.author.create("submission", "s2", VILLAGE, {"a": "b"}, blobs=[photo]))
    service.put_blob(county.village, county.credential, photo.sha256, 0, 7, b"a photo")
    county.wire.full = True
    county.relay.step()
    county.wire.full = False
    county.relay.step()
    assert place_of(county, photo.sha256) == "centre"


def test_a_photo_refused_above_holds_up_no_other(county: County) -> None:
    names = []
    for n in range(25):
        body = b"photo %d" % n
        names.append(hashlib.sha256(body).hexdigest())
        county.push(county.author.create("submission", f"s-{n}", VILLAGE, {"a": "b"}, blobs=[BlobRef(names[-1], len(body))]))
        service.put_blob(county.village, county.credential, names[-1], 0, len(body), body)
    refused = {f"/sync/v1/blob/{name}" for name in sorted(names)[:20]}
    county.wire.refused = refused
    moment = [NOW]
    county.relay = Relay(county.village, transport=county.wire, clock=lambda: moment[0])
    for _ in range(3):
        county.relay.step()
    assert {name for name in names if county.centre.has_blob(name)} == set(sorted(names)[20:])
    assert {place_of(county, name) for name in sorted(names)[:20]} == {"here"}
    # Somebody took up above what they hang on.
    county.wire.refused = set()
    county.relay.step()
    assert not any(county.centre.has_blob(name) for name in sorted(names)[:20])
    moment[0] += REFUSED_FOR
    county.relay.step()
    assert all(county.centre.has_blob(name) for name in names)


def open_conflicts(store: Store) -> list[str]:
    return [r.id for r in store.changes(0, 1000).records if r.kind == "conflict" and not r.deleted]


def test_a_conflict_that_went_with_a_centre_s_lost_day_goes_below_as_well(county: County, tmp_path: Path) -> None:
    county.centre.close()
    shutil.copytree(tmp_path / "centre", tmp_path / "yesterday")
    county.centre = county.wire.store = SqliteStore(tmp_path / "centre", clock=clock)
    office = county.centre.add_install("u-cadre", kind="device", name="at the centre")
    seen = county.centre.credential(office.token)
    assert seen is not None
    body = push_body([_json.encode(water(Author(office.install_id, "u-cadre", clock=clock), "well", "cistern"))],
                     server_id=None, epoch=None)  # fmt: skip
    service.push(county.centre, seen, checked_body(body, push_headers(body)), now=NOW)
    county.push(water(county.author, "well", "piped"))
    county.relay.step()
    county.relay.step()
    assert open_conflicts(county.centre) == open_conflicts(county.village) != []
    # Put back to before that edit: what the village offers again meets nothing it could clash with.
    county.centre.close()
    shutil.rmtree(tmp_path / "centre")
    shutil.copytree(tmp_path / "yesterday", tmp_path / "centre")
    renew_epoch(tmp_path / "centre")
    county.centre = county.wire.store = SqliteStore(tmp_path / "centre", clock=clock)
    county.relay = Relay(county.village, transport=county.wire, compares=False)
    for _ in range(4):
        county.relay.step()
    for store in (county.centre, county.village):
        record = store.get("household", "h1")
        assert record is not None and record.fields["water_source"] == "piped"
        assert open_conflicts(store) == []


def test_a_conflict_about_another_field_than_the_centre_s_goes(county: County) -> None:
    """The village saw a dispute about one field, the centre about another: both say conflict, one note is too many."""
    office = county.centre.add_install("u-cadre", kind="device", name="at the centre")
    seen = county.centre.credential(office.token)
    assert seen is not None
    at_centre = Author(office.install_id, "u-cadre", clock=clock)
    edit = at_centre.update("household", "h1", VILLAGE, {"water_source": ("well", "piped"), "head_name": ("冉光明", "冉明")})
    body = push_body([_json.encode(edit)], server_id=None, epoch=None)
    service.push(county.centre, seen, checked_body(body, push_headers(body)), now=NOW)
    county.push(water(county.author, "well", "cistern"))
    both = {"water_source": ("well", "piped"), "head_name": ("冉光明", "冉光")}
    county.push(county.author.update("household", "h1", VILLAGE, both))
    (ours,) = open_conflicts(county.village)
    county.relay = Relay(county.village, transport=county.wire, compares=False)
    for _ in range(3):
        county.relay.step()
    assert sorted(open_conflicts(county.village)) == sorted(open_conflicts(county.centre)) != []
    assert ours not in open_conflicts(county.village)
