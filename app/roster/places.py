"""Which village a line of a roster means, from a code, from names, or from an address. Pure."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from sync.scope import within

_CUT = {6: 6, 9: 9, 12: 12}
_ENDING = re.compile(r"(?:村民委员会|社区居民委员会|居民委员会|村委会|居委会|社区|街道|自治县|行政村|[村镇乡县区市])$")


@dataclass(frozen=True)
class Place:
    """code '' when no village was found; fault then says why, a code of app.roster.words."""

    code: str
    fault: str = ""
    near: tuple[str, ...] = ()


class Places:
    """The villages that the one at the page may write to, by code and by name.

    names: 12-digit code → name, places above included. successors: a code that
    is no longer in use → the one that took its place.
    """

    def __init__(
        self, names: Mapping[str, str], prefixes: Iterable[str], default: str = "",
        successors: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.names = names
        self.prefixes = tuple(prefixes)
        self.default = default
        self.successors = successors or {}
        in_use = (code for code in names if len(code) == 12 and code[9:] != "000" and code not in self.successors)
        self.villages = [code for code in in_use if within(code, self.prefixes)]
        self._by_name: dict[str, list[str]] = defaultdict(list)
        for code in self.villages:
            for spelling in {names[code], bare(names[code])}:
                self._by_name[spelling].append(code)
        self.find = lru_cache(maxsize=5_000)(self._find)

    def _find(self, code: str, county: str, township: str, village: str, address: str) -> Place:
        """The village; the page's default where the line names none at all."""
        if code:
            return self._by_code(code)
        if not (village or address):
            return Place(self.default) if self.default else Place("", "no_place")
        found = self._named(village) if village else self._in_address(address)
        found = [one for one in found if self._lies_in(one, county, 6) and self._lies_in(one, township, 9)]
        if not found and village and address:
            found = self._in_address(address)
        if len(found) == 1:
            return Place(found[0])
        if found:
            return Place("", "many_places", tuple(self.path(one) for one in found[:3]))
        return Place("", "unknown_place", self._near(village or address))

    def path(self, code: str) -> str:
        return " ".join(self.names[part] for end in (6, 9, 12) if (part := code[:end].ljust(12, "0")) in self.names)

    def _by_code(self, code: str) -> Place:
        digits = re.sub(r"\D", "", code)[:12]
        digits = self.successors.get(digits, digits)
        if len(digits) != 12 or digits not in self.names or digits[9:] == "000":
            return Place("", "unknown_code")
        return Place(digits) if within(digits, self.prefixes) else Place("", "outside")

    def _named(self, name: str) -> list[str]:
        return self._by_name.get(name) or self._by_name.get(bare(name), [])

    def _in_address(self, address: str) -> list[str]:
        """Villages whose name stands in the address; a longer name hides a shorter one inside it."""
        holding = [code for code in self.villages if self.names[code] in address]
        longest = max((len(self.names[code]) for code in holding), default=0)
        holding = [code for code in holding if len(self.names[code]) == longest]
        if len(holding) > 1:
            sure = [code for code in holding if self.names.get(code[:9] + "000", "?") in address]
            holding = sure or holding
        return holding

    def _lies_in(self, code: str, name: str, end: int) -> bool:
        above = self.names.get(code[:end].ljust(12, "0"), "")
        return not name or not above or bare(name) == bare(above)

    def _near(self, name: str) -> tuple[str, ...]:
        close = difflib.get_close_matches(name, list(self._by_name), n=3, cutoff=0.4)
        return tuple(dict.fromkeys(self.path(self._by_name[one][0]) for one in close))


def bare(name: str) -> str:
    """A place's name without what kind of place it is: 清水村村委会 and 清水村 are 清水."""
    name = re.sub(r"\s", "", name)
    for _ in range(2):
        shorter = _ENDING.sub("", name)
        if len(shorter) < 2:
            break
        name = shorter
    return name
