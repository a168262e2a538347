"""Roles and grants: several of a person, who may give them, what a view and a phone get of them.

1. a person has a main post and more grants, by place or by a small area's villages
2. nobody gives, takes or edits beyond their own role and places, counting everything the other person holds
3. a view gets the grants it is for: whoever may only look at a place changes nothing there
4. who only looks has no phone; a phone gets the places its person works in
5. an install is told of by its server alone: what a person says of a device lends nobody's rights
6. a password is set by its holder at an office page, never by a phone's token
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from conftest import COUNTY, NEXT_VILLAGE, OTHER_COUNTY, OTHER_VILLAGE, TOWNSHIP, VILLAGE

from sync.author import Author
from sync.protocol import parse_op
from sync.records import DEVICE, NODE, Credential, Grant, Op, Record
from sync.scope import ROLES, grants_of, may_give, refusal, scope_of, told_device_refusal

AUTHOR = Author("i", "u-boss", clock=lambda: datetime(2026, 11, 1, 9, tzinfo=UTC))


def person(area: str = VILLAGE, role: str = "cadre", grants: Any = None, **more: str) -> Record:
    fields: dict[str, Any] = {"role": role, "area": area, **more, **({} if grants is None else {"grants": grants})}
    return Record(kind="user", id="u", area=area, rev=1, seq=1, fields=fields, since={})


def change(record: Record, **new: Any) -> Op:
    return AUTHOR.update("user", record.id, record.area, {name: (record.fields.get(name), value) for name, value in new.items()})


# --- 1. what a record grants --------------------------------------------------------------------------------


def test_a_main_post_and_more() -> None:
    small = {"role": "township", "small_area": "s1", "villages": [NEXT_VILLAGE, OTHER_VILLAGE]}
    assert grants_of(person(grants=[{"role": "auditor", "area": COUNTY}, small])) == (
        Grant("cadre", VILLAGE), Grant("auditor", COUNTY), Grant("township", NEXT_VILLAGE), Grant("township", OTHER_VILLAGE),
    )  # fmt: skip


def test_a_disabled_person_has_none_of_them() -> None:
    assert grants_of(person(grants=[{"role": "auditor", "area": COUNTY}], state="disabled")) == ()


@pytest.mark.parametrize("spoilt", [
    "no json", {"role": "county"}, [{"role": "emperor", "area": COUNTY}], [{"role": "county"}], [{"role": "county", "area": ""}],
    [{"role": "county", "area": "%"}], [["county", COUNTY]], [{"role": ["county"], "area": COUNTY}], [None],
])  # fmt: skip
def test_spoilt_grants_grant_nothing_and_are_not_taken(spoilt: Any) -> None:
    record = person(grants=spoilt)
    assert grants_of(record) == (Grant("cadre", VILLAGE),)
    boss = [Grant("county", COUNTY)]
    assert refusal(change(person(), grants=spoilt), boss, person()) == "not_allowed"


# --- 2. who may give ----------------------------------------------------------------------------------------


GIVES = [
    # (giver's role and place, given role and place, allowed)
    ("township", TOWNSHIP, "cadre", VILLAGE, True),
    ("township", TOWNSHIP, "township", TOWNSHIP, True),
    ("township", TOWNSHIP, "county", VILLAGE, False),
    ("township", TOWNSHIP, "cadre", OTHER_VILLAGE, False),
    ("township", TOWNSHIP, "auditor", COUNTY, False),
    ("county", COUNTY, "county", TOWNSHIP, True),
    ("county", COUNTY, "auditor", OTHER_COUNTY, False),
    ("cadre", VILLAGE, "cadre", VILLAGE, False),
    ("auditor", COUNTY, "auditor", VILLAGE, False),
    ("node", VILLAGE, "cadre", VILLAGE, False),
]


@pytest.mark.parametrize(("role", "place", "given", "where", "allowed"), GIVES)
def test_nobody_gives_more_than_they_have(role: str, place: str, given: str, where: str, allowed: bool) -> None:
    own = [Grant(role, place)]
    assert may_give([Grant(given, where)], own) is allowed
    more = [{"role": given, "area": where}]
    assert (refusal(change(person(), grants=more), own, person()) == "") is allowed


def test_a_role_counts_only_where_it_is_held() -> None:
    """A county manager elsewhere is a township supervisor here, and gives what a supervisor gives."""
    own = [Grant("township", TOWNSHIP), Grant("county", OTHER_COUNTY)]
    assert may_give([Grant("township", VILLAGE)], own)
    assert not may_give([Grant("county", VILLAGE)], own)
    assert may_give([Grant("county", OTHER_VILLAGE)], own)


@pytest.mark.parametrize("more", [{"role": "county", "area": VILLAGE}, {"role": "cadre", "area": OTHER_VILLAGE}])
def test_the_password_of_whoever_may_more_is_not_set(more: dict[str, str]) -> None:
    other = person(grants=[more])
    boss = [Grant("township", TOWNSHIP)]
    assert refusal(change(other, password_hash="x"), boss, other) == "not_allowed"
    assert refusal(change(other, grants=[]), boss, other) == "not_allowed"
    assert refusal(change(person(), password_hash="x"), boss, person()) == ""


def test_small_area_villages_are_weighed_one_by_one() -> None:
    more = [{"role": "cadre", "small_area": "s1", "villages": [VILLAGE, OTHER_VILLAGE]}]
    assert refusal(change(person(), grants=more), [Grant("county", COUNTY)], person()) == "not_allowed"


# --- 3. at the office ---------------------------------------------------------------------------------------


def give(here: Any, who: Any, grants: Any) -> None:
    author = Author("i-give", "u-county", clock=here.now)
    here.store.load([author.update("user", who.id, who.area, {"grants": (None, grants)})])


def test_more_places_are_seen(here: Any, office: Any, cast: Any) -> None:
    give(here, cast.cadre, [{"role": "cadre", "area": OTHER_VILLAGE}])
    page = office(cast.cadre).get("/office/register").text
    assert "冉光荣" in page and "綦江人" in page
    assert "綦江人" not in office(cast.township).get("/office/register").text


def test_a_view_gets_the_grants_it_is_for(here: Any, office: Any, cast: Any) -> None:
    give(here, cast.township, [{"role": "auditor", "area": OTHER_COUNTY}])
    browser = office(cast.township)
    assert "綦*人" in browser.get("/office/register").text
    page = browser.get("/office/areas").text
    assert "清水村" in page and "石角村" not in page
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token
    named = browser.post(f"/office/areas/{OTHER_VILLAGE}/rename", data={"csrf_token": token[1], "name": "别处"})
    assert named.status_code == 404
    assert here.store.get("area", OTHER_VILLAGE).fields["name"] == "石角村"


def test_a_grant_taken_back_counts_at_once(here: Any, office: Any, cast: Any) -> None:
    give(here, cast.cadre, [{"role": "cadre", "area": OTHER_VILLAGE}])
    browser = office(cast.cadre)
    assert "綦江人" in browser.get("/office/register").text
    author = Author("i-take", "u-county", clock=here.now)
    now = here.store.get("user", cast.cadre.id).fields["grants"]
    here.store.load([author.update("user", cast.cadre.id, cast.cadre.area, {"grants": (now, [])})])
    assert "綦江人" not in browser.get("/office/register").text


# --- 4. on a phone ------------------------------------------------------------------------------------------


def test_who_only_looks_has_no_phone(client: Any, cast: Any) -> None:
    wish = {"username": cast.auditor.username, "password": cast.auditor.password, "device": "x"}
    refused = client.post("/api/sign-in", json=wish)
    assert (refused.status_code, refused.json["error"]["code"]) == (403, "not_on_a_phone")


def test_a_phone_gets_where_its_person_works(here: Any, phone: Any, cast: Any) -> None:
    give(here, cast.cadre, [{"role": "auditor", "area": OTHER_COUNTY}, {"role": "cadre", "area": NEXT_VILLAGE}])
    device = phone(cast.cadre)
    areas = {record["area"] for record in device.pull_all() if record["kind"] in ("household", "user")}
    assert VILLAGE in areas and NEXT_VILLAGE in areas and OTHER_VILLAGE not in areas


def test_an_auditor_writes_nothing() -> None:
    assert not ROLES["auditor"].writes
    op = AUTHOR.create("visit", "v", VILLAGE, {"outcome": "met"})
    assert refusal(op, [Grant("auditor", COUNTY)], None) == "not_allowed"


def test_a_node_pulls_for_its_post_only() -> None:
    both = (Grant("node", VILLAGE), Grant("county", OTHER_COUNTY))
    assert scope_of(Credential(install_id="i", user_id="u", kind=NODE, grants=both)).area_prefixes == (VILLAGE,)
    assert scope_of(Credential(install_id="i", user_id="u", kind=DEVICE, grants=both)).area_prefixes == (OTHER_COUNTY[:6],)


# --- 5. device records --------------------------------------------------------------------------------------


def forged(author: Author, victim: str, area: str = VILLAGE) -> Op:
    return author.create("device", "i-forged", area, {"install_id": "i-forged", "user_id": victim, "kind": "device", "key": ""})


@pytest.mark.parametrize("who", ["cadre", "township", "county"])
def test_no_phone_tells_of_a_device(here: Any, phone: Any, cast: Any, who: str) -> None:
    device = phone(getattr(cast, who))
    result = device.push([forged(device.author, cast.county.id)]).json["results"][0]
    assert (result["status"], result["code"]) == ("quarantined", "not_allowed")
    assert here.store.get("device", "i-forged") is None


@pytest.mark.parametrize("actor", ["u-township", "u-node"])
def test_a_node_does_not_pass_on_what_a_person_tells_of_a_device(here: Any, phone: Any, cast: Any, actor: str) -> None:
    """Its phones push through it: the op comes with a node's credential and a person's name."""
    import msgspec

    node = phone(cast.node)
    credential = here.store.credential(node.token)
    for op in (forged(Author("i-phone", actor, clock=here.now), cast.county.id),):
        here.store.push([parse_op(msgspec.json.encode(op))], b"", credential=credential, now=here.now())
    assert here.store.get("device", "i-forged") is None


def test_a_node_itself_tells_of_a_device(here: Any, phone: Any, cast: Any) -> None:
    import msgspec

    credential = here.store.credential(phone(cast.node).token)
    op = forged(Author("i-node-own", "", clock=here.now), cast.cadre.id)
    here.store.push([parse_op(msgspec.json.encode(op))], b"", credential=credential, now=here.now())
    assert here.store.get("device", "i-forged").fields["user_id"] == cast.cadre.id


def test_a_persons_install_tells_of_no_other() -> None:
    teller = Record(kind="device", id="i", area=VILLAGE, rev=1, seq=1, fields={"user_id": "u-cadre"}, since={})
    op = forged(Author("i", "", clock=lambda: datetime(2026, 11, 1, tzinfo=UTC)), "u-county")
    assert told_device_refusal(op, None, teller) == "not_allowed"
    assert told_device_refusal(op, None, None) == ""


# --- 6. one's own password ----------------------------------------------------------------------------------


def test_ones_own_password_at_the_office_only() -> None:
    auditor, record = [Grant("auditor", VILLAGE)], person(role="auditor")
    own = Author("i", "u", clock=lambda: datetime(2026, 11, 1, tzinfo=UTC))
    op = own.update("user", "u", VILLAGE, {"password_hash": ("", "new")})
    assert refusal(op, auditor, record, at_office=True) == ""
    assert refusal(op, auditor, record) == "not_allowed"
    more = own.update("user", "u", VILLAGE, {"password_hash": ("", "new"), "role": ("auditor", "county")})
    assert refusal(more, auditor, record, at_office=True) == "not_allowed"
    assert refusal(change(record, password_hash="x"), auditor, record, at_office=True) == "not_allowed"
    assert refusal(op, (), record, at_office=True) != ""
