"""How a visit went is shown to whoever made it, on their phone and before it is finished; nobody else has seen it yet.

1. much quicker than visits usually are
2. far from the place the household is registered at
3. with a photo that was used for another household

Each asks for one line, none stands in the way of finishing, and the line reaches the village with the visit.
"""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page

from browser.conftest import TwoNodes
from browser.servers import PATIENCE_MS, PHONE
from browser.test_one_visit import FIRST_ROW, answer_page, sign_in

HERE = {"latitude": 29.32, "longitude": 107.75, "accuracy": 8}
FAR = {"latitude": 29.35, "longitude": 107.75, "accuracy": 8}
"""3.3 km north of it."""
SAID = """() => document.querySelector("[data-path$='/close/location'] .media-said")?.textContent.includes('8')"""
USUAL = """async (minutes) => {
  const name = (await indexedDB.databases()).map((one) => one.name).find((one) => one.startsWith('ruhu-data'));
  const db = await new Promise((done) => { const ask = indexedDB.open(name); ask.onsuccess = () => done(ask.result); });
  const put = db.transaction('meta', 'readwrite').objectStore('meta').put({ key: 'visit_minutes', value: { visit: minutes } });
  await new Promise((done) => { put.onsuccess = done; });
  db.close();
}"""


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(**PHONE, geolocation=HERE, permissions=["geolocation"])
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


def visit(page: Page, row: int, at_close: Callable[[Page], None] = lambda _page: None) -> str:
    """Fill an unchanged household up to the last button; the household's id."""
    page.goto(page.url.partition("#")[0] + "#/")
    page.locator(FIRST_ROW).nth(row).click()
    page.wait_for_selector("[data-name=start]")
    id = page.url.rsplit("/", 1)[1]
    return begin(page, id, at_close)


def begin(page: Page, id: str, at_close: Callable[[Page], None]) -> str:
    page.click("[data-name=start]")
    page.wait_for_selector(".form-foot")
    for _ in range(15):
        answer_page(page)
        if page.locator('.question[data-path$="/close/location"]:visible').count():
            at_close(page)
        button = page.locator(".form-foot .form-next")
        where, words = page.inner_text(".form-where"), button.inner_text()
        button.click()
        if words == "完成":
            page.wait_for_selector(".doubts, .done")
            return id
        page.wait_for_function("was => document.querySelector('.form-where')?.innerText !== was", arg=where)
    raise AssertionError("the form did not come to its end")


def told_first(page: Page, nodes: TwoNodes, rule: str, *words: str) -> None:
    """The doubt stands before the end; with one line the visit is finished, and the line is what the village reads."""
    doubt = page.wait_for_selector(f'.doubts li.ask[data-rule="{rule}"]')
    assert doubt is not None and [one for one in words if one not in doubt.inner_text()] == []
    assert not page.locator(".done").count() and page.locator(".doubts li.must").count() == 0
    assert page.locator(".doubts .check-finish").is_disabled()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    reason = f"情况属实:{rule}"
    for box in page.locator(".doubts textarea").all():
        box.fill(reason)
    page.click(".doubts .check-finish")
    page.wait_for_selector(".done")
    page.goto(page.url.partition("#")[0] + "#/sync")
    page.click("text=现在同步")
    page.wait_for_selector('.work[data-state="confirmed"]')
    with closing(sqlite3.connect(f"file:{nodes.village.data}/store.db?mode=ro", uri=True)) as db:
        kept = [json.loads(fields) for (fields,) in db.execute("SELECT fields FROM record WHERE kind = 'submission'")]
    assert any(reason in json.dumps(one, ensure_ascii=False) for one in kept)


def take_place(page: Page) -> None:
    """Whoever goes on while the fix still gets better has the one there is."""
    place = page.locator('.question[data-path$="/close/location"]')
    if place.locator(".carried-edit").count() and place.locator(".carried-edit").is_visible():
        place.locator(".carried-edit").click()
    place.locator(".geo-get").click()
    page.wait_for_function(SAID)


def take_photo(page: Page) -> None:
    page.set_input_files('.question[data-path$="/close/photo"] input[type=file]', [
        {"name": "door.jpg", "mimeType": "image/jpeg", "buffer": picture()}])  # fmt: skip
    page.wait_for_selector('.question[data-path$="/close/photo"] img')
    page.wait_for_timeout(800)


def picture() -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize((640, 480)).convert("RGB").save(out, "JPEG")
    return out.getvalue()


def test_a_quick_visit_is_told_to_whoever_made_it(nodes: TwoNodes, phone: BrowserContext) -> None:
    page = phone.new_page()
    sign_in(page, nodes.village.url)
    page.evaluate(USUAL, [24.0 + n for n in range(12)])
    visit(page, 2)
    told_first(page, nodes, "visit_short", "用时比平常短很多", "平常约 30")


def test_a_few_visits_say_nothing_of_what_is_usual(nodes: TwoNodes, phone: BrowserContext) -> None:
    page = phone.new_page()
    sign_in(page, nodes.village.url)
    page.evaluate(USUAL, [24.0] * 9)
    visit(page, 3)
    page.wait_for_selector(".done")


def test_a_visit_far_away_is_told_to_whoever_made_it(nodes: TwoNodes, phone: BrowserContext) -> None:
    page = phone.new_page()
    sign_in(page, nodes.village.url)
    id = visit(page, 4, take_place)
    page.wait_for_selector(".done")
    phone.set_geolocation(FAR)
    page.goto(nodes.village.url + f"/#/household/{id}")
    begin(page, id, take_place)
    told_first(page, nodes, "visit_far", "定位离这户登记的位置较远", "相距约 3.34 公里")


def test_a_photo_of_another_household_is_told_to_whoever_took_it(nodes: TwoNodes, phone: BrowserContext) -> None:
    page = phone.new_page()
    sign_in(page, nodes.village.url)
    visit(page, 5, take_photo)
    page.wait_for_selector(".done")
    visit(page, 6, take_photo)
    told_first(page, nodes, "photo_again", "照片在别的户用过", "1 张照片")
