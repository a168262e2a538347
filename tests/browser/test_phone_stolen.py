"""A copy of the browser's whole profile, taken from a phone after visits: no file of it says anything about anybody."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from leveldb_files import texts_of
from playwright.sync_api import BrowserContext, Page, Playwright

from browser.phone import PIN, sign_in
from browser.servers import CHROMIUM, CHROMIUM_ARGS, PHONE, NodeProcess, make_demo
from browser.test_phone_faults import FIRST_ROW, fill, nobody_home, open_form

ANSWERED, UNFINISHED, SEARCHED = "同去的人叫贺兰栖云", "还没写完慕容听雪", "尉迟寻梅"
CONTROL = "这句话谁都看得见"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    folder = tmp_path_factory.mktemp("stolen")
    make_demo(folder / "data", households=600)
    running = NodeProcess(folder / "data").start()
    yield running
    running.stop()


def opened(playwright: Playwright, profile: Path) -> BrowserContext:
    return playwright.chromium.launch_persistent_context(profile, executable_path=CHROMIUM, args=CHROMIUM_ARGS, **PHONE)


def secrets_of(node: NodeProcess, area: str) -> set[str]:
    """Names, ID and telephone numbers of a village; short ones would be found by chance in any bytes."""
    with sqlite3.connect(f"file:{node.data / 'store.db'}?mode=ro", uri=True) as db:
        people = [json.loads(fields) for (fields,) in db.execute(
            "SELECT fields FROM record WHERE kind IN ('household', 'member') AND area LIKE ?", (f"{area}%",))]
    wanted = ("head_name", "full_name", "id_no", "phone", "helper_name")
    return {one for fields in people for name in wanted if len(one := str(fields.get(name) or "")) >= 3}


def found_in(profile: Path, secrets: set[str]) -> dict[str, list[str]]:
    """Which of them stand where, as UTF-8 or as UTF-16."""
    spelled = [(secret, form) for secret in secrets for form in (secret.encode(), secret.encode("utf-16-le"))]
    found: dict[str, list[str]] = {}
    for path in profile.rglob("*"):
        if not path.is_file():
            continue
        for text in texts_of(path):
            for secret, form in spelled:
                if form in text:
                    found.setdefault(secret, []).append(str(path.relative_to(profile)))
    return found


def type_into(page: Page, name: str, text: str) -> None:
    page.fill(f'.question[data-path$="/{name}"] input', text)


def a_day_of_work(page: Page) -> None:
    nobody_home(page, 0)
    open_form(page, 1)
    type_into(page, "companions", ANSWERED)
    fill(page)
    page.wait_for_selector(".done")
    open_form(page, 2)
    type_into(page, "companions", UNFINISHED)
    page.wait_for_function("() => location.hash.includes('draft_id')")
    page.goto(page.url.split("#")[0] + "#/register")
    page.fill(".search", SEARCHED)
    page.fill(".search", "")
    page.locator("[data-name=found] .row").first.click()
    page.wait_for_selector("[data-name=start]")


def test_a_stolen_profile_says_nothing_about_anybody(playwright: Playwright, node: NodeProcess, tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    context = opened(playwright, profile)
    page = context.new_page()
    sign_in(page, node.url)
    page.wait_for_selector(FIRST_ROW, timeout=30_000)
    name, area = page.evaluate("""() => new Promise((done) => { indexedDB.open('ruhu-data').onsuccess = ({ target }) => {
      target.result.transaction('meta').objectStore('meta').get('installs').onsuccess = (got) => {
        const { user } = got.target.result.value[0];
        done([user.name, user.grants[0].area]);
      };
    }; })""")
    a_day_of_work(page)
    # What a search must find: else it would prove nothing.
    page.evaluate("""(said) => new Promise((done) => {
      const ask = indexedDB.open('control', 1);
      ask.onupgradeneeded = () => ask.result.createObjectStore('said');
      ask.onsuccess = () => {
        const tx = ask.result.transaction('said', 'readwrite', { durability: 'strict' });
        tx.objectStore('said').put(said, 1);
        tx.oncomplete = done;
      };
    })""", CONTROL)
    context.close()

    secrets = secrets_of(node, area) - {name}
    assert len(secrets) > 300 and CONTROL in found_in(profile, {CONTROL})
    assert found_in(profile, secrets | {ANSWERED, UNFINISHED, SEARCHED, PIN}) == {}
    # The same profile with the code: everything is there.
    context = opened(playwright, shutil.copytree(profile, tmp_path / "copy"))
    page = context.new_page()
    page.goto(node.url + "/")
    page.wait_for_selector("[data-name=pin-pad]")
    assert page.locator(".row, .drafts li").count() == 0 and ANSWERED not in page.content()
    for digit in PIN:
        page.click(f'[data-digit="{digit}"]')
    page.wait_for_selector(FIRST_ROW)
    page.locator(".draft-open").first.click()
    page.wait_for_selector(".form-foot")
    assert page.input_value('.question[data-path$="/companions"] input') == UNFINISHED
    context.close()
