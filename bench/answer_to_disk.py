"""Answer to disk: from the finger's event to the end of the strictly durable write, at 6× CPU slowdown.

    python3 run.py bench answer_to_disk

A real visit in Chromium: every page is opened, choices are tapped, texts and
numbers are typed key by key at a person's pace. The clock starts with the first
event since the last save (its own timestamp, before the page hears of it) and
stops when the first transaction that holds the answer is complete on disk.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from browser.phone import phone_on_disk, sign_in
from browser.servers import NodeProcess, make_demo
from playwright.sync_api import Page, sync_playwright

SLOWDOWN = 6
GOAL_MS = 100
KEY_EVERY_MS = 160
CHOICES_A_QUESTION = 2
# The page marks each save with a performance measure, and in it when it took the answers; the events are those a person
# causes. What came after the answers were taken is the next save's.
WATCH = """
  window.answers = [];
  let events = [];
  for (const kind of ['input', 'change']) addEventListener(kind, (event) => {
    if (event.isTrusted && event.target.closest('.question')) events.push({ at: event.timeStamp, type: event.target.type });
  }, { capture: true });
  new PerformanceObserver((list) => {
    for (const { name, startTime, duration, detail } of list.getEntries()) {
      if (name !== 'ruhu:answer-to-disk') continue;
      const [first] = events.filter(({ at }) => at <= detail.taken);
      events = events.filter(({ at }) => at > detail.taken);
      if (first) window.answers.push({ ms: startTime + duration - first.at, type: first.type });
    }
  }).observe({ type: 'measure' });
"""
# What the browser and the disk take for the same bytes when nothing else happens: closed, put, flushed.
FLOOR = """async ([runs, size]) => {
  const db = await new Promise((done) => {
    const asked = indexedDB.open('floor', 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore('draft');
    asked.onsuccess = () => done(asked.result);
  });
  const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt']);
  const found = [];
  for (let n = 0; n < runs; n++) {
    await new Promise((done) => setTimeout(done, 100));
    const from = performance.now();
    const how = { name: 'AES-GCM', iv: crypto.getRandomValues(new Uint8Array(12)) };
    const box = await crypto.subtle.encrypt(how, key, new Uint8Array(size));
    const tx = db.transaction('draft', 'readwrite', { durability: 'strict' });
    tx.objectStore('draft').put(box, 'one');
    tx.commit();
    await new Promise((done) => { tx.oncomplete = done; });
    found.push(performance.now() - from);
  }
  db.close();
  return found;
}"""
FLOOR_RUNS, FLOOR_BYTES = 60, 16_000


def answer_all(page: Page) -> None:
    """Answer what is in view, once or twice each, as a person would."""
    edits = page.locator(".question:visible .carried-edit")
    while edits.count():
        edits.first.click()
    # Handles, not locators: answers show and hide other questions.
    for field in page.query_selector_all(".question :is(textarea, input:not([type=radio], [type=checkbox], [type=file]))"):
        if field.is_visible() and field.is_editable():
            number = field.get_attribute("inputmode") in ("numeric", "decimal")
            field.focus()
            for letter in "12" if number else "水管接通了":
                page.keyboard.insert_text(letter)
                page.wait_for_timeout(KEY_EVERY_MS)
    for question in page.query_selector_all(".question:has(label.choice)"):
        for choice in question.query_selector_all("label.choice")[:CHOICES_A_QUESTION]:
            if choice.is_visible():
                choice.click()
                page.wait_for_timeout(KEY_EVERY_MS)


def next_page(page: Page) -> bool:
    """False at the last page."""
    for _ in range(3):  # the first tap may tell what is missing, the second goes on
        where = page.inner_text(".form-where")
        button = page.locator(".form-foot .form-next")
        if button.inner_text() == "完成":
            return False
        button.click()
        page.wait_for_timeout(700)
        if page.inner_text(".form-where") != where:
            return True
    return False


def measure(url: str, visits: int) -> tuple[list[dict[str, Any]], list[float]]:
    """Every save of some visits, and the floor."""
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        context = phone_on_disk(playwright, profile)
        context.add_init_script(WATCH)
        page = context.new_page()
        sign_in(page, url)
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
        for visit in range(visits):
            page.goto(url + "/#/today")
            page.locator("[data-name=due] .row").nth(visit).click()
            page.click("[data-name=start]")
            page.wait_for_selector(".form-foot")
            answer_all(page)
            while next_page(page):
                answer_all(page)
        found: list[dict[str, Any]] = page.evaluate("() => window.answers")
        floor: list[float] = page.evaluate(FLOOR, [FLOOR_RUNS, FLOOR_BYTES])
        context.close()
    return found, floor


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--visits", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "centre"
        make_demo(data, households=60)
        node = NodeProcess(data).start()
        try:
            found, floor = measure(node.url, options.visits)
        finally:
            node.stop()
    if options.json:
        print(json.dumps(found, indent=1))
        return
    chosen = [one["ms"] for one in found if one["type"] in ("radio", "checkbox", "select-one")]
    typed = [one["ms"] for one in found if one["type"] not in ("radio", "checkbox", "select-one")]
    print(f"answer to disk, CPU ÷{SLOWDOWN}, {options.visits} visits, strict durability   goal p95 ≤ {GOAL_MS} ms")
    for name, values in (("chosen", chosen), ("typed", typed), ("all", chosen + typed)):
        if values:
            print(
                f"  {name:7} {len(values):4} answers   median {statistics.median(values):6.1f} ms   "
                f"p95 {percentile(values, 0.95):6.1f} ms   max {max(values):6.1f} ms"
            )
    print(f"  floor: {FLOOR_BYTES} bytes closed and written by an idle page   median {statistics.median(floor):6.1f} ms   "
          f"p95 {percentile(floor, 0.95):6.1f} ms")  # fmt: skip


if __name__ == "__main__":
    main()
