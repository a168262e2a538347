"""What a phone or node tells of itself beside its numbers. All of it is optional, and none of it is believed blindly."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sync.canonical import MAX_INTEGER
from sync.digest import Key
from sync.protocol import Hello
from sync.store.base import Compared
from sync.store.pages import moment_text

RESULTS = ("same", "mended", "moved", "unsupported")
WHY = ("missing", "differs", "extra", "view")
MOST = 100


def told_of(said: Hello, now: datetime) -> dict[str, Any]:
    """The facts to keep for the office: clock, storage, build, photos waiting. What was not said is left out."""
    facts: dict[str, Any] = {}
    device = _moment(said.time)
    if device is not None:
        facts["clock_ms"] = round((device - now).total_seconds() * 1000)
    storage = said.storage if isinstance(said.storage, dict) else {}
    if isinstance(storage.get("persisted"), bool):
        facts["persisted"] = storage["persisted"]
    usage, quota = _count(storage.get("usage")), _count(storage.get("quota"))
    if usage is not None and quota:
        facts["free_mb"] = max(0, quota - usage) // 1_000_000
    if isinstance(said.app, str) and 0 < len(said.app) <= 40:
        facts["app"] = said.app
    photos = _count(said.photos)
    return facts | ({"photos": photos} if photos is not None else {})


def compared_of(said: Hello) -> tuple[Compared, dict[Key, str]] | None:
    """The last comparison with the tier above that it tells of, and why what was mended; None for what is none."""
    value = said.compared
    if not isinstance(value, Mapping) or value.get("result") not in RESULTS:
        return None
    at, mended = _moment(value.get("at")), _count(value.get("mended"))
    if at is None or mended is None:
        return None
    listed = value.get("why")
    why = {}
    for one in listed[:MOST] if isinstance(listed, list) else ():
        if isinstance(one, list) and len(one) == 3 and all(isinstance(x, str) and len(x) <= 100 for x in one) and one[2] in WHY:
            why[one[0], one[1]] = one[2]
    return Compared(moment_text(at), value["result"], mended), why


def _moment(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) and len(text) <= 40 else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo and found.year > 1971 else None


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= MAX_INTEGER else None
