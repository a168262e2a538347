"""Erasing a household by law: its values and those of everything about it go, on every tier."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from flask import Flask, flash, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from app.access import office
from app.auth import current_user
from app.errors import Problem
from app.node import node
from app.office import blueprint, page, printing
from app.office.importing import imports_here
from app.office.tray import OWN_NAME
from app.roster.jobs import to_forget
from app.tables import households
from app.tables.checks import exemptions_of
from app.tables.lives import events_of
from app.tables.pairings import pairings_of
from sync.own import write_own
from sync.records import CENTRE
from sync.scope import EVERYTHING, prefixes_of, within
from sync.tray import erase_ops

log = logging.getLogger("ruhu.office")

SHORTEST_REASON = 4
LONGEST_REASON = 300
WAIT_SECONDS = 20.0
"""For rosters to be looked through, before the page answers that it goes on."""


def may_erase(area: str) -> bool:
    """A county manager, at the centre: what is erased below would come back from above."""
    grants = [grant for grant in current_user().grants if grant.role == "county"]
    return node().tier == CENTRE and within(area, prefixes_of(grants))


@blueprint.get("/households/<id>/erase")
@office("county")
def erase_household(id: str) -> str:
    return _page(_row(id))


@blueprint.post("/households/<id>/erase")
@office("county")
def erase_household_now(id: str) -> str | AnyResponse:
    row = _row(id)
    reason = request.form.get("reason", "").strip()
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        lengths = {"least": SHORTEST_REASON, "most": LONGEST_REASON}
        return _page(row, _("请写明依据,例如谁在哪一天提出的申请(%(least)s 到 %(most)s 字)。", **lengths))
    if request.form.get("head", "").strip() != (row["head_name"] or id) or request.form.get("sure") != "yes":
        return _page(row, _("户主姓名与这一户不符,或者没有勾选确认,没有抹去任何内容。"))
    erase(everything_about(row), reason, [(row["id"], row["area"])])
    return redirect(url_for("office.register"), 303)


def erase(wanted: Sequence[tuple[str, str, str]], reason: str, homes: Sequence[tuple[str, str]]) -> None:
    """Erase records, the PDFs on this server that show them, and rosters that list them. homes: (household id, area)."""
    areas, imports = {area for _id, area in homes}, imports_here()
    if any(kind == "household" for kind, _id, _area in wanted) and imports.busy_in(areas):
        raise Problem("busy", message=_("有一份花名册正在核对或导入,没有抹去任何内容。"), next=_("等它做完再抹去。"))
    write_own(node().store, OWN_NAME, current_user().id, lambda author: erase_ops(wanted, reason, author), clock=node().now)
    printing.jobs_here().forget([id for id, _area in homes], areas)
    rosters = len(imports.all())
    node().tables.catch_up()  # which has the rosters looked through
    whole = imports.have_forgotten(WAIT_SECONDS)
    if rosters > len(imports.all()):
        flash(_("有 %(n)s 份上传的花名册里有这些人,文件和导入记录已一起删除,不能再撤销那次导入。", n=rosters - len(imports.all())))
    if not whole:
        flash(_("上传的花名册还在查,里面有这些人的会接着删除。"))


def forget_files(app: Flask) -> Callable[[set[str], set[str]], None]:
    """For the read tables: this server's PDFs and rosters of what was erased go, wherever it was erased.

    Whom to look for stands in the read tables, which wait for the answer with their rows: so it is only noted now.
    """
    with app.app_context():
        if to_forget(node().config.data_dir / "imports"):
            imports_here()

    def forget(homes: set[str], areas: set[str]) -> None:
        try:
            with app.app_context():
                printing.jobs_here().forget(homes, areas)
                gone = [id for id in homes if (record := node().store.get("household", id)) and record.deleted]
                imports_here().forget(_as_listed(gone), areas)
        except OSError as error:  # the register goes on; the files end by themselves
            log.error("files about erased records were not removed: %s", type(error).__name__)

    return forget


def _as_listed(ids: Sequence[str]) -> list[str]:
    """What tells the people of erased households in a roster: their numbers, and the name of who has none."""
    whole, everywhere = node().tables, EVERYTHING
    homes = [one for id in ids if (one := households.household(whole, everywhere, id)) and one["id"] == id]
    people = [*households.members(whole, everywhere, ids)] if ids else []
    named = [(one["id_no"], one["national_no"], one["full_name"]) for one in people]
    named += [("", one["national_no"], "" if people else one["head_name"]) for one in homes]
    return [text for id_no, national, name in named for text in ((id_no, national) if id_no or national else (name,)) if text]


def everything_about(row: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(kind, id, area) of the household and of all that belongs to it, what was set aside included."""
    tables, scope, id = page.tables(), page.scope(), row["id"]
    found = {("household", id): row["area"]}
    for kind, rows in (
        ("member", households.members(tables, scope, [id])),
        ("visit", households.visits(tables, scope, [id])),
        ("issue", households.issues(tables, scope, [id])),
        ("submission", households.submissions(tables, scope, [id])),
        ("pairing", pairings_of(tables, scope, id)),
        ("event", events_of(tables, scope, id)),
        ("exemption", exemptions_of(tables, scope, id)),
    ):
        found |= {(kind, one["id"]): one["area"] for one in rows}
    for change in node().store.quarantined():
        named = change.op.fields.get("household_id")
        if named and id in (named.old, named.new):
            found.setdefault((change.op.entity, change.op.id), row["area"])
    return [(kind, one, area) for (kind, one), area in found.items()]


def _row(id: str) -> dict[str, Any]:
    row = households.household(page.tables(), page.scope(), id)
    if row is None:
        raise Problem("not_found")
    if not may_erase(row["area"]):
        raise Problem("forbidden", next=_("抹去内容要由区县管理员在中心的办公端办理。"))
    return row


def _page(row: dict[str, Any], fault: str = "") -> str:
    counts: dict[str, int] = {}
    for kind, _id, _area in everything_about(row):
        counts[kind] = counts.get(kind, 0) + 1
    return page.show(
        "household_erase.html", row=row, counts=_in_order(counts), fault=fault, reason=request.form.get("reason", ""),
        longest=LONGEST_REASON,
    )  # fmt: skip


def _in_order(counts: dict[str, int]) -> Sequence[tuple[str, int]]:
    order = ("household", "member", "visit", "submission", "issue", "pairing", "event", "exemption")
    return sorted(counts.items(), key=lambda pair: order.index(pair[0]) if pair[0] in order else len(order))
