"""A register many times over, inside the read tables: making each household by itself takes longer than what is measured."""

from __future__ import annotations

import sqlite3

from forms.rules.facts import check_character, number_of

COPIES = 10
_OWN = {"households": ("id",), "members": ("id", "household_id")}
AREA = "'50' || substr('000' || ?1, -4) || substr(area, 7)"
"""Each copy lies in a county of its own."""


def other_number(number: str, copy: int) -> str:
    """Somebody else's ID number, with the same thing wrong with it if something is."""
    tidy = number_of({"id_no": number})
    if len(tidy) < 18 or not tidy[:17].isdigit():
        return number
    other = f"5{copy:05d}{tidy[6:17]}"
    right = check_character(tidy[:17]) == tidy[17]
    return other + (check_character(other) if right else "X" if check_character(other) != "X" else "0") + tidy[18:]


def multiply(db: sqlite3.Connection, copies: int = COPIES, *, code: str = "code") -> None:
    """Households, their members, and what is searched for; everybody is due for the checks. code: its SQL in a copy."""
    db.create_function("other_number", 2, other_number)
    homes = db.execute("SELECT max(n) FROM households").fetchone()[0]
    db.execute("CREATE TEMP TABLE searched AS SELECT rowid AS row, * FROM household_search")
    for copy in range(1, copies):
        for table, own in _OWN.items():
            columns = [row[1] for row in db.execute(f"PRAGMA table_info([{table}])")]
            made = {name: f"[{name}]" for name in columns} | {name: f"[{name}] || '~' || ?1" for name in own} | {"area": AREA}
            made |= {"n": f"n + ?1 * {homes}", "code": code} if table == "households" else {"id_no": "other_number(id_no, ?1)"}
            names, values = ", ".join(f"[{name}]" for name in made), ", ".join(made.values())
            db.execute(f"INSERT INTO [{table}] ({names}) SELECT {values} FROM [{table}] WHERE instr(id, '~') = 0", (copy,))  # noqa: S608
        db.execute(
            "INSERT INTO household_search(rowid, names, initials, tails, place, code) "  # noqa: S608
            f"SELECT row + ?1 * {homes}, names, initials, tails, place, {code} FROM searched",
            (copy,),
        )
    db.execute("DROP TABLE searched")
    db.execute("INSERT OR IGNORE INTO check_due SELECT id FROM households")
