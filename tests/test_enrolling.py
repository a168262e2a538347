"""People at the office, and phones that come in by an invitation.

1. an invitation: one use, a quarter of an hour, a named person, and a code that the office types
2. a photographed QR is worth nothing without the office; a scanned one is worth nothing to the second
3. a stopped device pulls nothing at once, and what it pushes waits for a person
4. people are added, changed, stopped; nobody gives more than they have; a one-time password is changed first
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from conftest import COUNTY, HOUSEHOLD, NEXT_VILLAGE, OTHER_VILLAGE, VILLAGE
from cryptography.hazmat.primitives.asymmetric import ec

from sync import enrolling, keys
from sync.author import Author

NOW = datetime(2026, 11, 1, 9, tzinfo=UTC)


def token(browser: Any) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/office/password").text)
    assert found
    return found[1]


def post(browser: Any, path: str, **data: Any) -> Any:
    return browser.post(path, data={"csrf_token": token(browser), **data})


class Newcomer:
    """A phone that nobody knows yet."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.claim = self.code = ""

    def scan(self, secret: str) -> Any:
        reply = self.client.post("/api/enrol", json={"secret": secret, "key": keys.public_text(self.key), "device": "手机"})
        if reply.status_code == 200:
            self.claim, self.code = reply.json["claim"], reply.json["code"]
        return reply

    def collect(self) -> Any:
        return self.client.post("/api/enrol/collect", json={"claim": self.claim})


@pytest.fixture
def desk(office: Any, cast: Any) -> Any:
    return office(cast.township)


def invited(desk: Any, who: str = "u-cadre") -> tuple[str, str]:
    """(secret, path to confirm at) as the page shows them."""
    page = post(desk, f"/office/users/{who}/enrol")
    assert page.status_code == 200, page.text
    secret = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}", page.text)
    path = re.search(r"/office/enrolments/[^\"]+", page.text)
    assert secret and path
    return secret[0], path[0]


# --- 1. an invitation ---------------------------------------------------------------------------------------


def test_a_phone_comes_in_when_the_office_typed_its_code(here: Any, client: Any, desk: Any, cast: Any) -> None:
    secret, confirm = invited(desk)
    new = Newcomer(client)
    assert new.scan(secret.lower()).json.keys() == {"claim", "code", "seconds"}
    assert (new.collect().status_code, new.collect().json) == (202, {"waiting": True})
    assert post(desk, confirm, code=new.code).status_code == 303
    let_in = new.collect()
    assert let_in.json["user"]["id"] == cast.cadre.id
    credential = here.store.credential(let_in.json["token"])
    assert (credential.user_id, credential.kind) == (cast.cadre.id, "device")
    [install] = [one for one in here.store.installs() if one.install_id == let_in.json["install_id"]]
    assert install.key == keys.public_text(new.key)
    assert "扫码登记" in desk.get("/office/users/u-cadre").text
    assert new.collect().status_code == 410, "the token is given once"


def test_the_secret_is_kept_nowhere(here: Any, client: Any, desk: Any) -> None:
    secret, _confirm = invited(desk)
    plain = enrolling.tidy(secret)
    kept = here.store.enrolment(secret_hash=enrolling.hash_of(plain))
    assert plain not in msgspec.json.encode(kept).decode()


def test_a_wrong_code_lets_nobody_in_and_five_end_it(client: Any, desk: Any) -> None:
    secret, confirm = invited(desk)
    new = Newcomer(client)
    assert "还没有手机扫这个码" in post(desk, confirm, code="1234").text
    new.scan(secret)
    wrong = "0000" if new.code != "0000" else "1111"
    for _try in range(enrolling.MOST_TRIES):
        post(desk, confirm, code=wrong)
        assert new.collect().status_code in (202, 410)
    post(desk, confirm, code=new.code)
    assert new.collect().status_code == 410


