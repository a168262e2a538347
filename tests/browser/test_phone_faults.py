"""What may happen to a phone: each fault in a real Chromium, and what the person is told.

1. The browser killed right after "finished": the visit is there.
2. The browser's storage thrown away: the alarm, with the last counts; the sign-in names the lost install.
3. The register's database broken or held by an old page: finished work is told of, and goes out.
4. A full phone, a closed database: "not saved" blocks, nothing typed is lost, it goes on when there is room.
5. Two windows on one draft: one writes, the other may take over.
6. A new version of the app waits for the form in any window; an altered file is never kept.
7. No strange answer, lost reply or flapping line makes a tick too many or an effect too many.
8. May this phone be emptied: no, until all is safe; afterwards, and after signing out, nothing of anybody is left to see.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, Playwright, Request, Route, expect
from proxy import FaultyProxy

from browser.phone import ROWS, knows_the_pin, sign_in
from browser.servers import CHROMIUM, CHROMIUM_ARGS, PATIENCE_MS, PHONE, ROOT, NodeProcess, make_demo
from browser.test_one_visit import answer_page, turn_page
from browser.waiting import until

FIRST_ROW = "[data-name=due] .row"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    folder = tmp_path_factory.mktemp("phone-faults")
    make_demo(folder / "data", households=240)
    running = NodeProcess(folder / "data").start()
    yield running
    running.stop()


@pytest.fixture()
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(**PHONE, timezone_id="Asia/Shanghai")
    opened.set_default_timeout(PATIENCE_MS)
    yield opened
    opened.close()


@pytest.fixture()
def page(context: BrowserContext, node: NodeProcess) -> Page:
    return signed_in(context.new_page(), node)


def signed_in(page: Page, node: NodeProcess) -> Page:
    """At the first screen, the register here, the app able to start without network."""
    sign_in(page, node.url)
    page.wait_for_selector(FIRST_ROW, timeout=30_000)
    page.wait_for_function("() => navigator.serviceWorker.controller !== null", timeout=30_000)
    return page


def rows(page: Page, database: str, store: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate(ROWS, [database, store])
    return found


def nobody_home(page: Page, nth: int) -> None:
    """One piece of finished work, by two taps."""
    page.goto(page.url.split("#")[0] + "#/today")
    page.locator(FIRST_ROW).nth(nth).click()
    page.click("summary:has-text('没见到人')")
    page.click("button:has-text('无人在家')")
    page.wait_for_selector("text=已记下")


def open_form(page: Page, nth: int) -> None:
    page.goto(page.url.split("#")[0] + "#/today")
    page.locator(FIRST_ROW).nth(nth).click()
    page.click("[data-name=start]")
    page.wait_for_selector(".form-foot")


def fill(page: Page) -> None:
    """From the open form to the page that says it is done."""
    for _ in range(12):
        answer_page(page)
        if turn_page(page):
            return
    raise AssertionError("the form did not come to its end")


def test_killed_right_after_finished_the_visit_is_there(playwright: Playwright, node: NodeProcess, tmp_path: Path) -> None:
    context = playwright.chromium.launch_persistent_context(
        tmp_path, executable_path=CHROMIUM, args=CHROMIUM_ARGS, **PHONE
    )
    page = signed_in(context.new_page(), node)
    context.set_offline(True)
    open_form(page, 2)
    fill(page)
    page.wait_for_selector(".done")
    kill_browser(tmp_path)
    with contextlib.suppress(Error):  # playwright may have noticed first
        context.close()

    context = playwright.chromium.launch_persistent_context(
        tmp_path, executable_path=CHROMIUM, args=CHROMIUM_ARGS, **PHONE
    )
    try:
        knows_the_pin(context)
        context.set_offline(True)
        page = context.new_page()
        page.goto(node.url + "/#/sync")
        page.wait_for_selector('.work[data-state="queued"]')
        ops = rows(page, "ruhu-outbox", "op")
        assert [op["dseq"] for op in sorted(ops, key=lambda op: op["dseq"])] == list(range(1, len(ops) + 1))
        assert ops[0]["submission"] and rows(page, "ruhu-data", "draft") == []
    finally:
        context.close()


def kill_browser(profile: Path) -> None:
    """SIGKILL to every process of the browser with that profile: nothing of it can run any more."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if f"--user-data-dir={profile}".encode() in command.split(b"\0"):
            os.kill(int(folder.name), signal.SIGKILL)


