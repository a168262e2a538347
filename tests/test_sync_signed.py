"""Signed logs and receipts: a dishonest node writes nothing as a phone, and nobody but the centre gives the third tick."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sync import keys, logs, relay, service, tray
from sync.author import Author, with_hash
from sync.own import own_install, write_own
from sync.protocol import parse_op, push_headers
from sync.records import CENTRE, FieldChange, Grant, LateReceipt, LogHead, Op, Receipt, ServerHead
from sync.relay import Reply
from sync.store import intake
from sync.store.backup import renew_epoch
from sync.store.base import ToRelay
from sync.store.batches import whole_batch
from sync.store.sqlite import SqliteStore
from sync.store.sqlite_file import NAME as DATABASE
from tests.simulation import Phone, Upward, World, all_receipts

_json = msgspec.json.Encoder()
Body = dict[str, Any]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, seed=3)
    made.network.quiet = True
    yield made
    made.close()


class Dishonest(Upward):
    """A node's requests, of which pushes are spoilt on the way out."""

    def __init__(self, world: World, token: str, spoil: Callable[[Body], Body]) -> None:
        super().__init__(world, token)
        self.spoil = spoil

    def __call__(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
        if path.endswith("/push"):
            body = json.dumps(self.spoil(json.loads(body)), ensure_ascii=False).encode()
            headers = push_headers(body)
        return super().__call__(method, path, body, headers)


def turn_dishonest(world: World, spoil: Callable[[Body], Body]) -> None:
    node = world.nodes[0]
    node.upward = Dishonest(world, node.upward.token, spoil)
    node.relay = node.new_relay()
    # It need not tell of devices before it passes on what they say.
    node.relay._next_batch = lambda: node.store.to_relay(relay.BATCH_OPS, relay.BATCH_BYTES)  # type: ignore[method-assign]


def turn_honest(world: World) -> None:
    node = world.nodes[0]
    node.upward = Upward(world, node.upward.token)
    node.relay = node.new_relay()


def nothing_false(world: World) -> None:
    """Whatever is applied at the centre under a phone's install or in a cadre's name, a phone has said; each ② is true."""
    centre = world.centre.store
    users = {phone.user for phone in world.phones}
    said = {phone.install.install_id: {op.op_id: op.hash for op in phone.log} for phone in world.phones}
    for record in centre.changes(0, 100_000).records:
        for change in centre.history(record.kind, record.id):
            mine = said.get(change.op.install_id, {} if change.op.actor in users else None)
            assert mine is None or mine.get(change.op.op_id) == change.op.hash, f"{change.op.entity} {change.op.id} is false"
    for phone in world.phones:
        there = {late.op_id: late.receipt.hash for late in all_receipts(centre, phone.install.install_id)}
        assert phone.confirmed.items() <= there.items(), "a false receipt 2 counted"


def of_phones(world: World, body: Body) -> list[Body]:
    installs = {phone.install.install_id for phone in world.phones}
    return [op for op in body["ops"] if op["install_id"] in installs]


def altered(world: World, body: Body) -> Body:
    for op in of_phones(world, body)[:1]:
        fields = {name: FieldChange(change["old"], "改过") for name, change in op["fields"].items()}
        made = with_hash(msgspec.structs.replace(msgspec.convert(op, Op), fields=fields))
        op |= {"fields": msgspec.to_builtins(made.fields), "hash": made.hash}
    return body


def invented(world: World, body: Body) -> Body:
    """One op more at the end of a phone's log, in the phone's name."""
    mine = of_phones(world, body)
    if mine:
        last = mine[-1]
        author = Author(last["install_id"], last["actor"], next_dseq=last["dseq"] + 1, clock=world.clock)
        body["ops"].append(msgspec.to_builtins(author.create("household", "h-invented", last["area"], {"head_name": "假"})))
    return body


def invented_and_signed_by_the_node(world: World, body: Body) -> Body:
    mine = of_phones(world, body)
    body = invented(world, body)
    if mine:
        install, dseq = mine[-1]["install_id"], body["ops"][-1]["dseq"]
        chain = logs.chain_over(logs.chain_start(install), [op["hash"] for op in body["ops"] if op["install_id"] == install])
        body["heads"].append(msgspec.to_builtins(logs.sign_head(world.nodes[0].identity.signing, install, dseq, chain)))
    return body


def unsigned(world: World, body: Body) -> Body:
    return body | {"heads": []}


def withheld(world: World, body: Body) -> Body:
    mine = of_phones(world, body)
    return body | {"ops": [op for op in body["ops"] if op not in mine[1:2]]}


def swapped_numbers(world: World, body: Body) -> Body:
    mine = of_phones(world, body)
    if len(mine) > 1:
        mine[0]["dseq"], mine[1]["dseq"] = mine[1]["dseq"], mine[0]["dseq"]
        for op in mine[:2]:
            op["hash"] = with_hash(msgspec.convert(op, Op)).hash
        body["ops"].sort(key=lambda op: (op["install_id"], op["dseq"]))
    return body


def unregistered(world: World, body: Body) -> Body:
    return body | {"ops": [op for op in body["ops"] if op["entity"] != "device"]}


def unregistered_and_altered(world: World, body: Body) -> Body:
    return unregistered(world, unsigned(world, altered(world, body)))


def invented_install(world: World, body: Body) -> Body:
    if of_phones(world, body):
        author = Author("h-install", world.phones[0].user, clock=world.clock)
        body["ops"].append(msgspec.to_builtins(
            author.create("household", "h-invented", world.nodes[0].village, {"head_name": "假"})))  # fmt: skip
    return body


def registered_last(world: World, body: Body) -> Body:
    """The same push tells of a device after what is altered of it."""
    body = unsigned(world, altered(world, body))
    body["ops"].sort(key=lambda op: op["entity"] == "device")
    return body


STRANGERS = [unregistered_and_altered, invented_install, registered_last]
SPOILERS = [altered, invented, invented_and_signed_by_the_node, unsigned, withheld, swapped_numbers, unregistered, *STRANGERS]


def a_day(world: World) -> None:
    for _ in range(2):
        world.visit(0)
        world.edit(0, 0, 0, "new")
    world.settle()


@pytest.mark.parametrize("spoil", SPOILERS)
def test_nothing_a_dishonest_node_makes_is_applied_in_a_cadres_name(
    world: World, spoil: Callable[[World, Body], Body]
) -> None:
    turn_dishonest(world, lambda body: spoil(world, body))
    a_day(world)
    nothing_false(world)


@pytest.mark.parametrize("spoil", [altered, invented, invented_and_signed_by_the_node, swapped_numbers])
def test_without_the_signatures_it_is_red(
    world: World, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[World, Body], Body]
) -> None:
    monkeypatch.setattr(intake.Intake, "_unsigned", lambda *_: "")
    a_day(world)  # the devices are registered by then
    turn_dishonest(world, lambda body: spoil(world, body))
    a_day(world)
    with pytest.raises(AssertionError, match="is false"):
        nothing_false(world)


