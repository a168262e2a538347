"""Any form on paper, blank and filled, read back from the finished PDF."""

from __future__ import annotations

import base64
import io
from datetime import datetime

import pypdfium2
import pytest
import zxingcpp
from PIL import Image

from app import codes
from app.config import ROOT
from app.office.mask import Sight
from app.print import fonts, pages, render
from app.print.conditions import condition_in_words
from app.print.paper import blank, filled
from forms.compile import compile_form
from forms.instance import Instance
from forms.library import load_library

KEY = b"k" * 32
CODE = codes.make_code(KEY, bytes(range(9)))
NUMBER = "XZH6R1YQ"
ADDRESS = "https://ruhu.example.cn"
FORMS = load_library(ROOT / "forms" / "library").forms
NOW = datetime.fromisoformat("2026-11-24T20:15:03.123+08:00")

MIXED = """
| survey |
| | type | name | label::中文 (zh) | label::English (en) | hint::中文 (zh) | hint::English (en) | relevant | required | appearance |
| | begin group | meet | 见面 | Meeting | | | | | | |
| | select_one yes_no | home | 有人在家吗 | Anybody home | 敲三次门 | Knock three times | | yes | | |
| | text | why | 不在的原因 | Why away | | | ${home} = 'no' | | | |
| | integer | people | 家里几口人 | People | | | ${home} = 'yes' | | | |
| | text | story | 情况 | Story | | | ${people} >= 3 and selected(${needs}, 'water') | | multiline | |
| | select_multiple needs | needs | 需要什么 | Needs | | | | | | |
| | acknowledge | agreed | 同意 | Agrees | | | | | | |
| | end group | | | | | | | | | |
| | begin repeat | child | 孩子 | Child | | | | | | |
| | text | child_name | 姓名 | Name | | | | | | |
| | select_one yes_no | at_school | 在校 | At school | | | | | | |
| | end repeat | | | | | | | | | |
| | image | face | 照片 | Photo | | | | | | |
| | image | sign | 签字 | Signature | | | | | signature | |
| | note | thanks | 共 ${people} 人,谢谢 | ${people} people, thank you | | | ${people} > 0 | | | |
| choices |
| | list_name | name | label::中文 (zh) | label::English (en) |
| | yes_no | yes | 是 | Yes |
| | yes_no | no | 否 | No |
| | needs | water | 饮水 | Water |
| | needs | road | 道路 | Road |
| settings |
| | form_title | form_id | version | default_language |
| | 各样的题 | mixed | 3 | 中文 (zh) |
"""


@pytest.fixture(scope="session")
def renderer():
    return render.Renderer(fonts.prepare(ROOT / ".tools" / "fonts"))


@pytest.fixture(scope="module")
def mixed():
    return compile_form(MIXED, "mixed.md")


def picture(colour="red", size=(40, 30)) -> str:
    data = io.BytesIO()
    Image.new("RGB", size, colour).save(data, "PNG")
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()


def answers_of(form, answers, prefill=None):
    """What a phone sends: relevant questions, blank ones too."""
    instance = Instance(form, now=NOW, answers=None, prefill=prefill or {}, ids=lambda: "id", external={})
    for path, text in answers.items():
        if "[" in path:
            repeat, place = path.split("[")[0], int(path.split("[")[1].split("]")[0])
            while instance.count(repeat) < place:
                assert instance.add_repeat(repeat)
        instance.set_value(path, text)
    return instance.finalize().answers


def filled_page(form, answers, lang="zh", pictures=None, **more):
    filling = pages.Filling("s-1", answers, "2026-11-24T20:40:00+08:00", "王珍", "冉光荣", "清水村一组", CODE, NUMBER)
    return pages.filled_html(
        form, lang, filling, address=ADDRESS, printed="2026-11-25", picture=lambda name: (pictures or {}).get(name, ""), **more
    )


