"""Personal data by role, over every route the office has.

1. no page, list, search, file, paper or JSON shows a whole ID number, phone or account, wherever it was typed
2. names in part for whoever only looks
3. a household is opened with a reason, for ten minutes, and that is written down where the county and auditors read it
4. a file with whole numbers: reason, cap, a few a day, told on the first page; twenty files of any kind are told too
5. nobody changes or forges what was written down
6. numbers are found as people type them; what is edited under a mask keeps its number
"""

from __future__ import annotations

import html
import io
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conftest import HOUSEHOLD, VILLAGE, Cast, Phone
from hypothesis import given
from hypothesis import strategies as st
from test_access_matrix import INSIDERS, World, browsers, methods, path_of, routes, world  # noqa: F401
from test_hostile import every_file, every_get

from app.office.mask import PERSONAL, Sight, restored, without_numbers
from forms.register import FIELDS
from sync.author import Author
from sync.records import Grant
from sync.scope import OFFICE_ROLES, refusal

ID, OLD_ID = "500156197001010017", "500156700101001"
TYPED = {
    "id": "500156198001010019", "phone": "13900001111", "spaced": "139 0000 2222", "card": "6222021234567890123",
    "card in fours": "6222 0212 3456 7890 456", "full width": "１３９００００３３３３",
}  # fmt: skip
TEXT = " ".join(f"{name}:{value}。" for name, value in TYPED.items())
FILLED = {
    # No mobile: only the field tells that it is a number of somebody.
    "phone": "023-68121999", "helper_phone": "13700005555", "bank_account": "6217001234567890789",
    "national_no": "500156105203000123",
    "location": "29.3251234 107.7561234", "id_no": ID,
}  # fmt: skip
SECRETS = (*TYPED.values(), *FILLED.values(), "29.325", "107.756")


@pytest.fixture(scope="module")
def full(world: World) -> World:  # noqa: F811
    """The matrix's village with numbers in every field that is for them, and in every text that is not."""
    store = world.here.store
    author = Author("i-numbers", "u-county", clock=lambda: datetime(2026, 11, 5, 9, tzinfo=UTC))

    def filled(kind: str, id: str, values: dict[str, str]) -> None:
        record = store.get(kind, id)
        steps = {name: (record.fields.get(name), value) for name, value in values.items()}
        store.load([author.update(kind, id, record.area, steps, base_rev=record.rev)])

    def texts(kind: str) -> dict[str, str]:
        names = {field.name for field in FIELDS[kind] if field.type == "text"} - PERSONAL - {"code", "other_codes", "evidence"}
        return dict.fromkeys(names - {"head_name", "full_name", "group", "house_no"}, TEXT)

    def numbers(kind: str) -> dict[str, str]:
        return {field.name: FILLED[field.name] for field in FIELDS[kind] if field.personal}

    filled("household", HOUSEHOLD, texts("household") | numbers("household"))
    filled("member", "m-1", texts("member") | numbers("member"))
    for kind, id in (("visit", "v-1"), ("issue", "i-1")):
        filled(kind, id, texts(kind))
    filled("exemption", "e-1", {"reason": TEXT, "answer": TEXT})
    answers = {"full_name": "冉光荣", "id_no": ID, "water": "yes", "age": "7", "plot": [{"crop": TEXT}], "other": TEXT}
    sent = {"form_id": "local", "form_version": "1", "household_id": HOUSEHOLD, "instance_name": TEXT, "answers": answers,
            "started": "2026-11-05T09:00:00+08:00", "ended": "2026-11-05T09:10:00+08:00",
            "unplaced": [{"label": "电话", "words": TEXT, "version": "0"}]}  # fmt: skip
    told = {"form_id": "visit", "form_version": "1", "household_id": HOUSEHOLD, "instance_name": TEXT, "sheet": "",
            "answers": {"household_id": HOUSEHOLD, "member": [{"full_name": TEXT, "id_no": ID, "health": TEXT}], "unknown": TEXT},
            "carried": {"/data/living/water": {"value": TEXT, "date": "2026-01-01", "state": "changed"}},
            "started": "2026-11-05T09:00:00+08:00", "ended": "2026-11-05T09:10:00+08:00"}  # fmt: skip
    store.load([
        author.create("submission", "s-5", VILLAGE, sent),
        author.create("submission", "s-6", VILLAGE, told),
        author.update("household", HOUSEHOLD, VILLAGE, {"phone": ("never so", "13700006666"), "industry": ("x", TEXT + "!")},
                      base_rev=1),
    ])  # fmt: skip
    cadre = Phone(world.app.test_client(), INSIDERS["cadre"])
    store.revoke(cadre.install_id)
    said = {"phone": (FILLED["phone"], "13700007777"), "industry": (TEXT, TEXT)}
    late = cadre.author.update("household", HOUSEHOLD, VILLAGE, said)
    assert cadre.push([late]).json["results"][0]["status"] == "quarantined"
    world.here.tables.catch_up()
    return world


