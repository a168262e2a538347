"""Households over time.

1. what a household counts as is a dated entry; the latest decides, an older one is only written down; an office's word
2. who leaves stays with state and date; who comes back, comes with the same record; both households show it
3. somebody who is in the register already is pointed out while they are typed in
4. a part splits off with a number of its own; both households lead to each other
5. all of a household moves to another village with its history; the old one says where it went
6. each of these is one commit: cut off before it nothing happened, sent again nothing happens twice
7. nobody does it to what is not theirs
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import NEXT_VILLAGE, OTHER_VILLAGE, VILLAGE
from test_pairing import Dead, Desk, die, sign_in, started_again

from app import create_app
from app.codes import verdict_of
from app.keys import code_key
from app.tables import households
from app.tables.lives import events_of
from forms.lives import gone_to
from sync import failpoints
from sync.author import Author
from sync.records import Scope

TODAY = "2026-11-20"
SCOPE = Scope(area_prefixes=(VILLAGE[:9],))
ID_NO = "11010519491231002X"
CODE = "A" * 26


@pytest.fixture
def author(here):
    return Author("i-story", "u-county", clock=lambda: datetime(2026, 11, 2, 9, tzinfo=UTC))


@pytest.fixture
def family(here, author):
    """Three generations under one roof, a neighbour's household, and one in the next village."""
    made = author.create

    def person(id, home, name, relation, area=VILLAGE, **more):
        fields = {"household_id": home, "full_name": name, "relation": relation, "state": "active"} | more
        return made("member", id, area, fields)

    old = {"head_name": "冉老", "group": "1组", "house_no": "7", "status": "exited", "exit_year": "2018", "code": CODE,
           "helper": "u-cadre", "helper_name": "冉村干"}  # fmt: skip
    here.store.load([
        made("household", "h-1", VILLAGE, old),
        made("household", "h-2", VILLAGE, {"head_name": "谭家", "group": "2组", "national_no": "500156-2", "status": "ordinary"}),
        made("household", "h-3", NEXT_VILLAGE, {"head_name": "向家", "group": "3组", "code": "B" * 26}),
        person("m-old", "h-1", "冉老", "01", line="1", id_no=ID_NO, birth_date="1949-12-31"),
        person("m-son", "h-1", "冉强", "03", line="2"),
        person("m-wife", "h-1", "谭梅", "05", line="3"),
        person("m-girl", "h-1", "冉小妹", "08", line="4", birth_date="2004-05-06"),
        person("m-tan", "h-2", "谭家", "01", line="1"),
        person("m-xiang", "h-3", "向家", "01", NEXT_VILLAGE, line="1"),
        made("visit", "v-1", VILLAGE, {"household_id": "h-1", "date": "2026-10-01", "outcome": "met"}),
        made("submission", "s-9", VILLAGE, {"household_id": "h-1", "form_id": "mini", "answers": {}, "ended": "2026-10-01"}),
        made("issue", "i-son", VILLAGE, {"household_id": "h-1", "member_id": "m-son", "description": "想学技术", "state": "open"}),
        made("issue", "i-home", VILLAGE, {"household_id": "h-1", "description": "漏雨", "state": "open"}),
        made("pairing", "p-1", VILLAGE, {"household_id": "h-1", "helper_role": "helper", "helper": "u-cadre",
                                         "helper_name": "冉村干", "started": "2024-03-01", "ended": ""}),
        made("sheet", "h-1:AAAA", VILLAGE, {"household_id": "h-1", "number": "AAAA"}),
        made("exemption", "e-1", VILLAGE, {"household_id": "h-1", "rule": "r", "state": "approved", "asked_by": "u-township"}),
    ])  # fmt: skip
    here.tables.catch_up()


@pytest.fixture
def desk(office, cast, family):
    return Desk(office(cast.township))


def fields(here, kind, id):
    return here.store.get(kind, id).fields


def send(desk, page, path, **data):
    act = data.pop("act", "") or desk.act(page)
    return desk.post(path, act=act, date=data.pop("date", TODAY), **data), act


def told(here, id):
    return [(one["what"], one["date"], one["member_name"] or one["status"]) for one in events_of(here.tables, SCOPE, id)]


def names(here, id):
    return [one["full_name"] for one in households.members(here.tables, SCOPE, [id]) if one["state"] in ("", "active")]


# --- 1 --------------------------------------------------------------------------------------------------------


