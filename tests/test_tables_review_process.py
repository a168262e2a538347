"""The second look in another process: the same findings, and nothing it does can stop the server.

1. it finds what the reviewer in this process finds
2. it can write neither the store nor the read tables
3. a submission it is too slow for is told to be unreadable; the next one meets a new child
4. a child that died of something else is replaced, and its submission looked at again; so are those behind one that it died of
5. many are shared by two
6. checks over households find there what they find here; without a child they are done here
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.checks import amounts
from app.tables.checks import check_some, due, look_at
from app.tables.line_child import LineChild
from app.tables.review import UNREADABLE, Findings, FormReviewer
from app.tables.review_process import WORTH_TWO, ReviewProcess, ReviewProcesses, _Looking
from sync.store.sqlite_history import SqliteHistory

ECHO = """
import json, os, sys, time
for line in sys.stdin:
    for row in json.loads(line)["rows"]:
        if row["id"] == "s1":
            {trouble}
        problem = {{"path": row["id"]}}
        print(json.dumps({{"problems": [problem], "differences": []}}), flush=True)
"""
NOTHING, ONE_DIES, ONE_HANGS = (ECHO.format(trouble=what) for what in ("pass", "os._exit(1)", "time.sleep(60)"))


def seen(*ids: str) -> list[Findings]:
    return [Findings([{"path": id}]) for id in ids]


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A small demo county with visits of the shipped form."""
    from app.commands.demo import ensure_demo
    from app.config import Config
    from app.node import open_node

    folder = tmp_path_factory.mktemp("county") / "data"
    ensure_demo(folder, households=12)
    here = open_node(Config(data_dir=folder, background=False))
    here.tables.catch_up()
    yield here
    here.close()


def rows(county: Any) -> list[dict[str, Any]]:
    """Submissions of the demo's households, with answers to little."""
    ask = county.tables.reading().execute
    (version,) = ask("SELECT version FROM forms WHERE form_id = 'visit'").fetchone()
    asked = {"form_id": "visit", "form_version": version, "ended": "2026-11-24T19:00:00+08:00"}
    answers = [{}, {"meet": {"respondent": "head"}}, {"living": {"water_source": "sea"}}]
    return [
        asked | {"id": f"s{n}", "household_id": id, "area": area, "answers": json.dumps(answers[n % 3])}
        for n, (id, area) in enumerate(ask("SELECT id, area FROM households LIMIT 5").fetchall())
    ]


def test_it_finds_what_this_process_finds(county: Any) -> None:
    path = county.config.data_dir
    reviewer = ReviewProcess(str(path / "store.db"), Path(county.tables.path), county.forms)
    here = FormReviewer(county.tables, county.store, county.forms)
    try:
        sent = rows(county)
        found = [reviewer(row) for row in sent]
        assert found == [here(row) for row in sent]
        codes = {problem["code"] for one in found if one for problem in one.problems}
        assert {"required", "irrelevant"} <= codes and "unreadable" not in codes
        assert reviewer(sent[0] | {"form_id": "unknown"}) is None
    finally:
        reviewer.close()


def test_checks_find_there_what_they_find_here(county: Any) -> None:
    path, now = county.config.data_dir, datetime(2026, 11, 24, 20, tzinfo=UTC)
    ids = [row[0] for row in county.tables.reading().execute("SELECT id FROM households").fetchall()]
    reviewer = ReviewProcess(str(path / "store.db"), Path(county.tables.path), county.forms)
    try:
        found = reviewer.look_at(ids, now, amounts())
        assert found and found == look_at(county.tables.reading().conn, ids, now, amounts())
    finally:
        reviewer.close()


def test_a_child_that_dies_leaves_no_household_unchecked(county: Any) -> None:
    reviewer = ReviewProcess("", Path(), county.forms, command=[sys.executable, "-c", "input()"])
    try:
        while check_some(county.tables, county.now(), limit=200, defaults=amounts(), look=reviewer.look_at):
            assert reviewer._child is None
        assert due(county.tables) == 0
        assert county.tables.reading().execute("SELECT count(*) FROM findings").fetchone()[0]
    finally:
        reviewer.close()


def test_it_cannot_write(county: Any) -> None:
    store = SqliteHistory.looking_on(county.config.data_dir / "store.db")
    for attempt in (lambda: store._all("DELETE FROM op"),
                    lambda: _Looking(county.tables.path).reading().execute("DELETE FROM submissions")):  # fmt: skip
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            attempt()