@pytest.mark.parametrize("spoil", STRANGERS)
def test_without_asking_for_a_registration_it_is_red(
    world: World, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[World, Body], Body]
) -> None:
    monkeypatch.setattr(intake.Intake, "_must_register", lambda *_: False)
    turn_dishonest(world, lambda body: spoil(world, body))
    a_day(world)
    with pytest.raises(AssertionError, match="is false"):
        nothing_false(world)


def test_what_a_device_said_before_its_registration_came_can_be_taken_up(world: World) -> None:
    turn_dishonest(world, lambda body: unregistered(world, body))
    a_day(world)
    centre, phone = world.centre.store, world.phones[0]
    assert {change.code for change in centre.quarantined()} == {"unregistered_device"}
    assert phone.confirmed.keys() == {op.op_id for op in phone.log}, "it is kept, and the phone may know that"
    turn_honest(world)
    world.visit(0)
    world.settle()
    after = list(all_receipts(centre, phone.install.install_id))[-2:]
    assert [late.status for late in after] == ["applied"] * 2, "registered by now, and the log went on unbroken"
    while items := tray.items(centre.undecided()):
        take_up(world, items[0])
    world.settle()
    world.check()
    for n in (0, 3):
        assert centre.get("submission", f"s-{phone.user}-{n}") is not None


def take_up(world: World, item: tray.Item) -> None:
    store = world.centre.store
    records = {(c.op.entity, c.op.id): store.get(c.op.entity, c.op.id) for c in item.changes}
    areas = {c.hash: tray.area_of(c.op, records[c.op.entity, c.op.id], None) for c in item.changes}
    rights = (Grant("county", world.villages[0][:6]),)
    write_own(store, "office", "u-office", clock=world.clock,
              make=lambda author: tray.decide(item, tray.ACCEPT, "x", records, areas, rights, author))  # fmt: skip


