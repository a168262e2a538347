"""Citizens' ID numbers (GB 11643) and disability certificates built on them. Pure."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from forms.rules.facts import WHOLE, born_in, id_kind, sex_in

_DAMAGED = re.compile(r"^[+]?\d(?:\.\d+)?[eE][+]?1[4-9]$")
_BETWEEN = re.compile(r"[\s\-'‐-―\ufeff]")
_CUT = re.compile(r"^\d{15}000$")

OK, EMPTY, LENGTH, CHECKSUM, BIRTH = "ok", "empty", "length", "checksum", "birth"
SCIENTIFIC, ROUNDED = "scientific", "rounded"
_FAULTS = {"wrong_length": LENGTH, "wrong_checksum": CHECKSUM, "wrong_date": BIRTH}


class IdNumber(NamedTuple):
    """A number as it was read. fault: OK, or why it cannot be one. born and sex ('1', '2') only when it is one."""

    text: str
    fault: str = OK
    born: str = ""
    sex: str = ""


@lru_cache(maxsize=64)  # a line's number is asked for more than once
def read_id(text: str, today: date) -> IdNumber:
    """What a typed or pasted number is; spaces, dashes and a small x are forgiven.

    scientific: a spreadsheet showed it as 5.00156E+17. rounded: it kept 15
    digits and put zeros behind. Either way the number is lost, not mistyped.
    """
    plain = (text if text.isascii() and text.isalnum() else _BETWEEN.sub("", text)).upper()
    if not plain:
        return IdNumber("", EMPTY)
    if "E" in plain and _DAMAGED.match(plain):
        return IdNumber(plain, SCIENTIFIC)
    kind = id_kind(plain, today.isoformat())
    if kind not in WHOLE:
        return IdNumber(plain, ROUNDED if kind == "wrong_checksum" and _CUT.match(plain) else _FAULTS[kind])
    return IdNumber(plain, OK, born_in(plain), sex_in(plain))
