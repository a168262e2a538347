"""A household moves to another village at the office: phones of the old one, with or without a stale copy, say where it went."""

from __future__ import annotations

import sqlite3

from playwright.sync_api import Browser, Page

from browser.conftest import TwoNodes
from browser.phone import sign_in
from browser.servers import DESK, PATIENCE_MS, PHONE


def a_household(nodes: TwoNodes, village: str) -> tuple[str, str]:
    """(id, code) of one in the village."""
    with sqlite3.connect(f"file:{nodes.centre.data / 'read.db'}?mode=ro", uri=True) as db:
        found: tuple[str, str] = db.execute("SELECT id, code FROM households WHERE area = ? ORDER BY id", [village]).fetchone()
    return found


def on_a_phone(browser: Browser, url: str) -> Page:
    context = browser.new_context(**PHONE)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    sign_in(page, url)
    page.wait_for_selector("[data-id]")
    return page


def synced_until(page: Page, url: str, id: str, shown: str) -> None:
    for _ in range(20):
        page.goto(f"{url}/#/sync")
        page.click("button:has-text('现在同步')")
        page.wait_for_timeout(1_000)
        page.goto(f"{url}/#/household/{id}")
        page.wait_for_selector("[data-name=events], [data-name=start], .empty")
        if page.query_selector(shown):
            return
    raise AssertionError(page.inner_text("body"))


def scanned(page: Page, url: str, code: str) -> str:
    page.goto(f"{url}/#/scan")
    page.fill("input.search", code)
    page.wait_for_selector("[data-name=moved]")
    return page.inner_text("[data-name=moved]")


def test_phones_of_the_old_village_say_where_it_went(browser: Browser, nodes: TwoNodes) -> None:
    url, village = nodes.centre.url, nodes.demo["node"]["area"]
    old = on_a_phone(browser, url)
    id, code = a_household(nodes, village)
    synced_until(old, url, id, "[data-name=start]")  # a phone that never had it cannot say where it went
    where = moved_at_the_office(browser, nodes, id)
    synced_until(old, url, id, "[data-name=gone]")
    assert where in old.inner_text("[data-name=gone]") and not old.query_selector("[data-name=start]")
    assert "整户迁出" in old.inner_text("[data-name=events]")
    assert where in scanned(old, url, code)
    old.context.close()
    new = on_a_phone(browser, url)
    assert where in scanned(new, url, code)
    new.context.close()


def moved_at_the_office(browser: Browser, nodes: TwoNodes, id: str) -> str:
    """By the township; answers the name of the village it went to."""
    who = next(one for one in nodes.demo["sign_ins"] if one["role"] == "township")
    desk = browser.new_context(**DESK)
    desk.set_default_timeout(PATIENCE_MS)
    page = desk.new_page()
    page.goto(f"{nodes.centre.url}/office/households/{id}/move")
    page.fill("input[name=username]", who["username"])
    page.fill("input[name=password]", who["password"])
    page.click("button[type=submit]")
    page.wait_for_selector("select[name=village]")
    name = page.inner_text("select[name=village] optgroup option >> nth=0")
    page.select_option("select[name=village]", label=name)
    page.click("main button[type=submit]")
    page.wait_for_selector("text=整户迁入")
    desk.close()
    return name
