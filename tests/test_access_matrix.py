"""Every route × every role × inside and outside the area, made from what the routes declare.

A new route is in this matrix by itself. One with a parameter is told in
`_things` where such a thing lies in the cadre's village. Whoever stands outside gets 404, as
if it were not there; whoever is not signed in is led to the sign-in page; a
list or an export never holds anything of another place, whatever its address asks.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from conftest import (
    AREAS,
    COUNTY,
    HOUSEHOLD,
    OTHER_COUNTY,
    OTHER_HOUSEHOLD,
    VILLAGE,
    Cast,
    Person,
    password_hash,
    people_and_places,
)
from office_story import keep, tell

from app.access import declared
from app.parting import MERGED
from sync.author import Author
from sync.records import BlobRef
from sync.scope import OFFICE_ROLES

SECRETS = ("冉光荣", "冉小明", "50023219700101002X", "13800001234", "13900005678", "冉村干", "清水村", "区外秘密",
           HOUSEHOLD, "s-1", "m-1")  # fmt: skip
"""What of the village no outsider may read anywhere."""

# What a reader might try to see more: names of filters that some page knows, and names that none does.
WIDER = {
    "again": "x", "why": "none",
    "village": VILLAGE, "area": VILLAGE, "in": VILLAGE, "scope": COUNTY, "prefix": "", "small": "small-1", "group": "1",
    "cadre": "u-cadre", "user": "u-county", "role": "county", "household": HOUSEHOLD, "id": HOUSEHOLD, "form": "local",
    "s": "冉", "q": "冉", "page_size": "100000", "limit": "100000", "page": "1", "state": "", "since": "2000-01-01", "sort": "area",
}  # fmt: skip

# A form's questions are no secret: phones load them before anybody signed in (forms_api). Answers are.
MERGED_VILLAGE = "500156105297"
OPEN_FORMS = {"formpost.fill", "formpost.post", "printing.blank_form", "printing.print_blank", "printing.browser_blank"}


@dataclass(frozen=True)
class World:
    app: Any
    here: Any
    objects: dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One centre for the whole matrix: a village full of things, and a neighbour county with every role."""
    from app import create_app
    from app.config import Config
    from app.node import open_node

    folder = tmp_path_factory.mktemp("matrix")
    config = Config(data_dir=folder / "data", background=False)
    here = open_node(config)
    people_and_places(here.store, Cast())
    author = Author("i-more", "u-county", clock=lambda: datetime(2026, 11, 1, 9, tzinfo=UTC))
    here.store.load(
        [
            author.create("user", person.id, person.area, {
                "username": person.username, "name": person.name, "role": person.role, "area": person.area,
                "password_hash": password_hash(person.password)})
            for person in OUTSIDERS
        ]
    )  # fmt: skip
    app = create_app(config, here)
    try:
        objects = _things(app, here, author)
        here.tables.catch_up()
        yield World(app, here, objects)
    finally:
        here.close()


OUTSIDERS = tuple(Person(f"u-out-{role}", f"out-{role}", f"外{role}", role, OTHER_COUNTY) for role in OFFICE_ROLES)
INSIDERS = {person.role: person for person in (Cast.cadre, Cast.township, Cast.county, Cast.auditor)}


