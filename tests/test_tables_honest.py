"""A visit filled by the shipped form, as an honest phone sends it, is not flagged; a meddled one is."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest
from fake_store import FakeStore

from app.tables import Tables
from app.tables.review import FormReviewer, review_some
from app.tables.seen import Asked, register_seen
from app.tables.submissions import SubmissionWish, find_submissions
from forms.entities import changes
from forms.instance import Instance
from forms.library import load_library
from sync.records import Scope

NOW = datetime(2026, 11, 24, 20, tzinfo=timezone(timedelta(hours=8)))
FORM = load_library(Path(__file__).parents[1] / "forms" / "library").forms["visit"]


@pytest.fixture
def store():
    store = FakeStore()
    store.put("household", "h", head_name="张三", group="1组", water_source="well", phone="13800001111", language="1")
    store.put("member", "m1", household_id="h", full_name="张三", line="1", state="active", relation="01", sex="1")
    store.put("member", "m2", household_id="h", full_name="李四", line="2", state="active", relation="02", sex="2")
    return store


@pytest.fixture
def tables(store, tmp_path):
    tables = Tables(tmp_path / "read.db", store)
    tables.catch_up()
    yield tables
    tables.close()


def fill(store, tables, **answers):
    """What the phone makes of a visit: the submission and the changes that follow from it."""
    seen = register_seen(tables, store, Asked("h"))
    numbers = iter(range(1000, 2000))
    form = Instance(
        FORM, now=NOW, external=seen, prefill={"household_id": "h"}, ids=lambda: f"0-0-{next(numbers):012x}"
    )
    for path, value in answers.items():
        form.set_value(path, value)
    base = {kind: [{"id": row["name"], "fields": row} for row in rows] for kind, rows in seen.items()}
    return form.finalize().answers, changes(FORM, form, base)


def send(store, tables, sent, derived):
    store.put(
        "submission", "s", household_id="h", form_id="visit", form_version=FORM.version, answers=sent,
        started=NOW.isoformat(), ended=NOW.isoformat(),
    )  # fmt: skip
    for change in derived:
        fields = {name: step["new"] for name, step in change.fields.items()}
        store.put(change.entity, change.id, **fields, _submission="s")
    store.put("household", "h", last_visit="2026-11-24", _submission="s")
    tables.catch_up()
    forms = SimpleNamespace(get=lambda form_id, version: FORM)
    assert review_some(tables, FormReviewer(tables, store, forms), 10) == 1
    (row,) = find_submissions(tables, Scope(area_prefixes=("50",)), SubmissionWish()).rows
    return row


def test_an_honest_phone_has_no_differences(store, tables):
    sent, derived = fill(store, tables)
    row = send(store, tables, sent, derived)
    assert row["differences"] == "[]"
    assert '"code":"irrelevant"' not in row["problems"]
    assert '"code":"unreadable"' not in row["problems"]


def test_what_was_only_not_confirmed_is_no_difference(store, tables):
    sent, derived = fill(store, tables)
    for change in derived:
        for name in [name for name, step in change.fields.items() if step["old"] == step["new"]]:
            del change.fields[name]
    assert send(store, tables, sent, derived)["differences"] == "[]"


def test_a_change_that_does_not_follow_from_the_answers_is_found(store, tables):
    sent, derived = fill(store, tables)
    (household,) = [change for change in derived if change.entity == "household"]
    household.fields["status"] = {"old": "", "new": "exited"}
    row = send(store, tables, sent, derived)
    assert '"code":"unasked"' in row["differences"]
    assert row["difference_count"] == 1


def test_answers_that_are_not_asked_are_found(store, tables):
    sent, derived = fill(store, tables)
    sent["meet"]["proxy_name"] = "谁"
    assert '"code":"irrelevant"' in send(store, tables, sent, derived)["problems"]


@pytest.mark.parametrize("sent", [{"meet": []}, [], "text", {"people": {"member": {"a": "b"}}}])
def test_nothing_sent_stops_the_others(store, tables, sent):
    assert send(store, tables, sent, [])["reviewed"] == 1
