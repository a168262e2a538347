"""Places that change.

1. 武隆 500232 became 500156: households keep history and code, the old area code resolves, people's scope follows
2. a change goes on where it was stopped and does nothing twice
3. the official list comes in, is shown first, and names what it does not understand
4. places added by hand, renamed; small areas across borders; nobody changes what is not theirs
"""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime

import pytest
from conftest import COUNTY, NEXT_VILLAGE, OTHER_VILLAGE, TOWNSHIP, VILLAGE, Person
from test_roster_import import Desk, workbook

from app import areas, codes, recode
from app.keys import code_key
from app.tables import households
from sync.author import Author
from sync.records import Record
from sync.scope import EVERYTHING

OLD = "500232"
OLD_VILLAGE = "500232105203"
DAY = "2026-11-28"


def clock():
    return datetime(2026, 11, 1, 9, tzinfo=UTC)


@pytest.fixture
def old_county(here):
    """武隆 as it was: areas, a cadre, a county manager, a household with its code, a visit, a village's record."""
    author = Author("i-old", "u-old", clock=clock)
    names = {"500232000000": "武隆县", "500232105000": "土坎镇", OLD_VILLAGE: "老清水村", "500232105204": "邻村"}
    code = codes.make_code(code_key(here.config.data_dir), b"123456789")
    from conftest import password_hash

    def user(id, role, area):
        fields = {"username": id, "name": id, "role": role, "area": area, "password_hash": password_hash()}
        return author.create("user", id, area, fields)

    here.store.load(
        [author.create("area", c, c, {"name": n, "level": areas.level_of(c)}) for c, n in names.items()]
        + [user("u-old", "county", "500232000000"), user("u-old-cadre", "cadre", OLD_VILLAGE)]
        + [
            author.create("household", "h-old", OLD_VILLAGE, {"head_name": "冉老", "code": code, "group": "3组"}),
            author.create("member", "m-old", OLD_VILLAGE, {"household_id": "h-old", "full_name": "冉老"}),
            author.create("visit", "v-old", OLD_VILLAGE, {"household_id": "h-old", "date": "2026-10-01"}),
            author.create("village", OLD_VILLAGE, OLD_VILLAGE, {"village_title": "老清水村", "altitude": "640"}),
            author.create("household", "h-gone", OLD_VILLAGE, {"head_name": "走了"}),
            author.void("household", "h-gone", OLD_VILLAGE, {"head_name": "走了"}, "搬走"),
        ]
    )
    here.tables.catch_up()
    return code


MAPPING = {OLD: "500156"}


def carried_out(here, mapping=None, **more):
    done = recode.carry_out(here.store, mapping or MAPPING, actor="u-old", day=DAY, clock=here.now, **more)
    here.tables.catch_up()
    return done


def test_wulong_becomes_500156(here, old_county, office):
    assert recode.affected(here.store, MAPPING) == {"area": 4, "user": 2, "household": 1, "member": 1, "visit": 1, "village": 1}
    assert carried_out(here)
    for kind, id in (("household", "h-old"), ("member", "m-old"), ("visit", "v-old"), ("household", "h-gone")):
        assert here.store.get(kind, id).area == "500156105203", (kind, id)
    record = here.store.get("household", "h-old")
    assert record.fields["code"] == old_county and record.fields["head_name"] == "冉老"
    assert [change.op.kind for change in here.store.history("household", "h-old")] == ["create", "move"]
    old = here.store.get("area", OLD_VILLAGE).fields
    assert (old["successor"], old["valid_until"]) == (VILLAGE, DAY)
    assert here.store.get("village", VILLAGE).fields["altitude"] == "640"
    assert here.store.get("village", OLD_VILLAGE).deleted
    # People's scope follows, and the old code still finds the place.
    manager = office(Person("u-old", "u-old", "u-old", "county", ""))
    assert "冉老" in manager.get(f"/office/register?village={OLD_VILLAGE}").text
    assert "冉老" in manager.get(f"/office/register?village={VILLAGE}").text
    assert old_county[:4] in manager.get("/office/households/h-old").text