def status(desk, **data):
    return send(desk, "/office/households/h-1/status", "/office/households/h-1/status", **data)[0]


def test_the_latest_entry_decides(desk, here):
    assert status(desk, what="monitored", date="2025-06-01", monitor_type="", note="大病").status_code == 303
    home = fields(here, "household", "h-1")
    assert (home["status"], home["monitored_since"]) == ("monitored", "2025-06-01")
    status(desk, what="risk_removed", date="2026-06-01")
    assert fields(here, "household", "h-1")["status"] == "exited"  # what it was before
    status(desk, what="identified", date="2014-03-01")  # written down late
    assert fields(here, "household", "h-1")["status"] == "exited"
    assert told(here, "h-1") == [
        ("risk_removed", "2026-06-01", "exited"), ("monitored", "2025-06-01", "monitored"),
        ("identified", "2014-03-01", "poor")]  # fmt: skip
    page = desk.get("/office/households/h-1").text
    assert page.index("风险消除") < page.index("2025-06-01") < page.index("2014-03-01") and "大病" in page and "田镇管" in page


def test_the_same_entry_is_not_written_twice(desk, here):
    status(desk, what="monitored", date="2025-06-01")
    before = here.store.latest_seq()
    reply = status(desk, what="monitored", date="2025-06-01")
    assert reply.status_code == 400 and "已经记过" in reply.text and here.store.latest_seq() == before


def test_an_entry_needs_a_kind_and_a_day(desk, here):
    before = here.store.latest_seq()
    for wrong in ({"what": "moved_out"}, {"what": "exited", "date": ""}, {"what": "exited", "date": "2126-01-01"}):
        assert status(desk, **wrong).status_code == 400
    assert here.store.latest_seq() == before


def test_what_a_household_counts_as_is_an_office_s_word(family, here, phone, office, cast):
    assert Desk(office(cast.cadre)).get("/office/households/h-1/status").status_code == 403
    mine = phone(cast.cadre)
    wanted = {"household_id": "h-1", "date": TODAY, "status": "poor"}
    ops = [mine.author.create("event", "e-x", VILLAGE, wanted | {"what": "returned"}),
           mine.author.create("event", "e-y", VILLAGE, wanted | {"what": "left", "status": ""})]  # fmt: skip
    ops.append(mine.author.update("event", "e-y", VILLAGE, {"date": (TODAY, "2020-01-01")}))
    assert [one.get("code", "") for one in mine.push(ops).json["results"]] == ["not_allowed", "", "not_allowed"]
    assert {"e-y"} == {one["id"] for one in phone(cast.cadre).pull_all() if one["kind"] == "event"}


def test_a_change_that_a_form_made_is_in_the_timeline(desk, here, author):
    here.store.load([author.update("household", "h-1", VILLAGE, {"status": ("exited", "monitored")})])
    assert "脱贫户 → 监测户" in desk.get("/office/households/h-1").text


# --- 2 --------------------------------------------------------------------------------------------------------


def leave(desk, **data):
    return send(desk, "/office/households/h-1/people", "/office/households/h-1/leave", **data)


def join(desk, home="h-1", **data):
    return send(desk, f"/office/households/{home}/people", f"/office/households/{home}/join", **data)


def test_who_dies_stays_with_state_and_date_and_the_heir_is_head(desk, here):
    reply, _ = leave(desk, member="m-old", reason="dead")
    assert reply.status_code == 400 and "请选新户主" in reply.text
    assert leave(desk, member="m-old", reason="dead", heir="m-son")[0].status_code == 303
    gone = fields(here, "member", "m-old")
    assert (gone["household_id"], gone["state"], gone["change_date"]) == ("h-1", "dead", TODAY)
    assert fields(here, "member", "m-son")["relation"] == "01" and fields(here, "household", "h-1")["head_name"] == "冉强"
    page = desk.get("/office/households/h-1").text
    assert "已不在户" in page and "冉老 · 死亡" in page and names(here, "h-1") == ["冉强", "谭梅", "冉小妹"]


