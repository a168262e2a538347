"""Make the pictures of the README from a fresh demo county: python3 run.py bench screenshots"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pypdfium2
from browser.phone import knows_the_pin
from browser.servers import CHROMIUM, CHROMIUM_ARGS, DESK, PHONE, ROOT, NodeProcess, make_demo
from playwright.sync_api import Browser, Page, sync_playwright

OUT = ROOT / "docs" / "screenshots"


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        centre_data = Path(folder) / "centre"
        make_demo(centre_data, households=900)
        node = json.loads((centre_data / "demo.json").read_text("utf-8"))["node"]
        centre = NodeProcess(centre_data).start()
        join = f"{node['username']}:{node['password']}"
        village = NodeProcess(Path(folder) / "village", "--upstream", centre.url, "--join", join).start()
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
                household = phone_pictures(browser, village.url)
                office_pictures(browser, centre.url, household)
                browser.close()
        finally:
            village.stop()
            centre.stop()


def phone_pictures(browser: Browser, url: str) -> str:
    """The phone through one visit; answers which household was visited."""
    context = browser.new_context(**PHONE)
    knows_the_pin(context)
    page = context.new_page()
    page.goto(url + "/")
    page.fill("input[name=username]", "qingshui")
    page.fill("input[name=password]", "ruhu-demo")
    page.click("button[type=submit]")
    page.wait_for_selector("[data-name=due] .row", timeout=30_000)
    page.wait_for_timeout(800)
    shot(page, "phone-today")
    row = page.locator("[data-name=due] .row").nth(5)
    id = row.get_attribute("data-id") or ""
    row.click()
    page.wait_for_selector("[data-name=start]")
    page.wait_for_timeout(400)
    shot(page, "phone-household")
    page.click("[data-name=start]")
    page.wait_for_selector(".form-foot")
    answers = {"respondent": "head", "has_problem": "no", "satisfaction": "5"}
    for number in range(1, 9):
        for name, value in answers.items():
            choice = page.locator(f'.question[data-path$="/{name}"]:visible label.choice:has(input[value="{value}"])')
            if choice.count():
                choice.click()
        if number == 3:
            page.wait_for_timeout(300)
            shot(page, "phone-form")
        words = page.inner_text(".form-foot .form-next")
        page.click(".form-foot .form-next")
        page.wait_for_timeout(400)
        if words == "完成":
            break
    page.goto(url + "/#/sync")
    page.wait_for_selector('.work[data-state="confirmed"]', timeout=60_000)
    page.wait_for_timeout(400)
    shot(page, "phone-sync")
    context.close()
    return id


def office_pictures(browser: Browser, url: str, household: str) -> None:
    context = browser.new_context(**DESK)
    page = context.new_page()
    page.goto(url + "/office/")
    page.fill("input[name=username]", "centre")
    page.fill("input[name=password]", "ruhu-demo")
    page.click("form button")
    page.wait_for_load_state()
    page.goto(f"{url}/office/households/{household}")
    shot(page, "office-household")
    page.goto(f"{url}/office/print/household/{household}/sheet")
    page.locator("main form button").first.click()
    page.wait_for_selector('a[href$="result.pdf"]', timeout=90_000)
    with page.expect_download() as download:
        page.evaluate("() => { const a = document.querySelector('a[href$=\"result.pdf\"]'); a.download = 'sheet.pdf'; a.click(); }")
    pdf = pypdfium2.PdfDocument(download.value.path())
    pdf[0].render(scale=1.2).to_pil().save(OUT / "sheet.png", optimize=True)
    context.close()


def shot(page: Page, name: str) -> None:
    page.screenshot(path=OUT / f"{name}.png")
    print(f"docs/screenshots/{name}.png")


if __name__ == "__main__":
    main()