def test_a_phone_of_the_old_place_goes_on(here, old_county, phone):
    cadre = phone(Person("u-old-cadre", "u-old-cadre", "", "cadre", ""))
    assert {r["id"] for r in cadre.pull_all() if r["kind"] == "household" and not r.get("deleted")} == {"h-old"}
    waiting = cadre.author.update("household", "h-old", OLD_VILLAGE, {"phone": ("", "139")})
    carried_out(here)
    again = [r for r in cadre.pull_all() if r["kind"] == "household" and not r.get("deleted")]
    assert {"h-old", "h-ran"} == {r["id"] for r in again}, "the snapshot of the new place, which was there before as well"
    result = cadre.push([waiting]).json["results"][0]
    assert result["status"] in ("applied", "quarantined")  # never refused, never lost
    assert here.store.history("household", "h-old") or here.store.quarantined()


def test_twice_is_once(here, old_county):
    carried_out(here)
    before = here.store.latest_seq()
    carried_out(here)
    assert here.store.latest_seq() == before
    assert recode.affected(here.store, MAPPING) == {}


def test_a_stopped_change_goes_on(here, old_county, monkeypatch):
    monkeypatch.setattr(recode, "PAGE", 3)
    left = iter([True] * 7 + [False])
    assert carried_out(here, goes_on=lambda: next(left)) is False
    assert carried_out(here)
    assert here.store.get("visit", "v-old").area == VILLAGE
    assert [c.op.kind for c in here.store.history("household", "h-old")] == ["create", "move"]


def test_two_villages_become_one(here, old_county):
    author = Author("i-two", "u-old", clock=clock)
    here.store.load([author.create("household", "h-two", "500232105204", {"head_name": "邻居"})])
    carried_out(here, {"500232105204": OLD_VILLAGE})
    assert here.store.get("household", "h-two").area == OLD_VILLAGE
    assert here.store.get("household", "h-old").area == OLD_VILLAGE
    assert here.store.get("area", OLD_VILLAGE).fields["name"] == "老清水村"
    here.tables.catch_up()


@pytest.mark.parametrize(
    ("mapping", "wrong"),
    [
        ({OLD: OLD}, "same"), ({OLD: "500156105"}, "length"), ({OLD: "5001"}, "length"), ({"999999": "500156"}, "unknown"),
        ({OLD: "500156", "500156": OLD}, "circle"), (MAPPING, ""),
    ],
)  # fmt: skip
def test_mappings(mapping, wrong):
    assert recode.wrong_with(mapping, {"500232000000": "武隆县", "500156000000": "武隆区"}) == wrong


def test_codes_follow_every_change():
    successors = {"500232000000": "500156000000", "500156000000": "500157000000", "1" * 12: "2" * 12, "2" * 12: "1" * 12}
    assert areas.current("500232", successors) == "500157"
    assert areas.current("500232000000", successors) == "500157000000"
    assert areas.current("500240", successors) == "500240"
    assert areas.current("1" * 12, successors) in ("1" * 12, "2" * 12)  # a circle ends


def test_the_longest_old_code_counts():
    assert areas.recoded("500232105203", {"500232": "500156", "500232105": "500156999"}) == "500156999203"


def test_an_area_record_is_closed_and_its_heir_begins():
    record = Record(kind="area", id="500232105000", area="500232105000", rev=1, seq=1, fields={"name": "土坎镇"}, since={})
    made, closed = areas.steps_for(record, MAPPING, DAY)
    assert (made.id, made.fields["parent"][1], made.fields["level"][1]) == ("500156105000", "500156000000", "township")
    assert closed.fields["successor"] == ("", "500156105000")


@pytest.mark.parametrize(("code", "level", "parent"), [
    ("500000000000", "province", ""), ("500156000000", "county", "500100000000"), (TOWNSHIP, "township", COUNTY),
    (VILLAGE, "village", TOWNSHIP), (VILLAGE + "02", "group", VILLAGE),
])  # fmt: skip
def test_the_tree(code, level, parent):
    assert (areas.level_of(code), areas.parent_of(code)) == (level, parent)


