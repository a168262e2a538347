"""Rosters that come in, from the file to the register and back.

1. real files: .xlsx with title rows and merged cells, .xls, CSV in GBK and UTF-8 with its mark
2. headings are understood, corrected by a person, and remembered
3. what is wrong is said at its line and cell; the sheet handed back carries the reason
4. people and households that are there already are found by number; by name only a person decides
5. taking in goes on after a kill, each record once; the same file again changes nothing
6. a whole import is undone, except where somebody changed or used it since
7. nobody imports outside their area or sees another area's import
"""

from __future__ import annotations

import errno
import io
import json
import re
import sqlite3
import subprocess
import sys
import uuid
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest
import xlsxwriter
from conftest import HOUSEHOLD, OTHER_VILLAGE, VILLAGE
from office_story import author_of

from app.codelists import code_lists
from app.demo.id_numbers import id_number
from app.idnumber import read_id
from app.office import importing
from app.roster import beside, cells, compare, headings, making, reading, unpacked, worker
from app.roster.compare import Comparison, Wish
from app.roster.jobs import Imports, to_forget
from app.roster.known import Known
from app.roster.lines import Line, Lines
from app.roster.places import Places
from app.roster.plan import DONE, KEPT, OPEN, UNDONE, Plan
from app.roster.taking import Taker
from app.roster.worker import write_json
from forms.rules.facts import check_character
from sync.own import write_own
from sync.tray import erase_ops

TODAY = date(2026, 11, 27)
HEAD = ["序号", "乡镇", "村", "组", "户编号", "姓名", "与户主关系", "证件号码", "性别", "文化程度", "务工时间(月)", "户类型"]


def person(n, *, name="冉小明", relation="户主", home="5001", village="清水村", id_no=None, sex="男", more=("小学", "3", "脱贫户")):
    id_no = id_number("500156", date(1970, 1, n % 28 + 1), n * 2 + 1) if id_no is None else id_no
    return [str(n), "土坎镇", village, "2组", home, name, relation, id_no, sex, *more]


FAMILY = [
    person(1, name="冉大山"),
    person(2, name="冉二山", relation="儿子"),
    person(3, name="谭高氏", home="5002", more=("初中", "", "监测户")),
]


def workbook(rows, *, above=(), sheet="花名册"):
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out)
    page = book.add_worksheet(sheet)
    for number, row in enumerate([*above, *rows]):
        for column, value in enumerate(row):
            page.write(number, column, value)
    book.close()
    return out.getvalue()


class Desk:
    """A person at the import pages."""

    def __init__(self, app, browser):
        self.app, self.browser = app, browser

    def token(self):
        page = self.browser.get("/office/imports").text
        return page.partition('name="csrf_token" value="')[2].partition('"')[0]

    def post(self, path, **data):
        return self.browser.post(path, data={"csrf_token": self.token()} | data, content_type="multipart/form-data")

    def here(self):
        with self.app.app_context():
            return importing.imports_here()

    def upload(self, body, name="花名册.xlsx"):
        reply = self.post("/office/imports", file=(io.BytesIO(body), name))
        assert reply.status_code == 303, reply.text
        self.id = reply.location.rsplit("/", 1)[1]
        return self.here().wait(self.id)

    def page(self, more=""):
        reply = self.browser.get(f"/office/imports/{self.id}{more}")
        assert reply.status_code == 200, reply.text
        return reply.text

    def do(self, what, **data):
        reply = self.post(f"/office/imports/{self.id}/{what}", **data)
        assert reply.status_code == 303, reply.text
        return self.here().wait(self.id)

    def check(self, **more):
        job = self.here().get(self.id)
        return self.do("check", **({f"column{at}": target for at, target in enumerate(job.targets)} | more))

    @property
    def plan(self):
        return Plan(self.here().path(self.here().get(self.id)))

    def counts(self):
        return Counter(self.plan.meta()["counts"])

    def told(self):
        return {line.number: [one.code for one in line.findings] for line in self.plan.lines()}


@pytest.fixture
def near(monkeypatch):
    """The worker's steps in this process: a start of Python for each would take the tests minutes."""

    def in_worker(self, step, job, task):
        folder = self.path(job)
        write_json(folder / "task.json", task | {"file": job.file, "kind": job.kind, "run": job.id})
        code = worker.main([step, str(folder)])
        return json.loads((folder / "failed.json").read_text("utf-8"))["code"] if code else ""

    monkeypatch.setattr(Imports, "in_worker", in_worker)


@pytest.fixture
def desk(app, office, cast, near):
    return Desk(app, office(cast.township))


def households(here):
    here.tables.catch_up()
    rows = here.tables.reading().query("SELECT * FROM households ORDER BY n")
    return {row["head_name"]: row for row in rows}


def members(here, household_id):
    found = here.tables.reading().query("SELECT * FROM members WHERE household_id = ? ORDER BY line", [household_id])
    return list(found)


# --- files --------------------------------------------------------------------------------------------------


