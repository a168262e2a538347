"""People of the reader's place."""

from __future__ import annotations

from app.access import office
from app.office import blueprint, page
from app.tables import others


@blueprint.get("/users")
@office("township", "county", "cadre")
def users() -> str:
    found = others.find_users(page.tables(), page.scope(), page.page_number())
    return page.show("users.html", found=found)