def test_a_list_of_codes():
    rows = [
        ["重庆市区划代码表"], ["代码", "名称"], ["500156", "武隆区"], ["500156105", "土坎镇"],
        ["111", "500156105203", "220", "清水村"], ["5001561", "半个"], ["500156105204", ""], ["500156105203", "另一个名字"],
    ]  # fmt: skip
    found = areas.read_list(rows)
    assert [tuple(one) for one in found.places] == [
        ("500156000000", "武隆区"), ("500156105000", "土坎镇"), ("500156105203", "清水村"),
    ]  # fmt: skip
    assert [line for line, _text in found.faults] == [6, 7, 8]


# --- the pages ----------------------------------------------------------------------------------------------


class Places(Desk):
    def post(self, path, **data):
        page = self.browser.get("/office/areas").text
        token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        return self.browser.post(path, data={"csrf_token": token} | data, content_type="multipart/form-data")


@pytest.fixture
def desk(app, office, cast, here):
    here.tables.catch_up()
    return Places(app, office(cast.county))


def test_the_official_list_is_shown_and_then_taken_in(desk, here):
    rows = [["代码", "名称"], ["500156105205", "新坪村"], [VILLAGE, "清水新村"], [OTHER_VILLAGE, "外县"], ["12345678", "错"]]
    body = workbook(rows)
    preview = desk.post("/office/areas/list", file=(io.BytesIO(body), "区划.xlsx"))
    assert preview.status_code == 200 and "清水新村" in preview.text and "12345678" in preview.text
    assert here.store.get("area", "500156105205") is None
    rows = preview.text.partition("hidden>")[2].partition("</textarea>")[0]
    assert desk.post("/office/areas/list", sure="1", rows=rows).status_code == 303
    assert here.store.get("area", "500156105205").fields["name"] == "新坪村"
    assert here.store.get("area", VILLAGE).fields["name"] == "清水新村"
    assert here.store.get("area", OTHER_VILLAGE).fields["name"] == "石角村"


def test_rows_made_up_by_hand_do_not_reach_another_county(desk, here):
    desk.post("/office/areas/list", sure="1", rows=f"{OTHER_VILLAGE} 抢来的\n500110999000 新镇")
    assert here.store.get("area", OTHER_VILLAGE).fields["name"] == "石角村"
    assert here.store.get("area", "500110999000") is None


def test_places_by_hand(desk, here):
    desk.post("/office/areas/new", parent=COUNTY, name="新镇")
    assert here.store.get("area", "500156901000").fields["parent"] == COUNTY
    desk.post("/office/areas/new", parent=VILLAGE, name="一组")
    desk.post("/office/areas/new", parent=VILLAGE, name="大湾")
    assert [here.store.get("area", VILLAGE + n).fields["name"] for n in ("01", "02")] == ["一组", "大湾"]
    assert here.store.get("area", VILLAGE).fields["name"] == "清水村"
    assert "大湾" in desk.browser.get(f"/office/areas?in={TOWNSHIP}").text
    assert "清水村" in desk.browser.get("/office/register").text
    assert desk.post("/office/areas/new", parent=COUNTY, name="外", code="500110777").status_code == 422
    assert desk.post("/office/areas/new", parent=COUNTY, name="", code="").status_code == 422
    desk.post(f"/office/areas/{VILLAGE}/rename", name="清水社区")
    assert here.store.get("area", VILLAGE).fields["name"] == "清水社区"


def test_a_change_of_codes_on_the_page(desk, here, app):
    counted = desk.post("/office/areas/recode", mapping=f"{NEXT_VILLAGE} {VILLAGE}")
    assert counted.status_code == 200 and NEXT_VILLAGE in counted.text
    assert here.store.get("area", NEXT_VILLAGE).fields.get("successor") is None
    assert desk.post("/office/areas/recode", mapping=f"{NEXT_VILLAGE} {VILLAGE}", sure="1").status_code == 303
    app.extensions["ruhu_area_changes"]["change"].thread.join(20)
    assert here.store.get("area", NEXT_VILLAGE).fields["successor"] == VILLAGE
    assert here.store.get("user", "u-neighbour").fields["area"] == VILLAGE
    here.tables.catch_up()
    assert "代码变更已完成" in desk.browser.get("/office/areas").text


def merge(desk, **more):
    return desk.post("/office/areas/merge", **({"from": NEXT_VILLAGE, "into": VILLAGE, "groups": "1"} | more))