def test_married_into_another_village_with_the_same_record(desk, here):
    reply, _ = leave(desk, member="m-girl", reason="married_out", other="bbbb " * 6 + "bb")
    assert reply.status_code == 303
    record = here.store.get("member", "m-girl")
    assert (record.area, record.fields["household_id"], record.fields["state"]) == (NEXT_VILLAGE, "h-3", "active")
    assert (record.fields["join_reason"], record.fields["line"]) == ("married_in", "2")
    assert told(here, "h-1") == [("left", TODAY, "冉小妹")] and told(here, "h-3") == [("joined", TODAY, "冉小妹")]
    left = desk.get("/office/households/h-1").text
    assert re.search(r"已不在户:\s*冉小妹\(嫁出,2026-11-20,<a href=\"/office/households/h-3\">向家</a>\)", left)
    # Comes back: the same record again, and both households go on showing it.
    reply, _ = join(desk, member="m-girl", reason="moved_in", relation="08")
    assert reply.status_code == 303
    record = here.store.get("member", "m-girl")
    assert (record.area, record.fields["household_id"], record.fields["relation"]) == (VILLAGE, "h-1", "08")
    assert [row[0] for row in told(here, "h-3")] == ["left", "joined"] and len(told(here, "h-1")) == 2
    assert here.store.history("member", "m-girl")[0].op.kind == "create"


def test_back_from_prison_into_another_household(desk, here):
    leave(desk, member="m-son", reason="prison", date="2024-01-01")
    join(desk, "h-2", member="m-son", reason="moved_in", relation="99")
    son = fields(here, "member", "m-son")
    assert (son["household_id"], son["state"], son["change_date"]) == ("h-2", "active", TODAY)
    assert told(here, "h-1") == [("left", "2024-01-01", "冉强")]  # not a second time


def test_who_left_by_a_form_gets_the_entry_when_they_come_elsewhere(desk, here, author):
    here.store.load([author.update("member", "m-son", VILLAGE, {"state": ("active", "abroad"), "change_date": ("", "2023-01-01")})])
    here.tables.catch_up()
    assert "冉强 · 出国定居" in desk.get("/office/households/h-1").text
    join(desk, "h-2", member="m-son", reason="moved_in", relation="99")
    assert told(here, "h-1") == [("left", "2023-01-01", "冉强")]
    assert events_of(here.tables, SCOPE, "h-1")[0]["reason"] == "abroad"


@pytest.mark.parametrize("wrong", [
    {"member": "m-tan", "reason": "dead"}, {"member": "m-son", "reason": "born"}, {"member": "m-son", "reason": ""},
    {"member": "m-son", "reason": "dead", "other": "500156-2"}, {"member": "m-son", "reason": "moved_out", "other": "no such"},
    {"member": "m-old", "reason": "dead", "heir": "m-tan"}, {"member": "m-son", "reason": "dead", "date": "2126-01-01"},
])  # fmt: skip
def test_what_cannot_be_is_told(desk, here, wrong):
    before = here.store.latest_seq()
    assert leave(desk, **wrong)[0].status_code == 400 and here.store.latest_seq() == before


# --- 3 --------------------------------------------------------------------------------------------------------


def test_a_newborn_is_written_down(desk, here):
    reply, act = join(desk, reason="born", full_name="冉新", birth_date="2026-11-10", sex="1", relation="07")
    assert reply.status_code == 303
    new = next(one for one in households.members(here.tables, SCOPE, ["h-1"]) if one["full_name"] == "冉新")
    assert (new["join_reason"], new["change_date"], new["line"], new["state"]) == ("born", TODAY, "5", "active")
    before = here.store.latest_seq()
    join(desk, reason="born", full_name="冉新", birth_date="2026-11-10", relation="07", act=act, sure="1")
    assert here.store.latest_seq() == before


@pytest.mark.parametrize(("typed", "why"), [
    ({"full_name": "别名", "id_no": ID_NO.lower()}, "证件号码相同"), ({"full_name": "冉小妹"}, "就是这个人"),
    ({"full_name": "冉晓妹", "birth_date": "2004-05-06"}, "同音、同生日"),
])  # fmt: skip
def test_somebody_who_is_there_already_is_pointed_out(desk, here, typed, why):
    before = here.store.latest_seq()
    reply, _ = join(desk, "h-2", reason="married_in", relation="02", **typed)
    assert reply.status_code == 200 and why in reply.text and "册里可能已经有这个人" in reply.text
    assert here.store.latest_seq() == before
    assert join(desk, "h-2", reason="married_in", relation="02", sure="1", **typed)[0].status_code == 303


def test_a_namesake_of_another_birth_date_is_not(desk):
    assert join(desk, "h-2", reason="married_in", relation="02", full_name="冉小妹", birth_date="1990-01-01")[0].status_code == 303


