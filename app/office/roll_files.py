"""Lists of the office as files to hand on: `.xlsx` and CSV, told in the record of who took what.

    @roll("sights", of=sight_list, title=_l("查看记录"), head=(_l("谁"), _l("时间")))
    def sight_lines() -> Lines: ...

gives ``/office/sights.xlsx`` and ``.csv`` to whoever may open the list, and the list its
buttons (``parts.files("sights")``). A file has the filters, the order and the
masking of its list, and all its pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, stream_with_context
from flask_babel import lazy_gettext as _l

from app.access import declared, office
from app.office import blueprint, page, sights
from app.office.csv_export import csv_lines
from app.office.mask import without_numbers
from app.office.xlsx_export import XLSX, Kind
from app.office.xlsx_stream import xlsx_pieces

PLACE = (_l("乡镇"), _l("村"), _l("组"), _l("门牌号"), _l("户主"))


@dataclass(frozen=True)
class Lines:
    """How many there are, and each as the texts of its cells, read while they are sent."""

    total: int
    cells: Iterable[Sequence[str]]

    @classmethod
    def of(cls, cells: Iterable[Sequence[str]]) -> Lines:
        """Of a list that is short enough to be read first."""
        known = list(cells)
        return cls(len(known), known)


Made = Callable[[], Lines]
Head = Sequence[Any] | Callable[[], Sequence[Any]]


def roll(name: str, *, of: Callable[..., Any], title: Any, head: Head) -> Callable[[Made], Made]:
    """Give a list its file. of: the list's own view, whose readers the file has; head: the texts, or what gives them."""
    access = declared(of)
    if access is None or name in sights.TITLES:
        raise ValueError(f"{name}: its list says not who may open it, or there are two of this name")
    sights.TITLES[name] = title

    def register(made: Made) -> Made:
        def sent_file(ending: str) -> Response:
            lines = made()
            sights.took(name, lines.total, sights.place_asked())
            texts = head() if callable(head) else head
            return sent(ending, name, str(title), [str(one) for one in texts], lines.cells)

        view = office(*access.roles)(sent_file)
        blueprint.add_url_rule(f"/{name}.<any('xlsx', 'csv'):ending>", f"{name}_file", view)
        return made

    return register


def sent(ending: str, name: str, title: str, head: Sequence[str], cells: Iterable[Sequence[str]]) -> Response:
    """Whatever somebody typed into a text, no number of a person goes out whole."""
    shown: Iterator[list[str]] = ([without_numbers(cell) for cell in line] for line in cells)
    if ending == "csv":
        lines = (line.encode() for line in csv_lines(list(head), shown))
        response = Response(stream_with_context(lines), mimetype="text/csv; charset=utf-8")
    else:
        response = Response(stream_with_context(xlsx_pieces(title, head, [Kind.TEXT] * len(head), shown)), mimetype=XLSX)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}-{page.today()}.{ending}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def place_of(row: dict[str, Any]) -> list[str]:
    """What stands under `PLACE`: where a household lies."""
    here = [page.places().level(row["area"], 9) or "", page.places().name(row["area"])]
    return [*here, row["group"] or "", row["house_no"] or "", row["head_name"] or ""]