def test_a_village_joins_another_in_one_act(desk, here, app):
    """All of it goes over; the other village keeps its name, nobody has to settle anything, and old codes still lead there."""
    author = Author("i-more", "u-county", clock=clock)
    code = codes.make_code(b"k" * 32, b"123456789")
    small = {"name": "两村", "villages": f"{VILLAGE} {NEXT_VILLAGE}"}
    more = [{"role": "cadre", "area": NEXT_VILLAGE}, {"role": "cadre", "small_area": "s-1", "villages": [NEXT_VILLAGE, VILLAGE]}]
    here.store.load([
        author.create("household", "h-next", NEXT_VILLAGE, {"head_name": "关滩人", "group": "1", "code": code}),
        author.create("member", "m-next", NEXT_VILLAGE, {"household_id": "h-next", "full_name": "关滩人"}),
        author.create("village", VILLAGE, VILLAGE, {"secretary": "冉书记"}),
        author.create("village", NEXT_VILLAGE, NEXT_VILLAGE, {"secretary": "田书记"}),
        author.create("small_area", "s-1", TOWNSHIP, small), author.update("user", "u-township", TOWNSHIP, {"grants": ("", more)}),
    ])  # fmt: skip
    here.tables.catch_up()
    counted = merge(desk).text
    assert "关滩村 并进 清水村" in counted and "两个村都有这些组,不加村名就分不开:1" in counted
    assert here.store.get("household", "h-next").area == NEXT_VILLAGE, "only counted"
    assert "还没有合并" in merge(desk, sure="1", name="清水村").text
    assert merge(desk, sure="1", name="关滩村").status_code == 303
    app.extensions["ruhu_area_changes"]["change"].thread.join(20)
    here.tables.catch_up()
    home = here.store.get("household", "h-next")
    assert (home.area, home.fields["group"], home.fields["code"]) == (VILLAGE, "关滩1", code)
    assert here.store.get("member", "m-next").area == VILLAGE and here.store.get("user", "u-neighbour").area == VILLAGE
    assert here.store.get("area", VILLAGE).fields["name"] == "清水村"
    assert here.store.get("area", NEXT_VILLAGE).fields["successor"] == VILLAGE
    assert here.store.get("village", VILLAGE).fields["secretary"] == "冉书记", "the other stays with its closed code"
    assert here.store.get("village", NEXT_VILLAGE).fields["secretary"] == "田书记"
    assert here.store.get("small_area", "s-1").fields["villages"] == VILLAGE
    grants = here.store.get("user", "u-township").fields["grants"]
    assert [one.get("area") or one["villages"] for one in grants] == [VILLAGE, [VILLAGE]]
    assert not list(here.tables.reading().query("SELECT * FROM conflicts")), "nothing for a person to settle"
    assert households.household_by_code(here.tables, EVERYTHING, code)["id"] == "h-next", "the door card still leads there"
    assert "关滩村" not in re.findall(r"<option[^>]*>([^<]*)", desk.browser.get("/office/areas").text.partition("并进这个村")[2])


@pytest.fixture
def merged(desk, here, app):
    """关滩村 with four households and a grant, merged into 清水村; then a day's work there."""
    author = Author("i-more", "u-county", clock=clock)
    small = {"name": "两村", "villages": f"{VILLAGE} {NEXT_VILLAGE}"}
    more = [{"role": "cadre", "area": NEXT_VILLAGE}]
    homes = {"h-back": "回去", "h-group": "改组", "h-gone": "注销", "h-one": "合户"}
    here.store.load([
        *(author.create("household", id, NEXT_VILLAGE, {"head_name": name, "group": "1"}) for id, name in homes.items()),
        *(author.create("member", f"m-{id}", NEXT_VILLAGE, {"household_id": id, "full_name": name}) for id, name in homes.items()),
        author.create("village", NEXT_VILLAGE, NEXT_VILLAGE, {"secretary": "田书记"}),
        author.create("small_area", "s-1", TOWNSHIP, small), author.update("user", "u-township", TOWNSHIP, {"grants": ("", more)}),
    ])  # fmt: skip
    here.tables.catch_up()
    assert merge(desk, sure="1", name="关滩村").status_code == 303
    app.extensions["ruhu_area_changes"]["change"].thread.join(20)
    here.store.load([
        author.create("visit", "v-since", VILLAGE, {"household_id": "h-back", "date": "2026-11-20", "outcome": "met"}),
        author.create("household", "h-since", VILLAGE, {"head_name": "新来", "group": "1"}),
        author.update("household", "h-back", VILLAGE, {"phone": ("", "13800000000")}),
        author.update("household", "h-group", VILLAGE, {"group": ("关滩1", "2组")}),
        author.void("household", "h-gone", VILLAGE, {"head_name": "注销"}, "迁出"),
    ])  # fmt: skip
    here.tables.catch_up()
    assert desk.post("/office/merge", kept="h-ran", gone="h-one").status_code == 303