def test_a_workbook_with_titles_goes_all_the_way_through_the_real_worker(app, office, cast, here):
    desk = Desk(app, office(cast.township))
    above = [["土坎镇农户花名册"], ["单位:户、人", "", "", "", "", "", "", "2026年11月"]]
    job = desk.upload(workbook([HEAD, *FAMILY], above=above))
    assert (job.state, job.header) == ("mapping", 3)
    assert "认出了 11 列" in desk.page()
    assert desk.check().state == "checked"
    assert desk.counts() == {"lines": 3, "homes_new": 2, "people_new": 3}
    assert "冉大山" in desk.page()
    assert desk.do("run").state == "done"
    there = households(here)
    ran = there["冉大山"]
    assert (ran["area"], ran["group"], ran["national_no"], ran["status"]) == (VILLAGE, "2组", "5001", "exited")
    assert len(ran["code"]) == 26
    people = members(here, ran["id"])
    assert [(one["full_name"], one["relation"], one["line"]) for one in people] == [("冉大山", "01", "1"), ("冉二山", "03", "2")]
    assert (people[0]["birth_date"], people[0]["sex"], people[0]["work_months"]) == ("1970-01-02", "1", "3")
    said = here.store.history("household", ran["id"])[0].op
    assert (said.actor, said.form_id, said.form_version) == ("u-township", "roster-import", desk.id)


@pytest.mark.parametrize("encoding", ["gbk", "gb18030", "utf-8-sig", "utf-8", "utf-16"])
def test_csv_in_any_code_page(desk, encoding):
    text = "\r\n".join(",".join(row) for row in [HEAD, *FAMILY])
    desk.upload(text.encode(encoding), "花名册.csv")
    desk.check()
    assert desk.counts()["people_new"] == 3


def test_an_old_workbook(tmp_path):
    path = Path(__file__).parent / "forms" / "roster.xls"
    assert reading.sheets(path, ".xls") == ["花名册"]
    rows = list(reading.rows(path, ".xls", "花名册"))
    assert rows[0][:2] == ["序号", "姓名"] and rows[1][1] == "冉大山"


def test_a_household_a_line(desk, here):
    head = ["户主姓名", "村", "组", "身份证号码", "联系电话", "人均纯收入(元)"]
    rows = [["冉大山", "清水村", "1组", id_number("500156", date(1960, 5, 6), 1), "13800000000", "12,500.50元"]]
    desk.upload(workbook([head, *rows]))
    desk.check()
    desk.do("run")
    home = households(here)["冉大山"]
    assert (home["phone"], home["income_per_head"]) == ("13800000000", "12500.5")
    assert [(one["full_name"], one["relation"]) for one in members(here, home["id"])] == [("冉大山", "01")]


def test_merged_cells_speak_for_the_lines_below(desk, here):
    rows = [list(row) for row in FAMILY]
    for column in (1, 2, 3, 4, 11):
        rows[1][column] = ""
    desk.upload(workbook([HEAD, *rows]))
    desk.check()
    desk.do("run")
    assert len(members(here, households(here)["冉大山"]["id"])) == 2


@pytest.mark.parametrize(
    ("body", "name", "code"),
    [
        (b"PK\x03\x04 no zip", "a.xlsx", "读不出表格"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "a.xlsx", "设了密码"),
        (b"\xff\xff\xff\x81" * 9, "a.csv", "文字编码"),
        (workbook([["x"]]), "a.csv", "不是文本表格"),
        (workbook([[]]), "a.xlsx", "没有内容"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(desk, body, name, code):
    assert desk.upload(body, name).state == "failed"
    assert code in desk.page()


def test_a_packed_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MOST_UNPACKED", 1000)
    path = tmp_path / "a.xlsx"
    path.write_bytes(workbook([HEAD, *FAMILY]))
    with pytest.raises(reading.Unreadable, match="too_large"):
        reading.sheets(path, ".xlsx")


def test_a_file_beyond_the_cap_is_refused(desk, monkeypatch):
    monkeypatch.setattr(reading, "MOST_BYTES", 10)
    reply = desk.post("/office/imports", file=(io.BytesIO(b"x" * 200_000), "a.csv"))
    assert reply.status_code == 413


def test_an_upload_without_its_token_is_refused(desk):
    reply = desk.browser.post("/office/imports", data={"file": (io.BytesIO(b"x"), "a.csv")})
    assert reply.status_code == 400


# --- headings -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heading", "target"),
    [
        ("*姓名", "member.full_name"), ("身份证\n号码", "member.id_no"), ("A22 主要致贫原因", "household.cause"),
        ("人均纯收入(元)", "household.income_per_head"), ("与户主的关系", "member.relation"), ("乡(镇)", "place.township"),
        ("行政村", "place.village"), ("户编号", "household.national_no"), ("序号", ""), ("不知所云", ""), ("", ""),
    ],
)  # fmt: skip
def test_headings(heading, target):
    assert headings.target_of(heading) == target


def test_a_header_over_two_lines():
    first = [["名单"], ["序号", "户主信息", "", "成员信息", ""], ["", "户主姓名", "联系电话", "姓名", "证件号码"]]
    found = headings.find_header(first)
    assert found == headings.Header(3, ("序号", "户主姓名", "联系电话", "姓名", "证件号码"))


def test_no_header_in_a_text():
    assert headings.find_header([["一封信"], ["关于核对姓名的通知"]]).line == 0


def test_what_a_person_said_of_a_column_is_remembered(desk):
    head = ["甲列", *HEAD[1:]]
    desk.upload(workbook([head, *FAMILY]))
    assert desk.here().get(desk.id).targets[0] == ""
    desk.check(column0="member.line")
    job = desk.upload(workbook([head, *FAMILY]))
    assert job.targets[0] == "member.line"


def test_a_mapping_without_names_is_refused(desk):
    desk.upload(workbook([HEAD, *FAMILY]))
    reply = desk.post(f"/office/imports/{desk.id}/check", column4="household.national_no")
    assert reply.status_code == 422 and "哪一列是名字" in reply.text
    reply = desk.post(f"/office/imports/{desk.id}/check", column5="member.full_name", column6="member.full_name")
    assert reply.status_code == 422


# --- what is wrong ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("11010519491231002X", "ok"), ("110105 19491231 002x", "ok"), ("110105194912310021", "checksum"),
        ("5.00156E+17", "scientific"), ("5.00156199001011E+17", "scientific"), ("500156199001010000", "rounded"),
        ("50015619900101", "length"), ("11010519491231002X43", "ok"), ("", "empty"),
    ],
)  # fmt: skip
def test_id_numbers(text, fault):
    assert read_id(text, TODAY).fault == fault