@pytest.mark.parametrize("typed", [{"full_name": ""}, {"full_name": "甲", "id_no": "110105194912310021"},
                                   {"full_name": "甲", "birth_date": "2126-01-01"}])  # fmt: skip
def test_a_bad_number_or_date_is_told(desk, here, typed):
    before = here.store.latest_seq()
    assert join(desk, reason="born", relation="03", **typed)[0].status_code == 400 and here.store.latest_seq() == before


NEW = {"village": VILLAGE, "group": "4组", "house_no": "3", "full_name": "任新", "status": "ordinary"}


def add(desk, **data):
    return send(desk, "/office/add-household", "/office/add-household", **NEW | data)


def test_a_household_is_added_with_its_head(desk, here):
    reply, act = add(desk, id_no="440524188001010014")
    assert reply.status_code == 303
    id = reply.location.rpartition("/")[2]
    new = here.store.get("household", id)
    assert (new.area, new.fields["head_name"], new.fields["group"], new.fields["status"]) == (VILLAGE, "任新", "4组", "ordinary")
    assert verdict_of(code_key(here.config.data_dir), new.fields["code"]).value == "ours"
    head = households.members(here.tables, SCOPE, [id])[0]
    assert (head["full_name"], head["relation"], head["birth_date"]) == ("任新", "01", "1880-01-01")
    before = here.store.latest_seq()
    assert add(desk, act=act, sure="1", id_no="440524188001010014")[0].status_code == 303 and here.store.latest_seq() == before


@pytest.mark.parametrize(("typed", "why"), [
    ({"national_no": "500156-2"}, "户编号相同"), ({"full_name": "谭家"}, "同村户主同名"),
    ({"group": "1组", "house_no": "7"}, "同一门牌"), ({"group": "一组", "house_no": "7", "full_name": "染老"}, "户主同音"),
    ({"id_no": ID_NO}, "证件号码相同"),
])  # fmt: skip
def test_a_household_that_is_there_already_is_pointed_out(desk, here, typed, why):
    before = here.store.latest_seq()
    reply, _ = add(desk, **typed)
    assert reply.status_code == 200 and why in reply.text and here.store.latest_seq() == before
    assert add(desk, sure="1", **typed)[0].status_code == 303


def test_nobody_adds_a_household_elsewhere(desk, here, office, cast):
    before = here.store.latest_seq()
    assert add(desk, village=OTHER_VILLAGE)[0].status_code == 400
    assert add(Desk(office(cast.cadre)), village=NEXT_VILLAGE, act="0" * 36)[0].status_code == 400
    assert here.store.latest_seq() == before
    # Whose village it is not learns nothing of who lives there.
    reply, _ = add(Desk(office(cast.neighbour)), village=NEXT_VILLAGE, id_no=ID_NO, full_name="冉老")
    assert reply.status_code == 303


# --- 4 --------------------------------------------------------------------------------------------------------

SPLIT = {"member": ["m-son", "m-wife"], "head": "m-son", "relation-m-wife": "02", "house_no": "7-1", "with_helper": "1"}


def divide(desk, **data):
    return send(desk, "/office/households/h-1/split", "/office/households/h-1/split", **SPLIT | data)


def test_a_part_splits_off(desk, here):
    reply, act = divide(desk)
    assert reply.status_code == 303
    id = reply.location.rpartition("/")[2].partition("#")[0]
    new = fields(here, "household", id)
    assert (new["head_name"], new["group"], new["house_no"]) == ("冉强", "1组", "7-1")
    assert (new["status"], new["split_from"]) == ("exited", "h-1")
    assert new["code"] != CODE and verdict_of(code_key(here.config.data_dir), new["code"]).value == "ours"
    assert names(here, id) == ["冉强", "谭梅"] and names(here, "h-1") == ["冉老", "冉小妹"]
    assert [fields(here, "member", one)["relation"] for one in ("m-son", "m-wife")] == ["01", "02"]
    assert fields(here, "issue", "i-son")["household_id"] == id and fields(here, "issue", "i-home")["household_id"] == "h-1"
    assert told(here, id) == [("split_from", TODAY, "冉强、谭梅")] and told(here, "h-1") == [("split_off", TODAY, "冉强、谭梅")]
    assert f'href="/office/households/{id}"' in desk.get("/office/households/h-1").text
    assert 'href="/office/households/h-1"' in desk.get(f"/office/households/{id}").text
    page = desk.get(f"/office/households/{id}").text
    assert "冉村干" in page and new["helper"] == "u-cadre"
    before = here.store.latest_seq()
    assert divide(desk, act=act)[0].status_code == 303 and here.store.latest_seq() == before


