"""What follows of a person from the register's fields alone; rules read these beside the fields.

``static/js/core/facts.js`` is the other home; both read tests/vectors/facts.json.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from operator import mul

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECKS = "10X98765432"
OLDEST = "1880-01-01"
"""Nobody alive was born before."""
WHOLE = ("citizen", "disability")
FACTS = ("active", "age", "id_kind", "id_birth", "id_sex", "id_twice")

_CITIZEN = re.compile(r"[0-9]{17}[0-9X]")
_DISABILITY = re.compile(r"[0-9]{17}[0-9X][1-7][1-4](?:B[0-9])?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def members_facts(members: Sequence[Mapping[str, str]], today: str) -> list[dict[str, str]]:
    """The facts of every member of one household, in their order; all values are text, '' is unknown.

    active: yes or no. age: whole years today. id_kind: '' without a number, ``citizen`` (GB 11643),
    ``disability`` (certificate: number, category 1–7, grade 1–4, perhaps a reissue), ``wrong_length``,
    ``wrong_checksum``, ``wrong_date``. id_birth, id_sex: what a whole number says. id_twice: yes when another
    active member has the same number.
    """
    numbers: dict[str, int] = {}
    for member in members:
        number = number_of(member)
        if number and is_active(member):
            numbers[number] = numbers.get(number, 0) + 1
    return [_facts(member, today, numbers) for member in members]


def _facts(member: Mapping[str, str], today: str, numbers: Mapping[str, int]) -> dict[str, str]:
    number = number_of(member)
    kind = id_kind(number, today)
    whole = kind in WHOLE
    born = born_in(number) if whole else ""
    active = is_active(member)
    return {
        "active": "yes" if active else "no",
        "age": age_on(member.get("birth_date") or born, today),
        "id_kind": kind,
        "id_birth": born,
        "id_sex": sex_in(number) if whole else "",
        "id_twice": "yes" if active and numbers.get(number, 0) > 1 else "",
    }


def is_active(member: Mapping[str, str]) -> bool:
    return member.get("state", "") in ("", "active")


def number_of(member: Mapping[str, str]) -> str:
    """The ID number without spaces, its X large."""
    return (member.get("id_no") or "").replace(" ", "").upper()


def id_kind(number: str, today: str) -> str:
    """What sort of number it is, or what is wrong with it."""
    if not number:
        return ""
    if _CITIZEN.fullmatch(number):
        kind = "citizen"
    elif _DISABILITY.fullmatch(number):
        kind = "disability"
    else:
        return "wrong_length"
    born = born_in(number)
    if not is_day(born) or not OLDEST <= born <= today:
        return "wrong_date"
    return kind if check_character(number[:17]) == number[17] else "wrong_checksum"


def born_in(number: str) -> str:
    return f"{number[6:10]}-{number[10:12]}-{number[12:14]}"


def sex_in(number: str) -> str:
    return "1" if int(number[16]) % 2 else "2"


def check_character(first17: str) -> str:
    """The 18th character of a number (GB 11643: ISO 7064 MOD 11-2)."""
    return CHECKS[sum(map(mul, map(int, first17), WEIGHTS)) % 11]


def is_day(text: str) -> bool:
    if not _DAY.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def age_on(born: str, today: str) -> str:
    """Whole years, '' when a date is missing, wrong, or not yet there."""
    if not is_day(born) or not is_day(today) or born > today:
        return ""
    years = int(today[:4]) - int(born[:4])
    return str(years - (today[5:] < born[5:]))
