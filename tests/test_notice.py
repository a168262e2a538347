"""The notice a household is given (告知), and what stays of it.

1. every shipped form that asks about a household has the words, in both languages, at its beginning
2. version and moment are in the answers, and do not move while the form is filled
3. where a form rests on consent: asked, recorded, and the guardian named
4. the office reads it with the submission, on paper, and before a form is published without one
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conftest import HOUSEHOLD, VILLAGE

from app.config import ROOT
from forms.definition import Form
from forms.instance import Instance
from forms.library import load_library
from forms.notice import Told, asks_consent, is_missing, told, words_of
from sync.author import Author

FORMS = load_library(ROOT / "forms" / "library").forms
ABOUT_PEOPLE = [form for form in FORMS.values() if form.about == "household"]
AT = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize("form", ABOUT_PEOPLE, ids=lambda form: form.form_id)
def test_every_form_about_a_household_tells_it_first(form: Form) -> None:
    zh, en = words_of(form, "zh"), words_of(form, "en")
    for said in ("只为", "保存", "查看", "更正", "删除", "14 岁", "监护人"):
        assert said in zh
    assert "guardian" in en and not is_missing(form)
    shown = [node["name"] for node in form.definition["nodes"] if node["kind"] == "question" and node.get("label")]
    assert shown[0] == "privacy_note"


@pytest.mark.parametrize("form", ABOUT_PEOPLE, ids=lambda form: form.form_id)
def test_version_and_moment_are_in_the_answers(form: Form) -> None:
    ids = iter(f"id-{n}" for n in range(1000))
    visit = Instance(form, now=AT, ids=lambda: next(ids))
    first = told(form, visit.answers())
    assert first.version and first.at.startswith("2026-11-28")
    again = Instance(form, now=AT + timedelta(hours=2), ids=lambda: next(ids), answers=visit.answers(hidden=True))
    again.set_value("/data/meet/outcome", "nobody")
    assert told(form, again.answers()) == first


def test_consent_is_asked_where_a_form_rests_on_it() -> None:
    form = FORMS["monitoring"]
    assert asks_consent(form) and not asks_consent(FORMS["visit"])
    signed = next(node for node in form.definition["nodes"] if node["name"] == "signature_authorise")
    assert "监护人" in signed["label"]["zh"] and "required" in signed
    meet = {"notice_version": "2026-12", "notice_at": "2026-11-28T09:30:00.000+08:00"}
    assert told(form, {"meet": meet}).consent == ""  # no risk: nothing is looked up, nothing is asked
    assert told(form, {"meet": meet, "consent": {"authorised": "OK"}}).consent == "yes"
    assert told(form, {"meet": meet, "consent": {}}).consent == "no"
    assert told(form, "text") == told(form, {"meet": []}) == Told("", "", "")


def test_a_form_without_a_notice_is_named() -> None:
    definition = FORMS["visit"].definition
    bare = Form({**definition, "nodes": [node for node in definition["nodes"] if node["name"] != "privacy_note"]})
    assert is_missing(bare) and not is_missing(FORMS["village"])


@pytest.fixture
def forms_dir() -> Any:
    return ROOT / "forms" / "library"


def test_the_office_reads_which_notice_was_given(here: Any, office: Any, cast: Any) -> None:
    author = Author("i-told", "u-cadre", clock=lambda: AT)
    answers = {"household_id": HOUSEHOLD, "meet": {"notice_version": "2026-12", "notice_at": "2026-11-28T17:30:00.000+08:00",
               "outcome": "nobody"}}  # fmt: skip
    here.store.load([author.create("submission", "s-told", VILLAGE, {
        "form_id": "visit", "form_version": FORMS["visit"].version, "household_id": HOUSEHOLD, "answers": answers,
        "started": "2026-11-28T17:30:00+08:00", "ended": "2026-11-28T17:40:00+08:00"})])  # fmt: skip
    here.tables.catch_up()
    browser = office(cast.cadre)
    page = browser.get("/office/submissions/s-told").text
    assert "告知书 2026-12" in page and "2026-11-28 17:30" in page
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    paper = browser.post("/office/print/submissions/s-told/page.html", data={"csrf_token": token}).text
    assert "2026-12 2026-11-28 17:30" in paper
    assert "保存 5 年" in browser.get("/office/forms/visit").text and "这张表不问住户" in browser.get("/office/forms/village").text