def part(desk, **more):
    return desk.post(f"/office/areas/{NEXT_VILLAGE}/part", **more)


def test_a_merger_is_taken_back_but_for_what_was_changed_since(desk, here, merged):
    assert "拆开并村" in desk.browser.get("/office/areas").text
    page = desk.browser.get(f"/office/areas/{NEXT_VILLAGE}/part").text
    assert "<b>1</b>户回到 关滩村" in page and "<b>3</b>项留在 清水村" in page
    for name, why in (("改组", "后来改过组或地方"), ("注销", "后来注销了"), ("合户", "后来和另一户合并了")):
        assert re.search(rf"{name}.*{why}", page), name
    before = here.store.latest_seq()
    assert "村名不一样" in part(desk, sure="1", name="清水村").text and "还没有拆开" in part(desk, name="关滩村").text
    assert here.store.latest_seq() == before
    assert part(desk, sure="1", name="关滩村").status_code == 303
    home = here.store.get("household", "h-back")
    assert (home.area, home.fields["group"], home.fields["phone"]) == (NEXT_VILLAGE, "1", "13800000000")
    went = (("member", "m-h-back"), ("visit", "v-since"), ("user", "u-neighbour"))
    assert {here.store.get(*one).area for one in went} == {NEXT_VILLAGE}
    for id in ("h-group", "h-gone", "h-one", "h-since", "h-ran"):
        assert here.store.get("household", id).area == VILLAGE, id
    assert here.store.get("household", "h-group").fields["group"] == "2组"
    assert {here.store.get("member", f"m-{id}").area for id in ("h-group", "h-one")} == {VILLAGE}, "with their households"
    place = here.store.get("area", NEXT_VILLAGE).fields
    assert (place["successor"], place["valid_until"]) == ("", "")
    assert here.store.get("small_area", "s-1").fields["villages"] == f"{VILLAGE} {NEXT_VILLAGE}"
    assert here.store.get("user", "u-township").fields["grants"] == [{"role": "cadre", "area": NEXT_VILLAGE}]
    assert here.store.get("user", "u-neighbour").fields["area"] == NEXT_VILLAGE
    assert not list(here.tables.reading().query("SELECT * FROM conflicts"))
    assert "回去" in desk.browser.get(f"/office/register?village={NEXT_VILLAGE}").text
    assert part(desk, sure="1", name="关滩村").status_code == 404, "once"


def test_a_village_merged_again_and_parted_again(desk, here, app, merged):
    part(desk, sure="1", name="关滩村")
    assert merge(desk, sure="1", name="关滩村", groups="").status_code == 303
    app.extensions["ruhu_area_changes"]["change"].thread.join(20)
    here.tables.catch_up()
    assert here.store.get("household", "h-back").area == VILLAGE
    assert part(desk, sure="1", name="关滩村").status_code == 303
    home = here.store.get("household", "h-back")
    assert (home.area, home.fields["group"]) == (NEXT_VILLAGE, "1")


def test_what_the_merger_wrote_and_somebody_changed_stays(here, merged):
    """A cadre sent elsewhere since, a small area drawn anew: theirs is the last word."""
    author = Author("i-since", "u-county", clock=clock)
    here.store.load([
        author.update("user", "u-neighbour", VILLAGE, {"area": (VILLAGE, TOWNSHIP)}),
        author.update("small_area", "s-1", TOWNSHIP, {"villages": (VILLAGE, f"{VILLAGE} 500156105299")}),
    ])  # fmt: skip
    found = recode.carry_back(here.store, NEXT_VILLAGE, actor="u-county", clock=here.now)
    assert {(one.kind, one.id) for one, _why in found.stay} >= {("user", "u-neighbour"), ("small_area", "s-1")}
    assert here.store.get("user", "u-neighbour").fields["area"] == TOWNSHIP
    assert here.store.get("small_area", "s-1").fields["villages"] == f"{VILLAGE} 500156105299"


