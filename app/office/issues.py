"""Issues 整改事项 at the office: raised by hand or from a finding, taken step by step until closed 销号."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from flask import Response, flash, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from app.access import office
from app.auth import current_user
from app.codelists import code_lists
from app.errors import Problem
from app.i18n import language
from app.node import node
from app.office import blueprint, evidence, page, words
from app.office.checks import told
from app.office.history import Step, steps
from app.office.mask import restored
from app.tables import checks, households, issues, others
from app.tables.issues import LATE, UNCLOSED, IssueWish
from forms.issues import (
    CLOSED,
    DAYS_TO_FIX,
    NEEDS_NOTE,
    OPEN,
    STEPS,
    SUBMITTED,
    changes,
    kind_of,
    lateness,
    state_of,
)
from forms.issues import steps as next_steps
from forms.rules.reading import shipped
from sync.author import Author
from sync.ids import new_id
from sync.own import write_own
from sync.records import Op
from sync.scope import prefixes_of, within

WORKERS = ("cadre", "township", "county")
ANSWERERS = ("township", "county")
LONGEST_NOTE = 1000
MOST_OWNERS = 500
_PEOPLE = ("owner_id", "raised_by", "submitted_by", "closed_by")
_HIDDEN = frozenset({"household_id", "submission_id", "member_id", "rule", "raised_by", "raised_on", "submitted_by",
                     "submitted_on", "closed_by", "closed_on", "evidence"})  # fmt: skip


def _lists() -> dict[str, list[tuple[str, str]]]:
    return {
        "late": [("overdue", _("已逾期")), ("soon", _("3 天内到期"))],
        "states": [(UNCLOSED, _("未销号")), *words.choices_of("issue_state", language())],
    }


def asked() -> IssueWish:
    """The wish in the address of a list or a file."""
    late, state, kind = (request.args.get(name, "") for name in ("late", "state", "kind"))
    return IssueWish(
        today=page.today(),
        area=page.places_wish(),
        state=state if state == UNCLOSED or state in code_lists().get("issue_state", {}) else "",
        kind=kind if kind in code_lists().get("problem_kind", {}) else "",
        late=late if late in LATE else "",
        owner=current_user().id if request.args.get("mine") == "1" else "",
        since=page.day_wish("since"),
        until=page.day_wish("until"),
    )


@blueprint.get("/issues", endpoint="issues")
@office()
def issue_list() -> str:
    """By place and lateness."""
    wish = asked()
    tables, scope = page.tables(), page.scope()
    return page.show(
        "issues.html",
        found=issues.find_issues(tables, scope, wish, page.page_number()),
        counts=issues.by_place(tables, scope, wish.today, wish.area),
        wish=wish,
        villages=page.villages(),
        lateness=lambda row: lateness(row, wish.today),
        days_late=lambda row: (date.fromisoformat(wish.today) - date.fromisoformat(row["deadline"])).days,
        may_raise=_may_raise(),
        **_lists(),
    )


@blueprint.get("/issues/<id>")
@office()
def issue(id: str) -> str:
    row = _issue(id)
    told_steps = steps(node().store.history("issue", id))
    people = page.names({step.actor for step in told_steps} | {row[name] for name in _PEOPLE})
    return page.show(
        "issue.html",
        row=row,
        late=lateness(row, page.today()),
        steps=_steps(row),
        waits_for_another=state_of(row) == SUBMITTED and "close" not in _steps(row),
        people=people,
        owners=_owners(row["area"]),
        may_change=_may_work(row["area"]) and state_of(row) != CLOSED,
        finding=told({"rule": row["rule"], "severity": "query"}) if row["rule"] else None,
        evidence=_shown_evidence(row),
        history=[_in_words(step, people) for step in told_steps],
    )


def _shown_evidence(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(SHA-256, picture | file | missing) of each piece."""
    found = []
    for sha256 in (row["evidence"] or "").split():
        kind = "missing"
        if node().store.has_blob(sha256):
            kind = "picture" if evidence.picture(sha256) is not None else "file"
        found.append((sha256, kind))
    return found


def _in_words(step: Step, people: Mapping[str, str]) -> dict[str, Any]:
    lang = language()
    lines = {line.name: line for line in step.lines if not line.confirmed}
    state = lines["state"].new if "state" in lines else ""
    return {
        "when": step.when,
        "who": people.get(step.actor, "") or _("系统"),
        "made": step.kind == "create",
        "state": state,
        "refused": step.status not in ("applied", "duplicate"),
        "pieces": len(lines["evidence"].new.split()) - len(lines["evidence"].old.split()) if "evidence" in lines else 0,
        "lines": [
            (words.field_label("issue", name, lang), words.value_in_words("issue", name, line.new, lang, people))
            for name, line in lines.items()
            if name not in _HIDDEN and name != "state" and line.new
        ],
    }


