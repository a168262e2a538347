"""The read tables after any story equal the tables built from nothing, and nothing in them is unscoped."""

from __future__ import annotations

import inspect
import re
import sqlite3

import pytest
from fake_store import ABROAD, NEIGHBOUR, VILLAGE, FakeStore
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.tables import Tables, follow, households, others, rows, schema, settling, submissions
from app.tables.households import HouseholdWish, find_households
from sync.records import Scope

VILLAGERS = Scope(area_prefixes=(VILLAGE,))
ALL = Scope(area_prefixes=("50",))

HOUSES = st.sampled_from(["h1", "h2", "h3"])
STEPS = st.one_of(
    st.tuples(
        st.just("household"), HOUSES, st.sampled_from([VILLAGE, NEIGHBOUR, ABROAD]),
        st.fixed_dictionaries({}, optional={
            "head_name": st.sampled_from(["张三", "曾四", ""]), "group": st.sampled_from(["1组", "12组"]),
            "house_no": st.sampled_from(["", "7号"]), "code": st.sampled_from(["50023210120300017", "50023210120300029"]),
            "other_codes": st.sampled_from(["", "A-17"]), "merged_into": st.sampled_from(["", "", "h3"]),
            "last_visit": st.sampled_from(["", "2026-11-01"]), "status": st.sampled_from(["exited", "ordinary"]),
        }),
    ),
    st.tuples(
        st.just("member"), st.sampled_from(["m1", "m2"]), st.just(VILLAGE),
        st.fixed_dictionaries({"household_id": HOUSES}, optional={
            "full_name": st.sampled_from(["李五", "曾四"]), "state": st.sampled_from(["active", "dead"]),
            "id_no": st.sampled_from(["", "50023219700101002X"]),
        }),
    ),
    st.tuples(
        st.just("issue"), st.sampled_from(["i1", "i2"]), st.just(VILLAGE),
        st.fixed_dictionaries({"household_id": HOUSES, "state": st.sampled_from(["open", "closed"])}),
    ),
    st.tuples(
        st.just("submission"), st.sampled_from(["s1", "s2"]), st.just(VILLAGE),
        st.fixed_dictionaries({"household_id": HOUSES, "form_id": st.just("visit"),
                               "answers": st.just({"a": [{"b": "1"}]})}),
    ),
    st.tuples(
        st.just("visit"), st.sampled_from(["v1", "v2"]), st.just(VILLAGE),
        st.fixed_dictionaries({"household_id": HOUSES, "submission_id": st.sampled_from(["s1", "s2"]),
                               "cadre": st.sampled_from(["", "cadre-2"]), "cadre_name": st.just("王六")}),
    ),
    st.tuples(st.just("user"), st.just("cadre-1"), st.just(VILLAGE),
              st.fixed_dictionaries({"name": st.sampled_from(["王六", "赵七"]), "password_hash": st.just("x")})),
    st.just("catch up"),
    st.just("remove"),
)  # fmt: skip


def contents(tables):
    """Everything in the tables but the numbers that only join them."""
    db = tables.reading()
    rows = {}
    for name, columns in schema.TABLES.items():
        if name == "check_due":  # what is to be looked at depends on what was seen before
            continue
        wanted = ", ".join(f"[{column}]" for column in columns if column != "n")
        rows[name] = sorted(db.execute(f"SELECT {wanted} FROM [{name}]").fetchall())  # noqa: S608
    rows["search"] = sorted(
        db.execute(
            "SELECT h.id, s.names, s.initials, s.tails, s.place, s.code "
            "FROM household_search s JOIN households h ON h.n = s.rowid"
        ).fetchall()
    )
    rows["strays"] = db.execute(
        "SELECT count(*) FROM household_search WHERE rowid NOT IN (SELECT n FROM households)"
    ).fetchone()
    return rows


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, max_size=25))
def test_rebuild_equals_incremental(tmp_path_factory, steps):
    store, known = FakeStore(), []
    folder = tmp_path_factory.mktemp("tables")
    tables = Tables(folder / "read.db", store)
    for step in steps:
        if step == "catch up":
            tables.catch_up()
        elif step == "remove":
            if known:
                store.remove(*known.pop())
        else:
            kind, id, area, fields = step
            store.put(kind, id, area, **fields)
            known = [*(k for k in known if k != (kind, id)), (kind, id)]
    tables.catch_up()
    anew = Tables(folder / "other.db", store)
    anew.catch_up()
    assert contents(tables) == contents(anew)
    assert contents(tables)["strays"] == (0,)
    tables.close()
    anew.close()


