"""Phones, village nodes and a centre under random faults: whatever happens, afterwards nothing is lost and all agree.

A failing sequence names its seed, and Hypothesis prints the shortest steps it
found. `python3 run.py bench simulate` plays as many sequences as one likes.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sync.failpoints import NAMES
from sync.store import intake
from sync.store.postgres import PostgresStore
from sync.store.sqlite import SqliteStore
from tests.postgres import Postgres
from tests.simulation import FIELDS, TRAY_ACTIONS, World, play

STEPS = 60


class County(RuleBasedStateMachine):
    """Every rule is something that happens to people; each check is made after the network came back."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="ruhu-county-"))
        self.world = World(self.folder, seed=1)

    @rule(phone=st.integers(0, 2), household=st.integers(0, 1), field=st.integers(0, len(FIELDS) - 1),
          value=st.sampled_from(["1", "2", ""]), stale=st.booleans())  # fmt: skip
    def edit(self, phone: int, household: int, field: int, value: str, stale: bool) -> None:
        self.world.edit(phone, household, field, value, stale=stale)

    @rule(phone=st.integers(0, 2))
    def visit(self, phone: int) -> None:
        self.world.visit(phone)

    @rule(pair=st.sampled_from([(0, 2), (2, 0)]))
    def early(self, pair: tuple[int, int]) -> None:
        self.world.early(*pair)

    @rule(phone=st.integers(0, 2))
    def push(self, phone: int) -> None:
        self.world.push(phone)

    @rule(node=st.integers(0, 1))
    def relay(self, node: int) -> None:
        self.world.relay(node)

    @rule(server=st.integers(0, 2))
    def restart(self, server: int) -> None:
        self.world.restart(server)

    @rule(name=st.sampled_from(NAMES), count=st.integers(1, 3))
    def die(self, name: str, count: int) -> None:
        self.world.die(name, count)

    @rule(server=st.integers(0, 2))
    def back_up(self, server: int) -> None:
        self.world.back_up(server)

    @rule(server=st.integers(0, 2))
    def restore(self, server: int) -> None:
        self.world.restore(server)

    @rule(days=st.sampled_from([-4000, -1, 3000]))
    def jump(self, days: int) -> None:
        self.world.jump(days)

    @rule(server=st.integers(0, 2))
    def follow(self, server: int) -> None:
        self.world.follow(server)

    @invariant()
    def nothing_is_called_safe_that_is_not_at_the_centre(self) -> None:
        for phone in self.world.phones:
            phone.ask_receipts()
            assert set(phone.confirmed) <= {op.op_id for op in phone.log}

    def teardown(self) -> None:
        try:
            self.world.settle()
            self.world.check()
        finally:
            self.world.close()
            shutil.rmtree(self.folder)


TestCounty = County.TestCase
TestCounty.settings = settings(
    max_examples=12, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)


# 1068: the centre restored between a node's push and its pull, twice.
@pytest.mark.parametrize("seed", [*range(8), 1068])
def test_a_county_comes_to_agree(tmp_path: Path, seed: int) -> None:
    finish(World(tmp_path, seed), STEPS)


@pytest.mark.parametrize("seed", range(3))
def test_a_county_under_a_postgresql_centre_comes_to_agree(tmp_path: Path, postgres: Postgres, seed: int) -> None:
    url = postgres.database()
    finish(World(tmp_path, seed, lambda clock: PostgresStore(url, clock=clock)), STEPS)


@pytest.mark.parametrize("seed", range(8))
def test_a_county_whose_office_decides_about_revoked_devices_comes_to_agree(tmp_path: Path, seed: int) -> None:
    finish(World(tmp_path, seed), STEPS, TRAY_ACTIONS)


def finish(world: World, steps: int, actions: Any = None) -> None:
    try:
        done = play(world, steps, actions)
        world.settle()
        try:
            world.check()
        except AssertionError as broken:
            raise AssertionError(f"{broken}\nafter {done}") from broken
    finally:
        world.close()


# Each safeguard taken away must show: the simulation is worth what it finds.


def broken_somewhere(tmp_path: Path, seeds: Iterable[int]) -> bool:
    for seed in seeds:
        try:
            finish(World(tmp_path / str(seed), seed), STEPS)
        except AssertionError:
            return True
    return False


def test_without_the_gap_check_it_is_red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = intake.Intake._take

    def careless(self: intake.Intake, arrival: Any, *rest: Any) -> Any:
        log = self._log_of(arrival.op.install_id)
        self._logs[arrival.op.install_id] = msgspec.structs.replace(log, acked=max(arrival.op.dseq - 1, log.acked))
        return real(self, arrival, *rest)

    monkeypatch.setattr(intake.Intake, "_take", careless)
    monkeypatch.setattr("tests.simulation.Phone.push", skipping_push)
    assert broken_somewhere(tmp_path, range(4))


def skipping_push(phone: Any) -> bool:
    """A phone whose first message of a batch is lost on the way, as a proxy that reorders would do."""
    from tests import simulation

    phone.hello()
    ops = phone.log[phone.next : phone.next + 5]
    skip = 0 if phone.world.network.quiet else phone.world.chance.choice((0, 1))
    if len(ops) <= skip:
        return False
    body = simulation.push_body([op.body for op in ops[skip:]], server_id=None, epoch=None)
    credential = phone.node.store.credential(phone.install.token)
    reply = simulation.service.push(phone.node.store, credential, body, now=phone.world.clock.now)
    before, phone.next = phone.next, reply["acked_dseq"][phone.install.install_id]
    return phone.next > before


def test_without_a_new_epoch_after_a_restore_it_is_red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.store.backup.renew_epoch", lambda folder: (folder / "high-water").unlink(missing_ok=True))
    assert broken_somewhere(tmp_path, range(12))


def test_without_taking_back_what_only_a_node_disputed_it_is_red(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake.Intake, "withdraw_conflict", lambda self, id: None)
    assert broken_somewhere(tmp_path, (45,))


def test_a_cursor_ahead_of_the_commit_is_red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A follower told of places that are not committed yet steps over them."""
    monkeypatch.setattr(SqliteStore, "latest_seq", lambda self: self._latest + 12)
    real = SqliteStore.changes

    def ahead(self: SqliteStore, after: int, limit: int) -> Any:
        page = real(self, after, limit)
        return page if page.more else type(page)(cursor=page.cursor, seq=page.seq + 12, more=False, records=page.records)

    monkeypatch.setattr(SqliteStore, "changes", ahead)
    assert broken_somewhere(tmp_path, range(3, 9))
