"""A household's sheet and a page of door cards as HTML, the same for the PDF and for a browser's own printing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app import codes
from app.print.qr import qr_svg
from app.print.render import html_of
from app.print.sheet import Subject, sheet, signatures
from forms.definition import Form

CARDS_A_PAGE = 8


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
