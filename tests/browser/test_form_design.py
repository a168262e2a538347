"""A form's whole life in real browsers: from a faulty workbook in the office to one table of two versions.

1. A workbook with an error is shown with the fault in its cell; the corrected one takes its place.
2. The preview runs the real form screen in both languages and keeps nothing.
3. Published, it is filled on a phone and arrives.
4. The next version tells what it changed and how many answers it touches; an open draft moves to it by name,
   and what has no place there stays in sight and travels along.
5. The merged table holds both versions in one column for a renamed question.
6. Retired, it is offered on the phone no more.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from test_office_forms import sheet_file

from browser.phone import ROWS, sign_in
from browser.servers import DESK, PATIENCE_MS, PHONE, NodeProcess, make_demo

V1 = [
    ["text", "crop", "种了什么", "What is grown", ""],
    ["select_one yes_no", "water", "浇水方便吗", "Is there water nearby", ""],
    ["integer", "mu", "几亩", "How many mu", "${water} = 'yes'"],
]
V2 = [["text", "main_crop", "种了什么", "What is grown", ""], V1[1], ["text", "buyer", "卖给谁", "Sold to", ""]]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    folder = tmp_path_factory.mktemp("form-design")
    make_demo(folder / "data", households=240)
    running = NodeProcess(folder / "data").start()
    yield running
    running.stop()


@pytest.fixture
def desk(browser: Browser, node: NodeProcess) -> Iterator[Page]:
    context = browser.new_context(**DESK, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(node.url + "/office/")
    page.fill("input[name=username]", "centre")
    page.fill("input[name=password]", "ruhu-demo")
    page.click("form button")
    page.wait_for_url("**/office/**")
    yield page
    context.close()


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(**PHONE)
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


def upload(page: Page, name: str, body: bytes) -> None:
    box = page.locator("details.box").first
    if box.get_attribute("open") is None:
        box.locator("summary").click()
    page.set_input_files("input[type=file]", {"name": name, "mimeType": "application/octet-stream", "buffer": body})
    page.click("form.upload button")
    page.wait_for_url("**/forms/designs/*")


def publish(page: Page) -> None:
    page.click("text=发布…")
    page.wait_for_url("**/publish")
    page.click("#publish button")
    page.wait_for_selector(".notice.good")


def begin(page: Page) -> None:
    """The form opened for the first household that is due."""
    page.locator("[data-name=due] .row").first.click()
    page.locator("[data-name=forms] summary").click()
    page.click("[data-form=fields]")
    page.wait_for_selector(".form-foot")


def question(page: Page, name: str) -> str:
    return f'.question[data-path$="/{name}"]'


def sync(page: Page, url: str) -> None:
    page.goto(url + "/#/sync")
    page.click("text=现在同步")
    page.wait_for_function("() => !document.querySelector('.badge').classList.contains('waiting')")


def pulled(page: Page, state: str) -> None:
    """Wait until the phone's record of the form says so."""
    for _ in range(300):
        if any(row["kind"] == "form" and row["id"] == "fields" and row["fields"]["state"] == state
               for row in page.evaluate(ROWS, ["ruhu-data", "record"])):  # fmt: skip
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"the form is not {state} on the phone")


def kept_draft(page: Page, has: str) -> None:
    """Wait until a draft on the disk of the phone says so."""
    for _ in range(100):
        if has in json.dumps(page.evaluate(ROWS, ["ruhu-data", "draft"]), ensure_ascii=False):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"no draft has {has}")


