"""A list with fixed columns as a file to hand on, row by row: `.xlsx` or CSV, told in the record of who took what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from flask import Response, stream_with_context
from flask_babel import gettext as _

from app.access import office
from app.i18n import language
from app.office import blueprint, page, sights, words
from app.office.checks import told
from app.office.csv_export import csv_lines
from app.office.exemptions import STATES, state_asked
from app.office.exporting import XLSX
from app.office.mask import without_numbers
from app.office.xlsx_export import Kind
from app.office.xlsx_stream import xlsx_pieces
from app.tables import checks, pairings
from app.tables.query import Row

_HELPER_FIELDS = ("helper_role", "helper_name", "unit", "unit_level", "phone", "helper_relation", "started", "ended", "end_reason")


def sent(kind: str, name: str, title: str, head: Sequence[str], cells: Iterable[list[str]]) -> Response:
    """Whatever somebody typed into a text, no number of a person goes out whole."""
    cells = ([without_numbers(cell) for cell in line] for line in cells)
    if kind == "csv":
        lines = (line.encode() for line in csv_lines(list(head), cells))
        response = Response(stream_with_context(lines), mimetype="text/csv; charset=utf-8")
    else:
        response = Response(stream_with_context(xlsx_pieces(title, head, [Kind.TEXT] * len(head), cells)), mimetype=XLSX)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return response


@blueprint.get("/exemptions.<any('xlsx', 'csv'):kind>")
@office()
def exemptions_file(kind: str) -> Response:
    """The table of exemptions that is handed up: what was found, why it stays, who agreed until when."""
    wish = (state_asked(), page.places_wish())
    sights.took("exemptions", checks.find_exemptions(page.tables(), page.scope(), *wish).total, sights.place_asked())
    head = [*_place_head(), _("姓名"), _("疑点"), _("状态"), _("理由"), _("佐证材料"), _("申请人"), _("申请日期"),
            _("审批人"), _("审批意见"), _("有效期到")]  # fmt: skip
    return sent(kind, "exemptions", _("豁免表"), head, _exemptions(*wish))


def _exemptions(state: str, area: str) -> Iterator[list[str]]:
    people: dict[str, str] = {}
    for row in checks.each_exemption(page.tables(), page.scope(), state, area):
        for id in (row["asked_by"], row["approver"]):
            if id and id not in people:
                people[id] = page.names([id]).get(id, "")
        asked, agreed = people.get(row["asked_by"], ""), people.get(row["approver"], "")
        evidence = _("有") if row["evidence"] else ""
        yield [*_place(row), row["full_name"] or "", told(row)["message"], _state(row["state"]), row["reason"] or "", evidence,
               asked, row["asked_on"] or "", agreed, row["answer"] or "", row["valid_until"] or ""]  # fmt: skip


@blueprint.get("/helpers.<any('xlsx', 'csv'):kind>")
@office()
def helpers_file(kind: str) -> Response:
    """The roll of helpers: every pairing with its dates, those that ended too, and the posts of the villages."""
    area = page.places_wish()
    sights.took("helpers", pairings.count_of(page.tables(), page.scope(), area), sights.place_asked())
    labels = [words.field_label("pairing", name, language()) for name in _HELPER_FIELDS]
    head = [*_place_head(), words.field_label("household", "status", language()), *labels]
    return sent(kind, "helpers", _("结对帮扶花名册"), head, _helpers(area))


def _helpers(area: str) -> Iterator[list[str]]:
    lang = language()
    for row in pairings.each_pairing(page.tables(), page.scope(), area):
        told_in_words = {name: words.value_in_words("pairing", name, row[name] or "", lang) for name in _HELPER_FIELDS}
        status = words.label_of("household_status", row["status"] or "", lang) if row["status"] else ""
        yield [*_place(row), status, *told_in_words.values()]


def _state(code: str) -> str:
    return words.pick(STATES[code], language()) if code in STATES else code


def _place_head() -> list[str]:
    return [_("乡镇"), _("村"), _("组"), _("门牌号"), _("户主")]


def _place(row: Row) -> list[str]:
    here = [page.places().level(row["area"], 9) or "", page.places().name(row["area"])]
    return [*here, row["group"] or "", row["house_no"] or "", row["head_name"] or ""]
