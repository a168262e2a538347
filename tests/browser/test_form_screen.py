"""The form screen in a real browser at 360×740, against a real node.

1. A household where nothing changed takes at most twelve taps after opening the form.
2. The page killed in the middle reopens on the same question with every answer.
3. A second tab may look, not write.
4. An answer that cannot be written stops the person, and heals on retry.
5. What is missing is listed at the end, and a tap goes there.
6. A changed answer keeps the last one in sight, and one tap brings it back.
7. A drawn signature and a scaled photo travel with the form; nothing of the photo's EXIF does.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page

from browser.phone import ROWS, sign_in
from browser.servers import PATIENCE_MS, PHONE, NodeProcess, make_demo
from browser.waiting import until


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    folder = tmp_path_factory.mktemp("form-screen")
    make_demo(folder / "data", households=60)
    running = NodeProcess(folder / "data").start()
    yield running
    running.stop()


@pytest.fixture()
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(**PHONE, service_workers="block", timezone_id="Asia/Shanghai")
    yield opened
    opened.close()


@pytest.fixture()
def page(context: BrowserContext, node: NodeProcess) -> Page:
    """Signed in, and the form opened for a household of about four."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    sign_in(page, node.url)
    pulled: list[int] = []
    while len(pulled) < 3 or not pulled[-1] == pulled[-2] == pulled[-3] > 20:
        assert len(pulled) < 60, pulled
        page.wait_for_timeout(200)
        pulled.append(len(rows(page, "ruhu-data", "record")))
    page.goto(f"{node.url}/#/form?form_id=visit&household_id={household_of(page)}")
    page.wait_for_selector(".form-screen .question")
    return page


