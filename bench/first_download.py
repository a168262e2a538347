"""The first download: a large village, 3,000 households with 12,000 members, to a phone on a local network.

    python3 run.py bench first_download [--slowdown 4]

A real Chromium signs in at a real server; the clock runs from the first pull
until the phone says that its register is complete, which is when every record,
search row and cursor is in IndexedDB. --slowdown is how much slower than this
machine the phone's processor is. Beside it: the bytes on the wire, and how long
the server alone takes for the same pages.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import brotli
from browser.phone import phone_on_disk, sign_in
from browser.servers import NodeProcess, make_demo
from playwright.sync_api import sync_playwright

from sync.author import Author
from sync.own import own_install
from sync.records import Op, Record, Scope
from sync.store.sqlite import SqliteStore

VILLAGE_CADRE = "qingshui"
# Watched at the phone's own database and network: nothing of the app is called. What comes after the register, the forms
# and the first screen, is not in the clock.
WATCH = """(() => {
  const { put } = IDBObjectStore.prototype;
  IDBObjectStore.prototype.put = function (row, ...rest) {
    if (row?.key === 'complete') this.transaction.addEventListener('complete', () => { window.completed = performance.now(); });
    return put.call(this, row, ...rest);
  };
  const { fetch } = window;
  window.fetch = function (url, ...rest) {
    if (String(url).includes('/sync/v1/pull')) window.began ??= performance.now();
    return fetch.call(this, url, ...rest);
  };
})()"""
COUNTS = """
  () => new Promise((answer) => {
    indexedDB.open('ruhu-data').onsuccess = ({target: {result: db}}) => {
      const places = db.transaction('place').objectStore('place').getAll();
      const of = (kind) => places.result.reduce((sum, {counts}) => sum + (counts[kind] ?? 0), 0);
      places.onsuccess = () => {
        db.close();
        answer({households: of('household'), members: of('member')});
      };
    };
  })
"""


def fill(folder: Path, households: int, members: int) -> None:
    """Copies of the demo's families into one village, each with ids and names of its own."""
    store = SqliteStore(folder)
    try:
        users = _records(store, "user")
        area = next(str(one.fields["area"]) for one in users if one.fields.get("username") == VILLAGE_CADRE)
        patterns = {kind: [one.fields for one in _records(store, kind)] for kind in ("household", "member")}
        author = Author(own_install(store, "bench"), "", clock=lambda: datetime.now(UTC))
        store.load(_families(author, area, patterns, households, members))
    finally:
        store.close()


def _families(author: Author, area: str, patterns: dict[str, list[dict[str, Any]]], households: int, members: int) -> Iterator[Op]:
    chance = random.Random(1)
    for number in range(households):
        id = author.ids()
        own = {"code": f"B{number:011d}", "group": f"{number // 100 + 1}组", "house_no": str(number)}
        yield author.create("household", id, area, chance.choice(patterns["household"]) | own)
        for line in range(members * number // households, members * (number + 1) // households):
            who = {"household_id": id, "line": str(line % 4 + 1), "id_no": f"500156{chance.randrange(10**12):012d}"}
            yield author.create("member", author.ids(), area, chance.choice(patterns["member"]) | who)


def _records(store: SqliteStore, kind: str) -> list[Record]:
    return list(store.pull(Scope(area_prefixes=("",), kinds=(kind,)), None, 5000).records)


def server_alone(url: str, limit: int) -> tuple[float, int, int]:
    """(seconds, bytes packed, records) of all pages fetched one after the other by a client that only counts."""
    parts = urlsplit(url)
    line = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
    signed = json.dumps({"username": VILLAGE_CADRE, "password": "ruhu-demo"})
    line.request("POST", "/api/sign-in", signed, {"Content-Type": "application/json"})
    token = json.loads(line.getresponse().read())["token"]
    seconds, size, records, cursor, more = 0.0, 0, 0, "", True
    while more:
        began = time.perf_counter()
        headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "br"}
        line.request("GET", f"/sync/v1/pull?dates=brief&limit={limit}{f'&cursor={cursor}' if cursor else ''}", headers=headers)
        reply = line.getresponse()
        body = reply.read()
        seconds += time.perf_counter() - began
        page = json.loads(brotli.decompress(body) if reply.headers.get("Content-Encoding") else body)
        size, records = size + len(body), records + len(page["records"])
        cursor, more = page["cursor"], page["more"]
    return seconds, size, records


def on_the_phone(url: str, slowdown: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        browser = phone_on_disk(playwright, profile)
        try:
            page = browser.new_page()
            wire = page.context.new_cdp_session(page)
            wire.send("Network.enable")
            wire.send("Emulation.setCPUThrottlingRate", {"rate": slowdown})
            pulls: set[str] = set()
            sizes: list[float] = []

            def asked(event: dict[str, Any]) -> None:
                if "/sync/v1/pull" in event["request"]["url"]:
                    pulls.add(event["requestId"])

            def came(event: dict[str, Any]) -> None:
                if event["requestId"] in pulls:
                    sizes.append(event["encodedDataLength"])

            wire.on("Network.requestWillBeSent", asked)
            wire.on("Network.loadingFinished", came)
            page.add_init_script(WATCH)
            sign_in(page, url, VILLAGE_CADRE)
            page.wait_for_function("() => window.completed")
            seconds = page.evaluate("() => window.completed - window.began") / 1000
            return {"seconds": seconds, "bytes": sum(sizes), "pages": len(sizes), **page.evaluate(COUNTS)}
        finally:
            browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="run.py bench first_download")
    parser.add_argument("--households", type=int, default=3000)
    parser.add_argument("--members", type=int, default=12_000)
    parser.add_argument("--slowdown", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "centre"
        make_demo(folder, households=240)
        fill(folder, options.households, options.members)
        node = NodeProcess(folder).start()
        try:
            alone = server_alone(node.url, 2000)
            found = on_the_phone(node.url, options.slowdown)
        finally:
            node.stop()
    print(
        f"{found['households']} households, {found['members']} members on the phone (CPU ÷{options.slowdown}): "
        f"{found['seconds']:.2f} s, {found['bytes'] / 1e6:.2f} MB in {found['pages']} pages   goal ≤ 3 s, ≤ 1.5 MB\n"
        f"  the server alone: {alone[2]} records, {alone[1] / 1e6:.2f} MB in {alone[0]:.2f} s"
    )


if __name__ == "__main__":
    main()