def _things(app: Any, here: Any, author: Author) -> dict[str, dict[str, str]]:
    """One of everything an address can name, in the village."""
    old = here.store.get("household", HOUSEHOLD).fields
    story = tell(here.store, actor="u-cadre", area=VILLAGE, household=HOUSEHOLD, old=old, everywhere=COUNTY, head="冉小明")
    evidence = b"%PDF-1.4 evidence"
    proof = keep(here.store, evidence)
    asked = {"household_id": HOUSEHOLD, "member_id": "", "rule": "r", "reason": "区外秘密",
             "state": "requested", "asked_by": "u-cadre", "asked_on": "2026-11-01",
             "approver": "", "answer": "", "valid_until": "", "evidence": proof}  # fmt: skip
    here.store.load([
        author.create("exemption", "e-1", VILLAGE, asked, blobs=[BlobRef(proof, len(evidence))]),
        author.create("issue", "i-1", VILLAGE, {"household_id": HOUSEHOLD, "description": "区外秘密", "state": "open",
                      "evidence": proof}, blobs=[BlobRef(proof, len(evidence))]),
        author.create("pairing", "p-1", VILLAGE, {"household_id": HOUSEHOLD, "helper_role": "helper", "helper_name": "冉小明",
                      "started": "2026-01-01", "ended": "", "handover": "x", "taken_from": "u-cadre"}),
        author.create("pairing", "p-2", VILLAGE, {"household_id": "", "helper_role": "team", "helper_name": "冉小明"}),
        author.create("small_area", "small-1", COUNTY, {"name": "区外秘密片区", "villages": VILLAGE}),
        author.create("area", MERGED_VILLAGE, MERGED_VILLAGE, {"name": "区外秘密旧村"}),
        author.update("area", MERGED_VILLAGE, MERGED_VILLAGE, {"successor": ("", VILLAGE)}, form_id=MERGED, form_version="m-1"),
    ])  # fmt: skip
    made = _made_by_pages(app, here)
    aside = _set_aside(app, here)
    common = {"form_id": "local", "version": "1", "kind": "xlsx", "name": "households", "ending": "csv", "what": "sheet",
              "which": "list", "sha256": story["photo"], "code": VILLAGE}  # fmt: skip
    return {
        "": common,
        "office.household": {"id": HOUSEHOLD}, "office.open_household": {"id": HOUSEHOLD},
        "office.erase_household": {"id": HOUSEHOLD},
        "office.erase_household_now": {"id": HOUSEHOLD}, "office.submission": {"id": "s-1"},
        "office.submission_file": {"id": "s-1"}, "office.answer_exemption": {"id": "e-1"},
        "office.pair_household": {"id": HOUSEHOLD}, "office.end_pairing": {"id": "p-1"},
        **{f"office.{one}": {"id": HOUSEHOLD} for one in (
            "household_status", "change_status", "household_people", "member_leaves", "member_joins", "household_split",
            "split_household", "household_move", "move_household")},
        "office.issue": {"id": "i-1"}, "office.step_issue": {"id": "i-1"}, "office.change_issue": {"id": "i-1"},
        "office.issue_evidence": {"id": "i-1", "sha256": proof}, "office.exemption_evidence": {"id": "e-1"},
        "office.small_area": {"id": "small-1"},
        "office.area_part": {"code": MERGED_VILLAGE}, "office.area_part_now": {"code": MERGED_VILLAGE},
        "office.small_area_save": {"id": "small-1"}, "office.small_area_remove": {"id": "small-1"},
        "office.quarantined_one": {"key": aside}, "office.decide": {"key": aside},
        "printing.household": {"id": HOUSEHOLD}, "printing.browser_sheet": {"id": HOUSEHOLD},
        "printing.filled_form": {"id": "s-1"}, "printing.print_filled": {"id": "s-1"}, "printing.browser_filled": {"id": "s-1"},
        "formpost.fill": {"form_id": "local"}, "formpost.post": {"form_id": "local"},
        "sync_api.get_blob": {"sha256": proof}, "office.enrolment_confirm": {"id": _invitation(here)},
        **{f"office.person{name}": {"id": "u-cadre"} for name in ("", "_save", "_password", "_state", "_enrol")},
        "office.staff_undo": {"batch": "list-1"}, "office.told_device_stop": {"id": "i-told"},
        "office.device_stop": {"id": next(one.install_id for one in here.store.installs() if one.user_id == "u-cadre")},
        **made,
    }  # fmt: skip


