"""Filling a form without JavaScript, as a browser posts it.

P1 the page opens with what the register knows; posting it whole writes what a phone would.
P2 nothing typed is lost: errors stand beside their questions, hidden answers come back, files stay.
P3 instances are added and taken away by buttons; the rest of the page stays.
P4 only the person, the place and the token of the page may post; a page posted twice counts once.
P5 what the register says when the page is opened is what the change is measured from.
P6 the village has a form too.
"""

from __future__ import annotations

import io
from typing import Any

import pytest
from conftest import HOUSEHOLD, OTHER_HOUSEHOLD, VILLAGE
from PIL import Image
from test_app_formwhole import Controls

from app import fillstate, formpost
from app.config import ROOT
from app.tables.review import FormReviewer, review_some
from sync.author import Author


@pytest.fixture
def forms_dir(tmp_path: Any) -> Any:
    """Three of the shipped forms."""
    import shutil

    folder = tmp_path / "forms"
    folder.mkdir()
    for name in ("lists", "visit", "village", "income"):
        shutil.copy(ROOT / "forms" / "library" / f"{name}.md", folder)
    return folder


@pytest.fixture
def filling(app: Any, here: Any) -> Any:
    """The app with a household of two people."""
    from datetime import UTC, datetime

    author = Author("i-people", "u-county", clock=lambda: datetime(2026, 11, 2, tzinfo=UTC))
    known = {"status": (None, "exited"), "water_source": (None, "piped"), "income_wage": (None, "9000"),
             "income_per_head": (None, "4500"), "head_name": ("冉光荣", "冉光荣")}  # fmt: skip
    here.store.load([
        author.update("household", HOUSEHOLD, VILLAGE, known, base_rev=1),
        author.create("member", "m-1", VILLAGE, {"household_id": HOUSEHOLD, "line": "1", "full_name": "冉光荣", "relation": "01",
                      "sex": "1", "birth_date": "1970-01-01", "state": "active", "medical_insurance": "resident"}),
        author.create("member", "m-2", VILLAGE, {"household_id": HOUSEHOLD, "line": "2", "full_name": "彭水花", "relation": "02",
                      "sex": "2", "birth_date": "1972-05-01", "state": "active"}),
    ])  # fmt: skip
    here.tables.catch_up()
    return app


class Page:
    """A page as a browser without JavaScript holds it: what it would post, with changes made by hand."""

    def __init__(self, browser: Any, address: str) -> None:
        self.browser = browser
        self.show(browser.get(address))

    def show(self, reply: Any) -> None:
        self.status, self.text = reply.status_code, reply.text
        self.controls = Controls(reply.text)
        self.values = {name: list(values) for name, values in self.controls.values.items()}

    def post(self, do: str, changed: dict[str, Any] | None = None, **more: Any) -> Any:
        files = [name for name, kinds in self.controls.attributes.items() if kinds[0].get("type") == "file"]
        data = {name: values for name, values in self.values.items() if name not in files}
        for name, value in (changed or {}).items():
            assert name in self.controls.attributes, name
            data[name] = value
        reply = self.browser.post(f"/office/fill/{more.pop('form', 'visit')}", data={**data, "_do": do, **more},
                                  content_type="multipart/form-data")  # fmt: skip
        if reply.status_code != 303:
            self.show(reply)
        return reply


def opened(browser: Any, form: str = "visit") -> Page:
    page = Page(browser, f"/office/fill/{form}?household={HOUSEHOLD}")
    assert page.status == 200, page.text
    return page


UNCHANGED = {"/data/meet/respondent": "head", "/data/problems/has_problem": "no", "/data/close/satisfaction": "5"}


def ops_of(here: Any, reply: Any) -> list[Any]:
    assert reply.status_code == 303, reply.text
    return [change.op for change in here.store.ops_of_submission(reply.headers["Location"].rsplit("/", 1)[1])]


# ---- P1 ----------------------------------------------------------------------------------------------


def test_p1_the_page_is_prefilled_and_posts_what_a_phone_would(filling: Any, here: Any, office: Any, cast: Any) -> None:
    page = opened(office(cast.cadre))
    assert page.values["/data/people/member[2]/full_name"] == ["彭水花"]
    assert page.values["/data/living/water_source"] == ["piped"]
    reply = page.post("finish", UNCHANGED | {"/data/living/water_source": "spring"}, _confirmed="yes")
    ops = ops_of(here, reply)
    assert [op.entity for op in ops] == ["submission", "visit", "household", "member", "member"]
    assert {op.actor for op in ops} == {"u-cadre"} and {op.area for op in ops} == {VILLAGE}
    submission = ops[0].fields
    assert submission["answers"].new["living"]["water_source"] == "spring"
    assert submission["household_id"].new == HOUSEHOLD
    assert submission["carried"].new["/data/living/water_source"]["state"] == "changed"
    household = here.store.get("household", HOUSEHOLD).fields
    assert household["water_source"] == "spring" and household["last_visit"]
    changed = ops[2].fields["water_source"]
    assert (changed.old, changed.new) == ("piped", "spring")
    (visit,) = [op for op in ops if op.entity == "visit"]
    assert visit.fields["outcome"].new == "met" and visit.fields["cadre"].new == "u-cadre"


