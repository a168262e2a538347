"""Lists as files.

1. a workbook that a reader opens: text stays text, quantities are numbers, nothing is a formula, odd characters do no harm
2. a sheet that is full goes on in the next
3. only the reader's own area, masked as on the pages, filtered as the list was
4. the columns chosen are remembered for each reader
"""

from __future__ import annotations

import csv
import io
import zipfile
from xml.etree import ElementTree

import pytest
from conftest import HOUSEHOLD, OTHER_HOUSEHOLD, VILLAGE
from hypothesis import given, settings
from hypothesis import strategies as st
from office_story import tell
from python_calamine import CalamineWorkbook

from app.office import xlsx_stream
from app.office.xlsx_export import Kind
from sync.author import Author
from sync.own import write_own

ID_NO = "50015619700101001X"
MASKED = "500156********001X"


def read(body):
    book = CalamineWorkbook.from_filelike(io.BytesIO(body))
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


def made(rows, kinds=(Kind.TEXT, Kind.NUMBER), head=("甲", "乙")):
    return b"".join(xlsx_stream.xlsx_pieces("表", list(head), kinds, rows))


def test_text_stays_text_and_quantities_are_numbers():
    body = made([["012", "3.5"], [ID_NO, "=1+1"], ["=HYPERLINK(1)", "00123"], ["", "123456789012345678"]])
    long = "123456789012345678"
    assert read(body)["表"] == [["甲", "乙"], ["012", 3.5], [ID_NO, "=1+1"], ["=HYPERLINK(1)", "00123"], ["", long]]
    sheet = zipfile.ZipFile(io.BytesIO(body)).read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet and "t=\"str\"" not in sheet


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.text(max_size=20), min_size=2, max_size=2), max_size=5))
def test_whatever_was_typed_the_file_is_whole(rows):
    body = made(rows, (Kind.TEXT, Kind.TEXT))
    with zipfile.ZipFile(io.BytesIO(body)) as book:
        assert book.testzip() is None
        for name in book.namelist():
            ElementTree.fromstring(book.read(name))
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    main = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    cells = [[cell.findtext(f"{main}is/{main}t") or "" for cell in row] for row in sheet.iter(f"{main}row")][1:]
    wanted = [[text.replace("\r\n", "\n").replace("\r", "\n") for text in row if text] for row in rows]
    assert [[plain(text) for text in row] for row in cells] == [[plain(text) for text in row] for row in wanted]


def plain(text):
    return "".join(letter if letter in "\t\n" or " " <= letter < "\ud800" or "\ue000" <= letter < "\ufffe" or letter > "\uffff"
                   else "\ufffd" for letter in text)  # fmt: skip


