"""What is printed as HTML, the same for the PDF and for a browser's own printing: a sheet, a form, door cards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app import codes
from app.print.paper import blank, filled
from app.print.render import html_of
from app.print.sheet import Subject, sheet, signatures
from app.qr import qr_svg
from forms.definition import Form

CARDS_A_PAGE = 8
LINES_A_PIECE = 500


def sheet_html(
    form: Form, subject: Subject, *, number: str, address: str, printed: str, words: Mapping[str, str], style: str = ""
) -> str:
    """One visit sheet. number: its sheet number; words: values of the head in words; style: URL for a browser."""
    household = subject.household
    code = str(household.get("code") or "")
    return html_of(
        "sheet.html",
        {
            "title": form.title("zh"),
            "version": form.version,
            "household": household,
            "place": subject.place,
            "members": len(subject.members),
            "words": words,
            "number": codes.grouped(number),
            "code": codes.grouped(code),
            "qr": qr_svg(codes.sheet_payload(address, code, form.form_id, number)) if code else "",
            "printed": printed,
            "sections": sheet(form, subject),
            "signatures": signatures(form),
            "style": style,
        },
    )


def card_pages(cards: Sequence[Mapping[str, Any]], address: str, style: str = "") -> Iterator[str]:
    """Pages of door cards, eight each. A card: place, group, house_no, code, helper, phone; nothing else is shown.

    A household without a code has no card.
    """
    known = [card for card in cards if card["code"]]
    for start in range(0, len(known), CARDS_A_PAGE):
        shown = [
            {
                **card,
                "qr": qr_svg(codes.household_payload(address, card["code"])),
                "code": codes.grouped(card["code"]),
            }
            for card in known[start : start + CARDS_A_PAGE]
        ]
        yield html_of("cards.html", {"cards": shown, "style": style})


_PAPER = {
    "zh": {"sheet": "表号", "version": "表单版本", "printed": "打印于", "household": "户主", "place": "地址", "code": "户码",
           "visitor": "走访人", "ended": "填写时间", "number": "答卷编号", "notice": "告知书",
           "how": "□ 打 ✓;横线上填写;带 * 的必须填。小字是代码,誊录时用。"},
    "en": {"sheet": "Sheet", "version": "Form version", "printed": "printed", "household": "Head", "place": "Address",
           "code": "Household code", "visitor": "Visitor", "ended": "Filled", "number": "Submission", "notice": "Notice given",
           "how": "Tick the boxes, write on the lines; * must be filled in. Small print is the code for typing in."},
}  # fmt: skip


def blank_html(
    form: Form, lang: str, *, rows: int, printed: str, style: str = "", own: Callable[[str], str] | None = None
) -> str:
    """A form to be filled by hand, for any household. own: as in ``paper.blank``."""
    words = _PAPER["en" if lang == "en" else "zh"]
    facts = [(words["household"], ""), (words["place"], ""), (words["code"], "")] if form.about == "household" else []
    return html_of(
        "form.html",
        {
            "title": form.title(lang), "lang": lang, "words": words, "version": form.version, "printed": printed,
            "facts": facts, "how": words["how"], "running": form.title(lang), "style": style,
            "sections": blank(form, lang, rows, own),
        },
    )  # fmt: skip


@dataclass(frozen=True)
class Filling:
    """Whose answers are printed. code and number may be '': then there is no QR."""

    id: str
    answers: Mapping[str, Any]
    ended: str
    visitor: str
    head: str = ""
    place: str = ""
    code: str = ""
    number: str = ""
    notice: str = ""
    """Which notice the household was given, and when."""


def filled_html(
    form: Form, lang: str, filling: Filling, *, address: str, printed: str, picture: Callable[[str], str],
    seen: Callable[[str, str], str] = lambda _field, value: value, style: str = "",
) -> str:  # fmt: skip
    """A submission on paper, with the code of its household, form and sheet. picture, seen: as in ``paper.filled``."""
    words = _PAPER["en" if lang == "en" else "zh"]
    facts = [
        (words["household"], filling.head), (words["place"], filling.place), (words["code"], codes.grouped(filling.code)),
        (words["visitor"], filling.visitor), (words["ended"], filling.ended[:16].replace("T", " ")), (words["number"], filling.id),
        (words["notice"], filling.notice),
    ]  # fmt: skip
    coded = bool(filling.code and filling.number)
    return html_of(
        "form.html",
        {
            "title": form.title(lang), "lang": lang, "words": words, "version": form.version, "printed": printed,
            "facts": [fact for fact in facts if fact[1]], "how": "", "style": style,
            "running": f"{form.title(lang)} {codes.grouped(filling.code)}", "number": codes.grouped(filling.number),
            "qr": qr_svg(codes.sheet_payload(address, filling.code, form.form_id, filling.number)) if coded else "",
            "sections": filled(form, filling.answers, lang, picture=picture, seen=seen),
        },
    )  # fmt: skip


def ledger_pages(
    title: str, place: str, printed: str, head: Sequence[str], widths: Sequence[int], lines: Sequence[Sequence[str]]
) -> Iterator[str]:
    """A list on A4 across, in pieces that are laid out one by one. widths: of the columns, as parts of their sum."""
    shares = [round(100 * width / sum(widths), 2) for width in widths]
    for start in range(0, len(lines), LINES_A_PIECE):
        piece = lines[start : start + LINES_A_PIECE]
        told = {"title": title, "place": place, "printed": printed, "head": list(zip(head, shares, strict=True)), "lines": piece,
                "first": start == 0, "last": start + LINES_A_PIECE >= len(lines), "total": len(lines)}  # fmt: skip
        yield html_of("ledger.html", told)
