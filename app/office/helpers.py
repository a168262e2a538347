"""Who helps whom 帮扶结对: pairings with their dates, households without a valid helper, posts in the villages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as AnyResponse

from app import pairing as pure
from app.access import office
from app.auth import current_user
from app.codelists import code_lists
from app.errors import Problem
from app.i18n import language
from app.node import node
from app.office import acts, blueprint, page, words
from app.office.eyes import sight_of
from app.office.roll_files import PLACE, Lines, place_of, roll
from app.pairing import Helper, Pairing
from app.steps import Step
from app.tables import households, others, pairings
from app.tables.pairings import REASONS, Doubts
from app.tables.query import Row
from forms.lives import is_running
from sync.records import Record
from sync.scope import ROLES, grants_of, prefixes_of, within

MANAGERS = ("township", "county")
WHY = {
    "none": _l("没有帮扶责任人"), "ended": _l("结对已结束,没有接上"), "stopped": _l("账号已停用"), "away": _l("账号管不到这个村了"),
    "relative": _l("是这户的亲属"), "differs": _l("户册和结对写的不是同一个人"), "undated": _l("没有结对日期"),
}  # fmt: skip
POSTS = ("first_secretary", "team")
MOST_PEOPLE = 500
_ROLL = ("helper_role", "helper_name", "unit", "unit_level", "phone", "helper_relation", "started", "ended", "end_reason")
_TEXTS = {"helper_name": 40, "unit": 80, "phone": 20}


@blueprint.get("/helpers", endpoint="helpers")
@office()
def helper_list() -> str:
    """Households without a valid helper, and the posts of the villages."""
    tables, scope, area, places = page.tables(), page.scope(), page.area_wish(), page.places_wish()
    why = request.args.get("why", "")
    doubts = doubts_now()
    counts = pairings.counts_of_doubts(tables, scope, doubts, places)
    return page.show(
        "helpers.html",
        found=pairings.without_valid_helper(tables, scope, doubts, counts, area=places, why=why, page=page.page_number()),
        counts=[(one, WHY[one], counts.get(one, 0)) for one in REASONS],
        all=sum(counts.get(one, 0) for one in REASONS if one != "undated"),
        valid=counts.get("", 0) + counts.get("undated", 0),
        why=why if why in REASONS else "",
        words=WHY,
        area=area,
        villages=page.villages(),
        posts=pairings.posts(tables, scope, places),
        running=lambda row: is_running(row, page.today()),
        manages=_manages(),
        people=_people(area) if area else [],
        act=acts.new_act(),
        today=page.today(),
    )


def _roll_head() -> list[Any]:
    labels = [words.field_label("pairing", name, language()) for name in _ROLL]
    return [*PLACE, words.field_label("household", "status", language()), *labels]


@roll("helpers", of=helper_list, title=_l("结对帮扶花名册"), head=_roll_head)
def _pairing_lines() -> Lines:
    """Every pairing with its dates, those that ended too, and the posts of the villages."""
    wish = (page.tables(), page.scope(), page.places_wish())
    return Lines(pairings.count_of(*wish), _pairing_cells(pairings.each_pairing(*wish)))


def _pairing_cells(rows: Iterator[Row]) -> Iterator[list[str]]:
    lang = language()
    for row in rows:
        told = [words.value_in_words("pairing", name, row[name] or "", lang) for name in _ROLL]
        yield [*place_of(row), _status(row["status"]), *told]


@roll("helper_doubts", of=helper_list, title=_l("要核对帮扶责任人的户"),
      head=(*PLACE, _l("户类型"), _l("为什么"), _l("户册上的帮扶人"), _l("单位")))  # fmt: skip
def _doubt_lines() -> Lines:
    tables, scope, places, doubts = page.tables(), page.scope(), page.places_wish(), doubts_now()
    counts = pairings.counts_of_doubts(tables, scope, doubts, places)
    found = pairings.without_valid_helper(tables, scope, doubts, counts, area=places, why=request.args.get("why", ""), whole=True)
    return Lines(found.total, _doubt_cells(found.rows))


def _doubt_cells(rows: Sequence[Row]) -> Iterator[list[str]]:
    for row in rows:
        yield [*place_of(row), _status(row["status"]), str(WHY[row["why"]]), row["helper_name"] or "", row["helper_unit"] or ""]


def _status(code: str | None) -> str:
    return words.label_of("household_status", code, language()) if code else ""


def doubts_now() -> Doubts:
    """Which helpers' accounts are off, and which may not work where their households are."""
    may: dict[str, tuple[str, ...]] = {}
    stopped, away = set(), set()
    for row in pairings.helpers_at_work(page.tables(), page.scope()):
        if row["helper"] not in may:
            may[row["helper"]] = prefixes_of(grants_of(node().store.get("user", row["helper"])))
        if not may[row["helper"]]:
            stopped.add(row["helper"])
        elif not within(row["village"], may[row["helper"]]):
            away.add(f"{row['helper']}|{row['village']}")
    return Doubts(page.today(), stopped, away)


