"""Hostile values and hostile requests, over every route the office has.

1. a payload in every field of every kind of record: every page, file and paper shows it as text (§d 8, 9)
2. no file that leaves runs anything in a spreadsheet, whatever was typed (19)
3. a hostile filter, order or search is text: it finds nothing more, and breaks nothing (6, 7)
4. a post without the page's token changes nothing, on any route (20); no page stands in a foreign frame (21)
5. no log line holds a token or anything of a person, and each is one line (25, 35)
6. JSON nested without end is refused, not followed (36); tokens of other makes open nothing (26)
"""

from __future__ import annotations

import csv
import io
import logging
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import HOUSEHOLD, OTHER_HOUSEHOLD, VILLAGE, Phone
from test_access_matrix import (
    INSIDERS,
    OUTSIDERS,
    WIDER,
    World,
    browsers,  # noqa: F401
    leaked,
    methods,
    names_a_thing,
    path_of,
    routes,
    world,  # noqa: F401
)

from app.logs import OneLine
from forms.register import FIELDS
from sync.author import Author
from sync.scope import OFFICE_ROLES

MARK = "<script>alert(1)</script><img src=x onerror=alert(1)>"
HOSTILE = f"=1+1|\"'>{MARK}</textarea></svg>\r\nSet-Cookie: forged=1\r\nFORGED a log line"
# Ids and links stay what they are, or there would be nothing left to show it on.
KEPT = {"household_id", "submission_id", "member_id", "merged_into", "code", "evidence"}
RUNS = re.compile(r"<script>alert|<img src=x|</textarea></svg>")


@pytest.fixture(scope="module")
def hostile(world: World) -> World:  # noqa: F811
    """The matrix's village after somebody typed the payload wherever anything can be typed."""
    store = world.here.store
    author = Author("i-hostile", "u-county", clock=lambda: datetime(2026, 11, 5, 9, tzinfo=UTC))

    def poisoned(kind: str, id: str, names: Any) -> None:
        record = store.get(kind, id)
        fields = {name: (record.fields.get(name), HOSTILE) for name in names if name not in KEPT}
        store.load([author.update(kind, id, record.area, fields, base_rev=record.rev)])

    for kind, id in (("household", HOUSEHOLD), ("member", "m-1"), ("visit", "v-1"), ("issue", "i-1")):
        poisoned(kind, id, [field.name for field in FIELDS[kind]])
    poisoned("exemption", "e-1", ("rule", "reason", "answer", "asked_on", "valid_until"))
    poisoned("small_area", "small-1", ("name",))
    poisoned("area", VILLAGE, ("name",))
    for person in ("u-cadre", "u-node"):
        poisoned("user", person, ("name", "unit", "phone"))
    answers = {"household_id": HOUSEHOLD, "living": {"water": HOSTILE, "policies": HOSTILE}, HOSTILE: HOSTILE,
               "member": [{"full_name": HOSTILE, "id_no": HOSTILE, "health": HOSTILE}], "meta": {"audit": HOSTILE}}  # fmt: skip
    carried = {"/data/living/water": {"value": HOSTILE, "date": HOSTILE, "state": HOSTILE}}
    sent = {"form_id": "visit", "form_version": "1", "household_id": HOUSEHOLD, "sheet": HOSTILE, "started": HOSTILE,
            "ended": HOSTILE, "instance_name": HOSTILE, "answers": answers, "carried": carried,
            "unplaced": [{"label": HOSTILE, "words": HOSTILE, "version": HOSTILE}]}  # fmt: skip
    store.load([
        author.create("village", VILLAGE, VILLAGE, {field.name: HOSTILE for field in FIELDS["village"]}),
        author.create("submission", "s-2", VILLAGE, sent),
        author.create("submission", "s-3", VILLAGE, sent | {"form_id": HOSTILE, "form_version": HOSTILE}),
        author.create("submission", "s-4", VILLAGE, sent | {"form_id": "local", "answers": {
            "full_name": HOSTILE, "age": HOSTILE, "water": HOSTILE, "id_no": HOSTILE, "plot": [{"crop": HOSTILE}]}}),
        # Said of an older state: a difference for a person to decide.
        author.update("household", HOUSEHOLD, VILLAGE, {"remark": ("never so", HOSTILE), "head_name": ("x", HOSTILE)}, base_rev=1),
    ])  # fmt: skip
    _phones(world)
    world.here.tables.catch_up()
    world.objects["office.submission"] = {"id": "s-2"}
    return world


