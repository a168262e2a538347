"""Checks over the register at the office: found, told with what to do, exempted by two people, set by the county.

1. a household is looked at when something of it changes, and again when amounts or days move
2. a finding names household, fields and what to do; lists and downloads obey the reader's area
3. an exemption needs a reason, another person's word and a last day; then the rule is silent until that day
4. many at once are looked at in processes of their own, with the same outcome
5. a submission's checks are asked again behind the receipt, and a reason that came along is shown
"""

from __future__ import annotations

import io
import re
from datetime import datetime, timedelta
from typing import Any

import openpyxl
import pytest
from conftest import HOUSEHOLD, OTHER_HOUSEHOLD, VILLAGE

from app.checks import amounts
from app.tables import checks
from app.tables.checks import check_some, look_at
from sync.author import Author
from sync.own import write_own
from sync.records import Scope

ALL = Scope(area_prefixes=("",))


def write(here: Any, make: Any, actor: str = "u-county") -> None:
    write_own(here.store, "test", actor, lambda author: make(author), clock=here.now)


def look(here: Any, now: datetime | None = None) -> None:
    here.tables.catch_up()
    while check_some(here.tables, now or here.now(), defaults=amounts()):
        pass


def keys(here: Any, household: str = HOUSEHOLD) -> set[str]:
    return {row["rule"] for row in checks.findings_of(here.tables, ALL, household)}


def member(author: Author, id_: str, household: str = HOUSEHOLD, area: str = VILLAGE, **fields: str) -> Any:
    return author.create("member", id_, area, {"household_id": household, "state": "active", **fields})


GOOD = "11010519491231002X"


def test_a_change_is_looked_at_and_what_is_mended_goes(here: Any) -> None:
    write(here, lambda a: [member(a, "m-1", relation="01", id_no="110105194912310021", birth_date="1949-12-31", education="02")])
    look(here)
    assert "id_checksum" in keys(here)
    write(here, lambda a: [a.update("member", "m-1", VILLAGE, {"id_no": ("110105194912310021", GOOD), "sex": ("", "2")})])
    look(here)
    assert "id_checksum" not in keys(here)
    assert checks.due(here.tables) == 0


def test_a_member_that_moves_leaves_nothing_behind(here: Any) -> None:
    write(here, lambda a: [member(a, "m-1", relation="01", id_no="1")])
    look(here)
    write(here, lambda a: [a.update("member", "m-1", VILLAGE, {"household_id": (HOUSEHOLD, OTHER_HOUSEHOLD)})])
    look(here)
    assert "id_length" not in keys(here)
    assert "id_length" in keys(here, OTHER_HOUSEHOLD)


def test_the_same_number_elsewhere_is_found_on_both_sides(here: Any) -> None:
    write(here, lambda a: [member(a, "m-1", relation="01", id_no=GOOD),
                           member(a, "m-2", OTHER_HOUSEHOLD, "500110101201", relation="01", id_no=GOOD)])  # fmt: skip
    look(here)
    assert "id_elsewhere" in keys(here)
    assert "id_elsewhere" in keys(here, OTHER_HOUSEHOLD)


def test_it_keeps_the_day_it_was_first_seen(here: Any) -> None:
    first, later = here.now() - timedelta(days=3), here.now()
    write(here, lambda a: [member(a, "m-1", relation="01", id_no="1")])
    look(here, first)
    write(here, lambda a: [a.update("household", HOUSEHOLD, VILLAGE, {"house_no": ("", "7")})])
    look(here, later)
    since = {row["rule"]: row["since"] for row in checks.findings_of(here.tables, ALL, HOUSEHOLD)}
    assert since["id_length"] == first.date().isoformat()


def test_a_new_day_asks_everything_again(here: Any) -> None:
    write(here, lambda a: [a.update("household", HOUSEHOLD, VILLAGE, {
        "status": ("", "monitored"), "monitored_since": ("", here.now().date().isoformat())})])  # fmt: skip
    look(here)
    assert "monitored_no_measures" not in keys(here)
    look(here, here.now() + timedelta(days=40))
    assert "monitored_no_measures" in keys(here)