def _made_by_pages(app: Any, here: Any) -> dict[str, dict[str, str]]:
    """What lies in folders of the node: an import, a print job, a courier errand, a form's design."""
    from test_office_courier import phones_file
    from test_office_forms import V1, Desk, InThisProcess, sheet_file

    from app.office.courier import desk
    from app.office.importing import imports_here
    from app.office.printing import jobs_here
    from app.print.jobs import new_job

    with app.test_request_context():
        job = imports_here().new("区外秘密.csv", "csv", "u-cadre", (VILLAGE,), "2026-11-01T09:00:00+00:00")
        printed = new_job("sheet", "区外秘密", "u-cadre", [VILLAGE], 1, "2026-11-01T09:00:00+00:00")
        (jobs_here().folder / printed.id).mkdir()
        jobs_here()._write(printed)
        errand = desk().bring(io.BytesIO(phones_file(here, Cast())), by="u-cadre", now=here.now(), wait=True)
    here.checker = InThisProcess()
    office = Desk(signed_in(app, INSIDERS["county"]))
    office.publish(("local.xlsx", sheet_file(V1, form_id="local")))
    design = office.designed(("区外秘密.xlsx", sheet_file(V1, form_id="secret")))
    id = design.rstrip("/").rpartition("/")[2]
    kept = here.designs.get(id)
    imports = ("one", "back", "check", "decide", "lines", "remove", "run", "sheet", "undo")
    designs = ("design", "design_again", "design_delete", "design_drop_file", "design_file", "design_household", "design_media",
               "design_page", "design_phone", "design_preview", "design_publish", "design_publish_now", "design_text")  # fmt: skip
    return {
        **{f"office.import_{name}": {"id": job.id} for name in imports},
        **{f"office.{name}": {"id": id, "sha256": kept.source.sha256} for name in designs},
        **{f"printing.{name}": {"id": printed.id} for name in ("job", "cancel", "result", "status")},
        **{f"office.courier_{name}": {"id": errand.id} for name in ("errand", "again", "receipts")},
    }


def _invitation(here: Any) -> str:
    from app.enrol import invite

    return invite(here, "u-cadre", "u-county")[0]


def _set_aside(app: Any, here: Any) -> str:
    """A visit of a phone that was stopped: it waits for a person of the village."""
    from conftest import Phone

    cadre = Phone(app.test_client(), INSIDERS["cadre"])
    here.store.revoke(cadre.install_id)
    op = cadre.author.update("household", HOUSEHOLD, VILLAGE, {"remark": ("", "区外秘密")})
    assert cadre.push([op]).json["results"][0]["status"] == "quarantined"
    browser = signed_in(app, INSIDERS["township"])
    return str(re.findall(r'/office/quarantined/([^"?/]+)"', browser.get("/office/quarantined").text)[0])


def signed_in(app: Any, person: Person) -> Any:
    browser = app.test_client()
    page = browser.get("/office/sign-in").text
    token = page.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]
    reply = browser.post("/office/sign-in", data={"username": person.username, "password": person.password, "csrf_token": token})
    assert reply.status_code == 303, reply.text
    browser.csrf = _token(browser)
    return browser


def _token(browser: Any) -> str:
    return str(browser.get("/office/").text.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0])


@pytest.fixture(scope="module")
def browsers(world: World) -> dict[str, Any]:
    return {p.id: signed_in(world.app, p) for p in (*INSIDERS.values(), *OUTSIDERS)}


# --- the routes ---------------------------------------------------------------------------------------------


def routes(world: World, kind: str) -> list[tuple[Any, Any]]:
    return [(rule, access) for rule in world.app.url_map.iter_rules()
            if (access := declared(world.app.view_functions[rule.endpoint])) is None or access.kind == kind]  # fmt: skip


def path_of(world: World, rule: Any) -> str:
    known = world.objects[""] | world.objects.get(rule.endpoint, {})
    missing = rule.arguments - known.keys()
    assert not missing, f"{rule.endpoint}: tell the matrix in _things() where a {missing} lies in the village"
    _domain, path = rule.build({name: known[name] for name in rule.arguments})
    return str(path)


def names_a_thing(rule: Any) -> bool:
    """Whether the address names something that lies somewhere, not just a kind of file."""
    return bool(rule.arguments - {"name", "ending", "kind", "which"})


def methods(rule: Any) -> list[str]:
    return sorted(rule.methods - {"HEAD", "OPTIONS"})


