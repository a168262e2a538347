"""What every office page needs: the reader's scope and language, names of places and people, filters."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from flask import g, request, url_for
from flask import render_template as render

from app.areas import current, villages_of
from app.i18n import language
from app.node import node
from app.office import eyes, words
from app.office.history import short_time
from app.tables import ReadTables, households, others
from app.tables.clock import local_time
from sync.records import Scope

ENDINGS = ("xlsx", "csv")
_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}$")
_DIGITS = re.compile(r"^\d{2,20}$")


def tables() -> ReadTables:
    """The read tables with personal data masked, as in lists; `node().tables` are for what decides and is not shown."""
    return node().tables.through(eyes.masked_row)


def scope() -> Scope:
    """What the person at the page may see."""
    return eyes.scope()


def name_of(area: str, name: str) -> str:
    """A person's name as the reader sees it in that place."""
    return eyes.in_lists(area).value("full_name", name)


def places() -> words.Places:
    if "places" not in g:
        g.places = words.Places(others.area_names(tables(), scope()))
    found: words.Places = g.places
    return found


def names(ids: Iterable[str]) -> dict[str, str]:
    """People by id, for those who acted on what this page shows."""
    return others.user_names(tables(), scope(), sorted({id for id in ids if id}))


def villages() -> list[dict[str, Any]]:
    """Villages for a filter, each with its township: code, name, households, township."""
    found = households.villages(tables(), scope())
    return [row | {"township": places().level(row["code"], 9) or row["code"][:9]} for row in found]


def page_number() -> int:
    return request.args.get("page", 1, type=int)


def day_wish(name: str) -> str:
    """A day asked for in the address; anything that is not one is no wish."""
    wish = request.args.get(name, "")
    return wish if _DAY.match(wish) else ""


def area_wish() -> str:
    wish = request.args.get("village", "")
    return current(wish, others.successors(tables(), scope())) if _DIGITS.match(wish) else ""


def small_areas() -> list[tuple[str, str]]:
    """Small areas to filter a list by: id, name."""
    return [(row["id"], row["name"]) for row in others.small_areas(tables(), scope())]


def small_villages() -> tuple[str, ...]:
    """The villages of the small area asked for; a place that is nowhere when it is not to be seen; () for none asked."""
    asked = request.values.get("small", "")
    if not asked:
        return ()
    found = next((row for row in others.small_areas(tables(), scope()) if row["id"] == asked), None)
    return villages_of(found) if found else ("none",)


def place_words() -> str:
    """What the list is filtered by, as a title says it; '' for no place."""
    area = area_wish()
    return places().path(area) if area else dict(small_areas()).get(request.values.get("small", ""), "")


def places_wish() -> str:
    """The village asked for, else those of the small area, with blanks between; what `Conditions.add_within` takes."""
    return area_wish() or " ".join(small_villages())


def today() -> str:
    return local_time(datetime.now().astimezone())[:10]


MENU = {
    "office.register": "register households add-household imports areas small-areas duplicates merge helpers handover fill "
                       "export/households export/members",
    "office.submissions_list": "submissions export/submissions",
    "office.visits": "visits export/visits",
    "office.findings": "findings exemptions",
    "office.issues": "issues export/issues",
    "office.conflicts": "conflicts",
    "office.quarantined": "quarantined",
    "printing.index": "print",
    "office.forms": "forms",
    "office.devices": "devices recovery",
    "office.courier": "courier",
    "office.users": "users",
    "office.sight_list": "sights retention",
}  # fmt: skip
"""What lies under each entry of the main menu, so that every page tells where it is."""
_ENTRIES = {f"/office/{start}": entry for entry, starts in MENU.items() for start in starts.split()}


def menu_of(path: str) -> str:
    """The entry of the main menu that a page lies under; the first page for those under none."""
    found = [start for start in _ENTRIES if path == start or path.startswith(start + "/")]
    return _ENTRIES[max(found, key=len)] if found else "office.home" if path == "/office/" else ""


def show(template: str, *, unmasked: bool = False, **values: Any) -> str:
    """An office page, with the words its templates use. unmasked: numbers in it may be shown, see `eyes.printed`."""
    lang = language()
    eyes.shows_whole(unmasked)
    return render(
        f"office/{template}",
        **values,
        lang=lang,
        places=places(),
        behind=tables().behind(),
        tables_late=tables().late,
        label=lambda list_name, code: words.label_of(list_name, code, lang),
        field_label=lambda entity, name: words.field_label(entity, name, lang),
        choices=lambda list_name: words.choices_of(list_name, lang),
        entity_name=lambda kind: words.pick(words.ENTITIES.get(kind, (kind, kind)), lang),
        role_name=lambda role: words.pick(words.ROLES.get(role, (role, role)), lang),
        short_time=short_time,
        address=_address,
        filters=_filters,
        small_areas=small_areas,
        menu=menu_of(request.path),
        file_addresses=file_addresses,
        small_asked=request.values.get("small", ""),
    )


def file_addresses(name: str) -> list[tuple[str, str]]:
    """The files of a list with fixed columns (`roll_files`), with what it is filtered by: ending, address."""
    asked = {one: value for one, value in request.args.items() if value and one not in ("page", "lang")}
    return [(ending, url_for(f"office.{name}_file", **asked | {"ending": ending})) for ending in ENDINGS]


FILTERS = (
    *("village", "small", "group", "status", "sort", "s", "since", "until"),
    *("outcome", "state", "kind", "form", "cadre", "flagged", "late", "mine"),
)


def _filters() -> dict[str, str]:
    """What this list is filtered by, to take along to another page."""
    return {name: request.args[name] for name in FILTERS if request.args.get(name)}


def _address(**changes: Any) -> str:
    """This page with other filters: its query with some values changed, empty ones left out."""
    kept = {name: value for name, value in request.args.items() if name != "lang"} | changes
    query = urlencode({name: value for name, value in kept.items() if value not in ("", None)})
    return f"{request.path}?{query}" if query else request.path
