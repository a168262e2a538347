"""What a list of households is asked to hold, as conditions of a query."""

from __future__ import annotations

from dataclasses import dataclass

from app.tables.query import Conditions
from app.tables.scope import HasPrefixes
from app.tables.search import match_expression


@dataclass(frozen=True)
class HouseholdWish:
    """What a list of households is to hold. area: 12-digit code or a prefix; areas: villages, of which
    any; sort: a key of SORTS."""

    text: str = ""
    area: str = ""
    group: str = ""
    status: str = ""
    sort: str = "place"
    areas: tuple[str, ...] = ()


def asked_for(scope: HasPrefixes, wish: HouseholdWish) -> tuple[Conditions, str]:
    """The conditions and the FROM clause of a wish; the households are called h."""
    where, source = Conditions(scope, "h."), "households h"
    where.add_within(wish.area)
    if wish.areas:
        where.add(f"substr(h.area, 1, 12) IN ({', '.join('?' * len(wish.areas))})", *wish.areas)
    where.add_if(wish.group, 'h."group" = ?')
    where.add_if(wish.status, "h.status = ?")
    if wish.text.strip():
        expression = match_expression(wish.text)
        if expression is None:
            where.add("0")
        else:
            source = "household_search s JOIN households h ON h.n = s.rowid"
            where.add("household_search MATCH ?", expression)
    return where, source