def test_too_late_is_refused_at_every_step(here: Any, client: Any, desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    late, scanned, confirmed = invited(desk), invited(desk), invited(desk)
    second, third = Newcomer(client), Newcomer(client)
    second.scan(scanned[0])
    third.scan(confirmed[0])
    post(desk, confirmed[1], code=third.code)
    then = here.now() + enrolling.LASTS + timedelta(seconds=1)
    monkeypatch.setattr(type(here), "now", staticmethod(lambda: then))
    assert Newcomer(client).scan(late[0]).status_code == 410
    assert "过期" in post(desk, scanned[1], code=second.code).text
    assert second.collect().status_code == third.collect().status_code == 410


def test_a_person_stopped_meanwhile_gets_nothing(here: Any, client: Any, desk: Any, cast: Any) -> None:
    secret, confirm = invited(desk)
    new = Newcomer(client)
    new.scan(secret)
    post(desk, confirm, code=new.code)
    author = Author("i-x", "u-county", clock=here.now)
    here.store.load([author.update("user", cast.cadre.id, VILLAGE, {"state": (None, "disabled")})])
    assert new.collect().status_code == 410


# --- 2. thieves ---------------------------------------------------------------------------------------------


def test_a_second_scan_is_refused(client: Any, desk: Any) -> None:
    secret, _confirm = invited(desk)
    assert Newcomer(client).scan(secret).status_code == 200
    assert Newcomer(client).scan(secret).json["error"]["code"] == "invitation_gone"


def test_a_thief_who_scans_first_is_not_let_in(client: Any, desk: Any) -> None:
    """The office types what stands on the phone in front of it: that one has no code."""
    secret, confirm = invited(desk)
    thief, honest = Newcomer(client), Newcomer(client)
    thief.scan(secret)
    assert honest.scan(secret).status_code == 410
    guess = "0000" if thief.code != "0000" else "1111"
    post(desk, confirm, code=guess)
    assert thief.collect().status_code == 202


def test_two_at_once_are_one(here: Any) -> None:
    one = enrolling.Enrolment(id="e", secret_hash="h", user_id="u", made_by="b", made_at=NOW.isoformat())
    here.store.add_enrolment(one)
    asked = enrolling.asked(one, claim="c", code="1", key="k", name="n", lost_install="", now=NOW)
    assert asked is not None
    assert here.store.change_enrolment(one, asked)
    assert not here.store.change_enrolment(one, asked)


def test_guesses_are_slowed_down_for_whoever_guesses(client: Any, desk: Any) -> None:
    secret, _confirm = invited(desk)
    statuses = [Newcomer(client).scan("0000-0000-0000").status_code for _try in range(8)]
    assert statuses[-1] == 429
    elsewhere = {"REMOTE_ADDR": "10.0.0.9"}
    wish = {"secret": secret, "key": keys.public_text(ec.generate_private_key(ec.SECP256R1()))}
    assert client.post("/api/enrol", json=wish, environ_base=elsewhere).status_code == 200


def test_only_who_manages_a_person_invites_for_them(office: Any, desk: Any, cast: Any) -> None:
    assert post(office(cast.stranger), "/office/users/u-cadre/enrol").status_code == 404
    assert post(office(cast.cadre), "/office/users/u-cadre/enrol").status_code == 403
    assert post(desk, "/office/users/u-county/enrol").status_code == 404
    _secret, confirm = invited(desk)
    assert post(office(cast.stranger), confirm, code="1234").status_code == 404


def test_passwords_on_phones_can_be_switched_off(here: Any, client: Any, cast: Any) -> None:
    import dataclasses

    here.config = dataclasses.replace(here.config, phone_passwords=False)
    wish = {"username": cast.cadre.username, "password": cast.cadre.password, "device": "x"}
    assert client.post("/api/sign-in", json=wish).json["error"]["code"] == "no_phone_passwords"
    wish = {"username": cast.node.username, "password": cast.node.password, "device": "node"}
    assert client.post("/api/sign-in", json=wish).status_code == 200


# --- 3. stopped ---------------------------------------------------------------------------------------------


def test_a_stopped_device_pulls_nothing_and_its_work_waits(here: Any, phone: Any, desk: Any, office: Any, cast: Any) -> None:
    device = phone(cast.cadre)
    assert post(office(cast.stranger), f"/office/devices/{device.install_id}/stop").status_code == 404
    assert device.get("/sync/v1/pull").status_code == 200
    assert post(desk, f"/office/devices/{device.install_id}/stop").status_code == 303
    assert device.get("/sync/v1/pull").status_code == 401
    [result] = device.push([device.author.update("household", HOUSEHOLD, VILLAGE, {"remark": ("", "x")})]).json["results"]
    assert (result["status"], result["code"]) == ("quarantined", "device_revoked")
    assert "/office/quarantined/" in desk.get("/office/quarantined").text


# --- 4. people ----------------------------------------------------------------------------------------------

NEW = {"username": "xin", "name": "新来的", "unit": "村委会", "phone": "", "role": "cadre", "area": VILLAGE}


def test_a_person_is_added_and_sets_their_own_password(app: Any, here: Any, desk: Any, client: Any) -> None:
    page = post(desk, "/office/users/new", **NEW)
    shown = re.search(r"<b>([2-9a-z]{8})</b>", page.text)
    assert shown, page.text
    here.tables.catch_up()
    wish = {"username": "xin", "password": shown[1], "device": "x"}
    assert client.post("/api/sign-in", json=wish).json["error"]["code"] == "change_password_first"
    browser = app.test_client()
    csrf = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get("/office/sign-in").text)
    assert csrf
    browser.post("/office/sign-in", data={"username": "xin", "password": shown[1], "csrf_token": csrf[1]})
    assert browser.get("/office/register").location == "/office/password"
    assert post(browser, "/office/register", s="冉").status_code == 403
    assert "不对" in post(browser, "/office/password", old="wrong", new="long enough", again="long enough").text
    assert "至少" in post(browser, "/office/password", old=shown[1], new="short", again="short").text
    assert post(browser, "/office/password", old=shown[1], new="long enough", again="long enough").status_code == 303
    assert browser.get("/office/register").status_code == 200
    assert client.post("/api/sign-in", json=wish | {"password": "long enough"}).status_code == 200