def _phones(world: World) -> None:  # noqa: F811
    """A phone with a hostile name that was stopped, and what it said afterwards."""
    reply = world.app.test_client().post("/api/sign-in", json={
        "username": "township", "password": INSIDERS["township"].password, "device": HOSTILE})  # fmt: skip
    assert reply.status_code == 200
    phone = Phone(world.app.test_client(), INSIDERS["township"])
    world.here.store.revoke(phone.install_id)
    op = phone.author.update("household", HOUSEHOLD, VILLAGE, {"head_name": (HOSTILE, HOSTILE + "2"), "remark": ("", HOSTILE)})
    assert phone.push([op]).json["results"][0]["status"] == "quarantined"


def every_get(world: World, browser: Any, role: str, but: frozenset[str] = frozenset()) -> Iterator[tuple[Any, Any]]:  # noqa: F811
    """Every page and file that a role may get, of the things that lie in the village."""
    for rule, access in routes(world, "office"):
        if role in access.roles and "GET" in methods(rule) and rule.endpoint not in but:
            reply = browser.get(path_of(world, rule), query_string=QUERIES.get(rule.endpoint))
            reply.get_data()
            reply.close()
            yield rule, reply


def every_file(world: World, browser: Any, pages: bool = True) -> Iterator[tuple[str, Any]]:  # noqa: F811
    """Whatever a county manager gets by an address, and every list's export with every column."""
    if pages:
        yield from ((str(rule), reply) for rule, reply in every_get(world, browser, "county"))
    for name in ("households", "members", "visits", "issues", "submissions"):
        columns = re.findall(r'name="column" value="([^"]+)"', browser.get(f"/office/export/{name}").text)
        for ending in ("csv", "xlsx"):
            data = {"csrf_token": browser.csrf, "column": columns}
            reply = browser.post(f"/office/export/{name}.{ending}", data=data)
            reply.get_data()
            yield f"{name}.{ending}", reply


QUERIES = {"office.submissions_csv": {"form": "visit"}, "office.new_issue": {"household": HOUSEHOLD},
           "office.merge": {"keep": HOUSEHOLD, "gone": HOUSEHOLD}, "formpost.fill": {"household": HOUSEHOLD},
           "formpost.index": {"household": HOUSEHOLD}}  # fmt: skip


# --- 1. text stays text -------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", OFFICE_ROLES)
def test_a_payload_in_every_field_is_text_on_every_page(hostile: World, browsers: dict[str, Any], role: str) -> None:  # noqa: F811
    wrong, shown = [], 0
    for rule, reply in every_get(hostile, browsers[INSIDERS[role].id], role):
        text = reply.get_data(as_text=True) if reply.mimetype.startswith("text/html") else ""
        shown += "&lt;script&gt;alert(1)" in text
        if reply.status_code >= 500 or RUNS.search(text) or reply.headers.get("Set-Cookie", "").startswith("forged"):
            wrong.append((str(rule), reply.status_code))
    assert wrong == []
    assert shown >= 10, "the payload should be seen on many pages"


def test_a_payload_is_text_on_paper(hostile: World, browsers: dict[str, Any]) -> None:  # noqa: F811
    """The HTML a browser prints is what the PDF is laid out from."""
    browser, wrong = browsers["u-cadre"], []
    for path in (f"/office/print/household/{HOUSEHOLD}/sheet.html", "/office/print/submissions/s-4/page.html",
                 "/office/print/forms/local/1/page.html"):  # fmt: skip
        reply = browser.post(path, data={"csrf_token": browser.csrf, "form_id": "local"})
        if reply.status_code != 200 or RUNS.search(reply.text):
            wrong.append((path, reply.status_code))
    assert wrong == []


def test_headings_and_labels_somebody_else_wrote_are_text(hostile: World, browsers: dict[str, Any], monkeypatch: Any) -> None:  # noqa: F811
    from test_office_forms import Desk, sheet_file

    label = f"{MARK}姓名"
    browser = browsers["u-county"]
    desk = Desk(browser)
    place = desk.designed((f"{MARK}.xlsx", sheet_file([["text", "n", label, label, "${nowhere}"]], form_id="hostile")))
    assert not RUNS.search(desk.page(place)) and "&lt;script&gt;" in desk.page(place)
    place = desk.designed((f"{MARK}.xlsx", sheet_file([["text", "n", label, label, ""]], form_id="hostile")))
    for page in (place, f"{place}/page.html", f"{place}/preview", f"{place}/phone"):
        assert not RUNS.search(desk.page(page)), page


