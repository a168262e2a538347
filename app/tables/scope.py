"""The area prefixes a reader may see, as SQL. Every query of the read tables goes through it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class HasPrefixes(Protocol):
    """Anything that says which areas may be seen: sync's Scope, or a grant's."""

    @property
    def area_prefixes(self) -> Sequence[str]: ...


def area_clause(scope: HasPrefixes, column: str = "area") -> tuple[str, list[str]]:
    """An SQL condition and its values. No prefix sees nothing; an empty one, which only a server has, everything.

    A range and not LIKE, so that the index on the column is used. ':' is the
    character after '9'.
    """
    prefixes = scope.area_prefixes
    if not prefixes:
        return "0", []
    if "" in prefixes:
        return "1", []
    ranges = " OR ".join(f"({column} >= ? AND {column} < ?)" for _ in prefixes)
    return f"({ranges})", [end for prefix in prefixes for end in (prefix, prefix + ":")]
