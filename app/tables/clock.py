"""Moments as people in China read them: the country has one time zone, whatever a phone is set to."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8))


def local_time(moment: datetime | str) -> str:
    """2026-11-24T20:15:03, from a moment with its offset. A text that is no such moment comes back unchanged."""
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            return moment
        if moment.tzinfo is None:
            return moment.strftime("%Y-%m-%dT%H:%M:%S")
    return moment.astimezone(CHINA).strftime("%Y-%m-%dT%H:%M:%S")
