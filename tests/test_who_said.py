"""Whose word a value is, told to phones that ask.

1. who, when, in a visit or not, said or confirmed; nothing of the values themselves
2. nothing about records outside the asker's places, of other kinds or erased
3. what is asked is capped, and somebody who is unknown here has no name
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from conftest import COUNTY, HOUSEHOLD, OTHER_HOUSEHOLD, VILLAGE

from sync.author import Author
from sync.own import write_own
from sync.protocol import RECORDS_ASKED


def asked(device: Any, *ids: str) -> Any:
    return device.client.post("/sync/v1/said", data=msgspec.json.encode({"ids": ids}), headers=device.headers)


@pytest.fixture
def told(phone: Any, cast: Any) -> Any:
    """The cadre's phone, after a visit in which one value was given and one confirmed."""
    device = phone(cast.cadre)
    author = device.author
    visit = {"submission": "s-7"}
    ops = [
        author.update("household", HOUSEHOLD, VILLAGE, {"water_safe": ("no", "yes"), "group": ("1", "1")}, **visit),
        author.create("member", "m-7", VILLAGE, {"household_id": HOUSEHOLD, "full_name": "冉小七"}),
    ]
    assert [one["status"] for one in device.push(ops).json["results"]] == ["applied", "applied"]
    return device


def test_a_phone_hears_whose_word_each_value_is(told: Any) -> None:
    reply = asked(told, HOUSEHOLD, "m-7")
    assert reply.status_code == 200
    home, member = reply.json["said"][HOUSEHOLD], reply.json["said"]["m-7"]
    assert {name: (one["who"], one["visit"], one["confirmed"]) for name, one in home.items()} == {
        "head_name": ("谭县管", False, False),
        "water_safe": ("冉村干", True, False),
        "group": ("冉村干", True, True),
    }
    assert home["head_name"]["when"].startswith("2026-11-01 ")
    assert member["full_name"]["who"] == "冉村干"
    assert "冉光荣" not in reply.text and "冉小七" not in reply.text


def test_nothing_is_told_of_other_places_and_other_kinds(told: Any, phone: Any, cast: Any) -> None:
    assert asked(told, OTHER_HOUSEHOLD, "u-cadre", "nobody").json == {"said": {}}
    assert asked(phone(cast.neighbour), HOUSEHOLD, "m-7").json == {"said": {}}
    assert set(asked(phone(cast.township), HOUSEHOLD, OTHER_HOUSEHOLD).json["said"]) == {HOUSEHOLD}


def test_what_was_taken_away_has_no_source(told: Any) -> None:
    told.push([told.author.void("member", "m-7", VILLAGE, {"full_name": "冉小七"}, "登记错了")])
    assert set(asked(told, HOUSEHOLD, "m-7").json["said"]) == {HOUSEHOLD}


def test_a_word_outlives_its_person_at_the_office_and_a_stranger_has_no_name(told: Any, here: Any) -> None:
    def leaves(author: Author) -> list[Any]:
        gone = author.void("user", "u-county", COUNTY, {"name": "谭县管"}, "离任")
        return [gone, author.update("household", HOUSEHOLD, VILLAGE, {"group": ("1", "2")})]

    write_own(here.store, "office", "u-elsewhere", leaves, clock=here.now)
    home = asked(told, HOUSEHOLD).json["said"][HOUSEHOLD]
    assert (home["head_name"]["who"], home["group"]["who"]) == ("谭县管", "")


@pytest.mark.parametrize("body", [b"", b"[]", b'{"ids": "h"}', b'{"ids": [1]}', b'{"ids": ["' + b"h" * 65 + b'"]}',
                                  msgspec.json.encode({"ids": ["h"] * (RECORDS_ASKED + 1)})])  # fmt: skip
def test_what_is_asked_is_checked_and_capped(phone: Any, cast: Any, body: bytes) -> None:
    device = phone(cast.cadre)
    reply = device.client.post("/sync/v1/said", data=body, headers=device.headers)
    assert (reply.status_code, reply.json["error"]["code"]) == (400, "bad_json")


def test_without_a_token_nobody_is_answered(client: Any) -> None:
    assert client.post("/sync/v1/said", json={"ids": [HOUSEHOLD]}).status_code == 401
