"""Work that travels by file: phone → village → centre on a stick, receipts back, and what may go wrong on the way.

1. a village without a network for weeks: one stick there and back, all phones at ②, news come down
2. a phone's own file: at the centre at once, or taken along by a village that cannot open it
3. twice, in any order, old, cut: nothing is lost, nothing is doubled
4. what nobody signed is kept for a person and moves no log; what somebody else signed is not opened
5. rights are those of the sender: elsewhere, revoked, unknown
6. the way up never gives records to anybody but the node that signed its wish
"""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from app import keys as folder_keys
from app.courier import CARRIED, DONE, FAILED, Desk, Errand
from app.upstream import UPSTREAM_FILE
from sync import keys, service
from sync.author import Author
from sync.carry_in import narrowed
from sync.courier import SENDER, Head, Reader, Writer
from sync.identity import ABOVE_ALL, UPSTREAM, note
from sync.logs import chain_over, chain_start, server_head_bytes, sign_head
from sync.problems import Problem
from sync.protocol import push_body
from sync.records import BlobRef, Grant, Op, ServerHead
from sync.store.sqlite import SqliteStore

VILLAGE, NEIGHBOUR, TOWNSHIP = "500156103203", "500156103204", "500156103000"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
PICTURE = bytes(range(256)) * 2000  # two parts
PICTURE_NAME = sha256(PICTURE).hexdigest()
_json = msgspec.json.Encoder()


def clock() -> datetime:
    return NOW


class Phone:
    """A phone with a key: ops in its log, pushes with heads, and a courier file of its own."""

    def __init__(self, store: SqliteStore, user: str = "u-cadre", *, keyed: bool = True) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.store = store
        given = store.add_install(user, kind="device", name="phone", key=keys.public_text(self.key) if keyed else "")
        self.install_id, self.token = given.install_id, given.token
        self.author = Author(self.install_id, user, clock=clock)
        self.ops: list[Op] = []

    def make(self, *ops: Op) -> None:
        self.ops += ops

    def visit(self, id: str, area: str = VILLAGE, **more: Any) -> None:
        self.make(self.author.create("submission", id, area, {"form_id": "visit", "answers": {"who": "魏家德"}}, **more),
                  self.author.update("household", "h1", area, {"note": (None, id)}, submission=id))  # fmt: skip

    def body(self, ops: Sequence[Op], *, signed: bool = True) -> bytes:
        last = ops[-1].dseq
        chain = chain_over(chain_start(self.install_id), (op.hash for op in self.ops[:last]))
        heads = [sign_head(self.key, self.install_id, last, chain)] if signed else []
        return push_body([_json.encode(op) for op in ops], server_id=None, epoch=None, heads=heads)

    def push(self) -> None:
        credential = self.store.credential(self.token)
        assert credential
        service.push(self.store, credential, self.body(self.ops), now=NOW)

    def file(self, centre: str, ops: Sequence[Op] | None = None, *, id: str = "phone-file", signer: Any = "own",
             pictures: Sequence[bytes] = ()) -> bytes:  # fmt: skip
        out = io.BytesIO()
        writer = Writer(out, Head(kind="ops", id=id, sender=self.install_id, by=SENDER), seal_to=centre,
                        sign_with=self.key if signer == "own" else signer)  # fmt: skip
        writer.write("push", self.body(self.ops if ops is None else ops))
        for picture in pictures:
            for offset in range(0, len(picture), 256 * 1024):
                writer.write("blob", picture[offset : offset + 256 * 1024], sha256=sha256(picture).hexdigest(), offset=offset,
                             length=len(picture), pack=False)  # fmt: skip
        writer.close()
        return out.getvalue()


