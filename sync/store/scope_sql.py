"""A scope as an SQL condition on the table of records, with bound values only."""

from __future__ import annotations

from collections.abc import Sequence

from sync.digest import PLACE
from sync.records import Scope
from sync.scope import ancestors_of, downward_kinds


def scope_sql(scope: Scope, mark: str = "?") -> tuple[str, list[str]]:
    """(condition, values); mark is the database's placeholder. An empty scope reads nothing.

    Area codes are digits, compared as bytes: a place holds what begins with its prefix.
    """
    if not scope.area_prefixes:
        return "1 = 0", []
    inside: list[str] = []
    values: list[str] = []
    for prefix in scope.area_prefixes:
        inside.append(f"(area >= {mark} AND area < {mark})")
        values += [prefix, prefix + "~"]
    down = downward_kinds(scope)
    ancestors = sorted({code for prefix in scope.area_prefixes for code in ancestors_of(prefix)})
    if down and ancestors:
        inside.append(f"(kind IN ({marks(down, mark)}) AND area IN ({marks(ancestors, mark)}))")
        values += [*down, *ancestors]
    where = "(" + " OR ".join(inside) + ")"
    if scope.kinds:
        where += f" AND kind IN ({marks(scope.kinds, mark)})"
        values += scope.kinds
    return where, values


IN_PLACE = "(area >= ? AND area < ?)"


def in_place(place: str) -> tuple[str, str]:
    """Values of `IN_PLACE`: a village with its groups, or one larger place by itself."""
    return (place, place + "~") if len(place) == PLACE else (place, place + " ")


def marks(values: Sequence[object], mark: str = "?") -> str:
    return ", ".join([mark] * len(values))
