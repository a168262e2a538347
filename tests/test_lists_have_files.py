"""Every list of the office can be handed on: a screen that shows one gives it as .xlsx and as CSV.

1. whatever page shows a list has both files beside it, or is named here with the reason
2. a file has what the list is filtered by, all its pages and its readers
3. people's numbers are masked, formulas stay text, and the taking is written down
"""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Iterator
from typing import Any

import openpyxl
import pytest
from conftest import HOUSEHOLD, NEXT_VILLAGE, VILLAGE
from office_story import author_of
from test_access_matrix import INSIDERS, World, browsers, methods, path_of, routes, world  # noqa: F401
from test_hostile import QUERIES

from app.office.sights import TITLES
from app.print.jobs import new_job

LIST = re.compile(r'<table class="list|<ul class="(?:rows|devices)|<article class="(?:conflict|aside)"')
FILE = re.compile(r'href="([^"]+\.(?:xlsx|csv)[^"]*)"')
WITHOUT = {
    "office.courier_errand": "one file that was brought; the list of them has its file",
    "office.form": "one form: its versions; the list of forms has its file, its answers have the table",
    "office.home": "the first page: what is new, each with its own list",
    "office.household": "one household; its parts are in the exports of their own lists",
    "office.person": "one person; their devices are in the list of devices",
    "office.quarantined_one": "one thing to decide on; the list has its file",
}  # fmt: skip
"""Pages that show rows and yet are no list to hand on."""


def pages(world: World, browser: Any, role: str) -> Iterator[tuple[str, str]]:  # noqa: F811
    for rule, access in routes(world, "office"):
        if role in access.roles and "GET" in methods(rule):
            reply = browser.get(path_of(world, rule), query_string=QUERIES.get(rule.endpoint))
            if reply.status_code == 200 and reply.mimetype == "text/html":
                yield rule.endpoint, reply.text
            reply.close()


@pytest.fixture(scope="module")
def busy(world: World) -> World:  # noqa: F811
    """The matrix's village with something in the lists that are empty there."""
    from app.office.printing import jobs_here

    author = author_of("u-county", "i-lists")
    twin = {name: world.here.store.get("household", HOUSEHOLD).fields.get(name, "") for name in ("head_name", "group")}
    world.here.store.load([
        author.create("household", "h-twin", VILLAGE, twin | {"status": "monitored"}),
        author.create("visit", "v-old", VILLAGE, {"household_id": HOUSEHOLD, "date": "2001-02-03", "outcome": "met",
                      "submission_id": ""}),
        author.create("conflict", "c-1", VILLAGE, {
            "entity": "household", "entity_id": HOUSEHOLD, "state": "open", "actor": "u-cadre",
            "device_time": "2026-11-01T09:00:00+08:00",
            "base": {"phone": "023-68121000"}, "ours": {"phone": "023-68121001"}, "theirs": {"phone": "023-68121999"}}),
    ])  # fmt: skip
    with world.app.test_request_context():
        printed = new_job("sheet", "冉家", "u-county", [VILLAGE], 1, "2026-11-02T09:00:00+00:00")
        (jobs_here().folder / printed.id).mkdir()
        jobs_here()._write(printed)
    world.here.tables.catch_up()
    return world


# --- 1. ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", sorted(INSIDERS))
def test_whatever_shows_a_list_gives_it_as_a_file(busy: World, browsers: dict[str, Any], role: str) -> None:  # noqa: F811
    browser, without, broken = browsers[INSIDERS[role].id], [], []
    for endpoint, text in pages(busy, browser, role):
        if not LIST.search(text):
            continue
        files = [html.unescape(one) for one in FILE.findall(text)]
        endings = {one.partition("?")[0][-3:] for one in files}
        if not ("/office/export/" in text or endings >= {"lsx", "csv"} or endpoint in WITHOUT):
            without.append(endpoint)
        for one in files:
            reply = browser.get(one)
            if reply.status_code != 200 or not reply.headers["Content-Disposition"].startswith("attachment"):
                broken.append((endpoint, one, reply.status_code))
            reply.close()
    assert without == [], "give the list a file (app/office/roll_files.py), or say in WITHOUT why it is none to hand on"
    assert broken == []


def test_nothing_is_excused_that_has_no_list(busy: World, browsers: dict[str, Any]) -> None:  # noqa: F811
    """So that the excuses above do not outlive what they excuse."""
    seen = {endpoint for role in INSIDERS for endpoint, text in pages(busy, browsers[INSIDERS[role].id], role) if LIST.search(text)}
    assert set(WITHOUT) - seen == set()
    assert "office.duplicates" in seen and len(seen) >= 25, "lists that are empty here prove nothing"


