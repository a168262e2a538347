"""Writes static/js/core/pinyin-table.js and sounds-table.js: the initial and the reading of every GB 2312 character.

GB 2312 level 1 is ordered by pinyin and every browser can decode it, so the
first table is one letter a character in the order of the standard, a few KB in
all; the second two digits for the syllable, and comes to a phone later.
Run it again only when the list of surname readings changes:
``python static/make_pinyin.py``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pypinyin import Style, pinyin

CORE = Path(__file__).parent / "js" / "core"
TARGET = CORE / "pinyin-table.js"
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"

# Characters read otherwise as a surname or place name; the letters are added to the usual one.
SURNAMES = {
    "单": "s", "曾": "z", "仇": "q", "查": "z", "解": "x", "区": "o", "任": "r", "华": "h", "朴": "p", "盖": "g",
    "缪": "m", "尉": "y", "长": "c", "翟": "z", "乐": "y", "覃": "q", "谌": "c", "折": "s", "员": "y", "冼": "x",
    "那": "n", "万": "w", "隗": "w", "祭": "z", "种": "c", "召": "s", "盛": "s", "重": "c", "行": "x", "都": "d",
    "曲": "q", "宁": "n", "教": "j", "车": "c", "乜": "n", "石": "s", "卜": "b", "薄": "b", "晟": "c", "茜": "x",
    "俞": "y", "逄": "p", "兴": "x", "朝": "c", "柏": "b", "强": "q", "殷": "y", "贾": "j", "瞿": "q", "洗": "x",
}


def gb2312() -> list[str]:
    """The characters of rows 16 to 87 in order; '' where a place is empty."""
    characters = []
    for row in range(0xB0, 0xF8):
        for cell in range(0xA1, 0xFF):
            try:
                characters.append(bytes((row, cell)).decode("gb2312"))
            except UnicodeDecodeError:
                characters.append("")
    return characters


def initial_of(character: str) -> str:
    """First letter of the usual reading, or a space."""
    if not character:
        return " "
    letter = pinyin(character, style=Style.NORMAL)[0][0][:1]
    return letter if letter.isascii() and letter.isalpha() else " "


def main() -> None:
    letters = "".join(initial_of(character) for character in gb2312())
    usual = dict(zip(gb2312(), letters, strict=True))
    surnames = "".join(
        character + letter for character, letter in sorted(SURNAMES.items()) if usual.get(character) != letter
    )
    TARGET.write_text(
        "/** Pinyin initials in the order of GB 2312, rows 16 to 87. Made by static/make_pinyin.py. */\n\n"
        "/** One letter a character. */\n"
        f"export const LETTERS = '{letters.rstrip()}';\n\n"
        "/** Character and letter, for readings as a surname. */\n"
        f"export const SURNAMES = '{surnames}';\n",
        encoding="utf-8",
    )
    write_sounds()


def write_sounds() -> None:
    """As app/tables/names.py reads, so that phone and office find the same names alike."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from app.tables import names

    readings = [names._reading(character) if character else "" for character in gb2312()]
    syllables = ["", *sorted({reading for reading in readings if reading})]
    codes = [divmod(syllables.index(reading), len(DIGITS)) for reading in readings]
    while codes[-1] == (0, 0):
        codes.pop()
    surnames = [character + said[0] for character, said in sorted(names.SURNAMES.items())]
    (CORE / "sounds-table.js").write_text(
        "/** Readings in the order of GB 2312, rows 16 to 87. Made by static/make_pinyin.py. */\n\n"
        "/** The first is none. */\n"
        f"export const SYLLABLES = '{' '.join(syllables)}';\n\n"
        "/** Two digits of base 36 a character: which syllable. */\n"
        f"export const CODES = '{''.join(DIGITS[high] + DIGITS[low] for high, low in codes)}';\n\n"
        "/** Character and syllable, where a surname is read otherwise. */\n"
        f"export const SURNAMES = '{' '.join(surnames)}';\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