def test_from_a_faulty_workbook_to_one_table_of_two_versions(
    desk: Page, phone: BrowserContext, node: NodeProcess, tmp_path: Path
) -> None:
    faulty = [V1[0], ["select_one yes_noo", *V1[1][1:]], V1[2]]
    desk.goto(node.url + "/office/forms")
    upload(desk, "地块.xlsx", sheet_file(faulty, "1", "fields"))
    assert desk.inner_text("#survey-3 .fault-cell") == "select_one yes_noo"
    assert "yes_noo" in desk.inner_text("#survey-3 + .said")
    upload(desk, "地块.xlsx", sheet_file(V1, "1", "fields"))
    assert desk.locator(".fault-cell").count() == 0

    desk.click("text=预览")
    frame = desk.frame_locator(".phone-frame")
    for lang, words, mark in (("中文", "浇水方便吗", "试填"), ("English", "Is there water nearby", "Trial")):
        desk.click(f".langs >> text={lang}")
        frame.locator(f".question >> text={words}").wait_for()
        assert mark in frame.locator("body").inner_text()
    assert not frame.locator(question(desk, "mu")).is_visible()
    frame.locator(question(desk, "water")).get_by_text("是", exact=True).or_(
        frame.locator(question(desk, "water")).get_by_text("Yes", exact=True)
    ).click()
    frame.locator(question(desk, "mu")).wait_for()
    assert desk.evaluate("async () => (await indexedDB.databases()).length") == 0
    desk.go_back()
    desk.click("text=回到草稿")
    publish(desk)

    page = phone.new_page()
    sign_in(page, node.url)
    page.wait_for_selector("[data-name=due] .row")
    begin(page)
    page.fill(f"{question(page, 'crop')} input", "玉米")
    page.click(f"{question(page, 'water')} label.choice:has(input[value=yes])")
    page.fill(f"{question(page, 'mu')} input", "3")
    page.click(".form-foot .form-next")
    page.wait_for_selector(".done")
    sync(page, node.url)
    page.goto(node.url + "/#/today")
    page.locator("[data-name=due] .row").first.wait_for()
    begin(page)
    page.fill(f"{question(page, 'crop')} input", "水稻")
    page.click(f"{question(page, 'water')} label.choice:has(input[value=yes])")
    page.fill(f"{question(page, 'mu')} input", "5")
    page.click(f"{question(page, 'water')} label.choice:has(input[value=yes])")
    kept_draft(page, "水稻")
    page.click(".form-leave")

    desk.goto(node.url + "/office/forms")
    upload(desk, "地块2.xlsx", sheet_file(V2, "2", "fields"))
    desk.click("text=发布…")
    assert "几亩" in desk.inner_text("#removed + p + table")
    assert desk.inner_text("#removed + p + table tbody .num") == "1"
    assert desk.is_checked("input[name=same][value=main_crop]")
    assert "卖给谁" in desk.inner_text("#added + p + table")
    desk.click("#publish button")
    desk.wait_for_selector(".notice.good")

    sync(page, node.url)
    page.goto(node.url + "/#/today")
    page.click(".draft-move")
    page.wait_for_selector("[data-name=moving]")
    assert "几亩" in page.inner_text(".unplaced")
    page.click("[data-name=move]")
    page.click("[data-name=fill]")
    page.wait_for_selector(".form-foot")
    assert page.input_value(f"{question(page, 'main_crop')} input") == "水稻"
    page.fill(f"{question(page, 'buyer')} input", "合作社")
    page.click(".form-foot .form-next")
    page.wait_for_selector(".done")
    sync(page, node.url)

    desk.goto(node.url + "/office/forms/fields/table")
    assert desk.locator("table.sheet tbody tr").count() == 2
    with desk.expect_download() as started:
        desk.click("text=下载 CSV(本表)")
    file = tmp_path / "table.csv"
    started.value.save_as(file)
    rows = list(csv.DictReader(io.StringIO(file.read_text("utf-8-sig"))))
    assert [(row["版本"], row["种了什么"], row["几亩"], row["卖给谁"]) for row in rows] == [
        ("1", "玉米", "3", ""), ("2", "水稻", "", "合作社"),
    ]  # fmt: skip
    desk.goto(f"{node.url}/office/submissions/{rows[1]['答卷编号'].strip()}")
    assert "几亩" in desk.inner_text("main")
    assert "5" in desk.inner_text("main")

    desk.goto(node.url + "/office/forms/fields")
    desk.click("text=停用这张表单…")
    desk.click("main form button")
    desk.wait_for_selector(".notice.good")
    sync(page, node.url)
    pulled(page, "retired")
    assert gone_from_the_household(page, node.url)


def gone_from_the_household(page: Page, url: str) -> bool:
    """The list of forms is fetched at the end of the same round that brought the record."""
    for _ in range(30):
        page.goto(url + "/#/today")
        page.locator("[data-name=due] .row").first.click()
        page.wait_for_selector("[data-name=forms] summary")
        if page.locator("[data-form=fields]").count() == 0:
            return True
        page.wait_for_timeout(500)
    return False
