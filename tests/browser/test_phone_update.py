"""I14 in a real browser: a phone of the version before, its outbox full and a form half filled, gets today's app.

Its databases are the recorded ones (tests/vectors/old); a worker of an older build controls the page until the
new one takes over. Nothing is lost, and everything goes up with the token of then.
"""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from werkzeug.serving import make_server

from browser.servers import PHONE, ROOT
from browser.waiting import until
from tests.test_sync_old import EXCHANGE, SIGN_IN, folder_of_then
from tests.test_sync_old import PHONE as OLD_PHONE

PUT_BACK = """async (databases) => {
  const bytes = (value) => JSON.parse(JSON.stringify(value), (_key, one) => (one && typeof one.base64 === 'string'
    ? Uint8Array.from(atob(one.base64), (c) => c.charCodeAt(0)).buffer : one));
  for (const [name, { version, stores }] of Object.entries(databases)) {
    await new Promise((resolve, reject) => {
      const wish = indexedDB.open(name, version);
      wish.onerror = () => reject(wish.error);
      wish.onupgradeneeded = () => {
        for (const [store, { keyPath, autoIncrement, indexes, rows }] of Object.entries(stores)) {
          const made = wish.result.createObjectStore(store, keyPath ? { keyPath, autoIncrement } : { autoIncrement });
          for (const index of indexes) made.createIndex(index.name, index.keyPath, { unique: index.unique });
          for (const row of rows) made.put(bytes(row));
        }
      };
      wish.onsuccess = () => { wish.result.close(); resolve(); };
    });
  }
}"""
ALL = """([name, store]) => new Promise((resolve) => {
  const wish = indexedDB.open(name);
  wish.onsuccess = () => {
    const all = wish.result.transaction(store).objectStore(store).getAll();
    all.onsuccess = () => { wish.result.close(); resolve(all.result); };
  };
})"""
OPS = ("ruhu-outbox", "op")


@pytest.fixture
def static_dir(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "static" / "dist", tmp_path / "static" / "dist")
    for packed in ("sw.js.br", "sw.js.gz"):  # this test writes the worker anew
        (tmp_path / "static" / "dist" / packed).unlink(missing_ok=True)
    return tmp_path / "static"


@pytest.fixture
def url(config: Any) -> Iterator[str]:
    from app import create_app
    from app.node import open_node

    folder_of_then(config.data_dir)
    here = open_node(config)
    server = make_server("127.0.0.1", 0, create_app(config, here), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    here.close()


def test_an_old_phone_is_updated_with_a_full_outbox(browser: Browser, url: str, static_dir: Path) -> None:
    worker = static_dir / "dist" / "sw.js"
    today = worker.read_text("utf-8")
    worker.write_text(re.sub(r"const VERSION = '[^']*'", "const VERSION = 'before'", today), "utf-8")
    context = browser.new_context(**PHONE)
    page = context.new_page()
    page.goto(url + "/trusted.txt")
    page.evaluate(PUT_BACK, {name: OLD_PHONE[name] for name in ("ruhu-data", "ruhu-outbox")})
    page.evaluate("(id) => localStorage.setItem('ruhu-install', id)", OLD_PHONE["marker"])
    context.route("**/sync/v1/**", lambda route: route.abort())  # still in the valley
    page.goto(url + "/")
    page.click("[data-name=pin-later]", timeout=60_000)  # it is led to an unlock code, and may put it off
    page.wait_for_selector(".tabs a", timeout=60_000)
    until(page, "caches.has('ruhu-before')", seconds=60)
    before = page.evaluate(ALL, OPS)
    assert len(before) == 8

    worker.write_text(today, "utf-8")
    page.evaluate("navigator.serviceWorker.getRegistration().then((one) => one.update())")
    until(page, "navigator.serviceWorker.getRegistration().then((one) => Boolean(one.waiting))", seconds=60)
    page.evaluate("location.hash = '#/today'")
    page.click("button:has-text('现在更新')")  # no form is open: it may take over
    page.wait_for_selector("[data-name=update]", state="detached", timeout=60_000)
    page.wait_for_selector(".tabs a", timeout=60_000)
    until(page, "navigator.serviceWorker.getRegistration().then((one) => !one.waiting && one.active?.state === 'activated')",
          seconds=60)
    # What the version before kept stays beside it: a page of then may still be open.
    until(page, "caches.keys().then((names) => names.includes('ruhu-before') && names.length > 1)", seconds=60)
    page.goto(url + "/#/sync")
    page.reload()
    page.wait_for_selector("[data-name=waiting]", timeout=60_000)
    now = page.evaluate(ALL, OPS)
    assert [row["op"] for row in now] == [row["op"] for row in before], "not one op was touched by the update"
    assert "3" in page.inner_text("[data-name=waiting]")

    context.unroute("**/sync/v1/**")
    page.get_by_text("现在同步").click()
    until(page, "document.querySelector('[data-name=waiting]')?.textContent.includes('全部已到中心')", seconds=60)
    drafts = page.evaluate(ALL, ("ruhu-data", "draft"))
    kept = OLD_PHONE["ruhu-data"]["stores"]["draft"]["rows"]
    assert [draft["draft_id"] for draft in drafts] == [row["draft_id"] for row in kept]
    receipts = context.request.get(f"{url}/sync/v1/receipts?install_id={SIGN_IN['install_id']}&after=0",
                                   headers={"Authorization": f"Bearer {SIGN_IN['token']}"}).json()["receipts"]  # fmt: skip
    sent = {op["op_id"]: op["hash"] for op in json.loads(EXCHANGE["unsent"]["body"])["ops"]}
    assert sent.items() <= {one["op_id"]: one["receipt"]["hash"] for one in receipts}.items()
    context.close()
