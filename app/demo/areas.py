"""Where the demo county lies: real area codes and names, and how many households live in each village.

``areas.json`` says where its rows come from. No household, person or figure
placed in these villages is real.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

VILLAGE_SIZE = 300
"""Households in a village once the demo is larger than its first nine villages hold."""

FIRST = (
    ("500156", "土坎镇", ("清水村", "松树村", "新坪村")),
    ("500240", "中益乡", ("华溪村", "坪坝村", "光明村")),
    ("500110", "赶水镇", ("藻渡村", "双丰村", "洋渡村")),
)
"""The villages of the usual demo, in order. A larger one goes on with the rest of the file."""

CENTRE_AREA = "50"
CENTRE_NAME = "演示中心"


@dataclass(frozen=True)
class Area:
    """A place. code is its prefix in the 12-digit tree: 6 digits a county, 9 a township, 12 a village."""

    code: str
    name: str
    full_name: str
    level: str

    @property
    def code12(self) -> str:
        """The code as a record carries it, filled up with zeros."""
        return self.code.ljust(12, "0")


@dataclass(frozen=True)
class Village(Area):
    """A village with its place above and the number of households the demo puts there."""

    township: Area
    county: Area
    households: int = 0


def plan(households: int) -> list[Village]:
    """The villages of a demo of that size, with their shares; clear of any chance.

    Sums to households. Up to 2,700 households live in nine villages; beyond
    that a village more for every 300, until the file has no more.
    """
    villages = _villages()
    wanted = max(9, -(-households // VILLAGE_SIZE))
    chosen = villages[:wanted]
    share, rest = divmod(households, len(chosen))
    return [
        Village(**{**vars(village), "households": share + (number < rest)})
        for number, village in enumerate(chosen)
    ]


def places(villages: list[Village]) -> list[Area]:
    """Every place that has one of these villages in it, the higher before the lower."""
    found: dict[str, Area] = {}
    for village in villages:
        for area in (village.county, village.township, village):
            found.setdefault(area.code, area)
    return list(found.values())


@cache
def _villages() -> tuple[Village, ...]:
    """All villages of the file: those of FIRST, then the others."""
    counties = json.loads(Path(__file__).with_name("areas.json").read_text("utf-8"))["counties"]
    every: dict[tuple[str, str, str], Village] = {}
    for row in counties:
        county = Area(row["code"], row["name"], row["name"], "county")
        for town in row["towns"]:
            code, full_name = county.code + town["code"], county.name + town["name"]
            township = Area(code, town["name"], full_name, "township")
            for suffix, name in town["villages"].items():
                place = code + suffix, name, full_name + name, "village", township, county
                every.setdefault((county.code, town["name"], name), Village(*place))
    first = [every.pop((county, town, name)) for county, town, names in FIRST for name in names]
    return (*first, *every.values())