def an_office_op(world: World) -> list[Any]:
    """A node's office writes before anybody has told of its install; the receipts of what it wrote."""
    node = world.nodes[0]
    write_own(node.store, "office", "u0", clock=world.clock, make=lambda author: [
        author.create("household", "h-office", node.village, {"head_name": "冉"})])  # fmt: skip
    world.settle()
    return list(all_receipts(world.centre.store, own_install(node.store, "office")))


def test_a_node_tells_of_an_install_before_it_passes_on_what_it_says(world: World) -> None:
    assert [late.status for late in an_office_op(world)] == ["applied"]
    world.check()


def test_without_registrations_first_it_is_red(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def in_order(self: relay.Relay) -> list[ToRelay]:
        self._prepare()
        return self._store.to_relay(relay.BATCH_OPS, relay.BATCH_BYTES)

    monkeypatch.setattr(relay.Relay, "_next_batch", in_order)
    assert [late.code for late in an_office_op(world)] == ["unregistered_device"]


def after_a_restore(world: World) -> Phone:
    """A node is put back to before it had told of its newest phone, and then lets in another one."""
    world.back_up(0)
    for n in range(2):
        world.phones[0] = Phone(world, world.nodes[0], "u0")
        world.edit(0, 0, n, "new")
        world.settle()
        if n == 0:
            world.restore(0)
    return world.phones[0]


def test_a_node_that_was_put_back_goes_on_telling(world: World) -> None:
    phone = after_a_restore(world)
    assert [late.status for late in all_receipts(world.centre.store, phone.install.install_id)] == ["applied"]


def test_without_new_installs_of_its_own_it_would_not(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def renew(folder: Path) -> str:
        epoch = renew_epoch(folder)
        with closing(sqlite3.connect(folder / DATABASE)) as db, db:
            db.execute("UPDATE install SET name = 'devices' WHERE name LIKE 'devices %'")
        return epoch

    monkeypatch.setattr("sync.store.backup.renew_epoch", renew)
    phone = after_a_restore(world)
    codes = {late.code for late in all_receipts(world.centre.store, phone.install.install_id)}
    assert codes == {"unregistered_device"}


def test_what_was_spoilt_is_kept_and_told_and_the_rest_flows(world: World) -> None:
    turn_dishonest(world, lambda body: altered(world, body))
    a_day(world)
    world.visit(1)
    world.settle()
    aside = [change for change in world.centre.store.quarantined() if change.code == "bad_signature"]
    assert {change.op.install_id for change in aside} == {world.phones[0].install.install_id}
    assert not world.phones[0].confirmed and len(world.phones[1].confirmed) == len(world.phones[1].log)


def test_an_honest_node_after_a_withholding_one_brings_everything_up(world: World) -> None:
    turn_dishonest(world, lambda body: withheld(world, body))
    a_day(world)
    assert not world.phones[0].confirmed and not world.centre.store.quarantined()
    turn_honest(world)
    world.settle()
    world.check()


# Who signs with what.


def test_the_centre_knows_what_a_phone_signs_with_before_its_first_op(world: World) -> None:
    a_day(world)
    phone = world.phones[0]
    device = world.centre.store.get("device", phone.install.install_id)
    assert device is not None and device.fields["user_id"] == phone.user
    assert device.fields["key"] == keys.public_text(phone.key) and device.fields["node"] == world.nodes[0].store.server_id


def test_nobody_gives_an_install_another_key(world: World) -> None:
    a_day(world)
    node, phone = world.nodes[0], world.phones[0]
    known = world.centre.store.get("device", phone.install.install_id)
    assert known is not None
    forged = known.fields | {"key": node.identity.public.sign}
    credential = world.centre.store.credential(node.upward.token)
    assert credential is not None
    author = Author("forger", "", clock=world.clock)
    for op in (author.create("device", phone.install.install_id, node.village, forged),
               author.update("device", phone.install.install_id, node.village, {"key": (known.fields["key"], forged["key"])}),
               author.create("device", "another", node.village, {"install_id": "not-another", "key": ""})):  # fmt: skip
        world.centre.store.push([parse_op(_json.encode(op))], b"", credential=credential, now=world.clock.now)
    after = world.centre.store.get("device", phone.install.install_id)
    assert after is not None and after.fields == known.fields and world.centre.store.get("device", "another") is None


def test_a_device_that_the_office_voided_is_set_aside(world: World) -> None:
    a_day(world)
    install = world.phones[0].install.install_id
    known = world.centre.store.get("device", install)
    assert known is not None
    office = Author("office", "seed", clock=world.clock)
    world.centre.store.load([office.void("device", install, known.area, {}, "丢失")])
    world.visit(0)
    world.settle()
    late = list(all_receipts(world.centre.store, install))[-1]
    assert (late.status, late.code) == ("quarantined", "device_revoked")


def test_what_a_node_makes_itself_is_signed_by_it(world: World) -> None:
    a_day(world)
    own = [one for one in world.nodes[0].store.installs() if not one.user_id]
    assert [one.name for one in own] == ["devices"]
    device = world.centre.store.get("device", own[0].install_id)
    assert device is not None and device.fields["key"] == world.nodes[0].identity.public.sign
    late = list(all_receipts(world.centre.store, own[0].install_id))
    assert late and {one.status for one in late} == {"applied"}


# Receipts.


def forged_word(world: World, phone: Phone, key: keys.PrivateKey, chain: str = "") -> Body:
    end = len(phone.log)
    head = ServerHead(install_id=phone.install.install_id, dseq=end, chain=chain or phone.chains[end],
                      server_id=world.centre.store.server_id, epoch=world.centre.store.epoch, tier=CENTRE, time="now")  # fmt: skip
    return {"heads": [msgspec.to_builtins(logs.sign_server_head(key, head))]}


def forged_receipts(phone: Phone) -> list[Any]:
    return [LateReceipt(op_id=op.op_id, dseq=at, status="applied", rev=1, seq=1,
                        receipt=Receipt(server_id="s", epoch="e", tier=CENTRE, op_id=op.op_id, hash=op.hash, seq=1, time="t"))
            for at, op in enumerate(phone.log, 1)]  # fmt: skip


def test_a_node_cannot_forge_the_centres_receipt(world: World) -> None:
    world.visit(0)
    phone, node = world.phones[0], world.nodes[0]
    phone.take_receipts(forged_word(world, phone, node.identity.signing), forged_receipts(phone))
    phone.take_receipts({"heads": []}, forged_receipts(phone))
    # The centre's own signature, over another log than this phone's.
    phone.take_receipts(forged_word(world, phone, world.identity.signing, "0" * 64), forged_receipts(phone))
    assert phone.confirmed == {}
    phone.take_receipts(forged_word(world, phone, world.identity.signing), forged_receipts(phone))
    assert len(phone.confirmed) == len(phone.log)


class Impostor(Upward):
    """Answers pushes as the centre would, and takes nothing in."""

    def __call__(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
        if not path.endswith("/push"):
            return super().__call__(method, path, body, headers)
        results, heads = [], {}
        for op in json.loads(body)["ops"]:
            receipt = Receipt(server_id="s", epoch="e", tier=CENTRE, op_id=op["op_id"], hash=op["hash"], seq=1, time="t")
            results.append({"op_id": op["op_id"], "status": "applied", "rev": 1, "seq": 1,
                            "receipt": msgspec.to_builtins(receipt)})  # fmt: skip
            heads[op["install_id"]] = {"install_id": op["install_id"], "dseq": op["dseq"], "chain": "0" * 64, "server_id": "s",
                                       "epoch": "e", "tier": CENTRE, "time": "t", "sig": "A" * 86}  # fmt: skip
        said = {"results": results, "heads": list(heads.values()), "expected": {}, "acked_dseq": {}}
        return Reply(200, {}, json.dumps(said).encode())


def let_an_impostor_answer(world: World) -> None:
    node = world.nodes[0]
    token = node.upward.token
    node.upward = Impostor(world, token)
    node.relay = node.new_relay()
    world.visit(0)
    world.phones[0].push()
    for _ in range(3):
        node.step()
    world.phones[0].ask_receipts()


def test_a_node_believes_no_receipts_but_the_centres(world: World) -> None:
    let_an_impostor_answer(world)
    node = world.nodes[0]
    assert node.relay.state.problem == "upstream_unsigned"
    assert not list(all_receipts(node.store, world.phones[0].install.install_id)) and not world.phones[0].confirmed
    # The centre says itself what it lacks; the honest way brings it up.
    node.upward = Upward(world, node.upward.token)
    node.relay = node.new_relay()
    world.settle()
    world.check()


def test_without_asking_for_the_centres_word_it_is_red(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay.Relay, "_counts", lambda *_: True)
    let_an_impostor_answer(world)
    assert list(all_receipts(world.nodes[0].store, world.phones[0].install.install_id))


def test_an_upstream_with_another_key_is_not_spoken_to(world: World) -> None:
    world.identity = replace(world.identity, signing=keys.signing_key(b"somebody else"))
    assert world.nodes[0].step() is False
    world.visit(0)
    world.phones[0].push()
    with pytest.raises(Exception, match="upstream_key_changed"):
        world.nodes[0].relay.step()
    assert not list(all_receipts(world.centre.store, world.phones[0].install.install_id))


# Older versions.


def test_a_log_begun_before_there_were_chains_goes_on(tmp_path: Path, world: World) -> None:
    a_day(world)
    node, phone = world.nodes[0], world.phones[0]
    install = phone.install.install_id
    with node.store._file.writing() as write:  # type: ignore[attr-defined]
        write.execute("UPDATE log SET chain = ''")
        write.execute("DELETE FROM log_head")
    assert node.store.chain_at(install, len(phone.log)) == phone.chains[-1]
    world.visit(0)
    world.settle()
    world.check()


def test_a_phone_of_the_version_before_loses_nothing(world: World) -> None:
    """It has no key and sends no heads; it counts receipts by themselves."""
    node, phone = world.nodes[0], world.phones[0]
    phone.install = node.store.add_install(phone.user, kind="device", name="old")
    phone.author = Author(phone.install.install_id, phone.user, clock=world.clock)
    world.visit(0)
    body = {"ops": [msgspec.Raw(op.body) for op in phone.log]}
    credential = node.store.credential(phone.install.token)
    assert credential is not None
    reply = service.push(node.store, credential, _json.encode(body), now=world.clock.now, identity=node.identity)
    assert [result["status"] for result in reply["results"]] == ["applied"] * len(phone.log)
    for _ in range(3):
        node.step()
    assert [late.status for late in all_receipts(node.store, phone.install.install_id)] == ["applied"] * len(phone.log)
    device = world.centre.store.get("device", phone.install.install_id)
    assert device is not None and device.fields["key"] == ""


# Batches.


def row(install: str, dseq: int, head: int | None, size: int = 10) -> ToRelay:
    signed = LogHead(install_id=install, dseq=head, chain="0" * 64, sig="x") if head else None
    return ToRelay(install, dseq, f"{install}-{dseq}", b"x" * size, head=signed)


@pytest.mark.parametrize(
    ("rows", "most", "taken"),
    [
        ([row("a", n, None) for n in range(1, 6)], 33, 3),
        ([row("a", n, 3) for n in range(1, 4)] + [row("a", 4, 6), row("a", 5, 6)], 999, 3),
        ([row("a", 1, 2), row("b", 1, 1), row("a", 2, 2), row("b", 2, 3)], 999, 3),
        ([row("a", n, 4) for n in range(1, 5)], 11, 4),
        ([row("a", 1, 9)], 999, 0),
        ([], 999, 0),
    ],
    ids=["unsigned anywhere", "at a head", "where no log is open", "a first run whole", "not yet", "nothing"],
)
def test_a_batch_ends_where_heads_cover_it(rows: list[ToRelay], most: int, taken: int) -> None:
    assert len(whole_batch(rows, most)) == taken


def test_a_node_relays_whole_runs(tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "BATCH_OPS", 2)
    for _ in range(3):
        world.visit(0)
    world.settle()
    world.check()
    assert isinstance(world.nodes[0].store, SqliteStore)


def test_a_head_past_the_log_here_alarms_nobody_and_another_log_does() -> None:
    centre, stranger = keys.signing_key(b"c" * 32), keys.signing_key(b"s" * 32)
    ours = {("a", 1): "1" * 64, ("a", 2): "2" * 64}

    def head(dseq: int, chain: str, key: keys.PrivateKey = centre) -> ServerHead:
        return logs.sign_server_head(key, ServerHead(install_id="a", dseq=dseq, chain=chain, server_id="s",
                                                       epoch="e", tier=CENTRE, time="t"))  # fmt: skip

    def alarms(*heads: ServerHead) -> bool:
        return logs.contradicted(heads, keys.public_text(centre), CENTRE, lambda install, dseq: ours.get((install, dseq), ""))

    assert not alarms(head(2, "2" * 64)) and not alarms(head(3, "3" * 64))
    assert alarms(head(2, "f" * 64)) and alarms(head(3, "3" * 64, stranger))
