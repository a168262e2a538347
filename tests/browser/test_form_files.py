"""A form's pictures and sounds on the phone: they come with the form, are there offline after a reload, and go with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from test_form_files import FILES, workbook

from app.formfiles import gathered
from app.publish import Doer, publish_form
from browser.phone import sign_in
from browser.servers import PATIENCE_MS, PHONE, NodeProcess, make_demo
from browser.waiting import until
from forms.compile import compile_form
from sync.store.sqlite import SqliteStore

SEEN = """(images) => images.map((one) => one.naturalWidth)"""
PLAYS = """(one) => {
  one.load();
  return new Promise((go) => { one.onloadedmetadata = () => go(one.duration); one.onerror = () => go(-1); });
}"""
KEPT = """async () => {
  const db = await new Promise((done) => { const ask = indexedDB.open('ruhu-data'); ask.onsuccess = () => done(ask.result); });
  const count = await new Promise((done) => {
    const ask = db.transaction('form_file').objectStore('form_file').count(); ask.onsuccess = () => done(ask.result);
  });
  db.close();
  return count;
}"""


def publish(data: Path, version: str, count: int = 3) -> None:
    form = compile_form(workbook(version), "a.xlsx", [])
    found = gathered(form.definition, dict(FILES[:count]))
    store = SqliteStore(data)
    assert publish_form(store, form, Doer("", "000000000000", datetime.now(UTC)), files=found.files) is None
    store.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    make_demo(tmp_path / "data", households=60)
    publish(tmp_path / "data", "1")
    return tmp_path / "data"


@pytest.fixture
def node(data: Path) -> Iterator[NodeProcess]:
    running = NodeProcess(data).start()
    yield running
    running.stop()


def shown(page: Page) -> None:
    page.wait_for_selector(".choice img")
    until(page, f"() => ({SEEN})([...document.querySelectorAll('.question img')]).join() === '320,320,320'")


def test_pictures_and_sounds_are_there_offline(browser: Browser, node: NodeProcess, data: Path, tmp_path: Path) -> None:
    context = browser.new_context(**PHONE)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    sign_in(page, node.url)
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    until(page, f"async () => await ({KEPT})() === 3")

    # The shell's modules of the form screen come once; the files must come from the phone's own store.
    page.goto(f"{node.url}/#/form?form_id=source")
    shown(page)
    context.set_offline(True)
    page.reload()
    shown(page)
    assert page.eval_on_selector_all(".question img", "(all) => all.every((one) => one.src.startsWith('blob:'))")
    assert page.eval_on_selector(".question audio", PLAYS) > 0.2
    page.screenshot(path=str(tmp_path / "offline.png"))

    # The next version has no sound: the phone lets go of it.
    node.stop()
    publish(data, "2", 2)
    node.start()
    context.set_offline(False)
    page.goto(f"{node.url}/#/sync")
    page.click("text=现在同步")
    until(page, f"async () => await ({KEPT})() === 2")
    context.close()