def test_a_birth_date_in_the_future_is_none():
    first = "50015620300101001"
    assert read_id(first + check_character(first), TODAY).fault == "birth"


def test_an_id_kept_as_a_number_is_named(desk):
    rows = [[*FAMILY[0][:7], 500156197001020013.0, *FAMILY[0][8:]]]
    desk.upload(workbook([HEAD, *rows]))
    desk.check()
    assert desk.told() == {2: ["id_scientific"]}
    assert "科学计数法" in desk.page()


def test_every_fault_stands_at_its_line_and_cell(desk):
    rows = [
        person(1),
        person(2, name="同号", relation="之子", id_no=person(1)[7]),
        person(3, home="5002", name="户主甲"),
        person(4, home="5002", name="户主乙"),
        person(5, home="5003", village="石角村"),
        person(6, home="5004", sex="女", more=("初种", "十三", "脱贫户")),
        person(7, home="5005", name=""),
        ["合计", "", "", "", "", "7"],
    ]
    desk.upload(workbook([HEAD, *rows]))
    desk.check()
    assert desk.told() == {
        3: ["id_twice"], 5: ["two_heads"], 6: ["unknown_place"], 7: ["unknown_label", "not_a_number", "sex_differs"],
        8: ["no_name"],
    }  # fmt: skip
    assert desk.counts()["refused"] == 4
    page = desk.page("?show=warning")
    assert "可以写:初中" in page
    desk.do("run")


def test_the_sheet_handed_back_has_the_reason_in_the_row(desk, tmp_path):
    desk.upload(workbook([HEAD, person(1, id_no="500156197001020014"), person(2, name="李四", home="7")]))
    desk.check()
    reply = desk.browser.get(f"/office/imports/{desk.id}/lines.xlsx")
    path = tmp_path / "back.xlsx"
    path.write_bytes(reply.data)
    reply.close()
    head, *rows = reading.rows(path, ".xlsx", "要改的行")
    assert head == ["行号", *HEAD, "原因", "有没有导入"]
    assert len(rows) == 1 and rows[0][0] == "2" and "校验不对" in rows[0][-2] and rows[0][-1] == "没有导入"
    # Mended in place it goes in, with its extra columns.
    first = desk.id
    desk.upload(path.read_bytes())
    assert desk.here().get(desk.id).targets[1:-2] == desk.here().get(first).targets


def reader():
    return cells.Reader(code_lists(), TODAY)


@pytest.mark.parametrize(
    ("entity", "name", "text", "value"),
    [
        ("member", "relation", "妻子", "02"), ("member", "relation", "之儿媳", "05"), ("member", "sex", "女", "2"),
        ("member", "health", "长期慢性病、残疾", "02 04"), ("member", "labour", "普通", "01"), ("household", "road", "水泥", "03"),
        ("member", "birth_date", "1970年1月2日", "1970-01-02"), ("member", "birth_date", "19700102", "1970-01-02"),
        ("member", "birth_date", "25570", "1970-01-02"), ("member", "full_name", "张 三", "张三"),
        ("household", "cropland", "3.50亩", "3.5"), ("household", "phone", "138 0000-0000", "13800000000"),
        ("household", "cropland", "-", ""), ("member", "ethnic", "土家", "15"),
    ],
)  # fmt: skip
def test_cells(entity, name, text, value):
    assert reader().of(entity, name)(text) == cells.Read(value)


def test_the_code_lists_know_their_own_spellings():
    for name, codes in cells.LABELS.items():
        assert set(codes) <= set(code_lists()[name]), name


# --- places -------------------------------------------------------------------------------------------------

NAMES = {
    "500156000000": "武隆区", "500156105000": "土坎镇", "500156105203": "清水村", "500156105204": "新坪村",
    "500156106000": "白马镇", "500156106201": "清水村",
}  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "code", "fault"),
    [
        (("500156105203", "", "", "", ""), "500156105203", ""),
        (("500232105203", "", "", "", ""), "500156105203", ""),
        (("500156105000", "", "", "", ""), "", "unknown_code"),
        (("", "", "土坎镇", "清水村", ""), "500156105203", ""),
        (("", "", "土坎", "清水村委会", ""), "500156105203", ""),
        (("", "", "", "清水村", ""), "", "many_places"),
        (("", "", "", "", "武隆区白马镇清水村3组12号"), "500156106201", ""),
        (("", "", "", "新平村", ""), "", "unknown_place"),
        (("", "", "", "", ""), "", "no_place"),
    ],
)
def test_places(asked, code, fault):
    found = Places(NAMES, ["500156"], successors={"500232105203": "500156105203"}).find(*asked)
    assert (found.code, found.fault) == (code, fault)


