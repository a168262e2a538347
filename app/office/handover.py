"""Handover 交接: what a helper has goes to a successor in one act, can be given back the same way, and can be repeated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as AnyResponse

from app import pairing as pure
from app.access import office
from app.auth import in_scope
from app.errors import Problem
from app.node import node
from app.office import acts, blueprint, page
from app.office.helpers import MANAGERS
from app.office.names import Names
from app.office.roll_files import Lines, roll
from app.pairing import Helper
from app.steps import Step
from app.tables import households, others, pairings
from forms.lives import is_running
from sync.records import Record, Scope
from sync.scope import ROLES, grants_of, prefixes_of, within

AT_ONCE = 400
"""Households of one commit: each has a handful of ops. More than these are handed over in several, each whole."""


@blueprint.get("/handover")
@office(*MANAGERS)
def handover() -> str:
    """From whom to whom; then everything that would go, with counts."""
    old, new = _somebody("from"), _somebody("to")
    area, places = page.area_wish(), page.places_wish()
    again = request.args.get("again", "")
    offered = _offered(old, places, again) if old else None
    return page.show(
        "handover.html",
        people=_people(),
        old=old,
        new=new,
        area=area,
        again=again,
        villages=page.villages(),
        offered=offered,
        beyond=_beyond(new, offered) if new and offered else [],
        act=acts.new_act(),
        today=page.today(),
        handovers=pairings.handovers(page.tables(), page.scope()),
        known=page.names({one["taken_from"] for one in pairings.handovers(page.tables(), page.scope())}),
    )


@roll("handovers", of=handover, title=_l("帮扶交接"), head=(_l("交接日期"), _l("交出人"), _l("接手人"), _l("户数")))
def _lines() -> Lines:
    """Those made so far, the latest first."""
    rows, names = pairings.handovers(page.tables(), page.scope(), -1), Names()
    return Lines.of([one["started"], names.of(one["taken_from"]), one["to_name"] or "", str(one["households"])] for one in rows)


@blueprint.post("/handover")
@office(*MANAGERS)
def hand_over() -> AnyResponse:
    """The chosen households, with what belongs to the helper in each; the posts and other issues when they are ticked."""
    act, day = acts.asked_act(), acts.asked_day()
    old, new = _somebody("from"), _somebody("to")
    if old is None or new is None:
        raise Problem("not_found")
    if old.id == new.id:
        raise Problem("bad_request", message=_("交出人和接手人是同一个人。"), next=_("退回上一页另选接手人。"))
    offered = _offered(old, page.places_wish(), request.args.get("again", ""))
    wanted = set(request.form.getlist("household"))
    chosen = [row for row in offered["households"] if row["id"] in wanted]
    with_posts = request.form.get("posts") == "1"
    with_issues = request.form.get("issues") == "1"
    places = {row["area"] for row in chosen} | {row["area"] for row in (offered["posts"] if with_posts else [])}
    places |= {row["area"] for row in (offered["issues"] if with_issues else [])}
    if not places:
        raise Problem("bad_request", message=_("没有选中要交接的内容。"), next=_("退回上一页,至少勾选一户。"))
    if lacking := _lacking(new, places):
        names = "、".join(page.places().name(one) for one in lacking[:6])
        words = _("%(name)s 的账号还管不到:%(places)s。没有交接。", name=new.fields.get("name", ""), places=names)
        raise Problem("bad_request", message=words, next=_("先到“人员”页给接手人这些村的权限,再来交接。"))
    _carry_out(old, new, day, act, chosen, offered["posts"] if with_posts else [], offered["issues"] if with_issues else [])
    flash(_("已把 %(n)s 户交给 %(name)s。", n=len(chosen), name=new.fields.get("name", "")))
    return redirect(url_for("office.handover"), 303)


def _carry_out(
    old: Record, new: Record, day: str, act: str,
    chosen: Sequence[dict[str, Any]], posts: Sequence[dict[str, Any]], others_issues: Sequence[dict[str, Any]],
) -> None:  # fmt: skip
    """In pieces of whole households, each one commit. A household is never half handed over; whoever repeats an act that was
    cut off finds the rest."""
    leaves, takes = _helper(old), _helper(new)
    tasks = _tasks(old.id)

    def ids(what: str) -> str:
        return acts.id_in(act, what)

    def of_some(rows: Sequence[dict[str, Any]]) -> list[Step]:
        steps: list[Step] = []
        for row in rows:
            household = _record("household", row["id"])
            if household is None:
                continue
            paired = _records("pairing", pairings.pairings_of(page.tables(), page.scope(), row["id"]))
            issues = _records("issue", households.issues(page.tables(), page.scope(), [row["id"]]))
            of_it = [one for one in tasks if one.fields.get("household_id") == row["id"]]
            steps += pure.handed_over(household, paired, issues, of_it, leaves, takes, day, act, ids)
        return steps

    def of_the_rest() -> list[Step]:
        steps = [step for one in _records("issue", others_issues) for step in pure.issue_handed_over(one, leaves, takes)]
        for one in _records("pairing", posts):
            if not one.fields.get("ended"):
                steps += pure.post_handed_over(one, takes, day, act, ids)
        return steps

    for at in range(0, len(chosen), AT_ONCE):
        acts.carry_out("handover", act, lambda at=at: of_some(chosen[at : at + AT_ONCE]))  # type: ignore[misc]
    if posts or others_issues:
        acts.carry_out("handover", act, of_the_rest)


def _offered(old: Record, area: str, again: str) -> dict[str, list[dict[str, Any]]]:
    """What a helper has in the reader's places. again: only what that earlier handover brought them."""
    tables, scope, who = page.tables(), page.scope(), _helper(old)
    rows = pairings.to_hand_over(tables, scope, who.id, who.name, area)
    running = [one for one in pairings.posts(tables, scope, area) if who.is_in(one) and is_running(one, page.today())]
    if again:
        brought = pairings.handed_over_by(tables, scope, again)
        ids = {one["household_id"] for one in brought} - {""}
        rows = [row for row in rows if row["id"] in ids]
        running = [one for one in running if one["handover"] == again]
    beside = [] if again else pairings.other_issues(tables, scope, who.id, [row["id"] for row in rows], area)
    return {"households": rows, "posts": running, "issues": beside}


