"""The register: a list of households with search and filters."""

from __future__ import annotations

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from app.access import office
from app.auth import current_user
from app.node import node
from app.office import blueprint, page, printing
from app.office.eyes import Own
from app.office.typed import Typed
from app.tables import households
from app.tables.households import SORTS, HouseholdWish
from app.tables.names import initials, normal

typed = Typed()


@blueprint.get("/register")
@office()
def register() -> str:
    wish, lost = wish_asked()
    found = households.find_households(page.tables(), page.scope(), wish, page.page_number())
    everybody = households.members(node().tables, page.scope(), [row["id"] for row in found.rows])
    place = {row["id"]: row["area"] for row in found.rows}
    return page.show(
        "register.html",
        found=found,
        wish=wish,
        lost=lost,
        matched={id: [page.name_of(place[id], name) for name in names] for id, names in _matched(wish.text, everybody).items()},
        villages=page.villages(),
        groups=[(name, name) for name in _groups(wish.area)],
        sorts=list(SORTS),
        chosen=set(printing.chosen.ids(current_user().id)),
    )


@blueprint.post("/register")
@office()
def search_register() -> Response:
    """Take the typed text out of the form, so that it never stands in an address."""
    kept = {name: request.form.get(name, "") for name in ("village", "small", "group", "status", "sort")}
    number = typed.keep(current_user().id, request.form.get("text", ""))
    query = {name: value for name, value in (kept | {"s": number}).items() if value}
    return redirect(url_for("office.register", **query), 303)


def _groups(area: str) -> list[str]:
    return households.groups(page.tables(), page.scope(), area) if area else []


def wish_asked() -> tuple[HouseholdWish, bool]:
    """What the address asks for, and whether the search it names is not kept any more."""
    number = request.args.get("s", "")
    text = typed.text(current_user().id, number) if number else ""
    wish = HouseholdWish(
        text=Own(text or ""),
        area=page.area_wish(),
        areas=page.small_villages(),
        group=request.args.get("group", ""),
        status=request.args.get("status", ""),
        sort=request.args.get("sort", "") if request.args.get("sort") in SORTS else "place",
    )
    return wish, text is None


def _matched(text: str, members: list[dict[str, str]]) -> dict[str, list[str]]:
    """Household id → members who are why it was found, so that a wife's name does not puzzle the reader."""
    words = [word for word in normal(text).split() if word]
    found: dict[str, list[str]] = {}
    for member in members:
        name, id_no = member["full_name"], member["id_no"].lower()
        for word in words:
            by_id = len(word) >= 3 and word[-1:].isalnum() and word[:-1].isdigit() and id_no.endswith(word)
            if word in normal(name) or any(way.startswith(word) for way in initials(name)) or by_id:
                found.setdefault(member["household_id"], []).append(name)
                break
    return found