def test_thrown_away_storage_raises_the_alarm(page: Page, context: BrowserContext, node: NodeProcess) -> None:
    context.set_offline(True)
    nobody_home(page, 0)
    nobody_home(page, 1)
    until(page, "() => JSON.parse(localStorage['ruhu-open'] ?? '{}').open === 2")
    lost = page.evaluate("() => localStorage['ruhu-install']")
    throw_away(page, context, node)

    page.goto(node.url + "/")
    page.wait_for_selector("[data-name=lost]")
    told = page.inner_text("[data-name=lost]")
    assert "2 份走访没有到中心" in told and "添加到主屏幕" in told
    expect(page.locator(".badge")).to_have_count(0)  # nothing left to count is not "all at the centre"
    page.click("button:has-text('重新登录')")
    with page.expect_request("**/api/sign-in") as asked:
        page.fill("input[name=username]", "qingshui")
        page.fill("input[name=password]", "ruhu-demo")
        page.click("button[type=submit]")
    assert (asked.value.post_data_buffer or b"")[:1] == b"{"
    assert json.loads(asked.value.post_data_buffer or b"{}")["lost_install"] == lost
    page.wait_for_selector(FIRST_ROW)
    assert page.evaluate("() => localStorage['ruhu-install']") != lost
    # The office knows how far that install had counted when it last spoke, and what came.
    with sqlite3.connect(f"file:{node.data / 'store.db'}?mode=ro", uri=True) as db:
        assert db.execute("SELECT count(*) FROM op WHERE install_id = ?", (lost,)).fetchone() == (0,)


NO_MORE_SYNC = """() => new Promise((held) => {
  navigator.locks.request('ruhu-sync', () => { held(); return new Promise(() => {}); });
})"""


def throw_away(page: Page, context: BrowserContext, node: NodeProcess) -> None:
    """As a browser short of space does: the databases and the caches go, localStorage stays."""
    # The emulated lack of network may end a moment before the page does: it must not send then what is to be lost.
    page.evaluate(NO_MORE_SYNC)
    page.goto("about:blank")
    context.set_offline(False)
    session = context.new_cdp_session(page)
    session.send("Storage.clearDataForOrigin", {"origin": node.url, "storageTypes": "indexeddb,cache_storage"})


OTHERWISE = {
    "refused": "throw new DOMException('', 'SecurityError');",
    # A request that never ends: another window holds the database.
    "held": "const asked = open('ruhu-held'); asked.addEventListener = () => {}; return asked;",
}


@pytest.mark.parametrize("how", ["broken", *OTHERWISE])
def test_finished_work_goes_out_while_the_register_cannot_be_opened(
    page: Page, context: BrowserContext, node: NodeProcess, how: str
) -> None:
    context.set_offline(True)
    nobody_home(page, 3)
    page.goto("about:blank")
    context.set_offline(False)
    if how == "broken":
        # Of a version this program does not know: an update that was taken back, or a damaged file.
        page.goto(node.url + "/robots.txt")
        page.evaluate("""() => new Promise((done) => {
          indexedDB.open('ruhu-data', 99).onsuccess = (event) => { event.target.result.close(); done(); };
        })""")
    else:
        page.add_init_script("""(() => {
          const open = indexedDB.open.bind(indexedDB);
          IDBFactory.prototype.open = function (name, version) {
            if (name === 'ruhu-data') { ITS_ANSWER }
            return open(name, version);
          };
        })()""".replace("ITS_ANSWER", OTHERWISE[how]))
    page.goto(node.url + "/")
    page.wait_for_selector("[data-name=rescue]", timeout=20_000)
    assert "请不要清除浏览器数据" in page.inner_text("[data-name=rescue]")
    page.wait_for_function("() => document.querySelector('[data-name=waiting]').innerText.includes('全部已到中心')")


