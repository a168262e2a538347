"""Work by file in a real browser: a phone without a network, the centre's office, and the receipts back to three ticks."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, Page

from browser.conftest import TwoNodes
from browser.servers import DESK, PHONE
from browser.test_one_visit import FIRST_ROW, fill_unchanged, sign_in


def office(browser: Browser, nodes: TwoNodes, url: str, username: str) -> Page:
    """The courier page of an office, signed in."""
    page = browser.new_context(**DESK).new_page()
    page.goto(url + "/office/courier")
    page.fill("input[name=username]", username)
    page.fill("input[name=password]", nodes.sign_in_of(username)["password"])
    page.click("button[type=submit]")
    page.wait_for_selector("h1:has-text('捎带文件')")
    return page


def taken_in(page: Page, file: Path) -> None:
    page.set_input_files("input[name=file]", file)
    page.click("button:has-text('收下')")
    page.wait_for_selector("main [role=status]:has-text('✓')", timeout=30_000)


def export(page: Page, folder: Path) -> Path:
    with page.expect_download() as caught:
        page.click("[data-name=export]")
    page.wait_for_selector("[data-name=courier-said]:has-text('已导出')")
    target = folder / caught.value.suggested_filename
    caught.value.save_as(target)
    return target


def test_a_visit_goes_to_the_centre_and_back_by_file(browser: Browser, nodes: TwoNodes, tmp_path: Path) -> None:
    context = browser.new_context(**PHONE, accept_downloads=True)
    page = context.new_page()
    sign_in(page, nodes.village.url)
    page.wait_for_timeout(3000)  # the village tells the centre of the phone
    context.set_offline(True)
    nodes.village.stop()

    page.locator(FIRST_ROW).nth(6).click()
    page.click("[data-name=start]")
    page.wait_for_selector(".form-foot")
    fill_unchanged(page)
    page.goto(nodes.village.url + "/#/today")
    page.locator(FIRST_ROW).nth(7).click()
    page.click("summary:has-text('没见到人')")
    page.click("button:has-text('无人在家')")
    page.wait_for_selector(".badge:has-text('未到中心 2')")

    page.goto(nodes.village.url + "/#/sync")
    page.wait_for_selector("[data-name=about]:has-text('2 份')")
    file = export(page, tmp_path)
    assert page.locator("[data-state=queued]").count() == 2, "exported is not delivered"
    assert "✓✓✓" not in page.inner_text(".badge")

    clerk = office(browser, nodes, nodes.centre.url, "centre")
    taken_in(clerk, file)
    told = clerk.inner_text("main")
    assert "新收" in told and "待核对" not in told and "有缺口" not in told and "缺照片" not in told
    with clerk.expect_download() as caught:
        clerk.click("a.button:has-text('下载回执')")
    receipts = tmp_path / "receipts.ruhu"
    caught.value.save_as(receipts)

    # The wrong file first: it says what it is.
    page.set_input_files("[data-name=receipts]", file)
    page.wait_for_selector("[data-name=courier-said].error:has-text('不是回执')")
    page.set_input_files("[data-name=receipts]", receipts)
    page.wait_for_selector("[data-name=courier-said]:has-text('中心确认了 2 份')")
    page.wait_for_selector(".badge:has-text('✓✓✓')")
    assert page.locator("[data-state=confirmed]").count() == 2

    # With the network back nothing happens twice.
    nodes.village.start()
    context.set_offline(False)
    page.click("button:has-text('现在同步')")
    page.wait_for_timeout(3000)
    assert "✓✓✓" in page.inner_text(".badge")
    clerk.goto(nodes.centre.url + "/office/quarantined")
    assert "张" not in clerk.inner_text("h1")
    context.close()


def test_a_village_carries_a_phones_file_and_makes_its_own(browser: Browser, nodes: TwoNodes, tmp_path: Path) -> None:
    context = browser.new_context(**PHONE, accept_downloads=True)
    page = context.new_page()
    sign_in(page, nodes.village.url)
    page.wait_for_timeout(3000)
    context.set_offline(True)
    page.locator(FIRST_ROW).nth(9).click()
    page.click("summary:has-text('没见到人')")
    page.click("button:has-text('无人在家')")
    page.wait_for_selector(".badge:has-text('未到中心 1')")
    page.goto(nodes.village.url + "/#/sync")
    file = export(page, tmp_path)

    desk = office(browser, nodes, nodes.village.url, "qingshui")
    desk.set_input_files("input[name=file]", file)
    desk.click("button:has-text('收下')")
    desk.wait_for_selector("text=等着带到中心")
    desk.goto(nodes.village.url + "/office/courier")
    with desk.expect_download() as caught:
        desk.click("button:has-text('做一个捎带文件')")
    stick = tmp_path / "stick.ruhu"
    caught.value.save_as(stick)

    clerk = office(browser, nodes, nodes.centre.url, "centre")
    taken_in(clerk, stick)
    assert "代手机捎带的文件" in clerk.inner_text("main")
    with clerk.expect_download() as caught:
        clerk.click("a.button:has-text('下载回执')")
    back = tmp_path / "back.ruhu"
    caught.value.save_as(back)

    taken_in(desk, back)
    desk.goto(nodes.village.url + "/office/courier")
    with desk.expect_download() as caught:
        desk.click("tr:has-text('回执已到') a:has-text('下载回执')")
    receipts = tmp_path / "receipts.ruhu"
    caught.value.save_as(receipts)
    page.set_input_files("[data-name=receipts]", receipts)
    page.wait_for_selector("[data-name=courier-said]:has-text('中心确认了 1 份')")
    page.wait_for_selector(".badge:has-text('✓✓✓')")
    context.close()