def test_people_have_the_place_before_its_households_and_it_opens_last(here, merged):
    """Cut off half way, nobody's household lies where its cadre may not go."""
    found = recode.carry_back(here.store, NEXT_VILLAGE, actor="u-county", clock=here.now)
    kinds = [step.entity for step in found.steps]
    assert kinds.index("household") > max(at for at, kind in enumerate(kinds) if kind == "user")
    assert set(kinds[-kinds.count("area") :]) == {"area"}


def test_what_a_change_touches_is_found_without_reading_the_whole_store(here, merged, monkeypatch):
    """Nor a question a record: a page of the office waits for the answer, and a county has a million of them."""
    asked, of = [], type(here.store)
    for name in ("history", "histories", "changes", "get"):
        real = getattr(of, name)
        monkeypatch.setattr(of, name, lambda *given, name=name, real=real, **more: asked.append(name) or real(*given, **more))
    found = recode.parting_of(here.store, NEXT_VILLAGE)
    assert found.homes and len(found.steps) > 5
    assert recode.affected(here.store, {VILLAGE: NEXT_VILLAGE})["household"]
    assert "changes" not in asked and asked.count("history") + asked.count("get") <= 2


def test_nobody_parts_what_is_not_theirs(office, cast, merged):
    for person, status in ((cast.stranger, 404), (cast.township, 403), (cast.cadre, 403)):
        assert office(person).get(f"/office/areas/{NEXT_VILLAGE}/part").status_code == status, person.id


def test_groups_stay_as_they_are_when_somebody_wishes(desk, here, app):
    author = Author("i-more", "u-county", clock=clock)
    here.store.load([author.create("household", "h-next", NEXT_VILLAGE, {"head_name": "关滩人", "group": "1"})])
    here.tables.catch_up()
    assert merge(desk, groups="", sure="1", name="关滩村").status_code == 303
    app.extensions["ruhu_area_changes"]["change"].thread.join(20)
    assert here.store.get("household", "h-next").fields["group"] == "1"


def test_a_village_joins_none_of_another_county(desk, here):
    assert merge(desk, into=OTHER_VILLAGE, sure="1", name="关滩村").status_code == 404
    assert merge(desk, **{"from": OTHER_VILLAGE}, sure="1", name="石角村").status_code == 404
    assert merge(desk, into=NEXT_VILLAGE, sure="1", name="关滩村").status_code == 422
    assert here.store.get("area", OTHER_VILLAGE).fields.get("successor") is None


@pytest.mark.parametrize("mapping", ["500110 500156", "500156 500110", f"{VILLAGE} {OTHER_VILLAGE}", "500156", "甲 乙", ""])
def test_nobody_changes_codes_that_are_not_theirs(desk, here, mapping):
    before = here.store.latest_seq()
    assert desk.post("/office/areas/recode", mapping=mapping, sure="1").status_code == 422
    assert here.store.latest_seq() == before


def test_a_small_area_across_townships_filters_the_register(desk, here):
    author = Author("i-more", "u-county", clock=clock)
    here.store.load([author.create("household", "h-next", NEXT_VILLAGE, {"head_name": "关滩人"})])
    here.tables.catch_up()
    desk.post("/office/small-areas/new", name="清水片区", village=[VILLAGE, OTHER_VILLAGE])
    row = next(iter(here.tables.reading().query("SELECT * FROM small_areas")))
    assert (row["villages"], row["area"]) == (VILLAGE, VILLAGE)
    found = desk.browser.get(f"/office/register?small={row['id']}").text
    assert "冉光荣" in found and "关滩人" not in found
    desk.post(f"/office/small-areas/{row['id']}", name="清水片区", village=[VILLAGE, NEXT_VILLAGE])
    assert "关滩人" in desk.browser.get(f"/office/register?small={row['id']}").text
    assert "没有找到" in desk.browser.get("/office/register?small=no-such").text
    desk.post(f"/office/small-areas/{row['id']}/remove")
    assert here.store.get("small_area", row["id"]).deleted