def test_the_counts_outside_the_databases_say_nothing_about_people(page: Page) -> None:
    nobody_home(page, 0)
    kept = page.evaluate("() => Object.entries(localStorage)")
    assert {name for name, _ in kept} <= {"ruhu-install", "ruhu-open", "ruhu-lang", "ruhu-large"}
    assert not any(character >= "\u4e00" for _, value in kept for character in value)


# --- not saved ---------------------------------------------------------------------------------------------


FILL = """async (size) => {
  const db = await new Promise((done, fail) => {
    const ask = indexedDB.open('filler', 1);
    ask.onupgradeneeded = () => ask.result.createObjectStore('s', { autoIncrement: true });
    ask.onsuccess = () => done(ask.result); ask.onerror = () => fail(ask.error);
  });
  for (; size >= 256; size /= 2) {
    for (let fits = true; fits;) {
      fits = await new Promise((done) => {
        const bytes = new Uint8Array(size);
        for (let at = 0; at < size; at += 65536) crypto.getRandomValues(bytes.subarray(at, at + 65536));
        const tx = db.transaction('s', 'readwrite', { durability: 'strict' });
        tx.objectStore('s').add(bytes);
        tx.oncomplete = () => done(true);
        tx.onabort = () => done(false);
      });
    }
  }
  db.close();
}"""


def room(context: BrowserContext, page: Page, node: NodeProcess, size: int) -> None:
    context.new_cdp_session(page).send("Storage.overrideQuotaForOrigin", {"origin": node.url, "quotaSize": size})


@pytest.fixture()
def small(context: BrowserContext, node: NodeProcess) -> Page:
    """A phone with 25 MB for us. Set before anything is written: a browser remembers for a while how much room there was."""
    page = context.new_page()
    page.goto(node.url + "/robots.txt")
    room(context, page, node, 25_000_000)
    return signed_in(page, node)


def text_question(page: Page) -> Any:
    """The last page's remark, where anything may be typed."""
    if not page.locator('.question[data-path$="/remark"]:visible').count():
        page.click(".form-unfold")
        page.locator(".form-jumps button").last.click()
    question = page.locator('.question[data-path$="/remark"]')
    question.wait_for()
    return question.locator("textarea, input").first


def nothing_to_write(page: Page) -> None:
    """Until the form has written all it will write by itself; where the finger went is written a second later."""
    page.evaluate("() => new Promise((done) => { setTimeout(done, 1_100); })")  # the page's timers come in their order
    page.wait_for_selector(".form-saved:not([data-kind=saving])", state="attached")


def long_text(words: str) -> str:
    """Some 20 KB that no packing makes small."""
    return words + "".join(random.Random(1).choices([chr(0x4E00 + n) for n in range(20_000)], k=8_000))


def test_a_full_phone_blocks_and_goes_on_without_loss(small: Page, context: BrowserContext, node: NodeProcess) -> None:
    page = small
    open_form(page, 4)
    remark = text_question(page)
    remark.fill("满之前")
    until(page, f"async () => JSON.stringify(await ({ROWS})(['ruhu-data', 'draft'])).includes('满之前')")
    context.set_offline(True)
    nothing_to_write(page)
    page.evaluate(FILL, 4 << 20)
    remark.fill(long_text("满的时候写的"))
    page.wait_for_selector(".form-wall h2:has-text('没有保存')")
    assert "手机存储已满" in page.inner_text(".form-wall-why")
    assert page.evaluate("() => document.querySelector('.form-screen').inert")
    assert "没有保存" in page.evaluate("() => document.querySelector('.form-saved').textContent")
    assert "满的时候" not in json.dumps(rows(page, "ruhu-data", "draft"), ensure_ascii=False)
    # Neither the back key nor another address leads away from what is not saved.
    page.go_back()
    page.evaluate("() => { location.hash = '#/register'; }")
    page.wait_for_timeout(500)
    assert page.locator(".form-wall:visible").count() == 1 and "form" in page.url
    page.click(".form-room")
    page.wait_for_selector(".form-wall-room:has-text('理')")
    assert page.locator(".form-wall:visible").count() == 1
    room(context, page, node, 250_000_000)
    # The phone tries by itself as well, and may have been quicker than the finger.
    page.evaluate("() => document.querySelector('.form-wall .form-next')?.click()")
    page.wait_for_selector(".form-wall", state="hidden")
    assert remark.input_value() == long_text("满的时候写的")
    until(page, f"async () => JSON.stringify(await ({ROWS})(['ruhu-data', 'draft'])).includes('满的时候写的')")


