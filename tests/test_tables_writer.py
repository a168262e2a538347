"""A serving node's read tables have one writer, a process of its own, and no page depends on its health.

1. a page after a write sees it, with what the checks say of it
2. killed, again and again while ops come in, it is started again, and the tables are those built from nothing
3. while one writes nobody else can; the server itself has no connection that could
4. closing the node ends everything it started; a killed server's writer goes by itself, and the next server starts
5. one that cannot live, or that hears nothing, costs a page a moment at most
6. what is erased goes from paper before it goes from the tables, and not from the tables when paper stays
7. one that hangs makes one page late, which says so, and is ended after a while; one that works for long is not
8. a file that was damaged is made anew, and pages read the new one
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from browser.servers import NodeProcess, make_demo
from conftest import VILLAGE, Cast, people_and_places
from patience import until
from test_tables_follow import contents

from app import create_app
from app.node import open_node
from app.tables import ReadTables, Tables, elsewhere, one_writer
from app.tables.elsewhere import TablesElsewhere
from app.tables.one_writer import AnotherWriter
from sync.author import Author
from sync.tray import erase_ops


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def started_by(pid: int) -> set[int]:
    """Processes that this one started, and what those started."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    own = {int(one) for task in tasks for one in task.read_text().split()}
    return own | {below for one in own if is_there(one) for below in started_by(one)}


@pytest.fixture
def serving(config: Any, cast: Cast, request: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    if "is_ended" in request.node.name:  # before its watch begins
        monkeypatch.setattr(elsewhere, "WATCH_SECONDS", 3.0)
        monkeypatch.setattr(elsewhere, "SILENT_WATCHES", 2)
    here = open_node(replace(config, background=True))
    people_and_places(here.store, cast)
    here.start()
    until(lambda: here.tables.writer)
    yield here
    here.close()


@pytest.fixture
def browser(serving: Any, config: Any, cast: Cast) -> Any:
    client = create_app(config, serving).test_client()
    page = client.get("/office/sign-in").text
    token = page.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]
    said = {"username": cast.cadre.username, "password": cast.cadre.password, "csrf_token": token}
    assert client.post("/office/sign-in", data=said).status_code == 303
    return client


_installs = count()


def load(here: Any, entity: str, id: str, **fields: str) -> None:
    author = Author(f"i-late-{next(_installs)}", "u-county", clock=lambda: datetime(2026, 11, 20, 9, tzinfo=UTC))
    here.store.load([author.create(entity, id, VILLAGE, fields)])


def add(here: Any, id: str, **fields: str) -> None:
    load(here, "household", id, head_name="庹新来", group="3", **fields)


def test_a_page_after_a_write_sees_it(serving: Any, browser: Any) -> None:
    for n in range(5):
        add(serving, f"h-{n}", house_no=f"甲{n}")
        assert f"/office/households/h-{n}" in browser.get("/office/register").text
        assert not serving.tables.behind()


def test_a_page_after_a_write_sees_what_the_checks_say_of_it(serving: Any, browser: Any) -> None:
    browser.get("/office/register")
    load(serving, "member", "m-odd", household_id="h-ran", full_name="冉光荣", id_no="123456", state="active")
    browser.get("/office/register")
    found = serving.tables.reading().execute("SELECT count(*) FROM findings WHERE household_id = 'h-ran'").fetchone()
    assert found[0], "a person whose ID number cannot be one"