def test_a_village_outside_the_prefixes_is_never_meant():
    places = Places(NAMES, ["500156105"])
    assert places.find("", "", "", "清水村", "").code == "500156105203"
    assert places.find("500156106201", "", "", "", "").fault == "outside"


# --- who is there already -----------------------------------------------------------------------------------


def taken_in(desk, rows):
    desk.upload(workbook([HEAD, *rows]))
    desk.check()
    return desk.do("run")


def test_a_roster_that_is_there_asks_the_register_seldom_and_hears_the_same(desk, here, monkeypatch):
    """Dozens of households in a few questions; asked line by line the plan is the same, and much slower to come."""
    rows = [person(n, name=f"冉{'甲乙丙丁'[n % 4]}{n // 4}", home=str(7000 + n // 3), relation="儿子" if n % 3 else "户主",
                   more=("小学", str(n % 12), "脱贫户")) for n in range(60)]  # fmt: skip
    taken_in(desk, rows)
    here.tables.catch_up()
    for row in rows[::4]:
        row[9] = "初中"
    rows[1][7] = rows[5][7]  # a number that somebody of another household has
    questions = []
    asked = Known._rows
    monkeypatch.setattr(Known, "_rows", lambda *given: questions.append(given) or asked(*given))
    found = {}
    for ahead in (1, 400):
        monkeypatch.setattr(compare, "AHEAD", ahead)
        desk.upload(workbook([HEAD, *rows]))
        questions.clear()
        desk.check(mode="overwrite")
        plan = desk.plan
        found[ahead] = (plan.meta(), plan.lines(), plan.sample("update", "member", 100), len(questions))
    assert found[1][:3] == found[400][:3] and found[1][2]
    assert found[400][3] < 10 < found[1][3]


def test_every_line_that_differs_from_its_households_first_is_told(desk):
    rows = [person(1, name="冉大山"), person(2, name="冉二山", relation="儿子"), person(3, name="冉三山", relation="儿子"),
            person(4, name="冉四山", relation="儿子")]  # fmt: skip
    rows[1][3] = rows[2][3] = "3组"
    desk.upload(workbook([HEAD, *rows]))
    desk.check()
    assert desk.told() == {3: ["household_differs"], 4: ["household_differs"]}


def test_the_same_file_again_changes_nothing(desk, here):
    taken_in(desk, FAMILY)
    before = here.store.latest_seq()
    here.tables.catch_up()
    desk.upload(workbook([HEAD, *FAMILY]))
    desk.check()
    assert desk.counts() == {"lines": 3, "homes_same": 2, "people_same": 3}
    desk.do("run")
    assert here.store.latest_seq() == before


def test_a_difference_is_shown_and_only_taken_when_the_file_is_to_win(desk, here):
    taken_in(desk, FAMILY)
    changed = [person(1, name="冉大山", more=("高中", "3", "脱贫户"))]
    desk.upload(workbook([HEAD, *changed]))
    desk.check()
    assert desk.told() == {2: ["differs"]} and desk.counts()["people_differ"] == 1
    assert "文化程度:册里是“小学”,这里是“高中”" in desk.page()
    desk.do("back")
    desk.check(mode="overwrite")
    assert desk.counts()["people_changed"] == 1
    desk.do("run")
    assert members(here, households(here)["冉大山"]["id"])[0]["education"] == "04"


def test_an_empty_cell_clears_nothing(desk, here):
    taken_in(desk, FAMILY)
    desk.upload(workbook([HEAD, person(1, name="冉大山", more=("", "", ""))]))
    desk.check(mode="overwrite")
    assert desk.plan.counted() == {}


def test_people_are_found_by_id_number_even_without_household_numbers(desk, here):
    taken_in(desk, FAMILY)
    head = ["姓名", "与户主关系", "证件号码", "政治面貌", "村"]
    desk.upload(workbook([head, ["冉大山", "户主", FAMILY[0][7], "中共党员", "清水村"]]))
    desk.check()
    assert desk.counts() == {"lines": 1, "homes_same": 1, "people_changed": 1}


def test_a_person_who_lives_elsewhere_is_not_taken_twice(desk, here):
    taken_in(desk, FAMILY)
    moved = [FAMILY[2], person(9, name="冉二山", relation="女婿", home="5002", id_no=FAMILY[1][7], more=("小学", "3", "监测户"))]
    desk.upload(workbook([HEAD, *moved]))
    desk.check()
    assert desk.told() == {3: ["in_other_household"]}


def test_a_second_head_for_a_household_of_the_register_is_refused(desk, here):
    taken_in(desk, FAMILY)
    desk.upload(workbook([HEAD, person(11, name="冉新户", home="5001")]))
    desk.check()
    assert desk.told()[2] == ["another_head"]


def test_a_name_alone_is_for_a_person_to_decide(desk, here):
    """冉光荣 of 1组 is in the register, without numbers."""
    head = ["户主", "村", "组", "户类型"]
    desk.upload(workbook([head, ["冉光荣", "清水村", "1", "监测户"], ["冉光荣", "清水村", "7", "脱贫户"]]))
    desk.check()
    assert desk.told() == {2: ["same_household"]}
    assert desk.counts()["homes_new"] == 1
    assert "是不是同一户" in desk.page()
    desk.do("decide", line2="same")
    assert desk.told() == {} and desk.counts()["homes_changed"] == 1
    desk.do("run")
    here.tables.catch_up()
    assert here.store.get("household", HOUSEHOLD).fields["status"] == "monitored"
    assert len([1 for row in here.tables.reading().query("SELECT 1 FROM households WHERE head_name = '冉光荣'")]) == 2


def test_the_other_answer_makes_a_new_household(desk, here):
    desk.upload(workbook([["户主", "村", "组"], ["冉光荣", "清水村", "1"]]))
    desk.check()
    assert desk.plan.counted() == {}
    desk.do("decide", all="new")
    assert desk.counts()["homes_new"] == 1


# --- going on, and back -------------------------------------------------------------------------------------


def a_plan(desk, rows):
    desk.upload(workbook([HEAD, *rows]))
    desk.check()
    return desk.here().get(desk.id)


def taker(desk, here, job, goes_on=lambda: True):
    return Taker(here.store, desk.plan, job.id, "u-township", b"k" * 32, lambda: datetime.now().astimezone(), goes_on,
                 lambda done: None)  # fmt: skip


def test_taking_in_goes_on_after_a_kill_and_makes_nothing_twice(desk, here, monkeypatch):
    """Killed between the store's commit and our mark: the piece is in, and the plan does not know."""
    job = a_plan(desk, FAMILY)
    monkeypatch.setattr("app.roster.taking.PIECE", 2)
    calls = []

    def dying(self, marks):
        calls.append(list(marks))
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Plan, "mark", dying)
    with pytest.raises(KeyboardInterrupt):
        taker(desk, here, job).take_in()
    monkeypatch.undo()
    assert desk.plan.counted() == {OPEN: 5}
    codes = {name: row["code"] for name, row in households(here).items()}
    desk.here().put(replace(job, state="stopped"))
    assert "接着导入" in desk.page()
    assert desk.do("run").state == "done"
    assert desk.plan.counted() == {DONE: 5}
    there = households(here)
    assert len(there) == 4 and {name: there[name]["code"] for name in codes} == codes
    for row in there.values():
        assert len(here.store.history("household", row["id"])) == 1