def test_room_again_is_noticed_without_a_tap(small: Page, context: BrowserContext, node: NodeProcess) -> None:
    page = small
    context.set_offline(True)
    open_form(page, 4)
    remark = text_question(page)
    nothing_to_write(page)
    page.evaluate(FILL, 4 << 20)
    remark.fill(long_text("自己恢复"))
    page.wait_for_selector(".form-wall:visible")
    room(context, page, node, 250_000_000)
    page.wait_for_selector(".form-wall", state="hidden", timeout=9_000)
    until(page, f"async () => JSON.stringify(await ({ROWS})(['ruhu-data', 'draft'])).includes('自己恢复')")


def test_a_full_phone_at_the_last_tap_keeps_the_draft_and_finishes_after(
    page: Page, context: BrowserContext, node: NodeProcess
) -> None:
    context.set_offline(True)
    open_form(page, 5)
    page.evaluate("""() => {
      const add = IDBObjectStore.prototype.add;
      window.room = () => { IDBObjectStore.prototype.add = add; };
      IDBObjectStore.prototype.add = function (...row) {
        if (this.name === 'op') throw new DOMException('full', 'QuotaExceededError');
        return add.apply(this, row);
      };
    }""")
    fill(page)
    page.wait_for_selector(".form-wall:visible")
    assert page.locator(".done").count() == 0 and rows(page, "ruhu-outbox", "op") == []
    assert len(rows(page, "ruhu-data", "draft")) == 1
    page.evaluate("() => window.room()")
    page.click("button:has-text('重试保存')")
    page.wait_for_selector(".done")
    assert page.locator(".form-wall:visible").count() == 0
    assert len({op["submission"] for op in rows(page, "ruhu-outbox", "op")}) == 1


def test_a_full_phone_is_told_outside_forms_too(page: Page, context: BrowserContext, node: NodeProcess) -> None:
    context.set_offline(True)
    page.locator(FIRST_ROW).nth(6).click()
    page.click("summary:has-text('没见到人')")
    page.evaluate("""() => {
      IDBObjectStore.prototype.add = () => { throw new DOMException('full', 'QuotaExceededError'); };
    }""")
    page.click("button:has-text('无人在家')")
    page.wait_for_selector(".form-wall:visible:has-text('请再做一次')")
    assert page.locator("text=已记下").count() == 0
    page.click("button:has-text('知道了,再做一次')")
    page.wait_for_selector("[data-name=start]")
    assert page.locator(".form-wall").count() == 0


@pytest.mark.parametrize("how", ["once", "for good"])
def test_a_database_closed_under_us(page: Page, context: BrowserContext, how: str) -> None:
    page.add_init_script("""(() => {
      const opened = [];
      addEventListener('success', () => {}, true);
      const open = IDBFactory.prototype.open;
      IDBFactory.prototype.open = function (...what) {
        const ask = open.apply(this, what);
        ask.addEventListener('success', () => { opened.push(ask.result); if (window.shut) ask.result.close(); });
        return ask;
      };
      window.closeAll = () => opened.splice(0).forEach((db) => db.close());
    })()""")
    page.reload()
    open_form(page, 7)
    remark = text_question(page)
    page.evaluate("how => { window.shut = how === 'for good'; window.closeAll(); }", how)
    remark.fill("数据库被关掉之后")
    if how == "for good":
        page.wait_for_selector(".form-wall:visible")
        assert "手机关闭了本应用的存储" in page.inner_text(".form-wall-why")
        page.evaluate("() => { window.shut = false; }")
        page.click("button:has-text('重试保存')")
    until(page, f"async () => JSON.stringify(await ({ROWS})(['ruhu-data', 'draft'])).includes('数据库被关掉之后')")
    page.wait_for_selector(".form-wall", state="hidden")


