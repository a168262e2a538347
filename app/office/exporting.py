"""Any list of the office as a workbook or a CSV: which columns, remembered; the reader's area and masking as on the page."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from flask import Response, request, stream_with_context
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.access import office
from app.auth import current_user
from app.errors import Problem
from app.i18n import language
from app.node import node
from app.office import blueprint, page, sights, words
from app.office.csv_export import csv_lines
from app.office.eyes import in_lists
from app.office.history import short_time
from app.office.mask import WHOLE
from app.office.register import wish_asked
from app.office.xlsx_export import XLSX, Kind
from app.office.xlsx_stream import xlsx_pieces
from app.roster.worker import write_json
from app.tables.exporting import ExportWish, count_rows, each_row
from forms.register import FIELDS, Field, field_of

TITLES = {
    "households": _l("户"), "members": _l("家庭成员"), "visits": _l("走访"), "issues": _l("整改事项"), "submissions": _l("答卷"),
}  # fmt: skip
ENTITY = {"households": "household", "members": "member", "visits": "visit", "issues": "issue"}
PLACE = {"place.county": ("区县", "County"), "place.township": ("乡镇", "Township"), "place.village": ("村", "Village"),
         "place.code": ("区划代码", "Area code")}  # fmt: skip
_LEVEL = {"place.county": 6, "place.township": 9, "place.village": 12}
OF_HOME = ("national_no", "group", "house_no", "head_name", "status", "support", "helper_name")
OWN = {
    "households": {"people": ("家庭人口", "People"), "open_issues": ("未销号事项", "Open issues")},
    "submissions": {
        "id": ("答卷编号", "Submission"), "form_id": ("表单", "Form"), "form_version": ("版本", "Version"),
        "cadre_name": ("走访人", "Visitor"), "started": ("开始", "Begun"), "ended": ("填完", "Finished"),
        "received": ("收到", "Received"), "sheet": ("纸质表编号", "Sheet"), "problem_count": ("疑点", "Doubts"),
        "difference_count": ("与户册不一致", "Differences"),
    },
}  # fmt: skip
FIRST = {
    "households": ("place.township", "place.village", "group", "house_no", "national_no", "head_name", "phone", "status",
                   "support", "cause", "people", "helper_name", "helper_phone", "last_visit", "open_issues"),
    "members": ("place.township", "place.village", "home.group", "home.national_no", "home.head_name", "national_no",
                "full_name", "relation", "sex", "id_no", "birth_date", "ethnic", "phone", "education", "student_stage",
                "health", "labour", "work_area", "work_months", "medical_insurance", "state"),
    "visits": ("place.village", "home.group", "home.head_name", "date", "outcome", "cadre_name", "note"),
    "issues": ("place.village", "home.group", "home.head_name", "problem_kind", "description", "action", "owner", "deadline",
               "state"),
    "submissions": ("place.village", "home.group", "home.head_name", "id", "form_id", "form_version", "cadre_name", "ended",
                    "problem_count"),
}  # fmt: skip
"""What is ticked before somebody chose."""
FILTERS = {"visits": ("outcome",), "issues": ("state", "kind"), "submissions": ("form", "cadre")}
_FILTER_COLUMN = {"kind": "problem_kind", "form": "form_id"}
_NUMBERS = ("number", "money", "mu")
_choices = threading.Lock()


@dataclass(frozen=True)
class Column:
    name: str
    title: str
    kind: Kind
    words: Callable[[str], str] | None


@blueprint.get("/export/<any('households', 'members', 'visits', 'issues', 'submissions'):name>")
@office()
def export(name: str) -> str:
    """Which columns, and the buttons."""
    lang = language()
    chosen = _remembered(name)
    groups = [
        (str(words_of), [(one, _title(name, one, lang), one in chosen) for one in names])
        for words_of, names in _offered(name)
    ]
    return page.show("export.html", name=name, title=TITLES[name], groups=groups, back=_back(name), places_named=_area_words(),
                     may_whole=sights.may_take_whole(), most_rows=sights.MOST_ROWS, most_files=sights.MOST_FILES)  # fmt: skip


@blueprint.post("/export/<any('households', 'members', 'visits', 'issues', 'submissions'):name>.<any('xlsx', 'csv'):ending>")
@office()
def export_file(name: str, ending: str) -> Response:
    """The file, sent while it is read. Filters stand in the address, as on the list."""
    offered = [one for _group, names in _offered(name) for one in names]
    asked = set(request.form.getlist("column"))
    chosen = [one for one in offered if one in asked]
    if not chosen:
        raise Problem("no_columns", 422, _("还没有勾选要导出的列。"), _("返回上一页,至少勾选一列。"))
    _remember(name, chosen)
    columns = [_column(name, one, language()) for one in chosen]
    head = [column.title for column in columns]
    whole = request.form.get("whole") == "1"
    count = count_rows(page.tables(), page.scope(), name, _wish(name))
    if whole:
        sights.take_whole(name, count, sights.place_asked())
    else:
        sights.took(name, count, sights.place_asked())
    rows = _rows(name, columns, whole)
    if ending == "xlsx":
        body: Iterator[Any] = xlsx_pieces(str(TITLES[name]), head, [column.kind for column in columns], rows)
    else:
        body = csv_lines(head, rows)
    response = Response(stream_with_context(body), mimetype=XLSX if ending == "xlsx" else "text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f"attachment; filename={name}-{page.today()}.{ending}"
    response.headers["Cache-Control"] = "no-store"
    return response


def _rows(name: str, columns: Sequence[Column], whole: bool) -> Iterator[list[str]]:
    """Lines of text. whole: the reader said why they take the numbers along."""
    stored = [one.name for one in columns if not one.name.startswith("place.")]
    places = page.places()
    sight_in = lru_cache(maxsize=None)(lambda area: WHOLE if whole else in_lists(area))
    place_of = {end: lru_cache(maxsize=None)(lambda area, end=end: places.level(area, end)) for end in (6, 9, 12)}
    plan: list[tuple[int, Column, str, Any]] = []
    for column in columns:
        level = _LEVEL.get(column.name, 0)
        plan.append((-1 if column.name.startswith("place.") else stored.index(column.name) + 1, column,
                     column.name.removeprefix("home."), place_of.get(level)))  # fmt: skip
    for row in each_row(page.tables(), page.scope(), name, stored, _wish(name)):
        area = row[0]
        sight = sight_in(area)
        line = []
        for at, column, field, place in plan:
            if at < 0:
                line.append(place(area) if place else area)
                continue
            text = row[at]
            if not text:
                line.append("" if text is None or text == "" else str(text))
                continue
            line.append(column.words(text) if column.words else sight.value(field, text) if type(text) is str else str(text))
        yield line


def _wish(name: str) -> ExportWish:
    asked = request.args
    if name in ("households", "members"):
        return ExportWish(households=wish_asked()[0])
    equal = tuple((_FILTER_COLUMN.get(one, one), asked.get(one, "")) for one in FILTERS[name])
    return ExportWish(area=page.places_wish(), equal=equal, since=page.day_wish("since"), until=page.day_wish("until"))


def _offered(name: str) -> list[tuple[Any, list[str]]]:
    """Columns in groups, in the order of the file."""
    groups: list[tuple[Any, list[str]]] = [(_l("住在哪里"), list(PLACE))]
    if name != "households":
        groups.append((_l("户"), [f"home.{one}" for one in OF_HOME]))
    entity = ENTITY.get(name)
    own = [field.name for field in FIELDS[entity] if field.type not in ("record", "user")] if entity else []
    hidden = {"code", "form_id"} if entity else set()
    groups.append((TITLES[name], [*(one for one in own if one not in hidden), *OWN.get(name, {})]))
    return groups


def _field(name: str, column: str) -> Field | None:
    of_home = column.partition("home.")[2]
    return field_of("household", of_home) if of_home else field_of(ENTITY.get(name, ""), column)


def _title(name: str, column: str, lang: str) -> str:
    pair = PLACE.get(column) or OWN.get(name, {}).get(column)
    field = _field(name, column)
    return words.pick(pair, lang) if pair else words.pick((field.zh, field.en), lang) if field else column


def _column(name: str, column: str, lang: str) -> Column:
    field = _field(name, column)
    in_words = None
    if field and field.list:
        entity, own = ("household", column.partition("home.")[2]) if column.startswith("home.") else (ENTITY[name], column)
        in_words = lru_cache(maxsize=5_000)(lambda text: words.value_in_words(entity, own, text, lang))
    elif column in ("started", "ended", "received"):
        in_words = short_time
    number = (field and field.type in _NUMBERS) or column in ("people", "open_issues", "problem_count", "difference_count")
    return Column(column, _title(name, column, lang), Kind.NUMBER if number else Kind.TEXT, in_words)


def _area_words() -> str:
    return page.place_words()


def _back(name: str) -> str:
    return {"households": "office.register", "members": "office.register", "visits": "office.visits", "issues": "office.issues",
            "submissions": "office.submissions_list"}[name]  # fmt: skip


# --- the choice, kept per reader -----------------------------------------------------------------------------


def _remembered(name: str) -> list[str]:
    """The columns this reader took last time."""
    kept = _read_choices().get(current_user().id, {}).get(name)
    return [str(one) for one in kept] if isinstance(kept, list) else list(FIRST[name])


def _remember(name: str, chosen: Sequence[str]) -> None:
    with _choices:
        every = _read_choices()
        mine = every.setdefault(current_user().id, {})
        if mine.get(name) != list(chosen):
            mine[name] = list(chosen)
            write_json(node().config.data_dir / "export-columns.json", every)


def _read_choices() -> dict[str, Any]:
    try:
        found = json.loads((node().config.data_dir / "export-columns.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
