"""What the phone says of its own work while the network is gone and after it is back."""

from __future__ import annotations

from playwright.sync_api import Browser, Page

from browser.conftest import TwoNodes
from browser.phone import whole_app_kept
from browser.servers import PHONE
from browser.test_one_visit import FIRST_ROW, sign_in
from browser.waiting import until


def test_the_count_and_the_ticks_say_safe_only_when_the_centre_has_it(browser: Browser, nodes: TwoNodes) -> None:
    context = browser.new_context(**PHONE)
    page = context.new_page()
    sign_in(page, nodes.village.url)
    assert "✓✓✓" in page.inner_text(".badge")

    context.set_offline(True)
    page.click(f"{FIRST_ROW} >> nth=0")
    page.click("summary:has-text('没见到人')")
    page.click("button:has-text('无人在家')")
    page.wait_for_selector(".badge:has-text('未到中心 1')")

    page.reload()
    page.wait_for_selector(".badge:has-text('未到中心 1')")
    page.goto(nodes.village.url + "/#/sync")
    page.wait_for_selector("[data-state=queued]")
    assert "1" in page.inner_text("[data-name=waiting]")

    context.set_offline(False)
    for _ in range(20):
        page.click("button:has-text('现在同步')")
        page.wait_for_timeout(500)
        if page.locator("[data-state=confirmed]").count():
            break
    page.wait_for_selector(".badge:has-text('✓✓✓')")
    assert page.locator("[data-state]").count() == 1
    context.close()


LOSE_DECODER = """async () => {
  let lost = 0;
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const one of await cache.keys()) if (one.url.endsWith('.wasm')) lost += await cache.delete(one);
  }
  return lost;
}"""
HAS_DECODER = """async () => {
  const all = await Promise.all((await caches.keys()).map(async (name) => (await caches.open(name)).keys()));
  return all.flat().some(({ url }) => url.endsWith('.wasm'));
}"""


def test_what_the_line_was_too_bad_for_comes_with_the_network(browser: Browser, nodes: TwoNodes) -> None:
    context = browser.new_context(**PHONE)
    page = context.new_page()
    sign_in(page, nodes.village.url)
    page.evaluate("() => new Promise((done) => { setTimeout(done, 1_600); })")  # it is asked for once by itself
    whole_app_kept(page)
    assert page.evaluate(LOSE_DECODER) == 1
    context.set_offline(True)
    assert not page.evaluate(HAS_DECODER)
    context.set_offline(False)
    until(page, HAS_DECODER)
    context.close()


def test_a_visit_noted_by_mistake_can_be_taken_back_before_it_is_sent(browser: Browser, nodes: TwoNodes) -> None:
    context = browser.new_context(**PHONE)
    page = context.new_page()
    sign_in(page, nodes.village.url)
    context.set_offline(True)
    page.click(f"{FIRST_ROW} >> nth=1")
    page.click("summary:has-text('没见到人')")
    page.click("button:has-text('拒访')")
    page.wait_for_selector(".badge:has-text('未到中心 1')")
    page.click("button:has-text('撤销')")
    page.wait_for_selector(".badge:has-text('✓✓✓')")
    context.close()


def sign_in_as(page: Page, username: str) -> None:
    page.fill("input[name=username]", username)
    page.fill("input[name=password]", "ruhu-demo")
    page.click("button[type=submit]")
    page.wait_for_selector("[data-name=due] > *", timeout=30_000)


def sign_out(page: Page, url: str) -> None:
    page.goto(url + "/#/settings")
    page.click("button:has-text('退出登录')")
    page.wait_for_selector("input[name=username]")


def test_the_next_user_of_a_phone_sees_no_draft_of_the_first_whose_work_still_goes_out(
    browser: Browser, nodes: TwoNodes
) -> None:
    context = browser.new_context(**PHONE)
    page = context.new_page()
    sign_in(page, nodes.centre.url)
    context.set_offline(True)
    page.locator(FIRST_ROW).nth(2).click()
    page.click("summary:has-text('没见到人')")
    page.click("button:has-text('无人在家')")
    page.wait_for_selector(".badge:has-text('未到中心 1')")
    page.goto(nodes.centre.url + "/#/today")
    page.locator(FIRST_ROW).nth(4).click()
    page.click("[data-name=start]")
    page.wait_for_selector(".form-foot")
    page.click('.question[data-path$="/respondent"] label.choice:has(input[value="head"])')
    page.wait_for_url("**draft_id=*")
    address = page.url
    sign_out(page, nodes.centre.url)

    context.set_offline(False)
    sign_in_as(page, "tukan")
    assert page.locator(".draft-open").count() == 0
    page.wait_for_selector(".badge:has-text('✓✓✓')", timeout=30_000)
    page.goto(address)
    page.wait_for_selector(".unopened")
    sign_out(page, nodes.centre.url)

    sign_in_as(page, "qingshui")
    page.click(".draft-open")
    page.wait_for_selector('.question[data-path$="/respondent"] input[value="head"]:checked')
    context.close()
