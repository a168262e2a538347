"""A part of a household becomes one of its own 分户; a household moves to another village 整户迁移. Each is one commit."""

from __future__ import annotations

import os
from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from app import codes as household_codes
from app import lives as pure
from app.access import office
from app.errors import Problem
from app.keys import code_key
from app.lives import Door, Part
from app.node import node
from app.office import acts, blueprint, page
from app.office.lives import WORKERS, asked_day, code, home, ids_of, may_work, standing, to_timeline
from app.steps import Step
from app.tables import checks, households, others
from app.tables.lives import events_of
from app.tables.pairings import pairings_of
from sync.records import Record, Scope

ACTIVE = ("", "active")


@blueprint.get("/households/<id>/split")
@office(*WORKERS)
def household_split(id: str) -> str:
    row = home(id, WORKERS)
    return page.show("household_split.html", row=row, members=_active(row["id"]), act=acts.new_act(), today=page.today())


@blueprint.post("/households/<id>/split")
@office(*WORKERS)
def split_household(id: str) -> AnyResponse:
    row = home(id, WORKERS)
    act, day, active = acts.asked_act(), asked_day(), [one["id"] for one in _active(row["id"])]
    done = standing("household", acts.id_in(act, "household"))
    if done is not None:  # the button pressed twice
        return to_timeline(done.id)
    going, head, heir = request.form.getlist("member"), request.form.get("head", ""), request.form.get("heir", "")
    _refuse_half_a_family(active, going, head, heir)
    part = Part(
        head=head,
        relations={one: code("relation", f"relation-{one}") or "99" for one in going},
        code=household_codes.make_code(code_key(node().config.data_dir), os.urandom(household_codes.SHORT_BYTES)),
        group=_typed("group") or row["group"],
        house_no=_typed("house_no"),
        national_no=_typed("national_no"),
        with_helper=request.form.get("with_helper") == "1",
    )
    issues = [one["id"] for one in households.issues(page.tables(), page.scope(), [row["id"]])]
    paired = [one["id"] for one in pairings_of(page.tables(), page.scope(), row["id"])]

    def plan() -> list[Step]:
        household, people = standing("household", row["id"]), _standing("member", going)
        if household is None or standing("household", acts.id_in(act, "household")):
            return []
        if len(people) != len(going) or any(one.fields.get("household_id") != row["id"] for one in people):
            words = _("这一户的成员刚被别人改过,没有保存。")
            raise Problem("bad_request", message=words, next=_("刷新页面看现在的成员,再办一次。"))
        old_head = next((one for one in people if one.fields.get("relation") == pure.HEAD), None)
        return pure.split(household, people, _standing("issue", issues), _standing("pairing", paired), part, day,
                          standing("member", heir) if old_head else None, ids_of(act))  # fmt: skip

    acts.carry_out("split", act, plan)
    flash(_("已分户,新户有了自己的入户码。请打印新户的门牌卡,核对两户各人与户主的关系。"))
    return redirect(url_for("office.household", id=acts.id_in(act, "household"), _anchor="timeline"), 303)


def _refuse_half_a_family(active: list[str], going: list[str], head: str, heir: str) -> None:
    again = _("退回上一页改好再保存。")
    if not going or len(set(going)) != len(going) or not set(going) <= set(active):
        raise Problem("bad_request", message=_("请勾选分出去的人。"), next=again)
    if set(going) == set(active):
        raise Problem("bad_request", message=_("不能把全家都分出去。整户搬走请用“整户迁移”。"), next=again)
    if head not in going:
        raise Problem("bad_request", message=_("请在分出去的人里选新户的户主。"), next=again)
    leaves_head = any(record.fields.get("relation") == pure.HEAD for record in _standing("member", going))
    if leaves_head and (heir in going or heir not in active):
        raise Problem("bad_request", message=_("原户主分出去了,请选留下的人里谁当户主。"), next=again)


