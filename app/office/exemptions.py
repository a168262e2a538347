"""Exemptions 豁免: a finding that is right as it is, with reason and evidence, approved by somebody else, for a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from flask import Response, flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as AnyResponse

from app.access import office
from app.auth import current_user
from app.errors import Problem
from app.i18n import language
from app.node import node
from app.office import blueprint, page
from app.office.checks import told
from app.office.evidence import download, taken
from app.office.names import Names
from app.office.roll_files import PLACE, Lines, place_of, roll
from app.tables import checks
from app.tables.checks import APPROVED, ENDED, REJECTED, REQUESTED
from app.tables.query import Row
from sync.author import Author
from sync.ids import new_id
from sync.own import write_own
from sync.records import Op
from sync.scope import prefixes_of, within

APPROVERS = ("township", "county")
LONGEST_DAYS = 366
STATES = {
    REQUESTED: ("待审", "Waiting"),
    APPROVED: ("已豁免", "Exempted"),
    REJECTED: ("没有同意", "Refused"),
    ENDED: ("已撤销", "Ended"),
}


@blueprint.get("/exemptions")
@office()
def exemptions() -> str:
    state = state_asked()
    found = checks.find_exemptions(page.tables(), page.scope(), state, page.places_wish(), page.page_number())
    people = page.names([row[name] for row in found.rows for name in ("asked_by", "approver")])
    return page.show("exemptions.html", found=found, state=state, states=_states(), told=told, people=people,
                     may=_may_approve, me=current_user().id, today=page.today(), longest=_latest(),
                     area=page.area_wish(), villages=page.villages())  # fmt: skip


@roll("exemptions", of=exemptions, title=_l("豁免表"),
      head=(*PLACE, _l("姓名"), _l("疑点"), _l("状态"), _l("理由"), _l("佐证材料"), _l("申请人"), _l("申请日期"), _l("审批人"),
            _l("审批意见"), _l("有效期到")))  # fmt: skip
def _lines() -> Lines:
    """What is handed up: what was found, why it stays, who agreed until when."""
    wish = (page.tables(), page.scope(), state_asked(), page.places_wish())
    return Lines(checks.find_exemptions(*wish).total, _cells(checks.each_exemption(*wish)))


def _cells(rows: Iterator[Row]) -> Iterator[list[str]]:
    names, words = Names(), dict(_states())
    for row in rows:
        state = words.get(row["state"], row["state"])
        yield [*place_of(row), row["full_name"] or "", told(row)["message"], state, row["reason"] or "",
               _("有") if row["evidence"] else "", names.of(row["asked_by"]), row["asked_on"] or "", names.of(row["approver"]),
               row["answer"] or "", row["valid_until"] or ""]  # fmt: skip


def state_asked() -> str:
    state = request.args.get("state", "")
    return state if state in STATES else ""


def _states() -> list[tuple[str, str]]:
    return [(code, pair[language() == "en"]) for code, pair in STATES.items()]


@blueprint.post("/exemptions")
@office("cadre", "township", "county")
def ask_exemption() -> AnyResponse:
    """Somebody says that a finding is right as it is; nothing changes until another person agrees."""
    finding = checks.finding(page.tables(), page.scope(), request.form.get("key", ""))
    if finding is None:
        raise Problem("not_found")
    reason = request.form.get("reason", "").strip()[:500]
    if len(reason) < 4:
        raise Problem("bad_request", message=_("请写明为什么可以豁免。"), next=_("退回上一页写好理由再提交。"))
    evidence = next(iter(taken("evidence")), None)
    fields = {
        "household_id": finding["household_id"], "member_id": finding["member_id"], "rule": finding["rule"],
        "reason": reason, "state": REQUESTED, "asked_by": current_user().id, "asked_on": page.today(),
        "approver": "", "answer": "", "valid_until": "", "evidence": evidence.sha256 if evidence else "",
    }  # fmt: skip
    blobs = [evidence] if evidence else []

    def make(author: Author) -> list[Op]:
        return [author.create("exemption", new_id(), finding["area"], fields, blobs=blobs)]

    write_own(node().store, "checks", current_user().id, make, clock=node().now)
    flash(_("豁免申请已提交,要由乡镇或区县的另一个人审批。"))
    return redirect(url_for("office.household", id=finding["household_id"]) + "#findings", 303)


@blueprint.post("/exemptions/<id>")
@office(*APPROVERS)
def answer_exemption(id: str) -> AnyResponse:
    """Agree until a day, refuse with a reason, or end one that holds."""
    row = checks.exemption(page.tables(), page.scope(), id)
    if row is None or not _may_approve(row):
        raise Problem("not_found")
    wish = request.form.get("answer", "")
    changes = _answer(row, wish)
    if changes is None:
        raise Problem("bad_request", message=_("这一条已经有人处理过了。"), next=_("刷新页面看现在的状态。"))

    def make(author: Author) -> list[Op]:
        record = node().store.get("exemption", id)
        if record is None or record.deleted or record.fields.get("state") != row["state"]:
            return []
        steps = {name: (record.fields.get(name, ""), value) for name, value in changes.items()}
        return [author.update("exemption", id, record.area, steps, base_rev=record.rev)]

    made = write_own(node().store, "checks", current_user().id, make, clock=node().now)
    flash(_("已保存。") if made else _("这一条已经有人处理过了。"))
    return redirect(url_for("office.exemptions", state=REQUESTED), 303)


def _answer(row: Mapping[str, Any], wish: str) -> dict[str, str] | None:
    """The fields an answer sets; None when it does not fit the state. Raises Problem for a missing day or reason."""
    me, words = current_user().id, request.form.get("words", "").strip()[:500]
    if row["state"] == REQUESTED and wish == "agree":
        until = page_day(request.form.get("valid_until", ""))
        return {"state": APPROVED, "approver": me, "answer": words, "valid_until": until}
    if row["state"] == REQUESTED and wish == "refuse":
        if not words:
            raise Problem("bad_request", message=_("请写明为什么不同意。"), next=_("退回上一页写好再提交。"))
        return {"state": REJECTED, "approver": me, "answer": words}
    if row["state"] == APPROVED and wish == "end":
        return {"state": ENDED, "approver": me, "answer": words or row["answer"]}
    return None


def page_day(text: str) -> str:
    """The last day an exemption holds: from today to a year ahead. Raises Problem."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    today = date.fromisoformat(page.today())
    if not today <= day <= today + timedelta(days=LONGEST_DAYS):
        raise Problem("bad_request", message=_("豁免要有到期日,最长一年。"), next=_("退回上一页选好日期再提交。"))
    return day.isoformat()


def _latest() -> str:
    return (date.fromisoformat(page.today()) + timedelta(days=LONGEST_DAYS)).isoformat()


def _may_approve(row: Mapping[str, Any]) -> bool:
    """Another person than the one who asked, whose office covers the place."""
    grants = [grant for grant in current_user().grants if grant.role in APPROVERS]
    return row["asked_by"] != current_user().id and within(row["area"], prefixes_of(grants))


@blueprint.get("/exemptions/<id>/evidence")
@office()
def exemption_evidence(id: str) -> Response:
    row = checks.exemption(page.tables(), page.scope(), id)
    if row is None or not row["evidence"] or not node().store.has_blob(row["evidence"]):
        raise Problem("not_found")
    return download(row["evidence"])