def test_a_small_area_stands_wherever_a_village_does(desk, here, app, monkeypatch):
    """Lists, files and print jobs of two villages of three; nobody's small area opens a village that is not theirs."""
    author = Author("i-more", "u-county", clock=clock)
    third = "500156105299"
    heads = {VILLAGE: "甲户", NEXT_VILLAGE: "乙户", third: "丙户", OTHER_VILLAGE: "外县户"}
    small = {"name": "两村片", "villages": f"{VILLAGE} {NEXT_VILLAGE} {OTHER_VILLAGE}"}
    ops = [author.create("area", third, third, {"name": "三村"}), author.create("small_area", "s-1", TOWNSHIP, small)]
    for village, head in heads.items():
        id = f"h-{village}"
        ops += [author.create("household", id, village, {"head_name": head, "group": "1"}),
                author.create("visit", f"v-{village}", village, {"household_id": id, "date": "2026-11-02", "outcome": "met"}),
                author.create("issue", f"i-{village}", village, {"household_id": id, "state": "open", "description": head})]
    here.store.load(ops)
    here.tables.catch_up()
    for path in ("/office/visits?small=s-1", "/office/issues?small=s-1", "/office/register?small=s-1"):
        page = desk.browser.get(path).text
        assert "甲户" in page and "乙户" in page and "丙户" not in page and "外县户" not in page, path
        assert '<option value="s-1" selected>' in page, path
    for path in ("/office/visits?small=no-such", "/office/issues?small=no-such"):
        assert "甲户" not in desk.browser.get(path).text, path
    token = desk.browser.get("/office/areas").text.partition('name="csrf_token" value="')[2].partition('"')[0]
    wanted = {"csrf_token": token, "column": ["home.head_name", "date"]}
    lines = desk.browser.post("/office/export/visits.csv?small=s-1", data=wanted)
    assert "甲户" in lines.text and "丙户" not in lines.text and "外县户" not in lines.text
    assert "小片区的 3 个村" in desk.browser.get("/office/print/?small=s-1").text
    started = []
    monkeypatch.setattr("app.office.printing._start", lambda what, rows: started.extend(row["head_name"] for row in rows) or 1 / 0)
    desk.post("/office/print/", small="s-1", what="sheet")
    assert set(started) == {"冉光荣", "甲户", "乙户"}
    assert desk.post("/office/print/", small="no-such", what="sheet").status_code == 422


def test_the_table_of_a_form_and_who_saw_what_of_a_small_area(desk, here, office, cast):
    author = Author("i-more", "u-county", clock=clock)
    small = {"name": "两村片", "villages": f"{VILLAGE} {OTHER_VILLAGE}"}
    ops = [author.create("small_area", "s-1", TOWNSHIP, small)]
    for village, head in {VILLAGE: "甲户", NEXT_VILLAGE: "乙户", OTHER_VILLAGE: "外县户"}.items():
        id = f"h-{village}"
        ops += [author.create("household", id, village, {"head_name": head, "group": "1"}),
                author.create("submission", f"s-{village}", village, {"household_id": id, "form_id": "mini", "form_version": "1",
                              "answers": {}, "ended": "2026-11-02T09:00:00+08:00"}),
                author.create("sight", f"z-{village}", village, {"what": "household", "who": "u-county", "day": "2026-11-02",
                              "at": "2026-11-02T09:00:00+08:00", "household_id": id, "reason": "核对"})]  # fmt: skip
    here.store.load(ops)
    here.tables.catch_up()
    for path in ("/office/forms/mini/table", "/office/sights"):
        whole, some, village = (desk.browser.get(f"{path}{wish}").text for wish in ("", "?small=s-1", f"?village={NEXT_VILLAGE}"))
        assert "甲户" in whole and "乙户" in whole and "外县户" not in whole, path
        assert "甲户" in some and "乙户" not in some and "外县户" not in some, path
        assert "乙户" in village and "甲户" not in village, path
        assert '<option value="s-1" selected>' in some, path
        assert "甲户" not in desk.browser.get(f"{path}?small=no-such").text, path
    table = desk.browser.get("/office/forms/mini/table?small=s-1").text
    assert "small=s-1" in re.findall(r'href="([^"]*table.xlsx[^"]*)"', table)[0]