def test_headings_and_cells_of_an_imported_roster_are_text(hostile: World, browsers: dict[str, Any], monkeypatch: Any) -> None:  # noqa: F811
    import json

    from test_roster_import import Desk

    from app.roster import worker
    from app.roster.jobs import Imports

    def in_worker(self: Any, step: str, job: Any, task: Any) -> str:
        folder = self.path(job)
        worker.write_json(folder / "task.json", task | {"file": job.file, "kind": job.kind, "run": job.id})
        code = worker.main([step, str(folder)])
        return str(json.loads((folder / "failed.json").read_text("utf-8"))["code"]) if code else ""

    monkeypatch.setattr(Imports, "in_worker", in_worker)
    desk = Desk(hostile.app, browsers["u-township"])
    head = ["村", "姓名", "与户主关系", "证件号码", MARK]
    rows = [["清水村", MARK, "户主", MARK, MARK], [MARK, "=1+1", MARK, "1.1E+17", "x"]]
    desk.upload("\r\n".join(",".join(row) for row in [head, *rows]).encode(), name=f"{MARK}.csv")
    assert not RUNS.search(desk.page()) and "&lt;script&gt;" in desk.page()
    desk.check()
    for more in ("", "/lines"):
        reply = desk.browser.get(f"/office/imports/{desk.id}{more}")
        assert reply.status_code in (200, 404) and not RUNS.search(reply.text), more


# --- 2. spreadsheets ----------------------------------------------------------------------------------------


def test_no_file_that_leaves_runs_anything(hostile: World, browsers: dict[str, Any]) -> None:  # noqa: F811
    browser, seen = browsers["u-county"], []
    for name, reply in every_file(hostile, browser):
        body = reply.get_data()
        if reply.mimetype == "text/csv" and reply.status_code == 200:
            seen.append(name)
            for row in csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")):
                bad = [cell for cell in row if re.match(r"[=@\t\r\n+-]", cell) and not HARMLESS.fullmatch(cell)]
                assert bad == [], (name, bad)
        elif body[:2] == b"PK" and reply.status_code == 200:
            seen.append(name)
            book = zipfile.ZipFile(io.BytesIO(body))
            for sheet in (part for part in book.namelist() if part.startswith("xl/worksheets/")):
                assert not re.search(rb"<f[ >]|t=\"str\"", book.read(sheet)), (name, sheet)
    assert len(seen) >= 14, seen


HARMLESS = re.compile(r"[+-]?[\d.]+|\t[\dXx]+|-")
"""A number, or digits kept as text."""


# --- 3. queries ---------------------------------------------------------------------------------------------

INJECTED = ("' OR 1=1 --", '" OR ""="', "x'); DROP TABLE households;--", "%", "_", 'NEAR("*', "(SELECT password_hash FROM users)",
            "area", "0 UNION SELECT * FROM users", "\x00", "１' OR '１'='１")  # fmt: skip
FILTERS = (*WIDER, "sort", "order", "outcome", "kind", "rule", "severity", "exempt", "flagged", "late", "mine", "cadre", "tab",
           "repeat", "heads", "values", "since", "until", "form", "household", "column")  # fmt: skip


@pytest.mark.parametrize("who", ["county", "auditor"])
def test_a_hostile_filter_finds_nothing_more_and_breaks_nothing(world: World, browsers: dict[str, Any], who: str) -> None:  # noqa: F811
    """Asked by somebody of the neighbour county: whatever leaks is more than they may see."""
    browser, wrong = browsers[f"u-out-{who}"], []
    for rule, access in routes(world, "office"):
        if who not in access.roles or names_a_thing(rule) or "GET" not in methods(rule):
            continue
        queries = [dict.fromkeys(FILTERS, text) for text in INJECTED]
        if who == "county":  # who opens every page; one filter by itself says the same to everybody
            queries += [{name: INJECTED[0]} for name in FILTERS]
        for query in queries:
            reply = browser.get(path_of(world, rule), query_string=query)
            reply.get_data()
            if reply.status_code >= 500 or leaked(reply):
                wrong.append((str(rule), query if len(query) < 2 else next(iter(query.values())), reply.status_code))
    assert wrong == []
    assert world.here.tables.reading().execute("SELECT count(*) FROM households").fetchone()[0] == 2


