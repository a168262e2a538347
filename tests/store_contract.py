"""What every `Store` must keep, said once; `test_sync_store.py` holds each database to it.

Numbered as docs/sync-protocol.md tells the rules:
E enrolment, P push, L pull, C conflicts, B blobs, D devices, T many at once.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from sync import enrolling, keys, logs, service
from sync.author import Author, with_hash
from sync.problems import Problem
from sync.protocol import checked_body, push_body, push_headers
from sync.records import (
    CENTRE,
    BlobRef,
    Credential,
    FieldChange,
    Grant,
    KeptRecord,
    LogHead,
    Op,
    Record,
    Scope,
)
from sync.scope import EVERYTHING, scope_of
from sync.store.base import NewInstall, Store
from sync.store.dates import dates_of
from sync.store.kept import read

VILLAGE, NEIGHBOUR, ABROAD = "500156103203", "500156103204", "500240103201"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
_json = msgspec.json.Encoder()


def clock() -> datetime:
    return NOW


def _spelled(kept: KeptRecord) -> Record:
    """A record that was passed on unread, read."""
    said = msgspec.json.decode(_json.encode(kept))
    return msgspec.convert(said | {"since": dates_of(_json.encode(said["since"]).decode(), said["fields"])}, Record)


class Phone:
    """A cadre's device at a store: makes ops, pushes bytes as they came."""

    def __init__(self, store: Store, user: str = "u-cadre") -> None:
        self.store = store
        self.install = store.add_install(user, kind="device", name="phone")
        self.author = Author(self.install.install_id, user, clock=clock)

    @property
    def credential(self) -> Credential:
        found = self.store.credential(self.install.token)
        assert found is not None
        return found

    def push(self, *ops: Op) -> list[dict[str, Any]]:
        return self.reply(*ops)["results"]

    def reply(self, *ops: Op) -> dict[str, Any]:
        body = push_body([_json.encode(op) for op in ops], server_id=None, epoch=None)
        return service.push(self.store, self.credential, checked_body(body, push_headers(body)), now=NOW)

    def water(self, old: str, new: str, household: str = "h1", **more: Any) -> Op:
        return self.author.update("household", household, VILLAGE, {"water_source": (old, new)}, **more)

    def visit(self, id: str, **more: Any) -> Op:
        return self.author.create("submission", id, VILLAGE, {"form_id": "visit", "answers": {"a": "1"}}, **more)


def statuses(results: list[dict[str, Any]]) -> list[str]:
    return [result["status"] for result in results]