def test_pieces_that_a_kill_left_unmarked_are_found_however_many(desk, here, monkeypatch):
    """Marks are written while the store takes in the next piece, so a kill may leave more than one without."""
    job = a_plan(desk, FAMILY)
    monkeypatch.setattr("app.roster.taking.PIECE", 2)
    assert taker(desk, here, job).take_in() is True
    before = here.store.latest_seq()
    plan = desk.plan
    plan.mark((one.n, OPEN, "") for one in plan.sample("create", "household", 9) + plan.sample("create", "member", 9))
    assert plan.counted() == {OPEN: 5}
    assert taker(desk, here, job).take_in() is True
    assert plan.counted() == {DONE: 5} and here.store.latest_seq() == before
    assert all(len(here.store.history("household", row["id"])) == 1 for row in households(here).values() if row["code"])


def test_a_plan_of_an_earlier_version_is_taken_in_and_back(desk, here):
    """Its ops have in one row what lies in two tables now; plans are kept for months."""
    job = a_plan(desk, FAMILY)
    with closing(sqlite3.connect(desk.plan.path)) as db:
        db.executescript("""
            CREATE TABLE old (n INTEGER PRIMARY KEY, line INTEGER, kind TEXT, entity TEXT, id TEXT, area TEXT, base_rev INTEGER,
              fields TEXT, state INTEGER DEFAULT 0, why TEXT DEFAULT '');
            INSERT INTO old SELECT n, line, kind, entity, id, area, base_rev, fields, state, why FROM op JOIN what USING (n);
            DROP TABLE op; DROP TABLE what; ALTER TABLE old RENAME TO op; CREATE INDEX op_state ON op(state, entity, n);""")
    assert taker(desk, here, job).take_in() is True
    assert desk.plan.counted() == {DONE: 5}
    assert len(desk.plan.made() & {row["id"] for row in households(here).values()}) == 2
    assert taker(desk, here, job).take_back(lambda entity, id: "") is True
    assert desk.plan.counted() == {UNDONE: 5}


def test_a_stopped_program_leaves_the_rest_for_later(desk, here, monkeypatch):
    job = a_plan(desk, FAMILY)
    monkeypatch.setattr("app.roster.taking.PIECE", 2)
    left = iter([True, False])
    assert taker(desk, here, job, lambda: next(left)).take_in() is False
    assert desk.plan.counted() == {OPEN: 3, DONE: 2}


def test_a_large_plan_is_made_ahead_in_a_process_of_its_own(desk, here, monkeypatch):
    job = a_plan(desk, FAMILY)
    monkeypatch.setattr("app.roster.making.MANY", 1)
    monkeypatch.setattr("app.roster.taking.PIECE", 2)
    made, real = [], making.codes.make_code
    monkeypatch.setattr(making.codes, "make_code", lambda *of: made.append(of) or real(*of))  # of this process only
    assert taker(desk, here, job).take_in() is True
    assert desk.plan.counted() == {DONE: 5}
    codes = [row["code"] for row in households(here).values() if row["code"]]
    assert len(set(codes)) == len(codes) == 2
    assert not made


def test_what_was_made_ahead_is_made_anew_when_another_host_wrote(desk, here, monkeypatch):
    """Two hosts share the import's log: a piece made on a guess at the next number must not be taken for another's."""
    job = a_plan(desk, FAMILY)
    monkeypatch.setattr("app.roster.taking.PIECE", 2)

    def other_host(_done):
        write_own(here.store, "import", "u-other", lambda author: [author.create("area", f"9{author.next_dseq:011d}", "50", {})],
                  clock=lambda: datetime.now().astimezone())  # fmt: skip

    work = taker(desk, here, job)
    assert replace(work, note=other_host).take_in() is True
    assert len(households(here)) == 4
    assert desk.plan.counted() == {DONE: 5}


