"""ID numbers that pass every check of GB 11643 and yet belong to nobody.

They are impossible by their first six digits. Those digits of a citizen's
number are the GB/T 2260 code of a county, and no province is numbered 99. A
foreign permanent resident's number does begin with 9, but its second and third
digits are again a province, and again 99 is none. So ``999`` + three digits
can never be issued, while length, birth date, sex digit and check character
are all valid, as the forms' checks need them to be.
"""

from __future__ import annotations

from datetime import date

from forms.rules.facts import check_character

PREFIX = "999"


def id_number(county: str, born: date, order: int) -> str:
    """An impossible number; order 0–999 is the person among those born there that day, odd for a man."""
    first17 = f"{PREFIX}{county[3:6]}{born:%Y%m%d}{order:03d}"
    return first17 + check_character(first17)
