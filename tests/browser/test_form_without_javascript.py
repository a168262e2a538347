"""A form filled and finished at 360×740 with JavaScript switched off."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext

from browser.conftest import TwoNodes
from browser.servers import PATIENCE_MS, PHONE


@pytest.fixture
def plain(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(**PHONE, java_script_enabled=False)
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


def test_a_visit_is_filled_and_finished(nodes: TwoNodes, plain: BrowserContext) -> None:
    page = plain.new_page()
    page.goto(nodes.centre.url + "/office/sign-in")
    page.fill("input[name=username]", "qingshui")
    page.fill("input[name=password]", "ruhu-demo")
    page.click("button[type=submit]")
    page.goto(nodes.centre.url + "/office/register")
    page.locator("main table a").first.click()
    household = page.url.rsplit("/", 1)[1]
    page.click("text=在网页上填表")
    page.click("a[href*='/office/fill/visit']")
    name = page.input_value('[name="/data/people/member[1]/full_name"]')
    assert name
    # Nothing answered: what is missing is listed, and a link leads to it.
    page.click("button[name=_do][value=finish]")
    assert page.locator(".wrong-list li").count() >= 2
    assert page.input_value('[name="/data/people/member[1]/full_name"]') == name
    page.locator(".wrong-list a").first.click()
    for path, value in {"meet/respondent": "head", "problems/has_problem": "yes", "close/satisfaction": "5"}.items():
        page.check(f'[name="/data/{path}"][value="{value}"]')
    page.click("button[name=_do][value=update].second")
    page.select_option('[name="/data/problems/problem[1]/problem_kind"]', "water")
    page.fill('[name="/data/problems/problem[1]/description"]', "冬季水压不足")
    # The page is no wider than the phone, and its targets are for thumbs.
    box = page.locator("form.whole").bounding_box()
    assert box and box["width"] <= 360
    button = page.locator("button[name=_do][value=finish]").bounding_box()
    assert button and button["height"] >= 48
    page.fill('[name="/data/close/remark"]', "没有脚本也填得完")
    page.click("button[name=_do][value=finish]")
    page.wait_for_url("**/office/submissions/*")
    assert "没有脚本也填得完" in page.inner_text("main") and "冬季水压不足" in page.inner_text("main")
    with sqlite3.connect(f"file:{nodes.centre.data / 'store.db'}?mode=ro", uri=True) as db:
        (fields,) = db.execute("SELECT fields FROM record WHERE kind = 'household' AND id = ?", (household,)).fetchone()
        issues = db.execute("SELECT count(*) FROM record WHERE kind = 'issue' AND fields LIKE '%冬季水压不足%'").fetchone()[0]
    assert json.loads(fields)["last_visit"] and issues >= 1
