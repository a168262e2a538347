"""The devices page: what each device promised, what arrived, what is missing, and what to do.

1. the numbers are the device's own word and the server's
2. the worst comes first, with the next step in words
3. a wiped phone's lost install is shown as lost, with how many are missing for ever
4. only devices of people in scope
5. what a phone tells of itself is optional and never believed blindly
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from app.office.device_trouble import Device, troubles_of
from app.office.devices import phone_name, span
from sync.author import Author
from sync.devices import register
from sync.protocol import Hello, parse_hello
from sync.records import Install
from sync.store.base import Compared
from sync.telling import compared_of, told_of
from tests.conftest import HOUSEHOLD, VILLAGE

NOW = datetime(2026, 11, 28, 8, tzinfo=UTC)


def hello(phone: Any, **said: Any) -> Any:
    body = {"install_id": phone.install_id, "dseq": phone.author.next_dseq - 1, "unconfirmed": 0, **said}
    return phone.client.post("/sync/v1/hello", json=body, headers=phone.headers)


def visit(phone: Any, id: str) -> Any:
    return phone.author.create("visit", id, VILLAGE, {"household_id": HOUSEHOLD, "outcome": "met"})


def text_of(reply: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", reply.text))


def test_what_was_made_what_arrived_and_what_is_missing(phone: Any, office: Any, cast: Any) -> None:
    cadre = phone(cast.cadre)
    ops = [visit(cadre, f"v{n}") for n in range(5)]
    assert cadre.push(ops[:2]).status_code == 200
    hello(cadre, storage={"persisted": False, "usage": 10, "quota": 5_000_000_000}, app="0A1B2C3D", photos=2,
          time=(datetime.now(UTC) + timedelta(minutes=12)).isoformat())  # fmt: skip
    page = text_of(office(cast.township).get("/office/devices"))
    assert "手机上还有 3 条没有收到" in page and "请使用人到有网络的地方打开应用" in page
    assert "手机上做了 5" in page and "这里收到 2" in page and "第 3–5 条" in page
    assert "浏览器没有答应长期保存" in page and "手机时间差 12 分钟" in page
    assert "清水村" in page and cast.cadre.name in page


def test_a_lost_install_is_told_at_the_next_sign_in(client: Any, phone: Any, office: Any, here: Any, cast: Any) -> None:
    old = phone(cast.cadre)
    ops = [visit(old, f"v{n}") for n in range(4)]
    old.push(ops[:1])
    hello(old)
    wishes = {"username": cast.cadre.username, "password": cast.cadre.password, "device": "x", "lost_install": old.install_id}
    new = client.post("/api/sign-in", json=wishes).json["install_id"]
    lost = next(one for one in here.store.installs() if one.install_id == old.install_id)
    assert lost.lost_by == new
    page = text_of(office(cast.township).get("/office/devices"))
    assert "至少 3 条找不回来" in page and "数据已丢" in page
    assert page.index("找不回来") < page.index("没有要处理的") if "没有要处理的" in page else True


def test_a_stranger_sees_none_of_it(phone: Any, office: Any, cast: Any) -> None:
    phone(cast.cadre)
    assert cast.cadre.name not in text_of(office(cast.stranger).get("/office/devices"))
    assert cast.cadre.name not in office(cast.stranger).get("/office/devices.csv").text
    assert office(cast.auditor).get("/office/devices.csv").status_code == 403
    browser = office(cast.auditor)
    token = browser.get("/office/").text.partition('name="csrf_token" value="')[2].partition('"')[0]
    assert browser.post("/office/devices/compare", data={"csrf_token": token}).status_code == 403


def test_the_table_can_be_downloaded(phone: Any, office: Any, cast: Any) -> None:
    cadre = phone(cast.cadre)
    cadre.author.next_dseq = 8
    hello(cadre)
    reply = office(cast.township).get("/office/devices.csv")
    assert reply.text.startswith("\ufeff") and reply.text.count("\ufeff") == 1, "a second mark would stand in the first heading"
    assert reply.status_code == 200 and reply.text.startswith("\ufeff")
    line = next(line for line in reply.text.splitlines() if cast.cadre.name in line)
    assert "1–7" in line and "手机上还有 7 条没有收到" in line


def test_who_signs_is_shown(office: Any, here: Any, cast: Any) -> None:
    for name, key in (("旧手机", ""), ("新手机", here.told_keys()["server"]["sign"])):
        here.store.add_install(cast.cadre.id, kind="device", name=name, key=key)
    cards = office(cast.township).get("/office/devices").text.split("<li class=")
    assert [("已签名" in card, "未签名" in card, "重新登录就有" in card) for name in ("旧手机", "新手机")
            for card in cards if name in card] == [(False, True, True), (True, False, False)]  # fmt: skip
    lines = office(cast.township).get("/office/devices.csv").text.splitlines()
    assert [("已签名" in line, "未签名" in line) for name in ("旧手机", "新手机") for line in lines if name in line] == [
        (False, True), (True, False)]  # fmt: skip


def test_devices_of_nodes_below_are_listed(office: Any, here: Any, cast: Any) -> None:
    teller = Author("below", "", clock=here.now)
    here.store.load([teller.create("device", id, VILLAGE, {
        "install_id": id, "user_id": cast.cadre.id, "name": id, "kind": "device", "key": key, "enrolled_at": NOW.isoformat()})
        for id, key in (("新手机", "k"), ("旧手机", ""))])  # fmt: skip
    page = text_of(office(cast.township).get("/office/devices"))
    assert re.search("村级节点登记的 2 部设备 1 部未签名 .*旧手机.* 未签名 .*新手机.* 已签名", page)
    assert "旧手机" not in office(cast.stranger).get("/office/devices").text


def test_a_device_of_a_node_below_is_stopped_from_here(office: Any, here: Any, cast: Any) -> None:
    author = Author("i-node", "", clock=here.now)
    told = {"install_id": "i-told", "user_id": "u-cadre", "key": "k", "name": "手机"}
    here.store.load([author.create("device", "i-told", VILLAGE, told)])
    county, cadre = office(cast.county), office(cast.cadre)
    page = county.get("/office/devices").text
    assert "/office/devices/i-told/stop-below" in page and "stop-below" not in cadre.get("/office/devices").text
    token = page.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]
    assert office(cast.stranger).post("/office/devices/i-told/stop-below", data={"csrf_token": token}).status_code in (400, 404)
    reply = county.post("/office/devices/i-told/stop-below", data={"csrf_token": token}, follow_redirects=True)
    assert "下次联网时" in reply.text and "i-told" not in reply.text
    record = here.store.get("device", "i-told")
    assert record.deleted, "the servers below hear of it with their next link"


def test_stopping_ones_own_tells_the_servers_too(phone: Any, office: Any, here: Any, cast: Any) -> None:
    id = phone(cast.cadre).install_id
    register(here.store, "", VILLAGE, clock=here.now)
    county = office(cast.county)
    page = county.get("/office/users/u-cadre").text
    token = page.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]
    assert county.post(f"/office/devices/{id}/stop", data={"csrf_token": token}).status_code == 303
    assert next(one for one in here.store.installs() if one.install_id == id).revoked
    assert here.store.get("device", id).deleted


def test_what_comparing_mended_is_shown(phone: Any, office: Any, here: Any, cast: Any) -> None:
    cadre = phone(cast.cadre)
    told = {"at": datetime.now(UTC).isoformat(), "result": "mended", "mended": 1, "why": [["household", HOUSEHOLD, "differs"]]}
    for _ in range(3):
        hello(cadre, compared=told)
    assert len(here.store.mended(10)) == 1, "told at every hello, kept once"
    page = text_of(office(cast.township).get("/office/devices"))
    assert "与上级核对,改正了 1 条" in page and "冉光荣" in page and "不一样" in page


def test_the_audit_chains_line(office: Any, here: Any, cast: Any) -> None:
    from app.auditor import audit

    browser = office(cast.township)
    assert "启动两分钟后核对" in text_of(browser.get("/office/devices"))
    here.audited = audit(here.store, here.key, here.now())
    assert here.audited.faults == () and "审计链完好至" in text_of(browser.get("/office/devices"))
    with here.store._writing() as write:
        write.execute("DELETE FROM op WHERE n = 3")
    here.audited = audit(here.store, here.key, here.now())
    assert "审计链有 1 处被改过或删过" in text_of(browser.get("/office/devices"))


def test_a_nodes_page_can_ask_for_a_comparison(office: Any, here: Any, cast: Any) -> None:
    class Asked:
        times = 0

        def compare_soon(self) -> None:
            self.times += 1

    here.relay = asked = Asked()
    browser = office(cast.township)
    page = browser.get("/office/devices").text
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    assert browser.post("/office/devices/compare", data={"csrf_token": token}).status_code == 303
    assert asked.times == 1
    here.relay = None


# --- what is wrong: pure --------------------------------------------------------------------------------


def device(**facts: Any) -> Device:
    more = {name: facts.pop(name) for name in ("photos_missing", "compared", "build") if name in facts}
    seen = facts.pop("last_seen", (NOW - timedelta(hours=1)).isoformat())
    kind = facts.pop("kind", "device")
    install = Install(install_id="i", user_id="u", kind=kind, name="", created_at=seen, last_seen=seen, **facts)
    return Device(install, **more)


LONG_AGO = (NOW - timedelta(days=10)).isoformat()


@pytest.mark.parametrize(("one", "codes"), [
    (device(made_dseq=5, acked_dseq=5), []),
    (device(made_dseq=8, acked_dseq=5), [("waiting", 1, 3)]),
    (device(made_dseq=8, acked_dseq=5, last_seen=LONG_AGO), [("waiting", 3, 3), ("silent", 1, 10)]),
    (device(made_dseq=8, acked_dseq=5, lost_by="x"), [("lost", 3, 3)]),
    (device(made_dseq=5, acked_dseq=5, lost_by="x"), [("lost_whole", 1, 0)]),
    (device(made_dseq=8, acked_dseq=5, revoked_at="x"), [("stopped", 3, 3)]),
    (device(made_dseq=5, acked_dseq=5, revoked_at="x", last_seen=LONG_AGO), []),
    (device(photos_missing=4), [("photos", 1, 4)]),
    (device(photos_missing=4, last_seen=LONG_AGO), [("photos", 2, 4), ("silent", 1, 10)]),
    (device(kind="node", last_seen=LONG_AGO), [("silent", 2, 10)]),
    (device(told={"persisted": False, "free_mb": 50, "clock_ms": -600_000, "app": "a"}, build="b"),
     [("full", 2, 50), ("clock", 1, -10), ("not_kept", 1, 0), ("old_build", 1, 0)]),
    (device(compared=Compared((NOW - timedelta(days=1)).isoformat(), "mended", 2)), [("mended", 2, 2)]),
    (device(compared=Compared(LONG_AGO, "mended", 2)), []),
])  # fmt: skip
def test_troubles_the_worst_first(one: Device, codes: list[tuple[str, int, int]]) -> None:
    assert [(t.code, t.level, t.n) for t in troubles_of(one, NOW)] == codes


def test_numbers_and_names_in_short() -> None:
    assert (span(None), span((4, 4)), span((4, 9))) == ("", "4", "4–9")
    assert phone_name("Mozilla/5.0 (Linux; Android 11; Redmi 9A) AppleWebKit/537.36") == "Android 11 Redmi 9A"
    assert phone_name("Mozilla/5.0 (Linux; Android 11)") == "Android 11"
    assert phone_name("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36") == "Linux x86_64"
    assert phone_name("") and replace(device(), build="x").build == "x"


# --- what a phone tells: pure -----------------------------------------------------------------------------


def test_an_old_phone_tells_nothing_more() -> None:
    said = parse_hello(b'{"install_id":"i","dseq":3,"unconfirmed":0}')
    assert told_of(said, NOW) == {} and compared_of(said) is None


@pytest.mark.parametrize("value", [5, "x", [], {"persisted": "yes", "usage": -1, "quota": "1"}, {"quota": 0}, None, True])
def test_strange_storage_is_left_out(value: Any) -> None:
    said = msgspec.convert({"storage": value, "time": value, "app": value, "photos": value, "compared": value}, Hello)
    found = told_of(said, NOW)
    assert "persisted" not in found and "free_mb" not in found and "clock_ms" not in found
    assert compared_of(said) is None


def test_what_is_told_is_kept_as_facts() -> None:
    said = msgspec.convert({"storage": {"persisted": True, "usage": 2_000_000, "quota": 9_000_000}, "photos": 3, "app": "AB",
                            "time": "2026-11-28T08:00:05+00:00"}, Hello)  # fmt: skip
    assert told_of(said, NOW) == {"clock_ms": 5000, "persisted": True, "free_mb": 7, "app": "AB", "photos": 3}


@pytest.mark.parametrize("why", [None, 3, [[1, 2, 3]], [["household", "h1", "stolen"]], [["a", "b"]], [["x" * 200, "h", "extra"]]])
def test_strange_reasons_are_left_out(why: Any) -> None:
    said = msgspec.convert({"compared": {"at": NOW.isoformat(), "result": "mended", "mended": 1, "why": why}}, Hello)
    found = compared_of(said)
    assert found is not None and found[0].mended == 1 and found[1] == {}
