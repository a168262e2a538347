"""Signing in and who may call what.

1. an unknown name, a wrong password and a disabled account get the same answer
2. wrong tries slow down the one who errs, not the village, over a restart too
3. an office cookie opens pages and no sync; a phone's token the other way round
4. changed rights count at once
5. every endpoint declares who may call it
6. a POST from another site is refused
"""

from __future__ import annotations

import hashlib
import re
import time
from pathlib import Path
from typing import Any

import pytest
from argon2 import Type, extract_parameters

from app.access import declared
from app.auth import NOBODY, hash_password, password_fits
from app.keys import tries_key
from app.throttle import FREE_TRIES, WINDOW, Throttle, wait_seconds
from tests import once


def sign_in(client: Any, username: str, password: str, **more: Any) -> Any:
    return client.post("/api/sign-in", json={"username": username, "password": password, "device": "手机"}, **more)


def test_sign_in_gives_a_token_and_who_one_is(client: Any, cast: Any, here: Any) -> None:
    reply = sign_in(client, cast.cadre.username, cast.cadre.password)
    assert reply.status_code == 200
    assert reply.json["user"]["grants"] == [{"role": "cadre", "area": cast.cadre.area}]
    assert reply.json["server_id"] == here.store.server_id
    assert reply.json["tier"] == "centre"
    assert here.store.credential(reply.json["token"]).install_id == reply.json["install_id"]
    assert "password" not in reply.text


def test_a_name_is_found_in_any_case(client: Any, cast: Any) -> None:
    assert sign_in(client, cast.cadre.username.upper(), cast.cadre.password).status_code == 200


def test_the_same_answer_for_every_wrong_sign_in(client: Any, cast: Any, here: Any) -> None:
    author = __import__("sync.author", fromlist=["Author"]).Author("i-x", "u-county", clock=here.now)
    here.store.load([author.update("user", cast.neighbour.id, cast.neighbour.area, {"state": (None, "disabled")})])
    answers = {
        sign_in(client, cast.cadre.username, "wrong").text,
        sign_in(client, "nobody", "wrong").text,
        sign_in(client, cast.neighbour.username, cast.neighbour.password).text,
    }
    assert len(answers) == 1
    error = sign_in(client, "nobody", "wrong").json["error"]
    assert error["message"] == "用户名或密码不对"
    assert error["next"]


def test_an_unknown_name_costs_a_hash_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.auth.NOBODY", hash_password("anything"))
    assert not password_fits("", "anything")
    assert not password_fits("not a hash", "anything")


def test_a_password_is_dear_to_try() -> None:
    """Tests hash cheaply; the real hasher, and what an unknown name is compared with, take what OWASP asks."""
    real = extract_parameters(once.real_hasher.hash("anything"))
    assert (real.type, real.memory_cost, real.time_cost) == (Type.ID, 19456, 2)
    assert extract_parameters(NOBODY) == real


def test_a_sign_in_of_unknown_or_great_length_is_not_read(client: Any) -> None:
    assert client.post("/api/sign-in", content_type="application/json").status_code == 411
    assert client.post("/api/sign-in", data=b" " * 5000, content_type="application/json").status_code == 413


@pytest.mark.parametrize("body", ["[]", "{}", '{"username": 1, "password": 2}', "no json"])
def test_strange_sign_in_bodies(client: Any, body: str) -> None:
    reply = client.post("/api/sign-in", data=body, content_type="application/json")
    assert reply.status_code == 400
    assert reply.json["error"]["next"]


def test_a_form_of_another_site_cannot_sign_in(client: Any, cast: Any) -> None:
    reply = client.post("/api/sign-in", data={"username": cast.cadre.username, "password": cast.cadre.password})
    assert reply.status_code == 415


def test_wrong_tries_are_slowed_down_and_others_are_not(client: Any, cast: Any) -> None:
    for _try in range(FREE_TRIES["pair"]):
        assert sign_in(client, cast.cadre.username, "wrong").status_code == 401
    refused = sign_in(client, cast.cadre.username, cast.cadre.password)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert sign_in(client, cast.township.username, cast.township.password).status_code == 200
    elsewhere = {"REMOTE_ADDR": "10.0.0.9"}
    assert sign_in(client, cast.cadre.username, cast.cadre.password, environ_base=elsewhere).status_code == 200


