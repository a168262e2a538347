"""The encrypted register on a slow phone: 20,000 households opened, searched, and one of them read.

    python3 run.py bench phone_register [--households 20000] [--slower 6]

The phone's own modules run in Chromium, with the processor slowed down; the pages are made up in it. Goals:
a search 300 ms at most, also the first one after unlocking.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from browser.phone import phone_on_disk
from browser.servers import ROOT
from playwright.sync_api import Route, sync_playwright

ORIGIN = "http://localhost:9"
IDB = f"{ORIGIN}/node_modules/idb/build/index.js"
HERE = f"""<!doctype html><script type="importmap">{{"imports": {{"idb": "{IDB}"}}}}</script>"""
WORK = """async ([households, plain]) => {
  const at = (path) => import(`/static/js/${path}`);
  const { openDatabases } = await at('data/db.js');
  const { createCipher } = await at('data/cipher.js');
  const { createLock } = await at('data/lock.js');
  const { createStore } = await at('data/store.js');
  const { search } = await at('core/search.js');
  const none = async () => [];
  const outbox = { subscribe() {}, overlaidLines: none, opsOf: none, openMarks: none, noteErased: none, settle: none };
  const db = openDatabases();
  const started = () => {
    const cipher = createCipher();
    return { cipher, lock: createLock({ db, cipher, now: () => new Date() }), store: createStore({ db, outbox, cipher }) };
  };
  const told = {};
  const timed = async (name, work) => {
    const from = performance.now();
    const result = await work();
    told[name] = Math.round(performance.now() - from);
    return result;
  };
  const parts = ['冉田谭向李王张杨陈罗', '明华国建秀英桂兰玉珍', '志强丽军平芳伟勇艳杰'];
  const name = (n) => parts.map((part, place) => part[(n / 10 ** place | 0) % 10]).join('');
  const record = (kind, id, seq, fields) => {
    const since = Object.fromEntries(Object.keys(fields).map((one) => [one, '2026-01-01']));
    return { kind, id, area: '500156110203', rev: 1, seq, since, fields };
  };
  const first = started();
  await first.lock.load('u');
  if (!plain) await first.lock.setPin('284719');
  await timed('download', async () => {
    const all = [];
    for (let n = 0; n < households; n++) {
      all.push(record('household', `h${n}`, n * 4, {
        code: `C${n}`, head_name: name(n), group: '一组', house_no: String(n), status: 'ordinary',
        phone: String(15000000000 + n), note: '低保户,住房两层',
      }));
      for (let m = 0; m < 3; m++) {
        all.push(record('member', `h${n}-${m}`, n * 4 + m + 1, {
          household_id: `h${n}`, line: String(m), full_name: name(n + m * 7), id_no: String(500156199001010000 + n * 4 + m),
          state: 'active', relation: '01', education: '03',
        }));
      }
    }
    for (let from = 0; from < all.length; from += 2000) {
      const records = all.slice(from, from + 2000);
      await first.store.applyPage({ records, cursor: String(from), more: from + 2000 < all.length });
    }
  });
  await first.store.rows();
  const { lock, store } = started();
  await lock.load('u');
  if (!plain) await timed('unlock', () => lock.unlock('284719'));
  const rows = await timed('rows', () => store.rows());
  await timed('search', () => search(rows, name(4321), 21));
  await timed('again', async () => search(await store.rows(), '4321', 21));
  await timed('household', () => Promise.all([store.get('household', 'h4321'), store.members('h4321'), store.visits('h4321')]));
  return { ...told, found: rows.length, blocks: await db.data.run((idb) => idb.count('block')) };
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--households", type=int, default=20_000)
    parser.add_argument("--slower", type=float, default=6)
    asked = parser.parse_args()
    with sync_playwright() as playwright:
        for plain in (False, True):
            with tempfile.TemporaryDirectory() as profile:
                context = phone_on_disk(playwright, profile)
                context.route("**/*", _file)
                page = context.new_page()
                page.goto(f"{ORIGIN}/")
                session = context.new_cdp_session(page)
                session.send("Emulation.setCPUThrottlingRate", {"rate": asked.slower})
                found = page.evaluate(WORK, [asked.households, plain])
                print("plain    " if plain else "encrypted", json.dumps(found))
                context.close()


def _file(route: Route) -> None:
    path = ROOT / route.request.url.removeprefix(ORIGIN).lstrip("/")
    if path.is_file() and ROOT in path.resolve().parents:
        route.fulfill(body=Path(path).read_bytes(), content_type="text/javascript")
    else:
        route.fulfill(body=HERE, content_type="text/html")


if __name__ == "__main__":
    main()
