"""Who somebody typed in may be, and which household: the office's rule on the cases the phone runs too.

The cases are in tests/vectors/alike.json; tests/js/core_alike.test.js runs the same.
"""

from __future__ import annotations

import importlib.util
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.tables.duplicates import likely_households, likely_people
from app.tables.names import sort_key
from sync.author import Author
from sync.records import Scope

TOLD = json.loads((Path(__file__).parent / "vectors" / "alike.json").read_text("utf-8"))
EVERYWHERE = Scope(area_prefixes=(TOLD["area"][:9],))
TYPED = dict.fromkeys(("full_name", "birth_date", "id_no", "head_name", "group", "house_no", "national_no"), "")


@pytest.fixture
def register(here: Any) -> Any:
    author = Author("i-alike", "u-county", clock=lambda: datetime(2026, 11, 2, tzinfo=UTC))
    here.store.load([
        *(author.create("household", one["id"], one["area"], one["fields"]) for one in TOLD["households"]),
        *(author.create("member", one["id"], one["area"], {"state": "active"} | one["fields"]) for one in TOLD["people"]),
    ])  # fmt: skip
    here.tables.catch_up(wait=True)
    return here.tables


@pytest.mark.parametrize("case", TOLD["like_people"], ids=lambda case: case["why"])
def test_people(register: Any, case: dict[str, Any]) -> None:
    found = likely_people(register, EVERYWHERE, TYPED | case["typed"], TOLD["area"])
    assert {row["id"]: row["why"] for row in found} == case["found"]


@pytest.mark.parametrize("case", TOLD["like_households"], ids=lambda case: case["why"])
def test_households(register: Any, case: dict[str, Any]) -> None:
    found = likely_households(register, EVERYWHERE, TYPED | case["typed"], TOLD["area"])
    assert {row["id"]: row["why"] for row in found} == case["found"]


def test_the_phone_s_table_reads_as_the_office_does() -> None:
    """Made by static/make_pinyin.py from the same readings: every character it has, as a surname and as a given name."""
    script = Path(__file__).parents[1] / "static" / "make_pinyin.py"
    spec = importlib.util.spec_from_file_location("make_pinyin", script)
    assert spec and spec.loader
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    source = (script.parent / "js" / "core" / "sounds-table.js").read_text("utf-8")
    parts = dict(re.findall(r"^export const (\w+) = '(.*)';$", source, re.M))
    syllables, codes, surnames = parts["SYLLABLES"], parts["CODES"], parts["SURNAMES"]
    readings = syllables.split(" ")
    first = {one[0]: one[1:] for one in surnames.split(" ")}
    for at, character in enumerate(maker.gb2312()[: len(codes) // 2]):
        said = readings[int(codes[at * 2 : at * 2 + 2], 36)]
        if character:
            assert sort_key(f"王{character}").split(" ")[1] == said, character
            assert sort_key(character).split(" ")[0] == first.get(character, said), character
