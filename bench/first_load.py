"""First load of app + form on a slow phone and a slow network: bytes, requests, time to the first answerable question.

    python3 run.py bench first_load

Chromium at 6× CPU slowdown, 400 ms round trip, 400 kbit/s, as the figures of
ODK Web Forms and Enketo were taken. Cold: empty browser. Warm: the same page
opened again in the same browser. The clock runs from the start of navigation
until the first question can be seen, is enabled and answers to the form engine.
"""

from __future__ import annotations

import argparse
import http.server
import json
import statistics
import tempfile
import threading
from pathlib import Path
from typing import Any

from browser.phone import phone_on_disk
from browser.servers import NodeProcess, make_demo
from playwright.sync_api import BrowserContext, sync_playwright

SLOWDOWN, ROUND_TRIP_MS, KBIT = 6, 400, 400
PEERS = {
    "ODK Web Forms": {"kb": 1220, "cold": 29.9, "warm": 6.3},
    "Enketo core": {"kb": 302, "cold": 8.8, "warm": 1.5},
}
WATCH = """
  (() => {
    const look = () => {
      const form = document.querySelector('.form-screen form.form');
      const control = form && [...form.querySelectorAll('.question input, .question select, .question textarea')]
        .find(e => !e.disabled && e.offsetParent !== null);
      if (control) { window.firstAnswerable = performance.now(); return; }
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  })();
"""


def open_once(context: BrowserContext, url: str, *, cache: bool) -> dict[str, Any]:
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": ROUND_TRIP_MS, "downloadThroughput": KBIT * 128, "uploadThroughput": KBIT * 128},
    )
    session.send("Network.setCacheDisabled", {"cacheDisabled": not cache})
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
    finished: list[tuple[str, float]] = []
    urls: dict[str, str] = {}
    session.on("Network.requestWillBeSent", lambda e: urls.__setitem__(e["requestId"], e["request"]["url"]))
    session.on(
        "Network.loadingFinished",
        lambda e: finished.append((urls.get(e["requestId"], "?"), e["encodedDataLength"])),
    )
    page.add_init_script(WATCH)
    page.goto(url, wait_until="commit", timeout=120_000)
    page.wait_for_function("() => window.firstAnswerable", timeout=120_000)
    seconds = page.evaluate("() => window.firstAnswerable") / 1000
    wanted = [(u, size) for u, size in finished if size > 0]
    page.close()
    return {
        "seconds": round(seconds, 3),
        "bytes": round(sum(size for _, size in wanted)),
        "requests": len(wanted),
        "files": {u.split("/", 3)[3]: round(size) for u, size in wanted},
    }


def measure(url: str, runs: int) -> dict[str, Any]:
    cold, warm = [], []
    with sync_playwright() as playwright:
        for _ in range(runs):
            with tempfile.TemporaryDirectory() as profile:
                context = phone_on_disk(playwright, profile)
                cold.append(open_once(context, url, cache=True))
                # The worker fills its cache behind the first screen; a user's second visit comes after that.
                page = context.new_page()
                page.goto(url)
                page.evaluate("() => navigator.serviceWorker.ready")
                page.wait_for_timeout(1500)
                page.close()
                warm.append(open_once(context, url, cache=True))
                context.close()
    return {
        "cold": {**cold[-1], "seconds": statistics.median(one["seconds"] for one in cold)},
        "warm": {**warm[-1], "seconds": statistics.median(one["seconds"] for one in warm)},
    }


EMPTY = """<!doctype html><meta charset="utf-8"><title>floor</title>
<div class="form-screen"><form class="form"><p class="question"><input></p></form></div><script src="/floor.js"></script>"""
FLOOR_FILES = {
    "/": ("text/html", EMPTY),
    "/floor.js": ("text/javascript", "navigator.serviceWorker.register('/worker.js')"),
    "/worker.js": ("text/javascript", """
      const filled = () => caches.open('floor').then((kept) => kept.addAll(['/', '/floor.js']));
      oninstall = (event) => event.waitUntil(filled().then(() => skipWaiting()));
      onactivate = (event) => event.waitUntil(clients.claim());
      onfetch = (event) => event.respondWith(caches.match(event.request).then((found) => found ?? fetch(event.request)));
    """),
}  # fmt: skip


class FloorPage(http.server.BaseHTTPRequestHandler):
    """A page with one input that a worker keeps: what a browser takes when there is nothing to do."""

    def do_GET(self) -> None:
        kind, text = FLOOR_FILES.get(self.path, ("text/plain", ""))
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def floor(runs: int) -> float:
    """Seconds until that page, opened warm, can be typed into."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), FloorPage)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        return float(measure(f"http://127.0.0.1:{server.server_port}/", runs)["warm"]["seconds"])
    finally:
        server.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "centre"
        make_demo(data, households=60)
        node = NodeProcess(data).start()
        try:
            found = measure(f"{node.url}/F/visit", options.runs)
            found["floor"] = floor(options.runs)
        finally:
            node.stop()
    if options.json:
        print(json.dumps(found, indent=1))
        return
    cold, warm = found["cold"], found["warm"]
    print(f"CPU ÷{SLOWDOWN}, {ROUND_TRIP_MS} ms, {KBIT} kbit/s, median of {options.runs}")
    for name, size in sorted(cold["files"].items(), key=lambda item: -item[1]):
        print(f"  {size:8} bytes  /{name}")
    print(f"first load       {cold['bytes'] / 1000:7.1f} KB in {cold['requests']} requests   goal ≤ 100 KB")
    print(f"cold             {cold['seconds']:7.2f} s                goal ≤ 3.0 s")
    print(f"warm             {warm['seconds']:7.2f} s                goal ≤ 0.5 s; an empty page {found['floor']:.2f} s")
    for name, peer in PEERS.items():
        print(
            f"  {name:14} {peer['kb']} KB, {peer['cold']} s, {peer['warm']} s "
            f"= ×{peer['kb'] * 1000 / cold['bytes']:.1f} bytes, "
            f"×{peer['cold'] / cold['seconds']:.1f} cold, ×{peer['warm'] / warm['seconds']:.1f} warm"
        )


if __name__ == "__main__":
    main()
