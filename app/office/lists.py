"""Plain lists: visits, conflicts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from flask import request
from flask_babel import lazy_gettext as _l

from app.access import office
from app.i18n import language
from app.node import node
from app.office import blueprint, page, words
from app.office.eyes import in_lists, sight_of
from app.office.history import short_time
from app.office.mask import Sight
from app.office.names import Names
from app.office.roll_files import PLACE, Lines, place_of, roll
from app.tables import households, others
from app.tables.query import Listing, Row


@blueprint.get("/visits")
@office()
def visits() -> str:
    wish = {"since": page.day_wish("since"), "until": page.day_wish("until"), "outcome": request.args.get("outcome", "")}
    found = others.find_visits(page.tables(), page.scope(), area=page.places_wish(), **wish, page=page.page_number())
    return page.show("visits.html", found=found, wish=wish, area=page.area_wish(), villages=page.villages())


@blueprint.get("/conflicts")
@office()
def conflicts() -> str:
    found = _conflicts().page(page.page_number())
    told = [_conflict(row) for row in found.rows]
    people = page.names([one["actor"] for one in told])
    whole = all(one["whole"] for one in told)
    return page.show("conflicts.html", unmasked=whole, found=found, conflicts=told, people=people, area=page.area_wish(),
                     villages=page.villages())  # fmt: skip


def _conflicts() -> Listing:
    return others.conflicts_asked(page.tables(), page.scope(), page.places_wish())


@roll("conflicts", of=conflicts, title=_l("冲突"),
      head=(*PLACE, _l("对象"), _l("项目"), _l("改之前看到的"), _l("户册现在的值"), _l("另一种说法"), _l("谁说的"), _l("时间"),
            _l("核查结果"), _l("核查人")))  # fmt: skip
def _conflict_lines() -> Lines:
    asked = _conflicts()
    return Lines(asked.total(), _conflict_cells(asked.each()))


def _conflict_cells(rows: Iterator[Row]) -> Iterator[list[str]]:
    """A line for each field; the last two columns are for the hand that checks."""
    names, lang = Names(), language()
    for row in rows:
        one = _conflict(row, in_lists(row["area"]))
        home = one["about"] or {"area": row["area"], "group": "", "house_no": "", "head_name": ""}
        entity = words.pick(words.ENTITIES.get(one["entity"], (one["entity"], one["entity"])), lang)
        for field in one["fields"]:
            yield [*place_of(home), entity, *field, names.of(one["actor"]), one["when"], "", ""]


def _conflict(row: dict[str, Any], sight: Sight | None = None) -> dict[str, Any]:
    """A conflict in words: per field what it was, what stands, what else was said. sight: in place of the reader's own."""
    lang, kept = language(), json.loads(row["fields"] or "{}")
    entity, id = str(kept.get("entity", "")), row["entity_id"]
    sides = {side: _object(kept.get(side)) for side in ("base", "ours", "theirs")}
    household = id if entity == "household" else ""
    if entity == "member":
        record = node().store.get("member", id)
        household = str(record.fields.get("household_id", "")) if record else ""
    sight = sight or sight_of(row["area"], household)
    shown = {side: sight.fields(values) for side, values in sides.items()}
    return {
        "entity": entity,
        "whole": sight.numbers,
        "household": household,
        "about": households.household(page.tables(), page.scope(), household) if household else None,
        "actor": str(kept.get("actor", "")),
        "when": short_time(str(kept.get("device_time", ""))),
        "submission": str(kept.get("submission") or ""),
        "area": row["area"],
        "fields": [
            (
                words.field_label(entity, name, lang),
                *(words.value_in_words(entity, name, one.get(name, ""), lang) for one in shown.values()),
            )
            for name in dict.fromkeys([*sides["theirs"], *sides["ours"]])
        ],
    }


def _object(value: Any) -> dict[str, str]:
    """Field → text of one side of a conflict, however it was written down."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    if not isinstance(value, dict):
        return {}
    return {str(name): one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for name, one in value.items()}
