"""Who helps whom.

1. a household has one responsible helper; the one before ends the same day, also where none was ever written down
2. the list of households without a valid helper says why, inside the reader's places
3. a handover takes the pairing, the unclosed issues and the open tasks of each household, and can be given back the same way
4. it is whole for each household: cut off between two commits, a repeat finds the rest and makes nothing twice
5. a successor who may not work there gets nothing; nobody hands over what is not theirs
6. what the old helper had not sent still arrives, and nothing of the successor's is overwritten by it
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from conftest import NEXT_VILLAGE, OTHER_VILLAGE, VILLAGE

from app import create_app
from app.node import open_node
from app.office import handover as handing
from app.tables import pairings
from app.tables.checks import check_some, due
from app.tables.pairings import Doubts
from sync import failpoints
from sync.author import Author
from sync.records import Scope

SCOPE = Scope(area_prefixes=(VILLAGE,))
TODAY = "2026-11-20"
VISIT = {"household_id": "h-1", "date": "2026-11-19", "outcome": "met", "cadre": "u-cadre"}


class Desk:
    def __init__(self, browser):
        self.browser = browser

    def get(self, path, **query):
        return self.browser.get(path, query_string=query) if query else self.browser.get(path)

    def post(self, path, **data):
        return self.browser.post(path, data={"csrf_token": self.token(), **data})

    def token(self):
        return self.browser.get("/office/").text.partition('name="csrf_token" value="')[2].partition('"')[0]

    def act(self, path, **query):
        return re.search(r'name="act" value="([^"]+)"', self.get(path, **query).text)[1]


@pytest.fixture
def author(here):
    return Author("i-story", "u-county", clock=lambda: datetime(2026, 11, 2, 9, tzinfo=UTC))


@pytest.fixture
def village(here, author):
    """Three households of the cadre, one by name only, one of somebody who is gone, one of the neighbour."""
    made, post, poor = author.create, {"role": "cadre", "area": VILLAGE}, {"status": "poor"}
    own = {"owner_id": "u-cadre", "owner": "冉村干"}
    mine = {"helper": "u-cadre", "helper_name": "冉村干", "helper_unit": "村委会", "status": "exited", "group": "1组"}
    here.store.load([
        made("user", "u-heir", VILLAGE, post | {"username": "heir", "name": "谭接手", "unit": "乡镇"}),
        made("user", "u-gone", VILLAGE, post | {"username": "gone", "name": "离任人", "state": "disabled"}),
        *(made("household", f"h-{n}", VILLAGE, mine | {"head_name": f"户主{n}"}) for n in (1, 2, 3)),
        made("household", "h-name", VILLAGE, poor | {"head_name": "只有姓名", "helper_name": "冉村干"}),
        made("household", "h-none", VILLAGE, {"head_name": "没有人帮", "status": "monitored"}),
        made("household", "h-off", VILLAGE, poor | {"head_name": "人走了", "helper": "u-gone", "helper_name": "离任人"}),
        made("household", "h-rel", VILLAGE, poor | {"head_name": "亲戚", "helper_name": "甲", "helper_relation": "relative"}),
        made("household", "h-away", VILLAGE, poor | {"head_name": "邻村的", "helper": "u-neighbour", "helper_name": "邻村干"}),
        made("household", "h-plain", VILLAGE, {"head_name": "一般户", "status": "ordinary"}),
        made("household", "h-abroad", OTHER_VILLAGE, {"head_name": "外县户", "status": "poor"}),
        made("pairing", "p-1", VILLAGE, {"household_id": "h-1", "helper_role": "helper", "helper": "u-cadre",
                                         "helper_name": "冉村干", "started": "2024-03-01", "ended": ""}),
        made("issue", "i-1", VILLAGE, own | {"household_id": "h-1", "description": "漏雨", "state": "open"}),
        made("issue", "i-2", VILLAGE, own | {"household_id": "h-1", "description": "断水", "state": "closed"}),
        made("issue", "i-3", VILLAGE, {"household_id": "h-2", "description": "别人管", "state": "open", "owner_id": "u-township"}),
        made("issue", "i-4", VILLAGE, own | {"household_id": "h-none", "description": "另一户", "state": "fixing"}),
        made("assignment", "a-1", VILLAGE, {"household_id": "h-2", "assignee": "u-cadre", "state": "open"}),
        made("assignment", "a-2", VILLAGE, {"household_id": "h-2", "assignee": "u-cadre", "state": "done"}),
    ])  # fmt: skip
    here.tables.catch_up()


@pytest.fixture
def desk(office, cast, village):
    return Desk(office(cast.township))


def fields(here, kind, id):
    return here.store.get(kind, id).fields


def of(here, household):
    return [(row["helper_name"], row["started"], row["ended"], row["end_reason"])
            for row in pairings.pairings_of(here.tables, SCOPE, household)]  # fmt: skip


def give(desk, here, *, to="u-heir", giver="u-cadre", homes=("h-1", "h-2", "h-3"), act="", query=(), **more):
    path = f"/office/handover?from={giver}&to={to}" + "".join(f"&{name}={value}" for name, value in dict(query).items())
    act = act or desk.act(path)
    data = {"act": act, "date": TODAY, "household": list(homes), "posts": "1", "issues": "1"} | more
    return desk.post(path, **data), act


# --- 1 --------------------------------------------------------------------------------------------------------


def test_a_new_helper_ends_the_one_before(desk, here):
    act = desk.act("/office/households/h-1")
    form = {"act": act, "helper_role": "helper", "helper": "u-heir", "helper_relation": "none", "started": TODAY,
            "unit_level": "township", "pairing_end": "term"}  # fmt: skip
    assert desk.post("/office/households/h-1/helper", **form).status_code == 303
    assert of(here, "h-1") == [("谭接手", TODAY, "", ""), ("冉村干", "2024-03-01", TODAY, "term")]
    home = fields(here, "household", "h-1")
    assert (home["helper"], home["helper_name"], home["helper_unit"]) == ("u-heir", "谭接手", "乡镇")
    assert home["helper_relation"] == "none"
    before = here.store.latest_seq()
    assert desk.post("/office/households/h-1/helper", **form).status_code == 303  # the button pressed twice
    assert here.store.latest_seq() == before
    page = desk.get("/office/households/h-1").text
    assert "谭接手" in page and "2024-03-01" in page and "任期满" in page


def test_who_was_never_written_down_is_with_the_day_it_ended(desk, here):
    act = desk.act("/office/households/h-2")
    form = {"act": act, "helper_role": "helper", "helper": "", "helper_name": "县里人", "unit": "县水利局", "started": TODAY}
    desk.post("/office/households/h-2/helper", **form)
    assert of(here, "h-2") == [("县里人", TODAY, "", ""), ("冉村干", "", TODAY, "other")]
    assert fields(here, "household", "h-2")["helper"] == ""


def test_a_secretary_comes_in_addition(desk, here):
    act = desk.act("/office/households/h-1")
    desk.post("/office/households/h-1/helper", act=act, helper_role="first_secretary", helper_name="王书记", started=TODAY)
    assert [row[0] for row in of(here, "h-1") if not row[2]] == ["王书记", "冉村干"]
    assert fields(here, "household", "h-1")["helper"] == "u-cadre"


def test_ending_leaves_the_household_without_a_helper(desk, here):
    act = desk.act("/office/households/h-1")
    early = desk.post("/office/pairings/p-1/end", act=act, ended="2020-01-01", pairing_end="relative")
    assert early.status_code == 400 and "结束日期不能早于开始日期" in early.text
    assert desk.post("/office/pairings/p-1/end", act=act, ended=TODAY, pairing_end="relative").status_code == 303
    assert fields(here, "household", "h-1")["helper_name"] == "" and fields(here, "pairing", "p-1")["ended"] == TODAY
    late = desk.post("/office/households/h-1/helper", act=act, helper_role="helper", helper="u-heir", started="2126-01-01")
    assert late.status_code == 400 and "今天以后" in late.text


def test_posts_of_a_village(desk, here):
    act = desk.act(f"/office/helpers?village={VILLAGE}")
    form = {"act": act, "village": VILLAGE, "helper_role": "first_secretary", "helper_name": "王书记", "started": TODAY}
    assert desk.post("/office/posts", **form).status_code == 303
    assert desk.post("/office/posts", **form | {"village": OTHER_VILLAGE}).status_code == 404
    assert "王书记" in desk.get("/office/helpers", village=VILLAGE).text
    assert "全村" in desk.get("/office/households/h-3").text


# --- 2 --------------------------------------------------------------------------------------------------------


def doubtful(here, doubts):
    counts = pairings.counts_of_doubts(here.tables, SCOPE, doubts)
    found = pairings.without_valid_helper(here.tables, SCOPE, doubts, counts)
    assert found.total == len(found.rows)
    return found.rows


def test_households_without_a_valid_helper(desk, here):
    found = doubtful(here, Doubts(TODAY, ["u-gone"], [f"u-neighbour|{VILLAGE}"]))
    assert {row["id"]: row["why"] for row in found} == {
        "h-none": "none", "h-off": "stopped", "h-away": "away", "h-rel": "relative"}  # fmt: skip
    page = desk.get("/office/helpers").text
    for head in ("没有人帮", "人走了", "邻村的", "亲戚"):
        assert head in page
    assert "一般户" not in page and "外县户" not in page and "户主1" not in page
    assert "户主2" in desk.get("/office/helpers", why="undated").text


def test_ended_and_differing_ones_are_told(here, village, author):
    here.store.load([
        author.update("pairing", "p-1", VILLAGE, {"ended": ("", "2026-01-01")}),
        author.create("pairing", "p-2", VILLAGE, {"household_id": "h-2", "helper_role": "helper", "helper_name": "别人",
                                                  "started": "2025-01-01"}),
    ])  # fmt: skip
    here.tables.catch_up()
    found = {row["id"]: row["why"] for row in doubtful(here, Doubts(TODAY))}
    assert found["h-1"] == "ended" and found["h-2"] == "differs"


def test_what_was_noted_of_helpers_follows_every_change(desk, here, village, author):
    """The list is the same whether all of it was noted, some of it changed since, or nothing was noted yet."""
    now = datetime.fromisoformat(f"{TODAY}T12:00:00+08:00")
    doubts = Doubts(TODAY, ["u-gone"], [f"u-neighbour|{VILLAGE}"])

    def why():
        return {row["id"]: row["why"] for row in doubtful(here, doubts)}

    fresh = why()
    while check_some(here.tables, now):
        pass
    assert here.tables.reading()["helped"].count > len(fresh) and due(here.tables) == 0
    assert why() == fresh
    here.store.load([author.update("pairing", "p-1", VILLAGE, {"ended": ("", "2026-01-01")})])
    here.tables.catch_up()
    assert due(here.tables) == 1 and why() == fresh | {"h-1": "ended"}, "before anybody noted it"
    check_some(here.tables, now)
    assert why() == fresh | {"h-1": "ended"}
    here.store.load([author.void("household", "h-none", VILLAGE, {}, "登记错了")])
    here.tables.catch_up()
    check_some(here.tables, now)
    assert "h-none" not in why() and "h-none" not in {r["household_id"] for r in here.tables.reading()["helped"].rows}
    tomorrow = Doubts("2126-01-01")
    fields = {"household_id": "h-2", "helper_role": "helper", "helper_name": "冉村干", "started": "2025-01-01"}
    here.store.load([author.create("pairing", "p-9", VILLAGE, fields | {"ended": "2126-01-01"})])
    here.tables.catch_up()
    check_some(here.tables, now)
    assert {row["id"]: row["why"] for row in doubtful(here, tomorrow)}["h-2"] == "ended", "another day, nothing noted for it"


# --- 3 --------------------------------------------------------------------------------------------------------


def test_a_handover_takes_everything_along_and_back(desk, here, cast):
    page = desk.get("/office/handover", **{"from": "u-cadre", "to": "u-heir"}).text
    assert "3 户" not in page and "4 户" in page  # the one by name is offered, unticked
    assert re.search(r'value="h-1" checked', page) and not re.search(r'value="h-name" checked', page)
    reply, act = give(desk, here)
    assert reply.status_code == 303
    for n in (1, 2, 3):
        home = fields(here, "household", f"h-{n}")
        assert (home["helper"], home["helper_name"], home["helper_unit"]) == ("u-heir", "谭接手", "乡镇")
        assert [row[:3] for row in of(here, f"h-{n}") if not row[2]] == [("谭接手", TODAY, "")]
    assert of(here, "h-1")[1] == ("冉村干", "2024-03-01", TODAY, "handover")
    owners = {id: fields(here, "issue", id)["owner_id"] for id in ("i-1", "i-2", "i-3", "i-4")}
    assert owners == {"i-1": "u-heir", "i-2": "u-cadre", "i-3": "u-township", "i-4": "u-heir"}
    assert fields(here, "issue", "i-1")["owner"] == "谭接手"
    assert [fields(here, "assignment", id)["assignee"] for id in ("a-1", "a-2")] == ["u-heir", "u-cadre"]
    assert fields(here, "household", "h-name").get("helper", "") == ""

    assert f"again={act}" in desk.get("/office/handover").text
    back, _ = give(desk, here, giver="u-heir", to="u-cadre", query={"again": act})
    assert back.status_code == 303
    assert fields(here, "household", "h-2")["helper"] == "u-cadre" and fields(here, "issue", "i-1")["owner_id"] == "u-cadre"
    assert [row[0] for row in of(here, "h-2") if not row[2]] == ["冉村干"] and len(of(here, "h-2")) == 3


def test_giving_back_touches_only_what_came_with_it(desk, here, author):
    _, act = give(desk, here, homes=("h-1",), posts="", issues="")
    here.store.load([author.update("household", "h-plain", VILLAGE, {"helper": ("", "u-heir"), "helper_name": ("", "谭接手")})])
    here.tables.catch_up()
    page = desk.get("/office/handover", **{"from": "u-heir", "to": "u-cadre", "again": act}).text
    assert 'value="h-1"' in page and "h-plain" not in page


# --- 4 --------------------------------------------------------------------------------------------------------


def started_again(here):
    """The node after its process ended: memory gone, the store as it is on disk."""
    here.close()
    again = open_node(here.config)
    again.tables.catch_up()
    return again


def sign_in(app, person):
    browser = app.test_client()
    token = browser.get("/office/sign-in").text.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]
    browser.post("/office/sign-in", data={"username": person.username, "password": person.password, "csrf_token": token})
    return browser


class Dead(BaseException):
    """The process is gone."""


def die():
    raise Dead


@pytest.mark.parametrize("commit", [1, 2, 3])
@pytest.mark.parametrize("place", ["push.written", "push.committed"])
def test_cut_off_anywhere_no_household_is_half_and_a_repeat_ends_it(desk, here, cast, monkeypatch, commit, place):
    monkeypatch.setattr(handing, "AT_ONCE", 1)
    path = "/office/handover?from=u-cadre&to=u-heir"
    act = desk.act(path)
    token = desk.token()
    data = {"act": act, "date": TODAY, "household": ["h-1", "h-2", "h-3"], "posts": "1", "issues": "1", "csrf_token": token}
    failpoints.arm(place, commit, die=die)
    try:
        with pytest.raises(Dead):
            desk.browser.post(path, data=data)
    finally:
        failpoints.disarm()
    here = started_again(here)
    desk = Desk(sign_in(create_app(here.config, here), cast.township))
    done = commit if place == "push.committed" else commit - 1
    gone = [n for n in (1, 2, 3) if fields(here, "household", f"h-{n}")["helper"] == "u-heir"]
    assert len(gone) == done
    for n in (1, 2, 3):  # the household, its pairing and its issue tell the same
        running = [row[0] for row in of(here, f"h-{n}") if not row[2]]
        assert running == (["谭接手"] if n in gone else ["冉村干"] if n == 1 else [])
    assert (fields(here, "issue", "i-1")["owner_id"] == "u-heir") == (1 in gone)
    # The page offers what is left; the same act again ends it, and once more changes nothing.
    give(desk, here, act=act)
    assert [fields(here, "household", f"h-{n}")["helper"] for n in (1, 2, 3)] == ["u-heir"] * 3
    assert [len(of(here, f"h-{n}")) for n in (1, 2, 3)] == [2, 2, 2]
    end = here.store.latest_seq()
    give(desk, here, act=act)
    assert here.store.latest_seq() == end
    here.close()


# --- 5 --------------------------------------------------------------------------------------------------------


def test_a_successor_who_may_not_work_there_gets_nothing(desk, here):
    page = desk.get("/office/handover", **{"from": "u-cadre", "to": "u-neighbour"}).text
    assert "还管不到" in page and "清水村" in page
    before = here.store.latest_seq()
    reply, _ = give(desk, here, to="u-neighbour")
    assert reply.status_code == 400 and "没有交接" in reply.text and here.store.latest_seq() == before


@pytest.mark.parametrize(("giver", "to"), [
    ("u-stranger", "u-heir"), ("u-cadre", "u-stranger"), ("u-county", "u-heir"), ("no-such", "u-heir")])  # fmt: skip
def test_people_of_other_places_are_not_found(desk, here, giver, to):
    assert desk.get("/office/handover", **{"from": giver, "to": to}).status_code == 404
    assert desk.post(f"/office/handover?from={giver}&to={to}", act="0" * 36, date=TODAY).status_code == 404


def test_whose_place_it_is_not(desk, office, cast, here):
    before = here.store.latest_seq()
    stranger = Desk(office(cast.stranger))
    form = {"act": "0" * 36, "helper_role": "helper", "helper_name": "x", "started": TODAY, "ended": TODAY}
    assert stranger.post("/office/households/h-1/helper", **form).status_code == 404
    assert stranger.post("/office/pairings/p-1/end", **form).status_code == 404
    assert stranger.post("/office/posts", village=VILLAGE, **form | {"helper_role": "team"}).status_code == 404
    assert "没有人帮" not in stranger.get("/office/helpers").text
    cadre = Desk(office(cast.cadre))
    assert cadre.post("/office/households/h-1/helper", **form).status_code == 403
    assert cadre.get("/office/handover").status_code == 403 and cadre.get("/office/helpers").status_code == 200
    assert here.store.latest_seq() == before


def test_a_phone_of_a_cadre_makes_no_pairing(village, here, phone, cast):
    mine = phone(cast.cadre)
    made = mine.author.create("pairing", "p-x", VILLAGE, {"household_id": "h-1", "helper_role": "helper", "helper_name": "x"})
    assert mine.push([made]).json["results"][0]["code"] == "not_allowed"
    assert "p-1" in {record["id"] for record in phone(cast.cadre).pull_all()}
    assert "p-1" not in {record["id"] for record in phone(cast.neighbour).pull_all()}


# --- 6 --------------------------------------------------------------------------------------------------------


def test_unsent_work_of_the_old_helper_arrives(desk, here, phone, cast, author):
    """A visit of the day before: the form confirmed the helper it knew and set the water."""
    old = phone(cast.cadre)
    old.pull_all()
    give(desk, here)
    visit = old.author.create("visit", "v-late", VILLAGE, VISIT)
    said = old.author.update("household", "h-1", VILLAGE, {
        "helper_name": ("冉村干", "冉村干"), "water_safe": ("", "yes"), "last_visit": ("", "2026-11-19")})  # fmt: skip
    done = old.author.update("issue", "i-1", VILLAGE, {
        "state": ("open", "submitted"), "result": ("", "已补漏"), "submitted_by": ("", "u-cadre"),
        "submitted_on": ("", "2026-11-19")})  # fmt: skip
    assert [one["status"] for one in old.push([visit, said, done]).json["results"]] == ["applied"] * 3
    home = fields(here, "household", "h-1")
    assert (home["water_safe"], home["helper_name"], home["last_visit"]) == ("yes", "谭接手", "2026-11-19")
    assert fields(here, "issue", "i-1")["state"] == "submitted" and fields(here, "issue", "i-1")["owner_id"] == "u-heir"


def test_also_when_the_old_helper_has_left_the_village(desk, here, phone, cast, author):
    """Their area was taken away after the handover: work about what was on the phone is taken in and marked late."""
    old = phone(cast.cadre)
    cursor = old.get("/sync/v1/pull?limit=1000").json["cursor"]
    old.get(f"/sync/v1/pull?cursor={cursor}")  # that it comes back says that all before it is on the phone
    give(desk, here)
    here.store.load([author.update("user", "u-cadre", VILLAGE, {"area": (VILLAGE, NEXT_VILLAGE)})])
    visit = old.author.create("visit", "v-late", VILLAGE, VISIT)
    other = old.author.update("household", "h-1", VILLAGE, {"helper_name": ("冉村干", "另写的人")})
    results = old.push([visit, other]).json["results"]
    assert [(one["status"], one["code"]) for one in results] == [("applied", "applied_late"), ("conflict", "kept_both")]
    assert fields(here, "household", "h-1")["helper_name"] == "谭接手"


def test_a_stopped_account_s_work_waits_for_a_person(desk, here, phone, cast, author):
    """Switched off, everything it still sends is kept and waits in the tray, where the successor's office takes it up."""
    old = phone(cast.cadre)
    old.pull_all()
    give(desk, here)
    here.store.load([author.update("user", "u-cadre", VILLAGE, {"state": ("", "disabled")})])
    visit = old.author.create("visit", "v-late", VILLAGE, VISIT)
    result = old.push([visit]).json["results"][0]
    assert result["status"] == "quarantined" and result["receipt"]
    here.tables.catch_up()
    assert "户主1" in desk.get("/office/quarantined").text or "冉村干" in desk.get("/office/quarantined").text
    keys = re.findall(r'/office/quarantined/([^"?/]+)"', desk.get("/office/quarantined").text)
    reply = desk.post(f"/office/quarantined/{keys[0]}", verdict="accept", reason="交接前的走访")
    assert reply.status_code == 303
    assert here.store.get("visit", "v-late") is not None


