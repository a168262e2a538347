"""What was kept long enough: told to the county, erased by a person, with the paper that shows it.

1. periods are data, and each kind can be asked for
2. only what is over its time is listed, of one's own area
3. erased with a reason: record, its visit, its PDFs; what is younger stays
4. nobody else erases; nothing goes without a reason or a tick
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from conftest import HOUSEHOLD, OTHER_HOUSEHOLD, OTHER_VILLAGE, VILLAGE

from app.office.retention import Period, last_day, periods
from app.tables.retention import _KINDS
from sync.author import Author


def test_every_period_is_for_a_kind_that_can_be_asked_for() -> None:
    assert periods().keys() == _KINDS.keys()
    assert all(0 < one.months <= 600 and all(one.title) and all(one.since) for one in periods().values())


@pytest.mark.parametrize(("today", "months", "day"), [
    ("2026-11-28", 60, "2021-11-28"), ("2026-01-31", 1, "2025-12-31"), ("2026-03-31", 1, "2026-02-31"),
    ("2026-12-01", 12, "2025-12-01"),
])  # fmt: skip
def test_the_day_before_which_it_is_over(today: str, months: int, day: str) -> None:
    assert last_day(Period("visit", months, ("", ""), ("", "")), today) == day


@pytest.fixture
def old(here: Any) -> Any:
    """Something of every kind, once over its time and once not."""
    author = Author("i-old", "u-county", clock=lambda: datetime(2026, 11, 1, tzinfo=UTC))

    def submission(id: str, home: str, area: str, year: int) -> list[Any]:
        ended = f"{year}-05-01T09:00:00+08:00"
        return [
            author.create("submission", id, area, {"form_id": "mini", "form_version": "1", "household_id": home, "ended": ended,
                          "started": ended, "answers": {"living": {"remark": f"说过的话{id}"}}}),
            author.create("visit", f"v-{id}", area, {"household_id": home, "submission_id": id, "date": f"{year}-05-01"}),
        ]  # fmt: skip

    def gone(id: str, year: int) -> list[Any]:
        return [
            author.create("household", id, VILLAGE, {"head_name": f"走了{year}", "group": "2", "last_visit": f"{year}-01-01"}),
            author.create("member", f"m-{id}", VILLAGE, {"household_id": id, "full_name": f"走了{year}", "state": "left",
                          "change_date": f"{year}-02-01"}),
        ]  # fmt: skip

    here.store.load([
        *submission("s-old", HOUSEHOLD, VILLAGE, 2019), *submission("s-new", HOUSEHOLD, VILLAGE, 2026),
        *submission("s-far", OTHER_HOUSEHOLD, OTHER_VILLAGE, 2019), *gone("h-gone", 2019), *gone("h-just", 2026),
        author.create("visit", "v-bare", VILLAGE, {"household_id": HOUSEHOLD, "date": "2019-06-01", "submission_id": ""}),
        author.create("issue", "i-old", VILLAGE, {"household_id": HOUSEHOLD, "state": "closed", "closed_on": "2019-07-01"}),
        author.create("issue", "i-open", VILLAGE, {"household_id": HOUSEHOLD, "state": "open", "closed_on": ""}),
    ])  # fmt: skip
    here.tables.catch_up()
    return here


def token(browser: Any) -> str:
    return re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/office/").text).group(1)  # type: ignore[union-attr]


def press(browser: Any, kind: str, *ids: str, **more: str) -> Any:
    data = {"csrf_token": token(browser), "kind": kind, "id": list(ids), "reason": "保存期满", "sure": "yes", **more}
    return browser.post("/office/retention", data=data)


def ticks(browser: Any, kind: str) -> list[str]:
    return re.findall(r'name="id" value="([^"]+)"', browser.get(f"/office/retention?kind={kind}").text)


def test_only_what_is_over_its_time_is_listed(old: Any, office: Any, cast: Any) -> None:
    browser = office(cast.county)
    found = {kind: ticks(browser, kind) for kind in periods()}
    assert found == {"submission": ["s-old"], "visit": ["v-bare"], "issue": ["i-old"], "household": ["h-gone"]}
    assert "保存期满、该抹去的" in browser.get("/office/").text
    assert ticks(office(cast.stranger), "submission") == ["s-far"]


def test_a_person_erases_it_with_the_paper_that_shows_it(old: Any, app: Any, office: Any, cast: Any) -> None:
    from app.office.printing import jobs_here
    from app.print.jobs import new_job

    with app.test_request_context():
        jobs = jobs_here()
        made = {
            "his": new_job("sheet", "一户", "u-county", [VILLAGE], 1, "2026-11-27T09:00:00+00:00", households=(HOUSEHOLD, "x")),
            "list": new_job("issues-list", "清单", "u-county", [VILLAGE], 1, "2026-11-27T09:00:00+00:00"),
            "blank": new_job("form", "空白表", "u-county", [VILLAGE], 1, "2026-11-27T09:00:00+00:00"),
            "other": new_job("sheet", "别户", "u-county", [VILLAGE], 1, "2026-11-27T09:00:00+00:00", households=("h-just",)),
        }
        for job in made.values():
            (jobs.folder / job.id).mkdir()
            jobs._write(job)
            jobs.result(job.id).write_bytes(b"%PDF-")
    browser = office(cast.county)
    assert press(browser, "submission", "s-old", "s-new").status_code == 303
    assert {name for name, job in made.items() if jobs.result(job.id).exists()} == {"blank", "other"}
    for kind, id in (("submission", "s-old"), ("visit", "v-s-old")):
        record = old.store.get(kind, id)
        assert record.deleted and record.fields == {"erased": "保存期满"}, kind
    assert not old.store.get("submission", "s-new").deleted and not old.store.get("household", HOUSEHOLD).deleted
    assert ticks(browser, "submission") == []
    assert press(browser, "household", "h-gone").status_code == 303
    assert old.store.get("household", "h-gone").deleted and old.store.get("member", "m-h-gone").deleted


def test_a_household_that_is_erased_takes_its_paper_along(old: Any, app: Any, office: Any, cast: Any) -> None:
    from app.office.printing import jobs_here
    from app.print.jobs import new_job

    with app.test_request_context():
        jobs = jobs_here()
        job = new_job("answers", "答卷", "u-cadre", [VILLAGE], 1, "2026-11-27T09:00:00+00:00", households=(HOUSEHOLD,), whole=True)
        (jobs.folder / job.id).mkdir()
        jobs._write(job)
    browser = office(cast.county)
    data = {"csrf_token": token(browser), "reason": "本人申请删除", "head": "冉光荣", "sure": "yes"}
    assert browser.post(f"/office/households/{HOUSEHOLD}/erase", data=data).status_code == 303
    assert jobs.get(job.id) is None and not (jobs.folder / job.id).exists()


def test_what_is_erased_above_takes_this_server_s_paper_along(old: Any, app: Any) -> None:
    """As at a village: the ops that erase arrive, nobody presses a button here."""
    from app.office.printing import jobs_here
    from app.print.jobs import new_job
    from sync.tray import erase_ops

    with app.test_request_context():
        jobs = jobs_here()
        made = {
            id: new_job("sheet", id, "u-cadre", [VILLAGE], 1, "2026-11-27T09:00:00+00:00", households=(id,))
            for id in (HOUSEHOLD, "h-just", "h-gone")
        }
        for job in made.values():
            (jobs.folder / job.id).mkdir()
            jobs._write(job)
    above = Author("i-above", "u-county", clock=lambda: datetime(2026, 11, 2, tzinfo=UTC))
    wanted = [("submission", "s-old", VILLAGE), ("household", "h-gone", VILLAGE)]
    old.store.load(erase_ops(wanted, "本人申请删除", above))
    old.tables.catch_up(wait=True)
    assert [id for id, job in made.items() if (jobs.folder / job.id).exists()] == ["h-just"]


def test_an_erased_household_takes_its_exemptions_along(old: Any, office: Any, cast: Any) -> None:
    said = {"household_id": HOUSEHOLD, "rule": "r", "member_id": "", "state": "approved", "reason": "母亲在外住院"}
    author = Author("i-more", "u-township", clock=lambda: datetime(2026, 11, 2, tzinfo=UTC))
    old.store.load([author.create("exemption", "e-1", VILLAGE, said)])
    old.tables.catch_up(wait=True)
    browser = office(cast.county)
    data = {"csrf_token": token(browser), "reason": "本人申请删除", "head": "冉光荣", "sure": "yes"}
    assert "豁免 1" in browser.get(f"/office/households/{HOUSEHOLD}/erase").text
    assert browser.post(f"/office/households/{HOUSEHOLD}/erase", data=data).status_code == 303
    record = old.store.get("exemption", "e-1")
    assert record.deleted and record.fields == {"erased": "本人申请删除"}


def test_nothing_goes_without_a_reason_a_tick_or_the_right(old: Any, office: Any, cast: Any) -> None:
    before = old.store.latest_seq()
    county = office(cast.county)
    assert press(county, "submission", "s-old", reason="x").status_code == 422
    assert press(county, "submission", "s-old", sure="").status_code == 422
    assert press(county, "submission", "s-new").status_code == 422
    assert press(county, "no-such", "s-old").status_code == 400
    assert press(office(cast.stranger), "submission", "s-old").status_code == 422
    for person in (cast.township, cast.cadre, cast.auditor):
        assert press(office(person), "submission", "s-old").status_code == 403
    assert ticks(office(cast.auditor), "submission") == [] and "s-old" in office(cast.auditor).get("/office/retention").text
    assert old.store.latest_seq() == before


def test_a_village_erases_nothing(old: Any, office: Any, cast: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("app.office.erase.node", lambda: type("Village", (), {"tier": "node"}))
    assert press(office(cast.county), "submission", "s-old").status_code == 403
    assert not old.store.get("submission", "s-old").deleted


# --- a county's own periods -----------------------------------------------------------------------------------


def test_a_county_sets_its_own_period(old: Any, office: Any, cast: Any) -> None:
    """2026 is not over after 60 months and is after one; in the other county nothing changes."""
    browser, stranger = office(cast.county), office(cast.stranger)
    assert "改本区县的期限" in browser.get("/office/retention").text
    months = {f"months.{kind}": "" for kind in periods()} | {"months.submission": "600"}
    data = {"csrf_token": token(browser), "county": VILLAGE[:6], **months}
    assert browser.post("/office/retention/periods", data=data).status_code == 303
    assert ticks(browser, "submission") == [] and ticks(browser, "visit") == ["v-bare"]
    assert "600 个月" in browser.get("/office/retention").text and "(全国 60)" in browser.get("/office/retention").text
    assert press(browser, "submission", "s-old").status_code == 422, "not due any more, so it cannot be erased here either"
    assert ticks(stranger, "submission") == ["s-far"]
    data |= {"months.submission": ""}
    assert browser.post("/office/retention/periods", data=data).status_code == 303
    assert ticks(browser, "submission") == ["s-old"]


@pytest.mark.parametrize("typed", ["0", "-3", "601", "x", "1.5", "٣"])
def test_months_are_whole_numbers(old: Any, office: Any, cast: Any, typed: str) -> None:
    browser = office(cast.county)
    data = {"csrf_token": token(browser), "county": VILLAGE[:6], "months.submission": typed}
    assert browser.post("/office/retention/periods", data=data).status_code == 400
    assert old.store.get("retention", VILLAGE[:6]) is None


def test_nobody_sets_anothers_period(old: Any, office: Any, cast: Any) -> None:
    for person, status in ((cast.stranger, 404), (cast.township, 403), (cast.auditor, 403)):
        browser = office(person)
        data = {"csrf_token": token(browser), "county": VILLAGE[:6], "months.submission": "1"}
        assert browser.post("/office/retention/periods", data=data).status_code == status
    assert "改本区县的期限" not in office(cast.auditor).get("/office/retention").text
