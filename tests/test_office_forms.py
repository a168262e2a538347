"""Working on forms in the office.

F1 an uploaded file is kept whole and read once; its errors stand at their rows, in both languages
F2 what is too big, damaged or no form is refused with what to do, before it is parsed
F3 publishing: immutable, with the difference and the answers it touches told first; refused when a type changed
F4 a county manager manages forms of their own area, nobody else does; below the centre nobody
F5 a retired form or version is offered no longer, its answers still come in, and it can be put back
F6 answers under several versions are one table, as page, CSV and workbook, masked for who may not see all
F7 every deed is kept with who and when
F8 the preview may stand in our own frame only, and nothing else may
"""

from __future__ import annotations

import base64
import csv
import dataclasses
import io
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from conftest import COUNTY, HOUSEHOLD, VILLAGE

from forms.definition import Form
from forms.isolated import Checker
from forms.problems import FormProblems, Problem
from forms.worker import answer

HEAD = ["type", "name", "label::中文 (zh)", "label::English (en)", "relevant"]
V1 = [
    ["text", "full_name", "姓名", "Name", ""],
    ["integer", "age", "年龄", "Age", ""],
    ["select_one yes_no", "water", "饮水安全吗", "Is the water safe", ""],
    ["text", "id_no", "身份证号", "ID number", ""],
    ["begin_repeat", "plot", "地块", "Plot", ""],
    ["text", "crop", "作物", "Crop", ""],
    ["end_repeat", "", "", "", ""],
]
CHOICES = [["yes_no", "yes", "是", "Yes"], ["yes_no", "no", "否", "No"]]


def sheet_file(survey: list[list[str]], version: str = "1", form_id: str = "water", choices: Any = CHOICES) -> bytes:
    book = openpyxl.Workbook()
    page = book.active
    page.title = "survey"
    for row in [HEAD, *survey]:
        page.append(row)
    page = book.create_sheet("choices")
    for row in [["list_name", "name", "label::中文 (zh)", "label::English (en)"], *choices]:
        page.append(row)
    page = book.create_sheet("settings")
    page.append(["form_title", "form_id", "version", "default_language"])
    page.append(["饮水表", form_id, version, "中文 (zh)"])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