def read(pdf: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(pdf)
    return ["".join(page.get_textpage().get_text_range().split()) for page in document]


def text_of(renderer, html) -> str:
    return "".join(read(renderer.pdf([html])))


def labels(items, kind=None):
    return [item["label"] for item in items if kind in (None, item["kind"])]


# ---- conditions --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "zh", "en"),
    [
        ("why", "“有人在家吗”是“否”", "“Anybody home” is “No”"),
        ("story", "“家里几口人”不低于 3,并且“需要什么”选了“饮水”", "“People” is at least 3, and “Needs” includes “Water”"),
        ("thanks", "“家里几口人”大于 0", "“People” is above 0"),
    ],
)
def test_a_relevance_is_said_in_the_forms_own_words(mixed, name, zh, en):
    node = next(node for node in mixed.definition["nodes"] if node["name"] == name)
    assert condition_in_words(mixed, node["relevant"], "zh") == zh
    assert condition_in_words(mixed, node["relevant"], "en") == en


def test_what_cannot_be_said_is_not_made_up(mixed):
    known = ["=", ["ref", "/data/meet/home"], "no"]
    unknown = ["=", ["fn", "random"], 1]
    assert condition_in_words(mixed, unknown, "zh") is None
    assert condition_in_words(mixed, ["or", known, unknown], "zh") is None
    assert condition_in_words(mixed, ["and", known, unknown], "zh") == "“有人在家吗”是“否”,等"
    assert condition_in_words(mixed, ["fn", "selected", "a b", ["ref", "/data/meet/home"]], "zh") == "“有人在家吗”是“a”或“b”"


# ---- blank -------------------------------------------------------------------------------------------


def test_a_blank_form_has_boxes_codes_hints_lines_and_empty_rows(mixed, renderer):
    text = text_of(renderer, pages.blank_html(mixed, "zh", rows=6, printed="2026-11-25"))
    for wanted in ("有人在家吗*", "敲三次门", "饮水", "道路", "如果“有人在家吗”是“否”,请填", "在校:是/否", "签字", "同意"):
        assert wanted in text, wanted
    table = next(item for section in blank(mixed, "zh", 6) for item in section.items if item["kind"] == "table")
    assert len(table["rows"]) == 6 and table["head"] == ["姓名", "在校"]


def test_codes_people_write_stand_beside_the_choices(renderer):
    text = text_of(renderer, pages.blank_html(FORMS["register"], "zh", rows=3, printed="2026-11-25"))
    assert "因病01" in text and "男1" in text and "见到met" not in text


def test_a_blank_form_is_in_english_too(mixed, renderer):
    text = text_of(renderer, pages.blank_html(mixed, "en", rows=3, printed="2026-11-25"))
    assert "If“Anybodyhome”is“No”,fillin" in text and "Knockthreetimes" in text
    assert "有人" not in text


@pytest.mark.parametrize("form_id", sorted(FORMS))
def test_every_shipped_question_is_on_the_blank_paper(form_id, renderer):
    form = FORMS[form_id]
    texts = read(renderer.pdf([pages.blank_html(form, "zh", rows=3, printed="2026-11-25")]))
    whole = "".join(texts)
    for node in form.definition["nodes"]:
        if node["type"] == "note" and "relevant" in node:
            continue  # some depend on what only a program works out
        if node["kind"] == "question" and node.get("label") and node["type"] not in ("calculate", "hidden"):
            label = form.label(node["path"], "zh").replace("…", "____")
            assert "".join(label.split()) in whole, node["path"]
    assert len(texts) <= 7


# ---- filled ------------------------------------------------------------------------------------------


def test_a_filled_form_shows_answers_in_words_and_leaves_out_what_was_skipped(mixed, renderer):
    answers = answers_of(mixed, {"/data/meet/home": "yes", "/data/meet/people": "4", "/data/meet/needs": "water road",
                                 "/data/meet/story": "井\n坏了", "/data/meet/agreed": "OK",
                                 "/data/child[1]/child_name": "冉小一", "/data/child[1]/at_school": "no"})  # fmt: skip
    text = text_of(renderer, filled_page(mixed, answers))
    for wanted in ("有人在家吗是", "需要什么饮水、道路", "情况井坏了", "同意已确认", "1冉小一否", "共4人,谢谢", "冉光荣", "王珍"):
        assert wanted in text, wanted
    assert "不在的原因" not in text
    away = answers_of(mixed, {"/data/meet/home": "no", "/data/meet/why": "走亲戚"})
    text = text_of(renderer, filled_page(mixed, away))
    assert "不在的原因走亲戚" in text and "家里几口人" not in text and "谢谢" not in text


