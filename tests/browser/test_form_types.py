"""Every kind of question that is not a picture, sound, place or code, filled by touch and keyboard at 360×740.

1. texts, numbers and what is calculated from them; marks in labels; values in labels are never marks
2. every look of selects; a cascade clears what is no longer offered; five thousand choices never become nodes
3. an order by buttons, by drag, and by keeping what is shown; none before somebody acts
4. sliders give no answer before they are touched
5. an elder's birth date by eight digits; what is no date is kept and named
6. another language in the middle of filling loses nothing: answers, place, what is half typed
7. by keyboard alone, and errors are announced and reached
8. nothing that axe-core finds wrong, in either language and with large type, nor on the main screens
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from app.node import Node
from app.publish import publish_library
from browser.forms import PLACES, every_question
from browser.phone import ROWS, sign_in
from browser.servers import PATIENCE_MS, PHONE, ROOT, NodeProcess, make_demo
from browser.waiting import until
from forms.library import Library
from sync.store.sqlite import SqliteStore

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
DRAFT = f"async () => (await ({ROWS})(['ruhu-data', 'draft'])).map((row) => row.answers)[0] ?? {{}}"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    data: Path = tmp_path_factory.mktemp("form-types") / "data"
    make_demo(data, households=5)
    store = SqliteStore(data)
    try:
        assert publish_library(store, Library(forms={"every": every_question()}), Node.now) == []
    finally:
        store.close()
    running = NodeProcess(data).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def signed_in(browser: Browser, node: NodeProcess) -> Iterator[BrowserContext]:
    context = browser.new_context(**PHONE, service_workers="block", timezone_id="Asia/Shanghai")
    page = context.new_page()
    sign_in(page, node.url)
    page.close()
    yield context
    context.close()


@pytest.fixture()
def page(signed_in: BrowserContext, node: NodeProcess) -> Iterator[Page]:
    page = signed_in.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{node.url}/#/today")
    page.evaluate("""async () => {
      const db = await new Promise((done) => { const ask = indexedDB.open('ruhu-data'); ask.onsuccess = () => done(ask.result); });
      const change = db.transaction('draft', 'readwrite');
      await new Promise((done) => { change.objectStore('draft').clear(); change.oncomplete = done; });
      db.close();
    }""")
    page.goto(f"{node.url}/#/form?form_id=every")
    page.wait_for_selector(".form-screen .question")
    yield page
    page.close()


def q(page: Page, name: str) -> Locator:
    return page.locator(f".question[data-path$='/{name}']")


def go(page: Page, number: int) -> None:
    """To a page of the form by the list of pages."""
    page.click(".form-unfold")
    page.click(f".form-jumps li:nth-child({number}) button")
    page.wait_for_timeout(50)


def tick(page: Page, name: str, value: str) -> None:
    q(page, name).locator(f"label:has(input[value='{value}'])").tap()


def stored(page: Page, group: str, name: str) -> Any:
    return page.evaluate(DRAFT).get(group, {}).get(name)


def wait_stored(page: Page, group: str, name: str, value: Any) -> None:
    until(
        page,
        f"async ([group, name, value]) => JSON.stringify((await ({DRAFT})())[group]?.[name]) === JSON.stringify(value)",
        [group, name, value],
    )


def test_texts_and_numbers(page: Page) -> None:
    intro = q(page, "intro")
    assert intro.locator("strong").inner_text() == "重要"
    assert intro.locator("a").get_attribute("href") == "https://example.org/p"
    assert intro.locator(".md-red").inner_text() == "红字"
    assert page.locator("[style*=color]").count() == 0
    q(page, "name").locator("input").fill("*张*<b>三</b>")
    q(page, "name").locator("input").blur()
    expect(q(page, "hello").locator("output")).to_have_text("*张*<b>三</b>")
    assert q(page, "hello").locator("strong").inner_text() == "几个问题"
    q(page, "story").locator("textarea").fill("第一行\n第二行\n第三行\n第四行\n第五行\n第六行")
    assert q(page, "phone").locator("input").get_attribute("inputmode") == "numeric"
    q(page, "phone").locator("input").fill("007 12")
    q(page, "site").locator("input").fill("https://example.org/")
    q(page, "site").locator("input").blur()
    assert q(page, "site").locator("a").get_attribute("href") == "https://example.org/"
    q(page, "people").locator("input").fill("40")
    q(page, "people").locator("input").blur()
    expect(q(page, "people").locator(".error")).to_contain_text("1 到 29")
    q(page, "people").locator("input").fill("4")
    q(page, "income").locator("input").fill("12,000.5")
    q(page, "income").locator("input").blur()
    assert "1.2 万" in q(page, "income").inner_text()
    expect(q(page, "each").locator("output")).to_have_text("3000.13")
    for _ in range(3):
        q(page, "pigs").get_by_role("button", name="加一").tap()
    q(page, "pigs").get_by_role("button", name="减一").tap()
    assert q(page, "locked").locator("input").get_attribute("readonly") is not None
    wait_stored(page, "words", "pigs", "2")
    assert stored(page, "words", "name") == "*张*<b>三</b>"
    assert stored(page, "words", "story").count("\n") == 5
    assert stored(page, "words", "phone") == "007 12"
    assert [stored(page, "words", one) for one in ("people", "income", "each")] == ["4", "12000.5", "3000.13"]


def test_selects(page: Page) -> None:
    go(page, 2)
    tick(page, "plain", "yes")
    tick(page, "quick", "no")
    page.wait_for_function("() => document.activeElement?.closest('.question')?.dataset.path?.endsWith('/menu')")
    q(page, "menu").locator("select").select_option("well")
    tick(page, "several", "tap")
    tick(page, "several", "river")
    q(page, "folded").locator("summary").tap()
    tick(page, "folded", "well")
    expect(q(page, "folded").locator("summary")).to_have_text("井水")
    tick(page, "columns", "no")
    tick(page, "three", "tap")
    tick(page, "pack", "well")
    tick(page, "pictures", "tea")
    tick(page, "likert", "4")
    assert not q(page, "other_other").is_visible()
    tick(page, "other", "other")
    q(page, "other_other").locator("input").fill("雨水")
    tick(page, "tv", "yes")
    tick(page, "washer", "no")
    tick(page, "ok", "OK")
    wait_stored(page, "selects", "ok", "OK")
    answers = page.evaluate(DRAFT)["selects"]
    expected = {"plain": "yes", "quick": "no", "menu": "well", "several": "tap river", "folded": "well", "columns": "no",
                "three": "tap", "pack": "well", "pictures": "tea", "likert": "4", "other": "other",
                "other_other": "雨水"}  # fmt: skip
    assert {name: answers[name] for name in expected} == expected
    assert [answers["table"][name] for name in ("tv", "fridge", "washer")] == ["yes", "", "no"]
    tick(page, "plain", "yes")  # a second tap takes it back
    wait_stored(page, "selects", "plain", "")


def test_cascade_clears_what_is_no_longer_offered(page: Page) -> None:
    go(page, 2)
    expect(q(page, "village")).to_contain_text("先回答前面的题", timeout=15_000)
    tick(page, "town", "qs")
    expect(q(page, "village").locator("input")).to_have_count(4)
    tick(page, "village", "v3")
    wait_stored(page, "selects", "village", "v3")
    tick(page, "town", "bs")
    expect(q(page, "village").locator("input")).to_have_count(8)
    wait_stored(page, "selects", "village", "")


def test_five_thousand_choices_are_found_not_shown(page: Page) -> None:
    go(page, 2)
    place = q(page, "place")
    field = place.locator("input")
    expect(place).to_contain_text(f"{PLACES}", timeout=15_000)
    field.tap()
    field.press_sequentially("zp")
    page.wait_for_function("() => document.querySelectorAll('.question[data-path$=\"/place\"] .found-row').length === 20")
    assert page.locator("*").count() < 1500
    field.fill("钱家 3组")
    expect(place.locator(".found-row").first).to_have_text("钱家3组")
    field.press("ArrowDown")
    assert field.get_attribute("aria-activedescendant") == place.locator(".found-row.here").get_attribute("id")
    field.press("Enter")
    assert place.locator(".found-now").inner_text().startswith("钱家3组")
    wait_stored(page, "selects", "place", "p0901")
    many = q(page, "places")
    for code in ("p0007", "p0042"):
        many.locator("input").fill(code)
        many.locator(".found-row").first.tap()
    wait_stored(page, "selects", "places", "p0007 p0042")
    many.get_by_role("button", name="去掉 王家0组").tap()
    wait_stored(page, "selects", "places", "p0042")


def test_an_order(page: Page) -> None:
    go(page, 2)
    order = q(page, "order")
    expect(order).to_contain_text("还没有排序")  # the widget loads when its page is shown
    assert not stored(page, "selects", "order")
    order.get_by_role("button", name="河水 上移").tap()
    wait_stored(page, "selects", "order", "tap river well other")
    order.get_by_role("button", name="清除排序").tap()
    wait_stored(page, "selects", "order", "")
    order.get_by_role("button", name="就按这个顺序").tap()
    wait_stored(page, "selects", "order", "tap well river other")
    order.scroll_into_view_if_needed()
    grip = order.locator(".rank-grip").first.bounding_box()
    third = order.locator("li").nth(2).bounding_box()
    assert grip is not None
    assert third is not None
    page.mouse.move(grip["x"] + 10, grip["y"] + 10)
    page.mouse.down()
    page.mouse.move(grip["x"] + 10, third["y"] + 20, steps=4)
    page.mouse.move(grip["x"] + 10, third["y"] + third["height"] - 4, steps=4)
    page.mouse.up()
    wait_stored(page, "selects", "order", "well river tap other")


def test_sliders(page: Page) -> None:
    go(page, 3)
    slider = q(page, "slider").locator("input[type=range]")
    slider.wait_for()
    assert not stored(page, "numbers", "slider")
    thumb = q(page, "slider").locator(".slider.untouched")
    assert thumb.count() == 1
    slider.focus()
    slider.press("ArrowRight")
    wait_stored(page, "numbers", "slider", "6")
    typed = q(page, "slider").locator(".range-typed")
    typed.fill("9")
    typed.blur()
    wait_stored(page, "numbers", "slider", "9")
    assert slider.input_value() == "9"
    q(page, "slider").get_by_role("button", name="清除").tap()
    wait_stored(page, "numbers", "slider", "")
    box = q(page, "fine").locator("input[type=range]").bounding_box()
    assert box is not None
    page.touchscreen.tap(box["x"] + 24 + (box["width"] - 48) * 0.3, box["y"] + box["height"] / 2)
    wait_stored(page, "numbers", "fine", "0.3")
    q(page, "upright").locator("input[type=range]").press("ArrowUp")
    tick(page, "stars", "4")
    q(page, "picker").locator("select").select_option("7")
    wait_stored(page, "numbers", "picker", "7")
    assert [stored(page, "numbers", one) for one in ("upright", "stars")] == ["4", "4"]


def test_dates(page: Page) -> None:
    go(page, 4)
    year = q(page, "birth").locator(".date-year")
    year.tap()
    page.keyboard.type("19410305")
    wait_stored(page, "dates", "birth", "1941-03-05")
    assert [one.input_value() for one in q(page, "birth").locator(".date-part").all()] == ["1941", "03", "05"]
    year.fill("19410230")
    year.blur()
    expect(q(page, "birth").locator(".date-said")).to_contain_text("没有这一天")
    year.fill("29990101")
    wait_stored(page, "dates", "birth", "2999-01-01")
    q(page, "birth").locator(".date-part").last.blur()
    expect(q(page, "birth").locator(".error")).to_contain_text("不能晚于今天")
    year.fill("1950年3月5日")
    q(page, "year").locator("input.date-part").fill("1986")
    month = q(page, "month").locator("input.date-part")
    month.first.tap()
    page.keyboard.type("202011")
    typed = q(page, "typed")
    assert typed.locator(".date-calendar").count() == 0
    typed.locator(".date-year").fill("2019")
    typed.locator(".date-part").nth(1).blur()
    expect(typed.locator(".date-said")).to_contain_text("没有填全")
    wait_stored(page, "dates", "typed", "2019")
    q(page, "time").locator("input").fill("08:30")
    moment = q(page, "moment")
    moment.locator(".date-year").fill("20261201")
    moment.locator("input[type=time]").fill("14:05")
    wait_stored(page, "dates", "moment", "2026-12-01T14:05:00.000+08:00")
    answers = page.evaluate(DRAFT)["dates"]
    assert answers == {"birth": "1950-03-05", "year": "1986-01-01", "month": "2020-11-01", "typed": "2019",
                       "time": "08:30:00.000+08:00", "moment": "2026-12-01T14:05:00.000+08:00"}  # fmt: skip
    page.click(".form-next")
    expect(typed.locator(".error")).to_contain_text("19520312")


def test_language_in_the_middle(page: Page) -> None:
    q(page, "name").locator("input").fill("张三")
    q(page, "name").locator("input").blur()
    q(page, "people").locator("input").fill("40")
    q(page, "people").locator("input").blur()
    q(page, "story").locator("textarea").press_sequentially("写到一")
    page.click(".form-language")
    expect(q(page, "name").locator(".label")).to_contain_text("Your name")
    page.wait_for_function("() => document.querySelector('.question[data-path$=\"/name\"] .label strong')")
    assert q(page, "hello").inner_text().startswith("Hello 张三, here are")
    assert "Between 1 and 29" in q(page, "people").locator(".error").inner_text()
    assert page.inner_text(".page h2") == "Texts"
    assert q(page, "story").locator("textarea").input_value() == "写到一"
    q(page, "story").locator("textarea").press_sequentially("半")
    wait_stored(page, "words", "story", "写到一半")
    go(page, 2)
    tick(page, "several", "river")
    assert q(page, "several").locator("label").first.inner_text() == "Tap"
    expect(q(page, "several").locator("strong")).to_have_text("River")
    page.click(".form-language")
    assert q(page, "several").locator("label").first.inner_text() == "自来水"
    assert q(page, "several").locator("input[value=river]").is_checked()
    assert page.inner_text(".page h2") == "选择"


def test_keyboard_alone_and_errors_are_announced(page: Page) -> None:
    page.click(".form-next")
    name = q(page, "name").locator("input")
    assert page.evaluate("document.activeElement.name") == "/data/words/name"
    error = q(page, "name").locator(".error")
    assert error.get_attribute("role") == "alert"
    assert name.get_attribute("aria-invalid") == "true"
    assert (error.get_attribute("id") or "?") in (name.get_attribute("aria-describedby") or "")
    page.keyboard.type("李四")
    page.keyboard.press("Tab")
    assert not error.is_visible()
    assert name.get_attribute("aria-invalid") is None
    go(page, 2)
    q(page, "plain").locator("input").first.focus()
    page.keyboard.press("Space")
    wait_stored(page, "selects", "plain", "yes")
    page.keyboard.press("ArrowDown")
    wait_stored(page, "selects", "plain", "no")


def test_a_select_of_what_a_repeat_holds(page: Page) -> None:
    go(page, 5)
    page.locator(".member-row").first.tap()
    q(page, "nick").locator("input").fill("老张")
    page.click(".form-next")
    page.wait_for_selector(".member-add")
    expect(q(page, "who").locator("label")).to_have_text(["老张"])
    q(page, "who").locator("label").first.tap()
    wait_stored(page, "family", "who", "老张")


@pytest.mark.parametrize("way", ["zh", "en", "large"])
def test_axe_finds_nothing(page: Page, way: str) -> None:
    if way == "en":
        page.click(".form-language")
    if way == "large":
        page.evaluate("document.documentElement.classList.add('large')")
    page.evaluate(AXE.read_text("utf-8"))
    for number in range(1, 6):
        go(page, number)
        page.wait_for_timeout(250)
        page.click(".form-next")  # with its errors in view
        if page.locator(".form-unfold").inner_text().find(f"第 {number} 页") < 0:
            go(page, number)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations)")
        told = [(one["id"], one["help"], [node["html"][:160] for node in one["nodes"]][:3]) for one in found]
        assert told == [], json.dumps(told, ensure_ascii=False, indent=1)
        small = page.evaluate("""() => [...document.querySelectorAll('.form-screen button, .form-screen select,'
          + '.form-screen summary, .form-screen .choice:not(span),'
          + '.form-screen input:not([type=radio]):not([type=checkbox]):not([aria-hidden])')]
          .filter((one) => one.offsetParent !== null).map((one) => [one.outerHTML.slice(0, 90), one.getBoundingClientRect()])
          .filter(([, box]) => box.height < 42 || box.width < 42).map(([html]) => html)""")
        assert small == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_axe_finds_nothing_on_the_main_screens(page: Page, node: NodeProcess) -> None:
    for screen in ("today", "register", "scan", "sync", "settings"):
        page.goto(f"{node.url}/#/{screen}")
        page.wait_for_selector(f".tabs a[href='#/{screen}'][aria-current=page]")
        page.wait_for_timeout(250)
        page.evaluate(AXE.read_text("utf-8"))
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations)")
        told = [(screen, one["id"], one["help"], [part["html"][:160] for part in one["nodes"]][:3]) for one in found]
        assert told == [], json.dumps(told, ensure_ascii=False, indent=1)