class County:
    """A centre and a village that joined it once and has had no network since."""

    def __init__(self, folder: Path) -> None:
        self.centre = SqliteStore(folder / "centre", clock=clock)
        self.village = SqliteStore(folder / "village", clock=clock)
        seed = Author("seed", "seed", clock=clock)
        people = {"u-cadre": ("cadre", VILLAGE), "u-node": ("node", VILLAGE), "u-other": ("cadre", NEIGHBOUR)}
        users = [seed.create("user", id, area, {"username": id, "role": role, "area": area, "password_hash": "x"})
                 for id, (role, area) in people.items()]  # fmt: skip
        households = [seed.create("household", "h1", VILLAGE, {"head_name": "冉光明"}),
                      seed.create("household", "h2", NEIGHBOUR, {"head_name": "田秀英"})]  # fmt: skip
        self.seed = seed
        self.centre.load(users + households)
        self.keys = folder_keys.identity(folder / "centre").public
        mine = folder_keys.identity(folder / "village").public
        node = self.centre.add_install("u-node", kind="node", name="village", key=mine.sign)
        self.node_id = node.install_id
        (folder / "village" / UPSTREAM_FILE).write_text(json.dumps(
            {"url": "https://centre", "token": node.token, "install_id": node.install_id, "area": VILLAGE, "server_id": "s"}))
        self.village.follow_upstream()
        for name in (UPSTREAM, ABOVE_ALL):
            note(self.village, name, self.keys)
        self.desk = Desk(self.centre, folder / "centre", clock)
        self.stand = Desk(self.village, folder / "village", clock)
        self.round_trip()  # the records of the village came by stick as well

    def out(self) -> bytes:
        made = io.BytesIO()
        self.stand.make(made)
        return made.getvalue()

    def in_(self, body: bytes) -> Errand:
        return self.desk.bring(io.BytesIO(body), by="u-county", now=NOW, wait=True)

    def receipts(self, errand: Errand) -> bytes:
        return self.desk.answer(errand).read_bytes()

    def back(self, body: bytes) -> Errand:
        return self.stand.bring(io.BytesIO(body), by="u-cadre", now=NOW, wait=True)

    def round_trip(self) -> tuple[Errand, Errand]:
        taken = self.in_(self.out())
        return taken, self.back(self.receipts(taken))

    def confirmed(self, phone: Phone) -> int:
        return self.village.confirmed([phone.install_id])[phone.install_id]


@pytest.fixture
def county(tmp_path: Path) -> Iterator[County]:
    made = County(tmp_path)
    yield made
    made.centre.close()
    made.village.close()


def put_picture(store: SqliteStore, phone: Phone) -> None:
    credential = store.credential(phone.token)
    assert credential
    service.put_blob(store, credential, PICTURE_NAME, 0, len(PICTURE), PICTURE)


def test_weeks_without_a_network_then_one_stick(county: County) -> None:
    assert county.village.get("household", "h1") and not county.village.get("household", "h2")
    phones = [Phone(county.village) for _ in range(3)]
    for number, phone in enumerate(phones):
        for week in range(4):
            phone.visit(f"s{number}-{week}")
        phone.push()
    phones[0].visit("with-picture", blobs=[BlobRef(PICTURE_NAME, len(PICTURE))])
    phones[0].push()
    put_picture(county.village, phones[0])
    county.centre.load([county.seed.update("household", "h1", VILLAGE, {"head_name": ("冉光明", "冉光亮")})])

    taken, read = county.round_trip()
    assert (taken.state, taken.problem, taken.found["signed"]) == (DONE, "", True)
    assert taken.found["asides"] == {} and taken.found["gaps"] == {} and taken.found["missing"] == 0
    assert (read.state, read.problem, read.found["differing"]) == (DONE, "", 0)
    for phone in phones:
        assert county.confirmed(phone) == len(phone.ops)
        assert county.village.centre_head(phone.install_id)
    for number in range(3):
        assert county.centre.get("submission", f"s{number}-3")
    with county.centre.open_blob(PICTURE_NAME) as picture:
        assert picture.read() == PICTURE
    assert county.village.blobs_to_carry() == []
    told = county.village.get("household", "h1")
    assert told and told.fields["head_name"] == "冉光亮" and told.pending == 0
    assert county.stand.all()[0].found["records"] > 0
    # The tiers agree now, and the next file has nothing in it.
    assert told.rev == county.centre.get("household", "h1").rev  # type: ignore[union-attr]
    assert county.round_trip()[0].found["ops"] == 0


