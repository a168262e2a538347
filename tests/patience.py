"""Waiting for what another thread or process brings about."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

PAUSE = 0.005


def until(true: Callable[[], Any], seconds: float = 60, *, passing: tuple[type[Exception], ...] = ()) -> Any:
    """What it answers, once that is something. passing: errors that count as not yet."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if found := true():
                return found
        except passing:
            pass
        time.sleep(PAUSE)
    raise AssertionError(f"it did not come about within {seconds} s")
