"""Many visits looked at together find what each finds alone in the plainest way (tests/plain_review.py).

1. random visits of every shipped form, with what the phone should have sent, forgot or made up, and what others changed since
2. the same on a node that has none of their ops, and through the process that does it
3. one that breaks what is read for all of them costs the others nothing
4. what they share is read once, and a kind of record only when a form asks for it
"""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from plain_review import PlainReviewer

from app.checks import amounts
from app.tables.review import Findings, FormReviewer
from app.tables.review_process import ReviewProcess
from app.tables.seen import Asked, register_seen
from forms import entities
from forms.instance import Instance
from sync.author import Author
from sync.ids import new_id
from sync.records import Op

VISITS = 240
FORMS = ("visit", "assurance", "exit-check", "income", "lookback", "monitoring", "register", "satisfaction", "village")
WORDS = ("", "0", "3", "7.5", "-1", "120000", "2019-05-06", "2031-01-01", "1950-02-30", "sea", "冉光荣", "29.06 108.1 0 5", "01",
         "yes", "no", "none", "50023219700101002X", "500232197001010011", "50023219700101002X11", "1" * 64 + ".jpg")  # fmt: skip


class Village:
    """Somebody fills forms at random, somebody else changes things meanwhile."""

    def __init__(self, here: Any, seed: int) -> None:
        self.here, self.chance = here, random.Random(seed)
        self.clock = datetime(2026, 9, 1, 8, tzinfo=UTC)
        install = here.store.add_install("u-somebody", kind="device", name="x")
        self.author = Author(install.install_id, "u-somebody", clock=lambda: self.clock)
        self.homes = here.tables.reading().execute("SELECT id, area FROM households").fetchall()
        self.forms = [form for form in (here.forms.newest(name) for name in FORMS) if form]
        assert len(self.forms) == len(FORMS)

    def day(self, visits: int) -> None:
        """Visits and other changes, in the order they come in."""
        for _ in range(visits):
            self.here.store.load(self.visit())
            if self.chance.random() < 0.4:
                self.here.store.load(self.other_change())
        self.here.tables.catch_up()

    def visit(self) -> list[Op]:
        chance = self.chance
        form, (home, area) = chance.choice(self.forms), chance.choice(self.homes)
        about = home if form.about == "household" else ""
        self.clock += timedelta(minutes=chance.choice((0, 1, 30, 600)))
        ended = self.clock.astimezone(timezone(timedelta(hours=chance.choice((0, 8)))))
        self.here.tables.catch_up()
        seen = register_seen(self.here.tables, self.here.store, Asked(about, (), "" if about else area))
        filled = Instance(form, now=ended, external=seen, prefill={"household_id": home}, ids=new_id)
        self.answer(filled)
        base = {kind: [{"id": one["name"], "fields": one} for one in rows] for kind, rows in seen.items()}
        made = entities.changes(form, filled, base)
        id = new_id()
        sent = {
            "form_id": form.form_id, "form_version": form.version, "form_hash": form.hash, "household_id": about, "sheet": "",
            "started": (ended - timedelta(minutes=chance.choice((0, 3, 12, 14)))).isoformat(), "ended": self.said(ended),
            "instance_name": "x", "answers": self.spoilt(filled.answers()), "carried": {},
            "reasons": {"visit_short|": "路近"} if chance.random() < 0.2 else {},
        }  # fmt: skip
        told = {"submission": id, "form_id": form.form_id, "form_version": form.version}
        return [self.author.create("submission", id, area, sent, **told), *self.changes(made, area, about, told)]

    def said(self, ended: datetime) -> str:
        return self.chance.choices((ended.isoformat(), ended.isoformat()[:19], "neulich", "", "2038-01-01T00:00:00+00:00"),
                                   (20, 2, 1, 1, 1))[0]  # fmt: skip

    def answer(self, filled: Instance) -> None:
        chance = self.chance
        for slot in [path for path, kind in filled.engine.kind_of.items() if kind == "repeat"]:
            if chance.random() < 0.3:
                filled.add_repeat(slot)
        for node in chance.sample(found := list(filled.questions()), min(len(found), 25)):
            path = filled.path_of(node)
            offered = [choice.name for choice in filled.choices(path)] if "list" in node.definition else []
            filled.set_value(path, chance.choice(offered) if offered and chance.random() < 0.9 else chance.choice(WORDS))

    def spoilt(self, answers: dict[str, Any]) -> Any:
        """Now and then what no form sends."""
        chance = self.chance
        if chance.random() < 0.6:
            return answers
        groups = [answers, *(one for one in answers.values() if isinstance(one, dict))]
        group = chance.choice(groups)
        name = chance.choice([*group, "unheard_of"])
        group[name] = chance.choice(("", "x", [], {}, [{"full_name": "x"}], chance.choice(WORDS)))
        if chance.random() < 0.3 and name in group:
            del group[name]
        return chance.choice((answers, answers, answers, answers, answers, [answers], "x"))

    def changes(self, made: Sequence[Any], area: str, home: str, told: dict[str, str]) -> list[Op]:
        chance, author, ops = self.chance, self.author, []
        for one in made:
            fields = {name: (step["old"], step["new"]) for name, step in one.fields.items() if chance.random() < 0.97}
            if fields and chance.random() < 0.2:
                fields[chance.choice([*fields])] = ("", chance.choice(WORDS))
            if chance.random() < 0.1 or not fields:
                continue
            if one.kind == "create":
                ops.append(author.create(one.entity, one.id, area, {name: new for name, (_, new) in fields.items()}
                                         | {"household_id": home}, **told))  # fmt: skip
            else:
                ops.append(author.update(one.entity, one.id, area, fields, **told))
        if home:
            visit = {"household_id": home, "submission_id": told["submission"], "date": "2026-11-02", "outcome": "met"}
            ops.append(author.create("visit", new_id(), area, visit, **told))
        return ops

    def other_change(self) -> list[Op]:
        chance, author = self.chance, self.author
        home, area = chance.choice(self.homes)
        db = self.here.tables.reading()
        people = [id for (id,) in db.execute("SELECT id FROM members WHERE household_id = ?", [home]).fetchall()]
        kind = chance.choice(("household", "member", "new", "issue"))
        if kind == "household":
            known = self.here.store.get("household", home).fields
            name = chance.choice(("water_source", "status", "income_per_head", "location", "housing_level", "helper_name"))
            return [author.update("household", home, area, {name: (known.get(name, ""), chance.choice(WORDS))})]
        if kind == "member" and people:
            id, name = chance.choice(people), chance.choice(("state", "id_no", "relation", "birth_date", "labour", "line"))
            old = self.here.store.get("member", id).fields.get(name, "")
            new = chance.choice(("active", "dead")) if name == "state" else chance.choice(WORDS)
            return [author.update("member", id, area, {name: (old, new)})]
        fields = {"household_id": home, "state": "active" if kind == "new" else "open", "line": "9", "full_name": "新来的"}
        return [author.create("member" if kind == "new" else "issue", new_id(), area, fields)]


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A small demo county after a day of random visits."""
    from app.commands.demo import ensure_demo
    from app.config import Config
    from app.node import open_node

    folder = tmp_path_factory.mktemp("county") / "data"
    ensure_demo(folder, households=12)
    here = open_node(Config(data_dir=folder, background=False))
    here.tables.catch_up()
    Village(here, seed=20).day(VISITS)
    yield here
    here.close()


@pytest.fixture(scope="module")
def rows(county: Any) -> list[dict[str, Any]]:
    found = list(county.tables.reading().query("SELECT * FROM submissions ORDER BY seq"))
    assert len(found) >= VISITS
    return found


@pytest.fixture(scope="module")
def plain(county: Any, rows: Any) -> list[Findings | None]:
    return [PlainReviewer(county.tables, county.store, county.forms, amounts())(row) for row in rows]


def same(found: Sequence[Findings | None], wanted: Sequence[Findings | None], rows: Any) -> None:
    for one, other, row in zip(found, wanted, rows, strict=True):
        assert one is not None and other is not None
        assert dataclasses.asdict(one) == dataclasses.asdict(other), (row["form_id"], row["id"])


def test_many_at_once_find_what_each_finds_alone(county: Any, rows: Any, plain: Any) -> None:
    reviewer = FormReviewer(county.tables, county.store, county.forms, amounts())
    same([one for at in range(0, len(rows), 50) for one in reviewer.many(rows[at : at + 50])], plain, rows)
    shuffled = random.Random(1).sample(list(zip(rows, plain, strict=True)), len(rows))
    same(list(reviewer.many([row for row, _ in shuffled])), [one for _, one in shuffled], [row for row, _ in shuffled])


def test_the_random_visits_are_worth_comparing(plain: Any) -> None:
    codes = Counter(problem["code"] for one in plain for problem in one.problems)
    assert codes.keys() >= {"required", "constraint", "not_a_choice", "irrelevant", "calculation", "unknown_path", "unreadable"}
    assert {one["code"] for found in plain for one in found.differences} == {"missing", "unasked", "other"}
    raised = {one["rule"] for found in plain for one in found.checks}
    assert len(raised) >= 30 and {"visit_short", "same_minute", "income_change"} <= raised, raised
    assert codes["unreadable"] < VISITS / 10


class WithoutOps:
    """A store whose submissions came from above."""

    def __init__(self, store: Any) -> None:
        self.get, self.history, self.records, self.histories = store.get, store.history, store.records, store.histories

    def ops_of_submissions(self, ids: Sequence[str]) -> dict[str, Any]:
        return {}


def test_where_their_ops_are_not(county: Any, rows: Any) -> None:
    store = WithoutOps(county.store)
    wanted = [PlainReviewer(county.tables, store, county.forms, amounts())(row) for row in rows]
    same(list(FormReviewer(county.tables, store, county.forms, amounts()).many(rows)), wanted, rows)


def test_the_process_finds_the_same(county: Any, rows: Any, plain: Any) -> None:
    reviewer = ReviewProcess(str(county.config.data_dir / "store.db"), Path(county.tables.path), county.forms)
    try:
        same(reviewer.many(rows), plain, rows)
    finally:
        reviewer.close()


def test_one_that_cannot_be_read_costs_the_others_nothing(county: Any, rows: Any, plain: Any) -> None:
    """What is read for all of them fails because of one."""

    class Broken(WithoutOps):
        def ops_of_submissions(self, ids: Sequence[str]) -> dict[str, Any]:
            if rows[7]["id"] in ids:
                raise ValueError
            return county.store.ops_of_submissions(ids)

    found = list(FormReviewer(county.tables, Broken(county.store), county.forms, amounts()).many(rows[:20]))
    same([*found[:7], *found[8:]], [*plain[:7], *plain[8:20]], [*rows[:7], *rows[8:20]])
    assert found[7] is not None and found[7].problems[0]["code"] == "unreadable"


def test_what_many_need_is_read_once_and_only_what_is_asked_for(county: Any, rows: Any) -> None:
    asked: list[tuple[str, str]] = []

    class Noting:
        def records(self, kind: str, ids: Sequence[str]) -> Any:
            asked.append(("records", kind))
            return county.store.records(kind, ids)

        def histories(self, kind: str, ids: Sequence[str], since: int = 0) -> Any:
            asked.append(("histories", kind))
            return county.store.histories(kind, ids, since)

        def ops_of_submissions(self, ids: Sequence[str]) -> Any:
            asked.append(("ops", ""))
            return county.store.ops_of_submissions(ids)

    reviewer = FormReviewer(county.tables, Noting(), county.forms, amounts())
    read = [row for row in rows if row["answers"].startswith('{"')]
    assert len(list(reviewer.many(read))) > VISITS / 2
    assert sorted(asked) == sorted({*asked}) and {kind for _, kind in asked} <= {"", "household", "member", "village"}
