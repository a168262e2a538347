"""Files as they come: kinds and encodings, bombs, attached lists, and the command over many of them."""

from __future__ import annotations

import base64
import io
import json
import struct
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from forms import limits
from forms.attached import check_attached, read_attachments, with_tables
from forms.cli import main, run_js
from forms.compile import compile_form
from forms.isolated import Checker
from forms.problems import FormProblems
from forms.vectors import run_scenario
from tests.forms_sheets import table

MINIMAL = "type,name,label\ntext,a,A\ninteger,b,B\n"
MARKDOWN = table("survey", "type | name | label\n text | a | A")


def workbook(sheets: dict[str, list[list[object]]]) -> bytes:
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def zipped(files: dict[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return out.getvalue()


def refused(data: bytes | str, name: str) -> list[tuple[str, str, int | None, str]]:
    with pytest.raises(FormProblems) as caught:
        compile_form(data, name)
    return [(one.code, one.sheet, one.row, one.column) for one in caught.value.problems]


GOOD = workbook({
    "Survey": [["type", " name ", None, "label"], ["text", "a", None, "A"], [], ["integer", "b", "x", 3.0], ["select_one l", "c", None, True]],
    "choices": [["list_name", "name", "label"], ["l", 1.0, 2], ["l", 2.5, "x"]],
    "notes": [[1]],
})  # fmt: skip


def test_an_xlsx_with_numbers_blank_rows_and_other_sheets() -> None:
    made = compile_form(GOOD, "x.xlsx")
    assert [one["path"] for one in made.questions()] == ["/data/a", "/data/b", "/data/c"]
    assert [one["name"] for one in made.definition["lists"]["l"]] == ["1", "2.5"]
    assert made.nodes["/data/b"]["label"] == {"default": "3"}


def test_a_workbook_is_known_by_its_content() -> None:
    assert compile_form(GOOD, "renamed.xls").form_id == "renamed"
    assert compile_form(GOOD, "macros.xlsm").form_id == "macros"


def test_rows_of_an_xlsx_are_counted_with_the_blank_ones() -> None:
    data = workbook({"survey": [["type", "name", "label"], ["text", "a", "A"], [], ["txet", "b", "B"]]})
    assert refused(data, "x.xlsx") == [("unknown_type", "survey", 4, "type")]


@pytest.mark.parametrize(
    "text",
    [
        MINIMAL,
        "\ufeff" + MINIMAL,
        'survey,,,\n,type,name,label\n,text,a,"A, B"\n,integer,b,B\nchoices\n,list_name,name,label\n,l,x,X\nnotes\n,whatever\n',
        '"survey"\n,"type","name","label"\n,"text","a","A"\n,,,\n,"integer","b","B"\n',
    ],
)
def test_csv_of_all_sheets_and_of_one(text: str) -> None:
    assert [one["path"] for one in compile_form(text.encode(), "x.csv").questions()] == ["/data/a", "/data/b"]


def test_csv_as_a_chinese_excel_writes_it() -> None:
    made = compile_form("type,name,label\ntext,a,姓名\n".encode("gb18030"), "x.csv")
    assert made.nodes["/data/a"]["label"] == {"default": "姓名"}


def test_a_zip_of_sheets() -> None:
    data = zipped({"form/survey.csv": "type,name,label\nselect_one l,a,A\n", "form/choices.csv": "list_name,name,label\nl,x,X\n", "read.me": "x"})
    assert compile_form(data, "x.zip").questions() == [{"path": "/data/a", "type": "select_one"}]


def biff(rows: list[list[str | float]]) -> bytes:
    """The oldest .xls there is: one sheet of labels and numbers, a record a cell."""
    out = struct.pack("<HHHH", 0x0009, 4, 2, 0x0010)
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            place = struct.pack("<HH3s", y, x, b"\0\0\0")
            if isinstance(cell, str):
                body = cell.encode("latin-1")
                out += struct.pack("<HH", 0x0004, len(place) + 1 + len(body)) + place + bytes([len(body)]) + body
            else:
                out += struct.pack("<HH", 0x0003, len(place) + 8) + place + struct.pack("<d", cell)
    return out + struct.pack("<HH", 0x000A, 0)


def test_an_old_xls() -> None:
    data = biff([["type", "name", "label", "default"], ["text", "a", "A", "x"], ["integer", "b", "B", 3.0]])
    made = compile_form(data, "x.xls")
    assert [one["path"] for one in made.questions()] == ["/data/a", "/data/b"]
    assert made.nodes["/data/b"]["default"] == "3"
    assert refused(biff([["type", "name", "label"], ["txet", "a", "A"]]), "x.xls") == [("unknown_type", "survey", 2, "type")]


@pytest.mark.parametrize(
    ("data", "name", "code"),
    [
        (b"%PDF-1.4", "x.pdf", "bad_suffix"),
        (b"hello", "x.xlsx", "unreadable"),
        (b"", "x.xlsx", "unreadable"),
        (GOOD[:200], "x.xlsx", "unreadable"),
        (b"hello", "x.xls", "unreadable"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "x.xls", "unreadable"),
        (zipped({"a.txt": "x"}), "x.xlsx", "unreadable"),
        (b"\xff\xfe\x00\x81", "x.csv", "not_utf8"),
        (b"", "x.csv", "no_survey_sheet"),
        (b"a,b,c\n1,2,3\n", "x.csv", "missing_column"),
        (b"# no table", "x.md", "unreadable"),
        (workbook({"Sheet1": [["type"]], "Sheet2": [["x"]]}), "x.xlsx", "no_survey_sheet"),
        (workbook({"survey": [["type", "name", "label"]]}), "x.xlsx", "empty_survey"),
        (workbook({"survey": [["type", "name", 2024], ["text", "a", "A"]]}), "x.xlsx", "bad_header"),
        (workbook({"survey": [["type", "name", "label", "label"], ["text", "a", "A", "B"]]}), "x.xlsx", "duplicate_column"),
    ],
)
def test_what_is_no_form_is_refused_plainly(data: bytes, name: str, code: str) -> None:
    assert refused(data, name)[0][0] == code


# ---- bombs ------------------------------------------------------------------


def bomb(size: int) -> bytes:
    """A workbook whose sheet is mostly one long run of blanks."""
    files = {entry: zipfile.ZipFile(io.BytesIO(GOOD)).read(entry) for entry in zipfile.ZipFile(io.BytesIO(GOOD)).namelist()}
    sheet = next(name for name in files if name.endswith("sheet1.xml"))
    files[sheet] = files[sheet].replace(b"</sheetData>", b" " * size + b"</sheetData>")
    return zipped(files)


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    data = bomb(300 * limits.MB)
    assert len(data) < limits.MB
    tracemalloc.start()
    assert refused(data, "x.xlsx")[0][0] == "bomb"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * limits.MB


def test_a_sheet_blank_to_its_last_row_is_no_bomb() -> None:
    assert compile_form(bomb(limits.MB), "x.xlsx").questions()


def test_entities_are_refused() -> None:
    laughs = '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><worksheet>&b;</worksheet>'
    files: dict[str, str | bytes] = {entry: zipfile.ZipFile(io.BytesIO(GOOD)).read(entry) for entry in zipfile.ZipFile(io.BytesIO(GOOD)).namelist()}
    files[next(name for name in files if name.endswith("sheet1.xml"))] = laughs
    assert refused(zipped(files), "x.xlsx")[0][0] == "bomb"


def test_too_many_entries() -> None:
    assert refused(zipped({f"{n}.xml": "" for n in range(limits.MAX_ENTRIES + 1)}), "x.xlsx")[0][0] == "bomb"


def test_too_many_rows_columns_and_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(limits.MAX_ROWS, "survey", 1)
    assert refused(MINIMAL, "x.csv") == [("too_many_rows", "survey", None, "")]
    monkeypatch.setitem(limits.MAX_ROWS, "survey", 9)
    monkeypatch.setattr(limits, "MAX_CELL", 6)
    assert refused(MINIMAL, "x.csv") == [("cell_too_long", "survey", 3, "type")]
    monkeypatch.setattr(limits, "MAX_COLUMNS", 2)
    assert refused(MINIMAL, "x.csv") == [("too_wide", "survey", None, "")]
    monkeypatch.setattr(limits, "MAX_BYTES", 10)
    assert refused(MINIMAL, "x.csv") == [("too_big", "", None, "")]


# ---- attached lists ----------------------------------------------------------

SELECT = "type,name,label,parameters\nselect_one_from_file shops.csv,a,A,value=id\ntext,p,P,\n"


def test_attached_lists_are_read() -> None:
    read = read_attachments({
        "a.csv": "\ufeffname,label\nx,  X \n\ny,\"Y, y\"\n".encode(),
        "b.xml": b"<root><item id='1'><name>x</name><tag>p</tag><tag>q</tag><at><lat>1</lat></at></item></root>",
        "c.geojson": b'{"type":"FeatureCollection","features":[{"type":"Feature","id":7,"properties":{"title":"T","n":2},'
                     b'"geometry":{"type":"LineString","coordinates":[[100.5,25.0],[101,26]]}}]}',
        "photo.png": b"\x89PNG",
    })  # fmt: skip
    assert read == {
        "a.csv": [{"name": "x", "label": "X"}, {"name": "y", "label": "Y, y"}],
        "b.xml": [{"id": "1", "name": "x", "tag": ["p", "q"], "at": {"lat": "1"}}],
        "c.geojson": [{"title": "T", "n": "2", "id": "7", "geometry": "25 100.5 0 0; 26 101 0 0"}],
    }


@pytest.mark.parametrize(
    ("name", "body", "code", "row"),
    [
        ("a.csv", b"", "bad_file", None),
        ("a.csv", b"name,name\nx,y\n", "bad_file", 1),
        ("a.csv", b"name,label\nx,y\nx,y,z\n", "bad_file", 3),
        ("a.xml", b"<root><item></root>", "bad_file", 1),
        ("a.xml", b"<!DOCTYPE x [<!ENTITY a 'b'>]><root/>", "bad_file", None),
        ("a.geojson", b"{", "bad_file", 1),
        ("a.geojson", b"[]", "bad_file", None),
        ("a.geojson", b'{"type":"FeatureCollection","features":[{"geometry":{"type":"Circle","coordinates":[]}}]}', "bad_file", None),
        ("a.exe", b"MZ", "bad_suffix", None),
    ],
)
def test_a_bad_list_is_told(name: str, body: bytes, code: str, row: int | None) -> None:
    with pytest.raises(FormProblems) as caught:
        read_attachments({name: body})
    (found,) = caught.value.problems
    assert (found.code, found.sheet, found.row) == (code, name, row)


def test_a_form_and_its_files_are_held_together() -> None:
    made = compile_form(SELECT, "x.csv")
    (missing,) = check_attached(made, "x.csv", [], {})
    assert (missing.code, missing.row, missing.column, missing.detail) == ("missing_file", 2, "type", "shops.csv")
    rows = read_attachments({"shops.csv": b"id,name\n1,x\n1,y\n"})
    found = check_attached(made, "x.csv", ["shops.csv"], rows)
    assert [(one.code, one.detail, one.row) for one in found] == [("file_column", "label", 2), ("duplicate_item", "1", 2)]
    complete = with_tables(made, rows)
    assert complete.definition["tables"] == {"shops": rows["shops.csv"]}
    assert complete.hash != made.hash


# ---- the command --------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good.md").write_text(MARKDOWN + table("settings", "form_id | version\n g | 1"), "utf-8")
    (tmp_path / "good.xlsx").write_bytes(GOOD)
    (tmp_path / "list.csv").write_text(SELECT, "utf-8")
    (tmp_path / "shops.csv").write_text("id,label\n1,One\n", "utf-8")
    (tmp_path / "bad.md").write_text(MARKDOWN.replace("text", "txet"), "utf-8")
    (tmp_path / "broken.xlsx").write_bytes(b"PK\x03\x04 nothing")
    return tmp_path


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_check_prints_one_line_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["good.md", "bad.md", "broken.xlsx", "missing.md", "list.csv", "good.xlsx"]
    assert main(["check", *[str(folder / name) for name in names], "--json", "--lang", "en"]) == 1
    told = lines(capsys)
    assert [one["file"] for one in told] == [str(folder / name) for name in names]
    assert [one["ok"] for one in told] == [True, False, False, False, True, True]
    assert told[0]["questions"] == [{"path": "/data/a", "type": "text"}]
    assert told[0]["warnings"] == []
    (fault,) = told[1]["errors"]  # type: ignore[misc]
    assert fault == {
        "code": "unknown_type", "sheet": "survey", "row": 2, "column": "type",
        "message": "unknown question type: txet; did you mean text?", "next": "Use a supported type; letter case counts.",
    }  # fmt: skip
    assert [one["code"] for one in told[4]["warnings"] if one["code"] == "missing_file"] == []  # type: ignore[attr-defined, index]


def test_a_folder_of_sheets_is_a_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "survey.csv").write_text(MINIMAL, "utf-8")
    assert main(["check", str(tmp_path), "--json"]) == 0
    assert [one["ok"] for one in lines(capsys)] == [True]


def test_lists_beside_a_form_are_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A form from elsewhere must not find its missing list among ours."""
    (tmp_path / "form.csv").write_text("type,name,label\nselect_one yes_no,a,A\n", "utf-8")
    assert main(["check", str(tmp_path / "form.csv"), "--json"]) == 1
    assert lines(capsys)[0]["errors"][0]["code"] == "no_choices_sheet"  # type: ignore[index]
    (tmp_path / "lists.md").write_text(table("choices", "list_name | name | label\n yes_no | y | Y"), "utf-8")
    assert main(["check", str(tmp_path / "form.csv"), "--json"]) == 0


def test_a_file_that_takes_too_long_or_kills_its_reader_does_not_stop_the_others(folder: Path) -> None:
    slow = "import sys, time\nfor line in sys.stdin:\n    time.sleep(60)"
    with Checker(0.3, [sys.executable, "-c", slow]) as checker:
        started = time.monotonic()
        form, _, problems = checker.check(folder / "good.md")
        assert form is None
        assert [one.code for one in problems] == ["too_slow"]
        assert time.monotonic() - started < 20
    with Checker(30, [sys.executable, "-c", "import os; input(); os._exit(9)"]) as checker:
        assert [one.code for one in checker.check(folder / "good.md")[2]] == ["crashed"]
        assert [one.code for one in checker.check(folder / "good.md")[2]] == ["crashed"]


def test_whatever_goes_wrong_inside_is_told_as_a_code(monkeypatch: pytest.MonkeyPatch) -> None:
    from forms import worker

    monkeypatch.setattr(worker, "compile_form", lambda *_: 1 / 0)
    told = worker.answer({"name": "x.md", "data": base64.b64encode(MARKDOWN.encode()).decode()})
    assert [one["code"] for one in told["problems"]] == ["crashed"]


def test_an_upload_is_compiled_in_the_child_with_its_files() -> None:
    with Checker() as checker:
        made = checker.compile(SELECT.encode(), "x.csv", files={"shops.csv": b"id,label\n1,One\n"})
        assert made.definition["tables"]["shops"] == [{"id": "1", "label": "One"}]
        assert made.hash == with_tables(compile_form(SELECT, "x.csv"), {"shops.csv": [{"id": "1", "label": "One"}]}).hash
        with pytest.raises(FormProblems) as caught:
            checker.compile(SELECT.encode(), "x.csv", files={"shops.csv": b""})
        assert [one.code for one in caught.value.problems] == ["bad_file"]


@pytest.mark.parametrize("engine", ["python", "js"])
def test_both_engines_offer_the_attached_choices(engine: str) -> None:
    made = compile_form("type,name,label,choice_filter\ntext,t,T,\nselect_one_from_file shops.csv,a,A,town = ${t}\n", "x.csv")
    rows = read_attachments({"shops.csv": b"name,label,town\n1,One,x\n2,Two,y\n3,Three,x\n"})
    prepared = {
        "id": "s", "now": "2026-11-24T10:00:00+08:00", "external": {}, "definition": with_tables(made, rows).definition,
        "steps": [{"do": "set", "path": "/data/t", "value": "x"}, {"expect": {"choice_labels": {"/data/a": []}}}],
    }  # fmt: skip
    (told,) = [run_scenario(prepared)] if engine == "python" else run_js("play", [prepared])
    assert told["steps"][1]["choice_labels"] == {"/data/a": ["One", "Three"]}


@pytest.mark.parametrize("engine", ["python", "js"])
def test_search_offers_what_the_file_holds_and_the_fixed_choices(engine: str) -> None:
    text = table("survey", "type | name | label | appearance\n text | t | T | \n select_one found | a | A | search('people', 'startswith', 'town', ${t})")
    text += table("choices", "list_name | name | label\n found | id | full_name\n found | 9 | None of these")
    made = compile_form(text, "x.md")
    rows = read_attachments({"people.csv": b"id,full_name,town\n1,One,xa\n2,Two,y\n3,Three,xb\n"})
    prepared = {
        "id": "s", "now": "2026-11-24T10:00:00+08:00", "external": {}, "definition": with_tables(made, rows).definition,
        "steps": [{"do": "set", "path": "/data/t", "value": "x"}, {"expect": {"choice_labels": {"/data/a": []}}}],
    }  # fmt: skip
    (told,) = [run_scenario(prepared)] if engine == "python" else run_js("play", [prepared])
    assert told["steps"][1]["choice_labels"] == {"/data/a": ["None of these", "One", "Three"]}