def test_helpers_handover_and_likely_duplicates_of_a_small_area(office, cast, here):
    """What the township sees of two villages of three; the neighbour of one village sees that one, whatever the list names."""
    author = Author("i-more", "u-county", clock=clock)
    third = "500156105299"
    heads = {VILLAGE: "甲户", NEXT_VILLAGE: "乙户", third: "丙户", OTHER_VILLAGE: "外县户"}
    small = {"name": "两村片", "villages": f"{VILLAGE} {NEXT_VILLAGE} {OTHER_VILLAGE}"}
    ops = [author.create("area", third, third, {"name": "三村"}), author.create("small_area", "s-1", TOWNSHIP, small)]
    ours = {"status": "poor", "helper": "u-cadre", "helper_name": "冉村干", "helper_relation": "relative"}
    for village, head in heads.items():
        ops += [author.create("household", f"h-{village}", village, ours | {"head_name": head, "national_no": "500156000777"}),
                author.create("pairing", f"p-{village}", village, {"household_id": "", "helper_role": "team",
                              "helper": "u-cadre", "helper_name": f"{head}队员", "started": "2026-01-01"})]  # fmt: skip
    here.store.load(ops)
    here.tables.catch_up()
    township, neighbour = office(cast.township), office(cast.neighbour)
    handover = "/office/handover?from=u-cadre&to=u-neighbour&small=s-1"
    for path in ("/office/helpers?small=s-1", handover):
        page = township.get(path).text
        assert "甲户" in page and "乙户" in page and "丙户" not in page and "外县户" not in page, path
        assert '<option value="s-1" selected>' in page, path
    assert re.search(r'action="/office/handover\?[^"]*small=s-1', township.get(handover).text)
    assert "甲户队员" in township.get("/office/helpers?small=s-1").text
    # One of a likely pair lies there; the other may be anywhere of the reader's.
    pairs = township.get("/office/duplicates?small=s-1").text
    assert "甲户" in pairs and "乙户" in pairs and "丙户" in pairs and "外县户" not in pairs
    assert "没有找到疑似重复的户" in township.get("/office/duplicates?small=no-such").text
    for path in ("/office/helpers?small=s-1", "/office/duplicates?small=s-1"):
        assert "甲户" not in neighbour.get(path).text, path
    act = re.search(r'name="act" value="([^"]+)"', township.get(handover).text)[1]
    token = re.search(r'name="csrf_token" value="([^"]+)"', township.get(handover).text)[1]
    wanted = [f"h-{village}" for village in (NEXT_VILLAGE, third, OTHER_VILLAGE)]  # ticked, but two are not of the list
    township.post(handover, data={"csrf_token": token, "act": act, "date": "2026-11-20", "household": wanted})
    helpers = {id: here.store.get("household", id).fields["helper"] for id in wanted}
    assert helpers == {f"h-{NEXT_VILLAGE}": "u-neighbour", f"h-{third}": "u-cadre", f"h-{OTHER_VILLAGE}": "u-cadre"}


def test_a_small_area_is_filed_where_all_its_villages_lie():
    assert areas.common_area([VILLAGE, NEXT_VILLAGE]) == TOWNSHIP
    assert areas.common_area([VILLAGE, "500156106201"]) == COUNTY
    assert areas.common_area([VILLAGE, OTHER_VILLAGE]) == "500100000000"
    assert areas.common_area([]) == ""
    assert areas.villages_of({"villages": f"{VILLAGE} x {NEXT_VILLAGE} {VILLAGE}"}) == (VILLAGE, NEXT_VILLAGE)


@pytest.mark.parametrize("who", ["neighbour", "auditor"])
def test_who_may_not(office, cast, who):
    assert office(getattr(cast, who)).get("/office/areas").status_code == 403


def test_strangers_do_not_see_or_rename(app, office, cast, here):
    here.tables.catch_up()
    other = Places(app, office(cast.stranger))
    assert "清水村" not in other.browser.get("/office/areas").text
    assert other.browser.get(f"/office/areas?in={TOWNSHIP}").status_code == 404
    assert other.post(f"/office/areas/{VILLAGE}/rename", name="x").status_code == 404
