"""Accounts for many people from a spreadsheet.

1. columns are found by what is written above them; places by code or by name
2. nothing is made before somebody said yes; nobody gives more than they have, also not by changing what the page handed back
3. each gets a password that is shown once and opens the office
4. a list is taken back, but for those who have signed in
"""

from __future__ import annotations

import io
import re

import pytest
import xlsxwriter
from conftest import COUNTY, NEXT_VILLAGE, TOWNSHIP, VILLAGE

from app.auth import password_fits
from app.roster import staff
from app.roster.staff import Areas, Listed, understood

NAMES = {COUNTY: "武隆区", TOWNSHIP: "土坎镇", VILLAGE: "清水村", NEXT_VILLAGE: "关滩村", "500156106000": "白马镇",
         "500156106201": "清水村"}  # fmt: skip
ROLES = {"": "cadre", "村干部": "cadre", "乡镇": "township"}
HEAD = ["序号", "姓名", "账号", "手机号", "角色", "区域", "单位"]


# --- 1 --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "found"), [
    (VILLAGE, VILLAGE), (VILLAGE[:9], TOWNSHIP), ("关滩村", NEXT_VILLAGE), ("关滩", NEXT_VILLAGE), ("土坎镇 清水村", VILLAGE),
    ("土坎镇清水村", VILLAGE), ("土坎 清水", VILLAGE), ("武隆区 白马镇 清水村", "500156106201"), ("土坎镇", TOWNSHIP),
    ("武隆区", COUNTY), ("清水村", "many_areas"), ("石角村", "unknown_area"), ("500110103201", "unknown_code"),
])  # fmt: skip
def test_places_as_people_write_them(text: str, found: str) -> None:
    assert found in Areas(NAMES, set(NAMES)).find(text)


def test_columns_are_found_below_a_title_and_a_place_may_stand_in_two() -> None:
    head, wang = ["姓 名", "联系电话", "乡镇", "村", "单位"], ["王小明", "138 0000 0000", "土坎镇", "清水村", "村委会"]
    rows = [["某镇人员名单"], [], head, wang, ["", "", "", "", ""]]
    assert staff.read_list(rows) == [Listed(4, "王小明", "", "138 0000 0000", "", "土坎镇 清水村", "村委会")]
    assert staff.read_list([["户主", "身份证号"], ["王", "1"]]) is None


FAULTS = [
    (Listed(2, "", "x1", area=VILLAGE), "no_name"),
    (Listed(2, "王", "", "1380000", area=VILLAGE), "bad_phone"),
    (Listed(2, "王", "", "", area=VILLAGE), "bad_username"),
    (Listed(2, "王", "a b", area=VILLAGE), "bad_username"),
    (Listed(2, "王", "wang", role="皇帝", area=VILLAGE), "unknown_role"),
    (Listed(2, "王", "wang"), "no_area"),
    (Listed(2, "王", "wang", area="清水村"), "many_areas"),
    (Listed(2, "王", "wang", role="乡镇", area=COUNTY), "not_yours"),
]


@pytest.mark.parametrize(("line", "fault"), FAULTS, ids=[fault for _line, fault in FAULTS])
def test_what_is_wrong_with_a_line(line: Listed, fault: str) -> None:
    (one,) = understood([line], Areas(NAMES, set(NAMES)), ROLES, taken=lambda name: False, may_give=lambda r, a: a != COUNTY)
    assert one.fault == fault


def test_the_same_account_twice_and_one_that_is_there() -> None:
    lines = [Listed(2, "王", "wang", area=VILLAGE), Listed(3, "汪", "WANG", area=VILLAGE), Listed(4, "李", "li4", area=VILLAGE)]
    found = understood(lines, Areas(NAMES, set(NAMES)), ROLES, taken=lambda name: name == "li4", may_give=lambda r, a: True)
    assert [(one.fault, one.skipped) for one in found] == [("", False), ("twice", False), ("", True)]


# --- at the office --------------------------------------------------------------------------------------------


def sheet(*rows: list[str], head: list[str] = HEAD) -> io.BytesIO:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    page = book.add_worksheet()
    for number, row in enumerate([head, *rows]):
        page.write_row(number, 0, row)
    book.close()
    out.seek(0)
    return out


class Desk:
    def __init__(self, browser):
        self.browser = browser

    def token(self):
        return re.search(r'name="csrf_token" value="([^"]+)', self.browser.get("/office/users/list").text)[1]

    def upload(self, *rows, **more):
        data = {"csrf_token": self.token(), "file": (sheet(*rows, **more), "名单.xlsx")}
        return self.browser.post("/office/users/list", data=data, content_type="multipart/form-data")

    def lines(self, page):
        return re.search(r'name="lines" hidden>([^<]*)', page.text)[1]

    def post(self, what, **data):
        return self.browser.post(f"/office/users/list/{what}", data={"csrf_token": self.token(), **data})


@pytest.fixture
def desk(office, cast, here):
    here.tables.catch_up()
    return Desk(office(cast.township))