def test_running_imports_are_offered_again_after_a_restart(desk, tmp_path):
    job = a_plan(desk, FAMILY)
    folder = desk.here().folder
    desk.here().put(replace(job, state="running"))
    assert Imports(folder).get(job.id).state == "stopped"


def test_an_import_is_undone(desk, here):
    taken_in(desk, FAMILY)
    desk.upload(workbook([HEAD, person(1, name="冉大山", more=("高中", "3", "脱贫户")), person(20, name="新户", home="5009")]))
    desk.check(mode="overwrite")
    desk.do("run")
    assert "新户" in households(here)
    assert desk.do("undo", sure="1").state == "undone"
    there = households(here)
    assert "新户" not in there and "冉大山" in there
    assert members(here, there["冉大山"]["id"])[0]["education"] == "02"


def change(here, entity, id, **fields):
    record = here.store.get(entity, id)
    write_own(here.store, "test", "u-cadre", lambda author: [author.update(
        entity, id, record.area, {name: (record.fields.get(name, ""), new) for name, new in fields.items()})],
        clock=lambda: datetime.now().astimezone())  # fmt: skip


def test_undoing_leaves_what_somebody_touched_since(desk, here):
    taken_in(desk, FAMILY)
    there = households(here)
    ran, tan = there["冉大山"]["id"], there["谭高氏"]["id"]
    change(here, "household", tan, phone="13900000000")
    write_own(here.store, "test", "u-cadre", lambda author: [author.create(
        "visit", "v-1", VILLAGE, {"household_id": ran, "date": "2026-11-27", "outcome": "met"})],
        clock=lambda: datetime.now().astimezone())  # fmt: skip
    desk.do("undo", sure="1")
    assert desk.plan.counted()[KEPT] == 2
    assert {one.id: one.why for one in desk.plan.kept(9)} == {ran: "visited", tan: "changed"}
    left = households(here)
    assert {"冉大山", "谭高氏"} <= set(left)
    page = desk.page()
    assert "导入以后有人改过" in page and "已经走访过" in page


def test_undoing_asks_to_be_sure(desk):
    taken_in(desk, FAMILY)
    assert desk.post(f"/office/imports/{desk.id}/undo").status_code == 422


# --- whose --------------------------------------------------------------------------------------------------


def test_nobody_imports_outside_their_area(app, office, cast, near):
    desk = Desk(app, office(cast.cadre))
    head = ["户主", "区划代码"]
    desk.upload(workbook([head, ["外村人", OTHER_VILLAGE], ["邻村人", "500156105204"]]))
    desk.check()
    assert desk.told() == {2: ["outside"], 3: ["outside"]}
    assert desk.plan.counted() == {}


@pytest.mark.parametrize("who", ["neighbour", "stranger"])
def test_another_areas_import_does_not_exist(desk, app, office, cast, who):
    desk.upload(workbook([HEAD, *FAMILY]))
    desk.check()
    other = Desk(app, office(getattr(cast, who)))
    for path in ("", "/lines.xlsx"):
        assert other.browser.get(f"/office/imports/{desk.id}{path}").status_code == 404
    for what in ("run", "check", "undo", "remove", "decide", "sheet", "back"):
        assert other.post(f"/office/imports/{desk.id}/{what}").status_code == 404
    assert "花名册.xlsx" not in other.browser.get("/office/imports").text
    assert office(cast.auditor).get("/office/imports").status_code == 403


def test_removing_leaves_the_register(desk, here):
    taken_in(desk, FAMILY)
    desk.post(f"/office/imports/{desk.id}/remove")
    assert desk.browser.get(f"/office/imports/{desk.id}").status_code == 404
    assert "冉大山" in households(here)


def test_every_code_has_words():
    source = "".join(
        (Path(importing.__file__).parents[1] / "roster" / f"{name}.py").read_text("utf-8")
        for name in ("compare", "cells", "lines", "places")
    )
    from app.roster.words import LINES

    named = set(re.findall(r'(?:ERROR|WARNING|ASK|Read\(""|Place\(""), "([a-z_]+)"', source))
    named |= set(re.findall(r'"(id_[a-z]+|[a-z]+_differs)"', source)) - {"id_no"}
    assert named - set(LINES) == set()


# --- read by a process of its own ---------------------------------------------------------------------------