def test_p1_the_servers_second_look_finds_nothing(filling: Any, here: Any, office: Any, cast: Any) -> None:
    page = opened(office(cast.cadre))
    reply = page.post("finish", UNCHANGED | {"/data/income/income_wage": "9500"}, _confirmed="yes")
    id = reply.headers["Location"].rsplit("/", 1)[1]
    here.tables.catch_up()
    review_some(here.tables, FormReviewer(here.tables, here.store, here.forms), 5)
    row = here.tables.reading().execute("SELECT reviewed, problems, differences FROM submissions WHERE id = ?", [id]).fetchone()
    assert (row[0], row[1], row[2]) == (1, "[]", "[]")


def test_p1_what_nobody_confirmed_is_not_said_to_be_confirmed(filling: Any, here: Any, office: Any, cast: Any) -> None:
    page = opened(office(cast.cadre))
    ops = ops_of(here, page.post("finish", UNCHANGED))
    household = next(op for op in ops if op.entity == "household")
    assert "water_source" not in household.fields and set(household.fields) >= {"last_visit"}
    assert ops[0].fields["carried"].new["/data/living/water_source"]["state"] == "unconfirmed"
    again = ops_of(here, opened(office(cast.cadre)).post("finish", UNCHANGED, _confirmed="yes"))
    assert next(op for op in again if op.entity == "household").fields["water_source"].new == "piped"


# ---- P2 ----------------------------------------------------------------------------------------------


def test_p2_errors_stand_beside_their_questions_and_nothing_typed_is_lost(filling: Any, here: Any, office: Any, cast: Any) -> None:
    page = opened(office(cast.cadre))
    typed = {"/data/income/income_business": "三千", "/data/income/income_wage": "-5", "/data/income/industry": "<b>柑橘</b>\"'&",
             "/data/close/remark": "第一行\n第二行"}  # fmt: skip
    reply = page.post("finish", typed)
    assert reply.status_code == 422
    assert page.values["/data/income/income_business"] == ["三千"] and page.values["/data/income/income_wage"] == ["-5"]
    assert page.values["/data/income/industry"] == ["<b>柑橘</b>\"'&"]
    assert page.values["/data/close/remark"] == ["第一行\n第二行"]
    wrong = {name for name, kinds in page.controls.attributes.items() if kinds[0].get("aria-describedby")}
    assert {"/data/income/income_business", "/data/income/income_wage"} <= wrong
    for said in ("请填整数", "不能小于 0", "这题必须答"):
        assert said in page.text
    mended = {"/data/income/income_business": "3,000", "/data/income/income_wage": "5"}
    assert page.post("finish", UNCHANGED | mended).status_code == 422
    assert page.values["/data/income/income_business"] == ["3000"]
    done = page.post("finish", {"/data/income/income_change_reason": "搬家"} if "income_change_reason" in page.text else {})
    assert done.status_code == 303


def test_p2_a_hidden_answer_comes_back(filling: Any, office: Any, cast: Any) -> None:
    page = opened(office(cast.cadre))
    page.post("update", {"/data/meet/respondent": "proxy"})
    page.post("update", {"/data/meet/proxy_name": "邻居老田"})
    page.post("update", {"/data/meet/respondent": "head"})
    assert "/data/meet/proxy_name" not in page.values
    page.post("update", {"/data/meet/respondent": "proxy"})
    assert page.values["/data/meet/proxy_name"] == ["邻居老田"]


def test_p2_a_ticked_box_can_be_unticked(filling: Any, office: Any, cast: Any) -> None:
    page = opened(office(cast.cadre))
    page.post("update", {"/data/policy_page/policies": ["industry", "health"]})
    assert page.values["/data/policy_page/policies"] == ["industry", "health"]
    page.post("update", {"/data/policy_page/policies": []})
    assert page.values["/data/policy_page/policies"] == []


def photo(colour: str = "red") -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(made, "PNG")
    return made.getvalue()