# --- raising one ------------------------------------------------------------------------------------------


@blueprint.get("/issues/new")
@office(*WORKERS)
def new_issue() -> str:
    """By hand, for one household."""
    home = _household(request.args.get("household", ""))
    deadline = (date.fromisoformat(page.today()) + timedelta(days=DAYS_TO_FIX)).isoformat()
    return page.show("issue_new.html", home=home, owners=_owners(home["area"]), today=page.today(), deadline=deadline)


@blueprint.post("/issues")
@office(*WORKERS)
def raise_issue() -> AnyResponse:
    home = _household(request.form.get("household", ""))
    fields = _typed(home["area"])
    at_once = request.form.get("at_once") == "1"
    result = request.form.get("result", "").strip()[:LONGEST_NOTE]
    if at_once and not result:
        raise Problem("bad_request", message=_("立行立改要写明已经怎么改的。"), next=_("退回上一页写好整改情况再提交。"))
    pieces = evidence.taken("evidence")
    shas = [one.sha256 for one in pieces]
    fields |= {"household_id": home["id"], "at_once": "yes" if at_once else "no"}
    fields |= {"evidence": " ".join(shas), "result": result}
    if at_once:
        fields |= changes("submit", fields, actor=current_user().id, today=page.today(), note=result, evidence=shas)
    id = _raise(home["area"], fields, pieces)
    flash(_("已登记,并申请销号,等另一个人核对。") if at_once else _("已登记。责任人的手机下次同步就会看到。"))
    return redirect(url_for("office.issue", id=id), 303)


@blueprint.post("/issues/from-finding")
@office(*WORKERS)
def raise_from_finding() -> AnyResponse:
    """One button: what the check says becomes an issue of the household's helper, to be worded further on its page."""
    finding = checks.finding(page.tables(), page.scope(), request.form.get("key", ""))
    if finding is None or not _may_work(finding["area"]):
        raise Problem("not_found")
    already = issues.unclosed_of_check(page.tables(), page.scope(), finding["household_id"], finding["member_id"], finding["rule"])
    if already:
        flash(_("这条疑点已经转过整改事项,还没销号。"))
        return redirect(url_for("office.issue", id=already), 303)
    home, said = _household(finding["household_id"]), told(finding)
    rule = shipped().rules.get(finding["rule"])
    who = f"{finding['full_name']}:" if finding["full_name"] else ""
    fields = {
        "household_id": home["id"], "member_id": finding["member_id"] or "", "rule": finding["rule"],
        "problem_kind": kind_of(rule.fields if rule else ()), "description": who + said["message"], "action": said["todo"],
        "owner_id": home["helper"] or "", "owner": home["helper_name"] or "", "owner_unit": home["helper_unit"] or "",
        "deadline": (date.fromisoformat(page.today()) + timedelta(days=DAYS_TO_FIX)).isoformat(), "at_once": "no",
    }  # fmt: skip
    id = _raise(home["area"], fields, [])
    owned = _("已转为整改事项,责任人是这一户的帮扶责任人,可以在这里改。")
    flash(owned if home["helper_name"] else _("已转为整改事项。请选责任人。"))
    return redirect(url_for("office.issue", id=id), 303)


def _raise(area: str, fields: Mapping[str, str], pieces: Sequence[Any]) -> str:
    id = new_id()
    whole = {"state": OPEN, "submission_id": "", "raised_by": current_user().id, "raised_on": page.today(), **fields}
    _write(lambda author: [author.create("issue", id, area, whole, blobs=pieces)])
    return id


def _typed(area: str) -> dict[str, str]:
    """Kind, words, owner and deadline as typed. Raises Problem for what is missing."""
    form = {name: request.form.get(name, "").strip()[:LONGEST_NOTE] for name in
            ("problem_kind", "description", "action", "owner_id", "owner", "owner_unit", "deadline")}  # fmt: skip
    again = _("退回上一页补好再保存。")
    if form["problem_kind"] not in code_lists().get("problem_kind", {}):
        raise Problem("bad_request", message=_("请选问题类型。"), next=again)
    if not form["description"]:
        raise Problem("bad_request", message=_("请写明是什么问题。"), next=again)
    if form["owner_id"]:
        owner = next((one for one in _owners(area) if one["id"] == form["owner_id"]), None)
        if owner is None:
            raise Problem("bad_request", message=_("这个责任人不在这一户所在的区域。"), next=_("退回上一页另选一个人。"))
        form |= {"owner": owner["name"] or owner["username"], "owner_unit": form["owner_unit"] or owner["unit"] or ""}
    if not (form["owner"] or form["owner_unit"]):
        raise Problem("bad_request", message=_("请写明责任人或责任单位。"), next=again)
    try:
        date.fromisoformat(form["deadline"])
    except ValueError:
        raise Problem("bad_request", message=_("请选整改期限。"), next=again) from None
    return form


