"""What every test and bench on the phone begins with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, Playwright

from browser.servers import CHROMIUM, CHROMIUM_ARGS, PHONE

PIN = "284719"
TAPS = """(() => {
  const tap = () => {
    const pad = document.querySelector('[data-name=pin-pad]:not(.busy)');
    if (!pad || pad.querySelector('.on')) return;
    for (const digit of 'PIN') pad.querySelector(`[data-digit="${digit}"]`)?.click();
  };
  setInterval(tap, 50);
  // Tests look into the databases with the keys that the page itself used.
  window.usedKeys = new Set();
  for (const name of ['encrypt', 'decrypt']) {
    const real = SubtleCrypto.prototype[name];
    SubtleCrypto.prototype[name] = function (how, key, bytes) {
      if (how.name === 'AES-GCM') window.usedKeys.add(key);
      return real.call(this, how, key, bytes);
    };
  }
})()""".replace("PIN", PIN)
ROWS = """async ([name, store]) => {
  const db = await new Promise((done) => { const ask = indexedDB.open(name); ask.onsuccess = () => done(ask.result); });
  const all = (store) => new Promise((done) => {
    const ask = db.transaction(store).objectStore(store).getAll(); ask.onsuccess = () => done(ask.result);
  });
  const rows = await all(store);
  const packs = store === 'record' ? await all('pack') : [];
  db.close();
  const open = async ({ iv, box }, about) => {
    for (const key of window.usedKeys ?? []) {
      try {
        return await crypto.subtle.decrypt({ name: 'AES-GCM', iv, additionalData: new TextEncoder().encode(about) }, key, box);
      } catch { /* another key's */ }
    }
    return null;
  };
  const json = (bytes) => bytes && JSON.parse(new TextDecoder().decode(bytes));
  const opened = await Promise.all(rows.map(async (row) => {
    if (row.parts) {
      const parts = await Promise.all(row.parts.map((part, n) => open(part, `blob|${row.sha256}|${n}`)));
      return { ...row, bytes: await new Blob(parts).arrayBuffer() };
    }
    if (!row.box) return row;
    if (row.op_id) return { ...row, op: json(await open(row.box, `op|${row.op_id}`)) };
    if (row.form_id) {
      const base = row.base && { base: json(await open(row.base, `base|${row.draft_id}`)) };
      return { ...row, ...json(await open(row.box, `draft|${row.draft_id}`)), ...base };
    }
    if (!row.sha256) return row;
    const about = json(await open(row.about, `about|${row.sha256}`));
    return { ...row, ...about, bytes: await open(row.box, `file|${row.sha256}`) };
  }));
  for (const pack of packs) opened.push(...pack.records ?? json(await open(pack.box, `pack|${pack.id}`)) ?? []);
  return opened.map((row) => (row.bytes ? { ...row, bytes: [...new Uint8Array(row.bytes)] } : row));
}"""
"""Every row of a store as the app reads it, opened with the keys that page has used; `record` has those in packs too."""

KEPT = """async () => {
  const { active } = await navigator.serviceWorker.ready;
  const { port1, port2 } = new MessageChannel();
  const answer = new Promise((done) => { port1.onmessage = ({ data }) => done(data); });
  active.postMessage('extras', [port2]);
  return answer;
}"""


def whole_app_kept(page: Page) -> None:
    """Until the phone has every file of the app, those too that come behind the first screen: the QR decoder, who is alike."""
    assert page.evaluate(KEPT)


def phone_on_disk(playwright: Playwright, profile: str | Path) -> BrowserContext:
    """A browser that keeps its databases in files, as a phone does; a private window has them in memory, many times slower."""
    how: dict[str, Any] = {"executable_path": CHROMIUM, "args": CHROMIUM_ARGS}
    return playwright.chromium.launch_persistent_context(str(profile), **how, **PHONE)


def knows_the_pin(context: BrowserContext) -> None:
    """From the next page on the unlock code is set and typed, wherever it is asked for, as by somebody who knows it."""
    context.add_init_script(TAPS)


def sign_in(page: Page, url: str, username: str = "qingshui") -> None:
    """Open the app at a node and sign in as somebody of the demo county; the first screen stands afterwards."""
    knows_the_pin(page.context)
    page.goto(url + "/")
    page.fill("input[name=username]", username)
    page.fill("input[name=password]", "ruhu-demo")
    page.click("button[type=submit]")
    page.wait_for_selector(".tabs a", timeout=60_000)