def test_two_windows_one_draft(page: Page, context: BrowserContext, node: NodeProcess) -> None:
    open_form(page, 8)
    remark = text_question(page)
    remark.fill("甲窗口")
    page.wait_for_url("**draft_id=*")
    other = context.new_page()
    other.goto(page.url)
    other.wait_for_selector(".form-notes:has-text('正在另一个窗口里填写')")
    remark.fill("甲窗口最后一笔")
    other.click("[data-name=take-over]")
    page.wait_for_selector(".form-notes:has-text('正在另一个窗口里填写')")
    other.wait_for_selector(".form-notes:not(:has-text('正在另一个窗口里填写'))", state="attached")
    theirs = other.locator('.question[data-path$="/remark"]').locator("textarea, input").first
    theirs.wait_for()
    assert theirs.input_value() == "甲窗口最后一笔"
    theirs.fill("乙窗口接着写")
    until(other, f"async () => JSON.stringify(await ({ROWS})(['ruhu-data', 'draft'])).includes('乙窗口接着写')")
    # A window that the phone has frozen cannot answer: the right is taken from it, and it may not write.
    other.evaluate("() => { BroadcastChannel.prototype.addEventListener = () => {}; }")
    frozen = context.new_cdp_session(other)
    frozen.send("Page.setWebLifecycleState", {"state": "frozen"})
    page.click("[data-name=take-over]")
    page.wait_for_selector(".form-notes:not(:has-text('正在另一个窗口里填写'))", state="attached", timeout=10_000)
    mine = page.locator('.question[data-path$="/remark"]').locator("textarea, input").first
    mine.wait_for()
    assert mine.input_value() == "乙窗口接着写" and mine.is_editable()
    other.close()


# --- the app's own new versions ----------------------------------------------------------------------------


class DeployedNode(NodeProcess):
    """A node of a copy of the program, whose built files can be replaced under it."""

    def __init__(self, data: Path, program: Path) -> None:
        shutil.copytree(ROOT / "app", program / "app", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / "static", program / "static", ignore=shutil.ignore_patterns("js"))
        (program / "forms").symlink_to(ROOT / "forms")
        self.dist = program / "static" / "dist"
        super().__init__(data, env={"PYTHONPATH": f"{program}{os.pathsep}{ROOT}"})

    def command(self) -> list[str]:
        return [sys.executable, "-P", *super().command()[1:]]


@pytest.fixture()
def deployable(tmp_path: Path) -> Iterator[DeployedNode]:
    make_demo(tmp_path / "data", households=240)
    running = DeployedNode(tmp_path / "data", tmp_path / "program")
    running.start()
    yield running
    running.stop()


def deploy(node: DeployedNode, version: str, change: Callable[[str], str] = str) -> None:
    """A worker of another version over the same files."""
    worker = node.dist / "sw.js"
    text = re.sub(r"VERSION = '\w{10}'", f"VERSION = '{version}'", change(worker.read_text("utf-8")), count=1)
    assert version in text
    worker.write_text(text, "utf-8")
    for twin in (".br", ".gz"):
        worker.with_name(worker.name + twin).unlink(missing_ok=True)


def waiting_worker(page: Page) -> None:
    page.evaluate("async () => { await (await navigator.serviceWorker.getRegistration()).update(); }")
    until(page, "async () => Boolean((await navigator.serviceWorker.getRegistration()).waiting)")


ASKED_AGAIN = """() => {
  const card = document.querySelector('[data-name=update]');
  if (card && !card.innerText.includes('正在换成新版本')) card.querySelector('button').click();
  return !card || card.innerText.includes('正在换成新版本');
}"""


