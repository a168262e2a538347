"""The second look in another process: the same findings, and nothing it does can stop the server.

1. it finds what the reviewer in this process finds
2. it can write neither the store nor the read tables
3. a submission it is too slow for is told to be unreadable; the next one meets a new child
4. a child that died of something else is replaced, and its submission looked at again
5. checks over households find there what they find here; without a child they are done here
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
from app.tables.review import UNREADABLE, Findings, FormReviewer
from app.tables.review_process import ReviewProcess, _Looking
from sync.store.sqlite_history import SqliteHistory

ECHO = "import sys\nfor line in sys.stdin: print('{\"problems\": [], \"differences\": []}', flush=True)"


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
    reviewer = ReviewProcess("", Path(), county.forms, command=[sys.executable, "-c", ECHO])
    try:
        assert reviewer(rows(county)[0]) == Findings()
        assert reviewer._child is not None
        first = reviewer._child.pid
        os.kill(first, signal.SIGKILL)
        assert reviewer(rows(county)[1]) == Findings()
        assert reviewer._child is not None and reviewer._child.pid != first
    finally:
        reviewer.close()


def test_it_gives_the_memory_back_when_there_is_nothing_to_do(county: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    reviewer = ReviewProcess("", Path(), county.forms, command=[sys.executable, "-c", ECHO])
    reviewer(rows(county)[0])
    reviewer.rest()
    assert reviewer._child is not None
    monkeypatch.setattr("app.tables.review_process.IDLE_SECONDS", 0)
    reviewer.rest()
    assert reviewer._child is None