def helping(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a household's page shows of its helpers."""
    found = pairings.pairings_of(node().tables, page.scope(), row["id"])
    sight = sight_of(row["area"], row["id"])
    manages = _manages_in(row["area"])
    return {
        "pairings": [sight.fields(one) | {"running": is_running(one, page.today())} for one in found],
        "helpers_of_village": [
            one for one in pairings.posts(page.tables(), page.scope(), row["area"]) if is_running(one, page.today())
        ],
        "may_pair": manages,
        "people_to_pair": _people(row["area"]) if manages else [],
        "act": acts.new_act(),
        "today": page.today(),
    }


@blueprint.post("/households/<id>/helper")
@office(*MANAGERS)
def pair_household(id: str) -> AnyResponse:
    """A helper for this household from a day on; the one before ends that day."""
    row, act, role = _household(id), acts.asked_act(), _code("helper_role")
    if not role:
        raise Problem("bad_request")
    who, why = _typed_helper(row["area"]), _code("pairing_end") or "other"
    new = Pairing(role, who, _code("helper_relation"), acts.asked_day("started"), why)
    rows = pairings.pairings_of(page.tables(), page.scope(), row["id"])

    def plan() -> list[Step]:
        household = _record("household", row["id"])
        if _record("pairing", acts.id_in(act, "pairing")) is not None or household is None:
            return []
        known = [one for other in rows if (one := _record("pairing", other["id"]))]
        return pure.paired(household, known, new, lambda what: acts.id_in(act, what))

    acts.carry_out("pairing", act, plan)
    flash(_("已保存帮扶结对。"))
    return redirect(url_for("office.household", id=row["id"], _anchor="helpers"), 303)


@blueprint.post("/posts")
@office(*MANAGERS)
def add_post() -> AnyResponse:
    """First secretary or team member of a village, from a day on."""
    village, role = request.form.get("village", ""), request.form.get("helper_role", "")
    if role not in POSTS or not _manages_in(village) or village not in {one["code"] for one in page.villages()}:
        raise Problem("not_found")
    act = acts.asked_act()
    new = Pairing(role, _typed_helper(village), "", acts.asked_day("started"))

    def plan() -> list[Step]:
        known = _record("pairing", acts.id_in(act, "pairing"))
        return [] if known else pure.post(village, new, lambda what: acts.id_in(act, what))

    acts.carry_out("pairing", act, plan)
    flash(_("已保存。"))
    return redirect(url_for("office.helpers", village=village, _anchor="posts"), 303)


@blueprint.post("/pairings/<id>/end")
@office(*MANAGERS)
def end_pairing(id: str) -> AnyResponse:
    """A pairing or post ends on a day."""
    record = _record("pairing", id)
    if record is None or not _manages_in(record.area):
        raise Problem("not_found")
    act = acts.asked_act()
    day, reason, home = acts.asked_day("ended"), _code("pairing_end") or "other", str(record.fields.get("household_id") or "")
    if day < str(record.fields.get("started") or ""):
        raise Problem("bad_request", message=_("结束日期不能早于开始日期。"), next=_("退回上一页改好再保存。"))

    def plan() -> list[Step]:
        current = _record("pairing", id)
        return pure.ended(current, _record("household", home), day, reason) if current and not current.fields.get("ended") else []

    acts.carry_out("pairing", act, plan)
    flash(_("已结束这项结对。"))
    if not home:
        return redirect(url_for("office.helpers", village=record.area, _anchor="posts"), 303)
    return redirect(url_for("office.household", id=home, _anchor="helpers"), 303)


# --- shared ---------------------------------------------------------------------------------------------------


def _record(kind: str, id: str) -> Record | None:
    record = node().store.get(kind, id) if id else None
    return None if record is None or record.deleted else record


def _household(id: str) -> dict[str, Any]:
    row = households.household(page.tables(), page.scope(), id)
    if row is None or not _manages_in(row["area"]):
        raise Problem("not_found")
    return row


def _manages() -> bool:
    return bool(current_user().roles & set(MANAGERS))


def _manages_in(area: str) -> bool:
    return bool(area) and within(area, prefixes_of([grant for grant in current_user().grants if grant.role in MANAGERS]))


def _people(area: str) -> list[dict[str, Any]]:
    """Accounts that answer for a place."""
    return [one for one in others.people_over(page.tables(), page.scope(), area) if ROLES[one["role"]].phone][:MOST_PEOPLE]


def _code(list_name: str) -> str:
    code = request.form.get(list_name, "")
    return code if code in code_lists()[list_name] else ""


def _typed_helper(area: str) -> Helper:
    """An account of the place, or the name of somebody without one. Raises Problem."""
    typed = {name: " ".join(request.form.get(name, "").split())[:most] for name, most in _TEXTS.items()}
    id = request.form.get("helper", "")
    if id:
        known = next((one for one in _people(area) if one["id"] == id), None)
        if known is None:
            raise Problem("bad_request", message=_("这个人的账号管不到这个地方。"), next=_("退回上一页另选一个人。"))
        record = _record("user", id)
        own = {name: str((record.fields if record else {}).get(name) or "") for name in ("name", "unit", "phone")}
        return Helper(id, own["name"] or known["username"], typed["unit"] or own["unit"], typed["phone"] or own["phone"],
                      _code("unit_level"))  # fmt: skip
    if not typed["helper_name"]:
        raise Problem("bad_request", message=_("请选帮扶人,或写上姓名。"), next=_("退回上一页补好再保存。"))
    return Helper("", typed["helper_name"], typed["unit"], typed["phone"], _code("unit_level"))