def test_every_route_says_who_may_call_it(world: World) -> None:
    silent = [rule.endpoint for rule in world.app.url_map.iter_rules() if declared(world.app.view_functions[rule.endpoint]) is None]
    assert silent == []


def test_an_undeclared_route_is_not_reached(config: Any, here: Any) -> None:
    from app import create_app

    app = create_app(config, here)
    app.add_url_rule("/office/forgotten", "forgotten", lambda: "区外秘密")
    reply = app.test_client().get("/office/forgotten")
    assert reply.status_code == 404 and "区外秘密" not in reply.text


def test_whoever_is_not_signed_in_is_led_to_the_sign_in(world: World) -> None:
    nobody = world.app.test_client()
    for rule, _access in routes(world, "office"):
        for method in methods(rule):
            reply = nobody.open(path_of(world, rule), method=method)
            if method == "GET":
                assert (reply.status_code, reply.location.partition("?")[0]) == (303, "/office/sign-in"), rule
            else:
                assert reply.status_code in (400, 401), (rule, reply.status_code)


@pytest.mark.parametrize("role", OFFICE_ROLES)
def test_a_role_that_a_route_does_not_name_is_refused(world: World, browsers: dict[str, Any], role: str) -> None:
    browser = browsers[INSIDERS[role].id]
    for rule, access in routes(world, "office"):
        if role in access.roles:
            continue
        for method in methods(rule):
            reply = browser.open(path_of(world, rule), method=method, data={"csrf_token": browser.csrf})
            assert reply.status_code == 403, (rule, method, reply.status_code)


@pytest.mark.parametrize("role", OFFICE_ROLES)
def test_outsiders_get_404_for_what_is_not_theirs(world: World, browsers: dict[str, Any], role: str) -> None:
    browser = browsers[f"u-out-{role}"]
    wrong = []
    for rule, access in routes(world, "office"):
        if role not in access.roles or not names_a_thing(rule) or rule.endpoint in OPEN_FORMS:
            continue
        for method in methods(rule):
            data = None if method == "GET" else {"csrf_token": browser.csrf, "verdict": "reject", "reason": "x", "name": "x"}
            reply = browser.open(path_of(world, rule), method=method, data=data)
            if reply.status_code != 404 or leaked(reply):
                wrong.append((method, str(rule), reply.status_code, leaked(reply)))
    assert wrong == [], wrong


@pytest.mark.parametrize("role", OFFICE_ROLES)
def test_insiders_reach_the_same_things(world: World, browsers: dict[str, Any], role: str) -> None:
    """Otherwise the 404 above would prove nothing."""
    browser, wrong = browsers[INSIDERS[role].id], []
    for rule, access in routes(world, "office"):
        if role not in access.roles or not names_a_thing(rule) or "GET" not in methods(rule):
            continue
        reply = browser.get(path_of(world, rule))
        reply.close()
        if reply.status_code in (403, 404) and rule.endpoint not in NOT_IN_THE_VILLAGE:
            wrong.append((str(rule), reply.status_code))
    assert wrong == [], wrong


NOT_IN_THE_VILLAGE: dict[str, str] = {
    "office.import_lines": "the import has no lines yet",
    "office.form_changes": "the form has one version",
    "printing.filled_form": "the story's form is not on the shelf",
    "printing.result": "the job has not been laid out",
    "office.design_file": "the design's own file is under another name",
    "office.design_media": "the design has no media",
    "office.design_household": "the design was not compiled",
    "office.design_page": "the design was not compiled",
    "office.design_phone": "the design was not compiled",
    "office.design_preview": "the design was not compiled",
    "office.design_publish": "the design was not compiled",
}


@pytest.mark.parametrize("role", OFFICE_ROLES)
def test_no_list_holds_anything_of_another_place(world: World, browsers: dict[str, Any], role: str) -> None:
    browser, wrong = browsers[f"u-out-{role}"], []
    for rule, access in routes(world, "office"):
        if role not in access.roles or names_a_thing(rule) or "GET" not in methods(rule):
            continue
        for query in ({}, *({name: value} for name, value in WIDER.items()), WIDER):
            reply = browser.get(path_of(world, rule), query_string=query)
            if leaked(reply, echo=query):
                wrong.append((str(rule), query if len(query) < 3 else "all", leaked(reply, echo=query)))
    assert wrong == []


