"""Looking at submissions again: the register as it stood before, what differs, and that nothing waits for ever."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from fake_store import VILLAGE, FakeStore

from app.tables import Tables
from app.tables.review import Findings, differences, review_some
from app.tables.seen import Asked, fields_before, register_seen
from app.tables.submissions import SubmissionWish, find_submissions, flagged
from app.tables.visit_facts import VisitFacts
from sync.records import Scope

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Each:
    """A reviewer that judges one after the other."""

    def __init__(self, judge: Callable[[Any], Findings | None]) -> None:
        self.judge = judge

    def many(self, rows: Any) -> list[Findings | None]:
        return [self.judge(row) for row in rows]
VILLAGERS = Scope(area_prefixes=(VILLAGE,))


@pytest.fixture
def store():
    store = FakeStore()
    store.put("household", "h", head_name="张三", water="well", phone="1")
    store.put("member", "m2", household_id="h", full_name="李四", line="10", state="active")
    store.put("member", "m1", household_id="h", full_name="张三", line="2", state="active")
    store.put("member", "gone", household_id="h", full_name="王五", line="1", state="dead")
    store.put("submission", "s", household_id="h", form_id="visit", form_version="1", answers={})
    store.put("household", "h", water="tap", _submission="s")
    store.put("member", "new", household_id="h", full_name="张小", line="3", state="active", _submission="s")
    store.put("household", "h", water="tank", phone="2")
    return store


@pytest.fixture
def tables(store, tmp_path):
    tables = Tables(tmp_path / "read.db", store)
    tables.catch_up()
    yield tables
    tables.close()


def test_the_register_as_it_was_seen(store, tables):
    seen = register_seen(tables, store, Asked("h", store.ops_of_submission("s")))
    (household,) = seen["household"]
    assert (household["water"], household["phone"], household["label"]) == ("well", "1", "张三")
    assert [row["name"] for row in seen["member"]] == ["m1", "m2"]
    assert seen["visit"] == []


def test_what_the_phone_says_it_saw_counts(store, tables):
    ours = store.ops_of_submission("s")
    assert ours[1].op.fields["water"].old == "well"
    store.put("household", "h", water="other")
    assert register_seen(tables, store, Asked("h", ours))["household"][0]["water"] == "well"


def test_without_a_household_or_ops(store, tables):
    assert register_seen(tables, store, Asked(""))["household"] == []
    assert register_seen(tables, store, Asked("h"))["household"][0]["water"] == "tank"


def test_a_record_made_later_did_not_exist(store):
    assert fields_before({"a": "1"}, store.history("member", "new"), 5) is None


def change(entity, id, **fields):
    steps = {name: SimpleNamespace(old=old, new=new) for name, (old, new) in fields.items()}
    return SimpleNamespace(entity=entity, id=id, kind="update", fields=steps)


def test_differences_between_answers_and_ops():
    derived = [change("household", "h", water=("well", "tap"), fuel=("a", "a"), road=("", "b"))]
    came = [
        change("household", "h", water=("well", "tank"), last_visit=("", "2026-11-01"), phone=("1", "2")),
        change("visit", "v", date=(None, "2026-11-01")),
    ]
    found = {(one["field"], one["code"]) for one in differences(derived, came)}
    assert found == {("water", "other"), ("road", "missing"), ("phone", "unasked")}
    assert differences(derived, [change("household", "h", water=("x", "tap"), road=(None, "b"))]) == []


def test_findings_are_kept_with_the_submission(tables):
    problem = {"path": "/data/a", "code": "required", "message": {"zh": "必须填", "en": "Required"}}
    assert review_some(tables, Each(lambda row: Findings([problem], [])), 10) == 1
    assert review_some(tables, Each(lambda row: pytest.fail("again")), 10) == 0
    (row,) = find_submissions(tables, VILLAGERS, SubmissionWish(flagged=True)).rows
    assert row["problem_count"] == 1
    assert flagged(tables, VILLAGERS) == 1


def test_a_submission_whose_form_is_not_here_waits_without_holding_up_others(store, tables):
    store.put("submission", "s2", household_id="h", form_id="visit", answers={})
    tables.catch_up()
    for _ in range(2):
        review_some(tables, Each(lambda row: None if row["id"] == "s" else Findings()), 1)
    assert {row["id"]: row["reviewed"] for row in find_submissions(tables, VILLAGERS, SubmissionWish()).rows} == {
        "s": -1, "s2": 1,
    }  # fmt: skip
    store.put("form", "visit", form_id="visit", version="1")
    tables.catch_up()
    assert review_some(tables, Each(lambda row: Findings()), 10) == 1


def test_a_number_written_down_that_another_household_has(store, tables):
    store.put("household", "other", head_name="李五")
    store.put("member", "twin", household_id="other", id_no="50023219700101002X", state="active")
    store.put("member", "dead", household_id="other", id_no="500232196003030031", state="dead")
    tables.catch_up()

    def elsewhere(*numbers, household="h"):
        visit = {"household_id": household}
        return VisitFacts(tables.reading(), [visit]).of(visit, "", NOW, numbers)["people_elsewhere"]

    assert elsewhere("50023219700101002X") == "1"
    assert elsewhere("50023219700101002X", household="other") == "0"
    assert elsewhere("500232196003030031", "") == "0" and elsewhere() == "0"


def test_what_is_asked_of_other_visits_reads_an_index_only_as_far_as_needed(tables: Tables) -> None:
    """Else each visit costs what all before it cost together."""
    asked: list[tuple[str, Any]] = []

    class Noting:
        def execute(self, sql: str, values: Any) -> Any:
            asked.append((sql, values))
            return tables.reading().execute(sql, values)

    visit = {"form_id": "visit", "area": VILLAGE, "id": "s", "sender": "u", "ended": "2026-11-01T10:00"}
    VisitFacts(Noting(), [visit]).of(visit, "", NOW, ["1"])
    plans = {sql: [row[3] for row in tables.reading().execute(f"EXPLAIN QUERY PLAN {sql}", values)] for sql, values in asked}
    assert len(plans) == 6
    for sql, steps in plans.items():
        tables_read = [step for step in steps if "json_each" not in step]
        assert not [step for step in tables_read if step.startswith("SCAN") or "ORDER BY" in step], (sql, steps)
