"""The demo county: impossible people, possible lives, the same every time."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from itertools import islice
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import codes, demo
from app.demo import areas
from app.demo.family import family, phone
from app.demo.history import Demo, ops
from app.demo.id_numbers import check_character, id_number
from app.demo.living import MONITORING_LINE, income, living
from app.demo.people import PASSWORD, pinyin
from forms.register import FIELDS
from sync.author import with_hash
from sync.store.sqlite import SqliteStore

TODAY = date(2026, 11, 24)
KEY = b"k" * 32
REAL_PROVINCES = {*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55),
                  *range(61, 66), 71, 81, 82, 83}  # fmt: skip
"""GB/T 2260, first two digits."""


@pytest.fixture(scope="module")
def county():
    """All ops of the usual demo, and the records they add up to."""
    made = list(ops(Demo(900, 7, TODAY, KEY)))
    records: dict[str, dict[str, dict]] = defaultdict(dict)
    for op in made:
        fields = records[op.entity].setdefault(op.id, {"of": op.area})
        for name, change in op.fields.items():
            assert (change.old or "") == fields.get(name, ""), (op.entity, name)
            fields[name] = change.new
    return made, records


@pytest.fixture(scope="module")
def households(county):
    _, records = county
    members = defaultdict(list)
    for member in records["member"].values():
        members[member["household_id"]].append(member)
    return [(fields, members[id]) for id, fields in records["household"].items()]


def age(born: str) -> int:
    day = date.fromisoformat(born)
    return TODAY.year - day.year - ((TODAY.month, TODAY.day) < (day.month, day.day))


@pytest.mark.parametrize("number", ["11010519491231002X", "440524188001010014"])
def test_the_check_character_is_the_standards(number):
    assert check_character(number[:17]) == number[17]


@given(st.dates(date(1930, 1, 1), TODAY), st.integers(0, 999), st.sampled_from(["500156", "500240", "500110"]))
def test_id_numbers_pass_every_check_and_belong_to_nobody(born, order, county):
    number = id_number(county, born, order)
    assert len(number) == 18
    assert check_character(number[:17]) == number[17]
    assert number[6:14] == f"{born:%Y%m%d}"
    assert int(number[:2]) not in REAL_PROVINCES
    # A foreign permanent resident's number: 9, then a province.
    assert not (number[0] == "9" and int(number[1:3]) in REAL_PROVINCES)


@given(st.integers())
def test_phones_look_like_mobiles_of_a_block_nobody_has(seed):
    number = phone(Random(seed))
    assert len(number) == 11 and number.startswith("154")


def test_the_usual_demo_has_the_size_that_was_asked_for(county):
    _, records = county
    assert len(records["household"]) == 900
    assert 3000 <= len(records["member"]) <= 3500
    villages = {household["of"] for household in records["household"].values()}
    assert len(villages) == 9
    assert {code[:6] for code in villages} == {"500156", "500240", "500110"}
    assert records["area"]["500156110204"]["full_name"] == "武隆区土坎镇清水村"
    assert {record["level"] for record in records["area"].values()} == {"county", "township", "village"}


# No household of the demo county was listed twice and merged, or split.
OF_A_MERGE = {"merged_into", "other_codes", "split_from"}


def test_every_field_of_the_register_is_filled(county):
    _, records = county
    for kind in ("household", "member", "visit", "issue"):
        names = {field.name for field in FIELDS[kind]} - OF_A_MERGE
        for record in records[kind].values():
            assert set(record) == names | {"of"}, kind
            assert all(isinstance(value, str) for value in record.values())
    for code, record in records["village"].items():
        assert record["of"] == code and set(record) <= {field.name for field in FIELDS["village"]} | {"of"}


def test_items_of_income_sum_to_their_totals(households):
    items = {"income_wage": ("away", "local", "public_job"), "income_transfer": ("pension", "dibao", "subsidy", "family", "other"),
             "income_business": ("grain", "cash_crop", "fruit", "livestock", "trade"),
             "income_property": ("land_rent", "dividend", "interest")}  # fmt: skip
    for household, _ in households:
        for total, parts in items.items():
            assert int(household[total]) == sum(int(household[f"income_{part}"] or 0) for part in parts)
        costs = sum(int(household[f"cost_{part}"] or 0) for part in ("crop", "livestock", "trade"))
        assert int(household["business_cost"]) == costs


def test_coded_values_are_on_their_lists(county):
    lists = code_lists()
    _, records = county
    for kind, fields in FIELDS.items():
        for field in fields:
            if field.list:
                used = {code for record in records[kind].values() for code in record.get(field.name, "").split()}
                assert used <= lists[field.list], (kind, field.name)


def code_lists() -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    path = areas.Path(areas.__file__).parents[2] / "forms/library/lists.md"
    for line in path.read_text("utf-8").splitlines()[2:]:
        cells = [cell.strip() for cell in line.split("|")]
        found[cells[2]].add(cells[3])
    return found


def test_members_fit_each_other_and_themselves(households):
    for household, members in households:
        assert [member["line"] for member in members] == [str(n) for n in range(1, len(members) + 1)]
        head = members[0]
        assert [member["relation"] for member in members].count("01") == 1
        assert (head["relation"], head["full_name"]) == ("01", household["head_name"])
        assert sum(member["relation"] == "02" for member in members) <= 1
        assert len({member["full_name"] for member in members}) == len(members)
        for member in members:
            check_member(member, head)


def check_member(member, head):
    years, head_years = age(member["birth_date"]), age(head["birth_date"])
    relation, sex = member["relation"], member["sex"]
    assert member["id_no"][6:14] == member["birth_date"].replace("-", "")
    assert int(member["id_no"][16]) % 2 == (sex == "1")
    assert sex == {"03": "1", "04": "2", "05": "2", "07": "1", "08": "2", "11": "1", "12": "2"}.get(relation, sex)
    if relation == "02":
        assert sex != head["sex"] and abs(years - head_years) <= 12
    if relation in ("03", "04"):
        assert head_years - years >= 18
    if relation in ("07", "08"):
        assert head_years - years >= 36
    if relation in ("11", "12"):
        assert years - head_years >= 17
    assert bool(member["education"]) != bool(member["student_stage"])
    if 6 <= years <= 15:
        assert member["student_stage"] and member["school"]
    months, works = int(member["work_months"]), member["work_area"] != "none"
    assert (0 < months <= 12) if works else months == 0
    if works:
        assert member["labour"] in ("01", "02") and 16 <= years < 60 and not member["student_stage"]
    if years < 16:
        assert member["labour"] == "04" and member["pension_insurance"] == ""
    if member["labour"] in ("01", "02"):
        assert not {"03", "04"} & set(member["health"].split())
    assert (member["pension_insurance"] == "drawing") == (years >= 60)
    assert (member["join_reason"] == "born") == (years == 0)


def test_income_adds_up_and_suits_the_status(households):
    per_head = defaultdict(list)
    for household, members in households:
        money = {name: int(household[name]) for name in ("income_wage", "income_business", "income_property", "income_transfer")}
        net = sum(money.values()) - int(household["business_cost"])
        share = Decimal(household["income_per_head"])
        assert abs(share - Decimal(net) / len(members)) <= Decimal("0.005")
        assert int(household["business_cost"]) <= money["income_business"]
        assert (money["income_wage"] > 0) <= any(member["work_area"] != "none" for member in members)
        if any(member["pension_insurance"] == "drawing" for member in members):
            assert money["income_transfer"] > 0
        per_head[household["status"]].append(share)
        assert (household["cause"] == "") == (household["status"] == "ordinary")
    assert max(per_head["monitored"]) < MONITORING_LINE * 2
    assert sorted(per_head["monitored"])[len(per_head["monitored"]) // 2] < MONITORING_LINE
    assert min(per_head["exited"]) > MONITORING_LINE * Decimal("0.9")
    assert {status: len(shares) * 10 // 900 for status, shares in per_head.items()}.keys() == {
        "monitored", "exited", "ordinary",
    }  # fmt: skip


@settings(max_examples=200)
@given(st.integers(), st.sampled_from(["500156", "500240", "500110"]))
def test_any_chance_makes_a_consistent_family(seed, county_code):
    random = Random(seed)
    people = family(random, county_code, TODAY)
    fields = living(random, people)
    money = income(random, people, fields)
    assert 1 <= len(people) <= 12
    for person in people:
        check_member(person.fields, people[0].fields)
    assert Decimal(money["income_per_head"]) >= 0


def test_codes_are_ours_and_no_two_alike(county):
    _, records = county
    found = [household["code"] for household in records["household"].values()]
    assert len(set(found)) == len(found)
    assert all(codes.verdict_of(KEY, code) is codes.Verdict.OURS for code in found)


def test_last_visits_agree_with_the_visits_and_some_are_due(county):
    _, records = county
    last = defaultdict(str)
    for visit in records["visit"].values():
        last[visit["household_id"]] = max(last[visit["household_id"]], visit["date"])
    ages = []
    for id, household in records["household"].items():
        assert household["last_visit"] == last[id]
        if household["last_visit"]:
            ages.append((TODAY - date.fromisoformat(household["last_visit"])).days)
    assert 0 < min(ages) < 10 and max(ages) > 180
    assert len(ages) < len(records["household"])


def test_ops_are_whole_and_numbered_without_a_gap(county):
    made, _ = county
    assert [op.dseq for op in made] == list(range(1, len(made) + 1))
    assert len({op.op_id for op in made}) == len(made)
    assert all(op == with_hash(op) for op in islice(made, 0, None, 97))
    assert all(op.device_time[:10] <= TODAY.isoformat() for op in made)


def test_the_same_seed_makes_the_same_county_and_another_seed_another():
    def county(seed):
        return list(ops(Demo(30, seed, TODAY, KEY)))

    assert county(7) == county(7)
    assert county(7) != county(8)


@pytest.mark.parametrize(("households", "villages"), [(1, 9), (900, 9), (2700, 9), (2701, 10), (500_000, 669)])
def test_larger_counties_have_more_villages(households, villages):
    planned = areas.plan(households)
    assert len(planned) == villages
    assert sum(village.households for village in planned) == households
    assert planned[0].full_name == "武隆区土坎镇清水村"


def test_everybody_can_sign_in_and_it_is_marked_as_fictional(county):
    _, records = county
    told = demo.sign_ins(Demo(900, 7, TODAY, KEY))
    assert "虚构" in told["notice"]
    accounts = {user["username"]: user for user in records["user"].values()}
    assert {"qingshui", "tukan", "wulong", "centre", "audit", "node", "shizhu", "qijiang"} <= set(accounts)
    assert sum(user["role"] == "cadre" for user in accounts.values()) == 9
    for sign_in in [*told["sign_ins"], told["node"]]:
        assert sign_in["username"] in accounts and sign_in["password"] == PASSWORD
    assert told["sign_ins"][0]["username"] == "qingshui"
    assert told["node"]["area"] == "500156110204"


def test_usernames_are_easily_typed():
    assert pinyin("石柱土家族自治县") == "shizhu"
    assert pinyin("清水村") == "qingshui"
    every = Demo(500_000, 7, TODAY, KEY).users
    assert len({user.username for user in every.values()}) == len(every)
    assert all(name.isascii() and name.isalnum() and name.islower() for name in every)


def test_a_store_takes_the_county_in(tmp_path):
    store = SqliteStore(tmp_path)
    told = demo.build(store, households=20, seed=7, today=TODAY, key=KEY)
    every = list(ops(Demo(20, 7, TODAY, KEY)))
    household = next(op for op in every if op.entity == "household")
    kept = store.get("household", household.id)
    last = [op for op in every if op.id == household.id][-1]
    assert kept.fields["code"] == household.fields["code"].new
    assert kept.fields["last_visit"] == last.fields.get("last_visit", household.fields["last_visit"]).new
    assert not store.quarantined()
    assert told["households"] == 20
    store.close()
