"""Whoever answers for several villages on one phone is told of each household which village it lies in."""

from __future__ import annotations

from playwright.sync_api import Browser, Page

from browser.conftest import TwoNodes
from browser.phone import sign_in
from browser.servers import PATIENCE_MS, PHONE

ROWS = "[data-name=found] .row"


def rows_of(page: Page, url: str) -> list[str]:
    page.goto(url + "/#/register")
    page.wait_for_selector(ROWS, timeout=PATIENCE_MS)
    return [str(row) for row in page.locator(f"{ROWS} small").all_inner_texts()]


def test_rows_of_several_villages_name_the_village(nodes: TwoNodes, browser: Browser) -> None:
    above = next(one for one in nodes.demo["sign_ins"] if one["role"] == "township")
    context = browser.new_context(**PHONE)
    page = context.new_page()
    sign_in(page, nodes.centre.url, above["username"])
    shown = rows_of(page, nodes.centre.url)
    assert shown and all("村 " in row for row in shown), shown
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()


def test_rows_of_one_village_stay_short(nodes: TwoNodes, browser: Browser) -> None:
    context = browser.new_context(**PHONE)
    page = context.new_page()
    sign_in(page, nodes.village.url)
    shown = rows_of(page, nodes.village.url)
    assert shown and not any("村" in row for row in shown), shown
    context.close()