@pytest.mark.parametrize("text", [*INJECTED, '"', "*", "冉*", "冉%", "冉 OR 綦", "names:冉", "-冉", "^冉", "{冉}", "'"])
def test_a_hostile_search_is_searched_for_as_it_stands(world: World, browsers: dict[str, Any], text: str) -> None:  # noqa: F811
    browser = browsers["u-out-county"]
    where = browser.post("/office/register", data={"csrf_token": browser.csrf, "text": text}).headers["Location"]
    page = browser.get(where)
    assert page.status_code == 200 and not leaked(page)


def test_sql_is_put_together_in_the_stores_and_read_tables_only() -> None:
    """There the linter asks for a reason at every text that is not constant (S608); elsewhere there is none at all."""
    root = Path(__file__).parent.parent
    outside = [path for folder in ("app", "sync", "forms") for path in (root / folder).rglob("*.py")
               if "/tables/" not in str(path) and "/store/" not in str(path) and "/commands/" not in str(path)]  # fmt: skip
    telling = re.compile(r"noqa: S608|\.(execute|executescript|query)\(\s*f?[\"'](?!PRAGMA)", re.IGNORECASE)
    found = {str(path.relative_to(root)) for path in outside if telling.search(path.read_text("utf-8"))}
    assert found <= SPEAKS_SQL, found - SPEAKS_SQL


SPEAKS_SQL = {"app/roster/plan.py", "app/roster/known.py", "app/outside.py", "app/recode.py"}
"""Files of an import's own, what its worker looks up, views for outside tools. Their values are bound as well."""


# --- 4. other sites -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", OFFICE_ROLES)
def test_no_route_takes_a_post_without_the_pages_token(world: World, browsers: dict[str, Any], role: str) -> None:  # noqa: F811
    browser, wrong, before = browsers[INSIDERS[role].id], [], world.here.store.latest_seq()
    for rule, access in routes(world, "office"):
        if role not in access.roles or rule.endpoint == "auth.office_sign_out":
            continue
        for method in set(methods(rule)) - {"GET"}:
            for data in ({}, {"csrf_token": "IjAi.aaaaaa.forged"}):
                reply = browser.open(path_of(world, rule), method=method, data={**data, "reason": "forged", "sure": "yes"})
                if reply.status_code != 400:
                    wrong.append((str(rule), reply.status_code))
    assert wrong == []
    assert world.here.store.latest_seq() == before
    assert browser.get("/office/").status_code == 200


def test_no_page_stands_in_a_foreign_frame(world: World, browsers: dict[str, Any]) -> None:  # noqa: F811
    wrong = []
    for rule, reply in every_get(world, browsers["u-county"], "county"):
        own = rule.endpoint == "office.design_phone"  # stands in the preview page, which is ours
        policy = reply.headers.get("Content-Security-Policy", "")
        framed = "frame-ancestors 'self'" in policy if own else (
            "frame-ancestors 'none'" in policy or reply.headers.get("X-Frame-Options") == "DENY")  # fmt: skip
        if not framed or "'unsafe-inline'" in policy or not re.search(r"(default|script)-src '(self|none)'", policy):
            wrong.append((str(rule), policy))
    assert wrong == []


# --- 5. what is written down --------------------------------------------------------------------------------


def test_no_log_holds_a_token_or_anything_of_a_person(
    hostile: World, browsers: dict[str, Any], caplog: Any, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:
    """Everything is driven with the loudest logging, wrong and right tokens and hostile names included."""
    monkeypatch.setattr(logging.getLogger("ruhu"), "propagate", True)
    phone = Phone(hostile.app.test_client(), INSIDERS["county"])
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "ruhu"):  # a server in this process made it quiet
        for role in OFFICE_ROLES:
            list(every_get(hostile, browsers[INSIDERS[role].id], role))
        for rule, _access in routes(hostile, "device"):
            for method in methods(rule):
                phone.client.open(path_of(hostile, rule), method=method, headers=phone.headers).close()
        phone.push([phone.author.update("household", HOUSEHOLD, VILLAGE, {"remark": ("", HOSTILE)})])
        nobody = hostile.app.test_client()
        nobody.post("/api/sign-in", json={"username": "冉光荣\r\nFORGED", "password": "错密码-1", "device": HOSTILE})
        nobody.get("/office/冉光荣%0d%0aFORGED?token=" + phone.token)
    lines = [OneLine("%(name)s %(message)s").format(record) for record in caplog.records]
    assert len(lines) > 100
    secrets = (phone.token, INSIDERS["county"].password, "错密码-1", "FORGED", "冉", "清水村", "50023219700101002X", "13900005678",
               HOUSEHOLD, "alert(1)")  # fmt: skip
    assert [(line, one) for line in lines for one in secrets if one in line] == []
    assert not any("\n" in line or "\r" in line for line in lines)