WORDS = [
    ("household", "h1", "head_name", "曾四", "曾四"), ("household", "h1", "group", "12组", "12组"),
    ("household", "h1", "house_no", "88号", "88号"), ("household", "h1", "code", "50023210120300029", "50023210120300029"),
    ("household", "h1", "other_codes", "50023210120300031", "50023210120300031"), ("member", "m1", "full_name", "李五", "李五"),
    ("member", "m1", "id_no", "50023219700101002X", "0101002X"), ("member", "m2", "household_id", "h1", "过门的"),
]  # fmt: skip


def found(tables, typed):
    return {row["id"] for row in find_households(tables, VILLAGERS, HouseholdWish(text=typed)).rows}


@pytest.mark.parametrize(("kind", "id", "field", "value", "typed"), WORDS)
def test_a_changed_word_is_found(store, tables, kind, id, field, value, typed):
    store.put("member", "m2", full_name="过门的")
    tables.catch_up()
    assert "h1" not in found(tables, typed)
    store.put(kind, id, **{field: value})
    tables.catch_up()
    assert "h1" in found(tables, typed)


def test_a_member_who_moves_is_found_at_the_new_home_only(store, tables):
    store.put("member", "m2", full_name="搬家的")
    tables.catch_up()
    assert found(tables, "搬家的") == {"h2"}
    store.put("member", "m2", household_id="h1")
    tables.catch_up()
    assert found(tables, "搬家的") == {"h1"}


def test_heads_and_issues_are_counted_again_when_only_their_state_changes(store, tables):
    store.put("issue", "i1", household_id="h1", state="open")
    tables.catch_up()
    count = "SELECT people, open_issues FROM households WHERE id = 'h1'"
    assert [*tables.reading().execute(count)] == [(1, 1)]
    store.put("member", "m1", state="dead")
    tables.catch_up()
    assert [*tables.reading().execute(count)] == [(0, 1)]
    store.put("issue", "i1", state="closed")
    tables.catch_up()
    assert [*tables.reading().execute(count)] == [(0, 0)]


def test_what_leaves_the_words_alone_leaves_the_index_alone(store, tables, monkeypatch):
    tables.catch_up()
    written = []
    monkeypatch.setattr(settling, "_add_entries", lambda _, entries: written.extend(entries))
    store.put("household", "h1", last_visit="2026-11-20", monthly_income="900")
    store.put("member", "m1", state="dead")
    store.put("issue", "i1", household_id="h1", state="open")
    store.put("submission", "s1", household_id="h1", form_id="visit", answers={})
    store.put("visit", "v1", household_id="h1", submission_id="s1", cadre="cadre-1")
    tables.catch_up()
    assert not written
    assert [*tables.reading().execute("SELECT people, open_issues FROM households WHERE id = 'h1'")] == [(0, 1)]
    assert ("h1",) in [*tables.reading().execute("SELECT household_id FROM check_due")]
    store.put("household", "h1", head_name="曾四")
    tables.catch_up()
    assert len(written) == 1


@pytest.fixture
def store():
    store = FakeStore()
    for n in range(7):
        store.put("household", f"h{n}", head_name="张三", group=f"{n}组", house_no=str(n))
        store.put("member", f"m{n}", household_id=f"h{n}", full_name="张三", state="active")
    return store


@pytest.fixture
def tables(store, tmp_path):
    tables = Tables(tmp_path / "read.db", store)
    yield tables
    tables.close()


def test_small_pages_give_the_same(store, tmp_path, monkeypatch):
    whole = Tables(tmp_path / "whole.db", store)
    whole.catch_up()
    monkeypatch.setattr(follow, "PAGE", 3)
    paged = Tables(tmp_path / "paged.db", store)
    assert paged.catch_up() == 14
    assert contents(paged) == contents(whole)
    whole.close()
    paged.close()


def test_nothing_changed_reads_nothing(store, tables, monkeypatch):
    assert tables.catch_up() == 14
    monkeypatch.setattr(store, "changes_unread", lambda *_: pytest.fail("read again"))
    assert tables.catch_up() == 0
    assert tables.behind() == 0


def test_limit_stops_early_and_says_how_much_is_left(store, tables, monkeypatch):
    monkeypatch.setattr(follow, "PAGE", 5)
    assert tables.catch_up(limit=5) == 5
    assert tables.behind() > 0
    tables.catch_up()
    assert tables.behind() == 0


def test_goes_on_where_it_stopped_and_survives_deletion(store, tmp_path):
    path = tmp_path / "read.db"
    first = Tables(path, store)
    first.catch_up()
    before = contents(first)
    first.close()
    again = Tables(path, store)
    assert again.catch_up() == 0
    again.close()
    path.unlink()
    anew = Tables(path, store)
    assert anew.catch_up() == 14
    assert contents(anew) == before
    anew.close()


