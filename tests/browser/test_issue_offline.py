"""An issue noted and put right on a phone without network, with a photo; the office closes it."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from office_story import picture
from playwright.sync_api import Browser, Page

from browser.conftest import TwoNodes
from browser.servers import DESK, PATIENCE_MS, PHONE
from browser.test_one_visit import FIRST_ROW, sign_in


def issue_of(nodes: TwoNodes, description: str) -> dict[str, Any]:
    """The record as the centre holds it on disk; {} while it is not there."""
    with sqlite3.connect(f"file:{nodes.centre.data / 'store.db'}?mode=ro", uri=True) as db:
        for id, fields in db.execute("SELECT id, fields FROM record WHERE kind = 'issue'"):
            if json.loads(fields).get("description") == description:
                return {"id": id, **json.loads(fields)}
    return {}


def test_an_issue_goes_its_way_offline_and_is_closed_by_another(browser: Browser, nodes: TwoNodes) -> None:
    context = browser.new_context(**PHONE)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    sign_in(page, nodes.village.url)
    page.click(f"{FIRST_ROW} >> nth=0")
    page.wait_for_selector("[data-name=new-issue]")
    page.click("[data-name=new-issue]")
    page.wait_for_selector("[data-name=raise]")
    context.set_offline(True)
    page.click("[data-name=raise]")
    assert "请选问题类型" in page.inner_text("[role=alert]")
    page.select_option("[data-name=kind]", "water")
    page.fill("[data-name=description]", "水管冻裂了")
    page.fill("[data-name=action]", "换管并包保温层")
    page.click("[data-name=raise]")
    page.wait_for_selector("[data-name=submit]")
    page.fill("[data-name=note]", "已换新管,通水正常")
    page.set_input_files("[data-name=photos]", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": picture(size=(640, 480))})
    page.wait_for_selector(".thumb img")
    page.click("[data-name=submit]")
    page.wait_for_selector("text=已申请销号")
    page.reload()
    page.wait_for_selector("text=已申请销号")
    page.wait_for_selector(".badge:has-text('未到中心 2')")
    page.goto(nodes.village.url + "/#/issues")
    page.wait_for_selector("[data-name=mine] .row:has-text('水管冻裂了')")
    context.set_offline(False)
    sync_until_safe(page, nodes.village.url)
    there = issue_of(nodes, "水管冻裂了")
    assert there["state"] == "submitted" and len(there["evidence"]) == 64
    context.close()
    closed_at_the_office(browser, nodes, there["id"])


def sync_until_safe(page: Page, url: str) -> None:
    page.goto(url + "/#/sync")
    for _ in range(40):
        page.click("button:has-text('现在同步')")
        page.wait_for_timeout(500)
        if "✓✓✓" in page.inner_text(".badge"):
            return
    raise AssertionError(page.inner_text("body"))


def closed_at_the_office(browser: Browser, nodes: TwoNodes, id: str) -> None:
    who = next(one for one in nodes.demo["sign_ins"] if one["role"] == "township")
    desk = browser.new_context(**DESK)
    page = desk.new_page()
    page.goto(f"{nodes.centre.url}/office/issues/{id}")
    page.fill("input[name=username]", who["username"])
    page.fill("input[name=password]", who["password"])
    page.click("button[type=submit]")
    page.wait_for_selector(".evidence img")
    assert page.evaluate("document.querySelector('.evidence img').complete")
    page.click("button[value=close]")
    page.wait_for_selector(".issue-closed")
    assert issue_of(nodes, "水管冻裂了")["state"] == "closed"
    desk.close()
