"""Over two hops: what was set aside, areas that change with a full outbox, erasing. Phone → village → centre."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync import relay as relay_module
from sync import service, tray
from sync.author import Author
from sync.records import Grant, Op
from sync.scope import within
from sync.store.base import Store
from tests.test_sync_two_hops import NEIGHBOUR, NOW, VILLAGE, County, clock, statuses, water

OFFICE = (Grant("township", "500156103"),)
SECRET = "不该留下的话8841"


@pytest.fixture
def county(tmp_path: Path) -> Iterator[County]:
    made = County(tmp_path)
    seed = Author("people", "seed", clock=clock)
    made.centre.load([seed.create("user", "u-office", VILLAGE, {"role": "township", "area": "500156103000"})])
    made.relay.step()
    yield made
    made.close()


def decide(store: Store, verdict: str) -> list[Op]:
    [item] = tray.items(store.undecided())
    records = {(c.op.entity, c.op.id): store.get(c.op.entity, c.op.id) for c in item.changes}
    areas = {c.hash: tray.area_of(c.op, records[c.op.entity, c.op.id], None) for c in item.changes}
    author = Author(f"office-{store.server_id[:8]}", "u-office", clock=clock)
    ops = tray.decide(item, verdict, "核对过", records, areas, OFFICE, author)
    store.load(ops)
    return ops


def heads(county: County) -> list[str]:
    found = [store.get("household", "h1") for store in (county.village, county.centre)]
    return [str(record.fields["water_source"]) for record in found if record]


def test_a_device_revoked_at_the_village_changes_nothing_at_the_centre_either(county: County) -> None:
    county.village.revoke(county.phone.install_id)
    assert statuses(county.push(water(county.author, "well", "piped"))) == ["quarantined"]
    county.relay.step()
    assert heads(county) == ["well", "well"]
    for store in (county.village, county.centre):
        assert [change.code for change in store.undecided()] == ["device_revoked"]


def test_without_the_nodes_word_the_centre_would_apply_it(county: County, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "VOUCHED", frozenset())
    county.village.revoke(county.phone.install_id)
    county.push(water(county.author, "well", "piped"))
    county.relay.step()
    assert heads(county)[1] == "piped"


@pytest.mark.parametrize("where", ["village", "centre"])
def test_a_decision_of_either_tier_holds_on_both(county: County, where: str) -> None:
    county.village.revoke(county.phone.install_id)
    county.push(water(county.author, "well", "piped"))
    county.relay.step()
    decide(getattr(county, where), tray.ACCEPT)
    county.relay.step()
    assert heads(county) == ["piped", "piped"]
    assert county.village.undecided() == county.centre.undecided() == []
    last = county.centre.history("household", "h1")[-1]
    assert (last.op.actor, last.op.cites) == ("u-office", county.centre.quarantined()[0].hash)


def test_both_tiers_decide_before_they_hear_of_each_other(county: County) -> None:
    county.village.revoke(county.phone.install_id)
    county.push(water(county.author, "well", "piped"))
    county.relay.step()
    decide(county.centre, tray.REJECT)
    decide(county.village, tray.ACCEPT)
    for _ in range(3):
        county.relay.step()
    assert heads(county) == ["well", "well"], "whoever came first at the centre"
    verdicts = [record.fields["verdict"] for store in (county.village, county.centre)
                if (record := store.get("decision", store.quarantined()[0].hash))]  # fmt: skip
    assert verdicts == ["reject", "reject"]
    open_questions = [r for r in county.centre.changes(0, 500).records if r.kind == "conflict" and not r.deleted]
    assert [one.fields["theirs"] for one in open_questions] == [{"water_source": "piped"}]


def test_areas_change_with_a_full_outbox(county: County) -> None:
    cursor = None
    for _ in range(2):
        cursor = service.pull(county.village, county.credential, cursor, 500, now=NOW)["cursor"]
    made = [water(county.author, "well", "piped"),
            county.author.create("visit", "v1", VILLAGE, {"household_id": "h1", "outcome": "met"})]  # fmt: skip
    seed = Author("office", "seed", clock=clock)
    county.centre.load([seed.update("user", "u-cadre", VILLAGE, {"area": (VILLAGE, NEIGHBOUR)})])
    county.relay.step()
    reply = county.push(*made)
    assert [(one["status"], one["code"]) for one in reply["results"]] == [("applied", "applied_late")] * 2
    county.relay.step()
    assert heads(county) == ["piped", "piped"]
    assert county.centre.undecided() == county.village.undecided() == []
    assert [change.code for change in county.centre.history("household", "h1")] == ["", "applied_late"]
    # And nothing of the old area comes to the phone any more (I9).
    page = service.pull(county.village, county.credential, None, 500, now=NOW)
    assert not [r for r in page["records"] if within(r.area, (VILLAGE,)) and r.kind != "area"]


def folder_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_erasing_at_the_centre_reaches_the_village_and_the_phone(county: County, tmp_path: Path) -> None:
    county.push(county.author.update("household", "h1", VILLAGE, {"note": ("", SECRET)}))
    county.relay.step()
    unsent = county.author.update("household", "h1", VILLAGE, {"note": (SECRET, f"{SECRET}2")})
    county.push(unsent)  # the village has it, the centre not yet
    [erase] = tray.erase_ops([("household", "h1", VILLAGE)], "本人申请", Author("office", "u-county", clock=clock))
    county.centre.load([erase])
    assert SECRET.encode() not in folder_bytes(tmp_path / "centre")
    county.relay.step()
    county.relay.step()
    for place in ("centre", "village"):
        assert SECRET.encode() not in folder_bytes(tmp_path / place), place
    for store in (county.centre, county.village):
        record = store.get("household", "h1")
        assert record is not None and record.deleted and record.fields == {"erased": "本人申请"}
    late = county.village.receipts(county.phone.install_id, 0)
    assert [one.receipt.hash for one in late][-1] == unsent.hash, "its hash is at the centre all the same"
    seen = service.pull(county.village, county.credential, None, 500, now=NOW)["records"]
    assert [r.fields for r in seen if r.id == "h1"] == [{"erased": "1"}]


def test_a_village_that_offers_its_log_again_offers_what_it_has_wiped(county: County) -> None:
    op = county.author.update("household", "h1", VILLAGE, {"note": ("", SECRET)})
    county.push(op)
    county.relay.step()
    [erase] = tray.erase_ops([("household", "h1", VILLAGE)], "本人申请", Author("office", "u-county", clock=clock))
    county.centre.load([erase])
    county.relay.step()
    county.village.forget_upstream()
    for _ in range(2):
        county.relay.step()
    assert county.centre.quarantined() == []
    assert [one.receipt.hash for one in county.village.receipts(county.phone.install_id, 0)] == [op.hash]
    record = county.village.get("household", "h1")
    assert record is not None and record.deleted and record.pending == 0


def test_what_the_centre_set_aside_does_not_live_on_in_the_village(county: County) -> None:
    seed = Author("office", "seed", clock=clock)
    county.centre.load([seed.update("user", "u-cadre", VILLAGE, {"area": (VILLAGE, NEIGHBOUR)})])
    # The village has not heard of it yet.
    assert statuses(county.push(county.author.create("household", "h7", VILLAGE, {"head_name": "新来的"}))) == ["applied"]
    for _ in range(2):
        county.relay.step()
    assert [change.code for change in county.centre.undecided()] == ["outside_area"]
    record = county.village.get("household", "h7")
    assert county.centre.get("household", "h7") is None and record is not None and record.deleted
    decide(county.centre, tray.ACCEPT)
    county.relay.step()
    record = county.village.get("household", "h7")
    assert record is not None and not record.deleted and record.fields["head_name"] == "新来的"