def test_waiting_grows_and_ends() -> None:
    assert wait_seconds([], 0.0, 5) == 0
    assert wait_seconds([1, 2, 3, 4], 5.0, 5) == 0
    five = [1.0, 2.0, 3.0, 4.0, 5.0]
    assert wait_seconds(five, 5.0, 5) == 15
    assert wait_seconds(five, 19.5, 5) == 1
    assert wait_seconds(five, 20.0, 5) == 0
    assert wait_seconds([*five, 6.0], 6.0, 5) == 30
    assert wait_seconds([1.0] * 60, 1.0, 5) == 900
    assert wait_seconds(five, 5.0 + WINDOW, 5) == 0


def test_a_success_clears_only_the_own_pair() -> None:
    throttle = Throttle()
    for _try in range(FREE_TRIES["pair"]):
        throttle.failed("a", "1", 0.0)
    assert throttle.wait("a", "1", 0.0) > 0
    assert throttle.wait("a", "2", 0.0) == 0
    throttle.succeeded("a", "1")
    assert throttle.wait("a", "1", 0.0) == 0


def test_a_restart_forgives_nobody(tmp_path: Path) -> None:
    note, now = tmp_path / "tries.log", time.time()
    key = b"k" * 32
    before = Throttle(note, key)
    for _try in range(FREE_TRIES["pair"]):
        before.failed("冉村干", "10.0.0.1", now)
        before.failed("other", "10.0.0.1", now)
    before.succeeded("other", "10.0.0.1")
    before.failed("old", "10.0.0.2", now - WINDOW - 1)
    note.write_text(note.read_text("ascii") + '[17, "torn', "ascii")
    after = Throttle(note, key)
    assert after.wait("冉村干", "10.0.0.1", now) > 0
    assert after.wait("other", "10.0.0.1", now) == 0 and after.wait("冉村干", "10.0.0.2", now) == 0
    text = note.read_text("utf-8")
    assert "10.0.0.1" not in text and "冉村干" not in text
    # Whoever finds the note without the server's secret cannot try addresses until one fits.
    assert hashlib.sha256(b"10.0.0.1").hexdigest()[:16] not in text
    assert Throttle(note, b"another").wait("冉村干", "10.0.0.1", now) == 0
    assert len(text.splitlines()) == 2 * FREE_TRIES["pair"] + 1, "what is over is not kept"


def test_the_note_of_tries_stays_short_and_a_full_disk_keeps_nobody_out(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("app.throttle.MOST_LINES", 20)
    throttle, now = Throttle(tmp_path / "tries.log"), time.time()
    for n in range(100):
        throttle.failed(f"name {n}", "10.0.0.9", now)
    assert len((tmp_path / "tries.log").read_text().splitlines()) <= 21
    assert throttle.wait("anybody", "10.0.0.9", now) == 0, "a village shares one address"
    nowhere = Throttle(tmp_path / "no" / "folder" / "tries.log")
    for _try in range(FREE_TRIES["pair"]):
        nowhere.failed("a", "1", now)
    assert nowhere.wait("a", "1", now) > 0


def test_a_server_opened_anew_remembers_wrong_tries(here: Any, client: Any, cast: Any) -> None:
    for _try in range(FREE_TRIES["pair"]):
        sign_in(client, cast.cadre.username, "wrong")
    again = Throttle(here.throttle.path, tries_key(here.config.data_dir))
    assert again.wait(cast.cadre.username, "127.0.0.1", time.time()) > 0


def test_signing_out_ends_the_token(phone: Any, cast: Any) -> None:
    device = phone(cast.cadre)
    assert device.get("/sync/v1/pull").status_code == 200
    assert device.client.post("/api/sign-out", headers=device.headers).status_code == 200
    assert device.get("/sync/v1/pull").status_code == 401


def test_office_needs_a_sign_in_and_comes_back(client: Any) -> None:
    reply = client.get("/office/?q=1")
    assert reply.status_code == 303
    assert reply.location.startswith("/office/sign-in?next=")


def test_office_sign_in_and_out(office: Any, cast: Any) -> None:
    browser = office(cast.township)
    page = browser.get("/office/")
    assert page.status_code == 200
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    assert token, "the office pages carry a sign-out form"
    assert browser.post("/office/sign-out", data={"csrf_token": token[1]}).status_code == 303
    assert browser.get("/office/").status_code == 303


def test_a_copied_cookie_dies_with_the_session(app: Any, office: Any, cast: Any) -> None:
    browser = office(cast.township)
    name = app.config["SESSION_COOKIE_NAME"]
    thief = app.test_client()
    thief.set_cookie(name, browser.get_cookie(name).value)
    assert thief.get("/office/").status_code == 200
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get("/office/").text)
    assert token
    browser.post("/office/sign-out", data={"csrf_token": token[1]})
    assert thief.get("/office/").status_code == 303