class StoreContract:
    """Mixed into one class a database, which provides the fixture ``new_store``."""

    @pytest.fixture
    def store(self, new_store: Callable[[], Store]) -> Iterator[Store]:
        made = new_store()
        seed = Author("seed", "seed", clock=clock)
        people = {"u-cadre": ("cadre", VILLAGE), "u-other": ("cadre", ABROAD), "u-node": ("node", VILLAGE),
                  "u-county": ("county", "500156")}  # fmt: skip
        made.load(
            [seed.create("user", id, area, {"role": role, "area": area, "password_hash": "x"})
             for id, (role, area) in people.items()]
            + [seed.create("household", "h1", VILLAGE, {"head_name": "冉光明", "water_source": "well"}),
               seed.create("household", "h2", NEIGHBOUR, {"head_name": "田秀英"}),
               seed.create("household", "h3", ABROAD, {"head_name": "马𠮷"})]
        )  # fmt: skip
        yield made
        made.close()

    @pytest.fixture
    def phone(self, store: Store) -> Phone:
        return Phone(store)

    # E: enrolment

    def test_e1_an_invitation_is_found_by_each_of_its_names_and_changed_once(self, store: Store) -> None:
        one = enrolling.Enrolment(id="e1", secret_hash="s", user_id="u", made_by="b", made_at=NOW.isoformat())
        other = enrolling.Enrolment(id="e2", secret_hash="t", user_id="u", made_by="b", made_at=NOW.isoformat())
        store.add_enrolment(one)
        store.add_enrolment(other)
        asked = enrolling.asked(one, claim="c", code="1234", key="k", name="n", lost_install="", now=NOW)
        assert asked is not None and store.change_enrolment(one, asked) and not store.change_enrolment(one, asked)
        assert store.enrolment(id="e1") == store.enrolment(secret_hash="s") == asked
        assert store.enrolment(claim_hash=asked.claim_hash) == asked and store.enrolment(id="e2") == other
        assert store.enrolment() is None and store.enrolled() == set()
        done = msgspec.structs.replace(asked, state=enrolling.DONE, install_id="i1")
        assert store.change_enrolment(asked, done) and store.enrolled() == {"i1"}

    # P: push

    def test_p1_an_op_is_applied_and_answered_with_a_receipt(self, store: Store, phone: Phone) -> None:
        op = phone.water("well", "piped")
        [result] = phone.push(op)
        record = store.get("household", "h1")
        assert record is not None and record.fields["water_source"] == "piped"
        assert record.rev == 2 and record.since["water_source"] == "2026-11-24"
        assert (result["status"], result["rev"], result["seq"]) == ("applied", 2, record.seq)
        assert result["receipt"]["tier"] == CENTRE and result["receipt"]["hash"] == op.hash
        assert store.latest_seq() == record.seq

    def test_p2_the_same_again_is_a_duplicate_with_the_stored_answer(self, store: Store, phone: Phone) -> None:
        op = phone.water("well", "piped")
        [first] = phone.push(op)
        before = store.latest_seq()
        [again] = phone.push(op)
        assert (again["status"], again["first"]) == ("duplicate", "applied")
        assert again["receipt"] == first["receipt"]
        assert store.latest_seq() == before

    def test_p3_twice_in_one_body_has_one_effect(self, store: Store, phone: Phone) -> None:
        op = phone.visit("s1")
        assert statuses(phone.push(op, op)) == ["applied", "duplicate"]
        assert len(store.history("submission", "s1")) == 1

    def test_p4_a_gap_is_sent_back(self, store: Store, phone: Phone) -> None:
        one, two, three = phone.visit("s1"), phone.visit("s2"), phone.visit("s3")
        reply = phone.reply(one, three)
        assert statuses(reply["results"]) == ["applied", "retry"]
        assert reply["expected"] == {phone.install.install_id: 2}
        assert reply["acked_dseq"][phone.install.install_id] == 1
        assert statuses(phone.push(one, two, three)) == ["duplicate", "applied", "applied"]
        assert store.acked([phone.install.install_id, "nobody"]) == {phone.install.install_id: 3, "nobody": 0}

    def test_p5_another_content_under_a_known_id_is_kept_beside_it(self, store: Store, phone: Phone) -> None:
        op = phone.water("well", "piped")
        phone.push(op)
        forged = with_hash(msgspec.structs.replace(op, fields={"water_source": FieldChange("well", "cistern")}))
        assert statuses(phone.push(forged)) == ["quarantined"]
        assert statuses(phone.push(forged)) == ["quarantined"]
        assert [(change.op.op_id, change.code) for change in store.quarantined()] == [(op.op_id, "same_id_other_content")]
        record = store.get("household", "h1")
        assert record is not None and record.fields["water_source"] == "piped"

    def test_p6_a_used_number_with_a_new_id_is_a_fork(self, store: Store, phone: Phone) -> None:
        phone.push(phone.visit("s1"))
        phone.author.next_dseq = 1
        assert statuses(phone.push(phone.visit("s2"))) == ["quarantined"]
        assert [change.code for change in store.quarantined()] == ["forked_log"]
        assert store.get("submission", "s2") is None

    def test_p7_a_poison_op_is_set_aside_and_the_rest_flows(self, store: Store, phone: Phone) -> None:
        good, later = phone.visit("s1"), phone.visit("s2")
        phone.author.next_dseq = 2
        broken = msgspec.structs.replace(phone.visit("s9"), hash="0" * 64)
        phone.author.next_dseq = 3
        later = phone.visit("s2")
        assert statuses(phone.push(good, broken, later)) == ["applied", "quarantined", "applied"]
        assert [change.code for change in store.quarantined()] == ["hash_mismatch"]

    def test_p8_an_effect_that_raises_does_not_stop_the_rest(
        self, store: Store, phone: Phone, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from sync.store import intake_effects

        real = intake_effects.effect_of

        def poisoned(op: Op, current: Any) -> Any:
            if op.id == "poison":
                raise RuntimeError("poison")
            return real(op, current)

        monkeypatch.setattr(intake_effects, "effect_of", poisoned)
        assert statuses(phone.push(phone.visit("s1"), phone.visit("poison"), phone.visit("s2"))) == [
            "applied", "quarantined", "applied"]  # fmt: skip
        assert [change.code for change in store.quarantined()] == ["cannot_apply"]
        assert store.get("submission", "s2") is not None

    def test_p9_what_no_database_can_hold_is_kept_aside(self, store: Store, phone: Phone) -> None:
        nul = phone.author.create("submission", "s1", VILLAGE, {"answers": {"a": "x\u0000y"}})
        after = phone.visit("s2")
        assert statuses(phone.push(nul, after)) == ["quarantined", "applied"]
        assert store.get("submission", "s1") is None
        assert [change.op.op_id for change in store.quarantined()] == [nul.op_id]

    def test_p10_odd_texts_come_back_as_they_were(self, store: Store, phone: Phone) -> None:
        odd = {"quote": "'\"; DROP TABLE op;--", "astral": "𠮷🎃", "slash": "\\u0000", "list": ["a", {"b": 1}], "none": None}
        phone.push(phone.author.create("issue", "i1", VILLAGE, odd))
        record = store.get("issue", "i1")
        assert record is not None and record.fields == odd | {"none": ""}

    def test_p11_outside_the_area_is_kept_and_not_applied(self, store: Store, phone: Phone) -> None:
        foreign = phone.author.update("household", "h3", VILLAGE, {"head_name": ("马𠮷", "y")})
        claimed = phone.author.create("household", "h9", ABROAD, {"head_name": "x"})
        assert statuses(phone.push(foreign, claimed, phone.visit("s1"))) == ["quarantined", "quarantined", "applied"]
        record = store.get("household", "h3")
        assert record is not None and record.fields["head_name"] == "马𠮷"
        assert store.get("household", "h9") is None
        assert [change.code for change in store.quarantined()] == ["outside_area", "outside_area"]

    def test_p12_a_revoked_device_pulls_nothing_and_its_ops_are_kept(self, store: Store, phone: Phone) -> None:
        store.revoke(phone.install.install_id)
        assert statuses(phone.push(phone.visit("s1"))) == ["quarantined"]
        with pytest.raises(Problem) as refused:
            service.pull(store, phone.credential, None, 100, now=NOW)
        assert refused.value.code == "device_revoked"

    def test_p13_a_node_passes_on_many_logs_and_the_persons_own_rights_hold(self, store: Store) -> None:
        node = store.add_install("u-node", kind="node", name="village")
        credential = store.credential(node.token)
        assert credential is not None
        ops = []
        for install, actor in (("phone-a", "u-cadre"), ("phone-b", "u-other"), ("phone-c", "nobody")):
            author = Author(install, actor, clock=clock)
            ops += [author.create("submission", f"s-{install}", VILLAGE, {"answers": {}})]
        body = push_body([_json.encode(op) for op in ops], server_id=None, epoch=None)
        reply = service.push(store, credential, body, now=NOW)
        assert [(r["status"], r["code"]) if "code" in r else r["status"] for r in reply["results"]] == [
            "applied", ("quarantined", "outside_area"), ("quarantined", "unknown_actor")]  # fmt: skip

    def test_p14_what_fits_into_one_commit_is_there_whole_or_not_at_all(self, store: Store) -> None:
        """An act of the office (a split, a move, a handover) relies on it."""
        author, end = Author("act", "u-county", clock=clock), store.latest_seq()
        ops = [author.create("member", f"m{n}", VILLAGE, {"household_id": "h1"}) for n in range(800)]
        author.next_dseq += 1
        skips = author.create("member", "last", VILLAGE, {})
        with pytest.raises(Problem, match="out_of_order"):
            store.load([*ops, skips])
        assert store.latest_seq() == end and store.get("member", "m0") is None
        assert store.load(ops) == 800 and store.get("member", "m799") is not None

    def test_p14_own_ops_are_loaded_once(self, store: Store) -> None:
        author = Author("import", "office", clock=clock)
        ops = [author.create("household", f"x{n}", VILLAGE, {"head_name": str(n)}) for n in range(30)]
        assert store.load(ops) == 30
        assert store.load(ops) == 0
        author.next_dseq = 5
        with pytest.raises(Problem) as fork:
            store.load([author.create("household", "other", VILLAGE, {})])
        assert fork.value.code == "forked_log"
        author.next_dseq = 99
        with pytest.raises(Problem):
            store.load([author.create("household", "other", VILLAGE, {})])
        assert store.get("household", "other") is None

    def test_p15_receipts_come_in_order(self, store: Store, phone: Phone) -> None:
        phone.push(*(phone.visit(f"s{n}") for n in range(5)))
        late = store.receipts(phone.install.install_id, 2)
        assert [(one.dseq, one.status, one.receipt.tier) for one in late] == [
            (n, "applied", CENTRE) for n in (3, 4, 5)]  # fmt: skip
        assert store.confirmed([phone.install.install_id]) == {phone.install.install_id: 5}

    def test_p16_the_ops_of_a_visit_are_found_by_it(self, store: Store, phone: Phone) -> None:
        phone.push(phone.visit("s1"), phone.water("well", "piped", submission="s1"))
        assert [change.op.entity for change in store.ops_of_submission("s1")] == ["submission", "household"]
        assert [change.op.actor for change in store.history("household", "h1")] == ["seed", "u-cadre"]
        phone.push(phone.visit("s2"), phone.visit("s3"), phone.water("piped", "tank", submission="s3"))
        told = {id: store.ops_of_submission(id) for id in ("s1", "s2", "s3")}
        assert store.ops_of_submissions(["s3", "s1", "nobody", "s2"]) == told
        assert [len(told[id]) for id in sorted(told)] == [2, 1, 2] and store.ops_of_submissions([]) == {}

    # C: conflicts, waiting, removal

    def test_c1_two_values_for_one_field_wait_for_a_person(self, store: Store, phone: Phone) -> None:
        other = Phone(store)
        phone.push(phone.water("well", "piped"))
        [result] = other.push(other.water("well", "cistern"))
        assert result["status"] == "conflict"
        record = store.get("household", "h1")
        assert record is not None and record.fields["water_source"] == "piped"
        conflicts = [r for r in store.changes(0, 100).records if r.kind == "conflict"]
        assert [(c.fields["ours"], c.fields["theirs"]) for c in conflicts] == [
            ({"water_source": "piped"}, {"water_source": "cistern"})]  # fmt: skip

    def test_c2_an_update_before_its_create_waits_in_any_body(self, store: Store, phone: Phone) -> None:
        other = Phone(store)
        assert statuses(other.push(other.author.update("member", "m1", VILLAGE, {"phone": ("", "1")}))) == ["held"]
        update = phone.author.update("member", "m1", VILLAGE, {"full_name": ("", "冉小")})
        create = phone.author.create("member", "m1", VILLAGE, {"household_id": "h1"})
        assert statuses(phone.push(update, create)) == ["held", "applied"]
        record = store.get("member", "m1")
        assert record is not None and record.fields == {"household_id": "h1", "full_name": "冉小", "phone": "1"}
        assert store.quarantined() == []

    def test_c3_a_removed_record_rises_only_by_a_person(self, store: Store, phone: Phone) -> None:
        phone.push(phone.author.void("household", "h1", VILLAGE, {"water_source": "well"}, "moved"))
        record = store.get("household", "h1")
        assert record is not None and record.deleted
        other = Phone(store)
        assert statuses(other.push(other.water("well", "piped"))) == ["conflict"]
        record = store.get("household", "h1")
        assert record is not None and record.deleted

    def test_c7_a_record_moves_to_another_place_once_and_whole(self, store: Store) -> None:
        """Also over the border of a county, by which a database may be divided."""
        office = Author("i-office", "u-county", clock=clock)
        there = "500240103201"
        store.load([office.move("household", "h1", VILLAGE, there)])
        moved = store.get("household", "h1")
        assert moved is not None and moved.area == there and moved.fields["head_name"] == "冉光明"
        assert [r.area for r in store.changes(0, 1000).records if (r.kind, r.id) == ("household", "h1")] == [there]
        inside = Scope(area_prefixes=("500240",))
        assert "h1" in [r.id for r in store.pull(inside, None, 100).records if r.kind == "household"]
        store.load([office.move("household", "h1", VILLAGE, there)])
        assert [change.op.kind for change in store.history("household", "h1")] == ["create", "move", "move"]
        store.load([office.update("household", "h1", there, {"water_source": ("well", "piped")})])
        again = store.get("household", "h1")
        assert again is not None and again.fields["water_source"] == "piped"
        store.load([office.move("household", "h1", VILLAGE, NEIGHBOUR)])
        assert store.history("household", "h1")[-1].status == "conflict"

    def test_c8_nobody_moves_a_record_out_of_their_place_or_into_it(self, store: Store, phone: Phone) -> None:
        out = phone.author.move("household", "h1", VILLAGE, NEIGHBOUR)
        into = phone.author.move("household", "h2", VILLAGE, VILLAGE)
        assert statuses(phone.push(out, into)) == ["quarantined", "quarantined"]
        there = store.get("household", "h2")
        assert there is not None and there.area == NEIGHBOUR

    def test_c4_a_submission_is_made_once(self, store: Store, phone: Phone) -> None:
        phone.push(phone.visit("s1"))
        other = Phone(store)
        assert statuses(other.push(other.visit("s1"))) == ["quarantined"]

    # S: signed logs

    def test_s1_an_op_of_a_keyed_install_needs_a_head_that_covers_it(self, store: Store) -> None:
        key = keys.signing_key(b"phone")
        install = store.add_install("u-cadre", kind="device", name="keyed", key=keys.public_text(key))
        credential = store.credential(install.token)
        assert credential is not None
        author = Author(install.install_id, "u-cadre", clock=clock)
        ops = [author.create("submission", f"s{n}", VILLAGE, {"form_id": "visit", "answers": {}}) for n in range(6)]
        chains = [logs.chain_start(install.install_id)]
        for op in ops:
            chains.append(logs.chain_next(chains[-1], op.hash))

        def push(first: int, end: int, *heads: LogHead) -> list[tuple[str, str]]:
            body = push_body([_json.encode(op) for op in ops[first:end]], server_id=None, epoch=None, heads=heads)
            reply = service.push(store, credential, body, now=NOW)
            [head] = [one for one in reply["heads"] if one["install_id"] == install.install_id]
            assert head["chain"] == chains[head["dseq"]] == store.chain_at(install.install_id, head["dseq"])
            return [(result["status"], result.get("code", "")) for result in reply["results"]]

        def head(dseq: int, chain: str = "", by: keys.PrivateKey = key) -> LogHead:
            return logs.sign_head(by, install.install_id, dseq, chain or chains[dseq])

        assert push(0, 2, head(2)) == [("applied", "")] * 2
        assert push(0, 2) == [("duplicate", "")] * 2
        assert push(2, 3, head(3, by=keys.signing_key(b"other"))) == [("quarantined", "bad_signature")]
        assert push(3, 4, head(6), head(3), head(4, chain="0" * 64)) == [("retry", "out_of_order")]
        assert push(3, 5, head(4)) == [("applied", ""), ("quarantined", "bad_signature")]
        assert push(5, 6, head(6)) == [("applied", "")]
        assert store.chain_at(install.install_id, 7) == store.chain_at("nobody", 1) == ""
        assert {one.install_id: one.key for one in store.installs()}[install.install_id] == keys.public_text(key)

    def test_s2_a_node_with_a_key_tells_of_a_device_before_it_passes_on_what_it_says(self, store: Store) -> None:
        node_key = keys.public_text(keys.signing_key(b"node"))
        keyed, keyless = (store.add_install("u-node", kind="node", name="village", key=key) for key in (node_key, ""))
        teller = Author("village-devices", "", clock=clock)

        def told(install: str, key: str = "") -> Op:
            said = {"install_id": install, "user_id": "u-cadre", "kind": "device", "key": key}
            return teller.create("device", install, VILLAGE, said)

        def visits(author: Author) -> Op:
            return author.create("submission", f"s-{author.install_id}-{author.next_dseq}", VILLAGE, {"answers": {}})

        def push(node: NewInstall, *ops: Op) -> list[tuple[str, str]]:
            credential = store.credential(node.token)
            assert credential is not None
            body = push_body([_json.encode(op) for op in ops], server_id=None, epoch=None)
            return [(r["status"], r.get("code", "")) for r in service.push(store, credential, body, now=NOW)["results"]]

        stranger, old, new, let_in = (Author(name, "u-cadre", clock=clock) for name in (
            "stranger", "old", "new", store.add_install("u-cadre", kind="device", name="phone").install_id))  # fmt: skip
        first = visits(stranger)
        assert push(keyed, first, visits(stranger)) == [("quarantined", "unregistered_device")] * 2
        assert push(keyed, first) == [("duplicate", "unregistered_device")]
        assert store.acked(["stranger"]) == {"stranger": 2}
        assert push(keyed, told("old"), visits(old)) == [("applied", "")] * 2, "openly registered as one without a key"
        assert push(keyed, told("new", node_key), visits(new)) == [("applied", ""), ("quarantined", "bad_signature")]
        assert push(keyed, visits(stranger), told("stranger"), visits(stranger)) == [
            ("quarantined", "unregistered_device"), ("applied", ""), ("applied", "")]  # fmt: skip
        assert push(keyed, visits(let_in)) == [("applied", "")], "let in here"
        assert push(keyless, visits(Author("below", "u-cadre", clock=clock))) == [("applied", "")], "as before"

    # L: pull

    def test_l1_a_puller_sees_its_own_place_only(self, store: Store, phone: Phone) -> None:
        page = store.pull(scope_of(phone.credential), None, 500)
        assert {record.id for record in page.records if record.kind == "household"} == {"h1"}
        assert all("password_hash" not in record.fields for record in page.records)
        assert store.pull(Scope(area_prefixes=()), None, 500).records == ()

    def test_l2_each_changed_record_comes_once_at_its_newest(self, store: Store, phone: Phone) -> None:
        first = store.pull(scope_of(phone.credential), None, 500)
        phone.push(phone.water("well", "piped"), phone.water("piped", "spring"))
        page = store.pull(scope_of(phone.credential), first.cursor, 500)
        assert [(record.id, record.fields["water_source"]) for record in page.records] == [("h1", "spring")]
        assert store.pull(scope_of(phone.credential), page.cursor, 500).records == ()

    def test_l3_pages_join_without_gap_or_overlap(self, store: Store) -> None:
        author = Author("import", "office", clock=clock)
        store.load(author.create("household", f"x{n}", VILLAGE, {"n": str(n)}) for n in range(57))
        scope = Scope(area_prefixes=(VILLAGE,), kinds=("household",))
        seen: list[str] = []
        cursor, more = None, True
        while more:
            page = store.pull(scope, cursor, 10)
            seen += [record.id for record in page.records]
            cursor, more = page.cursor, page.more
        assert sorted(seen) == sorted(["h1", *(f"x{n}" for n in range(57))]) and len(set(seen)) == len(seen)

    def test_l6_what_is_passed_on_unread_is_the_same_page(self, store: Store, phone: Phone) -> None:
        phone.push(phone.water("well", "piped"), phone.visit("s1"))
        author = Author("import", "office", clock=clock)
        store.load([author.create("household", "gone", VILLAGE, {"head_name": "不该看到"})])
        store.load([author.void("household", "gone", VILLAGE, {"head_name": "不该看到"}, "测试")])
        for scope in (scope_of(phone.credential), Scope(area_prefixes=("500156",), reader="node"), EVERYTHING):
            cursor, more, seen = None, True, 0
            while more:
                page, kept = store.pull(scope, cursor, 3), store.pull_as_kept(scope, cursor, 3)
                assert (kept.cursor, kept.seq, kept.more) == (page.cursor, page.seq, page.more)
                assert [_spelled(one) for one in kept.records] == list(page.records)
                cursor, more, seen = page.cursor, page.more, seen + len(page.records)
            assert seen > 3
        told = _json.encode(store.pull_as_kept(scope_of(phone.credential), None, 500))
        assert b"password_hash" not in told and "不该看到".encode() not in told

    def test_l4_a_cursor_of_elsewhere_is_stale(self, store: Store, phone: Phone) -> None:
        scope = scope_of(phone.credential)
        page = store.pull(scope, None, 500)
        wrong = ["x" + page.cursor, page.cursor + "0000", "1", page.cursor.rsplit(".", 1)[0] + ".-1"]
        for cursor in wrong:
            with pytest.raises(Problem) as stale:
                store.pull(scope, cursor, 500)
            assert stale.value.code == "cursor_stale"
        with pytest.raises(Problem):
            store.pull(Scope(area_prefixes=("500240",)), page.cursor, 500)

    def test_l5_what_a_place_above_publishes_reaches_below(self, store: Store) -> None:
        author = Author("centre", "office", clock=clock)
        store.load([author.create("form", "visit", "500000000000", {"title": "入户走访"}),
                    author.create("household", "above", "500156103", {"head_name": "不该看到"})])  # fmt: skip
        scope = Scope(area_prefixes=(VILLAGE,), kinds=("form", "household"), reader="device")
        assert {record.id for record in store.pull(scope, None, 500).records} == {"visit", "h1"}

    def test_l6_prefixes_are_digits_not_patterns(self, store: Store) -> None:
        for prefix in ("%", "5001561032_3", "' OR 1=1 --"):
            assert store.pull(Scope(area_prefixes=(prefix,)), None, 500).records == ()
        assert len(store.pull(EVERYTHING, None, 500).records) == 7

    def test_l8_many_are_asked_for_as_one_by_one(self, store: Store, phone: Phone) -> None:
        phone.push(phone.water("well", "piped"), phone.visit("s1"), phone.water("piped", "tank"), phone.water("x", "y", "h3"))
        ids = ["h1", "h2", "h3", "nobody"]
        assert store.records("household", ids) == {id: one for id in ids if (one := store.get("household", id))}
        assert store.records("submission", ids) == store.histories("household", []) == {}
        third = store.history("household", "h1")[-1].seq
        for since in (0, third, third + 1):
            one_by_one = {id: found for id in ids if (found := store.history("household", id, since))}
            assert store.histories("household", ids, since) == one_by_one
        assert [change.seq for change in store.histories("household", ids, third)["h1"]] == [third]

    def test_l7_changes_follow_the_log(self, store: Store, phone: Phone) -> None:
        start = store.changes(0, 500)
        assert start.seq == store.latest_seq() and not start.more
        phone.push(phone.visit("s1"))
        page = store.changes(start.seq, 500)
        assert [record.id for record in page.records] == ["s1"] and page.seq == store.latest_seq()

    # B: blobs

    def test_b1_parts_are_joined_and_verified(self, store: Store, phone: Phone) -> None:
        body = bytes(range(256)) * 40
        sha256 = hashlib.sha256(body).hexdigest()
        with pytest.raises(Problem):
            service.put_blob(store, phone.credential, sha256, 0, len(body), body)
        phone.push(phone.visit("s1", blobs=[BlobRef(sha256, len(body))]))
        assert not store.has_blob(sha256)
        assert service.put_blob(store, phone.credential, sha256, 0, len(body), body[:3000]) == 3000
        assert store.blob_state(sha256) == (3000, len(body))
        with pytest.raises(Problem) as wrong:
            service.put_blob(store, phone.credential, sha256, 2000, len(body), body[2000:])
        assert wrong.value.code == "blob_offset" and wrong.value.details == {"offset": 3000}
        assert service.put_blob(store, phone.credential, sha256, 3000, len(body), body[3000:]) == len(body)
        assert service.put_blob(store, phone.credential, sha256, 0, len(body), body) == len(body)
        assert service.read_blob(store, phone.credential, sha256) == body

    def test_b2_wrong_bytes_are_dropped_and_can_be_sent_anew(self, store: Store, phone: Phone) -> None:
        body = b"a picture"
        sha256 = hashlib.sha256(body).hexdigest()
        phone.push(phone.visit("s1", blobs=[BlobRef(sha256, len(body))]))
        with pytest.raises(Problem) as wrong:
            service.put_blob(store, phone.credential, sha256, 0, len(body), b"a PICTURE")
        assert wrong.value.code == "blob_digest"
        assert store.blob_state(sha256) is None
        assert service.put_blob(store, phone.credential, sha256, 0, len(body), body) == len(body)

    def test_b3_a_blob_of_elsewhere_is_not_found(self, store: Store, phone: Phone) -> None:
        body = b"a face"
        sha256 = hashlib.sha256(body).hexdigest()
        phone.push(phone.visit("s1", blobs=[BlobRef(sha256, len(body))]))
        service.put_blob(store, phone.credential, sha256, 0, len(body), body)
        stranger = Phone(store, "u-other")
        for asking in (service.read_blob, service.blob_state):
            with pytest.raises(Problem) as refused:
                asking(store, stranger.credential, sha256)
            assert refused.value.code == "not_found"
        with pytest.raises(Problem):
            store.open_blob("../../etc/passwd")

    def test_b4_missing_form_definitions_are_listed(self, store: Store) -> None:
        sha256 = hashlib.sha256(b"definition").hexdigest()
        author = Author("centre", "office", clock=clock)
        store.load([author.create("form", "visit", "500000000000", {"definition": sha256, "versions": {"1": sha256}})])
        assert [name for name, _ in store.missing_blobs(10)] == [sha256]
        store.put_blob_part(sha256, 0, 10, b"definition")
        assert store.missing_blobs(10) == []

    def test_b5_so_are_the_files_of_all_versions_of_a_form(self, store: Store) -> None:
        definition, old, new = (hashlib.sha256(body).hexdigest() for body in (b"definition", b"old", b"newer"))
        files = {"1": {"a.png": {"sha256": old, "size": 3, "type": "image/png"}},
                 "2": {"a.png": {"sha256": new, "size": 5, "type": "image/png"}}}  # fmt: skip
        fields = {"definition": definition, "versions": {"1": definition}, "files": files}
        store.load([Author("centre", "office", clock=clock).create("form", "visit", "500000000000", fields)])
        assert sorted(store.missing_blobs(10)) == sorted([(definition, 0), (old, 3), (new, 5)])
        assert store.blob_is_named(old, Scope(area_prefixes=("",), kinds=("form",)))
        store.put_blob_part(old, 0, 3, b"old")
        assert sorted(store.missing_blobs(10)) == sorted([(definition, 0), (new, 5)])

    # D: devices

    def test_d1_a_token_speaks_for_its_person_with_the_grants_of_now(self, store: Store, phone: Phone) -> None:
        assert phone.credential.grants == (Grant("cadre", VILLAGE),)
        assert store.credential("guess") is None
        county = Phone(store, "u-county")
        user = store.get("user", "u-cadre")
        assert user is not None
        county.push(county.author.update("user", "u-cadre", VILLAGE, {"state": ("", "disabled")}))
        assert phone.credential.grants == ()

    def test_d1_many_tokens_at_once_speak_as_each_alone(self, store: Store, phone: Phone) -> None:
        county, stopped = Phone(store, "u-county"), Phone(store)
        node, browser, stranger = (
            store.add_install(user, kind=kind, name="x")
            for user, kind in (("u-node", "node"), ("u-cadre", "browser"), ("u-nowhere", "device"))
        )
        store.revoke(stopped.install.install_id)
        known = [one.token for one in (phone.install, county.install, stopped.install, node, browser, stranger)]
        wrong = ["", "guess", known[0][:-1], known[1].swapcase(), f" {known[2]}", "空"]
        found = store.credentials(known + wrong)
        assert found == {token: store.credential(token) for token in known}
        assert [store.credential(token) for token in wrong] == [None] * len(wrong)
        told = [(found[token].kind, found[token].grants, found[token].revoked) for token in known]
        cadre, below = Grant("cadre", VILLAGE), Grant("node", VILLAGE)
        assert told == [
            ("device", (cadre,), False), ("device", (Grant("county", "500156"),), False), ("device", (cadre,), True),
            ("node", (below,), False), ("browser", (cadre,), False), ("device", (), False),
        ]  # fmt: skip
        assert store.credentials(()) == {}

    def test_d1_what_was_taken_from_one_is_gone_at_the_next_question_for_many(self, store: Store, phone: Phone) -> None:
        other, county = Phone(store), Phone(store, "u-county")
        tokens = [phone.install.token, other.install.token]
        assert [one.revoked for one in store.credentials(tokens).values()] == [False, False]
        store.revoke(other.install.install_id)
        assert [store.credentials(tokens)[token].revoked for token in tokens] == [False, True]
        county.push(county.author.update("user", "u-cadre", VILLAGE, {"state": ("", "disabled")}))
        assert {one.grants for one in store.credentials(tokens).values()} == {()}

    def test_d2_devices_are_listed_with_what_they_promised(self, store: Store, phone: Phone) -> None:
        phone.push(phone.visit("s1"))
        store.seen(phone.install.install_id, made_dseq=4, now=NOW)
        store.seen(phone.install.install_id, made_dseq=2, now=NOW)
        [one] = [install for install in store.installs() if install.install_id == phone.install.install_id]
        assert (one.made_dseq, one.acked_dseq, one.confirmed_dseq, one.revoked) == (4, 1, 1, False)
        assert one.last_seen == "2026-11-24T12:00:00.000Z"

    # T: many at once

    def test_t1_the_same_op_from_twenty_threads_has_one_effect(self, store: Store, phone: Phone) -> None:
        op = phone.visit("s1")
        found = together(20, lambda _: statuses(phone.push(op)))
        assert sorted(found) == [["applied"]] + [["duplicate"]] * 19
        assert len(store.history("submission", "s1")) == 1

    def test_what_nobody_read_is_what_was_kept(self, store: Store, phone: Phone) -> None:
        phone.push(phone.author.create("household", "h-1", VILLAGE, {"head_name": "冉", "group": "1", "odd": ["a", None]}))
        phone.push(phone.author.update("household", "h-1", VILLAGE, {"group": ("1", "2")}), phone.visit("s1"))
        place, pages = 0, 0
        while True:
            whole, unread = store.changes(place, 2), store.changes_unread(place, 2)
            assert [read(one) for one in unread.records] == list(whole.records)
            assert (unread.seq, unread.more) == (whole.seq, whole.more)
            place, pages = whole.seq, pages + 1
            if not whole.more:
                break
        assert pages > 1

    def test_t2_a_follower_misses_none_of_many_writers(self, store: Store) -> None:
        phones = [Phone(store) for _ in range(6)]
        done = threading.Event()
        seen: list[str] = []

        def follow() -> None:
            place = 0
            while True:
                finished = done.is_set()
                page = store.changes_unread(place, 7)
                seen.extend(record.id for record in page.records if record.kind == "submission")
                place = page.seq
                if finished and not page.more and not page.records:
                    return

        follower = threading.Thread(target=follow)
        follower.start()
        together(len(phones), lambda n: [phones[n].push(phones[n].visit(f"s{n}-{k}")) for k in range(15)])
        done.set()
        follower.join(60)
        assert sorted(seen) == sorted(f"s{n}-{k}" for n in range(6) for k in range(15))

    def test_t3_many_writers_of_one_record_lose_nothing(self, store: Store) -> None:
        phones = [Phone(store) for _ in range(5)]
        names = [f"field_{n}" for n in range(5)]
        together(5, lambda n: phones[n].push(
            phones[n].author.create("household", "shared", VILLAGE, {names[n]: "1"}),
            phones[n].author.update("household", "shared", VILLAGE, {names[n]: ("1", "2")})))  # fmt: skip
        record = store.get("household", "shared")
        assert record is not None and record.fields == dict.fromkeys(names, "2")


def together(count: int, work: Callable[[int], Any]) -> list[Any]:
    """work(0) … work(count - 1), all begun at the same moment; raises the first error."""
    start = threading.Barrier(count)
    found: list[Any] = [None] * count
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            start.wait()
            found[number] = work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    if errors:
        raise errors[0]
    return found
