"""The checks before a form ends, in a real browser at 360×740 without a network.

1. what became doubtful asks for a line of reason; the reason reaches the office with the submission
2. what cannot be true has to be corrected, and a tap goes to its question
3. whose ID number somebody of another household has is named with that household, and a tap goes there too
4. a name that somebody of the register has is pointed out while it is typed, with a way to look and back to the draft
5. what was doubtful before and was not touched stops nobody (test_one_visit.py counts the taps)
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from browser.conftest import TwoNodes
from browser.phone import whole_app_kept
from browser.servers import DESK, PATIENCE_MS, PHONE
from browser.test_one_visit import FIRST_ROW, answer_page, sign_in, turn_page


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(**PHONE)
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


def offline_phone(nodes: TwoNodes, phone: BrowserContext) -> Page:
    """Signed in at the village, with the whole app kept, and then no network any more."""
    page = phone.new_page()
    sign_in(page, nodes.village.url)
    whole_app_kept(page)
    phone.set_offline(True)
    return page


def open_form(page: Page, nth: int) -> None:
    page.locator(FIRST_ROW).nth(nth).click()
    page.click("[data-name=start]")
    page.wait_for_selector(".form-foot")


def change(page: Page, name: str, value: str) -> None:
    """Another answer than last time's, in a question that is on this page."""
    question = page.locator(f'.question[data-path$="/{name}"]')
    edit = question.locator(".carried-edit")
    if edit.count() and edit.is_visible():
        edit.click()
    question.locator("input").first.fill(value)
    question.locator("input").first.blur()


def to_the_end(page: Page, changes: dict[str, str]) -> None:
    """Page by page to the last button, changing what is named on the way."""
    for _ in range(30):
        answer_page(page)
        for name, value in changes.items():
            if page.locator(f'.question[data-path$="/{name}"]:visible').count():
                change(page, name, value)
        if turn_page(page):
            page.wait_for_selector(".doubts, .done, .check")
            return
    raise AssertionError("the form did not come to its end")


def neighbour(nodes: TwoNodes, household: str) -> tuple[str, str]:
    """The ID number of somebody in another household of the same village, and that household's head."""
    sql = (
        "SELECT m.id_no, h.head_name FROM members m JOIN households h ON h.id = m.household_id WHERE m.id_no <> ''"
        " AND m.state IN ('', 'active') AND h.id <> ?1 AND h.area = (SELECT area FROM households WHERE id = ?1) LIMIT 1"
    )
    with closing(sqlite3.connect(f"file:{nodes.village.data}/read.db?mode=ro", uri=True)) as db:
        number, head = db.execute(sql, (household,)).fetchone()
    return str(number), str(head)


def test_a_doubt_wants_a_reason_and_the_office_reads_it(nodes: TwoNodes, phone: BrowserContext, browser: Browser) -> None:
    page = offline_phone(nodes, phone)
    open_form(page, 6)
    to_the_end(page, {"income_business": "1000", "business_cost": "1100", "income_change_reason": "今年收成差"})
    page.wait_for_selector('.doubts li[data-rule="cost_over_income"]')
    assert page.locator(".doubts .check-finish").is_disabled()
    for box in page.locator(".doubts textarea").all():
        box.fill("买了新农具")
    page.click(".doubts .check-finish")
    page.wait_for_selector(".done")
    phone.set_offline(False)
    page.goto(nodes.village.url + "/#/sync")
    page.click("text=现在同步")
    page.wait_for_selector('.work[data-state="confirmed"]', timeout=60_000)
    desk = browser.new_context(**DESK)
    office = desk.new_page()
    office.goto(nodes.centre.url + "/office/sign-in")
    office.fill("[name=username]", "centre")
    office.fill("[name=password]", "ruhu-demo")
    office.click("button[type=submit]")
    for _ in range(30):
        office.goto(nodes.centre.url + "/office/submissions")
        office.locator("table a, .rows a").first.click()
        if "买了新农具" in office.inner_text("main"):
            break
        office.wait_for_timeout(1000)
    told = office.inner_text("main")
    assert "生产经营支出大于收入" in told
    assert "买了新农具" in told
    desk.close()


def write_first_number(page: Page, number: str) -> None:
    """Another ID number for the first member, and on to the end of the form."""
    answer_page(page)
    turn_page(page)
    page.locator("[data-at]").first.click()
    page.wait_for_selector('.question[data-path$="/id_no"]:visible')
    change(page, "id_no", number)
    page.click(".form-leave")
    page.wait_for_selector('.question[data-path$="/id_no"]:visible', state="detached")
    to_the_end(page, {})


def test_what_cannot_be_true_has_to_be_corrected(nodes: TwoNodes, phone: BrowserContext) -> None:
    page = offline_phone(nodes, phone)
    open_form(page, 8)
    write_first_number(page, "110105194912310021")
    row = page.wait_for_selector('.doubts li.must[data-rule="id_checksum"]')
    assert row is not None
    assert page.locator(".doubts .check-finish").count() == 0
    page.click('.doubts li.must[data-rule="id_checksum"] .doubt-jump')
    page.wait_for_selector('.question[data-path$="/id_no"]:visible')


def test_who_stands_in_another_household_is_named(nodes: TwoNodes, phone: BrowserContext) -> None:
    page = offline_phone(nodes, phone)
    number, other = neighbour(nodes, page.locator(FIRST_ROW).nth(9).get_attribute("data-id") or "")
    open_form(page, 9)
    write_first_number(page, number)
    row = page.locator('.doubts li[data-rule="person_elsewhere"]')
    assert f"(也在{other}户)" in row.inner_text()
    row.locator(".doubt-jump").click()
    page.wait_for_selector('.question[data-path$="/id_no"]:visible')


def test_a_name_of_the_register_is_pointed_out_while_it_is_typed(nodes: TwoNodes, phone: BrowserContext) -> None:
    page = offline_phone(nodes, phone)
    other = page.locator(FIRST_ROW).nth(9).get_attribute("data-id") or ""
    head = page.locator(FIRST_ROW).nth(9).locator("b").first.inner_text()
    open_form(page, 3)
    while not page.locator(".form-body .member-add:visible").count():
        answer_page(page)
        assert not turn_page(page)
    page.click(".form-body .member-add")
    name = page.locator('.question[data-path$="/full_name"]:visible input')
    name.fill("没有这个人")
    page.wait_for_timeout(1_000)
    assert not page.locator(".alike").count()
    name.fill(head)
    page.wait_for_selector(".alike")
    assert "同名" in page.inner_text(".alike") and f"{head}户" in page.inner_text(".alike")
    page.locator(".alike button").first.click()
    page.wait_for_selector("[data-name=start]")
    assert other in page.url
    page.go_back()
    page.wait_for_selector('.question[data-path$="/full_name"]:visible input')
    assert page.input_value('.question[data-path$="/full_name"]:visible input') == head
