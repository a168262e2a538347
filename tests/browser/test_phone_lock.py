"""The locked phone as people meet it: the code, what the lock shows, work that goes out all the same, several people."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from browser.phone import PIN
from browser.servers import DESK, PHONE, NodeProcess, make_demo

FIRST_ROW = "[data-name=due] .row"
PAD = "[data-name=pin-pad]:not(.busy)"
OTHER_PIN = "975318"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    folder = tmp_path_factory.mktemp("lock")
    make_demo(folder / "data", households=120)
    running = NodeProcess(folder / "data").start()
    yield running
    running.stop()


@pytest.fixture()
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(**PHONE, timezone_id="Asia/Shanghai")
    opened.set_default_timeout(30_000)
    yield opened
    opened.close()


def type_pin(page: Page, pin: str) -> None:
    page.wait_for_selector(PAD)
    for digit in pin:
        page.click(f'[data-digit="{digit}"]')


def sign_in(page: Page, username: str = "qingshui", pin: str = PIN) -> None:
    page.fill("input[name=username]", username)
    page.fill("input[name=password]", "ruhu-demo")
    page.click("button[type=submit]")
    type_pin(page, pin)
    page.wait_for_selector("[data-name=pin-step]:has-text('再输一遍')")
    type_pin(page, pin)
    page.wait_for_selector(".tabs a", timeout=60_000)


@pytest.fixture()
def page(context: BrowserContext, node: NodeProcess) -> Page:
    page = context.new_page()
    page.goto(node.url + "/")
    sign_in(page)
    page.wait_for_selector(FIRST_ROW)
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    return page


def lock(page: Page) -> None:
    page.goto(page.url.split("#")[0] + "#/settings")
    page.click("[data-name=lock-now]")
    page.wait_for_selector(PAD)


def nobody_home(page: Page) -> str:
    name = page.locator(FIRST_ROW).first.locator("b").inner_text()
    page.locator(FIRST_ROW).first.click()
    page.click("summary:has-text('没见到人')")
    page.click("button:has-text('无人在家')")
    page.wait_for_selector("text=已记下")
    return name


def test_a_reload_does_not_ask_again_the_lock_does_and_a_wrong_code_opens_nothing(page: Page) -> None:
    page.reload()
    page.wait_for_selector(FIRST_ROW)
    name = page.locator(FIRST_ROW).first.locator("b").inner_text()
    lock(page)
    assert name not in page.content() and page.locator(".tabs a").count() == 0
    type_pin(page, "000111")
    page.wait_for_selector(".pin-said:has-text('还能试 9 次')")
    page.reload()
    type_pin(page, "000111")
    page.wait_for_selector(".pin-said:has-text('还能试 8 次')")
    type_pin(page, PIN)
    page.wait_for_selector(FIRST_ROW + ", [data-name=lock]")


def test_the_code_is_changed(page: Page) -> None:
    page.goto(page.url.split("#")[0] + "#/pin")
    type_pin(page, PIN)
    page.wait_for_selector("[data-name=pin-step]")
    type_pin(page, OTHER_PIN)
    page.wait_for_selector("[data-name=pin-step]:has-text('再输一遍')")
    type_pin(page, OTHER_PIN)
    page.wait_for_selector("[data-name=lock]")
    lock(page)
    type_pin(page, PIN)
    page.wait_for_selector(".pin-said:has-text('还能试 9 次')")
    type_pin(page, OTHER_PIN)
    page.wait_for_selector(".tabs a")


def test_left_alone_for_minutes_it_locks_and_what_was_typed_is_there_after(page: Page) -> None:
    page.locator(FIRST_ROW).nth(1).click()
    page.click("[data-name=start]")
    page.wait_for_selector(".form-foot")
    page.fill('.question[data-path$="/companions"] input', "同行的人")
    page.wait_for_function("() => location.hash.includes('draft_id')")
    page.evaluate("""() => {
      Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => window.seen });
      const real = Date;
      window.seen = 'hidden';
      document.dispatchEvent(new Event('visibilitychange'));
      window.Date = class extends real { constructor(...all) { super(...(all.length ? all : [real.now() + 301_000])); } };
      window.seen = 'visible';
      document.dispatchEvent(new Event('visibilitychange'));
    }""")
    type_pin(page, PIN)
    page.wait_for_selector(".form-foot")
    assert page.input_value('.question[data-path$="/companions"] input') == "同行的人"


def test_work_of_a_locked_phone_reaches_the_centre(page: Page, context: BrowserContext, node: NodeProcess) -> None:
    install = page.evaluate("() => localStorage['ruhu-install']")
    context.set_offline(True)
    nobody_home(page)
    lock(page)
    page.wait_for_selector("[data-name=waiting]:has-text('1')")
    page.click("[data-name=forgot] summary")
    with page.expect_download() as saved:
        page.click("[data-name=export-closed]")
    assert Path(saved.value.path()).read_bytes().startswith(b"\x89RUHU")
    assert ops_of(node, install) == 0
    context.set_offline(False)
    end = time.monotonic() + 60
    while ops_of(node, install) == 0 and time.monotonic() < end:
        time.sleep(0.2)
    assert ops_of(node, install) == 1
    # Unlocked, the phone learns that it is there.
    type_pin(page, PIN)
    page.wait_for_selector(".badge:has-text('✓✓✓')")


def ops_of(node: NodeProcess, install: str) -> int:
    with sqlite3.connect(f"file:{node.data / 'store.db'}?mode=ro", uri=True) as db:
        (found,) = db.execute("SELECT count(*) FROM op WHERE install_id = ?", (install,)).fetchone()
    return int(found)


def test_two_people_on_one_phone(page: Page, context: BrowserContext, node: NodeProcess) -> None:
    context.set_offline(True)
    name = nobody_home(page)
    page.wait_for_selector(".badge:has-text('1')")
    lock(page)
    context.set_offline(False)
    page.click("[data-name=someone-new]")
    page.wait_for_selector("input[name=username]")
    assert page.locator("[data-user=qingshui]").inner_text() and name not in page.content()
    sign_in(page, "tukan", OTHER_PIN)
    page.wait_for_selector(".badge:has-text('✓✓✓')")
    page.goto(node.url + "/#/sync")
    page.wait_for_selector("[data-name=works]")
    assert page.locator(".work[data-state]").count() == 0
    lock(page)
    page.click("[data-user=qingshui]")
    type_pin(page, OTHER_PIN)
    page.wait_for_selector(".pin-said:has-text('还能试 9 次')")
    type_pin(page, PIN)
    page.wait_for_selector(FIRST_ROW)
    page.goto(node.url + "/#/sync")
    page.wait_for_selector(f".work[data-state]:has-text('{name}')")


def test_a_forgotten_code_is_replaced_with_the_office(page: Page, browser: Browser, node: NodeProcess, tmp_path: Path) -> None:
    page.locator(FIRST_ROW).nth(3).click()
    page.click("[data-name=start]")
    page.wait_for_selector(".form-foot")
    page.fill('.question[data-path$="/companions"] input', "忘了之前写的")
    page.wait_for_function("() => location.hash.includes('draft_id')")
    lock(page)
    page.click("[data-name=forgot] summary")
    page.click("[data-name=recovering]")
    with page.expect_download() as asked:
        page.click("[data-name=ask-office]")
    asked.value.save_as(tmp_path / "asked.ruhu")
    code = page.inner_text(".enrol-code")

    desk = browser.new_context(**DESK).new_page()
    desk.goto(node.url + "/office/")
    desk.fill("input[name=username]", "centre")
    desk.fill("input[name=password]", "ruhu-demo")
    desk.click("button[type=submit]")
    desk.wait_for_selector("main h1")
    desk.goto(node.url + "/office/recovery")
    desk.set_input_files("input[name=file]", tmp_path / "asked.ruhu")
    desk.click("main button")
    desk.fill("input[name=code]", code)
    with desk.expect_download() as given:
        desk.click("main button")
    given.value.save_as(tmp_path / "given.ruhu")
    desk.context.close()

    page.set_input_files("[data-name=recovery-answer]", tmp_path / "given.ruhu")
    page.wait_for_selector("[data-name=pin-step]")
    type_pin(page, OTHER_PIN)
    page.wait_for_selector("[data-name=pin-step]:has-text('再输一遍')")
    type_pin(page, OTHER_PIN)
    page.goto(node.url + "/#/today")
    page.locator(".draft-open").first.click()
    page.wait_for_selector(".form-foot")
    assert page.input_value('.question[data-path$="/companions"] input') == "忘了之前写的"
