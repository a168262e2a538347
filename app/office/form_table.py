"""All answers to a form under one table, whatever version they were given to: on the page, as a workbook; the codebook."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from flask import Response, request, stream_with_context
from flask_babel import gettext as _

from app.access import office
from app.errors import Problem
from app.i18n import language
from app.office import blueprint, form_rights, page, sights
from app.office.codebook import choice_lines, question_lines
from app.office.csv_export import csv_lines
from app.office.form_publish import node_title
from app.office.history import short_time
from app.office.submissions import Merged, own_heads, wish_asked
from app.office.workbooks import workbook_sent
from app.office.xlsx_export import Kind, Sheet
from app.tables import submissions
from app.tables.submissions import SubmissionWish

NUMBERS = ("integer", "decimal", "range")
MOST_IN_A_WORKBOOK = 50_000
"""It is written whole before the first byte is sent, which takes a minute for so many; a CSV starts at once."""
SHOWN = (0, 1, 5, 6, 7, 9, 10, 12, 15)
"""Of own_heads, on the page: number, version, village, group, house, head, visitor, end, doubts."""


@blueprint.get("/forms/<form_id>/table")
@office()
def form_table(form_id: str) -> str:
    record, lang = form_rights.form_record(form_id), language()
    wish, merged = _wish(form_id), Merged.of(form_id)
    repeat, by_name = _repeat(merged, lang), request.args.get("heads") == "names"
    columns = merged.columns(repeat, lang, names=by_name)
    found = submissions.find_submissions(page.tables(), page.scope(), wish, page.page_number())
    shown = tuple(range(len(own_heads(repeat, by_name=False)))) if repeat else SHOWN
    lines = [
        (row["id"], _for_the_eye(line, shown, repeat))
        for row in found.rows
        for line in merged.lines_of(row, repeat, columns, lang, codes=request.args.get("values") == "codes")
    ]
    counts = [row for row in submissions.form_counts(page.tables(), page.scope()) if row["form_id"] == form_id]
    return page.show(
        "form_table.html",
        record=record,
        title=node_title(record, lang),
        found=found,
        wish=wish,
        repeat=repeat,
        by_name=by_name,
        repeats=merged.repeats(lang),
        heads=[own_heads(repeat, by_name=False)[place] for place in shown],
        columns=columns,
        lines=lines,
        versions={row["form_version"]: row["submissions"] for row in counts},
        missing=[row["form_version"] for row in counts if row["form_version"] not in merged.definitions],
        area=page.area_wish(),
        villages=page.villages(),
        too_many=found.total > MOST_IN_A_WORKBOOK,
    )


@blueprint.get("/forms/<form_id>/table.xlsx")
@office()
def form_workbook(form_id: str) -> Response:
    """The main table and every repeat, each on a sheet of its own, and the codebook."""
    record, lang = form_rights.form_record(form_id), language()
    wish, merged = _wish(form_id), Merged.of(form_id)
    total = submissions.find_submissions(page.tables(), page.scope(), wish).total
    if total > MOST_IN_A_WORKBOOK:
        raise Problem(
            "too_many", 422, _("有 %(n)s 份答卷,Excel 文件放不下。", n=total),
            _("请按村或日期分开下载,或下载 CSV,它没有份数限制。"),
        )  # fmt: skip
    sights.took("table", total, sights.place_asked())
    by_name, codes = request.args.get("heads") == "names", request.args.get("values") == "codes"
    sheets = [_sheet(merged, "", _("答卷"), lang, by_name)]
    sheets += [_sheet(merged, path, label, lang, by_name) for path, label in merged.repeats(lang)]
    tables = [(path, merged.columns(path, lang, names=by_name)) for path in ("", *dict(merged.repeats(lang)))]

    def rows() -> Iterator[tuple[int, list[str]]]:
        """Each submission is read once and gives its line, and those of its repeats."""
        for row in submissions.each_submission(page.tables(), page.scope(), wish):
            for number, (path, columns) in enumerate(tables):
                for line in merged.lines_of(row, path, columns, lang, codes=codes):
                    yield number, line

    return workbook_sent(f"{record.id}-{page.today()}.xlsx", sheets, rows(), _codebook_sheets(merged, lang))


@blueprint.get("/forms/<form_id>/codebook.<any('csv', 'xlsx'):kind>")
@office()
def form_codebook(form_id: str, kind: str) -> Response:
    """What every column means: question, label in every language, type, choices, and the versions that ask it."""
    record, lang = form_rights.form_record(form_id), language()
    merged = Merged.of(form_id)
    name = f"{record.id}-codebook.{kind}"
    if kind == "csv":
        head, *lines = question_lines(merged.definitions, merged.renames, lang)
        response = Response(stream_with_context(csv_lines(head, lines)), mimetype="text/csv")
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return response
    return workbook_sent(name, [], iter(()), _codebook_sheets(merged, lang))


def _for_the_eye(line: list[str], shown: tuple[int, ...], repeat: str) -> list[str]:
    """A line with the columns a reader needs to know whose it is; the download has all of them."""
    own = [line[place] for place in shown]
    if not repeat:
        own[-2] = short_time(own[-2])
    return own + line[len(own_heads(repeat, by_name=True)) :]


def _codebook_sheets(merged: Merged, lang: str) -> list[tuple[str, list[list[str]]]]:
    return [
        (_("题目说明"), question_lines(merged.definitions, merged.renames, lang)),
        (_("选项说明"), choice_lines(merged.definitions, lang)),
    ]


def _sheet(merged: Merged, repeat: str, name: str, lang: str, by_name: bool) -> Sheet:
    own = own_heads(repeat, by_name)
    columns = merged.columns(repeat, lang, names=by_name)
    kinds = [Kind.TEXT] * len(own) + [Kind.NUMBER if one.type in NUMBERS else Kind.TEXT for one in columns]
    return Sheet(name, [*own, *(one.head for one in columns)], kinds)


def _wish(form_id: str) -> SubmissionWish:
    return replace(wish_asked(), form_id=form_id)


def _repeat(merged: Merged, lang: str) -> str:
    repeat = request.args.get("repeat", "")
    if repeat and repeat not in dict(merged.repeats(lang)):
        raise Problem("not_found")
    return repeat