class Desk:
    """A browser at the forms pages."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser

    def token(self) -> str:
        return re.search(r'name="csrf_token" value="([^"]+)"', self.browser.get("/office/").text).group(1)  # type: ignore[union-attr]

    def post(self, path: str, **data: Any) -> Any:
        return self.browser.post(f"/office{path}", data={"csrf_token": self.token(), **data})

    def upload(self, *files: tuple[str, bytes], path: str = "/forms/designs") -> Any:
        return self.post(path, files=[(io.BytesIO(body), name) for name, body in files])

    def designed(self, *files: tuple[str, bytes]) -> str:
        reply = self.upload(*files)
        assert reply.status_code == 303, reply.text
        return str(reply.location)

    def page(self, path: str) -> str:
        reply = self.browser.get(path if path.startswith("/office") else f"/office{path}")
        assert reply.status_code == 200, reply.text
        return str(reply.text)

    def workbook(self, path: str) -> Any:
        reply = self.browser.get(f"/office{path}")
        assert reply.status_code == 200
        with reply:
            return openpyxl.load_workbook(io.BytesIO(reply.data))

    def publish(self, *files: tuple[str, bytes], **more: Any) -> Any:
        place = self.designed(*files)
        page = self.page(f"{place}/publish")
        found = re.search(r'name="hash" value="([0-9a-f]+)"', page)
        return self.post(f"{place.removeprefix('/office')}/publish", hash=found.group(1) if found else "", **more)


class InThisProcess:
    """The checker without its child: the same answer, a second sooner."""

    def compile(self, data: bytes, name: str, shared: Any, files: dict[str, bytes]) -> Form:
        def text(body: bytes) -> str:
            return base64.b64encode(body).decode()

        told = answer({"name": name, "data": text(data), "shared": shared, "files": {n: text(b) for n, b in files.items()}})
        if told["definition"] is None:
            raise FormProblems([Problem(**one) for one in told["problems"]])
        return Form(told["definition"], [Problem(**one) for one in told["warnings"]])

    def close(self) -> None: ...


@pytest.fixture
def desk(office: Any, cast: Any, here: Any) -> Desk:
    here.checker = InThisProcess()
    return Desk(office(cast.county))


def submit(here: Any, id: str, version: str, answers: dict[str, Any], form_id: str = "water") -> None:
    from office_story import author_of

    fields = {"form_id": form_id, "form_version": version, "household_id": HOUSEHOLD, "answers": answers,
              "started": "2026-11-02T17:00:00+08:00", "ended": "2026-11-02T17:20:00+08:00"}  # fmt: skip
    here.store.load([author_of("u-cadre", install=f"i-{id}").create("submission", id, VILLAGE, fields)])


# --- F1 ---------------------------------------------------------------------------------------------------


def test_an_error_stands_at_its_row_in_both_languages(desk: Desk) -> None:
    broken = [*V1[:3], ["text", "note_it", "说明", "Why", "nosuch(${water}) = 'no'"]]
    place = desk.designed(("饮水.xlsx", sheet_file(broken)))
    page = desk.page(place)
    row = page[page.index('id="survey-5"') :]
    said = row[row.index('class="said"') :][:900]
    assert 'class="fault-cell">nosuch(' in row[: row.index("</tr>")]
    assert row.count('"fault-cell"') == 1
    assert "nosuch()" in said
    assert "错误" in said
    english = desk.page(f"{place}?lang=en")
    assert "Error" in english[english.index('id="survey-5"') :]
    assert "发布…" not in page


def test_the_original_comes_back_and_a_new_upload_takes_its_place(desk: Desk, here: Any) -> None:
    first, second = sheet_file(V1[:1]), sheet_file(V1[:2])
    place = desk.designed(("一.xlsx", first))
    (design,) = here.designs.all()
    desk.upload(("二.xlsx", second), path=place.removeprefix("/office"))
    (again,) = here.designs.all()
    assert again.id == design.id
    assert again.source.name == "二.xlsx"
    for name, body in ((design.source.sha256, first), (again.source.sha256, second)):
        assert desk.browser.get(f"{place}/files/{name}").data == body
    assert desk.browser.get(f"{place}/files/{'0' * 64}").status_code == 404
    assert [(deed.what, deed.by) for deed in again.deeds] == [("uploaded", "u-county")] * 2


def test_a_small_fix_in_the_text(desk: Desk, here: Any, forms_dir: Path) -> None:
    text = (forms_dir / "mini.md").read_text("utf-8").replace("| mini | 1 |", "| own | 1 |")
    place = desk.designed(("own.md", text.replace("select_one yes_no", "select_one no_list").encode()))
    assert not here.designs.all()[0].hash
    assert "no_list" in desk.page(place)
    assert desk.post(f"{place.removeprefix('/office')}/text", text=text).status_code == 303
    (design,) = here.designs.all()
    assert design.hash
    assert design.deeds[-1].what == "edited"


def test_what_an_author_wrote_is_text(desk: Desk) -> None:
    evil = "<script>alert(1)</script>"
    page = desk.page(desk.designed(("x.xlsx", sheet_file([["text", "a", evil, evil, ""]]))))
    assert evil not in page
    assert "&lt;script&gt;" in page


# --- F2 ---------------------------------------------------------------------------------------------------


def zipped(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, body in files.items():
            packed.writestr(name, body)
    return out.getvalue()


def test_a_zip_of_a_form_and_its_lists(desk: Desk, here: Any) -> None:
    body = zipped(**{"表/饮水.xlsx": sheet_file(V1), "表/media/crops.csv": b"name,label\nrice,rice\n",
                     "__MACOSX/._x": b"x"})  # fmt: skip
    desk.designed(("all.zip", body))
    (design,) = here.designs.all()
    assert [one.name for one in design.files] == ["饮水.xlsx", "crops.csv"]


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ([], "还没有选文件"),
        ([("x.exe", b"MZ")], "不认识的文件"),
        ([("list.csv", b"name,label\n1,2\n")], "没有表单"),
        ([("a.md", b"x"), ("b.md", b"y")], "一次只能上传一张表单"),
        ([("a.zip", b"PK damaged")], "压缩包打不开"),
        ([("bomb.zip", zipped(**{"a.csv": b"0" * 30_000_000}))], "文件太大"),
        ([("many.zip", zipped(**{f"{n}.csv": b"0" for n in range(300)}))], "文件太大"),
    ],
)
def test_what_is_refused_says_what_to_do(desk: Desk, here: Any, files: Any, told: str) -> None:
    reply = desk.upload(*files)
    assert reply.status_code in (413, 422)
    assert told in reply.text
    assert not here.designs.all()


def test_too_much_at_once_is_not_read(desk: Desk, here: Any, monkeypatch: Any) -> None:
    from app.office import form_upload

    monkeypatch.setattr(form_upload, "MOST_BYTES", 1000)
    assert desk.upload(("a.md", b"x"), ("b.csv", b"0" * 1000)).status_code == 413
    assert not here.designs.all()


def test_an_unreadable_file_is_kept_and_told(desk: Desk, here: Any) -> None:
    page = desk.page(desk.designed(("broken.xlsx", b"PK not a workbook")))
    assert "另存为" in page
    assert here.designs.all()[0].problems


def test_a_file_that_takes_too_long_is_ended_and_kept(desk: Desk, here: Any) -> None:
    here.checker = Checker(seconds=1, command=[sys.executable, "-c", "import time; time.sleep(60)"])
    page = desk.page(desk.designed(("slow.xlsx", sheet_file(V1))))
    assert here.designs.all()[0].problems[0]["code"] == "too_slow"
    assert "读不出表格" in page
    here.checker = Checker()
    desk.designed(("v1.xlsx", sheet_file(V1)))
    assert here.designs.all()[0].hash


def test_an_attached_list_is_part_of_the_version(desk: Desk, here: Any) -> None:
    survey = [["select_one_from_file crops.csv", "crop", "作物", "Crop", ""]]
    place = desk.designed(("v1.xlsx", sheet_file(survey)))
    assert "crops.csv" in desk.page(place)
    assert "missing_file" in [one["code"] for one in here.designs.all()[0].warnings]
    desk.upload(("v1.xlsx", sheet_file(survey)), ("crops.csv", b"name,label\nrice,Rice\n"), path=place.removeprefix("/office"))
    (design,) = here.designs.all()
    assert "missing_file" not in [one["code"] for one in design.warnings]
    assert here.designs.document(design, "definition")["tables"] == {"crops": [{"name": "rice", "label": "Rice"}]}


# --- F3 ---------------------------------------------------------------------------------------------------


def test_published_once_and_never_changed(desk: Desk, here: Any) -> None:
    assert desk.publish(("v1.xlsx", sheet_file(V1))).status_code == 303
    record = here.store.get("form", "water")
    assert (record.area, record.fields["version"], record.fields["state"]) == (COUNTY, "1", "published")
    assert here.forms.newest("water").version == "1"
    place = desk.designed(("again.xlsx", sheet_file(V1[:2])))
    page = desk.page(f"{place}/publish")
    assert "发布过的版本不能改" in page
    assert 'name="hash"' not in page
    reply = desk.post(f"{place.removeprefix('/office')}/publish", hash=here.designs.all()[0].hash)
    assert reply.status_code == 409
    assert here.store.get("form", "water").fields == record.fields


def test_a_new_version_tells_what_it_changes_and_whom_it_touches(desk: Desk, here: Any) -> None:
    desk.publish(("v1.xlsx", sheet_file(V1)))
    for n in range(3):
        submit(here, f"s{n}", "1", {"full_name": "张三", "age": "40" if n else "", "water": "no", "plot": [{"crop": "玉米"}]})
    newer = [["text", "head_name", "姓名", "Name", ""], ["select_one yes_no", "water", "饮水安全吗", "Is the water safe", ""],
             *V1[3:], ["text", "phone", "电话", "Phone", ""]]  # fmt: skip
    place = desk.designed(("v2.xlsx", sheet_file(newer, "2", choices=[CHOICES[0], ["yes_no", "unsure", "不清楚", "Unsure"]])))
    page = desk.page(f"{place}/publish")
    removed = page[page.index('id="removed"') : page.index('id="choices"')]
    assert "年龄" in removed
    assert re.search(r'class="num"[^>]*>2<', removed)
    choices = page[page.index('id="choices"') : page.index('id="added"')]
    assert "否 (no)" in choices
    assert re.search(r'class="num"[^>]*>3<', choices)
    assert "电话" in page[page.index('id="added"') :]
    renamed = page[page.index("像是改了名的题") : page.index('id="removed"')]
    assert "full_name" in renamed
    assert "head_name" in renamed
    assert "Questions taken out" in desk.page(f"{place}/publish?lang=en")


def test_a_type_never_changes(desk: Desk, here: Any) -> None:
    desk.publish(("v1.xlsx", sheet_file(V1)))
    retyped = [V1[0], ["text", "age", "年龄", "Age", ""], *V1[2:]]
    reply = desk.publish(("v2.xlsx", sheet_file(retyped, "2")))
    assert reply.status_code == 409
    assert list(here.store.get("form", "water").fields["versions"]) == ["1"]
    page = desk.page(f"/office/forms/designs/{here.designs.all()[0].id}/publish")
    assert "题目不能换类型" in page
    assert "age_2" in page


def test_a_draft_that_changed_meanwhile_is_not_published_unseen(desk: Desk, here: Any) -> None:
    place = desk.designed(("v1.xlsx", sheet_file(V1)))
    seen = here.designs.all()[0].hash
    desk.upload(("other.xlsx", sheet_file(V1[:1])), path=place.removeprefix("/office"))
    assert desk.post(f"{place.removeprefix('/office')}/publish", hash=seen).status_code == 409
    assert here.store.get("form", "water") is None


def test_a_faulty_draft_is_neither_published_nor_previewed(desk: Desk, here: Any) -> None:
    place = desk.designed(("x.xlsx", sheet_file([["select_one nowhere", "a", "甲", "A", ""]])))
    for page in ("publish", "preview", "phone", "page.html"):
        assert desk.browser.get(f"{place}/{page}").status_code == 409
    assert desk.post(f"{place.removeprefix('/office')}/publish", hash="").status_code == 409


# --- F4 ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("person", ["cadre", "township", "auditor"])
def test_others_only_read(office: Any, cast: Any, desk: Desk, here: Any, person: str) -> None:
    desk.publish(("v1.xlsx", sheet_file(V1)))
    place = f"/office/forms/designs/{here.designs.all()[0].id}"
    other = Desk(office(getattr(cast, person)))
    assert "上传表单" not in other.page("/forms")
    assert "停用" not in other.page("/forms/water")
    for path in ("", "/publish", "/preview", "/phone", "/page.html", "/delete"):
        assert other.browser.get(place + path).status_code == 403
    assert other.upload(("x.xlsx", sheet_file(V1, form_id="mine"))).status_code == 403
    assert other.post("/forms/water/retire").status_code == 403
    assert here.store.get("form", "water").fields["state"] == "published"


def test_another_county_sees_and_changes_nothing(office: Any, cast: Any, desk: Desk, here: Any) -> None:
    desk.publish(("v1.xlsx", sheet_file(V1)))
    place = f"/office/forms/designs/{here.designs.all()[0].id}"
    other = Desk(office(cast.stranger))
    assert "饮水表" not in other.page("/forms")
    for path in ("/forms/water", "/forms/water/table", "/forms/water/table.xlsx", "/forms/water/codebook.csv",
                 "/forms/water/retire"):  # fmt: skip
        assert other.browser.get("/office" + path).status_code == 404
    for path in ("", "/publish", "/phone", f"/files/{here.designs.all()[0].source.sha256}"):
        assert other.browser.get(place + path).status_code == 404
    assert other.post("/forms/water/retire").status_code == 404
    assert other.publish(("v2.xlsx", sheet_file(V1, "2"))).status_code == 409
    assert "已经被别的单位用了" in other.page(f"/office/forms/designs/{here.designs.all()[0].id}/publish")
    assert list(here.store.get("form", "water").fields["versions"]) == ["1"]


def test_a_form_for_everywhere_is_not_one_countys(desk: Desk, here: Any) -> None:
    assert desk.post("/forms/mini/retire").status_code == 403
    assert here.forms.newest("mini") is not None


def test_below_the_centre_forms_are_only_read(desk: Desk, here: Any) -> None:
    place = desk.designed(("v1.xlsx", sheet_file(V1)))
    here.config = dataclasses.replace(here.config, upstream="https://above.example")
    assert "上传表单" not in desk.page("/forms")
    assert desk.browser.get(place).status_code == 403
    assert "下级节点" in desk.upload(("x.xlsx", sheet_file(V1))).text


def test_nobody_signed_in_gets_in(client: Any) -> None:
    assert client.get("/office/forms/water/table").status_code == 303
    assert client.post("/office/forms/designs").status_code in (400, 401)


# --- F5 ---------------------------------------------------------------------------------------------------


def test_retired_and_put_back(desk: Desk, here: Any, phone: Any, cast: Any) -> None:
    desk.publish(("v1.xlsx", sheet_file(V1)))
    assert "饮水表" in desk.page("/forms/water/retire")
    assert here.store.get("form", "water").fields["state"] == "published"  # looking is not doing
    desk.post("/forms/water/retire")
    assert here.forms.newest("water") is None
    assert here.forms.get("water", "1") is not None
    device = phone(cast.cadre)
    (record,) = [one for one in device.pull_all() if one["kind"] == "form" and one["id"] == "water"]
    assert record["fields"]["state"] == "retired"
    fields = {"form_id": "water", "form_version": "1", "household_id": HOUSEHOLD, "answers": {"full_name": "x"},
              "started": "2026-11-02T17:00:00+08:00", "ended": "2026-11-02T17:20:00+08:00"}  # fmt: skip
    reply = device.push([device.author.create("submission", "late", VILLAGE, fields)])
    assert reply.json["results"][0]["status"] == "applied"
    desk.post("/forms/water/retire", back="1")
    assert here.forms.newest("water").version == "1"


def test_a_retired_version_gives_way_to_the_one_before(desk: Desk, here: Any) -> None:
    desk.publish(("v1.xlsx", sheet_file(V1)))
    desk.publish(("v10.xlsx", sheet_file(V1[:4], "10")))
    assert here.forms.newest("water").version == "10"
    desk.post("/forms/water/retire", version="10")
    assert here.forms.newest("water").version == "1"
    desk.post("/forms/water/retire", version="1")
    assert here.forms.newest("water") is None
    desk.post("/forms/water/retire", version="10", back="1")
    assert here.forms.newest("water").version == "10"
    assert desk.browser.get("/office/forms/water/retire?version=77").status_code == 404


def test_an_update_of_the_program_does_not_bring_a_retired_form_back(here: Any, forms_dir: Path) -> None:
    from app.node import open_node
    from app.publish import Doer, retire_form

    retire_form(here.store, "mini", Doer("u-county", COUNTY, here.now()))
    text = (forms_dir / "mini.md").read_text("utf-8").replace("| mini | 1 |", "| mini | 2 |")
    (forms_dir / "mini.md").write_text(text, "utf-8")
    here.close()
    again = open_node(here.config)
    assert again.forms.newest("mini") is None
    assert again.forms.get("mini", "2") is not None
    again.close()


# --- F6 ---------------------------------------------------------------------------------------------------

V2 = [["text", "head_name", "姓名", "Name", ""], *V1[1:], ["text", "phone", "电话", "Phone", ""]]


@pytest.fixture
def two_versions(desk: Desk, here: Any) -> Desk:
    desk.publish(("v1.xlsx", sheet_file(V1)))
    submit(here, "s-one", "1", {"full_name": "张三", "age": "40", "water": "no", "id_no": "50023219700101002X",
                                "plot": [{"crop": "=1+1"}, {"crop": "玉米"}]})  # fmt: skip
    assert desk.publish(("v2.xlsx", sheet_file(V2, "2")), same="head_name").status_code == 303
    submit(here, "s-two", "2", {"head_name": "李四", "age": "007", "water": "yes", "phone": "13800001111", "plot": []})
    return desk


def test_two_versions_are_one_table(two_versions: Desk, here: Any) -> None:
    assert here.store.get("form", "water").fields["renames"] == {"2": {"head_name": "full_name"}}
    text = two_versions.browser.get("/office/submissions.csv?form=water").text
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert [(row["版本"], row["姓名"], row["饮水安全吗"], row["电话"]) for row in rows] == [
        ("1", "张三", "否", ""), ("2", "李四", "是", "138****1111"),
    ]  # fmt: skip
    page = two_versions.page("/forms/water/table")
    assert page.count("<th title=") == 5
    for words in ("张三", "李四", "138****1111"):
        assert words in page
    plots = two_versions.page("/forms/water/table?repeat=/data/plot")
    assert "玉米" in plots


def test_the_workbook_holds_text_as_text(two_versions: Desk) -> None:
    book = two_versions.workbook("/forms/water/table.xlsx")
    assert book.sheetnames == ["答卷", "地块", "题目说明", "选项说明"]
    rows = list(book["答卷"].iter_rows(values_only=True))
    at = {head: place for place, head in enumerate(rows[0])}
    assert [row[at["姓名"]] for row in rows[1:]] == ["张三", "李四"]
    assert [row[at["年龄"]] for row in rows[1:]] == [40, "007"]
    assert rows[1][at["身份证号"]] == "500232********002X"
    assert rows[2][at["电话"]] == "138****1111"
    crops = [cell for row in book["地块"].iter_rows(min_row=2) for cell in row if cell.value in ("=1+1", "玉米")]
    assert [(cell.value, cell.data_type) for cell in crops] == [("=1+1", "s"), ("玉米", "s")]


def test_the_codebook_names_every_column(two_versions: Desk) -> None:
    text = two_versions.browser.get("/office/forms/water/codebook.csv").text
    rows = {row["题目 name"]: row for row in csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))}
    assert rows["head_name"]["以前的 name"] == "full_name"
    assert rows["head_name"]["问过它的版本"] == "2 1"
    assert rows["water"]["选项"] == "yes = 是 | no = 否"
    assert rows["water"]["题目 (en)"] == "Is the water safe"
    assert rows["crop"]["表"] == "plot"


def test_the_tables_are_masked_and_scoped_as_the_rest_is(office: Any, cast: Any, desk: Desk, here: Any) -> None:
    from office_story import tell

    tell(here.store, actor="u-cadre", area=VILLAGE, household=HOUSEHOLD, old={}, head="冉光荣")
    auditor = Desk(office(cast.auditor))
    assert "50023219700101002X" not in auditor.page("/forms/visit/table?repeat=/data/member")
    book = auditor.workbook("/forms/visit/table.xlsx")
    told = [cell for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row]
    assert "500232********002X" in told
    assert "50023219700101002X" not in told
    full = desk.workbook("/forms/visit/table.xlsx")
    assert "50023219700101002X" not in [c for s in full for row in s.iter_rows(values_only=True) for c in row]
    stranger = Desk(office(cast.neighbour))
    assert "冉光荣" not in stranger.page("/forms/visit/table")


def test_an_empty_table_says_so(desk: Desk) -> None:
    desk.publish(("v1.xlsx", sheet_file(V1)))
    assert "还没有收到" in desk.page("/forms/water/table")


# --- F7, F8 -----------------------------------------------------------------------------------------------


def test_who_did_what_is_told(two_versions: Desk, here: Any) -> None:
    two_versions.post("/forms/water/retire", version="1")
    page = two_versions.page("/forms/water")
    history = page[page.index("经过") :]
    for words in ("谭县管", "发布版本 1", "发布版本 2", "停用版本 1"):
        assert words in history
    assert {change.op.actor for change in here.store.history("form", "water")} == {"u-county"}
    changes = two_versions.page("/forms/water/changes?version=2")
    assert "full_name" in changes
    assert "电话" in changes


def test_only_the_preview_may_be_framed_and_only_by_us(desk: Desk, here: Any, static_dir: Path) -> None:
    import json

    manifest = static_dir / "dist" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"preview.js": "main-0A1B2C3D.js"}))
    place = desk.designed(("v1.xlsx", sheet_file(V1)))
    frame = desk.browser.get(f"{place}/phone?household={HOUSEHOLD}")
    assert "frame-ancestors 'self'" in frame.headers["Content-Security-Policy"]
    assert frame.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "试填" in frame.text
    around = desk.browser.get(f"{place}/preview")
    assert "frame-ancestors 'none'" in around.headers["Content-Security-Policy"]
    assert around.headers["X-Frame-Options"] == "DENY"
    assert '"full_name"' in desk.page(f"{place}/page.html")
    records = desk.browser.get(f"{place}/household.json?household={HOUSEHOLD}").json
    assert records["household"][0]["fields"]["head_name"] == "冉光荣"
    assert desk.browser.get(f"{place}/household.json?household=h-far").status_code == 404
    assert here.store.get("form", "water") is None


def test_a_deleted_draft_leaves_what_is_published(desk: Desk, here: Any) -> None:
    desk.publish(("v1.xlsx", sheet_file(V1)))
    place = f"/forms/designs/{here.designs.all()[0].id}"
    assert "不能找回" in desk.page(f"{place}/delete")
    assert here.designs.all()
    desk.post(f"{place}/delete")
    assert not here.designs.all()
    assert here.forms.newest("water").version == "1"