WHOLE_NUMBERS = (*SECRETS, "13700006666", "13700007777")


def shown_in(reply: Any) -> str:
    """All text of an answer, as a reader has it."""
    body = reply.get_data()
    if body[:2] == b"PK":
        book = zipfile.ZipFile(io.BytesIO(body))
        body = b"\n".join(book.read(part) for part in book.namelist())
    return html.unescape(body.decode("utf-8", "replace"))


def found_in(reply: Any) -> list[str]:
    text = shown_in(reply)
    return [one for one in WHOLE_NUMBERS if one in text]


# Where whoever works with the households sees one of them whole. Whoever does not, gives a reason first.
OF_ONE_HOUSEHOLD = frozenset({"office.household", "office.submission", "office.quarantined_one", "office.conflicts"})
# What is masked could not be confirmed there: the page shows it whole, and opening it is written down.
TO_FILL = frozenset({"formpost.fill"})


@pytest.mark.parametrize("role", OFFICE_ROLES)
def test_no_page_and_no_file_shows_a_whole_number(full: World, browsers: dict[str, Any], role: str) -> None:  # noqa: F811
    browser, wrong, seen = browsers[INSIDERS[role].id], [], 0
    full.objects["office.submission"] = {"id": "s-5"}
    for rule, reply in every_get(full, browser, role, TO_FILL | (OF_ONE_HOUSEHOLD if role == "cadre" else frozenset())):
        seen += "****" in shown_in(reply)
        if found := found_in(reply):
            wrong.append((str(rule), found))
    assert wrong == []
    assert seen >= 7, "masked numbers should be seen on many pages"


@pytest.mark.parametrize("role", OFFICE_ROLES)
def test_no_export_has_a_whole_number(full: World, browsers: dict[str, Any], role: str) -> None:  # noqa: F811
    wrong, seen = [], 0
    for name, reply in every_export(full, browsers[INSIDERS[role].id]):
        assert reply.status_code == 200, name
        seen += "****" in shown_in(reply)
        wrong += [(name, found)] if (found := found_in(reply)) else []
    assert wrong == [] and seen >= 6


def every_export(world: World, browser: Any) -> Iterator[tuple[str, Any]]:  # noqa: F811
    yield from every_file(world, browser, pages=False)


@pytest.mark.parametrize("text", [ID, "7890123", "13900001111", "冉"])
def test_a_search_shows_no_more_than_the_list(full: World, browsers: dict[str, Any], text: str) -> None:  # noqa: F811
    browser = browsers["u-county"]
    where = browser.post("/office/register", data={"csrf_token": browser.csrf, "text": text}).headers["Location"]
    page = browser.get(where)
    typed = page.text.replace(f'value="{text}"', "")
    assert [one for one in WHOLE_NUMBERS if one in html.unescape(typed)] == []


