"""A centre and a village node as real processes, and a real browser at phone size."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from browser.servers import CHROMIUM, CHROMIUM_ARGS, PATIENCE_MS, NodeProcess, make_demo

expect.set_options(timeout=PATIENCE_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in Path(str(item.path)).parts:
            item.add_marker(pytest.mark.browser)


@dataclass
class TwoNodes:
    """A centre, and a village node of 清水村 below it."""

    centre: NodeProcess
    village: NodeProcess
    demo: dict[str, Any]

    def sign_in_of(self, username: str) -> dict[str, str]:
        return next(one for one in self.demo["sign_ins"] if one["username"] == username)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    if CHROMIUM is None:
        pytest.fail("没有 Chromium;请运行 · no Chromium; please run: sudo apt-get install chromium")
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    opened = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoNodes]:
    folder = tmp_path_factory.mktemp("nodes")
    make_demo(folder / "centre")
    demo = json.loads((folder / "centre" / "demo.json").read_text(encoding="utf-8"))
    centre = NodeProcess(folder / "centre").start()
    village: NodeProcess | None = None
    try:
        join = f"{demo['node']['username']}:{demo['node']['password']}"
        village = NodeProcess(folder / "village", "--upstream", centre.url, "--join", join).start()
        yield TwoNodes(centre, village, demo)
    finally:
        if village is not None:
            village.stop()
        centre.stop()