MIXED = [
    *(person(n, name=f"冉{'甲乙丙丁'[n % 4]}{n // 4}", home=str(7000 + n // 3), relation="儿子" if n % 3 else "户主",
             more=("小学", "3", "监测户" if n % 100 == 50 else "脱贫户")) for n in range(1_200)),
    person(2, name="坏号码", id_no="500156199001011234"), ["", "", "没有的村", "", "", "某人"], ["合计"],
    person(5, name="后来的", home="7000", relation="女儿"),
]  # fmt: skip


def planned(desk):
    plan = desk.plan
    return plan.meta(), plan.lines(), plan.left(OPEN, 5_000)


def test_a_large_file_is_read_beside_with_the_same_plan(desk, monkeypatch):
    """Several pieces, findings of every origin, households that go on in another piece; the same import, so the same ids."""
    desk.upload(workbook([HEAD, *MIXED]))
    desk.check()
    alone = planned(desk)
    calls, popen = [], subprocess.Popen
    monkeypatch.setattr(beside.subprocess, "Popen", lambda *given, **more: calls.append(given) or popen(*given, **more))
    monkeypatch.setattr(worker, "BESIDE_FROM", 0)
    monkeypatch.setattr(worker.os, "cpu_count", lambda: 2)
    desk.do("back")
    desk.check()
    assert planned(desk) == alone and len(calls) == 1
    assert len(alone[2]) > 600 and {"id_twice", "id_checksum", "unknown_place", "household_differs"} <= {
        one.code for line in alone[1] for one in line.findings}  # fmt: skip


def test_a_workbook_is_unpacked_once_and_its_rows_go_when_they_are_taken_in(desk, monkeypatch):
    """Lines above the first, blank ones, numbers: what was kept says what the workbook said."""
    rows = [[], ["某村花名册"], [], HEAD, *FAMILY, [4, "土坎镇", "清水村", "", "5003", "冉 四", "户主", "", "", "", 3.5, "脱贫户"]]
    desk.upload(workbook(rows))
    job, folder = desk.here().get(desk.id), desk.here().path(desk.here().get(desk.id))
    read = list(reading.rows(folder / job.file, ".xlsx", job.sheet))
    assert list(unpacked.rows(folder, job.sheet)) == read and read[-1][-2:] == ["3.5", "脱贫户"]
    desk.check()
    kept = planned(desk)
    unpacked.forget(folder)
    desk.do("back")
    desk.check()
    assert planned(desk) == kept
    desk.upload(workbook(rows))
    monkeypatch.setattr(reading, "_workbook", lambda *_: pytest.fail("unpacked again"))
    desk.check()
    folder = desk.here().path(desk.here().get(desk.id))
    assert list(folder.glob("rows-*"))
    assert desk.do("run").state == "done"
    assert not list(folder.glob("rows-*"))


@pytest.mark.parametrize("why", ["too large", "no room"])
def test_rows_that_are_too_large_or_find_no_room_are_not_kept(tmp_path, monkeypatch, why):
    def full(*_paths):
        raise OSError(errno.ENOSPC, "no space left")

    if why == "too large":
        monkeypatch.setattr(unpacked, "MOST_UNPACKED", 300)
    else:
        monkeypatch.setattr(unpacked.os, "replace", full)
    unpacked.keep(tmp_path, "s", [["x" * 40]] * 100)
    assert unpacked.rows(tmp_path, "s") is None and not list(tmp_path.iterdir())


@pytest.mark.parametrize("lacking", ["process", "core"])
def test_without_a_second_process_or_core_the_file_is_read_here(desk, monkeypatch, lacking):
    def refused(*_given, **_more):
        assert lacking == "process"
        raise BlockingIOError("no more processes")

    monkeypatch.setattr(beside.subprocess, "Popen", refused)
    monkeypatch.setattr(worker, "BESIDE_FROM", 0)
    monkeypatch.setattr(worker.os, "cpu_count", lambda: 1 if lacking == "core" else 2)
    desk.upload(workbook([HEAD, *FAMILY]))
    assert desk.check().state == "checked"
    assert desk.plan.counted() == {OPEN: 5}


def test_what_the_process_that_reads_cannot_read_is_told_as_ever(desk, monkeypatch):
    monkeypatch.setattr(worker, "BESIDE_FROM", 0)
    monkeypatch.setattr(worker.os, "cpu_count", lambda: 2)
    desk.upload(workbook([HEAD, *FAMILY]))
    job = desk.here().get(desk.id)
    (desk.here().path(job) / job.file).write_bytes(b"PK\x03\x04 broken since")
    unpacked.forget(desk.here().path(job))
    job = desk.check()
    assert (job.state, job.error) == ("mapping", "not_a_workbook")


def test_a_reading_that_breaks_off_leaves_no_plan(tmp_path):
    """What was read so far is a whole number of pieces: only the last one says that it was all."""
    told = [Line(number, ["x"], {"key": "1"}, {}) for number in range(900)]
    whole = io.BytesIO()
    beside.write(whole, told)
    (tmp_path / "cut").write_bytes(whole.getvalue()[:-6])
    tell = f"import os, sys; sys.stdout.buffer.write(open({str(tmp_path / 'cut')!r}, 'rb').read()); sys.stdout.flush(); "
    for end, code in (("sys.exit(7)", 7), ("os.kill(os.getpid(), 9)", -9), ("sys.exit(0)", 1)):
        command = [sys.executable, "-c", tell + end]
        with pytest.raises(beside.Failed) as failed:
            list(beside.read(command))
        assert failed.value.code == code


class Nothing:
    """A register that knows nobody."""

    def __getattr__(self, name):
        return lambda *_: [] if name == "members" else type("V", (), {"by_head": {}})() if name == "village" else None


def test_the_comparison_is_the_same_each_time():
    def run():
        planned = []
        targets = tuple(headings.guess(HEAD, {}))
        places = Places(NAMES, ["500156"])
        comparison = Comparison("r", Wish(targets, True), Nothing(), places, plan=planned.append, say=lambda line: None)
        for line in Lines(targets, True, reader(), places, TODAY).each(enumerate(FAMILY, 2)):
            comparison.take(line)
        comparison.finish()
        return planned

    assert run() == run() and len(run()) == 5


def test_new_records_lie_together_in_every_index():
    """Ids follow the lines, so that a piece of an import fills the end of an index instead of all of its pages."""

    def ids(run):
        planned = []
        targets, places = ("household.head_name", "place.code"), Places(NAMES, ["500156"])
        comparison = Comparison(run, Wish(targets, False), Nothing(), places, plan=planned.append, say=lambda line: None)
        rows = ((number, ["冉大山", VILLAGE]) for number in range(2, 9_000))
        for line in Lines(targets, False, reader(), places, TODAY).each(rows):
            comparison.take(line)
        comparison.finish()
        return [one.id for one in planned]

    first, other = ids("r"), ids("s")
    assert first == sorted(set(first)) and len(first) == 8_998
    assert not set(first) & set(other)
    assert all(str(uuid.UUID(id)) == id and uuid.UUID(id).version == 8 for id in first)


# --- who is erased is in no roster ----------------------------------------------------------------------------


def test_rosters_that_list_an_erased_person_go(desk, here, office, cast):
    taken_in(desk, FAMILY)
    first = desk.id
    desk.upload(workbook([HEAD, person(31, name="王别户", home="5031")]))
    other = desk.id
    there = households(here)["冉大山"]
    numbers = [row["id_no"] for row in members(here, there["id"]) if row["id_no"]]
    assert numbers
    boss = office(cast.county)
    page = boss.get("/office/").text
    token = page.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]
    data = {"csrf_token": token, "reason": "本人申请删除", "head": "冉大山", "sure": "yes"}
    reply = boss.post(f"/office/households/{there['id']}/erase", data=data, follow_redirects=True)
    assert "有 1 份上传的花名册里有这些人" in reply.text
    imports = desk.here()
    assert imports.get(first) is None and imports.get(other) is not None
    kept = b"".join(path.read_bytes() for path in imports.folder.rglob("*") if path.is_file())
    assert not any(number.encode() in kept for number in numbers), "nor what was looked for"


