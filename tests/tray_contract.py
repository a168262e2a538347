"""What every store keeps to about ops set aside, areas that change, removal and erasing.

R late ops and the tray, E erasing, G what is gone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from sync import service, tray
from sync.author import Author
from sync.problems import Problem
from sync.protocol import Hello, push_body
from sync.records import BlobRef, Change, Grant, Op
from sync.scope import EVERYTHING
from sync.store.base import Store
from sync.store.tombstones import AWAY_DAYS, KEEP_DAYS
from tests.store_contract import NEIGHBOUR, NOW, VILLAGE, Phone, clock, statuses

COUNTY = (Grant("county", "500156"),)
SECRET = "水晶般的秘密7731"
_json = msgspec.json.Encoder()


def pull_all(store: Store, phone: Phone, now: datetime = NOW) -> str:
    """As a phone does: the last request says with its cursor that all before has come."""
    cursor = None
    for _ in range(2):
        cursor = service.pull(store, phone.credential, cursor, 500, now=now)["cursor"]
    assert cursor is not None
    return cursor


def move_cadre(store: Store, area: str = NEIGHBOUR) -> None:
    county = Phone(store, "u-county")
    assert statuses(county.push(county.author.update("user", "u-cadre", VILLAGE, {"area": (VILLAGE, area)}))) == ["applied"]


def office(store: Store, actor: str = "u-county") -> Author:
    """The server's own log, as its office pages write it."""
    return Author("office", actor, next_dseq=store.acked(["office"])["office"] + 1, clock=clock)


def decide(store: Store, verdict: str, changes: list[Change], reason: str = "核对过", actor: str = "u-county",
           grants: tuple[Grant, ...] = COUNTY) -> list[Op]:  # fmt: skip
    [item] = tray.items(changes)
    records = {(c.op.entity, c.op.id): store.get(c.op.entity, c.op.id) for c in changes}
    areas = {c.hash: tray.area_of(c.op, records[c.op.entity, c.op.id], None) for c in changes}
    ops = tray.decide(item, verdict, reason, records, areas, grants, office(store, actor))
    store.load(ops)
    return ops