def test_the_old_household_gets_a_new_head_when_its_own_goes(desk, here):
    reply, _ = divide(desk, **{"member": ["m-old", "m-girl"], "head": "m-old"})
    assert reply.status_code == 400 and "谁当户主" in reply.text
    assert divide(desk, **{"member": ["m-old", "m-girl"], "head": "m-old", "heir": "m-son"})[0].status_code == 303
    assert fields(here, "household", "h-1")["head_name"] == "冉强" and fields(here, "member", "m-son")["relation"] == "01"


@pytest.mark.parametrize("wrong", [
    {"member": []}, {"member": ["m-old", "m-son", "m-wife", "m-girl"]}, {"head": "m-old"}, {"head": ""},
    {"member": ["m-son", "m-tan"]},
])  # fmt: skip
def test_a_split_that_cannot_be(desk, here, wrong):
    before = here.store.latest_seq()
    assert divide(desk, **wrong)[0].status_code == 400 and here.store.latest_seq() == before


# --- 5 --------------------------------------------------------------------------------------------------------


def move(desk, **data):
    path, there = "/office/households/h-1/move", {"village": NEXT_VILLAGE, "group": "5组", "house_no": "2"}
    return send(desk, path, path, **there, **data)


EVERYTHING = [("household", "h-1"), ("member", "m-old"), ("member", "m-girl"), ("visit", "v-1"), ("submission", "s-9"),
              ("issue", "i-home"), ("pairing", "p-1"), ("sheet", "h-1:AAAA"), ("exemption", "e-1")]  # fmt: skip


def test_a_household_moves_with_everything(desk, here, office, cast):
    assert move(desk, note="易地搬迁")[0].status_code == 303
    assert {here.store.get(*one).area for one in EVERYTHING} == {NEXT_VILLAGE}
    home = fields(here, "household", "h-1")
    assert (home["group"], home["house_no"], home["code"], home["helper"]) == ("5组", "2", CODE, "")
    assert fields(here, "pairing", "p-1")["end_reason"] == "household"
    assert "迁来" in desk.get("/office/households/h-1").text
    new = Desk(office(cast.neighbour))
    page = new.get("/office/households/h-1").text
    assert "冉小妹" in page and "2026-10-01" in page
    old = Desk(office(cast.cadre)).get("/office/households/h-1")
    assert old.status_code == 200 and "已迁走" in old.text and "关滩村" in old.text and "易地搬迁" in old.text
    assert "冉小妹" not in old.text
    assert Desk(office(cast.stranger)).get("/office/households/h-1").status_code == 404


def test_the_code_on_the_door_leads_on(desk, here, phone, cast):
    """The old village's phones keep one entry with the code; the new one's get the household under the same code."""
    move(desk)
    left = phone(cast.cadre).pull_all()
    entries = [one["fields"] for one in left if one["kind"] == "event"]
    assert [(one["what"], one["code"], one["place"]) for one in entries] == [("moved_out", CODE, NEXT_VILLAGE)]
    assert "关滩村" in entries[0]["place_name"]
    assert not [one for one in left if one["id"] in ("h-1", "m-old", "v-1")]
    mine = {one["id"]: one for one in phone(cast.neighbour).pull_all()}
    assert mine["h-1"]["fields"]["code"] == CODE and "m-girl" in mine


def test_moved_back_it_is_not_gone(desk, here, office, cast):
    move(desk, date="2026-11-10")
    send(desk, "/office/households/h-1/move", "/office/households/h-1/move", village=VILLAGE, group="1组")
    assert {here.store.get(*one).area for one in EVERYTHING} == {VILLAGE}
    page = Desk(office(cast.cadre)).get("/office/households/h-1").text
    assert "冉小妹" in page and "已迁往" not in page
    assert "已迁走" in Desk(office(cast.neighbour)).get("/office/households/h-1").text


def test_with_an_open_question_it_stays(desk, here, phone, cast):
    mine = phone(cast.cadre)
    mine.push([mine.author.update("household", "h-1", VILLAGE, {"group": ("9组", "8组")})])
    here.tables.catch_up()
    before = here.store.latest_seq()
    reply, _ = move(desk, act="0" * 36)
    assert reply.status_code == 400 and "先定了再迁" in reply.text and here.store.latest_seq() == before


