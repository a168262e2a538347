"""The page that fills and posts without JavaScript, and what the marks of authors become.

1. names are paths with 1-based repeat indexes; values, errors and the required mark are in the page
2. what is not relevant is not asked; a filtered list offers what the answers allow
3. several values of one question are posted under one name, in order
4. labels show answers as text, whatever is typed
5. the buttons say what they do: finish, update, add and remove an instance
6. nothing in the page needs a script or an inline style
7. the marks of labels follow the shared vectors
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from browser.forms import every_question
from flask import Flask

from app import i18n, markup
from app.formfields import range_steps
from app.formwhole import render_whole
from forms.definition import Form

VECTORS = json.loads((Path(__file__).parent / "vectors" / "markup.json").read_text("utf-8"))


@pytest.fixture(autouse=True)
def rendering() -> Iterator[None]:
    app = Flask("app", static_folder=None)
    i18n.init_app(app, "zh")
    with app.test_request_context("/"):
        yield


@pytest.fixture(scope="module")
def form() -> Form:
    return every_question()


class Controls(HTMLParser):
    """name → (values the browser would post, attributes of the controls); ids and what points at them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, list[str]] = {}
        self.attributes: dict[str, list[dict[str, str | None]]] = {}
        self.ids: list[str] = []
        self.pointed: list[str] = []
        self.buttons: list[str] = []
        self.styles = 0
        self._select = self._area = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.styles += "style" in given
        self.ids += [given["id"] or ""] if "id" in given else []
        address = given.get("href") or ""
        self.pointed += [*(given.get("aria-describedby") or "").split(), *([address[1:]] if address[:1] == "#" else [])]
        name = given.get("name") or ""
        if tag == "button":
            self.buttons.append(given.get("value") or "")
        elif tag in ("input", "select", "textarea") and name:
            self.attributes.setdefault(name, []).append(given)
            self.values.setdefault(name, [])
            if tag == "input" and (given.get("type") not in ("radio", "checkbox") or "checked" in given):
                self.values[name].append(given.get("value") or "")
            self._select = name if tag == "select" else ""
            self._area = name if tag == "textarea" else ""
        elif tag == "option" and self._select and "selected" in given:
            self.values[self._select].append(given.get("value") or "")

    def handle_data(self, data: str) -> None:
        if self._area and data.strip():
            self.values[self._area].append(data.strip())

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = ""


ANSWERS = {
    "words": {"name": "<i>*张*</i>", "story": "两行\n字", "people": "40", "income": "120"},
    "selects": {"several": "river tap", "town": "qs", "village": "v2", "order": "river tap", "other": "other",
                "other_other": "雨水",
                "plain": "yes", "place": "p0042", "ok": "OK"},
    "numbers": {"slider": "7", "stars": "4", "picker": "7"},
    "dates": {"birth": "1941-03-05", "year": "1986-01-01", "month": "2020-11-01", "time": "08:30:00.000+08:00",
              "moment": "2026-12-01T14:05:00.000+08:00"},
    "family": {"member": [{"nick": "老张", "age": "61"}, {"nick": "小张", "age": ""}], "who": "小张"},
}  # fmt: skip


def whole(form: Form, answers: dict[str, Any] = ANSWERS, errors: dict[str, str] | None = None, **more: Any) -> str:
    return render_whole(form, answers, errors or {}, "zh", **more)


def test_every_answer_is_in_its_control(form: Form) -> None:
    posted = Controls(whole(form)).values
    assert posted["/data/words/name"] == ["<i>*张*</i>"]
    assert posted["/data/words/story"] == ["两行\n字"]
    assert posted["/data/selects/plain"] == ["yes"]
    assert posted["/data/selects/several"] == ["tap", "river"]
    assert posted["/data/selects/ok"] == ["OK"]
    assert posted["/data/selects/other_other"] == ["雨水"]
    assert [posted[f"/data/numbers/{name}"] for name in ("slider", "stars", "picker")] == [["7"], ["4"], ["7"]]
    dates = [posted[f"/data/dates/{name}"] for name in ("birth", "year", "month", "time", "moment")]
    assert dates == [["1941-03-05"], ["1986"], ["2020-11"], ["08:30"], ["2026-12-01T14:05"]]
    assert posted["/data/family/member[1]/nick"] == ["老张"]
    assert posted["/data/family/member[2]/nick"] == ["小张"]
    assert posted["/data/family/who"] == ["小张"]