def test_paper_shows_what_the_screen_does(full: World, browsers: dict[str, Any]) -> None:  # noqa: F811
    for who, numbers in (("county", False), ("cadre", True)):
        browser = browsers[INSIDERS[who].id]
        for path in (f"/office/print/household/{HOUSEHOLD}/sheet.html", "/office/print/submissions/s-5/page.html"):
            reply = browser.post(path, data={"csrf_token": browser.csrf, "form_id": "local"})
            assert reply.status_code == 200
            assert bool(found_in(reply)) is numbers, (who, path, found_in(reply))


def test_a_print_job_with_whole_numbers_is_for_whoever_sees_them(full: World, browsers: dict[str, Any]) -> None:  # noqa: F811
    from app.office.printing import jobs_here
    from app.print.jobs import new_job

    with full.app.test_request_context():
        jobs = jobs_here()
        made = [new_job("sheet", "一张", owner, [VILLAGE], 1, "2026-11-01T09:00:00+00:00", whole=True)
                for owner in ("u-cadre", "u-county")]  # fmt: skip
        for job in made:
            (jobs.folder / job.id).mkdir()
            jobs._write(job)
    statuses = [[browsers[who].get(f"/office/print/jobs/{job.id}").status_code for who in ("u-cadre", "u-township", "u-county")]
                for job in made]  # fmt: skip
    assert statuses == [[200, 404, 404], [200, 404, 200]]


def test_whoever_only_looks_sees_names_in_part(full: World, browsers: dict[str, Any]) -> None:  # noqa: F811
    auditor = browsers["u-auditor"]
    full.objects["office.submission"] = {"id": "s-5"}
    for rule, reply in every_get(full, auditor, "auditor", TO_FILL | {"office.helpers", "office.helpers_file"}):
        # Helpers are officials, and this one is called as somebody of the household is.
        text = re.sub(r'(?s)<section id="helpers">.*?</section>', "", shown_in(reply))
        assert "冉小明" not in text and "冉光荣" not in text, rule
    assert "冉*明" in auditor.get(f"/office/households/{HOUSEHOLD}").text
    assert "冉小明" in browsers["u-township"].get("/office/register").text


# --- 3. opened with a reason --------------------------------------------------------------------------------


def opened(browser: Any, reason: str = "电话核实低保金额", **more: str) -> Any:
    return browser.post(f"/office/households/{HOUSEHOLD}/open", data={"csrf_token": browser.csrf, "reason": reason, **more})


def test_a_household_is_opened_with_a_reason_for_ten_minutes(full: World, browsers: dict[str, Any], monkeypatch: Any) -> None:  # noqa: F811
    browser, here = browsers["u-township"], full.here
    assert opened(browser, "看").status_code == 422
    assert found_in(browser.get(f"/office/households/{HOUSEHOLD}")) == []
    assert opened(browser).status_code == 303
    page = browser.get(f"/office/households/{HOUSEHOLD}")
    assert {FILLED["phone"], ID, FILLED["bank_account"]} <= set(found_in(page)) and "完整号码显示到" in page.text
    assert found_in(browser.get("/office/submissions/s-5"))
    # Nobody else, nothing else.
    assert found_in(browsers["u-county"].get(f"/office/households/{HOUSEHOLD}")) == []
    assert found_in(browser.get("/office/register")) == []
    later = here.now() + timedelta(minutes=10, seconds=5)
    monkeypatch.setattr(type(here), "now", staticmethod(lambda: later))
    assert found_in(browser.get(f"/office/households/{HOUSEHOLD}")) == []


def test_who_looked_and_why_is_read_by_county_and_auditors(full: World, browsers: dict[str, Any]) -> None:  # noqa: F811
    opened(browsers["u-township"], "回访户主核对银行账号")
    for who in ("u-county", "u-auditor"):
        page = browsers[who].get("/office/sights")
        assert page.status_code == 200 and "回访户主核对银行账号" in page.text and "田镇管" in page.text
        assert "查看记录" in browsers[who].get("/office/").text
    for who in ("u-township", "u-cadre"):
        assert browsers[who].get("/office/sights").status_code == 403
    assert "回访户主" not in browsers["u-out-county"].get("/office/sights").text