def taken_over(page: Page, other: Page, node: NodeProcess) -> None:
    """The browser may keep an old worker for minutes, one that is driven above all: then what the page says to do is done."""
    try:
        page.wait_for_selector("[data-name=update]", state="detached", timeout=15_000)
    except Error:
        assert "关掉本应用的所有窗口" in page.inner_text("[data-name=update]")
        other.close()
        page.goto("about:blank")
        page.goto(node.url + "/#/today")


def caches_of(page: Page) -> list[str]:
    names: list[str] = page.evaluate("() => caches.keys()")
    return names


def test_a_new_version_waits_for_the_form_in_any_window(context: BrowserContext, deployable: DeployedNode) -> None:
    page = signed_in(context.new_page(), deployable)
    [old] = caches_of(page)
    form = context.new_page()
    form.goto(deployable.url + "/#/today")
    open_form(form, 3)
    form.evaluate("() => { window.mark = 1; }")
    deploy(deployable, "aaaaaaaaaa")
    page.goto(deployable.url + "/#/today")
    waiting_worker(page)
    page.wait_for_selector("[data-name=update]")
    page.click("button:has-text('现在更新')")
    page.wait_for_selector("[data-name=update]:has-text('有一份表单正开着')")
    assert page.evaluate("async () => Boolean((await navigator.serviceWorker.getRegistration()).waiting)")
    # The new version lies whole beside the old one meanwhile.
    assert sorted(caches_of(page)) == sorted([old, "ruhu-aaaaaaaaaa"])
    fill(form)
    form.wait_for_selector(".done")
    assert form.evaluate("() => window.mark") == 1
    form.goto(deployable.url + "/#/today")
    page.wait_for_function(ASKED_AGAIN, polling=300)  # the other window lets its form go a moment after it left it
    taken_over(page, form, deployable)
    page.wait_for_selector(FIRST_ROW)
    until(page, "async () => !(await navigator.serviceWorker.getRegistration()).waiting")
    assert old in caches_of(page), "open pages may still run the old one"
    assert form.is_closed() or form.evaluate("() => window.mark") == 1
    assert len(rows(page, "ruhu-outbox", "op")) > 0


def test_an_altered_file_is_never_kept(context: BrowserContext, deployable: DeployedNode) -> None:
    page = signed_in(context.new_page(), deployable)
    [old] = caches_of(page)
    # Another version with one more file, and something on the way that answers with a script of its own.
    added = "/static/dist/new-AAAA1111.js"
    (deployable.dist / "new-AAAA1111.js").write_text("alert('not ours')", "utf-8")
    wrong = "sha256-" + "A" * 43 + "="
    deploy(deployable, "cccccccccc", lambda text: text.replace("CORE = [", f'CORE = ["{added}",').replace(
        "JSON.parse('{", f"JSON.parse('{{\"{added}\":\"{wrong}\","))  # fmt: skip
    page.evaluate("async () => { await (await navigator.serviceWorker.getRegistration()).update().catch(() => {}); }")
    page.wait_for_timeout(2000)
    assert caches_of(page) == [old]
    context.set_offline(True)
    page.reload()
    page.wait_for_selector(FIRST_ROW)


# --- the network says something else -----------------------------------------------------------------------

STRANGE = {
    "captive portal": {"status": 200, "content_type": "text/html", "body": "<html>请登录 Wi-Fi</html>"},
    "redirect to sign in": {"status": 302, "headers": {"Location": "/office/sign-in"}, "body": ""},
    "a receipt for something else": {"status": 200, "content_type": "application/json", "body": '{"ok": true}'},
    "gateway": {"status": 502, "content_type": "text/html", "body": "<html>Bad Gateway</html>"},
    "stopped device": {"status": 401, "content_type": "application/json",
                       "body": '{"error": {"code": "device_revoked", "message": "x", "next": "y"}}'},
}  # fmt: skip
TOLD = {
    "captive portal": "这个 Wi-Fi 要先登录", "redirect to sign in": "这个 Wi-Fi 要先登录",
    "a receipt for something else": "换了一台服务器", "gateway": "服务器出错了", "stopped device": "这台手机已被停用",
}  # fmt: skip


