"""What the register's search box finds, and that nothing typed into it can break a query."""

from __future__ import annotations

import re
import unicodedata

import pytest
from fake_store import ABROAD, VILLAGE, FakeStore
from hypothesis import given
from hypothesis import strategies as st

from app.tables import Tables, names
from app.tables.households import HouseholdWish, find_households
from app.tables.names import initials, natural_key, sort_key
from app.tables.search import match_expression
from sync.records import Scope

COUNTY = Scope(area_prefixes=("500232",))
CODE = "7K2M9QXA0B1CD" + "ZZYYXXWWVVTT0"


@pytest.fixture
def tables(tmp_path):
    store = FakeStore()
    store.put("household", "h1", head_name="曾小明", group="3组", house_no="12号附1", code=CODE)
    store.put("household", "h2", head_name="单 仇", group="10组", house_no="NEAR", code="8" + CODE[1:])
    store.put("household", "h3", head_name="阿依古丽·买买提", group="2组", house_no="7", code="9" + CODE[1:])
    store.put("household", "far", ABROAD, head_name="曾小明", group="3组", house_no="12")
    store.put("member", "m1", household_id="h1", full_name="曾小明", id_no="50023219700101002X", line="1")
    store.put("member", "m2", household_id="h1", full_name="李国华", id_no="500232197202020021", line="2")
    store.put("member", "m3", household_id="h2", full_name="单 仇", id_no="", line="1")
    store.put("member", "m4", ABROAD, household_id="far", full_name="曾小明", id_no="50024019700101002X")
    tables = Tables(tmp_path / "read.db", store)
    tables.catch_up()
    yield tables
    tables.close()


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("曾小明", ["h1"]),
        ("小明", ["h1"]),
        ("国华", ["h1"]),
        ("明李", []),  # never across two names
        ("zxm", ["h1"]),
        ("CXM", ["h1"]),  # the everyday reading too
        ("lgh", ["h1"]),
        ("lg", ["h1"]),
        ("sc", ["h2"]),
        ("dc", ["h2"]),
        ("ayglmmt", ["h3"]),
        ("002X", ["h1"]),
        ("002x", ["h1"]),
        ("0021", ["h1"]),
        ("50023219700101002X", ["h1"]),
        ("0101002", []),  # not a tail
        ("12号", ["h1"]),
        ("12", ["h1"]),
        ("7", ["h3"]),
        ("3组", ["h1"]),
        ("3组 12号附1", ["h1"]),
        ("三组", ["h1"]),
        ("十组", ["h2"]),
        ("十二号", ["h1"]),
        ("曾 3组", ["h1"]),
        ("曾 2组", []),
        ("3组", ["h1"]),
        ("7K2M", ["h1"]),
        ("7k2m-9qxa", ["h1"]),
        ("7K2M 9QXA OBIC", ["h1"]),  # O for 0, I for 1
        (f"HTTPS://RUHU.EXAMPLE/H/{CODE}", ["h1"]),
        ("NEAR", ["h2"]),
        ('"', []),
        ("*", []),
        ("%", []),
        ("曾*", ["h1"]),
        ('曾"小', ["h1"]),
        ("NEAR(曾 小)", []),
        ("names : 曾", []),
        ("曾 OR 单", []),
        ("' OR 1=1 --", []),
        ("曾 AND", []),
        ("\x00曾", ["h1"]),
    ],
)
def test_search_finds_what_a_clerk_means(tables, typed, found):
    page = find_households(tables, COUNTY, HouseholdWish(text=typed))
    assert [row["id"] for row in page.rows] == found


@given(st.text(max_size=40))
def test_nothing_typed_breaks_the_query(tmp_path_factory, typed):
    tables = _shared(tmp_path_factory)
    page = find_households(tables, COUNTY, HouseholdWish(text=typed))
    assert all(row["area"] == VILLAGE for row in page.rows)


_open: list[Tables] = []


def _shared(tmp_path_factory):
    if not _open:
        store = FakeStore()
        store.put("household", "h1", head_name="曾小明", group="3组")
        _open.append(Tables(tmp_path_factory.mktemp("tables") / "read.db", store))
        _open[0].catch_up()
    return _open[0]


@pytest.fixture(scope="module", autouse=True)
def _close():
    yield
    while _open:
        _open.pop().close()


def test_nothing_typed_means_everything(tables):
    assert find_households(tables, COUNTY, HouseholdWish(text="  ")).total == 3


@pytest.mark.parametrize("prefixes", [(), ("500240103202",), ("999",)])
def test_outsider_finds_nothing(tables, prefixes):
    scope = Scope(area_prefixes=prefixes)
    assert find_households(tables, scope, HouseholdWish(text="曾小明")).rows == []
    assert find_households(tables, scope, HouseholdWish()).total == 0


def test_neighbouring_county_finds_its_own(tables):
    scope = Scope(area_prefixes=("500240",))
    assert [row["id"] for row in find_households(tables, scope, HouseholdWish(text="zxm")).rows] == ["far"]


def test_order_is_natural_and_unknown_orders_fall_back(tables):
    wish = HouseholdWish(sort="place; DROP TABLE households")
    assert [row["group"] for row in find_households(tables, COUNTY, wish).rows] == ["2组", "3组", "10组"]


@pytest.mark.parametrize(
    ("name", "ways"),
    [("曾小明", ("zxm", "cxm")), ("覃强", ("qq", "tq")), ("张三", ("zs",)), ("", ()), ("·", ()), ("Ann", ("ann",))],
)
def test_initials(name, ways):
    assert initials(name) == ways


def test_sort_keys():
    assert natural_key("2组") == natural_key("二组") < natural_key("九组") < natural_key("10组")
    assert natural_key("十二组") == natural_key("12组") < natural_key("二十组") < natural_key("二十一组")
    assert sort_key("曾三") > sort_key("陈三")
    assert sort_key("") == "~"


def test_words_without_letters_are_left_out():
    assert match_expression("，。 ! *") is None
    assert match_expression("曾 *") == '(names : "曾" OR place : "曾")'


def test_shortcuts_for_han_and_ascii_say_what_the_rule_says():
    every = "".join(map(chr, range(0x4E00, 0x9FA6)))
    plain = "".join(map(chr, range(128)))
    for text in (every, *every, *plain, "500232197001010022X", "Ab12"):
        compared = unicodedata.normalize("NFKC", text).lower()
        assert names.normal(text) == compared
        assert names.tokens(text) == re.findall(r"[a-z0-9]+|[^\W_]", compared)