@pytest.mark.parametrize("role", OFFICE_ROLES)
def test_no_export_holds_anything_of_another_place(world: World, browsers: dict[str, Any], role: str) -> None:
    browser, wrong = browsers[f"u-out-{role}"], []
    for name in ("households", "members", "visits", "issues", "submissions"):
        for query in ({}, {"village": VILLAGE}, {"small": "small-1"}, WIDER):
            data = {"csrf_token": browser.csrf, "village": VILLAGE, "column": ["head_name", "full_name", "id_no", "phone", "area"]}
            reply = browser.post(f"/office/export/{name}.csv", query_string=query, data=data)
            if leaked(reply):
                wrong.append((name, query, leaked(reply)))
    assert wrong == []


def test_what_no_outsider_reads_insiders_do(world: World, browsers: dict[str, Any]) -> None:
    page = browsers["u-county"].get(f"/office/households/{HOUSEHOLD}").text
    assert "冉小明" in page and "清水村" in page
    assert AREAS[OTHER_COUNTY] not in browsers["u-county"].get("/office/register").text


def leaked(reply: Any, echo: dict[str, str] | None = None) -> list[str]:
    """Secrets in the answer; what the address itself asked for may be shown back."""
    text = reply.get_data(as_text=True) if reply.mimetype.startswith(("text/", "application/json")) else ""
    reply.close()
    for value in (echo or {}).values():
        if value in SECRETS:
            text = text.replace(value, "")
    # An id stands by itself, or it would be found in any longer one.
    return [one for one in SECRETS if re.search(rf"(?<![\w-]){re.escape(one)}(?![\w-])" if one.isascii() else one, text)]


# --- phones -------------------------------------------------------------------------------------------------


def test_a_phone_route_needs_a_token(world: World) -> None:
    nobody = world.app.test_client()
    for rule, _access in routes(world, "device"):
        for method in methods(rule):
            for headers in ({}, {"Authorization": "Bearer none"}, {"Authorization": "Basic Og=="}):
                assert nobody.open(path_of(world, rule), method=method, headers=headers).status_code == 401, rule


def test_an_office_cookie_opens_no_phone_route(world: World, browsers: dict[str, Any]) -> None:
    for rule, _access in routes(world, "device"):
        for method in methods(rule):
            assert browsers["u-county"].open(path_of(world, rule), method=method).status_code == 401, rule


@pytest.mark.parametrize("role", ["cadre", "township", "county"])
def test_a_phone_elsewhere_gets_nothing_of_the_village(world: World, role: str) -> None:
    from conftest import Phone

    device = Phone(world.app.test_client(), next(p for p in OUTSIDERS if p.role == role))
    near = Phone(world.app.test_client(), INSIDERS[role])
    told = device.get(f"/sync/v1/pull?limit=100000&area={VILLAGE}&prefix=&scope=").text
    assert not [secret for secret in SECRETS if secret in told] and OTHER_HOUSEHOLD in told
    assert "冉小明" in near.get("/sync/v1/pull").text
    photo = world.objects["sync_api.get_blob"]["sha256"]
    assert device.get(f"/sync/v1/blob/{photo}").status_code == 404
    with near.get(f"/sync/v1/blob/{photo}") as own:
        assert own.status_code == 200
    assert device.client.head(f"/sync/v1/blob/{photo}", headers=device.headers).status_code == 404
    assert VILLAGE not in device.get("/sync/v1/digest").text
    bucket = device.get(f"/sync/v1/bucket?place={VILLAGE}&buckets=" + ",".join(map(str, range(256))))
    assert "冉小明" not in bucket.text
    assert device.get(f"/sync/v1/receipts?install_id={near.install_id}&after=0").status_code in (400, 404)