@blueprint.get("/households/<id>/move")
@office(*WORKERS)
def household_move(id: str) -> str:
    row = home(id, WORKERS)
    return page.show(
        "household_move.html", row=row, targets=_targets(row["area"]), act=acts.new_act(), today=page.today(),
        questions=_open_questions(row), pending=row["pending"],
    )  # fmt: skip


@blueprint.post("/households/<id>/move")
@office(*WORKERS)
def move_household(id: str) -> AnyResponse:
    """All of it, with everything about it, to another village of the reader's."""
    row = home(id, WORKERS)
    act, to, day = acts.asked_act(), request.form.get("village", ""), asked_day()
    if standing("event", acts.id_in(act, "in")):  # the button pressed twice
        return to_timeline(row["id"])
    if to not in {one["code"] for one in _targets(row["area"])}:
        raise Problem("bad_request", message=_("请选迁到哪个村,只能迁到您管的村。"), next=_("退回上一页另选。"))
    if _open_questions(row):
        raise Problem("bad_request", message=_("这一户还有两种说法没有定,先定了再迁。"), next=_("到“冲突”页处理后再来。"))
    places = page.places()
    door = Door(to, places.path(to), places.path(row["area"]), _typed("group"), _typed("house_no"),
                request.form.get("keeps_helper") == "1")  # fmt: skip
    about = _everything_about(row["id"], row["area"])

    def plan() -> list[Step]:
        household = standing("household", row["id"])
        if household is None or household.area == to or standing("event", acts.id_in(act, "in")):
            return []
        belonging = [record for kind, one in about if (record := standing(kind, one))]
        return pure.goes_away(household, belonging, door, day, ids_of(act))

    acts.carry_out("move", act, plan)
    flash(_("已迁到%(village)s。门牌卡还能用;原村扫码会看到迁到哪里。", village=page.places().name(to)))
    return to_timeline(row["id"])


def _targets(area: str) -> list[dict[str, Any]]:
    """Villages of the reader's own work, the present one left out, each with its township."""
    found = [one for one in others.areas_within(page.tables(), page.scope(), "") if one["level"] == 12 and not one["successor"]]
    return [one | {"township": page.places().level(one["code"], 9)} for one in found
            if one["code"] != area[:12] and may_work(one["code"], WORKERS)]  # fmt: skip


def _open_questions(row: dict[str, Any]) -> bool:
    ids = {"household": [row["id"]], "member": [one["id"] for one in households.members(page.tables(), page.scope(), [row["id"]])]}
    return any(others.conflicts_of(page.tables(), page.scope(), kind, of) for kind, of in ids.items() if of)


def _everything_about(id: str, area: str) -> list[tuple[str, str]]:
    tables, scope = page.tables(), page.scope()
    lists = {
        "member": households.members(tables, scope, [id]), "visit": households.visits(tables, scope, [id]),
        "issue": households.issues(tables, scope, [id]), "submission": households.submissions(tables, scope, [id]),
        "pairing": pairings_of(tables, scope, id), "event": events_of(tables, scope, id),
        "exemption": checks.exemptions_of(tables, scope, id),
    }  # fmt: skip
    return [*((kind, row["id"]) for kind, rows in lists.items() for row in rows), *_without_tables(id, area)]


def _without_tables(id: str, area: str) -> list[tuple[str, str]]:
    """Tasks and printed sheets about a household: few, and no page lists them."""
    found: list[tuple[str, str]] = []
    cursor, more = None, True
    scope = Scope(area_prefixes=(area,), kinds=("assignment", "sheet"))
    while more:
        some = node().store.pull(scope, cursor, 1_000)
        found += [(one.kind, one.id) for one in some.records if not one.deleted and one.fields.get("household_id") == id]
        cursor, more = some.cursor, some.more
    return found


def _active(id: str) -> list[dict[str, Any]]:
    return [one for one in households.members(page.tables(), page.scope(), [id]) if one["state"] in ACTIVE]


def _standing(kind: str, ids: list[str]) -> list[Record]:
    return [record for one in ids if (record := standing(kind, one))]


def _typed(name: str) -> str:
    return " ".join(request.form.get(name, "").split())[:40]