def test_other_processes_find_the_same(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    write(here, lambda a: [member(a, f"m-{n}", relation="01", id_no=str(n), sex="1") for n in range(1, 6)])
    here.tables.catch_up()
    ids = [HOUSEHOLD, OTHER_HOUSEHOLD]
    here_alone = look_at(here.tables.reading().conn, ids, here.now(), amounts())
    monkeypatch.setattr(checks, "MANY", 0)
    monkeypatch.setattr(checks, "CHUNK", 1)
    look(here)
    found = {row["key"] for id_ in ids for row in checks.findings_of(here.tables, ALL, id_)}
    assert found == {line[0] for line in here_alone}
    assert found


# --- the office -------------------------------------------------------------------------------------------


def token(page: Any) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found
    return found[1]


@pytest.fixture
def dirty(here: Any) -> Any:
    write(here, lambda a: [member(a, "m-1", relation="01", full_name="冉光荣", id_no="12345")])
    look(here)
    return here


def test_a_finding_says_who_which_field_and_what_to_do(dirty: Any, office: Any, cast: Any) -> None:
    page = office(cast.township).get("/office/findings?rule=id_length")
    for words in ("冉光荣", "证件号码的位数不对", "证件号码", "对照证件重填"):
        assert words in page.text
    assert "12345" not in page.text
    assert "证件号码的位数不对" in office(cast.township).get(f"/office/households/{HOUSEHOLD}").text


def test_lists_and_downloads_obey_the_area(dirty: Any, office: Any, cast: Any) -> None:
    for person, sees in ((cast.township, True), (cast.stranger, False)):
        browser = office(person)
        assert ("冉光荣" in browser.get("/office/findings").text) is sees
        csv = browser.get("/office/findings.csv")
        assert ("冉光荣" in csv.text) is sees
        book = openpyxl.load_workbook(io.BytesIO(browser.get("/office/findings.xlsx").data))
        cells = [str(cell) for row in book.active.iter_rows(values_only=True) for cell in row]
        assert ("冉光荣" in cells) is sees
        assert "12345" not in csv.text + " ".join(cells)


def ask(browser: Any, key: str, **more: Any) -> Any:
    page = browser.get(f"/office/households/{HOUSEHOLD}")
    return browser.post("/office/exemptions", data={"csrf_token": token(page), "key": key, "reason": "证件正在补办", **more},
                        content_type="multipart/form-data")  # fmt: skip


KEY = f"{HOUSEHOLD}|m-1|id_length"


def exemption(here: Any) -> dict[str, Any]:
    here.tables.catch_up()
    (row,) = checks.find_exemptions(here.tables, ALL).rows
    return dict(row)


def test_an_exemption_takes_two_people_and_ends(dirty: Any, office: Any, cast: Any) -> None:
    here, cadre, township = dirty, office(cast.cadre), office(cast.township)
    photo = (io.BytesIO(b"%PDF-1.7 evidence"), "a.pdf")
    assert ask(cadre, KEY, evidence=photo).status_code == 303
    row = exemption(here)
    assert (row["state"], row["rule"]) == ("requested", "id_length")
    assert "id_length" in {r["rule"] for r in checks.find_findings(here.tables, ALL, checks.FindingWish()).rows}
    page = township.get("/office/exemptions?state=requested")
    assert "证件正在补办" in page.text
    assert township.get(f"/office/exemptions/{row['id']}/evidence").data == b"%PDF-1.7 evidence"
    until = (here.now() + timedelta(days=30)).date().isoformat()
    answered = township.post(f"/office/exemptions/{row['id']}",
                             data={"csrf_token": token(page), "answer": "agree", "valid_until": until})  # fmt: skip
    assert answered.status_code == 303
    look(here)
    assert checks.find_findings(here.tables, ALL, checks.FindingWish(rule="id_length")).total == 0
    assert checks.find_findings(here.tables, ALL, checks.FindingWish(rule="id_length", exempt=True)).total == 1
    look(here, here.now() + timedelta(days=31))
    assert checks.find_findings(here.tables, ALL, checks.FindingWish(rule="id_length")).total == 1


def test_nobody_approves_their_own(dirty: Any, office: Any, cast: Any) -> None:
    township = office(cast.township)
    ask(township, KEY)
    row = exemption(dirty)
    page = township.get("/office/exemptions")
    assert "等另一个人审批" in page.text
    until = (dirty.now() + timedelta(days=3)).date().isoformat()
    answer = {"csrf_token": token(township.get("/office/")), "answer": "agree", "valid_until": until}
    refused = township.post(f"/office/exemptions/{row['id']}", data=answer)
    assert refused.status_code == 404
    assert exemption(dirty)["state"] == "requested"


@pytest.mark.parametrize("wrong", ["", "2020-01-01", "2099-01-01", "nie"])
def test_an_exemption_needs_a_last_day(dirty: Any, office: Any, cast: Any, wrong: str) -> None:
    ask(office(cast.cadre), KEY)
    row, township = exemption(dirty), office(cast.township)
    page = township.get("/office/exemptions")
    answer = {"csrf_token": token(page), "answer": "agree", "valid_until": wrong}
    assert township.post(f"/office/exemptions/{row['id']}", data=answer).status_code == 400
    assert exemption(dirty)["state"] == "requested"


def test_strangers_find_no_exemption_and_ask_for_none(dirty: Any, office: Any, cast: Any) -> None:
    ask(office(cast.cadre), KEY)
    row, stranger = exemption(dirty), office(cast.stranger)
    mark = token(stranger.get("/office/"))
    assert "证件正在补办" not in stranger.get("/office/exemptions").text
    assert stranger.get(f"/office/exemptions/{row['id']}/evidence").status_code == 404
    asked = stranger.post("/office/exemptions", data={"csrf_token": mark, "key": KEY, "reason": "不相干的人"})
    assert asked.status_code == 404


def test_evidence_is_a_picture_or_a_pdf(dirty: Any, office: Any, cast: Any) -> None:
    html = (io.BytesIO(b"<script>alert(1)</script>"), "a.pdf")
    assert ask(office(cast.cadre), KEY, evidence=html).status_code == 400


def test_a_county_sets_amounts_and_switches_rules_off(dirty: Any, office: Any, cast: Any) -> None:
    here, county = dirty, office(cast.county)
    page = county.get("/office/findings/rules")
    on = [name for name in re.findall(r'name="on" value="(\w+)"', page.text) if name != "id_length"]
    answer = county.post("/office/findings/rules", data={
        "csrf_token": token(page), "county": VILLAGE[:6], "on": on, "limit.medical_year": "500"})  # fmt: skip
    assert answer.status_code == 303
    write(here, lambda a: [a.update("household", HOUSEHOLD, VILLAGE, {"medical_cost": ("", "501")})])
    look(here)
    assert "id_length" not in keys(here)
    assert "medical_high" in keys(here)
    assert here.store.get("rules", VILLAGE[:6]).fields["limits"] == {"medical_year": "500"}


def test_only_the_county_may(dirty: Any, office: Any, cast: Any) -> None:
    township = office(cast.township)
    mark = token(township.get("/office/"))
    assert township.post("/office/findings/rules", data={"csrf_token": mark, "county": VILLAGE[:6]}).status_code == 403
    county = office(cast.county)
    page = county.get("/office/findings/rules")
    wrong = {"csrf_token": token(page), "county": VILLAGE[:6], "limit.medical_year": "很多"}
    assert county.post("/office/findings/rules", data=wrong).status_code == 400
    foreign = {"csrf_token": token(page), "county": "110000"}
    assert county.post("/office/findings/rules", data=foreign).status_code == 404


def test_phones_get_rules_amounts_and_exemptions(dirty: Any, phone: Any, office: Any, cast: Any) -> None:
    ask(office(cast.cadre), KEY)
    records = {record["kind"]: record for record in phone(cast.cadre).pull_all()}
    assert records["rules"]["fields"]["limits"]["monitoring_line"] == "8800"
    assert len(records["rules"]["fields"]["rules"]) > 50
    assert records["exemption"]["fields"]["rule"] == "id_length"
    assert "exemption" not in {record["kind"] for record in phone(cast.stranger).pull_all()}


def test_a_phone_cannot_grant_itself_an_exemption(dirty: Any, phone: Any, cast: Any) -> None:
    """The office page is not the only way in: ops from phones are held to the same rule."""
    fields = {"household_id": HOUSEHOLD, "member_id": "m-1", "rule": "id_length", "reason": "我自己批", "state": "approved",
              "asked_by": cast.cadre.id, "valid_until": "2099-01-01"}  # fmt: skip
    mine = phone(cast.cadre)
    made = mine.author.create("exemption", "e-1", VILLAGE, fields)
    assert mine.push([made]).json["results"][0]["status"] == "quarantined"
    asked = mine.author.create("exemption", "e-2", VILLAGE, fields | {"state": "requested"})
    agreed = mine.author.update("exemption", "e-2", VILLAGE, {"state": ("requested", "approved")})
    assert [r["status"] for r in mine.push([asked, agreed]).json["results"]] == ["applied", "quarantined"]
    theirs = phone(cast.township)
    agreed = theirs.author.update("exemption", "e-2", VILLAGE, {"state": ("requested", "approved")})
    assert theirs.push([agreed]).json["results"][0]["status"] == "applied"