def test_a_full_sheet_goes_on_in_the_next(monkeypatch):
    monkeypatch.setattr(xlsx_stream, "MOST_ROWS", 3)
    found = read(made([[str(n), "1"] for n in range(5)]))
    assert [len(rows) for rows in found.values()] == [3, 3, 2]
    assert list(found) == ["表", "表 2", "表 3"]
    assert [row[0] for rows in found.values() for row in rows[1:]] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(("at", "name"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")])
def test_letters(at, name):
    assert xlsx_stream.letters(at) == name


# --- the pages ----------------------------------------------------------------------------------------------


@pytest.fixture
def story(here):
    old = {"head_name": "冉光荣", "group": "1", "water_safe": "no"}
    tell(here.store, actor="u-cadre", area=VILLAGE, household=HOUSEHOLD, old=old)

    def people(author: Author):
        return [
            author.create("member", "m-x", VILLAGE, {"household_id": HOUSEHOLD, "full_name": "=cmd|' /C calc'!A0", "line": "1",
                          "id_no": ID_NO, "relation": "01", "work_months": "7", "state": "active"}),
            author.update("household", HOUSEHOLD, VILLAGE, {"phone": ("", "13812345678")}),
        ]  # fmt: skip

    write_own(here.store, "test", "u-cadre", people, clock=here.now)
    here.tables.catch_up()


def download(browser, name, ending, columns, query=""):
    page = browser.get(f"/office/export/{name}{query}")
    assert page.status_code == 200, page.text
    token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
    return browser.post(f"/office/export/{name}.{ending}{query}", data={"column": columns, "csrf_token": token})


COLUMNS = ["place.village", "home.group", "full_name", "id_no", "relation", "work_months"]


def test_members_as_a_workbook(office, cast, story):
    reply = download(office(cast.cadre), "members", "xlsx", COLUMNS)
    rows = read(reply.data)["家庭成员"]
    assert rows[0] == ["村", "组", "姓名", "与户主关系", "证件号码", "务工时间(月)"]
    assert ["清水村", "1", "=cmd|' /C calc'!A0", "户主", MASKED, 7.0] in rows


def test_members_as_csv_run_nothing(office, cast, story):
    reply = download(office(cast.cadre), "members", "csv", COLUMNS)
    rows = list(csv.reader(io.StringIO(reply.text.removeprefix("\ufeff"))))
    row = next(row for row in rows if "cmd" in row[2])
    assert row[2].startswith("'=") and row[4] == MASKED


def test_who_need_not_see_numbers_gets_them_masked(office, cast, story):
    rows = read(download(office(cast.auditor), "members", "xlsx", ["full_name", "id_no"]).data)["家庭成员"]
    assert ["=***", MASKED] in rows
    homes = read(download(office(cast.auditor), "households", "xlsx", ["head_name", "phone"]).data)["户"]
    assert [row[1] for row in homes] == ["联系电话", "139****5678"]


@pytest.mark.parametrize("name", ["households", "members", "visits", "issues", "submissions"])
@pytest.mark.parametrize("who", ["neighbour", "stranger"])
def test_nothing_of_another_area(office, cast, story, name, who):
    browser = office(getattr(cast, who))
    columns = [part.partition('"')[0] for part in browser.get(f"/office/export/{name}").text.split('name="column" value="')[1:]]
    reply = download(browser, name, "csv", columns, f"?village={VILLAGE}")
    assert reply.status_code == 200
    assert len(reply.text.splitlines()) == 1 and "冉" not in reply.text
    every = download(browser, name, "csv", columns).text
    assert "冉光荣" not in every and OTHER_HOUSEHOLD not in every


@pytest.mark.parametrize(("name", "query", "lines"), [
    ("households", "?group=1", 1), ("households", "?group=none", 0),
    ("visits", "?outcome=met", 1), ("visits", "?outcome=refused", 0), ("issues", "?kind=no-such", 0),
    ("visits", "?since=2999-01-01", 0), ("households", "?_external=1&kind=x&name=y&_scheme=z", 1),
])  # fmt: skip
def test_filters_of_the_list_hold_for_the_file(office, cast, story, name, query, lines):
    reply = download(office(cast.cadre), name, "csv", ["place.village"], query)
    assert len(reply.text.splitlines()) == 1 + lines


def test_every_list_exports_every_column(office, cast, story):
    browser = office(cast.county)
    for name in ("households", "members", "visits", "issues", "submissions"):
        page = browser.get(f"/office/export/{name}").text
        columns = [part.partition('"')[0] for part in page.split('name="column" value="')[1:]]
        rows = next(iter(read(download(browser, name, "xlsx", columns).data).values()))
        assert len(rows[0]) == len(columns) and len(rows) > 1, name


def test_a_column_nobody_offers_is_not_asked_of_the_database(office, cast, story):
    reply = download(office(cast.cadre), "members", "csv", ["rev] FROM users--", "password_hash", "full_name"])
    assert reply.text.splitlines()[0] == "\ufeff姓名"
    assert download(office(cast.cadre), "members", "csv", ["code"]).status_code == 422


def test_the_choice_is_remembered_for_each_reader(office, cast, story):
    browser = office(cast.cadre)
    download(browser, "households", "csv", ["head_name", "fuel"])
    page = browser.get("/office/export/households").text
    boxes = page.split('name="column" value="')[1:]
    ticked = [box.partition('"')[0] for box in boxes if box.partition(">")[0].endswith("checked")]
    assert ticked == ["head_name", "fuel"]
    assert 'value="head_name" checked' in office(cast.township).get("/office/export/households").text
    assert 'value="fuel" checked' not in office(cast.township).get("/office/export/households").text