@pytest.mark.parametrize("what", STRANGE)
def test_no_strange_answer_is_taken_for_a_receipt(page: Page, context: BrowserContext, node: NodeProcess, what: str) -> None:
    context.set_offline(True)
    nobody_home(page, 9)
    followed: list[str] = []
    page.on("request", lambda request: followed.append(request.url))
    page.route("**/sync/v1/**", lambda route: route.fulfill(**STRANGE[what]))
    context.set_offline(False)
    page.goto(node.url + "/#/sync")
    page.click("[data-name=now] button")
    page.wait_for_selector(f"[data-name=now] .error:has-text('{TOLD[what]}')")
    assert page.locator('.work[data-state="queued"]').count() == 1
    [op] = rows(page, "ruhu-outbox", "op")
    assert op["offer"] == op["unconfirmed"] == 1 and "receipt1" not in op
    assert not any("/office/sign-in" in url for url in followed)


def test_a_lost_reply_makes_one_effect(page: Page, node: NodeProcess) -> None:
    lost: list[str] = []

    def lose(route: Route) -> None:
        if lost:
            return route.continue_()
        lost.append(route.fetch().text())
        return route.abort("connectionreset")

    page.route("**/sync/v1/push", lose)
    nobody_home(page, 10)
    page.goto(node.url + "/#/sync")
    page.click("button:has-text('现在同步')")
    page.wait_for_function("() => document.querySelector('[data-name=now] .error')?.innerText.includes('连不上')")
    page.wait_for_selector('.work[data-state="queued"]')
    page.click("button:has-text('现在同步')")
    page.wait_for_selector('.work[data-state="confirmed"]')
    assert '"applied"' in lost[0]
    [op] = rows(page, "ruhu-outbox", "op")
    with sqlite3.connect(f"file:{node.data / 'store.db'}?mode=ro", uri=True) as db:
        assert db.execute("SELECT count(*) FROM op WHERE install_id = ?", (op["install_id"],)).fetchone() == (1,)


@pytest.mark.parametrize("toxic", ["resets", "lost_answers"])
def test_a_flapping_network_brings_everything_up_once(context: BrowserContext, node: NodeProcess, toxic: str) -> None:
    page = signed_in(context.new_page(), node)
    context.set_offline(True)
    for nth in range(6):
        nobody_home(page, nth)
    install = rows(page, "ruhu-outbox", "op")[0]["install_id"]
    with FaultyProxy(node.port, toxic, seed=7) as line:
        page.route("**/sync/v1/**", lambda route: through(route, node.port, line.port))
        context.set_offline(False)
        page.goto(node.url + "/#/sync")
        for _ in range(40):
            page.click("[data-name=now] button", timeout=15_000)
            page.wait_for_timeout(400)
            if "全部已到中心" in page.inner_text("[data-name=waiting]"):
                break
        assert line.harmed > 0
    assert "全部已到中心" in page.inner_text("[data-name=waiting]")
    with sqlite3.connect(f"file:{node.data / 'store.db'}?mode=ro", uri=True) as db:
        found = [dseq for (dseq,) in db.execute("SELECT dseq FROM op WHERE install_id = ? ORDER BY dseq", (install,))]
    assert found == list(range(1, 7))


def through(route: Route, port: int, other: int) -> None:
    """By way of the bad line; what breaks there breaks for the page."""
    try:
        route.fulfill(response=route.fetch(url=route.request.url.replace(f":{port}/", f":{other}/"), timeout=10_000))
    except Error:
        route.abort("connectionreset")


# --- may it be emptied; what is left afterwards ------------------------------------------------------------


