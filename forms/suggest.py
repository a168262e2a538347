"""Did you mean …: the known word nearest to a misspelt one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str], cutoff: float = 0.7) -> str:
    """The closest known word, '' when none is near. Letter case and punctuation count little."""
    plain: dict[str, str] = {}
    for one in known:
        plain.setdefault(_plain(one), one)
    if _plain(word) in plain:
        return plain[_plain(word)]
    found = get_close_matches(_plain(word), list(plain), n=1, cutoff=cutoff)
    return plain[found[0]] if found else ""


def _plain(word: str) -> str:
    return "".join(letter for letter in word.lower() if letter.isalnum()) or word
