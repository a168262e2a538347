"""What a node does in the background, beside its requests."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from conftest import VILLAGE

from app.node import open_node
from sync.author import Author


def test_tables_follow_while_a_visit_is_looked_at_again(config: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second look that takes its time (a big form, a slow office PC) holds up no list."""
    looking, go_on = threading.Event(), threading.Event()

    def slow(*_: Any) -> int:
        looking.set()
        go_on.wait(60)
        return 0

    monkeypatch.setattr("app.node.review_some", slow)
    here = open_node(replace(config, background=True))
    try:
        here.start()
        assert looking.wait(30)
        author = Author("seed", "seed", clock=lambda: datetime.now(UTC))
        here.store.load([author.create("household", "h-late", VILLAGE, {"head_name": "冉光荣"})])
        end = time.monotonic() + 30
        while here.tables.behind() and time.monotonic() < end:
            time.sleep(0.05)
        assert not go_on.is_set() and not here.tables.behind()
    finally:
        go_on.set()
        here.close()
