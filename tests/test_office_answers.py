"""A submission's answers in the form's words: labels not codes, groups, repeats, carried-over marks, files."""

from __future__ import annotations

from app.office.answers import Line, Section, answers_in_words, files_in
from app.office.mask import Sight

SHA = "ab" * 32


def question(path, type="text", zh="", en="", **more):
    label = {"label": {"zh": zh, "en": en}} if zh else {}
    parent, name = path.rsplit("/", 1)
    return {"path": path, "name": name, "kind": "question", "type": type, "parent": parent, **label, **more}


def holder(path, kind, zh):
    parent, name = path.rsplit("/", 1)
    return {"path": path, "name": name, "kind": kind, "parent": parent, "label": {"zh": zh, "en": name}}


DEFINITION = {
    "form_id": "visit",
    "default_language": "zh",
    "root": "/data",
    "nodes": [
        question("/data/household_id", "hidden"),
        holder("/data/living", "group", "生活"),
        question("/data/living/water", "select_one", "饮水安全吗", "Is the water safe", list="yes_no"),
        question("/data/living/policies", "select_multiple", "已享受政策", "Policies", list="policy"),
        question("/data/living/hint", "note", "提示"),
        holder("/data/member", "repeat", "成员"),
        question("/data/member/full_name", "text", "姓名", "Name"),
        question("/data/member/id_no", "text", "身份证号", "ID", save_to="id_no"),
        {
            **question("/data/member/health", "text", "x"),
            "label": {"zh": [{"tree": ["ref", "/data/member/full_name"]}, "身体怎样", {"tree": ["fn", "now"]}]},
        },
        question("/data/photo", "image", "照片", "Photo"),
        question("/data/sign", "image", "签字", "Signature", appearance=["signature"]),
    ],
    "lists": {
        "yes_no": [{"name": "yes", "label": {"zh": "是", "en": "Yes"}}, {"name": "no", "label": {"zh": "否"}}],
        "policy": [{"name": "a", "label": {"zh": "低保"}}, {"name": "b", "label": {"zh": "雨露计划"}}],
    },
}
ANSWERS = {
    "household_id": "h1",
    "living": {"water": "no", "policies": "a b", "hint": "x"},
    "member": [
        {"full_name": "张三", "id_no": "50023219700101002X", "health": "好"},
        {"full_name": "李四", "id_no": "", "health": ""},
    ],
    "photo": f"{SHA}.jpg",
    "sign": "no file",
    "dropped_question": "还在",
}


def shown(lang="zh", **more):
    return answers_in_words(DEFINITION, ANSWERS, lang, **more)


def lines(section):
    for item in section.items:
        if isinstance(item, Section):
            yield from lines(item)
        else:
            yield item


def line(path, **more):
    return next(one for one in lines(shown(**more)) if one.path == path)


def test_choices_are_told_by_label_and_groups_by_title():
    section = next(one for one in shown().items if isinstance(one, Section))
    assert section.label == "生活"
    assert [(one.label, one.value) for one in section.items] == [("饮水安全吗", "否"), ("已享受政策", "低保、雨露计划")]
    assert line("/data/living/water", lang="en").label == "Is the water safe"
    assert line("/data/living/water", lang="en").value == "否"  # not translated: the form's own language


def test_repeats_are_told_apart_by_name():
    assert [one.label for one in shown().items if isinstance(one, Section)] == ["生活", "成员 1 · 张三", "成员 2 · 李四"]


def test_labels_with_answers_in_them():
    assert line("/data/member[1]/health").label == "张三身体怎样…"


def test_what_has_no_label_or_no_answer_is_left_out():
    paths = [one.path for one in lines(shown())]
    assert "/data/household_id" not in paths
    assert "/data/living/hint" not in paths
    assert "/data/member[2]/id_no" not in paths


def test_what_the_form_does_not_know_is_shown_as_sent():
    assert Line("/data/dropped_question", "dropped_question", "还在") in list(lines(shown()))
    unknown = answers_in_words({"nodes": []}, {"a": {"b": ["c"]}}, "zh")
    assert [one.value for one in lines(unknown)] == ['{"b": ["c"]}']


def test_files_are_only_those_that_are_named():
    assert line("/data/photo").file == SHA
    assert line("/data/sign").file == ""
    assert line("/data/sign").signature
    assert files_in(ANSWERS) == {SHA: "jpg"}
    assert files_in({"a": [{"b": f"../{SHA}.jpg"}, f"{SHA}.jpg.html", SHA]}) == {}


def test_carried_over_marks_use_the_forms_words():
    carried = {
        "/data/living/water": {"value": "yes", "date": "2026-03-01", "state": "changed"},
        "/data/member/full_name": {"value": "张三", "date": "2026-03-01", "state": "same"},
    }
    water = line("/data/living/water", carried=carried).carried
    assert (water.state, water.value, water.date) == ("changed", "是", "2026-03-01")
    assert line("/data/member[1]/full_name", carried=carried).carried.state == "same"
    assert line("/data/member[2]/full_name", carried=carried).carried is None
    assert line("/data/living/water", carried={"/data/living/water": "broken"}).carried is None


def test_problems_stand_at_their_question_even_without_an_answer():
    found = line("/data/member[2]/id_no", problems={"/data/member[2]/id_no": ["必须填"]})
    assert found.problems == ("必须填",)


def test_personal_answers_are_masked_for_those_who_need_not_see_them():
    assert line("/data/member[1]/id_no", sight=Sight()).value == "500232********002X"
    assert line("/data/member[1]/id_no").value == "50023219700101002X"


def test_broken_shapes_are_survived():
    for answers in ({"living": "text"}, {"member": "text"}, {"member": ["x"]}, {"living": None}, {"photo": ["x"]}):
        answers_in_words(DEFINITION, answers, "zh")