def test_what_cannot_be_read_goes_as_well(desk, here):
    desk.upload(workbook([HEAD, person(31, name="王别户", home="5031")]))
    imports, job = desk.here(), desk.here().get(desk.id)
    (imports.path(job) / job.file).write_bytes(b"PK\x03\x04 broken")
    imports.forget(["500156199001011234"], [OTHER_VILLAGE])
    assert imports.have_forgotten(20) and imports.get(job.id), "another place's"
    imports.forget(["500156199001011234"], [VILLAGE])
    assert imports.have_forgotten(20) and imports.get(job.id) is None


def erased(here, there):
    """As it comes from the server above, where somebody erased the household and its people."""
    wanted = [("household", there["id"], VILLAGE), *(("member", row["id"], VILLAGE) for row in members(here, there["id"]))]
    here.store.load(erase_ops(wanted, "本人申请删除", author_of("u-county", "i-above")))
    here.tables.catch_up()


def test_rosters_of_another_server_go_as_well(desk, here):
    """Where nobody of this server pressed anything: what comes down from above is enough."""
    taken_in(desk, FAMILY)
    first = desk.id
    desk.upload(workbook([HEAD, person(31, name="王别户", home="5031")]))
    other, imports = desk.id, desk.here()
    erased(here, households(here)["冉大山"])
    assert imports.have_forgotten(20)
    assert imports.get(first) is None and imports.get(other) is not None


def test_rosters_stay_when_only_a_visit_is_erased(desk, here):
    taken_in(desk, FAMILY)
    there = households(here)["冉大山"]
    author = author_of("u-cadre", "i-visit")
    here.store.load([author.create("visit", "v-1", VILLAGE, {"household_id": there["id"], "date": "2026-11-01"})])
    here.tables.catch_up()
    here.store.load(erase_ops([("visit", "v-1", VILLAGE)], "保存期满", author_of("u-county", "i-above")))
    here.tables.catch_up()
    assert desk.here().have_forgotten(20) and desk.here().get(desk.id) is not None


def test_a_restart_goes_on_looking_through_rosters(desk, here, monkeypatch):
    taken_in(desk, FAMILY)
    imports = desk.here()
    monkeypatch.setattr(Imports, "_forget_noted", lambda _self: None)  # killed before it came to that
    erased(here, households(here)["冉大山"])
    assert to_forget(imports.folder) and imports.get(desk.id)
    monkeypatch.undo()
    again = Imports(imports.folder)
    try:
        assert again.have_forgotten(20) and again.get(desk.id) is None
    finally:
        again.close()


def test_nothing_is_erased_while_a_roster_is_taken_in(desk, here, office, cast):
    taken_in(desk, FAMILY)
    imports = desk.here()
    imports.put(replace(imports.get(desk.id), state="running"))
    there = households(here)["冉大山"]
    boss = office(cast.county)
    page = boss.get("/office/").text
    token = page.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]
    data = {"csrf_token": token, "reason": "本人申请删除", "head": "冉大山", "sure": "yes"}
    reply = boss.post(f"/office/households/{there['id']}/erase", data=data)
    assert reply.status_code != 303 and "等它做完再抹去" in reply.text
    assert "冉大山" in households(here)


def test_progress_is_told_no_oftener_than_somebody_looks(tmp_path):
    """Each time costs a wait for the disk; the first is told at once, so that a page does not stand at nothing."""
    moment = 0.0
    progress, told = worker.Progress(tmp_path, clock=lambda: moment), []
    for line in range(1, 101):
        progress.note(line)
        told.append(json.loads((tmp_path / worker.Progress.FILE).read_text())["done"])
        moment += 0.1
    assert told[0] == 1
    assert 18 <= len(set(told)) <= 20
    assert told[-1] > 90