# --- step by step -----------------------------------------------------------------------------------------


@blueprint.post("/issues/<id>")
@office(*WORKERS)
def step_issue(id: str) -> AnyResponse:
    """What was done, handing in, sending back, closing, reopening."""
    row, step = _issue(id), request.form.get("step", "")
    note = request.form.get("note", "").strip()[:LONGEST_NOTE]
    if step not in STEPS or not _may_work(row["area"]):
        raise Problem("not_found")
    if step not in _steps(row):
        words_ = _("现在不能这样做:状态已经变了,或者要由另一个人来销号。")
        raise Problem("bad_request", message=words_, next=_("刷新页面看现在的状态。"))
    if step in NEEDS_NOTE and not note:
        raise Problem("bad_request", message=_("请写明原因。"), next=_("退回上一页写好再提交。"))
    if step in ("progress", "submit") and not (note or row["result"]):
        raise Problem("bad_request", message=_("请写明整改情况。"), next=_("退回上一页写好再提交。"))
    pieces = evidence.taken("evidence") if step in ("progress", "submit") else []
    seen = state_of(row)

    def make(author: Author) -> list[Op]:
        record = node().store.get("issue", id)
        if record is None or record.deleted or state_of(record.fields) != seen:
            return []
        values = changes(step, record.fields, actor=current_user().id, today=page.today(), note=note,
                         evidence=[one.sha256 for one in pieces])  # fmt: skip
        return [author.update("issue", id, record.area, _steps_from(record.fields, values), base_rev=record.rev, blobs=pieces)]

    flash(_("已保存。") if _write(make) else _("别人刚处理过这一条,没有保存。请看现在的状态。"))
    return redirect(url_for("office.issue", id=id), 303)


@blueprint.post("/issues/<id>/change")
@office(*WORKERS)
def change_issue(id: str) -> AnyResponse:
    """Another owner, deadline or wording while it is not closed."""
    row = _issue(id)
    if not _may_work(row["area"]) or state_of(row) == CLOSED:
        raise Problem("not_found")
    values = {name: restored(value, str(row[name] or "")) for name, value in _typed(row["area"]).items()}

    def make(author: Author) -> list[Op]:
        record = node().store.get("issue", id)
        if record is None or record.deleted:
            return []
        changed = {name: value for name, value in values.items() if value != (record.fields.get(name) or "")}
        if not changed:
            return []
        return [author.update("issue", id, record.area, _steps_from(record.fields, changed), base_rev=record.rev)]

    flash(_("已保存。") if _write(make) else _("没有改动。"))
    return redirect(url_for("office.issue", id=id), 303)


@blueprint.get("/issues/<id>/evidence/<sha256>")
@office()
def issue_evidence(id: str, sha256: str) -> Response:
    """A piece of evidence that this issue names, of an issue the reader may see."""
    if sha256 not in (_issue(id)["evidence"] or "").split():
        raise Problem("not_found")
    return evidence.picture(sha256) or evidence.download(sha256)


def _steps_from(fields: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, tuple[Any, Any]]:
    return {name: (fields.get(name, ""), value) for name, value in values.items()}


def _write(make: Any) -> Sequence[Op]:
    return write_own(node().store, "issues", current_user().id, make, clock=node().now)


# --- who ---------------------------------------------------------------------------------------------------


def _issue(id: str) -> dict[str, Any]:
    row = issues.issue(page.tables(), page.scope(), id)
    if row is None:
        raise Problem("not_found")
    return row


def _household(id: str) -> dict[str, Any]:
    row = households.household(page.tables(), page.scope(), id)
    if row is None or not _may_work(row["area"]):
        raise Problem("not_found")
    return row


def _steps(row: Mapping[str, Any]) -> list[str]:
    if not _may_work(row["area"]):
        return []
    return next_steps(row, current_user().id, office=_grants_in(row["area"], ANSWERERS))


def _may_raise() -> bool:
    return any(grant.role in WORKERS for grant in current_user().grants)


def _may_work(area: str) -> bool:
    return _grants_in(area, WORKERS)


def _grants_in(area: str, roles: Sequence[str]) -> bool:
    return within(area, prefixes_of([grant for grant in current_user().grants if grant.role in roles]))


def _owners(area: str) -> list[dict[str, Any]]:
    """People who answer for that place, those of the village first."""
    people = others.people_over(page.tables(), page.scope(), area)
    return [one for one in people if one["role"] in WORKERS][:MOST_OWNERS]