def _beyond(new: Record, offered: dict[str, list[dict[str, Any]]]) -> list[str]:
    return _lacking(new, {row["area"] for rows in offered.values() for row in rows})


def _lacking(new: Record, places: set[str]) -> list[str]:
    """Of these places, those the successor may not work in on a phone."""
    prefixes = prefixes_of([grant for grant in grants_of(new) if ROLES[grant.role].phone])
    return sorted({area[:12] for area in places if not within(area, prefixes)})


def _somebody(name: str) -> Record | None:
    """The person the address names, in the reader's places; None when it names none."""
    id = request.args.get(name, "")
    if not id:
        return None
    record = _record("user", id)
    if record is None or not in_scope(record.area):
        raise Problem("not_found")
    return record


def _people() -> list[dict[str, Any]]:
    """Everybody of the reader's places, those who are off as well: their households are what has to be handed over."""
    everybody = others.users_by_id(page.tables(), page.scope()).values()
    return sorted((one for one in everybody if one["role"] in ROLES and ROLES[one["role"]].phone),
                  key=lambda one: (one["area"], one["name"] or one["username"]))  # fmt: skip


def _helper(record: Record) -> Helper:
    said = {name: str(record.fields.get(name) or "") for name in ("name", "username", "unit", "phone")}
    return Helper(record.id, said["name"] or said["username"], said["unit"], said["phone"])


def _tasks(user: str) -> list[Record]:
    """The tasks that are a person's in the reader's places."""
    found: list[Record] = []
    scope, cursor, more = Scope(area_prefixes=page.scope().area_prefixes, kinds=("assignment",)), None, True
    while more:
        some = node().store.pull(scope, cursor, 1_000)
        found += [one for one in some.records if not one.deleted and one.fields.get("assignee") == user]
        cursor, more = some.cursor, some.more
    return found


def _record(kind: str, id: str) -> Record | None:
    record = node().store.get(kind, id)
    return None if record is None or record.deleted else record


def _records(kind: str, rows: Sequence[dict[str, Any]]) -> list[Record]:
    return [record for row in rows if (record := _record(kind, row["id"]))]
