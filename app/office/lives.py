"""A household's changes at the office: what it counts as, who comes, who goes. Each is one act with its day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from app import lives as pure
from app.access import office
from app.auth import current_user
from app.codelists import code_lists
from app.errors import Problem
from app.idnumber import EMPTY, OK, read_id
from app.lives import Day
from app.node import node
from app.office import acts, blueprint, page
from app.office.eyes import in_lists
from app.steps import Step, text
from app.tables import households
from app.tables.duplicates import likely_people
from app.tables.lives import events_of
from forms.lives import JOIN_REASONS, LEAVE_REASONS, LEFT, MONITORED, STATUS_EVENTS, TO_ANOTHER, may_follow
from sync.records import Record
from sync.scope import prefixes_of, within

WORKERS = ("cadre", "township", "county")
DECIDERS = ("township", "county")
LONGEST_NOTE = 500
ACTIVE = ("", "active")
_LEFT_FOR = {"married_in": "married_out"}
"""Why somebody left the other household, by why they come to this one."""
_CAME_FOR = {"married_out": "married_in"}


# --- what it counts as ------------------------------------------------------------------------------------------


@blueprint.get("/households/<id>/status")
@office(*DECIDERS)
def household_status(id: str) -> str:
    row = home(id, DECIDERS)
    known = events_of(page.tables(), page.scope(), row["id"])
    return page.show(
        "household_status.html", row=row, known=[one for one in known if one["what"] in STATUS_EVENTS],
        usual=may_follow(row["status"]), every=STATUS_EVENTS, act=acts.new_act(), today=page.today(),
    )  # fmt: skip


@blueprint.post("/households/<id>/status")
@office(*DECIDERS)
def change_status(id: str) -> AnyResponse:
    """A dated entry; the latest one decides what the household counts as."""
    row = home(id, DECIDERS)
    act, what = acts.asked_act(), request.form.get("what", "")
    if what not in STATUS_EVENTS:
        raise Problem("bad_request", message=_("请选是什么变动。"), next=_("退回上一页补好再保存。"))
    day = asked_day()
    if any(one["what"] == what and one["date"] == day.date for one in events_of(page.tables(), page.scope(), row["id"])):
        raise Problem("bad_request", message=_("同一天的这项变动已经记过了。"), next=_("回户页看“身份和家庭变动”。"))
    more = {"monitor_type": code("monitor_type"), "risks": " ".join(codes("risk_kind"))} if what == MONITORED else {}
    more = {name: value for name, value in more.items() if value}

    def plan() -> list[Step]:
        household = standing("household", row["id"])
        if household is None or standing("event", acts.id_in(act, "event")):
            return []
        known = events_of(page.tables(), page.scope(), row["id"])
        return pure.status_entry(household, known, what, day, more, ids_of(act))

    acts.carry_out("status", act, plan)
    flash(_("已记下。"))
    return to_timeline(row["id"])


# --- who comes and goes -----------------------------------------------------------------------------------------


@blueprint.get("/households/<id>/people")
@office(*WORKERS)
def household_people(id: str) -> str:
    return _people_page(home(id, WORKERS))


@blueprint.post("/households/<id>/leave")
@office(*WORKERS)
def member_leaves(id: str) -> AnyResponse:
    """Died, married out, moved, abroad, in prison: from that day not in this household."""
    row = home(id, WORKERS)
    act, reason, day = acts.asked_act(), request.form.get("reason", ""), asked_day()
    member_id, heir_id, other = request.form.get("member", ""), request.form.get("heir", ""), _other_household()
    staying = {one["id"] for one in _active(row["id"])}
    if member_id not in staying or reason not in LEAVE_REASONS or heir_id == member_id or (heir_id and heir_id not in staying):
        raise Problem("bad_request", message=_("请选谁、为什么离开。"), next=_("退回上一页补好再保存。"))
    if other and (reason not in TO_ANOTHER or other["id"] == row["id"]):
        raise Problem("bad_request", message=_("只有嫁出和转出能选去了哪一户。"), next=_("退回上一页改好再保存。"))
    leaving = standing("member", member_id)
    if leaving is not None and text(leaving.fields, "relation") == pure.HEAD and len(staying) > 1 and not heir_id:
        raise Problem("bad_request", message=_("离开的是户主,请选新户主。"), next=_("退回上一页补好再保存。"))

    def plan() -> list[Step]:
        household, member = standing("household", row["id"]), standing("member", member_id)
        if household is None or member is None or standing("event", acts.id_in(act, "left")):
            return []
        heir = standing("member", heir_id)
        if other is None:
            return pure.leaves(household, member, reason, day, heir, ids_of(act))
        after = standing("household", other["id"])
        if after is None:
            return []
        came = (reason, _CAME_FOR.get(reason, "moved_in"))
        return pure.goes_to(household, member, after, came, "99", _next_line(after.id), day, heir, False, ids_of(act))

    acts.carry_out("member", act, plan)
    flash(_("已记下。请核对其他人与户主的关系。") if heir_id else _("已记下。"))
    return to_timeline(row["id"])


@blueprint.post("/households/<id>/join")
@office(*WORKERS)
def member_joins(id: str) -> AnyResponse | str:
    """Born, married in, moved in. Somebody who is in the register already comes with the same record, once a person has said so."""
    row = home(id, WORKERS)
    act, reason, day = acts.asked_act(), request.form.get("reason", ""), asked_day()
    if reason not in JOIN_REASONS:
        raise Problem("bad_request", message=_("请选增加原因。"), next=_("退回上一页补好再保存。"))
    known_id = request.form.get("member", "")
    if known_id:
        _comes(row, known_id, reason, day, act)
    else:
        fields = typed_member()
        likely = likely_people(node().tables, page.scope(), fields, row["area"])
        if likely and request.form.get("sure") != "1":
            return _people_page(row, typed=dict(request.form), likely=[candidate(one, row["id"]) for one in likely])
        line = _next_line(row["id"])

        def plan() -> list[Step]:
            household = standing("household", row["id"])
            if household is None or standing("member", acts.id_in(act, "member")):
                return []
            return pure.is_added(household, fields | {"line": line}, reason, day, ids_of(act))

        acts.carry_out("member", act, plan)
    flash(_("已记下。"))
    return to_timeline(row["id"])


def _comes(row: Mapping[str, Any], known_id: str, reason: str, day: Day, act: str) -> None:
    """With the record they have, wherever in the reader's places that is."""
    record = standing("member", known_id)
    before_id = text(record.fields, "household_id") if record else ""
    if record is None or households.household(page.tables(), page.scope(), before_id) is None or not may_work(record.area, WORKERS):
        raise Problem("not_found")
    if before_id == row["id"] and text(record.fields, "state") in ACTIVE:
        raise Problem("bad_request", message=_("这个人就在这一户。"), next=_("退回上一页核对。"))
    relation, line = code("relation") or "99", _next_line(row["id"])
    told = any(one["what"] == LEFT and one["member_id"] == known_id for one in events_of(page.tables(), page.scope(), before_id))
    has_left = told and text(record.fields, "state") not in ACTIVE

    def plan() -> list[Step]:
        member, after = standing("member", known_id), standing("household", row["id"])
        before = standing("household", text(member.fields, "household_id")) if member else None
        if member is None or after is None or before is None or standing("event", acts.id_in(act, "joined")):
            return []
        why = (_LEFT_FOR.get(reason, "moved_out"), reason)
        return pure.goes_to(before, member, after, why, relation, line, day, None, has_left, ids_of(act))

    acts.carry_out("member", act, plan)