def test_p2_a_photo_is_kept_through_errors_and_goes_along(filling: Any, here: Any, office: Any, cast: Any) -> None:
    page = opened(office(cast.cadre))
    reply = page.post("finish", {"/data/close/photo": (io.BytesIO(photo()), "家.png")})
    assert reply.status_code == 422
    ops = ops_of(here, page.post("finish", UNCHANGED))
    name = ops[0].fields["answers"].new["close"]["photo"]
    assert name.endswith(".png") and [blob.sha256 for blob in ops[0].blobs] == [name.partition(".")[0]]
    assert here.store.has_blob(name.partition(".")[0])


def test_p2_what_is_no_picture_is_refused_with_a_reason(filling: Any, office: Any, cast: Any, monkeypatch: Any) -> None:
    page = opened(office(cast.cadre))
    reply = page.post("finish", UNCHANGED | {"/data/close/photo": (io.BytesIO(b"<svg onload=alert(1)>"), "x.png")})
    assert reply.status_code == 422 and "这不是照片" in page.text
    monkeypatch.setattr(formpost, "LARGEST_FILE", 1000)
    big = io.BytesIO(photo() + b"0" * 2000)
    assert page.post("finish", UNCHANGED | {"/data/close/photo": (big, "x.png")}).status_code == 422
    assert "文件太大" in page.text


# ---- P3 ----------------------------------------------------------------------------------------------


def test_p3_problems_are_added_and_taken_away(filling: Any, here: Any, office: Any, cast: Any) -> None:
    page = opened(office(cast.cadre))
    page.post("update", UNCHANGED | {"/data/problems/has_problem": "yes", "/data/living/water_source": "well"})
    for n in (1, 2):
        if f"/data/problems/problem[{n}]/description" not in page.values:
            page.post("add:/data/problems/problem")
        at = f"/data/problems/problem[{n}]"
        page.post("update", {f"{at}/problem_kind": "water", f"{at}/description": f"问题{n}"})
    page.post("remove:/data/problems/problem[1]")
    assert page.values["/data/problems/problem[1]/description"] == ["问题2"]
    assert "/data/problems/problem[2]/description" not in page.values
    assert page.values["/data/living/water_source"] == ["well"]
    ops = ops_of(here, page.post("finish"))
    (issue,) = [op for op in ops if op.entity == "issue"]
    assert issue.fields["description"].new == "问题2" and issue.fields["household_id"].new == HOUSEHOLD
    assert issue.fields["state"].new == "open"


def test_p3_a_new_member_is_made_and_the_known_ones_stay(filling: Any, here: Any, office: Any, cast: Any) -> None:
    page = opened(office(cast.cadre))
    page.post("update", {"/data/people/new_members": "1"})
    assert page.values["/data/people/member[2]/full_name"] == ["彭水花"]
    fresh = {"full_name": "冉小宝", "join_reason": "born", "relation": "03", "sex": "1"}
    page.post("update", UNCHANGED | {f"/data/people/member[3]/{name}": value for name, value in fresh.items()})
    # One more to share with: the income a head is another one, and the form asks why.
    reply = page.post("finish", {"/data/income/income_change_reason": "添了人口"}, _confirmed="yes")
    (created,) = [op for op in ops_of(here, reply) if op.entity == "member" and op.kind == "create"]
    assert created.fields["full_name"].new == "冉小宝" and created.fields["household_id"].new == HOUSEHOLD


# ---- P4 ----------------------------------------------------------------------------------------------


def test_p4_outside_the_place_there_is_nothing(filling: Any, office: Any, cast: Any) -> None:
    assert office(cast.cadre).get(f"/office/fill/visit?household={OTHER_HOUSEHOLD}").status_code == 404
    for person in (cast.stranger, cast.neighbour):
        assert office(person).get(f"/office/fill/visit?household={HOUSEHOLD}").status_code == 404
    assert office(cast.auditor).get(f"/office/fill/visit?household={HOUSEHOLD}").status_code == 403


def test_p4_a_page_belongs_to_whom_it_was_shown(filling: Any, office: Any, cast: Any) -> None:
    page = opened(office(cast.cadre))
    other = opened(office(cast.township))
    other.values["_state"] = page.values["_state"]
    assert other.post("finish", UNCHANGED).status_code == 400
    page.values["_state"] = [page.values["_state"][0][:-3] + "abc"]
    assert page.post("finish", UNCHANGED).status_code == 400


def test_p4_without_the_token_nothing_is_written(filling: Any, here: Any, office: Any, cast: Any) -> None:
    page = opened(office(cast.cadre))
    page.values["csrf_token"] = ["wrong"]
    assert page.post("finish", UNCHANGED).status_code == 400
    assert "last_visit" not in here.store.get("household", HOUSEHOLD).fields


