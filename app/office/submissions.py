"""The list of submissions, and its download."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flask import Response, request, stream_with_context
from flask_babel import gettext as _

from app import publish
from app.access import office
from app.errors import Problem
from app.i18n import language
from app.node import node
from app.office import blueprint, page, sights
from app.office.answers import Definition
from app.office.csv_export import (
    Column,
    cells,
    columns_of,
    csv_lines,
    instances,
    paths_of_repeat,
    repeats_of_all,
)
from app.office.eyes import in_lists
from app.office.forms import title
from app.office.mask import Sight
from app.tables import others, submissions
from app.tables.submissions import SubmissionWish


@blueprint.get("/submissions")
@office()
def submissions_list() -> str:
    wish, lang = wish_asked(), language()
    found = submissions.find_submissions(page.tables(), page.scope(), wish, page.page_number())
    titles = form_titles(lang)
    return page.show(
        "submissions.html",
        found=found,
        wish=wish,
        titles=titles,
        villages=page.villages(),
        visitors=submissions.visitors(page.tables(), page.scope()),
        repeats=Merged.of(wish.form_id).repeats(lang) if wish.form_id else [],
        forms=sorted({row["form_id"] for row in submissions.form_counts(page.tables(), page.scope())} | set(titles)),
    )


@blueprint.get("/submissions.csv")
@office("cadre", "township", "county", "auditor")
def submissions_csv() -> Response:
    """One form's submissions, or one repeat of it. heads=names and values=codes give what a program wants."""
    wish, lang = wish_asked(), language()
    if not wish.form_id:
        raise Problem("bad_request", message=_("下载要先选一张表单。"), next=_("在答卷列表里选好表单,再点下载。"))
    repeat = request.args.get("repeat", "")
    by_name = request.args.get("heads") == "names"
    merged = Merged.of(wish.form_id)
    if repeat and repeat not in dict(merged.repeats(lang)):
        raise Problem("not_found")
    columns = merged.columns(repeat, lang, names=by_name)
    sights.took("submissions", submissions.find_submissions(page.tables(), page.scope(), wish).total, sights.place_asked())
    lines = merged.lines(wish, repeat, columns, lang, codes=request.args.get("values") == "codes")
    head = [*own_heads(repeat, by_name), *(column.head for column in columns)]
    name = f"{wish.form_id}{'-' + repeat.rsplit('/', 1)[1] if repeat else ''}-{page.today()}.csv"
    response = Response(stream_with_context(csv_lines(head, lines)), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def own_heads(repeat: str, by_name: bool) -> list[str]:
    if repeat:
        return ["submission_id", "form_version", "number"] if by_name else [_("答卷编号"), _("版本"), _("序号")]
    if by_name:
        names = "submission_id form_version area county township village group house_no national_no head_name"
        return [*names.split(), *["cadre", "started", "ended", "received", "sheet", "problems"]]
    heads = [_("答卷编号"), _("版本"), _("区划代码"), _("区县"), _("乡镇"), _("村"), _("组"), _("门牌号"), _("户编号")]
    return [*heads, _("户主"), _("走访人"), _("开始"), _("结束"), _("收到"), _("纸表编号"), _("疑点数")]


@dataclass(frozen=True)
class Merged:
    """All versions of a form that this node has, newest first, as one table and one more for each repeat."""

    definitions: dict[str, Definition]
    renames: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(cls, form_id: str) -> Merged:
        record = node().store.get("form", form_id)
        fields = record.fields if record else {}
        found = {version: node().forms.get(form_id, version) for version in publish.versions_of(fields)}
        return cls({v: form.definition for v, form in found.items() if form}, fields.get("renames") or {})

    def repeats(self, lang: str) -> list[tuple[str, str]]:
        """(path, label) of every repeat of any version; a path of the newest that has it."""
        return repeats_of_all(list(self.definitions.values()), lang, self.renames)

    def columns(self, repeat: str, lang: str, *, names: bool) -> list[Column]:
        return columns_of(list(self.definitions.values()), repeat, lang, names=names, renames=self.renames)

    def lines(
        self, wish: SubmissionWish, repeat: str, columns: list[Column], lang: str, *, codes: bool
    ) -> Iterator[list[str]]:
        """Every line asked for, oldest first, one at a time."""
        for row in submissions.each_submission(page.tables(), page.scope(), wish):
            yield from self.lines_of(row, repeat, columns, lang, codes=codes)

    def lines_of(
        self, row: dict[str, Any], repeat: str, columns: list[Column], lang: str, *, codes: bool
    ) -> Iterator[list[str]]:
        definition = self.definitions.get(row["form_version"])
        path = self._places(repeat).get(row["form_version"], "" if definition else repeat) if repeat else ""
        if repeat and not path:
            return  # that version has no such repeat
        sight = self._sight(row["area"])
        for number, values in instances(answers_of(row), path):
            own = [row["id"], row["form_version"], number] if repeat else _own(row, page.places())
            yield [*map(sight.text, own), *cells(columns, values, definition, lang, codes=codes, sight=sight)]

    def _sight(self, area: str) -> Sight:
        """A file travels: numbers in it are masked for everybody."""
        found = self._kept_sights.get(area)
        if found is None:
            found = self._kept_sights[area] = in_lists(area)
        return found

    @cached_property
    def _kept_sights(self) -> dict[str, Sight]:
        return {}

    def _places(self, repeat: str) -> dict[str, str]:
        found = self._kept_places.get(repeat)
        if found is None:
            found = self._kept_places[repeat] = paths_of_repeat(
                list(self.definitions.values()), repeat, self.renames
            )
        return found

    @cached_property
    def _kept_places(self) -> dict[str, dict[str, str]]:
        return {}


def _own(row: dict[str, Any], places: Any) -> list[str]:
    area = row["area"]
    return [
        *(row["id"], row["form_version"], area[:12], *(places.level(area, end) for end in (6, 9, 12))),
        *(row["group"] or "", row["house_no"] or "", row["national_no"] or ""),
        *(row["head_name"] or "", row["visitor"] or "", row["started"], row["ended"], row["received"], row["sheet"]),
        str(row["problem_count"] + row["difference_count"]),
    ]


def answers_of(row: dict[str, Any]) -> Any:
    try:
        return json.loads(row["answers"] or "{}")
    except ValueError:
        return {}


def form_titles(lang: str) -> dict[str, str]:
    forms = others.published_forms(page.tables(), page.scope())
    return {row["form_id"]: title(row["title"], lang) or row["form_id"] for row in forms}


def wish_asked() -> SubmissionWish:
    asked = request.args
    return SubmissionWish(
        form_id=asked.get("form", ""),
        area=page.places_wish(),
        since=page.day_wish("since"),
        until=page.day_wish("until"),
        cadre=asked.get("cadre", ""),
        flagged=asked.get("flagged") == "1",
    )