def test_the_verdict_says_no_until_all_is_safe_and_emptying_leaves_nothing(
    page: Page, context: BrowserContext, node: NodeProcess
) -> None:
    context.set_offline(True)
    nobody_home(page, 11)
    open_form(page, 12)
    text_question(page).fill("没写完")
    page.wait_for_url("**draft_id=*")
    page.goto(node.url + "/#/sync")
    page.click("[data-name=clear]")
    page.wait_for_selector("[data-name=verdict][data-safe=false]")
    assert {one.get_attribute("data-lack") for one in page.locator("[data-lack]").all()} == {"unconfirmed", "drafts"}
    assert page.locator("[data-name=empty]").count() == 0
    page.click("summary:has-text('仍要清空')")
    page.fill("details input", "丢弃1份")
    assert page.locator("[data-name=discard]").is_disabled()

    context.set_offline(False)
    page.goto(node.url + "/#/today")
    # What the sync brings paints the screen anew, and with it a question that was just asked.
    page.wait_for_function("() => !document.querySelector('.badge')?.classList.contains('waiting')", timeout=30_000)
    page.wait_for_timeout(1_000)
    page.click(".draft-delete")
    page.click(".draft-delete:has-text('确定')")
    page.goto(node.url + "/#/clear")
    page.click("button:has-text('现在同步')")
    page.wait_for_selector("[data-name=verdict][data-safe=true]", timeout=30_000)
    # What the sync brings may paint the page anew between the two taps.
    page.evaluate("() => { for (let tap = 0; tap < 2; tap++) document.querySelector('[data-name=empty]').click(); }")
    page.wait_for_selector("input[name=username]", timeout=20_000)
    assert page.locator("[data-name=lost]").count() == 0
    # A sync under way when the phone was emptied may still write a line about itself, which names nobody.
    assert [row for row in rows_everywhere(page) if not {"ok", "text", "next"} <= set(row)] == []


def test_after_signing_out_the_back_key_and_the_caches_show_nobody(page: Page, context: BrowserContext, node: NodeProcess) -> None:
    row = page.locator(FIRST_ROW).first
    name = row.locator("b").inner_text()
    row.click()
    page.wait_for_selector("[data-name=start]")
    assert name in page.inner_text("body")
    page.goto(node.url + "/#/settings")
    page.click("button:has-text('退出登录')")
    page.wait_for_selector("input[name=username]")
    for _ in range(3):
        page.go_back()
        page.wait_for_timeout(500)
        assert name not in page.inner_text("body")
    kept: list[str] = page.evaluate("""async () => {
      const texts = [];
      for (const name of await caches.keys()) {
        const cache = await caches.open(name);
        for (const request of await cache.keys()) texts.push(request.url + ' ' + await (await cache.match(request)).text());
      }
      return texts;
    }""")
    assert len(kept) > 20
    assert all("/static/dist/" in text.split(" ", 1)[0] for text in kept)
    assert not any(name in text or "qingshui" in text for text in kept)


def rows_everywhere(page: Page) -> list[Any]:
    """Every record, draft and op in any database of ours."""
    found: list[Any] = page.evaluate("""async () => {
      const rows = [];
      for (const { name } of await indexedDB.databases()) {
        const db = await new Promise((done) => { indexedDB.open(name).onsuccess = (event) => done(event.target.result); });
        for (const store of db.objectStoreNames) {
          rows.push(...await new Promise((done) => {
            db.transaction(store).objectStore(store).getAll().onsuccess = (event) => done(event.target.result);
          }));
        }
        db.close();
      }
      return rows;
    }""")
    return found


def test_a_fresh_phone_says_that_nothing_is_promised(page: Page, node: NodeProcess) -> None:
    with page.expect_request("**/sync/v1/hello") as asked:
        page.goto(node.url + "/#/sync")
        page.click("button:has-text('现在同步')")
    told = json.loads(gunzip(asked.value))["storage"]
    assert told["persisted"] is False and told["quota"] > told["usage"] > 0
    page.wait_for_selector("[data-name=persisted][data-persisted=false]:has-text('添加到主屏幕')")


def gunzip(request: Request) -> bytes:
    body = request.post_data_buffer or b""
    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