def rows(page: Page, database: str, store: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate(ROWS, [database, store])
    return found


def household_of(page: Page) -> str:
    records = rows(page, "ruhu-data", "record")
    members = [r["fields"]["household_id"] for r in records if r["kind"] == "member"]
    households = [r["id"] for r in records if r["kind"] == "household"]
    return str(min(households, key=lambda one: (abs(members.count(one) - 4), one)))


def question(page: Page, name: str) -> Locator:
    return page.locator(f".question[data-path$='/{name}']")


def forward(page: Page) -> None:
    """One tap on the thumb button, and the page after it."""
    before = page.inner_text(".form-progress")
    page.click(".form-foot .form-next")
    page.wait_for_function(
        "(before) => document.querySelector('.form-progress')?.innerText !== before", arg=before
    )


def saved(page: Page, has: str) -> None:
    until(page, f"async (has) => JSON.stringify(await ({ROWS})(['ruhu-data', 'draft'])).includes(has)", has)


def sign(page: Page, name: str) -> None:
    question(page, name).scroll_into_view_if_needed()
    canvas = question(page, name).locator("canvas")
    box = canvas.bounding_box()
    assert box is not None
    # Drawn again until the lazily loaded pad takes the strokes.
    for _ in range(20):
        page.mouse.move(box["x"] + 20, box["y"] + 30)
        page.mouse.down()
        for step in range(12):
            page.mouse.move(box["x"] + 20 + step * 18, box["y"] + 30 + (step % 3) * 40)
        page.mouse.up()
        if question(page, name).locator(".signature-clear").is_visible():
            return
        page.wait_for_timeout(100)
    raise AssertionError("the signature pad took no stroke")


def test_unchanged_household_in_twelve_taps(page: Page) -> None:
    taps = 0
    asked = {"respondent": "head", "has_problem": "no", "satisfaction": "5"}
    for _ in range(20):
        for name, value in asked.items():
            choice = question(page, name).locator(f"input[value='{value}']")
            if choice.count() and choice.is_visible() and not choice.is_checked():
                choice.check()
                taps += 1
        if page.inner_text(".form-foot .form-next") == "完成":
            break
        forward(page)
        taps += 1
    sign(page, "signature_household")
    page.click(".form-foot .form-next")
    taps += 1
    page.wait_for_selector(".done")
    assert taps <= 12, taps
    assert "登记数据没有变化" in page.inner_text(".done")
    assert rows(page, "ruhu-data", "draft") == []
    ops = [row["op"] for row in rows(page, "ruhu-outbox", "op")]
    assert [op["entity"] for op in ops][:3] == ["submission", "visit", "household"]
    assert {op["submission"] for op in ops} == {ops[0]["id"]}
    carried = ops[0]["fields"]["carried"]["new"]
    assert carried
    assert {one["state"] for one in carried.values()} == {"same"}
    (blob,) = [row for row in rows(page, "ruhu-outbox", "blob") if row["type"] == "image/png"]
    assert blob["size"] <= 30 * 1024
    assert ops[0]["blobs"] == [{"sha256": blob["sha256"], "size": blob["size"]}]


def test_killed_in_the_middle(page: Page, context: BrowserContext) -> None:
    question(page, "respondent").locator("input[value=proxy]").check()
    question(page, "proxy_name").locator("input").press_sequentially("赵六")
    saved(page, "赵六")
    address = page.url
    assert "draft_id=" in address
    again = context.new_page()
    page.close(run_before_unload=False)
    again.goto(address)
    again.wait_for_selector(".form-screen .question")
    assert question(again, "proxy_name").locator("input").input_value() == "赵六"
    assert again.evaluate("document.activeElement.name") == "/data/meet/proxy_name"


def test_second_tab_only_looks(page: Page, context: BrowserContext) -> None:
    question(page, "respondent").locator("input[value=head]").check()
    saved(page, '"respondent":"head"')
    second = context.new_page()
    second.goto(page.url)
    second.wait_for_selector(".form-notes p")
    assert "另一个窗口" in second.inner_text(".form-notes")
    assert question(second, "respondent").locator("input").first.is_disabled()
    assert second.locator(".carried-edit").count() == 0


def test_not_saved_stops_and_heals(page: Page) -> None:
    page.evaluate("""() => {
      window.keptPut = IDBObjectStore.prototype.put;
      IDBObjectStore.prototype.put = function () { throw new DOMException('full', 'QuotaExceededError'); };
    }""")
    question(page, "respondent").locator("input[value=head]").check()
    page.wait_for_selector(".form-wall:not([hidden])")
    assert "没有保存" in page.inner_text(".form-wall")
    assert page.evaluate("document.querySelector('.form-screen').inert")
    page.get_by_role("button", name="复制全部答案").click()
    assert "户主本人" in page.locator(".form-wall textarea").input_value()
    page.evaluate("() => { IDBObjectStore.prototype.put = window.keptPut; }")
    page.get_by_role("button", name="重试保存").click()
    page.wait_for_selector(".form-wall", state="hidden")
    saved(page, '"respondent":"head"')


def test_missing_is_listed_and_jumped_to(page: Page) -> None:
    page.click(".form-next")
    assert "要填" in question(page, "respondent").locator(".error").inner_text()
    for _ in range(20):
        if page.inner_text(".form-foot .form-next") == "完成":
            break
        page.click(".form-next")
        page.wait_for_timeout(50)
    page.click(".form-next")
    page.click(".form-next")
    page.wait_for_selector(".check")
    assert "由谁回答" in page.inner_text(".check-problems")
    page.locator(".check-row", has_text="由谁回答").click()
    assert question(page, "respondent").is_visible()


def test_changed_and_restored(page: Page) -> None:
    question(page, "phone").locator(".carried-edit").click()
    field = question(page, "phone").locator("input")
    before = field.input_value()
    field.fill("13800000000")
    field.blur()
    assert "已改" in question(page, "phone").locator(".carried").inner_text()
    assert before in question(page, "phone").locator(".carried").inner_text()
    question(page, "phone").locator(".carried-restore").click()
    assert "不变" in question(page, "phone").locator(".carried-mark").inner_text()
    assert field.input_value() == before


def test_photo_is_small_and_bare(page: Page) -> None:
    question(page, "outcome").locator("select").select_option("nobody")
    forward(page)
    picture = Image.effect_noise((3000, 2000), 60).convert("RGB")
    exif = Image.Exif()
    exif[0x010F] = "SECRETMAKER"
    raw = io.BytesIO()
    picture.save(raw, "JPEG", quality=90, exif=exif)
    question(page, "photo").locator("input[type=file]").set_input_files(
        {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": raw.getvalue()}
    )
    page.wait_for_selector(".photo-shown[src]")
    (blob,) = rows(page, "ruhu-data", "photo")
    kept = bytes(blob["bytes"])
    assert len(kept) == blob["size"] <= 300 * 1024
    assert max(Image.open(io.BytesIO(kept)).size) <= 1600
    assert b"SECRETMAKER" not in kept
    saved(page, blob["sha256"])


def to_members(page: Page) -> None:
    question(page, "respondent").locator("input[value=head]").check()
    for _ in range(4):
        if page.locator(".members").is_visible():
            return
        forward(page)
    raise AssertionError("no list of members")


def in_sight(page: Page, words: str) -> None:
    page.wait_for_function("(words) => document.querySelector('.form-where-name').innerText.includes(words)", arg=words)


def test_members_one_after_another(page: Page) -> None:
    to_members(page)
    known = page.locator(".member-row").count()
    page.click(".form-body .member-add")
    in_sight(page, f" {known + 1}")
    question(page, "full_name").locator("input").fill("王小一")
    # The next one is added from the card, which is the only one with nodes.
    page.click(".member-card .member-add")
    in_sight(page, f" {known + 2}")
    assert page.locator(".member-card").count() == page.locator(".form-body [data-path$='/full_name']").count() == 1
    assert question(page, "full_name").locator("input").input_value() == ""
    question(page, "full_name").locator("input").fill("王小二")
    page.click(".form-foot .form-previous")
    page.wait_for_selector(".members")
    names = page.locator(".member-name").all_inner_texts()
    assert [names[-2], names[-1]] == ["王小一", "王小二"]
    # Opening the first again shows its own answer in the same nodes.
    page.locator(".member-row").nth(known).click()
    in_sight(page, "王小一")
    assert question(page, "full_name").locator("input").input_value() == "王小一"
    assert page.locator(".member-remove").count() == 0, "only the last of a counted list can go"
    page.click(".form-foot .form-previous")
    page.locator(".member-row").nth(known + 1).click()
    page.click(".member-remove")
    page.wait_for_function("(n) => document.querySelectorAll('.member-row').length === n", arg=known + 1)
    page.get_by_role("button", name="撤销").click()
    page.wait_for_function("(n) => document.querySelectorAll('.member-row').length === n", arg=known + 2)
    assert page.locator(".member-name").last.inner_text() == "王小二"
    saved(page, "王小二")


def test_carried_answers_of_the_next_member_are_its_own(page: Page) -> None:
    """The card's nodes go from member to member; what is confirmed in them must not."""
    to_members(page)
    page.locator(".member-row").nth(0).click()
    page.wait_for_selector(".member-card")
    in_first = page.inner_text(".form-where-name")
    first = question(page, "relation").locator(".carried b").inner_text()
    question(page, "relation").locator(".carried-same").click()
    page.click(".form-foot .form-next")
    page.wait_for_function("(n) => document.querySelector('.form-where-name').innerText !== n", arg=in_first)
    second = question(page, "relation")
    assert second.locator(".carried b").inner_text() != first
    second.locator(".carried-same").click()
    saved(page, '"same"')
    (draft,) = rows(page, "ruhu-data", "draft")
    states = {path: one for path, one in draft["carried"].items() if path.endswith("/relation")}
    assert states["/data/people/member[1]/relation"]["state"] == "same"
    assert states["/data/people/member[2]/relation"]["state"] == "same"
    assert states["/data/people/member[1]/relation"]["value"] != states["/data/people/member[2]/relation"]["value"]


def test_pages_are_listed_and_made_when_shown(page: Page) -> None:
    assert page.locator("section.page").count() == 1
    page.click(".form-unfold")
    listed = page.locator(".form-jumps button")
    assert listed.count() == int(page.inner_text(".form-where").split("共")[1].split("页")[0])
    assert "未看" in page.inner_text(".form-jumps")
    listed.last.click()
    page.wait_for_selector("section.page[data-name=close]")
    assert page.locator("section.page").count() == 1
    page.click(".form-unfold")
    assert listed.last.get_attribute("aria-current") == "step"
    assert "题要补" in listed.first.inner_text()