WANG = ["1", "王小明", "", "13800000001", "村干部", "土坎镇 清水村", "村委会"]
LI = ["2", "李大山", "lidashan", "", "乡镇", TOWNSHIP[:9], "镇政府"]
BOSS = ["3", "赵县长", "zhao", "", "区县", VILLAGE, ""]
FAR = ["4", "外县人", "wai", "", "村干部", "綦江区 石角村", ""]
THERE = ["5", "冉村干", "cadre", "", "", VILLAGE, ""]


def passwords(page):
    return dict(re.findall(r"<td>(\w+)</td><td class=\"code-text\"><b>(\w+)</b>", page.text))


def test_first_it_is_shown_and_nothing_is_made(desk, here):
    page = desk.upload(WANG, LI, BOSS, FAR, THERE)
    assert page.status_code == 200
    assert "添加这 2 人" in page.text and "第 4 行" in page.text and "角色比您的高" in page.text
    assert "没有这个地方:綦江区 石角村" in page.text
    assert "冉村干" in page.text and "已有账号,跳过" in page.text
    assert here.people.find("lidashan") is None
    assert not list((here.config.data_dir / "imports").glob("*/roster.xlsx")), "the file does not stay"


def test_each_gets_a_password_that_opens_the_office(desk, here, app, cast):
    page = desk.post("take", lines=desk.lines(desk.upload(WANG, LI, BOSS, FAR, THERE)))
    given = passwords(page)
    assert set(given) == {"13800000001", "lidashan"} and len(set(given.values())) == 2
    record = here.people.find("13800000001")
    assert (record.area, record.fields["role"], record.fields["unit"]) == (VILLAGE, "cadre", "村委会")
    assert password_fits(record.fields["password_hash"], given["13800000001"]) and record.fields["password_once"] == "1"
    assert here.people.find("zhao") is None and here.people.find("wai") is None


def test_what_the_page_handed_back_is_weighed_again(desk, here):
    lines = desk.lines(desk.upload(WANG)).replace("村干部", "区县")
    assert desk.post("take", lines=lines).status_code == 422
    lines = desk.lines(desk.upload(WANG)).replace("土坎镇 清水村", "500110103201")
    assert desk.post("take", lines=lines).status_code == 422
    assert desk.post("take", lines="nonsense").status_code == 400
    assert here.people.find("13800000001") is None


def test_without_the_weighing_the_store_would_still_refuse(desk, here, monkeypatch):
    monkeypatch.setattr("app.office.staff.may_give", lambda given, own: True)
    assert desk.post("take", lines=desk.lines(desk.upload(BOSS))).status_code == 403
    assert here.people.find("zhao") is None


def test_a_cadre_makes_no_accounts(office, cast):
    assert office(cast.cadre).get("/office/users/list").status_code == 403


def test_wrong_lines_are_handed_back(desk):
    from python_calamine import CalamineWorkbook

    with desk.post("wrong.xlsx", lines=desk.lines(desk.upload(WANG, BOSS, FAR))) as reply:
        rows = CalamineWorkbook.from_filelike(io.BytesIO(reply.data)).get_sheet_by_index(0).to_python()
    assert [row[1] for row in rows[1:]] == ["赵县长", "外县人"] and "角色比您的高" in rows[1][-1]


def test_the_empty_sheet_is_one_that_is_understood(desk):
    with desk.browser.get("/office/users/list/empty.xlsx") as reply:
        data = {"csrf_token": desk.token(), "file": (io.BytesIO(reply.data), "空白.xlsx")}
    page = desk.browser.post("/office/users/list", data=data, content_type="multipart/form-data")
    assert "添加这 2 人" in page.text


def test_a_sheet_without_heads_and_one_too_long(desk, monkeypatch):
    reply = desk.upload(["a"], head=["户主"])
    assert reply.status_code == 422 and "没有认出表头" in reply.text
    monkeypatch.setattr(staff, "MOST", 1)
    assert "请分成几个文件" in desk.upload(WANG, LI).text


def test_a_list_is_taken_back_but_for_who_signed_in(desk, here, app):
    page = desk.post("take", lines=desk.lines(desk.upload(WANG, LI)))
    given = passwords(page)
    li = app.test_client()
    token = re.search(r'name="csrf_token"[^>]* value="([^"]+)', li.get("/office/sign-in").text)[1]
    data = {"username": "lidashan", "password": given["lidashan"], "csrf_token": token}
    assert li.post("/office/sign-in", data=data).status_code == 303
    shown = desk.browser.get("/office/users/list").text
    assert "等 2 人" in shown
    batch = re.search(r"/office/users/list/([^/]+)/undo", shown)[1]
    assert desk.post(f"{batch}/undo").status_code == 422
    assert desk.post(f"{batch}/undo", sure="1").status_code == 303
    assert here.people.find("13800000001") is None and here.people.find("lidashan") is not None
    assert "1 个已经登录过" in desk.browser.get("/office/users/list").text


def test_another_places_list_is_not_there(desk, here, office, cast):
    desk.post("take", lines=desk.lines(desk.upload(WANG)))
    batch = here.people.find("13800000001").fields["batch"]
    other = Desk(office(cast.stranger))
    assert other.post(f"{batch}/undo").status_code == other.post(f"{batch}/undo", sure="1").status_code == 404
    assert here.people.find("13800000001") is not None
