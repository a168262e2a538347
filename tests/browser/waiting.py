"""Waiting for something that only a promise tells, such as what is on disk."""

from __future__ import annotations

import time
from typing import Any

from playwright.sync_api import Page


def until(page: Page, script: str, arg: Any = None, *, seconds: float = 10) -> None:
    """Until the asynchronous script answers true. Playwright's wait_for_function takes the promise itself for a yes."""
    last = time.monotonic() + seconds
    while not page.evaluate(script, arg):
        if time.monotonic() > last:
            raise AssertionError(f"not within {seconds} s: {script[:200]} {arg!r}")
        page.wait_for_timeout(60)
