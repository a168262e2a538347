"""CSV that a spreadsheet opens without running anything and without eating ID numbers."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_office_answers import ANSWERS, DEFINITION

from app.office.csv_export import BOM, cells, columns_of, csv_lines, guarded, instances, repeats_of
from app.office.mask import WHOLE, Sight


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("  =1", "'  =1"),
        ("\u3000=1", "'\u3000=1"),
        ("＝1", "'＝1"),
        ("-", "'-"),
        ("-5", "-5"),
        ("3.50", "3.50"),
        ("+8613800001111", "'+8613800001111"),
        ("0", "0"),
        ("007", "\t007"),
        ("01", "\t01"),
        ("50023219700101002X", "\t50023219700101002X"),
        ("500232197001010021", "\t500232197001010021"),
        ("13800001111", "13800001111"),
        ("张三", "张三"),
        ("", ""),
    ],
)
def test_cells_are_guarded(value, cell):
    assert guarded(value) == cell


@given(st.text())
def test_no_cell_starts_a_formula(value):
    cell = guarded(value)
    assert not cell.startswith(("=", "+", "@")) or cell.lstrip("+-").replace(".", "").isdigit()
    assert cell.lstrip("\t'") == value.lstrip("\t'")


def test_the_file_reads_back(lang="zh"):
    text = "".join(csv_lines(["甲", "乙"], [["a,b", 'c"d\ne']] * 2000))
    assert text.startswith(BOM)
    rows = list(csv.reader(io.StringIO(text[1:], newline="")))
    assert rows[0] == ["甲", "乙"]
    assert len(rows) == 2001
    assert rows[1] == ["a,b", 'c"d\ne']


def test_it_is_made_piece_by_piece():
    made = []

    def rows():
        for n in range(5000):
            made.append(n)
            yield [str(n), "x" * 50]

    stream = csv_lines(["n", "x"], rows())
    next(stream)
    assert 0 < len(made) < 1000


def table(repeat="", **more):
    options = {"names": False} | more
    sight = options.pop("sight", WHOLE)
    columns = columns_of([DEFINITION], repeat, "zh", **options)
    rows = [cells(columns, values, DEFINITION, "zh", codes=False, sight=sight) for _n, values in instances(ANSWERS, repeat)]
    return [column.head for column in columns], rows


def test_answers_are_columns_in_the_forms_words():
    heads, rows = table()
    assert heads == ["饮水安全吗", "已享受政策", "照片", "签字"]
    assert rows == [["否", "低保、雨露计划", ANSWERS["photo"], "no file"]]


def test_names_instead_of_labels():
    heads, _rows = table(names=True)
    assert heads[:2] == ["household_id", "living/water"]


def test_a_repeat_is_a_file_of_its_own():
    heads, rows = table("/data/member")
    assert heads == ["姓名", "身份证号", "…身体怎样…"]
    assert [row[0] for row in rows] == ["张三", "李四"]
    assert [n for n, _values in instances(ANSWERS, "/data/member")] == ["1", "2"]
    assert repeats_of(DEFINITION, "zh") == [("/data/member", "成员")]


def test_personal_columns_are_masked():
    _heads, rows = table("/data/member", sight=Sight())
    assert rows[0][1] == "500232********002X"


def test_same_labels_are_told_apart_and_versions_joined():
    newer = {**DEFINITION, "nodes": [*DEFINITION["nodes"], {**DEFINITION["nodes"][2], "path": "/data/living/water2"}]}
    heads = [c.head for c in columns_of([newer, DEFINITION], "", "zh", names=False)]
    assert "饮水安全吗 (water)" in heads
    assert "饮水安全吗 (water2)" in heads


def test_broken_answers_make_an_empty_line():
    assert list(instances("text", "")) == [("", {})]
    assert list(instances({"member": "x"}, "/data/member")) == []
