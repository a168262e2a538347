"""Read tables that other hands helped to make from nothing are those made alone, whatever becomes of the other hands.

1. whatever is in the log, wherever it is divided, and whatever changes while both are at work
2. a real process, on either database: its part and its entries are used
3. it cannot be started, dies, hangs, breaks off, or its file is spoilt: the writer does the rest alone
4. nobody is called for little, for a few more, or where a build goes on that was broken off; no file is left
5. what is erased in the other part is told before it is copied
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
from browser.servers import make_demo
from fake_store import NEIGHBOUR, VILLAGE, FakeStore
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_tables_follow import STEPS, contents

from app.tables import Tables, follow, settling
from app.tables.follow import Part
from app.tables.hands import Hands, take_part
from sync.author import Author
from sync.store.postgres import PostgresStore
from sync.store.sqlite import SqliteStore
from sync.store.sqlite_history import look_on
from sync.tray import erase_ops
from tests.postgres import Postgres


@pytest.fixture(autouse=True)
def _worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "WORTH_HANDS", 1)
    monkeypatch.setattr(follow, "WORTH_PART", 1)


class Here:
    """The same hands without a process; what happens to the store when they come, and after they took their part in."""

    def __init__(self, store: FakeStore, tables: Path, before: Any = None, after: Any = None, starting: int = 0) -> None:
        self.store, self.tables, self.before, self.after = store, tables, before, after
        self.starting = starting
        self.parts = 0

    def are_ready(self) -> bool:
        self.starting -= 1
        if self.starting == -1 and self.before:
            self.before()
        return self.starting < 0

    def begin_part(self, path: Path, after: int, upto: int) -> None:
        self._part = take_part(self.store, path, after, upto)  # type: ignore[arg-type]
        self.parts += 1
        if self.after:
            self.after()

    def part(self) -> Part:
        return self._part

    def begin_entries(self) -> None:
        with closing(look_on(self.tables)) as looked:
            self._entries = list(settling.entries_of_all(looked, 1))

    def entries(self) -> Iterator[list[settling.Entry]]:
        return iter(self._entries)

    def close(self) -> None:
        pass


MORE_STEPS = st.one_of(
    STEPS,
    st.tuples(st.just("household"), st.sampled_from(["h1", "h2"]), st.just(VILLAGE),
              st.fixed_dictionaries({"merged_into": st.sampled_from(["", "h3"])})),
    st.tuples(st.just("area"), st.sampled_from(["500232", "500232000000"]), st.just(VILLAGE),
              st.fixed_dictionaries({"name": st.sampled_from(["武隆", "武隆区"])})),
)  # fmt: skip


class Story:
    def __init__(self, store: FakeStore) -> None:
        self.store, self.known = store, []  # type: ignore[var-annotated]

    def tell(self, steps: list[Any]) -> None:
        for step in steps:
            if step == "remove" and self.known:
                self.store.remove(*self.known.pop())
            elif not isinstance(step, str):
                kind, id, area, fields = step
                self.store.put(kind, id, area, **fields)
                self.known = [*(k for k in self.known if k != (kind, id)), (kind, id)]


def made_alone(store: Any, folder: Path) -> Any:
    with closing(Tables(folder / "alone.db", store)) as alone:
        alone.catch_up()
        return contents(alone)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(MORE_STEPS, min_size=1, max_size=25), st.lists(MORE_STEPS, max_size=5), st.lists(MORE_STEPS, max_size=5),
       st.integers(1, 4), st.integers(0, 6))  # fmt: skip
def test_two_pairs_of_hands_make_what_one_makes(tmp_path_factory, steps, before, after, page, starting):
    folder, store = tmp_path_factory.mktemp("tables"), FakeStore()
    store.put("household", "h0", head_name="李")
    story = Story(store)
    story.tell(steps)
    here = Here(store, folder / "read.db", partial(story.tell, before), partial(story.tell, after), starting)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(follow, "PAGE", page)
        with closing(Tables(folder / "read.db", store, hands=lambda: here)) as tables:
            tables.catch_up()
            tables.catch_up()
            assert contents(tables) == made_alone(store, folder)
            assert tables.behind() == 0


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple[Path, SqliteStore]]:
    make_demo(tmp_path / "centre", households=120)
    with closing(SqliteStore(tmp_path / "centre")) as store:
        yield tmp_path, store


class Watched(Hands):
    """What came from the process. It is waited for, so that there is something left to do."""

    came: ClassVar[dict[str, int]] = {}

    def are_ready(self) -> bool:
        end = time.monotonic() + 30
        while not super().are_ready() and not self._late and time.monotonic() < end:
            time.sleep(0.01)
        return super().are_ready()

    def part(self) -> Part | None:
        part = super().part()
        self.came["part"] = part.taken if part else 0
        return part

    def entries(self) -> Iterator[list[settling.Entry]]:
        for found in super().entries():
            self.came["entries"] = self.came.get("entries", 0) + len(found)
            yield found


def made_with(hands: Any, store: Any, folder: Path) -> Any:
    with closing(Tables(folder / "read.db", store, hands=hands)) as tables:
        tables.catch_up()
        assert tables.behind() == 0
        assert not list(folder.glob("*-part*"))
        return contents(tables)


def test_a_process_helps(demo: tuple[Path, SqliteStore], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, store = demo
    monkeypatch.setattr(Watched, "came", {})
    expected = made_alone(store, folder)
    assert made_with(partial(Watched, folder / "centre", "", folder / "read.db"), store, folder) == expected
    assert Watched.came["part"] > 100
    assert Watched.came["entries"] == len(expected["households"])


def test_a_process_helps_over_postgresql(postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watched, "came", {})
    url = postgres.database()
    with closing(PostgresStore(url)) as store:
        author = Author("i-office", "u-county", clock=lambda: datetime(2026, 11, 1, 9, tzinfo=UTC))
        store.load(author.create("household", f"h-{n}", VILLAGE, {"head_name": "冉", "group": str(n)}) for n in range(40))
        store.load(author.create("member", f"m-{n}", VILLAGE, {"household_id": f"h-{n}", "full_name": "田"}) for n in range(40))
        expected = made_alone(store, tmp_path)
        assert made_with(partial(Watched, tmp_path, url, tmp_path / "read.db"), store, tmp_path) == expected
    assert Watched.came["part"] > 20
    assert Watched.came["entries"] == 40


def _not_to_be_had(*_: Any) -> Hands:
    raise OSError("no memory")


class BrokenOff(Watched):
    def entries(self) -> Iterator[list[settling.Entry]]:
        yield next(super().entries())[:7]


class Spoilt(Watched):
    def begin_part(self, path: Path, after: int, upto: int) -> None:
        super().begin_part(path, after, upto)
        self._path = path

    def part(self) -> Part | None:
        part = super().part()
        self._path.write_bytes(b"no database" * 1000)
        return part


class Gone(Spoilt):
    def part(self) -> Part | None:
        part = Watched.part(self)
        self._path.unlink()
        return part


class Sleepy(Watched):
    def part(self) -> Part | None:
        part = super().part()
        time.sleep(0.5)
        return part


DIES, HANGS = "raise SystemExit(1)", "import time; time.sleep(60)"
HANGS_LATER = f"print('{{}}', flush=True); {HANGS}"
LATE = f"print('{{}}', flush=True); import time; time.sleep(0.7); print(1, flush=True); {HANGS}"


@pytest.mark.parametrize(
    "hands",
    [_not_to_be_had, partial(Hands, command=(sys.executable, "-c", DIES)), BrokenOff, Spoilt, Gone,
     partial(Hands, command=(sys.executable, "-c", HANGS), seconds=0.5),
     partial(Watched, command=(sys.executable, "-c", HANGS_LATER), seconds=0.5),
     partial(Sleepy, command=(sys.executable, "-c", LATE), seconds=0.5)],
    ids=["cannot be started", "dies", "breaks off", "spoilt", "gone", "hangs", "hangs once it is ready", "is late"],
)  # fmt: skip
def test_whatever_becomes_of_it_the_tables_are_whole(demo: tuple[Path, SqliteStore], hands: Any) -> None:
    folder, store = demo
    made = made_with(partial(hands, folder / "centre", "", folder / "read.db"), store, folder)
    assert made == made_alone(store, folder)


def some_homes(count: int = 20) -> FakeStore:
    store = FakeStore()
    for n in range(count):
        store.put("household", f"h{n}", head_name="李", group=f"{n}组")
    return store


def test_nobody_is_called_for_little_or_for_more_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, calls = some_homes(), []
    here = Here(store, tmp_path / "read.db")
    with closing(Tables(tmp_path / "read.db", store, hands=lambda: calls.append(1) or here)) as tables:
        with monkeypatch.context() as patch:
            patch.setattr(follow, "WORTH_HANDS", 100)
            tables.catch_up()
        store.put("household", "h1", head_name="王")
        tables.catch_up()
        assert calls == []
        tables.rebuild()
        assert (calls, here.parts) == ([1], 1)


def test_a_build_that_was_broken_off_goes_on_without_a_second_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is gone by now stood in the tables already."""
    store = some_homes()
    monkeypatch.setattr(follow, "PAGE", 4)
    with closing(Tables(tmp_path / "read.db", store)) as tables:
        monkeypatch.setattr(tables, "_settle", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            tables.catch_up(limit=8)
    (tmp_path / "read.db-part").write_bytes(b"of one who was killed")
    store.remove("household", "h1")
    here = Here(store, tmp_path / "read.db")
    with closing(Tables(tmp_path / "read.db", store, hands=lambda: here)) as tables:
        assert not (tmp_path / "read.db-part").exists()
        tables.catch_up()
        assert contents(tables) == made_alone(store, tmp_path)
    assert here.parts == 0


def test_what_is_erased_in_the_other_part_is_told_before_it_is_copied(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "centre")) as store:
        author = Author("i-office", "u-county", clock=lambda: datetime(2026, 11, 1, 9, tzinfo=UTC))
        store.load(author.create("household", f"h-{n}", VILLAGE, {"head_name": "冉"}) for n in range(9))
        store.load([author.create("household", "h-x", NEIGHBOUR, {"head_name": "冉"})])
        store.load(erase_ops([("household", "h-x", NEIGHBOUR)], "kept long enough", author))
        here, told = Here(store, tmp_path / "read.db"), []  # type: ignore[arg-type, var-annotated]
        with closing(Tables(tmp_path / "read.db", store, hands=lambda: here)) as tables:
            tables.on_erased = lambda homes, areas: told.append((homes, areas, tables.behind() > 0))
            tables.catch_up()
    assert told == [({"h-x"}, {NEIGHBOUR}, True)]


@pytest.mark.parametrize("gone", [False, True])
def test_an_area_that_goes_by_two_ids_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: bool, caplog: Any) -> None:
    monkeypatch.setattr(follow, "PAGE", 1)
    store = FakeStore()
    store.put("area", "500232", name="武隆")
    for n in range(3):
        store.put("household", f"h{n}", head_name="李")
    store.put("area", "500232000000", name="武隆区")
    if gone:
        store.remove("area", "500232000000")
    with closing(Tables(tmp_path / "read.db", store, hands=lambda: Here(store, tmp_path / "read.db"))) as tables:
        tables.catch_up()
        areas = tables.reading().execute("SELECT name FROM areas").fetchall()
        assert contents(tables) == made_alone(store, tmp_path)
    assert areas == ([] if gone else [("武隆区",)])
    assert "of no use" not in caplog.text
