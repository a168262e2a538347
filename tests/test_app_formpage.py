"""The form page: markup the phone binds to, readable without JavaScript, safe, and small.

1. every shown node has its data-path; silent nodes leave nothing
2. each type of question gets its control, named by the path
3. style "pages": one section per top-level group
4. what authors write is text, in the page and in the embedded definition
5. a repeat is a template with a button to add one; read whole, it shows one instance
6. sixty questions fit in 14 KB of brotli, the definition included
7. labels in the wished language, the form's own when there is none
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import brotli
import pytest
from flask import Flask

from app import formpage, i18n


@pytest.fixture(autouse=True)
def rendering() -> Iterator[None]:
    app = Flask("app", static_folder=None)
    i18n.init_app(app, "zh")
    with app.test_request_context("/"):
        yield


def question(path: str, kind: str = "text", **more: Any) -> dict[str, Any]:
    name = path.rsplit("/", 1)[1]
    parent = path.rsplit("/", 1)[0]
    return {"path": path, "name": name, "kind": "question", "type": kind, "parent": parent,
            "label": {"zh": f"题 {name}", "en": f"Question {name}"}} | more  # fmt: skip


def group(path: str, kind: str = "group", **more: Any) -> dict[str, Any]:
    return question(path, kind, **more) | {"kind": kind, "type": kind}


def definition(*nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    yes_no = [{"name": "yes", "label": {"zh": "是", "en": "Yes"}}, {"name": "no", "label": {"zh": "否", "en": "No"}}]
    return {
        "format": 1, "form_id": "visit", "version": "1", "title": {"zh": "走访", "en": "Visit"},
        "languages": ["zh", "en"], "default_language": "zh", "style": ["pages"], "root": "/data",
        "nodes": list(nodes), "lists": {"yes_no": yes_no}, "instances": {}, "entities": [], "order": [],
    } | more  # fmt: skip


def rendered(*nodes: dict[str, Any], lang: str = "zh", **more: Any) -> str:
    return formpage.render_fragment(definition(*nodes, **more), "h" * 64, lang)


def test_a_shown_question_has_its_path_and_type() -> None:
    page = rendered(group("/data/a"), question("/data/a/name", hint={"zh": "全名"}))
    assert '<section class="page" data-path="/data/a" data-name="a"><h2>题 a</h2>' in page
    assert '<div class="question" data-path="/data/a/name" data-type="text">' in page
    assert '<span class="label">题 name</span><span class="hint">全名</span>' in page
    assert 'name="/data/a/name"' in page
    assert '<p class="error" role="alert" hidden></p>' in page


def test_silent_nodes_and_groups_of_them_leave_nothing() -> None:
    hidden = question("/data/a/sum", "calculate") | {"label": None}
    page = rendered(group("/data/a"), hidden, group("/data/b"), question("/data/b/x"))
    shown = page.split("<script")[0]
    assert "/data/a" not in shown
    assert "/data/b/x" in shown


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("text", {}, r'<input autocomplete="off" name="/data/q" type="text"'),
        ("text", {"appearance": ["multiline"]}, r"<textarea"),
        ("integer", {}, r'inputmode="numeric"'),
        ("decimal", {}, r'inputmode="decimal"'),
        ("date", {}, r'<input name="/data/q" type="date"'),
        ("select_one", {"list": "yes_no"},
         r'<label class="choice"><input name="/data/q" type="radio" value="yes"><span>是</span></label>'),
        ("select_multiple", {"list": "yes_no"}, r'<input name="/data/q" type="checkbox" value="no">'),
        ("select_one", {"list": "yes_no", "appearance": ["minimal"]}, r'<select name="/data/q">'),
        ("image", {}, r'<input accept="image/\*" name="/data/q" type="file">'),
        ("image", {"appearance": ["new"]}, r'accept="image/\*" capture="environment"'),
        ("image", {"appearance": ["new-front"]}, r'capture="user"'),
        ("image", {"appearance": ["signature"]}, r'<input accept="image/\*" name="/data/q" type="file">'),
        ("audio", {}, r'accept="audio/\*"'),
        ("video", {}, r'accept="video/\*"'),
        ("file", {}, r'<input name="/data/q" type="file">'),
        ("geopoint", {}, r'<input autocomplete="off" name="/data/q" type="text"'),
        ("geoshape", {}, r'<input autocomplete="off" name="/data/q" type="text"'),
        ("barcode", {}, r'<input autocomplete="off" name="/data/q" type="text"'),
        ("acknowledge", {}, r'type="checkbox" value="OK"'),
        ("note", {}, r'<div class="note"><span class="label">'),
        ("calculate", {}, r'<div class="note"><span class="label">'),
    ],
)  # fmt: skip
def test_each_type_has_its_control(kind: str, more: dict[str, Any], expected: str) -> None:
    page = rendered(question("/data/q", kind, **more)).split("<script")[0]
    assert re.search(expected, page), page
    assert f'data-type="{kind}"' in page
    assert " id=" not in page  # the same markup stands in every instance of a repeat


def test_loose_questions_between_groups_are_a_page_of_their_own() -> None:
    page = rendered(question("/data/first"), group("/data/a"), question("/data/a/x"), question("/data/last"))
    assert re.findall(r'<section class="page" data-path="([^"]+)"', page) == ["/data/first", "/data/a", "/data/last"]


def test_without_pages_there_is_one_section() -> None:
    page = rendered(group("/data/a"), question("/data/a/x"), group("/data/b"), question("/data/b/x"), style=[])
    assert re.findall(r'<section class="page" data-path="([^"]+)"', page) == ["/data"]
    assert '<fieldset class="group" data-path="/data/b" data-name="b"><legend>题 b</legend>' in page


def test_a_repeat_is_a_template_and_a_button() -> None:
    nodes = (group("/data/m", "repeat"), question("/data/m/name"))
    page = rendered(*nodes)
    assert '<div class="repeat" data-path="/data/m" data-name="m"><template>' in page
    assert 'class="add" data-add="/data/m"' in page
    counted = rendered(group("/data/m", "repeat", count=3), question("/data/m/name"))
    assert 'class="add"' not in counted


def test_carried_questions_have_a_place_for_last_time() -> None:
    carried = rendered(question("/data/q", dynamic_default=["fn", "x"], carried={"list": "household", "property": "q"}))
    assert '<div class="carried" hidden></div>' in carried
    assert 'class="carried"' not in rendered(question("/data/q"))


HOSTILE = '</script><img src=x onerror=alert(1)>"\'<!--\u2028'


def test_what_authors_write_is_text() -> None:
    nodes = (
        group("/data/a", label={"zh": HOSTILE}),
        question("/data/a/q", label={"zh": [HOSTILE, {"tree": ["ref", "/data/a/q"]}]}, hint={"zh": HOSTILE},
                 guidance={"zh": HOSTILE}),
        question("/data/a/s", "select_one", list="bad", appearance=['"><b>']),
        question("/data/a/t", "select_one", list="bad", appearance=["minimal"]),
        question("/data/a/n", "note", label={"zh": HOSTILE}),
    )  # fmt: skip
    lists = {"bad": [{"name": '"><i>', "label": {"zh": HOSTILE}}]}
    page = rendered(*nodes, lists=lists, title={"zh": HOSTILE})
    before, _tag, after = page.partition('<script type="application/json" id="definition">')
    for forbidden in ("<img", "<b>", "<i>", "<!--"):
        assert forbidden not in before
        assert forbidden not in after
    embedded = after.removesuffix("</script>\n").removesuffix("</script>")
    assert "</script" not in embedded
    assert json.loads(embedded) == json.loads(json.dumps(definition(*nodes, lists=lists, title={"zh": HOSTILE})))


def test_values_inside_labels_are_left_to_the_phone() -> None:
    label = {"zh": ["户主 ", {"tree": ["ref", "/data/q"]}, " 在家吗"]}
    assert "户主 <output></output> 在家吗" in rendered(question("/data/q", label=label))


def test_language() -> None:
    assert "Question q" in rendered(question("/data/q"), lang="en")
    assert "题 q" in rendered(question("/data/q", label={"zh": "题 q"}), lang="en").split("<script")[0]
    assert "Only" in rendered(question("/data/q", label={"default": "Only"}), lang="en", default_language="default")


def test_sixty_questions_are_light() -> None:
    nodes = []
    for page in range(6):
        nodes.append(group(f"/data/g{page}", label={"zh": f"第{page}部分", "en": f"Part {page}"}))
        for number in range(10):
            path = f"/data/g{page}/question_{number}"
            words = {"zh": f"第{page}{number}个问题:家里的{chr(0x4E00 + page * 97 + number * 13)}情况怎么样?",
                     "en": f"Question {page}{number}: how is the household's matter no. {page * 31 + number * 7}?"}  # fmt: skip
            relevant = ["=", ["ref", f"/data/g{page}/question_{(number + 9) % 10}"], "yes"]
            kind = ("select_one", "integer", "text", "date")[number % 4]
            nodes.append(question(path, kind, label=words, list="yes_no", relevant=relevant,
                                  dynamic_default=["path", ["fn", "instance", "household"], ["child", "root"],
                                                   ["child", f"property_{page}{number}"]]))  # fmt: skip
    packed = brotli.compress(rendered(*nodes).encode(), quality=11)
    assert len(packed) < 14_000
