"""What every test and bench on the phone begins with."""

from __future__ import annotations

from playwright.sync_api import Page


def sign_in(page: Page, url: str, username: str = "qingshui") -> None:
    """Open the app at a node and sign in as somebody of the demo county; the first screen stands afterwards."""
    page.goto(url + "/")
    page.fill("input[name=username]", username)
    page.fill("input[name=password]", "ruhu-demo")
    page.click("button[type=submit]")
    page.wait_for_selector(".tabs a", timeout=60_000)