class TrayContract:
    """Mixed into one class a database, which provides ``store``, ``phone`` and ``kept_bytes``."""

    # R: areas that change, and what a person decides

    def test_r1_what_was_on_the_device_before_its_area_changed_is_applied_and_flagged(self, store: Store, phone: Phone) -> None:
        pull_all(store, phone)
        update = phone.water("well", "piped")
        visit = phone.author.create("visit", "v1", VILLAGE, {"household_id": "h1", "outcome": "met"})
        again = phone.author.update("visit", "v1", VILLAGE, {"note": ("", "x")})
        move_cadre(store)
        results = phone.push(update, visit, again)
        assert [(one["status"], one["code"]) for one in results] == [("applied", "applied_late")] * 3
        record = store.get("household", "h1")
        assert record is not None and record.fields["water_source"] == "piped"
        assert store.undecided() == []

    def test_r2_what_was_never_delivered_goes_to_a_person(self, store: Store, phone: Phone) -> None:
        pull_all(store, phone)
        store.load([office(store).create("household", "new", VILLAGE, {"head_name": "后来的户"})])
        unseen = phone.author.update("household", "new", VILLAGE, {"head_name": ("后来的户", "x")})
        made = phone.author.create("household", "own", VILLAGE, {"head_name": "y"})
        foreign = phone.author.update("household", "h3", VILLAGE, {"head_name": ("马𠮷", "z")})
        move_cadre(store)
        assert statuses(phone.push(unseen, made, foreign)) == ["quarantined"] * 3
        assert [change.code for change in store.undecided()] == ["outside_area"] * 3

    def test_r3_once_told_of_its_areas_a_device_speaks_of_the_old_ones_no_more(self, store: Store, phone: Phone) -> None:
        pull_all(store, phone)
        move_cadre(store)
        unsent, later = phone.water("well", "piped"), phone.water("piped", "spring")
        service.hello(store, phone.credential, Hello(install_id=phone.install.install_id, dseq=1), now=NOW)
        assert statuses(phone.push(unsent, later)) == ["applied", "quarantined"]

    def test_r4_a_cursor_that_was_never_given_back_proves_nothing(self, store: Store, phone: Phone) -> None:
        service.pull(store, phone.credential, None, 500, now=NOW)
        move_cadre(store)
        assert statuses(phone.push(phone.water("well", "piped"))) == ["quarantined"]

    def test_r5_who_has_no_area_any_more_or_a_revoked_device_is_late_in_vain(self, store: Store, phone: Phone) -> None:
        pull_all(store, phone)
        op = phone.water("well", "piped")
        county = Phone(store, "u-county")
        county.push(county.author.update("user", "u-cadre", VILLAGE, {"state": ("", "disabled")}))
        assert statuses(phone.push(op)) == ["quarantined"]
        second = Phone(store)
        pull_all(store, Phone(store, "u-other"))
        store.revoke(second.install.install_id)
        assert statuses(second.push(second.water("well", "piped"))) == ["quarantined"]

    def test_r6_a_node_tells_what_it_alone_can_judge(self, store: Store) -> None:
        node = store.add_install("u-node", kind="node", name="village")
        credential = store.credential(node.token)
        assert credential is not None
        author = Author("phone-a", "u-cadre", clock=clock)
        revoked, fine = (author.create("submission", f"s{n}", VILLAGE, {"answers": {}}) for n in (1, 2))
        move_cadre(store)
        late = author.update("household", "h1", VILLAGE, {"water_source": ("well", "piped")})
        body = push_body([_json.encode(op) for op in (revoked, fine, late)], server_id=None, epoch=None,
                         marks={revoked.op_id: "device_revoked"} | dict.fromkeys((fine.op_id, late.op_id), "applied_late"))
        results = service.push(store, credential, body, now=NOW)["results"]
        assert [(one["status"], one["code"]) for one in results] == [
            ("quarantined", "device_revoked"), ("applied", "applied_late"), ("applied", "applied_late")]  # fmt: skip
        # A phone may not say such things of itself.
        phone = Phone(store)
        own = phone.water("piped", "spring")
        body = push_body([_json.encode(own)], server_id=None, epoch=None, marks={own.op_id: "applied_late"})
        assert service.push(store, phone.credential, body, now=NOW)["results"][0]["status"] == "quarantined"

    def test_r7_taken_up_it_is_the_office_persons_op_and_cites_its_author(self, store: Store, phone: Phone) -> None:
        store.revoke(phone.install.install_id)
        phone.push(phone.water("well", "piped"))
        [change] = store.undecided()
        store.load([office(store).update("household", "h1", VILLAGE, {"water_source": ("well", "cistern")})])
        decide(store, tray.ACCEPT, [change])
        record = store.get("household", "h1")
        assert record is not None and record.fields["water_source"] == "piped"
        assert store.undecided() == []
        last = store.history("household", "h1")[-1]
        assert (last.op.actor, last.op.cites, last.status) == ("u-county", change.hash, "applied")
        decision = store.get("decision", change.hash)
        assert decision is not None and (decision.fields["author"], decision.fields["by"]) == ("u-cadre", "u-county")
        assert [one.op.op_id for one in store.quarantined()] == [change.op.op_id], "the original stays as it came"

    def test_r8_turned_down_it_stays_with_its_reason(self, store: Store, phone: Phone) -> None:
        store.revoke(phone.install.install_id)
        phone.push(phone.water("well", "piped"))
        decide(store, tray.REJECT, store.undecided(), "手机被偷后填的")
        record = store.get("household", "h1")
        assert record is not None and record.fields["water_source"] == "well"
        assert store.undecided() == [] and len(store.quarantined()) == 1

    def test_r9_two_who_decide_at_once_are_no_error_and_a_difference_is_a_question(self, store: Store, phone: Phone) -> None:
        store.revoke(phone.install.install_id)
        phone.push(phone.water("well", "piped"))
        [change] = store.undecided()
        decide(store, tray.REJECT, [change])
        decide(store, tray.ACCEPT, [change], actor="u-other", grants=COUNTY)
        record, decision = store.get("household", "h1"), store.get("decision", change.hash)
        assert record is not None and record.fields["water_source"] == "well"
        assert decision is not None and decision.fields["verdict"] == "reject"
        questions = [r.fields for r in store.changes(0, 500).records if r.kind == "conflict"]
        assert [(one["ours"], one["theirs"]) for one in questions] == [({"water_source": "well"}, {"water_source": "piped"})]
        agreed = Phone(store)
        store.revoke(agreed.install.install_id)
        agreed.push(agreed.water("well", "spring"))
        [other] = store.undecided()
        for actor in ("u-county", "u-other"):
            decide(store, tray.ACCEPT, [other], actor=actor)
        assert len([r for r in store.changes(0, 500).records if r.kind == "conflict"]) == 1

    def test_r10_what_waits_for_its_record_can_be_made_to_go_on_or_be_put_away(self, store: Store, phone: Phone) -> None:
        forced = phone.author.update("member", "m1", VILLAGE, {"phone": ("", "1")})
        away = phone.author.update("member", "m2", VILLAGE, {"phone": ("", "2")})
        assert statuses(phone.push(forced, away)) == ["held", "held"]
        one, two = store.undecided()
        decide(store, tray.ACCEPT, [one])
        decide(store, tray.REJECT, [two])
        record = store.get("member", "m1")
        assert record is not None and record.fields == {"phone": "1"}
        other = Phone(store)
        assert statuses(other.push(other.author.create("member", "m2", VILLAGE, {"full_name": "冉小"}))) == ["applied"]
        record = store.get("member", "m2")
        assert record is not None and record.fields == {"full_name": "冉小"}, "what was turned down has no effect later"
        assert store.undecided() == []

    def test_r11_nobody_decides_about_their_own_or_beyond_their_rights(self, store: Store, phone: Phone) -> None:
        store.revoke(phone.install.install_id)
        phone.push(phone.water("well", "piped"))
        changes = store.undecided()
        for actor, grants in (("u-cadre", COUNTY), ("u-x", (Grant("county", "500240"),)), ("u-x", (Grant("node", "500156"),))):
            with pytest.raises(Problem):
                decide(store, tray.ACCEPT, changes, actor=actor, grants=grants)
        # Nor by a decision made on the phone itself.
        own = Phone(store)
        fields = tray.decision_fields(changes[0], tray.REJECT, "x")
        assert [one["code"] for one in own.push(own.author.create("decision", changes[0].hash, VILLAGE, fields))] == ["not_allowed"]
        assert changes[0].hash in [change.hash for change in store.undecided()]

    # E: erasing

    def test_e1_nothing_of_an_erased_record_is_left_but_id_hash_and_reason(
        self, store: Store, phone: Phone, kept_bytes: Callable[[], bytes]
    ) -> None:
        photo = SECRET.encode() * 50
        sha256 = hashlib.sha256(photo).hexdigest()
        named = [BlobRef(sha256, len(photo))]
        made = phone.author.create("member", "m1", VILLAGE, {"full_name": SECRET, "phone": "1"}, blobs=named)
        phone.push(made, phone.author.update("member", "m1", VILLAGE, {"phone": ("1", f"2{SECRET}")}))
        service.put_blob(store, phone.credential, sha256, 0, len(photo), photo)
        other = Phone(store)
        other.push(other.author.update("member", "m1", VILLAGE, {"phone": ("9", f"3{SECRET}")}))  # a question
        revoked = Phone(store)
        store.revoke(revoked.install.install_id)
        revoked.push(revoked.author.update("member", "m1", VILLAGE, {"note": ("", SECRET)}))  # set aside
        gap = Phone(store)
        gap.author.next_dseq = 5
        gap.push(gap.author.update("member", "m1", VILLAGE, {"note": ("", SECRET)}))  # a whole body kept
        assert SECRET.encode() in kept_bytes()
        store.load(tray.erase_ops([("member", "m1", VILLAGE)], "本人申请", office(store)))
        assert SECRET.encode() not in kept_bytes()
        record = store.get("member", "m1")
        assert record is not None and (record.deleted, record.fields, record.since) == (True, {"erased": "本人申请"}, {})
        first = store.history("member", "m1")[0]
        assert (first.op.hash, first.op.fields, first.hash, first.op.actor) == (made.hash, {}, made.hash, "u-cadre")
        assert store.acked([phone.install.install_id])[phone.install.install_id] == 2
        assert statuses(phone.push(made)) == ["duplicate"]
        with pytest.raises(Problem):
            service.read_blob(store, phone.credential, sha256)
        assert store.undecided() == []
        assert list(store.audit_faults()) == [], "the chain says that they went on purpose"

    def test_e2_what_comes_later_is_wiped_as_it_comes(self, store: Store, phone: Phone, kept_bytes: Callable[[], bytes]) -> None:
        store.load(tray.erase_ops([("household", "h1", VILLAGE)], "依法", office(store)))
        late = phone.author.update("household", "h1", VILLAGE, {"head_name": ("冉光明", SECRET)})
        create = phone.author.create("household", "h1", VILLAGE, {"head_name": SECRET})
        assert [one["code"] for one in phone.push(late, create)] == ["erased", "erased"]
        assert SECRET.encode() not in kept_bytes()
        assert [one.receipt.hash for one in store.receipts(phone.install.install_id, 0)] == [late.hash, create.hash]

    def test_e3_only_a_county_manager_erases_and_only_records_about_people(self, store: Store, phone: Phone) -> None:
        county = Phone(store, "u-county")
        [op] = tray.erase_ops([("household", "h1", VILLAGE)], "x", phone.author)
        assert statuses(phone.push(op)) == ["quarantined"]
        ops = tray.erase_ops([("household", "h3", "500240103201"), ("user", "u-cadre", VILLAGE)], "x", county.author)
        assert statuses(county.push(*ops)) == ["quarantined"] * 2
        [op] = tray.erase_ops([("household", "h1", VILLAGE)], "x", county.author)
        assert statuses(county.push(op)) == ["applied"]

    def test_e4_a_node_may_offer_what_it_has_wiped_a_phone_may_not(self, store: Store, phone: Phone) -> None:
        op = phone.water("well", "piped")
        stub = {"v": 1, "op_id": op.op_id, "install_id": op.install_id, "dseq": 1, "entity": "household", "id": "h1",
                "kind": "update", "area": VILLAGE, "actor": "u-cadre", "device_time": op.device_time, "hash": op.hash,
                "erased": "依法"}  # fmt: skip
        body = push_body([_json.encode(stub)], server_id=None, epoch=None)
        [result] = service.push(store, phone.credential, body, now=NOW)["results"]
        assert result["code"] == "hash_mismatch"
        node = store.credential(store.add_install("u-node", kind="node", name="village").token)
        assert node is not None
        body = push_body([_json.encode(stub | {"install_id": "phone-b", "op_id": "op-b"})], server_id=None, epoch=None)
        [result] = service.push(store, node, body, now=NOW)["results"]
        assert (result["status"], result["code"], result["receipt"]["hash"]) == ("quarantined", "erased", op.hash)
        [again] = service.push(store, node, body, now=NOW)["results"]
        assert again["status"] == "duplicate"
        assert list(store.audit_faults()) == []

    # G: what is gone

    def test_g1_old_tombstones_go_and_nothing_rises_without_a_person(self, store: Store, phone: Phone) -> None:
        phone.push(phone.author.void("household", "h1", VILLAGE, {"water_source": "well"}, "moved"))
        store.load(tray.erase_ops([("household", "h2", NEIGHBOUR)], "依法", office(store)))
        for day in range(KEEP_DAYS + 2):
            for _ in range(2):
                store.age_tombstones(now=NOW + timedelta(days=day), keep_days=KEEP_DAYS)
            if day == KEEP_DAYS - 1:
                assert store.get("household", "h1") is not None
        assert store.get("household", "h1") is None
        assert {r.id for r in store.pull(EVERYTHING, None, 500).records if r.kind == "household"} == {"h2", "h3"}
        assert statuses(phone.push(phone.author.create("household", "h1", VILLAGE, {"head_name": "冉光明"}),
                                   phone.water("well", "piped"))) == ["conflict"] * 2  # fmt: skip
        assert store.get("household", "h1") is None or store.get("household", "h1").deleted  # type: ignore[union-attr]
        assert len(store.history("household", "h1")) == 4, "the ops stay"

    def test_g2_a_clock_that_jumps_clears_nothing(self, store: Store, phone: Phone) -> None:
        phone.push(phone.author.void("household", "h1", VILLAGE, {"water_source": "well"}, "moved"))
        for years in (0, 10, -10, 20):
            assert store.age_tombstones(now=NOW + timedelta(days=365 * years), keep_days=KEEP_DAYS) == 0
        assert store.get("household", "h1") is not None

    def test_g3_who_was_away_too_long_takes_everything_anew(self, store: Store, phone: Phone) -> None:
        cursor = pull_all(store, phone)
        soon, later = NOW + timedelta(days=AWAY_DAYS - 1), NOW + timedelta(days=2 * AWAY_DAYS + 1)
        assert not service.pull(store, phone.credential, cursor, 500, now=soon)["records"]
        with pytest.raises(Problem) as stale:
            service.pull(store, phone.credential, cursor, 500, now=later)
        assert (stale.value.code, stale.value.details) == ("cursor_stale", {"reason": "away"})
        assert statuses(phone.push(phone.water("well", "piped"))) == ["applied"], "what is unsent goes up first"
        again = service.pull(store, phone.credential, None, 500, now=later)
        assert service.pull(store, phone.credential, again["cursor"], 500, now=later)["more"] is False

    def test_g4_a_stale_cursor_says_why(self, store: Store, phone: Phone) -> None:
        cursor = pull_all(store, phone)
        move_cadre(store)
        reasons: list[Any] = []
        for wrong in (cursor, "x" + cursor):
            with pytest.raises(Problem) as stale:
                service.pull(store, phone.credential, wrong, 500, now=NOW)
            reasons.append(stale.value.details["reason"])
        assert reasons == ["scope", "epoch"]