def test_killed_while_ops_come_in_it_goes_on(
    serving: Any, browser: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lives = set()
    for n in range(4):
        lives.add(pid := until(lambda: serving.tables.writer))
        for k in range(30):
            add(serving, f"h-{n}-{k}", code=f"{n}{k}")
            if k == 7 * n:
                os.kill(pid, signal.SIGKILL)
        assert browser.get("/office/register").status_code == 200
    until(lambda: not serving.tables.behind())
    assert len(lives) == 4
    assert sum("is started again" in one.message for one in caplog.records) >= 3
    anew = Tables(tmp_path / "anew.db", serving.store)
    anew.catch_up()
    looked_at = ("findings", "helped", "meta", "unsettled", "submissions")  # what was found of them is a day's work, not the log's
    told, wanted = contents(serving.tables), contents(anew)
    anew.close()
    assert {k: v for k, v in told.items() if k not in looked_at} == {k: v for k, v in wanted.items() if k not in looked_at}
    assert len(told["households"]) == 122


def test_a_page_sees_what_was_written_while_the_writer_was_dead(serving: Any, browser: Any) -> None:
    os.kill(serving.tables.writer, signal.SIGKILL)
    add(serving, "h-meanwhile")
    began = time.monotonic()
    page = browser.get("/office/register").text
    if time.monotonic() - began < elsewhere.PATIENCE:  # a slow machine may need longer for a new process
        assert "h-meanwhile" in page
    until(lambda: "h-meanwhile" in browser.get("/office/register").text)


def test_while_one_writes_nobody_else_can(serving: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_writer.hold, "__defaults__", (0.2,))
    with pytest.raises(AnotherWriter, match=str(serving.tables.writer)):
        Tables(serving.tables.path, serving.store)
    assert isinstance(serving.tables, ReadTables) and not hasattr(serving.tables, "_writer")
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        serving.tables.reading().execute("DELETE FROM meta")
    assert serving.tables.reading().execute("PRAGMA wal_autocheckpoint").fetchone()[0] == 0


def test_a_second_writer_ends_instead_of_writing(serving: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever starts one too many: the tables' lock lets one in."""
    first = serving.tables.writer
    other = TablesElsewhere(serving.tables.path, serving.store, {"folder": str(serving.config.data_dir), "database": "",
                                                                 "checked": True})  # fmt: skip
    other.start()
    try:
        time.sleep(3)
        assert other.writer is None and serving.tables.writer == first
    finally:
        other.close()


def test_closing_leaves_nobody_behind(config: Any, cast: Cast) -> None:
    here = open_node(replace(config, background=True))
    people_and_places(here.store, cast)
    before = started_by(os.getpid())
    here.start()
    writer = until(lambda: here.tables.writer)
    load(here, "submission", "s-1", household_id="h-ran", form_id="mini", form_version="1", answers="{}")
    until(lambda: started_by(writer))  # the second look runs beside it
    mine = started_by(os.getpid()) - before
    assert writer in mine and len(mine) >= 2
    here.close()
    until(lambda: not any(map(is_there, mine)), 5)
    with one_writer.hold(Path(here.tables.path), 0):
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in /proc")
def test_a_killed_server_takes_its_writer_along_and_the_next_one_starts(tmp_path: Path) -> None:
    make_demo(tmp_path / "centre", households=12)
    node = NodeProcess(tmp_path / "centre").start()
    try:
        assert node.process
        mine = until(lambda: started_by(node.process.pid))
        until(lambda: _is_held(tmp_path / "centre" / "read.db"))
        mine = started_by(node.process.pid)
        node.stop(signal.SIGKILL)
        node.start()
        until(lambda: not any(map(is_there, mine)), 10)
        assert "read tables" not in node.log.read_text()
    finally:
        node.stop()


def _is_held(path: Path) -> bool:
    try:
        one_writer.hold(path, 0).close()
    except AnotherWriter:
        return True
    return False


def test_one_that_cannot_live_holds_up_no_page(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here.tables.catch_up()
    tables = TablesElsewhere(here.tables.path, here.store, {}, command=[sys.executable, "-c", "raise SystemExit(3)"])
    monkeypatch.setattr(elsewhere, "PATIENCE", 0.2)
    tables.start()
    try:
        add(here, "h-unseen")
        until(lambda: tables._resting)
        began = time.monotonic()
        for _ in range(50):
            tables.catch_up()
            tables.catch_up_and_look()
        assert time.monotonic() - began < 5
        assert tables.behind() == 1 and contents(tables)["households"]
    finally:
        tables.close()


def test_one_that_hears_nothing_holds_up_no_page(serving: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    until(lambda: not serving.tables.behind())
    os.kill(serving.tables.writer, signal.SIGSTOP)
    try:
        monkeypatch.setattr(elsewhere, "PATIENCE", 0.0)
        add(serving, "h-unheard")
        for _ in range(4000):  # more than a pipe takes
            serving.tables.catch_up()
        assert serving.tables.behind() == 1
    finally:
        os.kill(serving.tables.writer, signal.SIGCONT)
    until(lambda: not serving.tables.behind())


def hanging(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Short limits; its writer sleeps in the middle of things."""
    until(lambda: not here.tables.behind())
    monkeypatch.setattr(elsewhere, "PATIENCE", 0.4)
    os.kill(here.tables.writer, signal.SIGSTOP)
    add(here, "h-late", house_no="丁9")


def test_one_that_hangs_makes_one_page_late_and_says_so(
    serving: Any, browser: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    writer = serving.tables.writer
    hanging(serving, monkeypatch)
    try:
        page = browser.get("/office/register").text
        assert "h-late" not in page and "列表和统计还没有跟上" in page
        began = time.monotonic()
        for _ in range(50):
            serving.tables.catch_up()
        assert time.monotonic() - began < 50 * 0.4 / 2
        assert [one.message for one in caplog.records if "is late" in one.message] == [
            "the writer of the read tables is late; pages show what is there"]  # fmt: skip
    finally:
        os.kill(writer, signal.SIGCONT)
    until(lambda: not serving.tables.late)
    page = browser.get("/office/register").text
    assert "h-late" in page and "列表和统计还没有跟上" not in page


def test_one_that_hangs_is_ended_and_the_next_goes_on(
    serving: Any, browser: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    writer = serving.tables.writer
    hanging(serving, monkeypatch)
    try:
        until(lambda: serving.tables.writer not in (None, writer))
        until(lambda: "h-late" in browser.get("/office/register").text)
        assert any("no sign of life for" in one.message for one in caplog.records)
    finally:
        if is_there(writer):
            os.kill(writer, signal.SIGKILL)


def test_one_that_works_is_left_alone(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody asks, it only says now and then that it lives; then it does not."""
    alive = "time.sleep(.25); print('{\"alive\": 1}', flush=True)"
    said = f"import time; print('{{\"ready\": 1}}', flush=True)\nfor n in range(12): {alive}\ntime.sleep(60)"
    command = [sys.executable, "-c", said]
    monkeypatch.setattr(elsewhere, "WATCH_SECONDS", 0.4)
    monkeypatch.setattr(elsewhere, "SILENT_WATCHES", 3)
    tables = TablesElsewhere(here.tables.path, here.store, {}, command=command)
    tables.start()
    try:
        first, began = until(lambda: tables.writer), time.monotonic()
        until(lambda: tables.writer != first)
        assert time.monotonic() - began > 12 * 0.25
    finally:
        tables.close()


def test_work_of_any_length_is_a_sign_of_life(here: Any) -> None:
    """One statement, and one catching up, however long it takes."""
    before = here.tables.pulse
    with here.tables.writing() as db:
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)"
        db.execute(f"{numbers} SELECT count(*) FROM n").fetchone()  # noqa: S608
    worked = here.tables.pulse
    assert worked >= before + 5
    here.tables.catch_up()
    assert here.tables.pulse > worked


def test_what_is_erased_goes_from_paper_first(serving: Any, caplog: pytest.LogCaptureFixture) -> None:
    load(serving, "member", "m-1", household_id="h-ran", full_name="冉光荣")
    until(lambda: not serving.tables.behind())
    told: list[tuple[set[str], set[str], int]] = []

    def forget(homes: set[str], areas: set[str]) -> None:
        told.append((homes, areas, _people(serving)))
        if len(told) == 1:
            raise ZeroDivisionError

    serving.tables.on_erased = forget
    author = Author(f"i-late-{next(_installs)}", "u-county", clock=lambda: datetime.now(UTC))
    serving.store.load(erase_ops([("member", "m-1", VILLAGE)], "kept long enough", author))
    until(lambda: told)
    assert told[0] == ({"h-ran"}, {VILLAGE}, 1)
    time.sleep(1)
    assert _people(serving) == 1, "paper shows it still"
    os.kill(serving.tables.writer, signal.SIGKILL)  # it would try again by itself after a while
    until(lambda: not serving.tables.behind())
    assert told[1:] == [({"h-ran"}, {VILLAGE}, 1)] and _people(serving) == 0
    assert any("not removed: ZeroDivisionError" in one.message for one in caplog.records)


def _people(serving: Any) -> int:
    return int(serving.tables.reading().execute("SELECT count(*) FROM members").fetchone()[0])


def test_a_damaged_file_is_made_anew_and_pages_read_the_new_one(serving: Any, browser: Any) -> None:
    until(lambda: not serving.tables.behind())
    assert "h-ran" in browser.get("/office/register").text
    writer, path = serving.tables.writer, Path(serving.tables.path)
    os.kill(writer, signal.SIGSTOP)
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xee" * 20_000)
    old = path.stat().st_ino
    os.kill(writer, signal.SIGKILL)
    until(lambda: serving.tables.writer not in (None, writer))
    assert path.stat().st_ino != old
    add(serving, "h-anew")
    until(lambda: "h-anew" in browser.get("/office/register").text, 15)