def test_a_stolen_stick_tells_nothing(county: County) -> None:
    phone = Phone(county.village)
    phone.visit("s1", blobs=[BlobRef(PICTURE_NAME, len(PICTURE))])
    phone.push()
    put_picture(county.village, phone)
    going = county.out()
    coming = county.receipts(county.in_(going))
    for body in (going, coming, phone.file(county.keys.seal)):
        for word in ("魏家德", "冉光明", "household", "submission", VILLAGE, "u-cadre", "visit"):
            assert word.encode() not in body
        assert PICTURE[:64] not in body
    # Receipts for a phone are open, and hold ids and states only.
    receipts = county.receipts(county.in_(phone.file(county.keys.seal)))
    for word in ("魏家德", "冉光明", "household", VILLAGE, "u-cadre"):
        assert word.encode() not in receipts
    # The stick's own thief cannot have it answered for himself either: he cannot sign.
    with pytest.raises(Problem):
        list(Reader(io.BytesIO(going)).messages(key=keys.sealing_key(b"x" * 32), signer=""))


def test_twice_old_and_out_of_order(county: County) -> None:
    phone = Phone(county.village)
    phone.visit("s1")
    phone.push()
    first = county.out()
    phone.visit("s2")
    phone.push()
    second = county.out()
    taken = county.in_(second)
    assert taken.found["results"]["applied"] >= 4
    before = list(county.centre.changes(0, 10_000).records)
    old = county.in_(first)
    again = county.in_(second)
    assert set(old.found["results"]) == set(again.found["results"]) == {"duplicate"}
    assert list(county.centre.changes(0, 10_000).records) == before
    for receipts in (county.receipts(again), county.receipts(old), county.receipts(taken), county.receipts(taken)):
        assert county.back(receipts).state == DONE
    assert county.confirmed(phone) == len(phone.ops)
    assert county.round_trip()[0].found["ops"] == 0


def test_old_news_do_not_turn_anything_back(county: County) -> None:
    def renamed(before: str, after: str) -> bytes:
        county.centre.load([county.seed.update("household", "h1", VILLAGE, {"head_name": (before, after)})])
        return county.receipts(county.in_(county.out()))

    first = renamed("冉光明", "冉一")
    county.back(first)
    second = renamed("冉一", "冉二")
    county.back(second)
    place = county.village.upstream_cursor()
    county.back(first)
    told = county.village.get("household", "h1")
    assert told and told.fields["head_name"] == "冉二"
    assert county.village.upstream_cursor() == place
    # And one that begins where this village has not been yet brings nothing, so that nothing is passed over.
    third = renamed("冉二", "冉三")
    county.village.forget_upstream()
    county.back(third)
    told = county.village.get("household", "h1")
    assert told and told.fields["head_name"] == "冉二"
    county.round_trip()
    told = county.village.get("household", "h1")
    assert told and told.fields["head_name"] == "冉三"


def test_a_gap_is_named_and_closed(county: County) -> None:
    phone = Phone(county.centre)
    phone.visit("s1")
    phone.visit("s2")
    late = county.in_(phone.file(county.keys.seal, phone.ops[2:], id="late"))
    assert late.found["gaps"] == {phone.install_id: 1} and late.found["results"] == {"retry": 2}
    assert county.in_(phone.file(county.keys.seal, phone.ops[:2], id="early")).found["results"] == {"applied": 2}
    assert county.in_(phone.file(county.keys.seal, phone.ops[2:], id="late")).found["gaps"] == {}
    assert county.centre.get("submission", "s2")