def test_an_auditor_and_an_outsider_open_nothing(full: World, browsers: dict[str, Any]) -> None:  # noqa: F811
    assert opened(browsers["u-auditor"]).status_code == 403
    assert opened(browsers["u-out-county"]).status_code == 404
    assert found_in(browsers["u-auditor"].get(f"/office/households/{HOUSEHOLD}")) == []


def test_filling_for_a_household_is_written_down(full: World, browsers: dict[str, Any]) -> None:  # noqa: F811
    browser = browsers["u-county"]
    before = full.here.tables.reading().execute("SELECT count(*) FROM sights WHERE what = 'fill'").fetchone()[0]
    assert browser.get("/office/fill/local", query_string={"household": HOUSEHOLD}).status_code == 200
    full.here.tables.catch_up()
    rows = list(full.here.tables.reading().query("SELECT who, household_id FROM sights WHERE what = 'fill'"))
    assert len(rows) == before + 1 and rows[-1] == {"who": "u-county", "household_id": HOUSEHOLD}


# --- 4. files -----------------------------------------------------------------------------------------------


@pytest.fixture
def taking(here: Any, office: Any, cast: Cast) -> Any:
    """A county manager at the export of a village with a few members."""
    author = Author("i-take", "u-county", clock=lambda: datetime(2026, 11, 5, 9, tzinfo=UTC))
    here.store.load([author.create("member", "m-1", VILLAGE, {
        "household_id": HOUSEHOLD, "full_name": "冉光荣", "id_no": ID, "phone": "13700004444", "state": "active"})])  # fmt: skip
    here.tables.catch_up()
    browser = office(cast.county)
    browser.csrf = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/office/").text).group(1)  # type: ignore[union-attr]
    return browser


def take(browser: Any, name: str = "members", **more: str) -> Any:
    data = {"csrf_token": browser.csrf, "column": ["full_name", "id_no"], **more}
    reply = browser.post(f"/office/export/{name}.csv", data=data)
    reply.get_data()
    return reply


def test_a_file_with_whole_numbers_needs_a_reason_and_is_told(taking: Any, office: Any, cast: Cast) -> None:
    assert take(taking, whole="1").status_code == 422
    assert ID not in take(taking).text and "500156********0017" in take(taking).text
    assert ID in take(taking, whole="1", reason="报民政局核对低保名单").text
    page = taking.get("/office/").text
    assert "谭县管 近 7 天导出的完整号码文件" in page
    told = office(cast.auditor).get("/office/sights?whole=1").text
    assert "报民政局核对低保名单" in told and "家庭成员,1 行" in told and "请核实用途" in told
    assert "近 7 天" not in office(cast.cadre).get("/office/").text