def test_the_qr_of_a_filled_form_reads_back(mixed, renderer):
    pdf = renderer.pdf([filled_page(mixed, answers_of(mixed, {"/data/meet/home": "no"}))])
    image = pypdfium2.PdfDocument(pdf)[0].render(scale=2).to_pil()
    assert [codes.parse(code.text) for code in zxingcpp.read_barcodes(image)] == [codes.Scanned("sheet", CODE, "mixed", NUMBER)]


def test_photos_and_signatures_are_pictures(mixed, renderer):
    answers = answers_of(mixed, {"/data/meet/home": "no", "/data/face": "a.png", "/data/sign": "b.png"})
    pdf = renderer.pdf([filled_page(mixed, answers, pictures={"a.png": picture("red"), "b.png": picture("blue")})])
    image = pypdfium2.PdfDocument(pdf)[0].render(scale=1).to_pil().convert("RGB")
    colours = {colour for _, colour in image.getcolors(1 << 24)}
    assert {(255, 0, 0), (0, 0, 255)} <= colours
    assert "图片不在这台服务器上" in text_of(renderer, filled_page(mixed, answers))


def test_an_answer_of_500_characters_is_whole(mixed, renderer):
    long = "".join(chr(0x4E00 + n) for n in range(500))
    answers = answers_of(mixed, {"/data/meet/home": "no", "/data/meet/why": long})
    assert long in text_of(renderer, filled_page(mixed, answers))
    wide = "x" * 500
    answers = answers_of(mixed, {"/data/meet/home": "no", "/data/meet/why": wide})
    assert wide in text_of(renderer, filled_page(mixed, answers))


@pytest.mark.parametrize("count", [0, 1, 20, 60])
def test_no_member_one_and_twenty_over_pages(count, renderer):
    form = FORMS["assurance"]
    member = {"full_name": "", "birth_date": "1985-07-28", "health": "01", "student_stage": "",
              "medical_insurance": "resident", "serious_insurance": "yes"}  # fmt: skip
    people = [member | {"full_name": f"冉成员{n:02d}"} for n in range(1, count + 1)]
    answers = {"meet": {"outcome": "met", "respondent": "head"}, "people": {"member": people}, "close": {"remark": ""}}
    texts = read(renderer.pdf([filled_page(form, answers)]))
    whole = "".join(texts)
    assert all(whole.count(f"冉成员{n:02d}") == 1 for n in range(1, count + 1))
    if count == 60:
        assert len(texts) >= 2 and sum("姓名" in text and "冉成员" in text for text in texts) >= 2
    if count == 0:
        assert "成员没有" in whole


def test_many_columns_become_blocks_none_lost(renderer):
    form = FORMS["register"]
    people = [{"full_name": f"冉成员{n:02d}", "relation": "03", "sex": "1", "id_no": f"99915619850728{n:04d}",
               "health": "01", "medical_insurance": "resident"} for n in range(1, 21)]  # fmt: skip
    answers = {"meet": {"outcome": "met"}, "people": {"new_members": "0", "member": people}}
    whole = text_of(renderer, filled_page(form, answers))
    assert all(whole.count(f"冉成员{n:02d}") == 1 and f"99915619850728{n:04d}" in whole for n in range(1, 21))


def test_personal_answers_are_masked_for_those_who_may_not_see_them(renderer):
    form = FORMS["register"]
    answers = {"people": {"member": [{"full_name": "冉光荣", "id_no": "999156198507284446"}]}}
    text = text_of(renderer, filled_page(form, answers, seen=Sight().value))
    assert "999156********4446" in text and "999156198507284446" not in text


def test_answers_are_never_markup_nor_addresses(mixed, renderer):
    answers = answers_of(mixed, {"/data/meet/home": "no", "/data/meet/why": '<img src="file:///etc/passwd"><b>x</b>'})
    assert '<imgsrc="file:///etc/passwd"><b>x</b>' in text_of(renderer, filled_page(mixed, answers))


def test_a_form_without_answers_still_prints(mixed):
    assert filled(mixed, {}, "zh", picture=lambda name: "") == []