def test_office_cookie_is_kept_from_scripts_and_other_sites(client: Any, office: Any, cast: Any, app: Any) -> None:
    browser = office(cast.township)
    cookie = browser.get_cookie(app.config["SESSION_COOKIE_NAME"])
    assert cookie is not None
    assert cookie.http_only
    assert cookie.same_site == "Lax"


def test_an_office_cookie_opens_no_sync_and_a_token_no_office(office: Any, phone: Any, cast: Any, here: Any) -> None:
    assert office(cast.township).get("/sync/v1/pull").status_code == 401
    assert phone(cast.township).get("/office/").status_code == 303
    given = here.store.add_install(cast.township.id, kind="browser", name="")
    reply = office(cast.township).get("/sync/v1/pull", headers={"Authorization": f"Bearer {given.token}"})
    assert reply.status_code == 401


def test_node_accounts_have_no_office(client: Any, cast: Any) -> None:
    token = client.get("/office/sign-in").text.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]
    data = {"username": cast.node.username, "password": cast.node.password, "csrf_token": token}
    reply = client.post("/office/sign-in", data=data)
    assert reply.status_code == 401 and "村级节点联网用的账号" in reply.text
    wrong = client.post("/office/sign-in", data=data | {"password": "wrong"})
    assert wrong.status_code == 401 and "村级节点" not in wrong.text, "whoever guesses learns nothing"


def test_lost_rights_are_lost_at_once(office: Any, cast: Any, here: Any) -> None:
    browser = office(cast.township)
    assert browser.get("/office/").status_code == 200
    author = __import__("sync.author", fromlist=["Author"]).Author("i-y", "u-county", clock=here.now)
    here.store.load([author.update("user", cast.township.id, cast.township.area, {"state": (None, "disabled")})])
    assert browser.get("/office/").status_code == 303


def test_a_post_without_the_page_s_token_is_refused(app: Any, cast: Any) -> None:
    reply = app.test_client().post(
        "/office/sign-in", data={"username": cast.cadre.username, "password": cast.cadre.password}
    )
    assert reply.status_code == 400


@pytest.mark.parametrize("wish", ["https://evil.example/", "//evil.example/office/", "/office/\\evil", "javascript:1"])
def test_after_signing_in_one_stays_here(client: Any, cast: Any, wish: str) -> None:
    page = client.get("/office/sign-in", query_string={"next": wish}).text
    token = page.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]
    data = {"username": cast.township.username, "password": cast.township.password, "csrf_token": token}
    reply = client.post("/office/sign-in", query_string={"next": wish}, data=data)
    assert reply.location == "/office/"


def test_every_endpoint_declares_who_may_call_it(app: Any) -> None:
    undeclared = sorted(name for name, view in app.view_functions.items() if declared(view) is None)
    assert undeclared == []


def test_an_undeclared_view_is_never_reached(app: Any) -> None:
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    reply = app.test_client().get("/forgotten")
    assert reply.status_code == 404
    assert "secret" not in reply.text


def test_no_office_page_shows_a_stranger_our_people(app: Any, office: Any, cast: Any, here: Any) -> None:
    """Every office page that can be opened, with our household put in wherever an id may stand."""
    here.tables.catch_up()
    browsers = {person.username: office(person) for person in (cast.stranger, cast.neighbour, cast.township)}
    seen_by_us = 0
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or not rule.rule.startswith("/office"):
            continue
        path = re.sub(r"<(?:[a-z]+:)?[a-z_0-9]+>", "h-ran", rule.rule)
        for username, browser in browsers.items():
            with browser.get(path) as page:
                text = page.data.decode(errors="replace")
            assert page.status_code < 500, path
            if username == cast.township.username:
                seen_by_us += "冉光荣" in text
            else:
                assert "冉光荣" not in text, (path, username)
    assert seen_by_us >= 2, "otherwise this test proves nothing"


def test_what_is_public(app: Any) -> None:
    """A new public endpoint is a decision; it is made here."""
    public = {name for name, view in app.view_functions.items() if declared(view).kind == "public"}
    assert public == {
        "auth.api_sign_in", "auth.office_sign_in", "pwa.shell", "pwa.service_worker", "pwa.webmanifest",
        "pwa.favicon", "pwa.robots", "pwa.trusted", "pwa.dist", "pwa.plain", "forms_api.index", "forms_api.page",
        "forms_api.definition", "forms_api.fill", "forms_api.form_file", "enrol.show_secret", "enrol.collect",
    }  # fmt: skip
