"""People and the devices they carry: who has not been heard of, and what has not reached the centre."""

from __future__ import annotations

from app.access import office
from app.node import node
from app.office import blueprint, page
from app.tables import others
from app.tables.clock import local_time


@blueprint.get("/devices")
@office("township", "county", "cadre")
def devices() -> str:
    """Installs of people in scope. An office browser is not a device: it holds nothing."""
    people = others.users_by_id(page.tables(), page.scope())
    known = [i for i in node().store.installs() if i.user_id in people and i.kind != "browser"]
    told = [
        {
            "install": install,
            "person": people[install.user_id],
            "seen": _when(install.last_seen),
            "since": _when(install.created_at),
            "waiting": max(0, install.made_dseq - install.acked_dseq),
            "climbing": max(0, install.acked_dseq - install.confirmed_dseq),
        }
        for install in known
    ]
    return page.show("devices.html", devices=sorted(told, key=lambda one: one["seen"], reverse=True))


@blueprint.get("/users")
@office("township", "county", "cadre")
def users() -> str:
    found = others.find_users(page.tables(), page.scope(), page.page_number())
    return page.show("users.html", found=found)


def _when(moment: str) -> str:
    return local_time(moment)[:16].replace("T", " ") if moment else ""