def test_unsent_work_of_the_old_village_waits_for_a_person(desk, here, phone, cast):
    """Nothing of it is lost and none of it is written into the other village by itself."""
    old = phone(cast.cadre)
    old.pull_all()
    move(desk)
    visit = old.author.create("visit", "v-late", VILLAGE, {"household_id": "h-1", "date": "2026-11-19", "outcome": "met"})
    said = old.author.update("household", "h-1", VILLAGE, {"water_safe": ("", "yes")})
    results = old.push([visit, said]).json["results"]
    assert results[1]["status"] == "quarantined" and results[1]["receipt"] and results[0]["status"] in ("applied", "quarantined")
    assert fields(here, "household", "h-1").get("water_safe", "") == ""


def test_where_it_went_python_and_the_phone_agree():
    cases = json.loads(Path("tests/vectors/lives.json").read_text("utf-8"))["gone_to"]
    for case in cases:
        found = gone_to(case["entries"], case["area"])
        assert (found["place"] if found else None) == case["place"], case["why"]


# --- 6 --------------------------------------------------------------------------------------------------------

ACTS = {
    "leave": ("people", {"member": "m-girl", "reason": "married_out", "other": "B" * 26}),
    "split": ("split", SPLIT),
    "move": ("move", {"village": NEXT_VILLAGE, "group": "5组", "house_no": "2"}),
    "status": ("status", {"what": "monitored"}),
}


def state_of(here):
    """All that stands, without places in the log and the code of a household made by chance."""
    found = {}
    for record in here.store.changes(0, 10_000).records:
        if record.kind in ("household", "member", "issue", "pairing", "event", "visit", "submission", "sheet", "exemption"):
            kept = {name: value for name, value in record.fields.items() if name != "code" and value}
            found[record.kind, record.id] = (record.area, kept)
    return found


@pytest.mark.parametrize("place", ["push.written", "push.committed"])
@pytest.mark.parametrize("what", sorted(ACTS))
def test_cut_off_there_is_nothing_or_all_and_a_repeat_ends_it(desk, here, cast, what, place):
    page, data = ACTS[what]
    act, token, before = desk.act(f"/office/households/h-1/{page}"), desk.token(), state_of(here)
    path, whole = f"/office/households/h-1/{what}", {"act": act, "date": TODAY, **data}
    failpoints.arm(place, 1, die=die)
    try:
        with pytest.raises(Dead):
            desk.browser.post(path, data=whole | {"csrf_token": token})
    finally:
        failpoints.disarm()
    again = started_again(here)
    try:
        after = state_of(again)
        assert (after == before) is (place == "push.written")
        desk = Desk(sign_in(create_app(again.config, again), cast.township))
        assert desk.post(path, **whole).status_code in (303, 400)  # 400: who has left is not there to leave
        ended = state_of(again)
        assert ended != before and (place == "push.written" or ended == after)
        desk.post(path, **whole)
        assert state_of(again) == ended
    finally:
        again.close()


# --- 7 --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", sorted(ACTS))
def test_nobody_does_it_to_what_is_not_theirs(desk, here, office, cast, what):
    page, data = ACTS[what]
    before = here.store.latest_seq()
    form = {"act": "0" * 36, "date": TODAY, **data}
    for person in (cast.stranger, *(() if what == "status" else (cast.neighbour,))):
        other = Desk(office(person))
        assert other.get(f"/office/households/h-1/{page}").status_code == 404
        assert other.post(f"/office/households/h-1/{what}", **form).status_code == 404
    assert Desk(office(cast.auditor)).get(f"/office/households/h-1/{page}").status_code == 403
    assert here.store.latest_seq() == before


def test_a_cadre_moves_nothing_into_another_village(office, cast, family, here):
    mine = Desk(office(cast.cadre))
    before = here.store.latest_seq()
    assert move(mine, act="0" * 36)[0].status_code == 400
    assert leave(mine, member="m-girl", reason="married_out", other="B" * 26)[0].status_code == 400
    assert join(mine, member="m-xiang", reason="moved_in")[0].status_code == 404
    assert here.store.latest_seq() == before
    assert "乡镇办理" in mine.get("/office/households/h-1/move").text


def test_a_village_elsewhere_is_no_target(desk, here):
    reply, _ = send(desk, "/office/households/h-1/move", "/office/households/h-1/move", village=OTHER_VILLAGE)
    assert reply.status_code == 400 and here.store.get("household", "h-1").area == VILLAGE