def test_only_so_many_rows_and_files(taking: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("app.office.sights.MOST_ROWS", 0)
    reply = take(taking, whole="1", reason="报民政局核对")
    assert reply.status_code == 422 and ID not in reply.text and "一次最多" in reply.text
    monkeypatch.undo()
    statuses = [take(taking, whole="1", reason="报民政局核对").status_code for _ in range(7)]
    assert statuses == [200] * 5 + [429] * 2


def test_who_only_looks_takes_nothing_whole(taking: Any, office: Any, cast: Cast) -> None:
    browser = office(cast.auditor)
    browser.csrf = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/office/").text).group(1)  # type: ignore[union-attr]
    reply = take(browser, whole="1", reason="想看一看")
    assert reply.status_code == 403 and ID not in reply.text
    assert "完整号码?" not in browser.get("/office/export/members").text


def test_twenty_files_in_a_day_are_told(taking: Any) -> None:
    for _ in range(19):
        assert take(taking).status_code == 200
    assert "近 7 天导出的文件" not in taking.get("/office/").text
    take(taking)
    assert "谭县管 近 7 天导出的文件" in taking.get("/office/").text


# --- 5. nobody changes it -----------------------------------------------------------------------------------


def test_what_was_written_down_is_neither_forged_nor_changed() -> None:
    author = Author("i-x", "u-county", clock=lambda: datetime(2026, 11, 5, tzinfo=UTC))
    county = [Grant("county", "500156000000")]
    honest = author.create("sight", "x", VILLAGE, {"who": "u-county", "what": "file"})
    assert refusal(honest, county, None, at_office=True) == ""
    assert refusal(honest, county, None) == "not_allowed"  # a phone shows nothing of the office
    forged = author.create("sight", "x", VILLAGE, {"who": "u-cadre", "what": "file"})
    assert refusal(forged, county, None, at_office=True) == "not_allowed"
    for op in (author.update("sight", "x", VILLAGE, {"reason": ("a", "b")}), author.void("sight", "x", VILLAGE, {}, "x")):
        assert refusal(op, county, None, at_office=True) == "not_allowed"


def test_the_routes_that_read_tables_unmasked_are_known() -> None:
    """Everything else gets rows masked at the source; who is added here shows nothing of them, or asks `sight_of`."""
    from pathlib import Path

    office_pages = Path(__file__).parent.parent / "app" / "office"
    unmasked = re.compile(r"\(node\(\)\.tables[,)]|= node\(\)\.tables\b")
    raw = {path.name for path in office_pages.glob("*.py") if unmasked.search(path.read_text("utf-8"))}
    assert raw == {"household.py", "register.py", "duplicates.py", "printing.py", "eyes.py", "importing.py", "helpers.py",
                   "adding.py", "lives.py", "erase.py"}  # fmt: skip


# --- 6. the shapes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("typed", "seen"), [
    (ID, "500156********0017"), (f"证:{ID}。", "证:500156********0017。"), ("50015619700101001x", "500156********001x"),
    ("电话13812345678", "电话138****5678"), ("138 1234 5678", "138****5678"), ("138-1234-5678", "138****5678"),
    ("+8613812345678", "138****5678"), ("１３８１２３４５６７８", "138****5678"), (OLD_ID, "500156*****1001"),
    ("6222021234567890123", "****0123"), ("6222 0212 3456 7890 123", "****0123"),
    ("13812345678、13912345678", "138****5678、139****5678"),
    ("2026-11-28 15:03", "2026-11-28 15:03"), ("2023 2024 2025 2026", "2023 2024 2025 2026"), ("500156105203", "500156105203"),
    ("107.13812345678", "107.13812345678"), ("0193f1b2-8a00-7000-8000-138123456789", "0193f1b2-8a00-7000-8000-138123456789"),
    ("a13812345678b", "a13812345678b"), ("12345678901", "12345678901"), ("", ""),
])  # fmt: skip
def test_numbers_are_found_as_people_type_them(typed: str, seen: str) -> None:
    assert without_numbers(typed) == seen
    assert without_numbers(seen) == seen


def test_each_field_has_its_shape() -> None:
    masked, part = Sight(), Sight(names=False)
    assert masked.value("id_no", ID) == "500156********0017"
    assert masked.value("phone", "13812345678") == "138****5678" and masked.value("phone", "023-68121") == "****8121"
    assert masked.value("bank_account", "6222021234567890123") == "****0123" and masked.value("location", "29.1 107.2") == "****"
    assert masked.value("full_name", "冉光荣") == "冉光荣"
    names = {"冉光荣": "冉*荣", "冉荣": "冉*", "欧阳光荣": "欧**荣", "Tashi": "T***", "冉": "冉*"}
    assert {name: part.value("full_name", name) for name in names} == names
    for name in PERSONAL:
        once = masked.value(name, "500156197001010017")
        assert "*" in once and masked.value(name, once) == once


@given(st.text(alphabet="0123456789 -.X冉,a", max_size=60))
def test_what_is_typed_over_a_masked_text_keeps_its_numbers(before: str) -> None:
    shown = without_numbers(before)
    assert restored(shown, before) == before
    assert restored(shown + "改", before) == before + "改"
    assert without_numbers(shown) == shown
