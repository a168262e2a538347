"""What rules over a visit ask for: how it was made, and what other visits and people say beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from forms.expression.geometry import length, points
from forms.expression.values import EvaluationError

USUAL = 60
"""The latest visits with the form in a township, whose middle is the usual duration."""
FEW = 10
"""With fewer than these, nothing is usual."""


class VisitFacts:
    """Of some visits, rows of submissions; what several ask alike is asked of the tables once."""

    def __init__(self, db: Any, rows: Sequence[Mapping[str, Any]]) -> None:
        self._db = db
        self._homes: dict[str, str] = {}
        self._photos: dict[str, int] = {}
        self._usual: dict[tuple[str, str], list[tuple[str, float | None]]] = {}
        self._together: dict[tuple[str, str], int] = {}
        self._read(rows)

    def _read(self, rows: Sequence[Mapping[str, Any]]) -> None:
        homes = json.dumps([row.get("household_id", "") for row in rows])
        sql = "SELECT id, location FROM households WHERE id IN (SELECT value FROM json_each(?))"
        self._homes.update(self._db.execute(sql, [homes]).fetchall())
        sql = (
            "SELECT p.submission_id, count(DISTINCT p.sha256) FROM photos p "
            "JOIN photos o ON o.sha256 = p.sha256 AND o.household_id <> p.household_id "
            "WHERE p.submission_id IN (SELECT value FROM json_each(?)) GROUP BY p.submission_id"
        )
        self._photos.update(self._db.execute(sql, [json.dumps([row.get("id", "") for row in rows])]).fetchall())

    def of(self, row: Mapping[str, Any], location: str, now: datetime, numbers: Sequence[str] = ()) -> dict[str, str]:
        """location: where it was filled, a geopoint as text. numbers: ID numbers that the visit wrote down."""
        value = row.get
        ended = value("ended", "")
        minute = str(ended)[:16]
        return {
            "people_elsewhere": str(self._elsewhere(value("household_id", ""), numbers) if numbers else 0),
            "minutes": minutes_between(value("started", ""), ended),
            "usual_minutes": self._usual_minutes(value("form_id", ""), value("area", "")[:9], value("id", "")),
            "metres": metres_between(location, self._homes.get(value("household_id", "")) or ""),
            "photos_again": str(self._photos.get(value("id", ""), 0)),
            "same_minute": str(self._in_minute(value("sender", ""), minute)) if minute else "",
            "same_answers": str(self._same_answers(value("answers_digest", ""), value("household_id", ""))),
            "future": "yes" if _after(ended, now) else "",
        }

    def _usual_minutes(self, form_id: str, township: str, id: str) -> str:
        """Without the visit itself."""
        others = self._usual.get((form_id, township))
        if others is None:
            others = self._usual[form_id, township] = self._latest(form_id, township)
        known = sorted([minutes for _, minutes in [one for one in others if one[0] != id][:USUAL] if minutes is not None])
        return f"{known[len(known) // 2]:.1f}" if len(known) >= FEW else ""

    def _latest(self, form_id: str, township: str) -> list[tuple[str, float | None]]:
        """(id, minutes), one more than are asked for: one of them may be the visit itself."""
        found = self._db.execute(
            "SELECT id, started, ended FROM submissions WHERE form_id = ? AND substr(area, 1, 9) = ? ORDER BY ended DESC LIMIT ?",
            [form_id, township, USUAL + 1],
        )
        told = [(id, minutes_between(started, ended)) for id, started, ended in found.fetchall()]
        return [(id, float(minutes) if minutes else None) for id, minutes in told]

    def _in_minute(self, sender: str, minute: str) -> int:
        """Households that somebody finished with in one minute."""
        found = self._together.get((sender, minute))
        if found is None:
            found = self._together[sender, minute] = self._db.execute(
                "SELECT count(DISTINCT household_id) FROM submissions"
                " WHERE sender = ? AND sender <> '' AND ended >= ? AND ended < ?",
                [sender, minute, minute + "~"],
            ).fetchone()[0]
        return found

    def _same_answers(self, digest: str, household: str) -> int:
        found: int = self._db.execute(
            "SELECT count(*) FROM submissions WHERE answers_digest = ? AND answers_digest <> '' AND household_id <> ?",
            [digest, household],
        ).fetchone()[0]
        return found

    def _elsewhere(self, household: str, numbers: Sequence[str]) -> int:
        found: int = self._db.execute(
            "SELECT count(DISTINCT id_no) FROM members WHERE id_no IN (SELECT value FROM json_each(?)) AND id_no <> ''"
            " AND household_id <> ? AND state IN ('', 'active')",
            [json.dumps(numbers), household],
        ).fetchone()[0]
        return found


def minutes_between(started: str, ended: str) -> str:
    """Minutes with one decimal, '' when they cannot be told."""
    try:
        seconds = (datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds()
    except (TypeError, ValueError):
        return ""
    return f"{seconds / 60:.1f}" if seconds >= 0 else ""


def metres_between(here: str, there: str) -> str:
    """Whole metres between two geopoints ("lat lon …"); '' when one is missing."""
    try:
        pair = [*points(here)[:1], *points(there)[:1]]
    except EvaluationError:
        return ""
    return str(round(length(pair))) if len(pair) == 2 else ""


def _after(moment: str, now: datetime) -> bool:
    try:
        ended = datetime.fromisoformat(moment)
    except (TypeError, ValueError):
        return False
    return ended.tzinfo is not None and (ended - now).total_seconds() > 300