def _people_page(row: dict[str, Any], typed: Mapping[str, str] | None = None, likely: Any = ()) -> str:
    return page.show(
        "household_people.html", row=row, typed=typed or {}, members=_active(row["id"]), likely=likely, act=acts.new_act(),
        today=page.today(), join_reasons=JOIN_REASONS, leave_reasons=LEAVE_REASONS,
    )  # fmt: skip


def candidate(one: dict[str, Any], here: str) -> dict[str, Any]:
    """Somebody in the register whom the typed one may be; numbers as the reader may see them."""
    return in_lists(one["area"]).fields(one) | {"here": one["household_id"] == here, "active": one["state"] in ACTIVE}


def typed_member() -> dict[str, str]:
    """Raises Problem for what is missing or cannot be."""
    typed = {name: " ".join(request.form.get(name, "").split())[:60] for name in ("full_name", "id_no", "birth_date", "phone")}
    again = _("退回上一页改好再保存。")
    if not typed["full_name"]:
        raise Problem("bad_request", message=_("请填姓名。"), next=again)
    number = read_id(typed["id_no"], date.fromisoformat(page.today()))
    if number.fault not in (OK, EMPTY):
        raise Problem("bad_request", message=_("证件号码不对,请对照证件再填。"), next=again)
    born = typed["birth_date"] or number.born
    if born:
        try:
            born = date.fromisoformat(born).isoformat()
        except ValueError:
            raise Problem("bad_request", message=_("出生日期不对。"), next=again) from None
        if born > page.today():
            raise Problem("bad_request", message=_("出生日期不能在今天以后。"), next=again)
    told = {"sex": code("sex") or number.sex, "relation": code("relation") or "99"}
    return typed | told | {"id_no": number.text, "birth_date": born}


