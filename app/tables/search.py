"""What was typed into the register's search box, as an FTS5 expression.

Every word must be found; a word may be a part of a name, pinyin initials, the
tail of an ID number, a house number or group, or the start of a household
code. All of it is quoted, so ``NEAR``, ``*`` and ``"`` are only characters.
"""

from __future__ import annotations

import re

from app.tables.names import arabic, normal, tokens

_CODE_LETTERS = str.maketrans({"o": "0", "i": "1", "l": "1"})
_CODE_IN_ADDRESS = re.compile(r"/[hs]/([0-9a-z]{26})(?:/|$)")
_SHORTEST_TAIL = 3  # two digits are far more often a house number
_SHORTEST_CODE = 4


def match_expression(text: str) -> str | None:
    """The FTS5 query for the household search, or None when nothing in the text can be searched for."""
    typed = normal(text).strip()
    address = _CODE_IN_ADDRESS.search(typed)
    if address:
        return _start("code", address.group(1))
    words = [word for word in (_word(part) for part in typed.split()) if word]
    if not words:
        return None
    every = " AND ".join(f"({word})" for word in words)
    whole_code = re.sub(r"[\s-]", "", typed)
    if len(words) > 1 and _is_code(whole_code):
        return f"({every}) OR {_start('code', whole_code)}"
    return every


def _word(word: str) -> str:
    """The ways in which one typed word may be meant, '' when it holds no letter and no digit."""
    parts = tokens(word)
    if not parts:
        return ""
    ways = [f'names : "{" ".join(parts)}"', f'place : "{" ".join(tokens(arabic(word)))}"']
    joined = "".join(parts)
    if joined.isascii():
        if joined.isalpha():
            ways.append(_start("initials", joined))
        if len(joined) >= _SHORTEST_TAIL and re.fullmatch(r"\d+x?", joined):
            ways.append(_start("tails", joined[::-1]))
        if _is_code(joined):
            ways.append(_start("code", joined))
    return " OR ".join(ways)


def _is_code(text: str) -> bool:
    return len(text) >= _SHORTEST_CODE and re.fullmatch(r"[0-9a-z]{4,26}", text) is not None


def _start(column: str, text: str) -> str:
    letters = text.translate(_CODE_LETTERS) if column == "code" else text
    return f'{column} : "{letters}" *'