@pytest.mark.parametrize(("wish", "status"), [
    ({"role": "county"}, 403), ({"area": OTHER_VILLAGE}, 403), ({"area": COUNTY}, 403), ({"role": "emperor"}, 422),
    ({"username": "CADRE"}, 422), ({"name": ""}, 422), ({"more_role": "county", "more_place": VILLAGE}, 403),
    ({"more_role": "cadre", "more_place": OTHER_VILLAGE}, 403), ({"more_role": "auditor", "more_place": "9x"}, 403),
])  # fmt: skip
def test_nobody_is_added_beyond_ones_own(here: Any, desk: Any, wish: dict[str, str], status: int) -> None:
    assert post(desk, "/office/users/new", **(NEW | wish)).status_code == status
    assert here.people.find("xin") is None


def test_grants_by_place_and_small_area_are_given_and_taken(here: Any, office: Any, desk: Any, cast: Any) -> None:
    author = Author("i-small", "u-county", clock=here.now)
    here.store.load([author.create("small_area", "s-1", COUNTY, {"name": "连片", "villages": NEXT_VILLAGE})])
    kept = {"name": cast.cadre.name, "unit": "村委会", "role": "cadre", "area": VILLAGE}
    saved = post(desk, "/office/users/u-cadre", **kept, more_role=["cadre", ""], more_place=["s-1", ""])
    assert saved.status_code == 303
    given = [{"role": "cadre", "small_area": "s-1", "villages": [NEXT_VILLAGE]}]
    assert here.store.get("user", "u-cadre").fields["grants"] == given
    assert "关滩村" in office(cast.cadre).get("/office/users").text + office(cast.cadre).get("/office/").text
    here.store.load([author.update("small_area", "s-1", COUNTY, {"villages": (NEXT_VILLAGE, f"{VILLAGE} {NEXT_VILLAGE}")})])
    assert "这个片区的村改过了" in desk.get("/office/users/u-cadre").text
    assert here.store.get("user", "u-cadre").fields["grants"] == given, "who edits a small area edits nobody's rights"
    post(desk, "/office/users/u-cadre", **kept)
    assert here.store.get("user", "u-cadre").fields["grants"] == []


def test_who_moves_is_filed_at_the_new_place(here: Any, desk: Any, cast: Any) -> None:
    post(desk, "/office/users/u-cadre", name=cast.cadre.name, unit="村委会", role="cadre", area=NEXT_VILLAGE)
    record = here.store.get("user", "u-cadre")
    assert (record.area, record.fields["area"]) == (NEXT_VILLAGE, NEXT_VILLAGE)


def test_a_stopped_account_is_out_at_once_and_comes_back(here: Any, office: Any, phone: Any, desk: Any, cast: Any) -> None:
    browser, device = office(cast.cadre), phone(cast.cadre)
    assert post(desk, "/office/users/u-cadre/state").status_code == 303
    assert browser.get("/office/").status_code == 303
    assert device.pull_all() == []
    assert post(desk, "/office/users/u-township/state").status_code == 403, "nobody stops themselves"
    post(desk, "/office/users/u-cadre/state")
    assert phone(cast.cadre).get("/sync/v1/pull").status_code == 200


def test_a_reset_password_ends_the_sessions_of_the_old(office: Any, desk: Any, cast: Any) -> None:
    browser = office(cast.cadre)
    assert post(desk, "/office/users/u-cadre/password").status_code == 200
    assert browser.get("/office/").status_code == 303


def test_sign_out_everywhere_leaves_this_one(office: Any, cast: Any) -> None:
    here, there = office(cast.cadre), office(cast.cadre)
    assert post(here, "/office/sign-out-everywhere").status_code == 303
    assert here.get("/office/").status_code == 200
    assert there.get("/office/").status_code == 303


def test_guessing_at_an_open_page_is_slowed_down(office: Any, cast: Any) -> None:
    browser = office(cast.cadre)
    for _try in range(6):
        page = post(browser, "/office/password", old="wrong", new="long enough", again="long enough")
    assert "试错次数太多" in page.text
    right = post(browser, "/office/password", old=cast.cadre.password, new="long enough", again="long enough")
    assert "试错次数太多" in right.text


def test_a_node_joins_with_its_one_time_password(desk: Any, client: Any) -> None:
    """Its operator has no office page to change it on."""
    page = post(desk, "/office/users/new", **(NEW | {"role": "node"}))
    shown = re.search(r"<b>([2-9a-z]{8})</b>", page.text)
    assert shown
    wish = {"username": "xin", "password": shown[1], "device": "node"}
    assert client.post("/api/sign-in", json=wish).status_code == 200
