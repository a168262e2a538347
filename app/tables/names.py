"""How a name is found: its characters, its pinyin initials, the readings of surnames.

Pure and cached per character: a county has hundreds of thousands of names
but only a few thousand different characters.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

os.environ.setdefault("PYPINYIN_NO_PHRASES", "1")  # read character by character: the phrases are 40 MB for nothing
from pypinyin import Style, lazy_pinyin

# Read differently as a surname than in running text. The everyday reading is
# kept as well, because a clerk types what she hears.
SURNAMES: dict[str, tuple[str, ...]] = {
    "单": ("shan",), "曾": ("zeng",), "仇": ("qiu",), "查": ("zha",), "解": ("xie",), "区": ("ou",),
    "任": ("ren",), "盖": ("ge", "gai"), "朴": ("piao",), "翟": ("zhai",), "乐": ("yue", "le"),
    "覃": ("qin", "tan"), "折": ("she",), "种": ("chong",), "冼": ("xian",), "洗": ("xian",),
    "员": ("yun",), "缪": ("miao",), "秘": ("bi",), "黑": ("he",), "繁": ("po",), "召": ("shao",),
    "能": ("nai",), "句": ("gou",), "晟": ("cheng",), "祭": ("zhai",), "谌": ("chen", "shen"),
    "牟": ("mu", "mou"), "宿": ("su",), "尉": ("yu", "wei"), "万": ("wan", "mo"), "长": ("zhang",),
    "车": ("che",), "石": ("shi",), "贾": ("jia",), "卜": ("bu",), "沈": ("shen",), "隗": ("wei", "kui"),
    "逄": ("pang",), "燕": ("yan",), "瞿": ("qu",), "适": ("kuo",), "都": ("du",), "哈": ("ha",),
    "载": ("zai",), "宓": ("mi", "fu"), "柏": ("bai", "bo"), "费": ("fei", "bi"), "郇": ("xun", "huan"),
}  # fmt: skip

_NUMERALS = "零一二三四五六七八九"
_COUNTED = re.compile("([一二三四五六七八九]?十[一二三四五六七八九]?|[一二三四五六七八九])([组社队号])")
_is_han = re.compile("[一-龥]+").fullmatch
"""Of a text as nearly all names are: each character is its own plain form, and a word by itself."""
_TOKEN = re.compile(r"[a-z0-9]+|[^\W_]")


def normal(text: str) -> str:
    """The text as it is compared: full-width forms made plain, lower case."""
    if _is_han(text):
        return text
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).lower()


def tokens(text: str) -> list[str]:
    """Chinese character by character, Latin letters and digits by the run; nothing else."""
    if _is_han(text):
        return list(text)
    if text.isascii() and text.isalnum():
        return [text.lower()]  # an ID number or a code
    return _TOKEN.findall(normal(text))


def spaced(text: str) -> str:
    """Its tokens with blanks between, as the search index takes them in."""
    if _is_han(text):
        return " ".join(text)
    return " ".join(tokens(text))


def backwards(number: str) -> str:
    """A number without what stands between its digits, from its end."""
    if number.isascii() and number.isalnum():
        return number.lower()[::-1]
    return "".join(tokens(number))[::-1]


@lru_cache(maxsize=30_000)
def spaced_place(text: str) -> str:
    """A group or house number, as the search index takes it in."""
    return spaced(arabic(text))


@lru_cache(maxsize=30_000)
def _reading(character: str) -> str:
    if character.isascii():
        return character
    return "".join(lazy_pinyin(character, style=Style.NORMAL, errors="ignore"))


@lru_cache(maxsize=5_000)
def _surname_letters(character: str) -> tuple[str, ...]:
    readings = (*SURNAMES.get(character, ()), _reading(character))
    return tuple(dict.fromkeys(reading[0] for reading in readings if reading))


@lru_cache(maxsize=30_000)
def _letter(character: str) -> str:
    return _reading(character)[:1]


@lru_cache(maxsize=5_000)
def _surname_reading(character: str) -> str:
    return SURNAMES.get(character, (_reading(character),))[0]


def _characters(name: str) -> Sequence[str]:
    return name if _is_han(name) else [character for character in normal(name) if character.isalnum()]


def initials(name: str) -> tuple[str, ...]:
    """The pinyin initials a name may be typed with: 曾小明 → zxm, cxm. Empty for an empty name."""
    return tuple(spaced_and_initials(name)[1])


def spaced_and_initials(name: str) -> tuple[str, Sequence[str]]:
    """Both ways in which the search index takes a name in."""
    characters = _characters(name)
    apart = " ".join(name) if characters is name else spaced(name)
    if not characters:
        return apart, ()
    rest = "".join(map(_letter, characters[1:]))
    return apart, [first + rest for first in _surname_letters(characters[0])]


@lru_cache(maxsize=200_000)
def sort_key(name: str) -> str:
    """Where a name stands in an alphabetical list: by the reading of each character, then itself."""
    characters = _characters(name)
    if not characters:
        return "~"
    return " ".join((_surname_reading(characters[0]), *map(_reading, characters[1:]), name))


@lru_cache(maxsize=30_000)
def arabic(text: str) -> str:
    """Chinese numbers of groups and houses in digits: 十二组 → 12组, so that both spellings are one."""
    return _COUNTED.sub(lambda found: _digits(found[1]) + found[2], text)


def _digits(numeral: str) -> str:
    tens, ten, ones = numeral.rpartition("十")
    if not ten:
        return "".join(str(_NUMERALS.index(digit)) for digit in numeral)
    return str((_NUMERALS.index(tens) if tens else 1) * 10 + (_NUMERALS.index(ones) if ones else 0))


@lru_cache(maxsize=30_000)
def natural_key(text: str) -> str:
    """A sort key in which 二组 and 2组 stand before 十组."""
    return re.sub(r"\d+", lambda digits: digits.group().zfill(6), arabic(normal(text)))
