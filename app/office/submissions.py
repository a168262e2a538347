"""The list of submissions, and its download."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from flask import Response, request, stream_with_context
from flask_babel import gettext as _

from app.access import office
from app.errors import Problem
from app.i18n import language
from app.node import node
from app.office import blueprint, page
from app.office.answers import Definition
from app.office.csv_export import Column, cells, columns_of, csv_lines, instances, repeats_of
from app.office.forms import title
from app.office.mask import PERSONAL, masked
from app.tables import others, submissions
from app.tables.submissions import SubmissionWish


@blueprint.get("/submissions")
@office()
def submissions_list() -> str:
    wish, lang = _wish(), language()
    found = submissions.find_submissions(page.tables(), page.scope(), wish, page.page_number())
    titles = form_titles(lang)
    newest = node().forms.newest(wish.form_id) if wish.form_id else None
    return page.show(
        "submissions.html",
        found=found,
        wish=wish,
        titles=titles,
        villages=page.villages(),
        visitors=submissions.visitors(page.tables(), page.scope()),
        repeats=repeats_of(newest.definition, lang) if newest else [],
        forms=sorted({row["form_id"] for row in submissions.form_counts(page.tables(), page.scope())} | set(titles)),
    )


@blueprint.get("/submissions.csv")
@office("cadre", "township", "county", "auditor")
def submissions_csv() -> Response:
    """One form's submissions, or one repeat of it. heads=names and values=codes give what a program wants."""
    wish, lang = _wish(), language()
    if not wish.form_id:
        raise Problem("bad_request", message=_("下载要先选一张表单。"), next=_("在答卷列表里选好表单,再点下载。"))
    repeat = request.args.get("repeat", "")
    definitions = _definitions(wish.form_id)
    newest_first = [definitions[version] for version in sorted(definitions, reverse=True)]
    if repeat and not any(repeat == path for d in newest_first for path, _label in repeats_of(d, lang)):
        raise Problem("not_found")
    by_name = request.args.get("heads") == "names"
    # A reader who may see only part of the numbers in full gets all of them masked: a file travels.
    hidden = frozenset() if all(map(page.sees_full, page.scope().area_prefixes)) else PERSONAL
    columns = columns_of(newest_first, repeat, lang, names=by_name, personal=hidden)
    lines = _lines(wish, repeat, columns, definitions, lang, codes=request.args.get("values") == "codes")
    head = [*_own_heads(repeat, by_name), *(column.head for column in columns)]
    name = f"{wish.form_id}{'-' + repeat.rsplit('/', 1)[1] if repeat else ''}-{page.today()}.csv"
    response = Response(stream_with_context(csv_lines(head, lines)), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _own_heads(repeat: str, by_name: bool) -> list[str]:
    if repeat:
        return ["submission_id", "number"] if by_name else [_("答卷编号"), _("序号")]
    if by_name:
        names = "submission_id form_version area county township village group house_no national_no head_name"
        return [*names.split(), *["cadre", "started", "ended", "received", "sheet", "problems"]]
    heads = [_("答卷编号"), _("版本"), _("区划代码"), _("区县"), _("乡镇"), _("村"), _("组"), _("门牌号"), _("户编号")]
    return [*heads, _("户主"), _("走访人"), _("开始"), _("结束"), _("收到"), _("纸表编号"), _("疑点数")]


def _lines(
    wish: SubmissionWish,
    repeat: str,
    columns: list[Column],
    definitions: dict[str, Definition],
    lang: str,
    *,
    codes: bool,
) -> Iterator[list[str]]:
    places = page.places()
    for row in submissions.each_submission(page.tables(), page.scope(), wish):
        definition = definitions.get(row["form_version"])
        for number, values in instances(answers_of(row), repeat):
            own = [row["id"], number] if repeat else _own(row, places)
            yield [*own, *cells(columns, values, definition, lang, codes=codes)]


def _own(row: dict[str, Any], places: Any) -> list[str]:
    area = row["area"]
    number = row["national_no"] or ""
    return [
        *(row["id"], row["form_version"], area[:12], *(places.level(area, end) for end in (6, 9, 12))),
        *(row["group"] or "", row["house_no"] or "", number if page.sees_full(area) else masked(number)),
        *(row["head_name"] or "", row["visitor"] or "", row["started"], row["ended"], row["received"], row["sheet"]),
        str(row["problem_count"] + row["difference_count"]),
    ]


def answers_of(row: dict[str, Any]) -> Any:
    try:
        return json.loads(row["answers"] or "{}")
    except ValueError:
        return {}


def _definitions(form_id: str) -> dict[str, Definition]:
    """Every version of a form that this node has, by version."""
    record = node().store.get("form", form_id)
    versions = (record.fields.get("versions") or {}) if record else {}
    found = {version: node().forms.get(form_id, version) for version in versions}
    return {version: form.definition for version, form in found.items() if form}


def form_titles(lang: str) -> dict[str, str]:
    forms = others.published_forms(page.tables(), page.scope())
    return {row["form_id"]: title(row["title"], lang) or row["form_id"] for row in forms}


def _wish() -> SubmissionWish:
    asked = request.args
    return SubmissionWish(
        form_id=asked.get("form", ""),
        area=page.area_wish(),
        since=page.day_wish("since"),
        until=page.day_wish("until"),
        cadre=asked.get("cadre", ""),
        flagged=asked.get("flagged") == "1",
    )
