"""The form screen under load: opening, answering, adding members, memory, saving.

    python3 run.py bench form_speed [--runs 5] [--only large|long|household] [--json]

Chromium at 6× CPU slowdown against a real node, signed in, every byte already
on the phone and the network cut, as on a second visit. Times are taken in the
page: from the start of navigation to the first question that can be answered,
and from the event to the mutation of the DOM. Heap is what is left after a
garbage collection.

large      500 questions, of which 200 are calculations that a single answer sets off, a list of
           5,000 rows filtered by two answers before it; one screen per group of 25
long       the same with everything on one screen (no style "pages")
household  the shipped household form with ten members added one after another
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from browser.phone import ROWS, sign_in
from browser.servers import CHROMIUM, CHROMIUM_ARGS, PHONE, NodeProcess, make_demo
from browser.waiting import until
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, sync_playwright

from app.publish import publish_library
from forms.compile import compile_form
from forms.definition import Form
from forms.library import Library
from sync.store.sqlite import SqliteStore

SLOWDOWN = 6
GROUPS, ASKED, CALCULATED = 20, 15, 10
COUNTIES, TOWNSHIPS, VILLAGES = 10, 10, 50
TURNS = 20
COLUMNS = ["type", "name", "label", "relevant", "constraint", "choice_filter", "calculation", "appearance"]

# seconds, milliseconds, MB; as measured at the same slowdown with the same kinds of form
GOALS = {
    "large.open_s": (1.0, {"Enketo core": 4.4, "ODK Web Forms": 18.9}),
    "large.change_ms": (16, {"Enketo core": 103, "ODK Web Forms": 125}),
    "large.heap_mb": (10, {"Enketo core": 5.5, "ODK Web Forms": 103}),
    "long.open_s": (1.0, {"Enketo core": 4.4, "ODK Web Forms": 18.9}),
    "long.change_ms": (16, {"Enketo core": 103, "ODK Web Forms": 125}),
    "long.heap_mb": (10, {"Enketo core": 5.5, "ODK Web Forms": 103}),
    "household.ten_members_s": (0.3, {"Enketo core": 1.75, "ODK Web Forms": 4.1}),
    "household.change_ms": (8, {"Enketo core": 26, "ODK Web Forms": 83}),
}

WATCH = """
  const look = () => {
    const form = document.querySelector('.form-screen form.form');
    const control = form && [...form.querySelectorAll('.question input, .question select, .question textarea')]
      .find(e => !e.disabled && e.offsetParent !== null);
    if (control) { window.firstAnswerable = performance.now(); return; }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
"""

# Runs act, and answers the milliseconds until the DOM holds what check looks for, and until it was drawn.
TIMED = """
  window.timed = (act, check, ms = 10000) => new Promise((done, fail) => {
    const started = performance.now();
    let seen = 0;
    const late = setTimeout(() => { watch.disconnect(); fail(new Error('not in the DOM: ' + check)); }, ms);
    const watch = new MutationObserver(() => look());
    function look() {
      if (seen || !check()) return;
      seen = performance.now() - started;
      clearTimeout(late);
      watch.disconnect();
      requestAnimationFrame(() => { const port = new MessageChannel();
        port.port1.onmessage = () => done([seen, performance.now() - started]); port.port2.postMessage(0); });
    }
    watch.observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
    act();
    look();
  });
"""


def large_form(form_id: str, *, style: str) -> Form:
    """GROUPS × (ASKED + CALCULATED) questions; every calculation goes back to the first answer."""
    survey = [["begin group", "g0", "第 0 组", "", "", "", "", ""]]
    last = ""
    number = 0
    for group in range(GROUPS):
        if group:
            survey.append(["begin group", f"g{group}", f"第 {group} 组", "", "", "", "", ""])
        for place in range(ASKED):
            number += 1
            survey.append(_asked(number, group, place))
        for place in range(CALCULATED):
            source = f"a{group * ASKED + place + 1}"
            own = "a1" if (group, place) == (0, 0) else f"${{{source}}}"
            earlier = f"${{{last}}} + " if last else ""
            last = f"c{group * CALCULATED + place + 1}"
            sum_of = (
                "coalesce(${a1}, 0)" if own == "a1" else f"{earlier}if({own} = '', 0, string-length({own}))"
            )
            survey.append(["calculate", last, "", "", "", "", sum_of, ""])
        if not group:
            survey.append(["note", "total", f"合计 ${{c{GROUPS * CALCULATED}}}", "", "", "", "", ""])
        survey.append(["end group", "", "", "", "", "", "", ""])
    choices = [["yes_no", "yes", "是", "", ""], ["yes_no", "no", "否", "", ""]]
    for county in range(COUNTIES):
        choices.append(["county", f"k{county}", f"第 {county} 县", "", ""])
        for township in range(TOWNSHIPS):
            choices.append(
                ["township", f"k{county}t{township}", f"第 {county}-{township} 乡", f"k{county}", ""]
            )
            choices += [
                [
                    "village",
                    f"v{county}-{township}-{one}",
                    f"第 {county}-{township}-{one} 村",
                    f"k{county}",
                    f"k{county}t{township}",
                ]
                for one in range(VILLAGES)
            ]
    text = "\n".join([
        *_sheet("survey", COLUMNS, survey),
        *_sheet("choices", ["list_name", "name", "label", "county", "township"], choices),
        *_sheet("settings", ["form_title", "form_id", "version", "style"], [["大表", form_id, "1", style]]),
    ])  # fmt: skip
    form = compile_form(text, f"{form_id}.md", [])
    questions = [
        node for node in form.definition["nodes"] if node["kind"] == "question" and node["type"] != "note"
    ]
    assert len(questions) == 500
    assert sum(node["type"] == "calculate" for node in questions) == 200
    assert len(form.definition["lists"]["village"]) == 5000
    return form


def _asked(number: int, group: int, place: int) -> list[str]:
    name, label = f"a{number}", f"第 {number} 题:这件事今年怎么样"
    if number == 1:
        return ["integer", name, "第 1 题:几口人", "", ". >= 0 and . <= 99999", "", "", ""]
    if group == 0 and place in (1, 2, 3):
        kind, by = [
            ("county", ""),
            ("township", "county = ${a2}"),
            ("village", "county = ${a2} and township = ${a3}"),
        ][place - 1]
        return [
            f"select_one {kind}",
            name,
            label,
            "",
            "",
            by,
            "",
            "minimal" if kind != "village" else "search",
        ]
    if place % 5 == 4:
        return ["select_one yes_no", name, label, "", "", "", "", ""]
    if place % 5 == 3:
        return ["integer", name, label, f"${{a1}} != '{number}'", ". >= 0", "", "", ""]
    return [("text", "integer", "decimal")[place % 3], name, label, "", "", "", "", ""]


def _sheet(name: str, columns: list[str], rows: list[list[str]]) -> Iterator[str]:
    yield f"| {name} |"
    yield f"| | {' | '.join(columns)} |"
    for row in rows:
        yield f"| | {' | '.join(row)} |"
    yield ""


def publish(data: Path, *forms: Form) -> None:
    store = SqliteStore(data)
    refused = publish_library(
        store, Library(forms={form.form_id: form for form in forms}), lambda: datetime.now().astimezone()
    )
    store.close()
    assert not refused, refused


ADD_TEN = """async () => {
  const times = [];
  const where = () => document.querySelector('.form-progress').textContent;
  for (let i = 0; i < 10; i += 1) {
    const before = where();
    times.push((await timed(() => document.querySelector('.form-body .member-add:not([hidden])').click(),
      () => document.querySelector('.member-card .question input') && where() !== before))[0]);
  }
  return times;
}"""


class Phone:
    """One phone that has signed in, fetched every form and lost its network."""

    def __init__(self, browser: Browser, url: str, forms: list[str]) -> None:
        self.url = url
        self.context: BrowserContext = browser.new_context(**PHONE)
        page = self.context.new_page()
        sign_in(page, url)
        page.wait_for_function("() => navigator.serviceWorker.controller !== null", timeout=60_000)
        for form_id in forms:
            until(page, f"async () => (await ({READ})('form')).some(one => one.form_id === '{form_id}')", seconds=60)
        page.wait_for_timeout(3000)
        self.household = household_of(page)
        page.close()
        self.context.set_offline(True)

    def open(self, address: str) -> tuple[Page, CDPSession, float]:
        page = self.context.new_page()
        page.add_init_script(WATCH + TIMED)
        session = self.context.new_cdp_session(page)
        session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
        page.goto(self.url + address, wait_until="commit")
        page.wait_for_function("() => window.firstAnswerable", timeout=120_000)
        seconds = page.evaluate("() => window.firstAnswerable") / 1000
        return page, session, seconds

    def forget_drafts(self, page: Page) -> None:
        page.goto("about:blank")
        other = self.context.new_page()
        other.goto(self.url + "/#/today")
        other.wait_for_selector(".tabs a")
        other.evaluate(CLEAR)
        other.close()
        page.close()


OPEN = """const db = await new Promise((done) => {
    const ask = indexedDB.open('ruhu-data'); ask.onsuccess = () => done(ask.result);
  });"""
READ = f"""async (store) => {{
  {OPEN}
  const rows = await new Promise((done) => {{
    const ask = db.transaction(store).objectStore(store).getAll(); ask.onsuccess = () => done(ask.result);
  }});
  db.close();
  return rows;
}}"""
CLEAR = f"""async () => {{
  {OPEN}
  await new Promise((done) => {{
    const tx = db.transaction('draft', 'readwrite'); tx.objectStore('draft').clear(); tx.oncomplete = done;
  }});
  db.close();
}}"""


def household_of(page: Page) -> str:
    """The household of about four members that every run takes."""
    records = page.evaluate(ROWS, ["ruhu-data", "record"])
    members = [one["fields"]["household_id"] for one in records if one["kind"] == "member"]
    households = [one["id"] for one in records if one["kind"] == "household"]
    return str(min(households, key=lambda one: (abs(members.count(one) - 4), one)))


def heap(session: CDPSession) -> float:
    for _ in range(3):
        session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"]) / 1e6


def run_large(phone: Phone, form_id: str, *, pages: bool) -> dict[str, float]:
    page, session, opened = phone.open(f"/#/form?form_id={form_id}")
    if not pages:
        page.wait_for_function("() => !document.querySelector('.form-body [data-waiting]')", timeout=60_000)
    page.wait_for_timeout(1000)
    found: dict[str, float] = {"open_s": opened}
    # All 200 calculations depend on the first answer; the note on this screen shows the last of them.
    changes = []
    for number in range(9):
        page.wait_for_timeout(300)  # as a person types
        changes.append(
            page.evaluate(
                """(value) => timed(() => {
                  const input = document.querySelector('[data-path$="/a1"] input');
                  input.value = value;
                  input.dispatchEvent(new Event('input', { bubbles: true }));
                }, () => document.querySelector('[data-path$="/total"]').textContent.includes('合计 ' + value))""",
                str(1000 + number),
            )
        )
    found["change_ms"] = statistics.median(one[0] for one in changes)
    found["change_drawn_ms"] = statistics.median(one[1] for one in changes)
    # The county makes a hundred townships ten; the township makes the five thousand villages fifty.
    page.evaluate(
        """() => { const select = document.querySelector('[data-path$="/a2"] select'); select.value = 'k3';
          select.dispatchEvent(new Event('change', { bubbles: true })); }"""
    )
    found["filter_ms"] = page.evaluate(
        """async () => {
          const question = document.querySelector('[data-path$="/a3"]');
          const field = question.querySelector('input[type=search]');
          field.focus();
          field.value = '3-4';
          field.dispatchEvent(new Event('input', { bubbles: true }));
          await new Promise((done) => setTimeout(done, 300));
          const [ms] = await timed(() => question.querySelector('[role=option]').click(),
            () => document.querySelector('[data-path$="/a4"]').textContent.includes('50'));
          return ms;
        }"""
    )
    page.wait_for_timeout(500)
    found["search_ms"] = page.evaluate(
        """async () => {
          const field = document.querySelector('[data-path$="/a4"] input[type=search]');
          field.focus();
          const [ms] = await timed(() => { field.value = '4-7'; field.dispatchEvent(new Event('input', { bubbles: true })); },
            () => document.querySelector('[data-path$="/a4"] [role=option]')?.textContent.includes('3-4-7'));
          return ms;
        }"""
    )
    saves = page.evaluate("() => performance.getEntriesByName('ruhu:save').map((one) => one.duration)")
    found["save_blocks_ms"] = statistics.median(saves) if saves else float("nan")
    found["heap_mb"] = heap(session)
    if pages:
        before = heap(session)
        turns = page.evaluate(
            """async (count) => {
              const where = () => document.querySelector('.form-progress').textContent;
              const times = [];
              for (const name of [...Array(count).fill('.form-next'), ...Array(count).fill('.form-previous')]) {
                const before = where();
                await new Promise((done) => setTimeout(done, 300));
                times.push((await timed(() => document.querySelector('.form-foot ' + name).click(), () => where() !== before))[0]);
              }
              return times;
            }""",
            TURNS // 2,
        )
        found["turn_ms"] = statistics.median(turns)
        found["turn_worst_ms"] = max(turns)
        found["heap_after_turns_mb"] = heap(session)
        found["heap_grown_mb"] = found["heap_after_turns_mb"] - before
    phone.forget_drafts(page)
    return found


def run_household(phone: Phone) -> dict[str, float]:
    page, session, opened = phone.open(f"/#/form?form_id=visit&household_id={phone.household}")
    found = {"open_s": opened}
    page.locator("input[value=head]").check()
    page.click(".form-foot .form-next")
    page.wait_for_selector(".members")
    page.wait_for_timeout(500)
    # Ten taps, each of which brings a new member's questions to the screen.
    times = page.evaluate(ADD_TEN)
    found["ten_members_s"] = sum(times) / 1000
    found["second_member_ms"] = times[1]
    more = page.evaluate(ADD_TEN)
    found["last_member_ms"] = statistics.median(more[-3:])
    # A birth date works out the age, which shows or hides six questions of the member and counts in the household's sums.
    changes = page.evaluate(
        """async () => {
          const times = [];
          const dates = [['1990-01-01', true], ['2024-01-01', false], ['1980-05-05', true], ['2023-01-01', false],
            ['1970-05-05', true]];
          const rest = () => new Promise((done) => setTimeout(done, 300));
          for (const [date, shows] of dates) {
            await rest();
            times.push((await timed(() => {
              const input = document.querySelector('.member-card [data-path$="/birth_date"] input[type=date]');
              input.value = date;
              input.dispatchEvent(new Event('change', { bubbles: true }));
            }, () => document.querySelector('.member-card [data-path$="/labour"]').hidden !== shows))[0]);
          }
          return times;
        }"""
    )
    found["change_ms"] = statistics.median(changes)
    page.wait_for_timeout(500)
    found["list_ms"] = page.evaluate(
        """async () => (await timed(() => document.querySelector('.form-foot .form-previous').click(),
          () => document.querySelectorAll('.member-row').length > 20))[0]"""
    )
    saves = page.evaluate("() => performance.getEntriesByName('ruhu:save').map((one) => one.duration)")
    found["save_blocks_ms"] = statistics.median(saves) if saves else float("nan")
    found["heap_mb"] = heap(session)
    phone.forget_drafts(page)
    return found


def measure(only: str, runs: int) -> dict[str, list[dict[str, float]]]:
    found: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        data = Path(folder) / "centre"
        make_demo(data, households=60)
        publish(data, large_form("large", style="pages"), large_form("long", style=""))
        node = NodeProcess(data).start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        try:
            phone = Phone(browser, node.url, ["large", "long", "visit"])
            for _ in range(runs):
                if only in ("", "large"):
                    found.setdefault("large", []).append(run_large(phone, "large", pages=True))
                if only in ("", "long"):
                    found.setdefault("long", []).append(run_large(phone, "long", pages=False))
                if only in ("", "household"):
                    found.setdefault("household", []).append(run_household(phone))
        finally:
            browser.close()
            node.stop()
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", choices=["", "large", "long", "household"], default="")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.only, options.runs)
    if options.json:
        print(json.dumps(found, indent=1))
        return
    print(f"CPU ÷{SLOWDOWN}, offline, median (worst) of {options.runs}")
    for form, runs in found.items():
        for name in runs[0]:
            values = [run[name] for run in runs]
            middle = statistics.median(values)
            goal, peers = GOALS.get(f"{form}.{name}", (None, {}))
            told = (
                ""
                if goal is None
                else f"   goal ≤ {goal:<5} {'✓' if middle <= goal else '✗'}"
                + "".join(f"   {peer} {value} = ×{value / middle:.1f}" for peer, value in peers.items())
            )
            print(f"{form + '.' + name:28} {middle:9.3f} ({max(values):.3f}){told}")


if __name__ == "__main__":
    main()