def test_controls_are_of_the_right_kind(form: Form) -> None:
    kinds = {name: one[0].get("type") for name, one in Controls(whole(form)).attributes.items()}
    wanted = {"words/pin": "text", "numbers/slider": "number", "numbers/stars": "radio", "dates/birth": "date",
              "dates/year": "number", "dates/month": "month", "dates/time": "time", "dates/moment": "datetime-local",
              "selects/several": "checkbox"}  # fmt: skip
    assert {name: kinds[f"/data/{name}"] for name in wanted} == wanted
    slider = Controls(whole(form)).attributes["/data/numbers/slider"][0]
    assert (slider["min"], slider["max"], slider["step"]) == ("0", "10", "1")


def test_a_ranking_posts_its_places_in_order(form: Form) -> None:
    assert Controls(whole(form)).values["/data/selects/order"] == ["river", "tap"]
    assert len(Controls(whole(form)).attributes["/data/selects/order"]) == 4


def test_what_is_asked_follows_the_answers(form: Form) -> None:
    page = whole(form)
    assert page.count('name="/data/selects/village"') == 4
    assert 'name="/data/selects/other_other"' in page
    bare = whole(form, {"selects": {"town": "bs"}})
    assert bare.count('name="/data/selects/village"') == 8
    assert 'name="/data/selects/other_other"' not in bare


def test_a_list_of_thousands_is_typed_not_shown(form: Form) -> None:
    page = whole(form)
    assert Controls(page).values["/data/selects/place"] == ["p0042"]
    assert page.count("<option") + page.count('class="choice"') < 200


def test_answers_in_labels_are_text(form: Form) -> None:
    page = whole(form)
    assert "<output>&lt;i&gt;*张*&lt;/i&gt;</output> 您好,下面是 <strong>几个问题</strong>" in page
    assert re.search(r'class="calculated">3</output>', page)


def test_errors_are_listed_first_and_tied_to_their_controls(form: Form) -> None:
    errors = {"/data/words/people": "人口在 1 到 29 之间", "/data/family/member[2]/age": "要填 <b>年龄</b>",
              "/data/selects/plain": "再看看"}  # fmt: skip
    page = whole(form, errors=errors)
    found = Controls(page)
    summary = page[page.index('class="wrong-list" role="alert"') : page.index('<section class="page"')]
    assert re.findall(r'href="#q-([^"]+)"', summary) == ["data-words-people", "data-selects-plain", "data-family-member-2_-age"]
    assert "要填 &lt;b&gt;年龄&lt;/b&gt;" in summary
    people = found.attributes["/data/words/people"][0]
    assert people["aria-invalid"] == "true"
    assert people["aria-describedby"] == "e-data-words-people"
    assert set(found.pointed) <= set(found.ids)
    assert len(found.ids) == len(set(found.ids))
    assert "(必填)" in page


def test_buttons_and_hidden_fields(form: Form) -> None:
    page = whole(form, action="/fill/every", hidden={"csrf_token": 'a"b'})
    assert '<form class="form whole" novalidate autocomplete="off" method="post" action="/fill/every"' in page
    assert 'name="csrf_token" value="a&#34;b"' in page
    buttons = Controls(page).buttons
    assert buttons[0] == "update"  # what the Enter key presses
    assert {"finish", "update", "add:/data/family/member", "remove:/data/family/member[2]"} <= set(buttons)
    assert Controls(whole(form, action=None)).buttons == []


def test_it_needs_no_script_and_no_inline_style(form: Form) -> None:
    page = whole(form)
    assert "<script" not in page
    assert "<template" not in page
    assert Controls(page).styles == 0
    assert not re.search(r"\son\w+=", page)


def test_read_only_controls_cannot_be_changed(form: Form) -> None:
    (locked,) = Controls(whole(form)).attributes["/data/words/locked"]
    assert "readonly" in locked
    assert locked["value"] == "A-17"


@pytest.mark.parametrize("vector", VECTORS, ids=lambda one: str(one["parts"])[:24])
def test_marks(vector: dict[str, Any]) -> None:
    assert str(markup.html(markup.pieces(vector["parts"]), vector.get("values", ()))) == vector["html"]


def test_words_without_marks() -> None:
    assert markup.words(markup.pieces(["# 您的 **姓名** [见](https://e.org) ", {"tree": 1}])) == "您的 姓名 见 …"


def test_the_steps_of_a_range() -> None:
    assert range_steps({"start": "0", "end": "1", "step": "0.25"}) == ["0", "0.25", "0.5", "0.75", "1"]
    assert range_steps({"start": "3", "end": "1"}) == ["3", "2", "1"]
    assert range_steps({"start": "0", "end": "1000000", "step": "0.001"}) == []
    assert range_steps({"start": "x"}) == []
    assert range_steps({"start": "1", "end": "5", "step": "0"}) == []