def test_p4_pressed_twice_it_counts_once(filling: Any, here: Any, office: Any, cast: Any) -> None:
    page = opened(office(cast.cadre))
    first, second = page.post("finish", UNCHANGED), page.post("finish", UNCHANGED)
    assert first.headers["Location"] == second.headers["Location"]
    assert len(ops_of(here, second)) == len(ops_of(here, first))
    assert here.store.quarantined() == []


def test_p4_rights_taken_away_meanwhile_count(filling: Any, here: Any, office: Any, cast: Any, monkeypatch: Any) -> None:
    page = opened(office(cast.cadre))
    monkeypatch.setattr(formpost, "refusal", lambda *_: "not_allowed")
    assert page.post("finish", UNCHANGED).status_code == 403
    assert "last_visit" not in here.store.get("household", HOUSEHOLD).fields


# ---- P5, P6 ------------------------------------------------------------------------------------------


def test_p5_a_newer_value_is_not_turned_back_by_an_old_page(filling: Any, here: Any, office: Any, cast: Any) -> None:
    page = opened(office(cast.cadre))
    other = opened(office(cast.cadre))
    assert other.post("finish", UNCHANGED | {"/data/living/water_source": "spring"}).status_code == 303
    assert page.post("finish", UNCHANGED, _confirmed="yes").status_code == 303
    assert here.store.get("household", HOUSEHOLD).fields["water_source"] == "spring"


def test_p6_the_village_form_fills_the_village(filling: Any, here: Any, office: Any, cast: Any) -> None:
    page = Page(office(cast.cadre), "/office/fill/village")
    assert page.status == 200
    answers = {"/data/place/village_title": "清水村", "/data/collective/collective_income": "35000"}
    reply = page.post("finish", answers, form="village")
    (submission, village) = ops_of(here, reply)
    assert (submission.entity, village.entity, village.id, village.kind) == ("submission", "village", VILLAGE, "create")
    again = Page(office(cast.cadre), "/office/fill/village")
    assert again.values["/data/collective/collective_income"] == ["35000"]
    ops = ops_of(here, again.post("finish", {"/data/collective/collective_income": "40000"}, form="village"))
    assert ops[1].kind == "update" and ops[1].fields["collective_income"].old == "35000"


def test_a_township_chooses_the_village_first(filling: Any, office: Any, cast: Any) -> None:
    browser = office(cast.township)
    assert VILLAGE in browser.get("/office/fill/village").text
    assert browser.get(f"/office/fill/village?village={VILLAGE}").status_code == 200
    assert browser.get("/office/fill/village?village=500110103201").status_code == 404


def test_forms_to_choose_from_stand_on_the_households_page(filling: Any, office: Any, cast: Any) -> None:
    browser = office(cast.cadre)
    assert f"/office/fill/?household={HOUSEHOLD}" in browser.get(f"/office/households/{HOUSEHOLD}").text
    listed = browser.get(f"/office/fill/?household={HOUSEHOLD}").text
    assert f"/office/fill/income?household={HOUSEHOLD}" in listed and "/office/fill/village" not in listed


@pytest.mark.parametrize(
    ("node", "values", "before", "text"),
    [
        ({"type": "integer"}, ["1,200 "], "", "1200"),
        ({"type": "date", "appearance": ["year"]}, ["1986"], "", "1986-01-01"),
        ({"type": "date"}, ["1986-02-03"], "", "1986-02-03"),
        ({"type": "time"}, ["08:30"], "08:30:12.000+08:00", "08:30:12.000+08:00"),
        ({"type": "time"}, ["08:31"], "08:30:12.000+08:00", "08:31:00.000+08:00"),
        ({"type": "dateTime"}, ["2026-12-01T14:05"], "", "2026-12-01T14:05:00.000+08:00"),
        ({"type": "geopoint"}, ["29.3,107.7"], "", "29.3 107.7"),
        ({"type": "geotrace"}, ["29.3 107.7; 29.4 107.8"], "", "29.3 107.7;29.4 107.8"),
        ({"type": "select_multiple"}, ["a", "b", "a"], "", "a b"),
        ({"type": "rank"}, ["b", "", "a"], "", "b a"),
        ({"type": "text"}, [" 两格 "], "", " 两格 "),
    ],
)
def test_posted_values_become_the_text_that_is_stored(node: Any, values: Any, before: str, text: str) -> None:
    from datetime import datetime

    now = datetime.fromisoformat("2026-11-24T20:15:03+08:00")
    assert fillstate.text_of(node, values, before, now) == text


