"""整改清单 (what is to be put right) and 销号表 (what was closed) to hand on: a workbook, or paper."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from flask import Response, redirect, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from app.access import office
from app.auth import current_user
from app.errors import Problem
from app.i18n import language
from app.office import blueprint, page, sights, words
from app.office.issues import asked
from app.office.mask import without_numbers
from app.office.printing import MAY_PRINT, jobs_here
from app.office.workbooks import workbook_sent
from app.office.xlsx_export import Kind, Sheet
from app.print.jobs import KEEP_DAYS, new_job
from app.print.pages import ledger_pages
from app.tables import issues
from forms.issues import CLOSED, OVERDUE, lateness, state_of

MOST_ROWS = 200_000
MOST_PRINTED = 3_000
LISTS = ("list", "closed")
"""list: everything asked for, with where it stands; closed: what is closed."""


@blueprint.get("/issues/<any('list', 'closed'):which>.xlsx")
@office()
def issues_xlsx(which: str) -> Response:
    title, head, _widths = _shape(which)
    sights.took("issues", sum(1 for _row in issues.each_issue(page.tables(), page.scope(), _wish(which))), sights.place_asked())
    sheet = Sheet(title, head, [Kind.NUMBER, *[Kind.TEXT] * (len(head) - 1)])
    rows = ((0, cells) for cells in islice(_lines(which), MOST_ROWS))
    return workbook_sent(f"issues-{which}-{page.today()}.xlsx", [sheet], rows)


@blueprint.post("/issues/<any('list', 'closed'):which>/print")
@office(*MAY_PRINT)
def issues_print(which: str) -> AnyResponse:
    """The same as a job for paper, A4 across."""
    title, head, widths = _shape(which)
    rows = list(islice(_lines(which), MOST_PRINTED + 1))
    if not rows:
        raise Problem("bad_request", message=_("这样筛选没有整改事项可打印。"), next=_("退回上一页换个条件。"))
    if len(rows) > MOST_PRINTED:
        words_ = _("一次最多打印 %(n)s 条。", n=MOST_PRINTED)
        raise Problem("bad_request", message=words_, next=_("退回上一页按村筛选,或下载表格。"))
    now, place = datetime.now().astimezone(), page.place_words() or page.places().path(current_user().area)
    areas = {row["area"] for row in issues.each_issue(page.tables(), page.scope(), _wish(which))}
    jobs_here().sweep((now - timedelta(days=KEEP_DAYS)).isoformat(timespec="seconds"))
    made: Callable[[], Iterable[str]] = lambda: ledger_pages(title, place, now.date().isoformat(), head, widths, rows)  # noqa: E731
    total = len(list(made()))
    job = new_job(f"issues-{which}", f"{title} · {place}", current_user().id, areas, total, now.isoformat(timespec="seconds"))
    jobs_here().start(job, made)
    return redirect(url_for("printing.job", id=job.id), 303)


def _wish(which: str) -> issues.IssueWish:
    wish = asked()
    return issues.IssueWish(**{**vars(wish), "state": CLOSED, "late": ""}) if which == "closed" else wish


def _shape(which: str) -> tuple[str, list[str], list[int]]:
    """Title, heads, and how wide each column is on paper (parts of the whole)."""
    if which == "closed":
        return _("整改销号表"), [
            _("序号"), _("村"), _("组"), _("户主"), _("问题类型"), _("问题描述"), _("责任人"), _("责任单位"), _("整改期限"),
            _("整改情况"), _("佐证(份)"), _("申请销号"), _("销号日期"), _("销号人"), _("是否按期"), _("销号意见"),
        ], [3, 6, 4, 6, 6, 14, 6, 8, 7, 14, 4, 7, 7, 6, 4, 8]  # fmt: skip
    return _("整改清单"), [
        _("序号"), _("村"), _("组"), _("户主"), _("成员"), _("问题类型"), _("问题描述"), _("整改措施"), _("责任人"), _("责任单位"),
        _("整改期限"), _("立行立改"), _("状态"), _("是否逾期"), _("整改情况"),
    ], [3, 7, 4, 6, 6, 6, 15, 13, 6, 8, 7, 4, 5, 5, 14]  # fmt: skip


def _lines(which: str) -> Iterator[list[str]]:
    wish = _wish(which)
    rows = issues.each_issue(page.tables(), page.scope(), wish)
    people: dict[str, str] = {}
    for number, row in enumerate(rows, 1):
        yield _closed(number, row, people) if which == "closed" else _listed(number, row, wish.today)


def _listed(number: int, row: Mapping[str, Any], today: str) -> list[str]:
    lang, late = language(), lateness(row, today)
    return [str(number), page.places().name(row["area"]), *_texts(row, "group", "head_name", "full_name"),
            words.label_of("problem_kind", row["problem_kind"], lang), *_texts(row, "description", "action", "owner", "owner_unit",
            "deadline"), _("是") if row["at_once"] == "yes" else "", words.label_of("issue_state", state_of(row), lang),
            _("已逾期") if late == OVERDUE else "", *_texts(row, "result")]  # fmt: skip


def _closed(number: int, row: Mapping[str, Any], people: dict[str, str]) -> list[str]:
    closer = row["closed_by"] or ""
    if closer not in people:
        people |= {closer: ""} | page.names([closer])
    handed_in = row["submitted_on"] or row["closed_on"] or ""
    in_time = "" if not (row["deadline"] and handed_in) else _("按期") if handed_in <= row["deadline"] else _("逾期")
    return [str(number), page.places().name(row["area"]), *_texts(row, "group", "head_name"),
            words.label_of("problem_kind", row["problem_kind"], language()), *_texts(row, "description", "owner", "owner_unit",
            "deadline", "result"), str(len((row["evidence"] or "").split())), *_texts(row, "submitted_on", "closed_on"),
            people[closer], in_time, *_texts(row, "closing_note")]  # fmt: skip


def _texts(row: Mapping[str, Any], *names: str) -> Sequence[str]:
    """What people wrote, without the numbers in it: the list is handed on."""
    return [without_numbers(row[name] or "") for name in names]