def test_one_that_takes_too_long_is_told(county: Any) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    reviewer = ReviewProcess("", Path(), county.forms, seconds=0.3, command=command)
    began = time.monotonic()
    assert reviewer(rows(county)[0]) == Findings([UNREADABLE])
    assert time.monotonic() - began < 10
    assert reviewer._child is None


def test_one_whose_child_died_is_looked_at_again(county: Any) -> None:
    reviewer = ReviewProcess("", Path(), county.forms, command=[sys.executable, "-c", NOTHING])
    try:
        assert [reviewer(rows(county)[0])] == seen("s0")
        assert reviewer._child is not None
        first = reviewer._child.pid
        os.kill(first, signal.SIGKILL)
        assert [reviewer(rows(county)[1])] == seen("s1")
        assert reviewer._child is not None and reviewer._child.pid != first
    finally:
        reviewer.close()


@pytest.mark.parametrize("trouble", [ONE_DIES, ONE_HANGS])
def test_one_of_many_costs_the_others_nothing(county: Any, trouble: str) -> None:
    """Each is looked at once, but for the one that a child died of: a second child tries it."""
    reviewer = ReviewProcess("", Path(), county.forms, seconds=3, command=[sys.executable, "-c", trouble])
    try:
        asked = rows(county)[:4]
        waiting = asked[2] | {"form_version": "not yet here"}
        found = reviewer.many([asked[0], waiting, *asked[1:]])
        assert found == [*seen("s0"), None, Findings([UNREADABLE]), *seen("s2", "s3")]
    finally:
        reviewer.close()


def test_two_share_many_and_one_has_few(county: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[ReviewProcess] = []

    def make() -> ReviewProcess:
        made.append(ReviewProcess("", Path(), county.forms, command=[sys.executable, "-c", NOTHING]))
        return made[-1]

    both = ReviewProcesses(make)
    try:
        (row,) = rows(county)[:1]
        ids = [f"v{n}" for n in range(WORTH_TWO + 1)]
        assert both.many([row | {"id": id} for id in ids[1:-1]]) == seen(*ids[1:-1])
        assert made[0]._child and not made[1]._child
        waiting = row | {"form_version": "not yet here"}
        found = both.many([*(row | {"id": id} for id in ids), waiting])
        assert found == [*seen(*ids), None]
        assert made[1]._child and made[1]._child.pid != made[0]._child.pid
        pids = [one._child.pid for one in made if one._child]
        monkeypatch.setattr("app.tables.review_process.IDLE_SECONDS", 0)
        both.rest()
        assert not made[0]._child and not made[1]._child
    finally:
        both.close()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_one_that_does_not_listen_holds_nobody_up(county: Any) -> None:
    """Many visits are more than a pipe takes at once."""
    reviewer = ReviewProcess("", Path(), county.forms, seconds=0.2, command=[sys.executable, "-c", "import time; time.sleep(60)"])
    began = time.monotonic()
    many = [row | {"answers": json.dumps({"a": "x" * 300_000})} for row in rows(county)[:2]]
    assert reviewer.many(many) == [Findings([UNREADABLE])] * 2
    assert time.monotonic() - began < 20


def test_a_long_answer_and_two_at_once_are_read_as_lines() -> None:
    """However the pieces come out of the pipe."""
    said = "import sys; sys.stdout.write('a' * 200_000 + '\\n' + 'b\\nc'); sys.stdout.flush(); sys.stdin.read()"
    child = LineChild([sys.executable, "-c", said])
    try:
        until = time.monotonic() + 30
        assert child.answer(until) == b"a" * 200_000 and child.answer(until) == b"b"
        assert child.answer(time.monotonic() + 0.2) is None
    finally:
        child.end()


def test_it_gives_the_memory_back_when_there_is_nothing_to_do(county: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    reviewer = ReviewProcess("", Path(), county.forms, command=[sys.executable, "-c", NOTHING])
    reviewer(rows(county)[0])
    reviewer.rest()
    assert reviewer._child is not None
    monkeypatch.setattr("app.tables.review_process.IDLE_SECONDS", 0)
    reviewer.rest()
    assert reviewer._child is None
