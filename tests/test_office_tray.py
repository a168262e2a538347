"""待核对 and 抹去 in a browser: who sees what, who decides, and what is then in the register."""

from __future__ import annotations

import re
from typing import Any

import pytest
from conftest import HOUSEHOLD, VILLAGE

from sync.author import Author

KEY = re.compile(r"/office/quarantined/([0-9a-f]{64})")


@pytest.fixture
def aside(here: Any, cast: Any, phone: Any) -> Any:
    """A visit from a device that was revoked: a household's change, its submission and a member."""
    cadre = phone(cast.cadre)
    here.store.revoke(cadre.install_id)
    ops = [
        cadre.author.create("submission", "s-9", VILLAGE, {"form_id": "mini", "household_id": HOUSEHOLD, "answers": {"a": "1"}}),
        cadre.author.update("household", HOUSEHOLD, VILLAGE, {"water_safe": ("no", "yes")}, submission="s-9"),
        cadre.author.create("member", "m-9", VILLAGE, {"household_id": HOUSEHOLD, "full_name": "冉小", "phone": "13800001234"},
                            submission="s-9"),
    ]  # fmt: skip
    results = cadre.push(ops).json["results"]
    assert {one["status"] for one in results} == {"quarantined"}
    return ops


def token(page: str) -> str:
    return page.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]


def the_item(browser: Any) -> tuple[str, str]:
    listed = browser.get("/office/quarantined").text
    [key] = set(KEY.findall(listed))
    return key, browser.get(f"/office/quarantined/{key}").text


def post(browser: Any, path: str, page: str, **fields: str) -> Any:
    return browser.post(path, data={"csrf_token": token(page), **fields})


def test_one_visit_is_one_item_in_words(office: Any, cast: Any, aside: Any) -> None:
    browser = office(cast.township)
    assert '<b>1</b><span>已收存、待核对' in browser.get("/office/").text
    _, page = the_item(browser)
    for word in ("冉光荣", "冉村干", "这台设备已被停用", "饮水", "冉小", "户册现在的值"):
        assert word in page, word


def test_taken_up_it_is_in_the_register_with_both_names(here: Any, office: Any, cast: Any, aside: Any) -> None:
    browser = office(cast.township)
    key, page = the_item(browser)
    assert post(browser, f"/office/quarantined/{key}", page, verdict="accept").status_code == 303
    record = here.store.get("household", HOUSEHOLD)
    assert record.fields["water_safe"] == "yes" and here.store.get("submission", "s-9") is not None
    shown = browser.get(f"/office/households/{HOUSEHOLD}").text
    assert "田镇管" in shown and "采纳了 冉村干" in shown and "冉小" in shown
    assert "没有待核对的内容" in browser.get("/office/quarantined").text
    assert "已采纳" in browser.get("/office/quarantined?tab=decided").text
    here.tables.catch_up()
    sender = here.tables.reading().execute("SELECT sender FROM submissions WHERE id = 's-9'").fetchone()[0]
    assert sender == cast.cadre.id, "who took it up did not write it"


def test_turned_down_needs_a_reason_and_stays(here: Any, office: Any, cast: Any, aside: Any) -> None:
    browser = office(cast.township)
    key, page = the_item(browser)
    assert "不采纳要写明理由" in post(browser, f"/office/quarantined/{key}", page, verdict="reject", reason=" ").text
    assert post(browser, f"/office/quarantined/{key}", page, verdict="reject", reason="手机丢过").status_code == 303
    assert here.store.get("household", HOUSEHOLD).fields["water_safe"] == "no"
    decided = browser.get("/office/quarantined?tab=decided").text
    assert "手机丢过" in decided and "不采纳" in decided and "田镇管" in decided
    assert len(here.store.quarantined()) == 3
    again = post(browser, f"/office/quarantined/{key}", page, verdict="accept")
    assert again.status_code == 303, "somebody was first: no error"
    assert here.store.get("household", HOUSEHOLD).fields["water_safe"] == "no"


