"""How long personal data is kept, what is over its time, and erasing it by a person.

Periods are data (``app/retention.json``), and a county may set its own. Nothing goes by itself: a county
manager sees what is due, gives the reason and erases it, on every tier, with
the PDFs of print jobs that show it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as AnyResponse

from app.access import office
from app.auth import current_user
from app.errors import Problem
from app.i18n import language
from app.node import node
from app.office import blueprint, page
from app.office.erase import erase, everything_about, may_erase
from app.office.roll_files import PLACE, Lines, place_of, roll
from app.office.words import pick
from app.tables import households, retention
from sync.author import Author
from sync.own import write_own
from sync.records import Op, Scope

AT_ONCE = 100
"""Erased by one press: a person is to look at what goes."""
SHORTEST_REASON, LONGEST_REASON = 4, 300
KIND = "retention"
"""Records of what counties set for themselves; the id is the county's six digits."""
LONGEST = 600


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


def own_months(county: str) -> dict[str, int]:
    """What a county (six digits) set for itself, by kind."""
    record = node().store.get(KIND, county)
    told = record.fields if record and not record.deleted else {}
    said = {kind: str(told.get(kind) or "") for kind in periods()}
    return {kind: int(months) for kind, months in said.items() if months.isascii() and months.isdigit() and int(months)}


def _places(period: Period) -> dict[int, list[str]]:
    """The reader's places by how many months hold there."""
    known = {row["code"][:6] for row in page.villages()}
    found: dict[int, list[str]] = {}
    for prefix in page.scope().area_prefixes:
        for place in [prefix] if len(prefix) >= 6 else sorted(one for one in known if one.startswith(prefix)):
            found.setdefault(own_months(place[:6]).get(period.kind, period.months), []).append(place)
    return found


def _spans(period: Period) -> list[tuple[Scope, str]]:
    """Places, each with the day before which it is over there."""
    today = page.today()
    return [(Scope(area_prefixes=tuple(places)), last_day(replace(period, months=months), today))
            for months, places in sorted(_places(period).items())]  # fmt: skip


def _how_many(period: Period) -> int:
    area = page.places_wish()
    return sum(retention.how_many(page.tables(), scope, period.kind, before, area) for scope, before in _spans(period))


def _due(period: Period) -> list[dict[str, Any]]:
    """The oldest of what is over its time."""
    return _all_due(period, AT_ONCE)[:AT_ONCE]


def _all_due(period: Period, limit: int = -1) -> list[dict[str, Any]]:
    """limit: at least that many of the oldest; below 0 all of them. Of the village or small area asked for."""
    area = page.places_wish()
    rows = [row for scope, before in _spans(period)
            for row in retention.due(page.tables(), scope, period.kind, before, limit, area)]  # fmt: skip
    return sorted(rows, key=lambda row: (row["day"], row["id"]))


def last_day(period: Period, today: str) -> str:
    """What counts from before this day is over its time."""
    now = date.fromisoformat(today)
    months = now.year * 12 + now.month - 1 - period.months
    return f"{months // 12:04d}-{months % 12 + 1:02d}-{now.day:02d}"


@blueprint.get("/retention")
@office("county", "auditor")
def retention_list() -> str:
    """Every period with how much is over its time; of one kind the oldest."""
    asked, lang, counties = request.args.get("kind", ""), language(), _may_set()
    told = [
        {"kind": one.kind, "months": sorted(_places(one)) or [one.months], "national": one.months, "title": pick(one.title, lang),
         "since": pick(one.since, lang), "before": max((day for _scope, day in _spans(one)), default=""), "due": _how_many(one)}
        for one in periods().values()
    ]  # fmt: skip
    chosen = next((one for one in told if one["kind"] == asked), next((one for one in told if one["due"]), None))
    rows = _due(periods()[str(chosen["kind"])]) if chosen else []
    county = request.args.get("county", "")
    county = county if county in counties else next(iter(counties), "")
    return page.show("retention.html", told=told, chosen=chosen, rows=rows, at_once=AT_ONCE, longest=LONGEST_REASON,
                     may_erase=bool(rows) and all(may_erase(row["area"]) for row in rows), county=county, longest_months=LONGEST,
                     counties=[(one, page.places().name(one.ljust(12, "0"))) for one in counties],
                     own=own_months(county) if county else {}, area=page.area_wish(), villages=page.villages())  # fmt: skip


@roll("retention", of=retention_list, title=_l("到期的内容"), head=(_l("内容"), *PLACE, _l("日期"), _l("编号")))
def _lines() -> Lines:
    """All that is over its time, of one kind or of every one."""
    asked = request.args.get("kind", "")
    kinds = [one for one in periods().values() if asked in ("", one.kind)]
    return Lines.of(
        [pick(one.title, language()), *place_of(row), row["day"], row["id"]] for one in kinds for row in _all_due(one)
    )


def _may_set() -> list[str]:
    """Counties whose periods this person sets, six digits each; at the centre, where it is erased."""
    return sorted(one for one in {row["code"][:6] for row in page.villages()} if may_erase(one))


@blueprint.post("/retention/periods")
@office("county")
def retention_periods() -> AnyResponse:
    """A county's own months for each kind; blank is the national period."""
    county = request.form.get("county", "")
    if county not in _may_set():
        raise Problem("not_found")
    typed = {kind: request.form.get(f"months.{kind}", "").strip() for kind in periods()}
    if not all(not one or (one.isascii() and one.isdigit() and 0 < int(one) <= LONGEST) for one in typed.values()):
        words = _("月数应是 1 到 %(n)s 的整数,没有改动。", n=LONGEST)
        raise Problem("bad_request", message=words, next=_("退回上一页改好再保存。"))

    def make(author: Author) -> list[Op]:
        record = node().store.get(KIND, county)
        if record is None:
            return [author.create(KIND, county, county.ljust(12, "0"), typed)]
        changes = {kind: (record.fields.get(kind), said) for kind, said in typed.items() if record.fields.get(kind, "") != said}
        return [author.update(KIND, county, record.area, changes, base_rev=record.rev)] if changes else []

    write_own(node().store, "retention", current_user().id, make, clock=node().now)
    flash(_("已保存。到期的内容按新的期限列出。"))
    return redirect(url_for("office.retention_list", county=county), 303)


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
    rows = [row for row in _due(period) if row["id"] in ticked]
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
    return sum(map(_how_many, periods().values()))
