"""The little Markdown that XLSForm allows in labels and hints, as safe HTML: bold, italics, headings, lists, links, colours.

What an author wrote is text unless it is one of those; nothing of it becomes a
tag or an attribute of its own. Colours become one of ten that are readable on
paper white in the sun, as classes, because the page forbids inline styles.
static/js/core/markup.js is the same rule for the phone; tests/vectors/markup.json holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from markupsafe import Markup, escape

# A text, the number of a value, or an element: its tag, what it needs (class or address), what is inside.
Piece = str | int | tuple[str, str, list["Piece"]]

VALUE = "\ue000"
# Longer texts are shown as they are: they cannot be a label, and parsing costs their square.
LONGEST = 5_000
DEEPEST = 8
PLAIN = re.compile(r"[^\\*_\[<\n#\d\-\ue000]*")
BLOCK = re.compile(r" *(?:(#{1,6}) +|([-*]|\d{1,3}\.) +)(?=\S)(.*)")
ESCAPED = re.compile(r"\\([\\*_#\[\]()<>.-])")
STRONG = re.compile(r"\*\*(?=\S)(.+?)\*\*(?!\*)|__(?=\S)(.+?)__(?!_)")
EMPHASIS = re.compile(r"\*(?=[^\s*])(.+?)\*|_(?=[^\s_])(.+?)_(?![A-Za-z0-9_])")
LINK = re.compile(r"\[([^\]\n]+)\]\(((?:https?://|mailto:|tel:)[^\s()<>\"]+)\)")
TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)((?:\s[^<>]*)?)/?>")
COLOUR = re.compile(r"(?:^|[\s;\"'])color\s*[:=]\s*[\"']?\s*([#A-Za-z0-9(),.% ]+)", re.IGNORECASE)
RGB = re.compile(r"rgba?\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})")
TAGS = {"b": "strong", "strong": "strong", "i": "em", "em": "em", "u": "u", "span": "span", "font": "span"}
BREAKS = {"br", "p", "div"}
NAMED = {
    "black": "000000", "blue": "0000ff", "brown": "a52a2a", "crimson": "dc143c", "cyan": "00ffff", "darkblue": "00008b",
    "darkgreen": "006400", "darkred": "8b0000", "fuchsia": "ff00ff", "gold": "ffd700", "gray": "808080", "green": "008000",
    "grey": "808080", "lime": "00ff00", "magenta": "ff00ff", "maroon": "800000", "navy": "000080", "olive": "808000",
    "orange": "ffa500", "orangered": "ff4500", "pink": "ffc0cb", "purple": "800080", "red": "ff0000", "silver": "c0c0c0",
    "teal": "008080", "tomato": "ff6347", "violet": "ee82ee", "white": "ffffff", "yellow": "ffff00",
}  # fmt: skip
# Upper end of each hue in degrees.
HUES = ((15, "red"), (42, "orange"), (70, "yellow"), (165, "green"), (195, "teal"), (255, "blue"), (290, "purple"), (345, "pink"),
        (361, "red"))  # fmt: skip


def pieces(parts: Sequence[Any]) -> list[Piece]:
    """A text of the definition, strings and values in turn, as pieces; values are counted from 0."""
    joined = "".join(part.replace(VALUE, "") if isinstance(part, str) else VALUE for part in parts)
    if len(joined) > LONGEST:
        return [joined.replace(VALUE, "…")]
    count = iter(range(joined.count(VALUE)))
    made: list[Piece] = []
    for number, line in enumerate(re.split(r"\r\n|\r|\n", joined.strip("\r\n"))):
        if number:
            made.append(("br", "", []))
        found = BLOCK.fullmatch(line)
        if found and found[1]:
            made.append(("span", f"md-h{len(found[1])}", _inline(found[3], count.__next__, 0)))
        elif found:
            mark = "•" if found[2] in ("-", "*") else found[2]
            made.append(("span", "md-li", [f"{mark} ", *_inline(found[3], count.__next__, 0)]))
        else:
            made += _inline(line, count.__next__, 0)
    return _without_doubled_breaks(made)


def _without_doubled_breaks(made: list[Piece]) -> list[Piece]:
    """Blocks bring their own line; a break beside one would be an empty line."""

    def block(piece: Piece) -> bool:
        return isinstance(piece, tuple) and piece[1].startswith("md-") and piece[1][3] in "hl"

    kept: list[Piece] = []
    for number, piece in enumerate(made):
        beside = made[max(0, number - 1) : number] + made[number + 1 : number + 2]
        if isinstance(piece, tuple) and piece[0] == "br" and any(block(one) for one in beside):
            continue
        kept.append(piece)
    return kept


def _inline(text: str, value: Callable[[], int], depth: int) -> list[Piece]:
    made: list[Piece] = []
    words: list[str] = []

    def flush() -> None:
        if words:
            made.append("".join(words))
            words.clear()

    at = 0
    while at < len(text):
        plain = PLAIN.match(text, at)
        if plain and plain.end() > at:
            words.append(plain[0])
            at = plain.end()
            continue
        found, piece = _construct(text, at, value, depth)
        if found:
            if isinstance(piece, str):
                words.append(piece)
            else:
                flush()
                made += [] if piece is None else [piece]
            at = found
        else:
            words.append(text[at])
            at += 1
    flush()
    return made


def _construct(text: str, at: int, value: Callable[[], int], depth: int) -> tuple[int, Piece | None]:
    """Where what begins here ends, and what it is; (0, None) when it is only a character."""
    if text[at] == VALUE:
        return at + 1, value()
    if found := ESCAPED.match(text, at):
        return found.end(), found[1]
    if depth >= DEEPEST:
        return 0, None
    if found := STRONG.match(text, at):
        return found.end(), ("strong", "", _inline(found[1] or found[2], value, depth + 1))
    inside_word = text[at] == "_" and at > 0 and re.match(r"[A-Za-z0-9_]", text[at - 1])
    if not inside_word and (found := EMPHASIS.match(text, at)):
        return found.end(), ("em", "", _inline(found[1] or found[2], value, depth + 1))
    if found := LINK.match(text, at):
        return found.end(), ("a", found[2], _inline(found[1], value, depth + 1))
    if found := TAG.match(text, at):
        return _tag(text, found, value, depth)
    return 0, None


def _tag(text: str, opened: re.Match[str], value: Callable[[], int], depth: int) -> tuple[int, Piece | None]:
    name = opened[2].lower()
    if name in BREAKS:
        # A paragraph's beginning at the very start is no line of its own.
        return opened.end(), None if name != "br" and (opened.start() == 0 or opened[1]) else ("br", "", [])
    if name not in TAGS:
        return 0, None
    if opened[1]:
        return opened.end(), None
    end = _closing(text, opened.end(), name)
    if end is None:
        return opened.end(), None
    inside = _inline(text[opened.end() : end.start()], value, depth + 1)
    return end.end(), (TAGS[name], colour_class(opened[3]) if TAGS[name] == "span" else "", inside)


def _closing(text: str, at: int, name: str) -> re.Match[str] | None:
    open_tags = 1
    for found in TAG.finditer(text, at):
        if found[2].lower() == name:
            open_tags += -1 if found[1] else 1
            if open_tags == 0:
                return found
    return None


def colour_class(attributes: str) -> str:
    """The class of the colour that a tag's attributes wish for; '' for none or for black."""
    found = COLOUR.search(attributes)
    if not found:
        return ""
    wish = found[1].strip().lower()
    if numbers := RGB.match(wish):
        red, green, blue = (min(int(number), 255) for number in numbers.groups())
    else:
        digits = NAMED.get(wish, wish.removeprefix("#"))
        digits = "".join(one * 2 for one in digits) if len(digits) == 3 else digits
        if not re.fullmatch("[0-9a-f]{6}", digits):
            return ""
        red, green, blue = (int(digits[start : start + 2], 16) for start in (0, 2, 4))
    high, low = max(red, green, blue), min(red, green, blue)
    if high - low < 24:
        return "" if high < 64 else "md-grey"
    if high == red:
        hue = 60 * (green - blue) / (high - low) % 360
    elif high == green:
        hue = 60 * (blue - red) / (high - low) + 120
    else:
        hue = 60 * (red - green) / (high - low) + 240
    return f"md-{next(name for end, name in HUES if hue < end)}"


def html(found: Sequence[Piece], values: Sequence[str] = ()) -> Markup:
    """Pieces as HTML; each value in an <output>, empty when it is not given."""
    out: list[Markup | str] = []
    for piece in found:
        if isinstance(piece, str):
            out.append(escape(piece))
        elif isinstance(piece, int):
            out.append(Markup("<output>{}</output>").format(values[piece] if piece < len(values) else ""))
        elif piece[0] == "br":
            out.append(Markup("<br>"))
        elif piece[0] == "a":
            inside = html(piece[2], values)
            out.append(Markup('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>').format(piece[1], inside))
        else:
            marks = Markup(' class="{}"').format(piece[1]) if piece[1] else ""
            out.append(Markup("<{0}{1}>{2}</{0}>").format(Markup(piece[0]), marks, html(piece[2], values)))
    return Markup("").join(out)


def words(found: Sequence[Piece]) -> str:
    """Pieces without marks, for places that show only text; a value is an ellipsis, a break a blank."""
    return "".join(
        piece if isinstance(piece, str) else "…" if isinstance(piece, int) else " " if piece[0] == "br" else words(piece[2])
        for piece in found
    )
