"""What a node does in the background, beside its requests."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from conftest import VILLAGE
from fake_store import FakeStore

from app.tables import Tables
from app.tables.review import Findings
from app.tables.upkeep import Ask, Upkeep


class Nobody:
    """In the place of a process that looks at visits."""

    def rest(self) -> None: ...
    def close(self) -> None: ...
    def look_at(self, *_: Any) -> None: ...


def test_tables_follow_while_a_visit_is_looked_at_again(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second look that takes its time (a big form, a slow office PC) holds up no list, and no page that asks."""
    looking, go_on, answered = threading.Event(), threading.Event(), threading.Event()

    def slow(*_: Any) -> int:
        looking.set()
        go_on.wait(60)
        return 0

    monkeypatch.setattr("app.tables.upkeep.review_some", slow)
    store = FakeStore()
    tables = Tables(tmp_path / "read.db", store)
    upkeep = Upkeep(tables, Nobody(), lambda _row: Findings(), lambda: None)  # type: ignore[arg-type, return-value]
    running = threading.Thread(target=upkeep.run)
    running.start()
    try:
        assert looking.wait(30)
        store.put("household", "h-late", VILLAGE, head_name="冉光荣")
        end = time.monotonic() + 30
        while tables.behind() and time.monotonic() < end:
            time.sleep(0.05)
        assert not go_on.is_set() and not tables.behind()
        upkeep.ask(Ask(answered.set))
        assert answered.wait(30) and not go_on.is_set()
    finally:
        go_on.set()
        upkeep.stop()
        running.join()
        tables.close()