def test_another_epoch_starts_over(store, tables):
    tables.catch_up()
    store.remove("household", "h0")
    other = FakeStore()
    other.epoch = "epoch-2"
    for _ in range(30):
        other.put("household", "only", head_name="李四")
    tables.store = other
    tables.catch_up()
    assert [row["id"] for row in find_households(tables, ALL, HouseholdWish()).rows] == ["only"]


def test_an_older_shape_of_the_tables_is_made_anew(store, tmp_path, monkeypatch):
    path = tmp_path / "read.db"
    first = Tables(path, store)
    first.catch_up()
    first.close()
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    second = Tables(path, store)
    assert second.catch_up() == 14
    second.close()


def test_a_failed_page_leaves_tables_and_position_together(store, tables, monkeypatch):
    monkeypatch.setattr(follow, "note_senders", lambda *_: 1 / 0)
    store.put("submission", "s1", household_id="h0", form_id="visit")
    with pytest.raises(ZeroDivisionError):
        tables.catch_up()
    assert find_households(tables, ALL, HouseholdWish()).total == 0
    monkeypatch.undo()
    assert tables.catch_up() == 15


@pytest.mark.parametrize("limit", [None, 1])
def test_indexes_are_there_after_the_first_catching_up_however_it_was_broken_off(store, tmp_path, monkeypatch, limit):
    def indexes(of):
        return {row[0] for row in of.reading().execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql <> ''")}

    wanted = {statement.split(" ON ")[0].split()[-1] for statement in (schema.FIRST_INDEX, *schema.INDEXES)}
    first = Tables(tmp_path / "broken-off.db", store)
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(follow.settling, "settle_all", lambda *_: 1 / 0)
        first.catch_up()
    assert indexes(first) != wanted
    first.close()
    second = Tables(tmp_path / "broken-off.db", store)
    second.catch_up(limit)
    assert indexes(second) == wanted
    assert [row["people"] for row in find_households(second, ALL, HouseholdWish(text="zs")).rows] == [1] * 7
    second.rebuild()
    assert indexes(second) == wanted
    second.close()


def test_values_that_are_no_text_become_text(store, tables):
    store.put("household", "h-odd", head_name="怪", group=["1组"], phone=None, house_no=7)
    tables.catch_up()
    row = households.household(tables, ALL, "h-odd")
    assert (row["head_name"], row["group"], row["phone"], row["house_no"]) == ("怪", '["1组"]', "", "7")


def test_each_value_has_the_day_it_was_said(store, tables):
    store.put("household", "h-dated", head_name="旧", group="1组", phone="")
    day = store.get("household", "h-dated").since["group"]
    store.put("household", "h-dated", head_name="新")
    later = store.get("household", "h-dated").since["head_name"]
    tables.catch_up()
    assert rows.dates_in(households.household(tables, ALL, "h-dated")) == {"head_name": later, "group": day}
    assert rows.dates_in({"since": '{"group":"2026-11-01"}', "group": "1组"}) == {"group": "2026-11-01"}
    assert rows.dates_in({"since": "", "group": "1组"}) == {}


def test_readers_cannot_write(tables):
    with pytest.raises(sqlite3.OperationalError):
        tables.reading().execute("DELETE FROM households")


def test_passwords_do_not_reach_the_tables(store, tables):
    store.put("user", "u1", name="王", password_hash="secret-hash")
    tables.catch_up()
    assert "secret-hash" not in str(contents(tables))


@pytest.mark.parametrize("module", [households, submissions, others])
def test_every_query_takes_a_scope(module):
    public = [f for name, f in inspect.getmembers(module, inspect.isfunction) if f.__module__ == module.__name__]
    for function in public:
        if not function.__name__.startswith("_"):
            assert list(inspect.signature(function).parameters)[:2] == ["tables", "scope"], function.__name__


def test_paging_clamps(store, tables, monkeypatch):
    tables.catch_up()
    assert find_households(tables, VILLAGERS, HouseholdWish(), page=99).number == 1
    assert find_households(tables, VILLAGERS, HouseholdWish(), page=-3).first == 1


HEX = st.text("0123456789abcdefx", min_size=62, max_size=67)


@given(st.lists(st.one_of(HEX, st.sampled_from([*'".,{ -_', ".jpg", ".jpeg", ".png", ".webp", ".jpgs", "é", "a" * 64]))))
def test_photos_are_found_as_by_trying_everywhere(parts):
    answers = "".join(parts)
    assert rows.photos_in(answers) == sorted(set(re.findall(r"\b([0-9a-f]{64})\.(?:jpe?g|png|webp)\b", answers)))