def test_cut_anywhere_the_rest_comes_with_the_next_copy(county: County) -> None:
    phone = Phone(county.village)
    phone.visit("s1", blobs=[BlobRef(PICTURE_NAME, len(PICTURE))])
    phone.push()
    put_picture(county.village, phone)
    whole = county.out()
    for cut in range(0, len(whole), len(whole) // 12):
        try:
            errand = county.in_(whole[:cut])
        except Problem as problem:
            assert problem.code == "courier_cut"
            continue
        assert errand.problem == "courier_cut"
        assert errand.answered or errand.state == FAILED
    final = county.in_(whole)
    assert (final.problem, final.found["missing"]) == ("", 0)
    county.back(county.receipts(final))
    assert county.confirmed(phone) == len(phone.ops)


def test_an_altered_byte_is_told_and_never_applied(county: County) -> None:
    phone = Phone(county.village)
    phone.visit("s1")
    phone.push()
    whole = county.out()
    for at in range(200, len(whole), 301):
        altered = bytearray(whole)
        altered[at] ^= 1
        errand = county.in_(bytes(altered))
        assert errand.problem in ("courier_altered", "courier_cut")
        assert "asides" not in errand.found or errand.found["asides"] == {}
    county.round_trip()
    assert county.confirmed(phone) == len(phone.ops)


def test_a_phones_file_goes_to_the_centre_at_once(county: County) -> None:
    phone = Phone(county.village)
    phone.visit("s1", blobs=[BlobRef(PICTURE_NAME, len(PICTURE))])
    file = phone.file(county.keys.seal, pictures=[PICTURE])
    early = county.in_(file)  # the village has not told of this phone yet
    assert (early.state, early.problem) == (FAILED, "courier_unknown_device")
    county.round_trip()
    taken = county.in_(file)
    assert (taken.found["results"], taken.found["missing"]) == ({"applied": 2}, 0)
    assert county.centre.has_blob(PICTURE_NAME)
    head = Reader(io.BytesIO(county.receipts(taken))).head
    assert (head.kind, head.reader, head.to, head.about) == ("receipts", phone.install_id, "", "phone-file")
    messages = Reader(io.BytesIO(county.receipts(taken))).messages(signer=county.keys.sign)
    found = {message.name: json.loads(message.body) for message in messages}
    assert [one["dseq"] for one in found["receipts"]["receipts"]] == [1, 2]
    assert found["receipts"]["heads"][0]["dseq"] == 2
    assert found["blobs"] == {"here": [PICTURE_NAME]}
    assert found["hello"]["tier"] == "centre"
    # Meanwhile the phone met its village: both ways are one log.
    phone.push()
    assert county.round_trip()[0].found["results"]["duplicate"] == 2
    assert county.confirmed(phone) == 2


def test_a_village_takes_a_phones_file_along(county: County) -> None:
    phone = Phone(county.village)
    phone.visit("s1")
    kept = county.back(phone.file(county.keys.seal))
    assert kept.state == CARRIED
    assert county.back(phone.file(county.keys.seal)).state == CARRIED  # the same once more
    assert [one.state for one in county.stand.all()].count(CARRIED) == 1
    taken, _read = county.round_trip()
    assert taken.found["along"] == 1 and county.centre.get("submission", "s1")
    kept = next(one for one in county.stand.all() if one.file_id == "phone-file")
    assert kept.state == DONE and kept.answered
    assert Reader(io.BytesIO(county.stand.answer(kept).read_bytes())).head.reader == phone.install_id
    assert county.round_trip()[0].found["along"] == 0


def test_what_nobody_signed_waits_for_a_person_and_moves_no_log(county: County) -> None:
    county.round_trip()
    phone = Phone(county.centre)
    phone.visit("s1")
    forged = county.in_(phone.file(county.keys.seal, signer=None))
    assert forged.found["signed"] is False
    assert forged.found["results"] == {"quarantined": 2}
    assert county.centre.get("submission", "s1") is None
    assert county.centre.acked([phone.install_id]) == {phone.install_id: 0}
    assert {change.op.op_id for change in county.centre.quarantined()} >= {op.op_id for op in phone.ops}
    # The phone itself is not held up by what somebody made in its name.
    phone.push()
    assert county.centre.get("submission", "s1")


def test_what_somebody_else_signed_is_not_taken(county: County) -> None:
    phone, thief = Phone(county.centre), Phone(county.centre)
    phone.visit("s1")
    forged = county.in_(phone.file(county.keys.seal, signer=thief.key))
    assert forged.problem == "courier_altered" and forged.found["ops"] == 0
    out = io.BytesIO()
    writer = Writer(out, Head(kind="ops", id="f", sender=phone.install_id), seal_to=county.keys.seal, sign_with=thief.key)
    writer.write("push", phone.body(phone.ops))
    writer.close()
    named = county.in_(out.getvalue())
    assert (named.state, named.problem) == (FAILED, "courier_not_signed")
    assert county.centre.acked([phone.install_id]) == {phone.install_id: 0}
    assert county.centre.quarantined() == []


def test_rights_are_the_senders(county: County) -> None:
    phone = Phone(county.centre)
    phone.make(phone.author.update("household", "h2", NEIGHBOUR, {"head_name": ("田秀英", "x")}))
    outside = county.in_(phone.file(county.keys.seal))
    assert outside.found["asides"] == {"outside_area": 1}
    county.centre.revoke(phone.install_id)
    phone.visit("s1")
    assert county.in_(phone.file(county.keys.seal)).found["asides"]["device_revoked"] == 2
    assert county.centre.get("submission", "s1") is None


def test_a_node_cannot_lend_a_phone_rights_beyond_its_own_place(county: County) -> None:
    """It says whose phone this is; that person may do more elsewhere, this phone may not."""
    wide = county.seed.create("user", "u-wide", TOWNSHIP, {"username": "w", "role": "township", "area": TOWNSHIP})
    county.centre.load([wide])
    phone = Phone(county.village, "u-wide")
    phone.make(phone.author.update("household", "h1", VILLAGE, {"note": (None, "near")}),
               phone.author.update("household", "h2", NEIGHBOUR, {"head_name": ("田秀英", "far")}))  # fmt: skip
    county.round_trip()
    taken = county.in_(phone.file(county.keys.seal))
    assert taken.found["results"] == {"applied": 1, "quarantined": 1} and taken.found["asides"] == {"outside_area": 1}


def test_a_phone_that_a_node_told_of_has_rights_in_that_nodes_place_only() -> None:
    grants = (Grant("county", "500156000000"), Grant("cadre", VILLAGE), Grant("cadre", "500240102203"))
    assert narrowed(grants, VILLAGE) == (Grant("county", VILLAGE), Grant("cadre", VILLAGE))
    assert narrowed(grants, TOWNSHIP) == (Grant("county", TOWNSHIP), Grant("cadre", VILLAGE))


def test_news_are_for_the_node_that_signed_its_wish(county: County) -> None:
    """A device with a key of its own asks for records in the village's name: it gets receipts and nothing else."""
    thief = ec.generate_private_key(ec.SECP256R1())
    wish = _json.encode({"cursor": None, "server_id": county.centre.server_id, "seal": keys.public_text(thief)})
    for signer, sender in ((None, county.node_id), (thief, county.node_id)):
        out = io.BytesIO()
        writer = Writer(out, Head(kind="ops", id="wish", sender=sender), seal_to=county.keys.seal, sign_with=signer)
        writer.write("hello", wish)
        writer.close()
        errand = county.in_(out.getvalue())
        if errand.answered:
            head = Reader(io.BytesIO(county.receipts(errand))).head
            assert head.to == ""
            names = [message.name for message in Reader(io.BytesIO(county.receipts(errand))).messages(signer=county.keys.sign)]
            assert "page" not in names
    phone = Phone(county.centre)
    out = io.BytesIO()
    writer = Writer(out, Head(kind="ops", id="wish", sender=phone.install_id), seal_to=county.keys.seal, sign_with=phone.key)
    writer.write("hello", wish)
    writer.close()
    assert Reader(io.BytesIO(county.receipts(county.in_(out.getvalue())))).head.to == ""


def test_receipts_count_only_for_their_node_and_from_their_centre(county: County) -> None:
    phone = Phone(county.village)
    phone.visit("s1")
    phone.push()
    good = county.receipts(county.in_(county.out()))
    out = io.BytesIO()
    forged = Writer(out, Head(kind="receipts", id="f", sender=county.centre.server_id, reader=county.node_id),
                    sign_with=ec.generate_private_key(ec.SECP256R1()))  # fmt: skip
    forged.write("hello", _json.encode({"server_id": county.centre.server_id, "epoch": "e", "tier": "centre"}))
    forged.close()
    assert county.back(out.getvalue()).problem == "courier_not_signed"
    out = io.BytesIO()
    Writer(out, Head(kind="receipts", id="f", sender="s", reader=county.node_id)).close()
    assert county.back(out.getvalue()).problem == "courier_not_signed"
    with pytest.raises(Problem, match="courier_other_device"):
        county.back(county.receipts(county.in_(phone.file(county.keys.seal))))
    assert county.confirmed(phone) == 0
    county.back(good)
    assert county.confirmed(phone) == 2


def test_receipts_over_another_log_confirm_nothing(county: County, tmp_path: Path) -> None:
    """The centre holds something else under these numbers than this village does: nobody is told that all is well."""
    phone = Phone(county.village)
    phone.visit("s1")
    phone.push()
    good = county.receipts(county.in_(county.out()))
    centre = folder_keys.identity(tmp_path / "centre")
    out = io.BytesIO()
    head = Head(kind="receipts", id="f", sender=county.centre.server_id, reader=county.node_id)
    told = Writer(out, head, sign_with=centre.signing)
    village = folder_keys.identity(tmp_path / "village")
    for message in Reader(io.BytesIO(good)).messages(key=village.sealing, signer=county.keys.sign):
        said = json.loads(message.body)
        for head in said.get("heads", ()) if message.name == "receipts" else ():
            head["chain"] = chain_start("another log")
            head["sig"] = keys.sign(centre.signing, server_head_bytes(msgspec.convert(head, ServerHead)))
        told.write(message.name, _json.encode(said), **message.facts)
    told.close()
    read = county.back(out.getvalue())
    assert read.found["receipts"] == 0 and read.found["differing"] >= 2
    assert county.confirmed(phone) == 0
    county.back(good)
    assert county.confirmed(phone) == 2


def test_a_restored_centre_gets_by_file_what_it_lost(county: County, tmp_path: Path) -> None:
    from sync.store.backup import back_up, restore

    phone = Phone(county.village)
    phone.visit("s1")
    phone.push()
    county.round_trip()
    back_up(tmp_path / "centre", tmp_path / "b", now=NOW, say=lambda step: None)
    phone.visit("s2")
    phone.push()
    county.round_trip()
    assert county.confirmed(phone) == 4
    county.centre.close()
    restore(tmp_path / "b", tmp_path / "centre", now=NOW)
    county.centre = SqliteStore(tmp_path / "centre", clock=clock)
    county.desk = Desk(county.centre, tmp_path / "centre", clock)
    assert county.centre.get("submission", "s2") is None
    phone.visit("s3")
    phone.push()
    first, _ = county.round_trip()
    assert first.found["gaps"], "the file begins after what the centre has lost"
    county.round_trip()
    assert county.centre.get("submission", "s2") and county.centre.get("submission", "s3")
    assert county.confirmed(phone) == 6


def test_a_file_that_is_none_is_refused_and_not_kept(county: County) -> None:
    for body in (b"", b"PK\x03\x04 a zip", b"\x89RUHU\r\n\x1a\xff\xff\xff\xff"):
        with pytest.raises(Problem):
            county.in_(body)
    other = keys.public_text(keys.sealing_key(b"o" * 32))
    with pytest.raises(Problem, match="courier_not_for_us"):
        county.in_(_closed_for(other))
    assert {path.suffix for path in county.desk.folder.iterdir()} <= {".json", ".ruhu"}
    assert len(list(county.desk.folder.glob("*.json"))) == 1


def _closed_for(other: str) -> bytes:
    out = io.BytesIO()
    Writer(out, Head(kind="ops", id="f", sender="s"), seal_to=other).close()
    return out.getvalue()


def test_names_inside_a_file_are_no_paths(county: County, tmp_path: Path) -> None:
    out = io.BytesIO()
    village = folder_keys.identity(tmp_path / "village")
    writer = Writer(out, Head(kind="ops", id="f", sender=county.node_id), seal_to=county.keys.seal, sign_with=village.signing)
    for name in ("../../outside", "/etc/outside", "a/b", ""):
        writer.write("file", b"x", id=name, offset=0, length=1, pack=False)
    writer.write("blob", b"x", sha256="../" * 20 + "outside", offset=0, length=1, pack=False)
    writer.close()
    errand = county.in_(out.getvalue())
    assert errand.found["faults"] == {"bad_request": 5}
    assert not list(tmp_path.rglob("*outside*"))


def test_a_wrong_message_does_not_hold_up_the_next(county: County) -> None:
    phone = Phone(county.centre)
    phone.visit("s1")
    out = io.BytesIO()
    writer = Writer(out, Head(kind="ops", id="f", sender=phone.install_id), seal_to=county.keys.seal, sign_with=phone.key)
    writer.write("push", b"no json at all")
    writer.write("something of a later version", b"x")
    writer.write("hello", b"[]")
    writer.write("blob", PICTURE[:10], sha256=PICTURE_NAME, offset=0, length=len(PICTURE), pack=False)
    writer.write("push", phone.body(phone.ops))
    writer.close()
    errand = county.in_(out.getvalue())
    assert errand.found["results"] == {"applied": 2}
    assert errand.found["faults"] == {"bad_json": 1, "bad_request": 1, "not_found": 1}
    assert not county.centre.has_blob(PICTURE_NAME)




def test_a_centre_in_postgresql_takes_a_file_in_and_answers(postgres: Any, tmp_path: Path) -> None:
    from sync.store.postgres import PostgresStore

    store = PostgresStore(postgres.database(), clock=clock)
    seed = Author("seed", "seed", clock=clock)
    store.load([seed.create("user", "u-cadre", VILLAGE, {"username": "c", "role": "cadre", "area": VILLAGE}),
                seed.create("household", "h1", VILLAGE, {"head_name": "冉光明"})])  # fmt: skip
    desk = Desk(store, tmp_path, clock)
    centre = folder_keys.identity(tmp_path).public
    phone = Phone(store)  # type: ignore[arg-type]
    phone.visit("s1", blobs=[BlobRef(PICTURE_NAME, len(PICTURE))])
    for results in ({"applied": 2}, {"duplicate": 2}):
        taken = desk.bring(io.BytesIO(phone.file(centre.seal, pictures=[PICTURE])), by="u", now=NOW, wait=True)
        assert (taken.state, taken.problem, taken.found["results"], taken.found["missing"]) == (DONE, "", results, 0)
        messages = Reader(io.BytesIO(desk.answer(taken).read_bytes())).messages(signer=centre.sign)
        assert [message.name for message in messages] == ["hello", "receipts", "blobs"]
    store.close()


def test_the_command_on_nodes_that_nobody_serves(county: County, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from app.commands import courier

    phone = Phone(county.village)
    phone.visit("s1")
    phone.push()
    village, centre, stick = tmp_path / "village", tmp_path / "centre", tmp_path / "stick.ruhu"
    assert courier.main(["out", str(stick), "--data", str(village)]) == 1
    assert "捎带" in capsys.readouterr().err and not stick.exists()  # it is being served: the office page does it
    county.village.close()
    county.centre.close()
    assert courier.main(["out", str(stick), "--data", str(village)]) == 0
    assert courier.main(["in", str(stick), "--data", str(centre)]) == 0
    assert courier.main(["in", str(tmp_path / "stick.receipts.ruhu"), "--data", str(village)]) == 0
    assert courier.main(["out", str(tmp_path / "again.ruhu"), "--data", str(village)]) == 0
    assert "0 条操作" in capsys.readouterr().out
    stick.write_bytes(stick.read_bytes()[:-3])
    assert courier.main(["in", str(stick), "--data", str(centre)]) == 1
    assert "不完整" in capsys.readouterr().err
    county.village, county.centre = SqliteStore(village, clock=clock), SqliteStore(centre, clock=clock)
    assert county.confirmed(phone) == 2


def test_a_desk_that_closes_waits_for_what_is_under_way(county: County, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is closed after it: nobody may be at work on it then."""
    began, done = threading.Event(), []

    def dawdling(desk: Desk, errand: Errand, told: Any) -> Errand:
        began.set()
        time.sleep(0.3)
        done.append(errand.id)
        return errand

    monkeypatch.setattr(Desk, "_taken_in", dawdling)
    desk = county.desk
    errand = Errand("e-1", "ops", "f-1", "s", "2026-11-28T10:00:00+00:00", "u", 1)
    desk.folder.mkdir(exist_ok=True)
    desk._start(errand, wait=False)
    began.wait()
    desk.close()
    assert done == ["e-1"]
