"""Who saw what whole, and what was taken along: for the county and its auditors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.access import office
from app.office import blueprint, page
from app.office.history import short_time
from app.office.names import Names
from app.office.roll_files import Lines, roll
from app.office.sights import FILE, READERS, TITLES, alerts
from app.tables import sights
from app.tables.query import Listing, Row


@blueprint.get("/sights")
@office(*READERS)
def sight_list() -> str:
    """The latest first."""
    wish = _wish()
    found = _asked(wish).page(page.page_number())
    people = page.names([row["who"] for row in found.rows])
    return page.show("sights.html", found=found, wish=wish, people=people, busy=alerts(),
                     everybody=sights.readers(page.tables(), page.scope()), titles=TITLES,
                     area=page.area_wish(), villages=page.villages())  # fmt: skip


def _wish() -> dict[str, Any]:
    return {"since": page.day_wish("since"), "until": page.day_wish("until"), "who": request.args.get("who", ""),
            "whole": request.args.get("whole") == "1"}  # fmt: skip


def _asked(wish: dict[str, Any]) -> Listing:
    return sights.sights_asked(page.tables(), page.scope(), **wish, area=page.places_wish())


@roll("sights", of=sight_list, title=_l("查看记录"),
      head=(_l("谁"), _l("时间"), _l("看了什么"), _l("户主"), _l("行数"), _l("完整号码"), _l("理由"), _l("地点")))  # fmt: skip
def _lines() -> Lines:
    asked = _asked(_wish())
    return Lines(asked.total(), _cells(asked.each()))


def _cells(rows: Iterator[Row]) -> Iterator[list[str]]:
    names = Names()
    for row in rows:
        what, rows_ = (str(TITLES.get(row["name"], row["name"])), row["rows"]) if row["what"] == FILE else (_("完整号码"), "")
        yield [names.of(row["who"]) or row["who"], short_time(row["at"]), what, row["head_name"] or "", rows_,
               _("是") if row["whole"] else "", row["reason"] or "", page.places().path(row["area"])]  # fmt: skip
