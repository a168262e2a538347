"""The second look lets visits that are coming in pass, and yet has its turn."""

from __future__ import annotations

from app.tables.courtesy import PATIENCE, QUIET, SPELL, Courtesy
from app.tables.upkeep import FOLLOW_SECONDS


def test_it_works_when_nobody_sends_and_waits_while_somebody_does() -> None:
    courtesy = Courtesy()
    assert courtesy.may_work(0.0), "nothing ever came"
    courtesy.came(10.0)
    assert not courtesy.may_work(10.1)
    assert not courtesy.may_work(10.0 + QUIET - 0.1)
    assert courtesy.may_work(10.0 + QUIET)
    assert QUIET > 2 * FOLLOW_SECONDS, "else it would work between two looks at the store"


def test_an_evening_without_a_pause_leaves_it_a_spell_in_every_forty_seconds() -> None:
    courtesy = Courtesy()
    worked = []
    for tenth in range(2000):
        courtesy.came(tenth / 10)
        worked.append(courtesy.may_work(tenth / 10))
    share = sum(worked) / len(worked)
    assert SPELL / (PATIENCE + SPELL) * 0.8 < share < SPELL / (PATIENCE + SPELL) * 1.2
    longest = max(len(run) for run in "".join("x" if one else "." for one in worked).split("x"))
    assert longest <= PATIENCE * 10 + 1


def test_waiting_begins_anew_after_a_pause() -> None:
    courtesy = Courtesy()
    courtesy.came(0.0)
    assert not courtesy.may_work(0.5)
    assert courtesy.may_work(QUIET + 1)
    courtesy.came(PATIENCE)
    assert not courtesy.may_work(PATIENCE + 0.1), "the patience of long ago is not counted"