def test_every_file_is_named_in_the_record(busy: World, browsers: dict[str, Any]) -> None:  # noqa: F811
    browser = browsers["u-county"]
    for name in rolls(busy):
        assert browser.get(f"/office/{name}.csv").status_code == 200, name
        assert str(TITLES[name]) in browser.get("/office/sights").text, name


def rolls(world: World) -> list[str]:  # noqa: F811
    return [rule.endpoint.removeprefix("office.").removesuffix("_file") for rule in world.app.url_map.iter_rules()
            if rule.endpoint.endswith("_file") and rule.arguments == {"ending"}]  # fmt: skip


# --- 2. ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["people", "conflicts", "duplicates", "devices", "tray", "sights", "retention", "helper_doubts",
                                  "exemptions", "helpers"])  # fmt: skip
def test_a_file_holds_what_the_list_is_filtered_by(busy: World, browsers: dict[str, Any], name: str) -> None:  # noqa: F811
    browser = browsers["u-county"]
    whole = "whole=1&" if name == "sights" else ""  # every file taken is one more line there, and none of these is whole

    def n(query: str) -> int:
        return len(cells_of(browser.get(f"/office/{name}.csv?{whole}{query}"))) - 1

    if whole:
        browser.post(f"/office/households/{HOUSEHOLD}/open", data={"csrf_token": browser.csrf, "reason": "核对电话号码"})
    # A small area of the reader's places is this village; one that is nowhere has nothing.
    assert n(f"village={VILLAGE}") == n("small=small-1") > 0
    assert n(f"village={NEXT_VILLAGE}") < n("") and n("small=no-such") == 0


def test_a_file_has_all_pages_in_the_order_of_the_screen(office, here, cast) -> None:
    author = author_of("u-county", "i-many")
    here.store.load([author.create("user", f"u-{n:03}", VILLAGE, {"username": f"p{n:03}", "name": f"村民小组长{n:03}",
                                   "role": "cadre", "area": VILLAGE}) for n in range(120)])  # fmt: skip
    here.tables.catch_up()
    browser = office(cast.county)
    lines = [row for row in cells_of(browser.get("/office/people.csv?role=cadre")) if row[0].startswith("村民小组长")]
    assert [row[1] for row in lines] == [f"p{n:03}" for n in range(120)]
    assert "p119" not in browser.get("/office/users?role=cadre").text
    book = openpyxl.load_workbook(io.BytesIO(browser.get("/office/people.xlsx?role=cadre").data))
    assert {VILLAGE, NEXT_VILLAGE} <= {cell.value for cell in book.active["E"]}, "a code stays text"


def test_what_was_typed_to_search_for_narrows_the_file(office, here, cast) -> None:
    browser = office(cast.county)
    token = browser.get("/office/users").text.partition('name="csrf_token" value="')[2].partition('"')[0]
    where = browser.post("/office/users", data={"csrf_token": token, "text": cast.cadre.name}).headers["Location"]
    address = html.unescape(next(one for one in FILE.findall(browser.get(where).text) if ".csv" in one))
    assert [row[0] for row in cells_of(browser.get(address))[1:]] == [cast.cadre.name]
    # What was typed is not in the address; once it is forgotten the file would be another one than the screen showed.
    assert browser.get("/office/people.csv?s=99999").status_code == 400


# --- 3. ------------------------------------------------------------------------------------------------------


def test_conflicts_go_out_masked_and_as_text(busy: World, browsers: dict[str, Any]) -> None:  # noqa: F811
    """Also for the cadre, who sees them whole on the screen."""
    for who in ("u-cadre", "u-county"):
        text = str(cells_of(browsers[who].get("/office/conflicts.csv")))
        assert "023-68121999" not in text and "****1999" in text


def test_people_go_out_masked_and_as_text(office, here, cast) -> None:
    author = author_of("u-county", "i-typed")
    here.store.load([author.create("user", "u-evil", VILLAGE, {"username": "evil", "name": '=HYPERLINK("http://x")',
                                   "role": "cadre", "area": VILLAGE, "phone": "13900001234", "unit": "+1+1"})])  # fmt: skip
    here.tables.catch_up()
    row = next(row for row in cells_of(office(cast.county).get("/office/people.csv")) if row[1] == "evil")
    assert row[0].startswith("'=") and row[5] == "'+1+1" and row[6] == "139****1234"
    book = openpyxl.load_workbook(io.BytesIO(office(cast.county).get("/office/people.xlsx").data))
    assert {cell.data_type for line in book.active.iter_rows() for cell in line} <= {"s", "n", "inlineStr"}, "no formula"


def cells_of(reply: Any) -> list[list[str]]:
    assert reply.status_code == 200, reply.text
    return list(csv.reader(io.StringIO(reply.text.removeprefix("\ufeff"))))