def test_nobody_decides_about_their_own_and_auditors_only_look(here: Any, office: Any, cast: Any, aside: Any) -> None:
    own = office(cast.cadre)
    key, page = the_item(own)
    assert "要由另一个人核对" in page and 'name="verdict"' not in page
    assert 'role="alert"' in post(own, f"/office/quarantined/{key}", own.get("/office/").text, verdict="accept").text
    assert len(here.store.undecided()) == 3
    auditor = office(cast.auditor)
    key, page = the_item(auditor)
    assert 'name="verdict"' not in page and "13800001234" not in page
    refused = post(auditor, f"/office/quarantined/{key}", auditor.get("/office/").text, verdict="reject", reason="x")
    assert refused.status_code == 403
    assert len(here.store.undecided()) == 3


@pytest.mark.parametrize("person", ["neighbour", "stranger"])
def test_strangers_find_nothing(here: Any, office: Any, cast: Any, aside: Any, person: str) -> None:
    browser = office(getattr(cast, person))
    assert not KEY.findall(browser.get("/office/quarantined").text)
    [key] = {here.store.undecided()[0].hash}
    assert browser.get(f"/office/quarantined/{key}").status_code == 404
    answer = post(browser, f"/office/quarantined/{key}", browser.get("/office/").text, verdict="reject", reason="x")
    assert answer.status_code == 404


def test_what_waits_for_its_record_is_listed_and_can_be_made(here: Any, office: Any, cast: Any, phone: Any) -> None:
    cadre = phone(cast.cadre)
    cadre.push([cadre.author.update("member", "m-7", VILLAGE, {"phone": ("", "13911112222")})])
    browser = office(cast.township)
    assert "在等前一条记录" in browser.get("/office/").text
    assert "没有待核对的内容" in browser.get("/office/quarantined").text, "for five days it may come by itself"
    [key] = set(KEY.findall(browser.get("/office/quarantined?tab=waiting").text))
    page = browser.get(f"/office/quarantined/{key}").text
    assert "采纳就按这里的内容新建" in page
    assert post(browser, f"/office/quarantined/{key}", page, verdict="accept").status_code == 303
    assert here.store.get("member", "m-7").fields["phone"] == "13911112222"
    assert "没有在等候的修改" in browser.get("/office/quarantined?tab=waiting").text


def test_erasing_wants_a_county_manager_a_reason_the_name_and_a_tick(here: Any, office: Any, cast: Any) -> None:
    seed = Author("i-erase", "u-cadre", clock=here.now)
    member = {"household_id": HOUSEHOLD, "full_name": "冉小明", "phone": "13800005678"}
    here.store.load([seed.create("member", "m-1", VILLAGE, member)])
    path = f"/office/households/{HOUSEHOLD}/erase"
    assert office(cast.township).get(path).status_code == 403
    assert office(cast.stranger).get(path).status_code == 404
    assert "抹去这一户" not in office(cast.township).get(f"/office/households/{HOUSEHOLD}").text
    browser = office(cast.county)
    page = browser.get(path).text
    assert "家庭成员 1" in page and browser.get(f"/office/households/{HOUSEHOLD}").text.count("抹去这一户") == 1
    fine = {"reason": "本人 11 月 20 日书面申请", "head": "冉光荣", "sure": "yes"}
    for wrong in ({"reason": "x"}, {"head": "冉光"}, {"sure": ""}):
        assert 'role="alert"' in post(browser, path, page, **(fine | wrong)).text
        assert not here.store.get("household", HOUSEHOLD).deleted
    assert post(browser, path, page, **fine).status_code == 303
    here.tables.catch_up()
    for kind, id in (("household", HOUSEHOLD), ("member", "m-1")):
        record = here.store.get(kind, id)
        assert record.deleted and record.fields == {"erased": fine["reason"]}
    assert browser.get(f"/office/households/{HOUSEHOLD}").status_code == 404
    data = here.config.data_dir
    kept = b"".join(p.read_bytes() for p in sorted(data.rglob("*")) if p.is_file())
    assert "冉小明".encode() not in kept and b"13800005678" not in kept