def _active(id: str) -> list[dict[str, Any]]:
    return [one for one in households.members(page.tables(), page.scope(), [id]) if one["state"] in ACTIVE]


def _next_line(id: str) -> str:
    lines = [int(one["line"]) for one in households.members(page.tables(), page.scope(), [id]) if one["line"].isdigit()]
    return str(max(lines, default=0) + 1)


def _other_household() -> dict[str, Any] | None:
    """The household somebody went to, found by its code or number; None when none was typed."""
    typed = request.form.get("other", "").strip()
    if not typed:
        return None
    found = households.by_number(page.tables(), page.scope(), typed)
    if len(found) != 1 or not may_work(found[0]["area"], WORKERS):
        words = _("没有找到那一户,或不止一户。请填入户码或户编号。")
        raise Problem("bad_request", message=words, next=_("退回上一页改好;不知道是哪户就空着。"))
    return found[0]


# --- shared with splitting and moving ------------------------------------------------------------------------------


def home(id: str, roles: tuple[str, ...]) -> dict[str, Any]:
    """The household, 404 unless the reader works on it in one of the roles."""
    row = households.household(page.tables(), page.scope(), id)
    if row is None or not may_work(row["area"], roles):
        raise Problem("not_found")
    return row


def may_work(area: str, roles: tuple[str, ...]) -> bool:
    return within(area, prefixes_of([grant for grant in current_user().grants if grant.role in roles]))


def standing(kind: str, id: str) -> Record | None:
    """The record as it stands in the store; None for none or a removed one."""
    record = node().store.get(kind, id) if id else None
    return None if record is None or record.deleted else record


def ids_of(act: str) -> Callable[[str], str]:
    return lambda what: acts.id_in(act, what)


def asked_day() -> Day:
    return Day(acts.asked_day(), request.form.get("note", "").strip()[:LONGEST_NOTE])


def code(list_name: str, field: str = "") -> str:
    typed = request.form.get(field or list_name, "")
    return typed if typed in code_lists()[list_name] else ""


def codes(list_name: str) -> list[str]:
    return [one for one in request.form.getlist(list_name) if one in code_lists()[list_name]]


def to_timeline(id: str) -> AnyResponse:
    return redirect(url_for("office.household", id=id, _anchor="timeline"), 303)
