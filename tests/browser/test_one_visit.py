"""The main job in a real browser at 360×740: phone → village node → centre, with the network gone in the middle."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright

from app.codes import household_payload
from browser.camera import camera_args, film_of
from browser.conftest import TwoNodes
from browser.phone import sign_in as open_app
from browser.phone import whole_app_kept
from browser.servers import CHROMIUM, CHROMIUM_ARGS, DESK, PATIENCE_MS, PHONE

FIRST_ROW = "[data-name=due] .row"
CHOICES = {"respondent": "head", "has_problem": "no", "satisfaction": "5"}


def household_of(nodes: TwoNodes, id: str) -> dict[str, Any]:
    """The record as the centre holds it on disk."""
    with sqlite3.connect(f"file:{nodes.centre.data / 'store.db'}?mode=ro", uri=True) as db:
        fields, rev = db.execute("SELECT fields, rev FROM record WHERE kind = 'household' AND id = ?", (id,)).fetchone()
    return {**json.loads(fields), "rev": rev}


def sign_in(page: Page, url: str) -> None:
    open_app(page, url)
    page.wait_for_selector(FIRST_ROW, timeout=30_000)
    page.wait_for_function("() => navigator.serviceWorker.controller !== null", timeout=30_000)


def answer_page(page: Page) -> int:
    """Answer what this page asks of an unchanged household; the taps it took."""
    taps = 0
    for name, value in CHOICES.items():
        choice = page.locator(f'.question[data-path$="/{name}"]:visible label.choice:has(input[value="{value}"])')
        if choice.count() and not choice.locator("input").is_checked():
            choice.click()
            taps += 1
    return taps


def turn_page(page: Page) -> bool:
    """By the thumb button, and until the next page stands; whether there is none, because this was the last."""
    button = page.locator(".form-foot .form-next")
    where, words = page.inner_text(".form-where"), button.inner_text()
    button.click()
    if words == "完成":
        return True
    page.wait_for_function("was => document.querySelector('.form-where')?.innerText !== was", arg=where)
    return False


def fill_unchanged(page: Page) -> int:
    """From the open form to the finished page; the taps it took, signature aside."""
    taps = 0
    for _ in range(12):
        taps += answer_page(page) + 1
        if turn_page(page):
            page.wait_for_selector(".done")
            return taps
    raise AssertionError("the form did not come to its end")


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(**PHONE)
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


def test_an_unchanged_household_takes_at_most_twelve_taps_and_reaches_the_centre(
    nodes: TwoNodes, phone: BrowserContext
) -> None:
    page = phone.new_page()
    sign_in(page, nodes.village.url)
    phone.set_offline(True)
    page.reload()
    row = page.locator(FIRST_ROW).nth(3)
    id = row.get_attribute("data-id") or ""
    before = household_of(nodes, id)
    row.click()
    page.click("[data-name=start]")
    page.wait_for_selector(".form-foot")
    assert fill_unchanged(page) <= 12
    page.goto(nodes.village.url + "/#/sync")
    page.wait_for_selector('.work[data-state="queued"]')
    page.wait_for_function("() => document.querySelector('.badge').innerText.includes('1')")
    phone.set_offline(False)
    page.click("text=现在同步")
    page.wait_for_selector('.work[data-state="confirmed"]', timeout=60_000)
    page.wait_for_function("() => !document.querySelector('.badge').classList.contains('waiting')")
    after = household_of(nodes, id)
    assert after["rev"] > before["rev"] and after["last_visit"] > before.get("last_visit", "")


def test_a_killed_tab_loses_no_answer_and_reopens_at_the_same_question(nodes: TwoNodes, phone: BrowserContext) -> None:
    page = phone.new_page()
    sign_in(page, nodes.village.url)
    phone.set_offline(True)
    page.locator(FIRST_ROW).nth(5).click()
    page.click("[data-name=start]")
    page.wait_for_selector(".form-foot")
    answer_page(page)
    page.click(".form-foot .form-next")
    page.wait_for_function("() => document.querySelector('.form-where').innerText.includes('2')")
    page.click(".form-foot .form-next")
    page.wait_for_function("() => document.querySelector('.form-where').innerText.includes('3')")
    question = page.locator('.question[data-path$="/water_source"]')
    question.locator(".carried-edit").click()
    question.locator("select").select_option("spring")
    page.wait_for_timeout(1000)  # each answer is on disk within a second
    address = page.url
    # The process of the tab dies as Android kills it: nothing of the page can run any more.
    page.close(run_before_unload=False)
    page = phone.new_page()
    page.goto(address)
    page.wait_for_selector(".form-foot")
    assert "3" in page.inner_text(".form-where")
    question = page.locator('.question[data-path$="/water_source"]')
    assert question.locator("select").input_value() == "spring"
    assert page.evaluate("document.activeElement?.closest('.question')?.dataset.path ?? ''").endswith("/water_source")


def test_the_camera_reads_a_door_card_offline(nodes: TwoNodes, playwright: Playwright, tmp_path: Path) -> None:
    with sqlite3.connect(f"file:{nodes.centre.data / 'store.db'}?mode=ro", uri=True) as db:
        id, fields = db.execute(
            "SELECT id, fields FROM record WHERE kind = 'household' AND area = ? LIMIT 1", (nodes.demo["node"]["area"],)
        ).fetchone()
    household = json.loads(fields)
    film = film_of(household_payload(nodes.village.url, household["code"]), tmp_path / "card.mjpeg")
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*CHROMIUM_ARGS, *camera_args(film)])
    try:
        context = browser.new_context(**PHONE, permissions=["camera"])
        page = context.new_page()
        sign_in(page, nodes.village.url)
        whole_app_kept(page)
        context.set_offline(True)
        page.goto(nodes.village.url + "/#/scan")
        page.wait_for_selector("[data-name=found]", timeout=30_000)
        assert household["head_name"] in page.inner_text("[data-name=found]")
        assert page.get_attribute("[data-name=found] .row", "data-id") == id
    finally:
        browser.close()


def test_a_forged_and_an_unknown_code_each_get_one_clear_line(nodes: TwoNodes, phone: BrowserContext) -> None:
    page = phone.new_page()
    sign_in(page, nodes.village.url)
    with sqlite3.connect(f"file:{nodes.centre.data / 'store.db'}?mode=ro", uri=True) as db:
        area = nodes.demo["node"]["area"]
        fields = db.execute("SELECT fields FROM record WHERE kind = 'household' AND area = ? LIMIT 1", (area,)).fetchone()
    code = json.loads(fields[0])["code"]
    page.goto(nodes.village.url + "/#/scan")
    for typed, told in ((code[:13] + "0" * 13, "假"), ("0" * 26, "没有这个码")):
        page.fill("input.search", typed)
        page.wait_for_function("told => document.querySelector('.said')?.innerText.includes(told)", arg=told)
    page.fill("input.search", code[:5].lower())
    page.wait_for_selector("[data-name=suggested] .row")


def test_a_wrong_sign_in_says_what_to_do(nodes: TwoNodes, phone: BrowserContext) -> None:
    page = phone.new_page()
    page.goto(nodes.village.url + "/")
    page.fill("input[name=username]", "qingshui")
    page.fill("input[name=password]", "wrong")
    page.click("button[type=submit]")
    page.wait_for_function("() => document.querySelector('.error')?.innerText.includes('用户名或密码不对')")


def sources_on_the_phone(page: Page, url: str, id: str) -> None:
    """Whose word each value is: asked of the server where there is one, else the day and who visited on it."""

    def unfolded() -> Locator:
        page.goto(f"{url}/#/today")
        page.goto(f"{url}/#/household/{id}")
        page.click("[data-name=all-known] > summary")
        return page.locator("[data-name=all-known]")

    known = unfolded()
    known.locator("small", has_text="确认(走访)").first.wait_for()
    assert known.locator("[role=status]").inner_text() == ""
    page.context.set_offline(True)
    known = unfolded()
    known.locator("[role=status]", has_text="现在问不到服务器").wait_for()
    assert known.locator("small", has_text="当天走访").count()
    page.context.set_offline(False)


def test_the_office_sees_the_visit_and_who_changed_what(nodes: TwoNodes, browser: Browser, phone: BrowserContext) -> None:
    page = phone.new_page()
    sign_in(page, nodes.village.url)
    row = page.locator(FIRST_ROW).nth(7)
    id, name = row.get_attribute("data-id") or "", row.locator("b").inner_text()
    row.click()
    page.click("[data-name=start]")
    page.wait_for_selector(".form-foot")
    fill_unchanged(page)
    page.goto(nodes.village.url + "/#/sync")
    page.click("text=现在同步")
    page.wait_for_selector('.work[data-state="confirmed"]', timeout=60_000)
    sources_on_the_phone(page, nodes.village.url, id)
    desk = browser.new_context(**DESK)
    office = desk.new_page()
    office.goto(nodes.centre.url + "/office/")
    office.fill("input[name=username]", "centre")
    office.fill("input[name=password]", "ruhu-demo")
    office.click("button[type=submit], form button")
    office.wait_for_url("**/office/**")
    office.goto(f"{nodes.centre.url}/office/households/{id}")
    assert name in office.inner_text("body")
    office.goto(f"{nodes.centre.url}/office/submissions")
    assert name in office.inner_text("body")
    desk.close()
