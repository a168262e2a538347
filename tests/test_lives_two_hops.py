"""An act of a village's office on its way to the centre: in order, whole in the end, and sane after every single op of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from test_sync_two_hops import NEIGHBOUR, VILLAGE, County, clock

from app.lives import Day, Door, Part, goes_away, leaves, split
from app.steps import Step
from sync.apply import effect_of
from sync.author import Author
from sync.own import write_own
from sync.records import APPLIED, FieldChange, Op, Record
from sync.store.base import Store

DAY = Day("2026-11-20")
AWAY = Door(NEIGHBOUR, "x", "y", "", "", True)
PEOPLE = ("m-old", "m-son", "m-wife")


@pytest.fixture
def county(tmp_path: Path) -> Iterator[County]:
    made = County(tmp_path)
    seed = Author("family", "seed", clock=clock)
    made.centre.load([seed.create("member", id, VILLAGE, {"household_id": "h1", "full_name": id, "state": "active",
                                  "relation": "01" if id == "m-old" else "03"}) for id in PEOPLE])  # fmt: skip
    made.relay.step()
    yield made
    made.close()


def record(store: Store, kind: str, id: str) -> Record:
    found = store.get(kind, id)
    assert found is not None
    return found


def part() -> Part:
    return Part("m-son", {"m-wife": "02"}, "C" * 26, "1组", "7-1", "", False)


def steps_of_a_split(store: Store) -> list[Step]:
    going = [record(store, "member", id) for id in ("m-son", "m-wife")]
    return split(record(store, "household", "h1"), going, [], [], part(), DAY, None, lambda what: f"new-{what}")


def op_of(author: Author, step: Step) -> Op:
    return author.op(step.kind, step.entity, step.id, step.area, {n: FieldChange(*pair) for n, pair in step.fields.items()})


def carry_out(store: Store, steps: list[Step], actor: str = "u-cadre") -> None:
    write_own(store, "lives", actor, lambda author: [op_of(author, step) for step in steps], clock=clock)


def test_a_split_at_the_village_is_the_same_at_the_centre(county: County) -> None:
    carry_out(county.village, steps_of_a_split(county.village))
    for lost in ("/sync/v1/push", "/sync/v1/pull", ""):
        county.wire.lose = {lost} if lost else set()
        try:
            county.relay.step()
        except Exception as told:  # the reply was lost: the next round says it again
            assert "upstream_silent" in str(told)
    for _ in range(3):
        county.relay.step()
    for store in (county.centre, county.village):
        assert [record(store, "member", id).fields["household_id"] for id in PEOPLE] == ["h1", "new-household", "new-household"]
        assert record(store, "household", "new-household").fields["split_from"] == "h1"
        assert {record(store, "event", f"new-{one}").fields["what"] for one in ("new", "old")} == {"split_from", "split_off"}
    assert county.centre.quarantined() == [] and not record(county.village, "household", "new-household").pending


def test_who_left_is_known_at_the_centre_with_the_day(county: County) -> None:
    home, old, son = (record(county.village, *one) for one in (("household", "h1"), ("member", "m-old"), ("member", "m-son")))
    carry_out(county.village, leaves(home, old, "dead", DAY, son, lambda what: f"e-{what}"))
    for _ in range(3):
        county.relay.step()
    assert record(county.centre, "member", "m-old").fields["change_date"] == DAY.date
    assert record(county.centre, "household", "h1").fields["head_name"] == "m-son"
    assert county.centre.quarantined() == []


def test_a_village_s_node_moves_nothing_into_another_village(county: County) -> None:
    """It speaks for its own place only; the page offers no other village there."""
    carry_out(county.village, goes_away(record(county.village, "household", "h1"), [], AWAY, DAY, lambda what: f"e-{what}"))
    for _ in range(3):
        county.relay.step()
    assert record(county.centre, "household", "h1").area == VILLAGE


@pytest.mark.parametrize("what", ["split", "move"])
def test_after_every_op_of_an_act_everybody_has_a_household(county: County, what: str) -> None:
    store = county.centre
    known: dict[tuple[str, str], Record] = {("household", "h1"): record(store, "household", "h1")}
    known |= {("member", id): record(store, "member", id) for id in PEOPLE}
    if what == "split":
        steps = steps_of_a_split(store)
    else:
        belonging = [known["member", id] for id in PEOPLE]
        steps = goes_away(known["household", "h1"], belonging, AWAY, DAY, lambda name: f"e-{name}")
    author = Author("act", "u", clock=lambda: datetime(2026, 11, 20, tzinfo=UTC))
    for step in steps:
        effect: Any = effect_of(op_of(author, step), known.get((step.entity, step.id)))
        assert effect.status == APPLIED, step
        known[step.entity, step.id] = effect.record
        for id in PEOPLE:
            assert ("household", str(known["member", id].fields["household_id"])) in known
