"""A phone that was weeks without network: how long the sync page and today take to open with many unsent visits.

    python3 run.py bench unsent

One visit is filled by hand; its rows are repeated under new numbers. CPU ÷6. The clock runs
from the tap on the tab, or from the start of the app, until the page shows its first line.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from browser.phone import phone_on_disk
from browser.servers import NodeProcess, make_demo
from browser.test_phone_faults import FIRST_ROW, fill, open_form, signed_in
from playwright.sync_api import Page, sync_playwright

SLOWDOWN = 6
REPEAT = """async (visits) => {
  const db = await new Promise((done) => { indexedDB.open('ruhu-outbox').onsuccess = (event) => done(event.target.result); });
  const all = (store) => new Promise((done) => {
    db.transaction(store).objectStore(store).getAll().onsuccess = (event) => done(event.target.result);
  });
  const [coder, decoder] = [new TextEncoder(), new TextDecoder()];
  const how = (iv, about) => ({ name: 'AES-GCM', iv, additionalData: coder.encode(about) });
  const open = async ({ iv, box }, about) => {
    for (const key of window.usedKeys) {
      const bytes = await crypto.subtle.decrypt(how(iv, about), key, box).catch(() => null);
      if (bytes) return { key, bytes };
    }
    throw new Error(`nobody opens ${about}`);
  };
  const close = async (key, bytes, about) => {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    return { iv, box: await crypto.subtle.encrypt(how(iv, about), key, bytes) };
  };
  const rows = await all('op');
  const plain = [];
  for (const row of rows) plain.push(JSON.parse(decoder.decode((await open(row.box, `op|${row.op_id}`)).bytes)));
  const person = (await open(rows[0].key.mine, `work|${rows[0].key.work}`)).key;
  const counter = (await all('counter')).find(({ key }) => key === `dseq:${rows[0].install_id}`);
  let dseq = counter.value;
  const made = [];
  for (let n = 1; n < visits; n++) {
    const work = crypto.randomUUID();
    const raw = crypto.getRandomValues(new Uint8Array(32));
    const own = await crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt']);
    const key = { ...rows[0].key, work, mine: await close(person, raw, `work|${work}`) };
    for (const [at, row] of rows.entries()) {
      const op = { ...plain[at], op_id: crypto.randomUUID(), dseq: ++dseq, submission: work, blobs: [] };
      const box = await close(own, coder.encode(JSON.stringify(op)), `op|${op.op_id}`);
      made.push({ ...row, op_id: op.op_id, dseq, submission: work, key, box, about: { ...row.about, blobs: [] } });
    }
  }
  const tx = db.transaction(['op', 'counter'], 'readwrite');
  for (const row of made) tx.objectStore('op').add(row);
  tx.objectStore('counter').put({ ...counter, value: dseq });
  await new Promise((done) => { tx.oncomplete = done; });
  db.close();
  return [rows.length, JSON.stringify(plain).length];
}"""
OPEN = """([hash, wanted]) => new Promise((done) => {
  const from = performance.now();
  location.hash = hash;
  const look = () => (document.querySelector(wanted) ? done(performance.now() - from) : requestAnimationFrame(look));
  requestAnimationFrame(look);
})"""
START = """(() => {
  const look = () => {
    if (document.querySelector('[data-name=due] .row')) window.opened = performance.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})()"""


def measure(page: Page, runs: int) -> dict[str, float]:
    found: dict[str, list[float]] = {"sync page": [], "today": [], "app started": []}
    for _ in range(runs):
        found["sync page"].append(page.evaluate(OPEN, ["#/sync", ".work[data-state]"]))
        page.wait_for_timeout(500)
        found["today"].append(page.evaluate(OPEN, ["#/today", FIRST_ROW]))
        page.wait_for_timeout(500)
        page.reload()
        page.wait_for_function("() => window.opened")
        found["app started"].append(page.evaluate("() => window.opened"))
        page.wait_for_timeout(2000)
    return {name: statistics.median(times) / 1000 for name, times in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--visits", type=int, default=500)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        make_demo(Path(folder) / "data", households=240)
        node = NodeProcess(Path(folder) / "data").start()
        context = phone_on_disk(playwright, Path(folder) / "profile")
        try:
            context.set_default_timeout(180_000)
            page = signed_in(context.new_page(), node)
            page.set_default_timeout(180_000)
            context.set_offline(True)
            open_form(page, 2)
            fill(page)
            page.wait_for_selector(".done")
            ops, size = page.evaluate(REPEAT, options.visits)
            page.goto(node.url + "/#/today")
            page.add_init_script(START)
            page.reload()
            page.wait_for_function("() => window.opened")
            context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
            times = measure(page, options.runs)
            badge = page.inner_text(".badge")
        finally:
            context.close()
            node.stop()
    print(f"{options.visits} unsent visits of {ops} ops, {size / 1000:.1f} KB each, CPU ÷{SLOWDOWN}; badge: {badge}")
    for name, seconds in times.items():
        print(f"{name:12} {seconds:6.2f} s   goal ≤ 1.0 s")


if __name__ == "__main__":
    main()