def test_a_log_line_with_a_hostile_value_is_one_line() -> None:
    record = logging.LogRecord("ruhu", logging.ERROR, "", 0, "upstream: %s", (HOSTILE + "\x1b[2J\x85\u2028next",), None)
    line = OneLine("%(message)s").format(record)
    assert len(line.splitlines()) == 1 and "\x1b" not in line


# --- 6. bodies and tokens -----------------------------------------------------------------------------------

DEEP = (b"[" * 2000, b'{"username":' * 300, b'{"a":' * 100_000 + b"1" + b"}" * 100_000)


@pytest.mark.parametrize("body", DEEP)
def test_json_nested_without_end_is_refused(world: World, body: bytes) -> None:  # noqa: F811
    from sync import protocol

    phone = Phone(world.app.test_client(), INSIDERS["cadre"])
    before = world.here.store.latest_seq()
    whole = b'{"format":1,"ops":[' + body + b"]}"
    for sent in (body, whole):
        reply = phone.client.post("/sync/v1/push", data=sent, headers=phone.headers | protocol.push_headers(sent))
        assert reply.status_code == 400, reply.status_code
    small = body[:4000]
    for path in ("/api/sign-in", "/api/enrol/claim", "/sync/v1/hello"):
        reply = phone.client.post(path, data=small, headers=phone.headers | {"Content-Type": "application/json"})
        assert 400 <= reply.status_code < 500, (path, reply.status_code)
    assert world.here.store.latest_seq() == before


def test_answers_nested_too_deep_are_refused(world: World) -> None:  # noqa: F811
    phone = Phone(world.app.test_client(), INSIDERS["cadre"])
    deep: Any = "x"
    for _ in range(200):
        deep = {"a": deep}
    fields = {"form_id": "visit", "form_version": "1", "household_id": HOUSEHOLD, "answers": deep}
    assert phone.push([phone.author.create("submission", "s-deep", VILLAGE, fields)]).status_code == 400
    assert world.here.store.get("submission", "s-deep") is None


@pytest.mark.parametrize("token", [
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1LWNvdW50eSJ9.", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1LWNvdW50eSJ9.AAAA", "u-county",
    "' OR 1=1 --", "", "é".encode().decode("latin-1"),
])  # fmt: skip
def test_a_token_of_another_make_opens_nothing(world: World, token: str) -> None:  # noqa: F811
    nobody = world.app.test_client()
    for path in ("/sync/v1/pull", "/sync/v1/digest"):
        assert nobody.get(path, headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_outsiders_are_somebody(world: World, browsers: dict[str, Any]) -> None:  # noqa: F811
    """Otherwise what they do not see would prove nothing."""
    assert OTHER_HOUSEHOLD in browsers["u-out-county"].get("/office/register").text
    assert len(OUTSIDERS) == len(OFFICE_ROLES)


def test_a_body_of_a_gigabyte_is_refused_unread(world: World, browsers: dict[str, Any]) -> None:  # noqa: F811
    """By what it declares; nobody waits for it to arrive."""
    class Unread(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, _room: Any) -> int:
            raise AssertionError("it was read")

    phone, wrong = Phone(world.app.test_client(), INSIDERS["cadre"]), []
    askers = (("office", browsers["u-county"], {}), ("device", phone.client, phone.headers), ("public", phone.client, {}))
    for kind, browser, headers in askers:
        for rule, access in routes(world, kind):
            if (kind == "office" and "county" not in access.roles) or rule.endpoint.endswith("sign_out"):  # reads no body
                continue
            for method in set(methods(rule)) & {"POST", "PUT"}:
                body = {"CONTENT_LENGTH": str(1 << 30), "CONTENT_TYPE": "multipart/form-data; boundary=x", "wsgi.input": Unread()}
                reply = browser.open(path_of(world, rule), method=method, headers=headers, environ_overrides=body)
                if not 400 <= reply.status_code < 500:
                    wrong.append((str(rule), reply.status_code))
    assert wrong == []
