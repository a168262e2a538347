"""How long personal data is kept, what is over its time, and erasing it by a person.

Periods are data (``app/retention.json``). Nothing goes by itself: a county
manager sees what is due, gives the reason and erases it, on every tier, with
the PDFs of print jobs that show it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from app.access import office
from app.auth import current_user
from app.errors import Problem
from app.i18n import language
from app.node import node
from app.office import blueprint, page
from app.office.erase import erase, everything_about, may_erase
from app.office.words import pick
from app.tables import households, retention

AT_ONCE = 100
"""Erased by one press: a person is to look at what goes."""
SHORTEST_REASON, LONGEST_REASON = 4, 300


@dataclass(frozen=True)
class Period:
    kind: str
    months: int
    title: tuple[str, str]
    since: tuple[str, str]


@cache
def periods() -> dict[str, Period]:
    """By kind, as the file tells them."""
    told = json.loads((Path(__file__).parent.parent / "retention.json").read_text("utf-8"))
    return {
        one["kind"]: Period(one["kind"], int(one["months"]), (one["zh"], one["en"]), (one["since_zh"], one["since_en"]))
        for one in told
    }


def last_day(period: Period, today: str) -> str:
    """What counts from before this day is over its time."""
    now = date.fromisoformat(today)
    months = now.year * 12 + now.month - 1 - period.months
    return f"{months // 12:04d}-{months % 12 + 1:02d}-{now.day:02d}"


@blueprint.get("/retention")
@office("county", "auditor")
def retention_list() -> str:
    """Every period with how much is over its time; of one kind the oldest."""
    asked = request.args.get("kind", "")
    lang, today = language(), page.today()
    told = [
        {"kind": one.kind, "months": one.months, "title": pick(one.title, lang), "since": pick(one.since, lang),
         "before": last_day(one, today),
         "due": retention.how_many(page.tables(), page.scope(), one.kind, last_day(one, today))}
        for one in periods().values()
    ]  # fmt: skip
    chosen = next((one for one in told if one["kind"] == asked), next((one for one in told if one["due"]), None))
    rows = retention.due(page.tables(), page.scope(), chosen["kind"], chosen["before"], AT_ONCE) if chosen else []
    return page.show("retention.html", told=told, chosen=chosen, rows=rows, at_once=AT_ONCE, longest=LONGEST_REASON,
                     may_erase=bool(rows) and all(may_erase(row["area"]) for row in rows))  # fmt: skip


@blueprint.post("/retention")
@office("county")
def retention_erase() -> AnyResponse:
    """Erase the ticked ones, as far as they are still due and the person's to erase."""
    period = periods().get(request.form.get("kind", ""))
    reason, ticked = " ".join(request.form.get("reason", "").split()), set(request.form.getlist("id"))
    again = _("退回上一页补好再提交。")
    if period is None:
        raise Problem("bad_request")
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON or request.form.get("sure") != "yes":
        raise Problem("no_reason", 422, _("请写明依据并勾选确认,没有抹去任何内容。"), again)
    before = last_day(period, page.today())
    due = retention.due(page.tables(), page.scope(), period.kind, before, AT_ONCE)
    rows = [row for row in due if row["id"] in ticked]
    if not rows:
        raise Problem("nothing_chosen", 422, _("没有勾选到期的内容,没有抹去任何内容。"), again)
    if not all(may_erase(row["area"]) for row in rows):
        raise Problem("forbidden", next=_("抹去内容要由区县管理员在中心的办公端办理。"))
    erase([one for row in rows for one in _with_it(period.kind, row)], reason, _homes(rows))
    flash(_("已抹去 %(n)s 项。", n=len(rows)))
    return redirect(url_for("office.retention_list", kind=period.kind), 303)


def _with_it(kind: str, row: dict[str, Any]) -> Iterable[tuple[str, str, str]]:
    """(kind, id, area) of what goes with a record that is due."""
    if kind == "household":
        home = households.household(page.tables(), page.scope(), row["id"])
        return everything_about(home) if home else []
    found = [(kind, row["id"], row["area"])]
    if kind == "submission" and row["household_id"]:
        visits = households.visits(page.tables(), page.scope(), [row["household_id"]])
        found += [("visit", one["id"], one["area"]) for one in visits if one["submission_id"] == row["id"]]
    return found


def _homes(rows: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(row["household_id"], row["area"]) for row in rows]


def due_in_all() -> int:
    """How much is over its time, for the first page of whoever may erase it."""
    if "county" not in current_user().roles or node().config.follows:
        return 0
    today = page.today()
    return sum(retention.how_many(page.tables(), page.scope(), one.kind, last_day(one, today)) for one in periods().values())
