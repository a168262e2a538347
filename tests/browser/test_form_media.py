"""Photos, drawings, sound, films, files, codes and places in a real browser at 360×740, against a real node.

1. every kind is filled, survives a killed page, is finished with no network, and arrives whole at the node,
   where the office sees, hears and measures it
2. a photo the phone has no room for is called not saved; the answers stay, and a retry heals it
3. a recording that a killed page cut off is offered again
4. strokes stay whole on a turned screen, and one is taken back
5. a code is read with the camera, or typed
6. a place gets better until it is good enough; without permission it is typed, and checked
7. nobody is recorded without a yes
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Playwright

from app.publish import publish_library
from browser.camera import camera_args, film_of
from browser.phone import sign_in
from browser.servers import CHROMIUM, CHROMIUM_ARGS, DESK, PATIENCE_MS, PHONE, ROOT, NodeProcess, make_demo
from browser.test_form_screen import forward, question, rows, saved
from browser.waiting import until
from forms.library import load_library
from sync.store.sqlite import SqliteStore

CODE = "6901234567892"
HERE = {"latitude": 30.123456, "longitude": 108.654321, "accuracy": 6}
INK = """(canvas) => {
  const dots = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let [left, right, n] = [canvas.width, 0, 0];
  for (let i = 3; i < dots.length; i += 4) if (dots[i] > 60) {
    const x = ((i - 3) / 4) % canvas.width;
    n += 1; left = Math.min(left, x); right = Math.max(right, x);
  }
  return {n, from: left / canvas.width, to: right / canvas.width, wide: canvas.width};
}"""

LOADED = "(one) => one.readyState >= 1 || new Promise((go) => one.addEventListener('loadedmetadata', go))"
SENT = """async () => {
  const db = await new Promise((done) => { const ask = indexedDB.open('ruhu-outbox'); ask.onsuccess = () => done(ask.result); });
  const count = await new Promise((done) => {
    const ask = db.transaction('blob').objectStore('blob').index('unsent').count(); ask.onsuccess = () => done(ask.result);
  });
  db.close();
  return count === 0;
}"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    data = tmp_path_factory.mktemp("form-media") / "data"
    make_demo(data, households=60)
    store = SqliteStore(data)
    assert publish_library(store, load_library(ROOT / "tests" / "forms"), lambda: datetime.now(UTC)) == []
    store.close()
    running = NodeProcess(data).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def filming(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose camera looks at a code, and whose microphone beeps."""
    film = film_of(CODE, tmp_path_factory.mktemp("film") / "code.mjpeg")
    opened = playwright.chromium.launch(executable_path=CHROMIUM, args=[*CHROMIUM_ARGS, *camera_args(film)])
    yield opened
    opened.close()


@pytest.fixture()
def context(filming: Browser) -> Iterator[BrowserContext]:
    opened = filming.new_context(**PHONE, timezone_id="Asia/Shanghai", geolocation=HERE)
    opened.grant_permissions(["geolocation", "camera", "microphone"])
    yield opened
    opened.close()


@pytest.fixture()
def page(context: BrowserContext, node: NodeProcess) -> Page:
    """Signed in, the form of every kind open, its forms and modules on the phone."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    sign_in(page, node.url)
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    page.goto(f"{node.url}/#/form?form_id=media")
    page.wait_for_selector(".quiet-yes")
    return page


def picture(width: int = 3000, height: int = 2000, *, lying: bool = False) -> dict[str, Any]:
    """A noisy photo; lying: taken with the phone upright, as cameras store it."""
    raw, exif = io.BytesIO(), Image.Exif()
    if lying:
        exif[0x0112] = 6
    Image.effect_noise((width, height), 60).convert("RGB").save(raw, "JPEG", quality=90, exif=exif)
    return {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": raw.getvalue()}


def stroke(page: Page, name: str, down: int = 30) -> None:
    canvas = question(page, name).locator("canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + down)
    page.mouse.down()
    for step in range(1, 14):
        page.mouse.move(box["x"] + 20 + step * (box["width"] - 40) / 14, box["y"] + down + (step % 3) * 15)
    page.mouse.up()


def answer_of(page: Page, name: str) -> str:
    (draft,) = rows(page, "ruhu-data", "draft")
    found = [group[name] for group in draft["answers"].values() if isinstance(group, dict) and name in group]
    return str(found[0] if found else draft["answers"].get(name, ""))


def wait_for_answer(page: Page, name: str, has: str = "") -> str:
    for _ in range(100):
        drafts = rows(page, "ruhu-data", "draft")
        value = answer_of(page, name) if drafts else ""
        if value and has in value:
            return value
        page.wait_for_timeout(100)
    raise AssertionError(f"{name} has no answer with {has!r}")


def fill_pictures(page: Page) -> None:
    question(page, "house").locator("input[type=file]").set_input_files(picture())
    wait_for_answer(page, "house", ".jpg")
    question(page, "crack").locator("input[type=file]").set_input_files(picture(1200, 900))
    before = wait_for_answer(page, "crack", ".jpg")
    stroke(page, "crack")
    page.wait_for_function("([sel]) => !document.querySelector(sel).hidden", arg=["[data-path$='/crack'] .pad-undo"])
    for name in ("plan", "sign"):
        stroke(page, name)
        wait_for_answer(page, name, ".png")
    for _ in range(50):
        if answer_of(page, "crack") != before:
            return
        page.wait_for_timeout(100)
    raise AssertionError("the drawing over the photo is no answer")


def fill_sounds(page: Page) -> None:
    for name, wait in (("story", 700), ("yard", 1500)):
        question(page, name).locator(".record-start").click()
        question(page, name).locator(".record-stop").wait_for()
        page.wait_for_timeout(wait)
        question(page, name).locator(".record-stop").click()
        wait_for_answer(page, name, ".webm")
    question(page, "paper").locator("input[type=file]").set_input_files(
        {"name": "证明 2026.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 a paper"}
    )
    wait_for_answer(page, "paper", ".pdf")
    assert "证明 2026.pdf" in question(page, "paper").inner_text()
    question(page, "code").locator("input").fill(CODE)
    question(page, "code").locator("input").blur()


def fill_places(page: Page, context: BrowserContext) -> None:
    question(page, "home").locator(".geo-get").click()
    assert wait_for_answer(page, "home").startswith("30.123456 108.654321 ")
    well = question(page, "well")
    well.locator(".geo-typed").fill("北纬30.2 东经108.9")
    well.locator(".geo-use").click()
    assert wait_for_answer(page, "well") == "30.2 108.9 0 0"
    field = question(page, "field")
    for number, (latitude, longitude) in enumerate([(30.1, 108.6), (30.1005, 108.6), (30.1005, 108.6009)], 1):
        context.set_geolocation({"latitude": latitude, "longitude": longitude, "accuracy": 4})
        field.locator(".geo-mark").click()
        field.locator(f".geo-points li:nth-child({number})").wait_for()
    assert "亩" in field.inner_text()
    path = question(page, "path")
    path.locator(".geo-walk").click()
    for step in range(3):
        context.set_geolocation({"latitude": 30.1 + step * 0.0004, "longitude": 108.6, "accuracy": 5})
        page.wait_for_timeout(300)
    path.locator(".geo-walk").click()
    assert path.locator(".geo-points li").count() >= 2
    context.set_geolocation(HERE)
    question(page, "moved").locator("input").fill("县城")
    question(page, "moved").locator("input").blur()
    wait_for_answer(page, "moved_place")


def test_every_kind_from_phone_to_office(page: Page, context: BrowserContext, node: NodeProcess) -> None:
    context.set_offline(True)
    page.click(".quiet-yes")
    page.wait_for_selector(".quiet-stop")
    question(page, "remark").locator("input").fill("都在家")
    fill_pictures(page)
    kept = {name: answer_of(page, name) for name in ("house", "crack", "plan", "sign")}

    # The page is killed and opened again: everything is there, and the drawing can go on.
    address = page.url
    assert "draft_id=" in address
    page.close(run_before_unload=False)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(address)
    question(page, "sign").locator(".pad-undo").wait_for()
    assert {name: answer_of(page, name) for name in kept} == kept
    assert question(page, "remark").locator("input").input_value() == "都在家"
    assert question(page, "crack").locator("canvas").evaluate(INK)["n"] > 50
    assert question(page, "house").locator("img.photo-shown[src]").count() == 1
    assert answer_of(page, "talk").endswith(".webm")  # what was recorded until the page died
    assert "不再录" in page.inner_text(".quiet-sound")

    forward(page)
    fill_sounds(page)
    forward(page)
    fill_places(page, context)
    page.click(".form-next")
    page.wait_for_selector(".done")
    assert rows(page, "ruhu-data", "draft") == []
    assert rows(page, "ruhu-data", "photo") == []
    (op,) = [row["op"] for row in rows(page, "ruhu-outbox", "op")]
    answers = op["fields"]["answers"]["new"]
    blobs = {row["sha256"]: row for row in rows(page, "ruhu-outbox", "blob")}
    assert {one["sha256"] for one in op["blobs"]} == set(blobs)
    for sha256, row in blobs.items():
        assert hashlib.sha256(bytes(row["bytes"])).hexdigest() == sha256
    house = Image.open(io.BytesIO(bytes(blobs[answers["pictures"]["house"].split(".")[0]]["bytes"])))
    assert max(house.size) == 1024
    log = list(csv.DictReader(io.StringIO(bytes(blobs[answers["meta"]["audit"].split(".")[0]]["bytes"]).decode())))
    assert log[0]["event"] == "form start"
    assert "form resume" in {row["event"] for row in log}
    assert log[-1]["event"] == "form finalize"
    remark = [row for row in log if row["node"] == "/data/pictures/remark"]
    assert remark[0]["new-value"] == "都在家" and remark[0]["user"] == "qingshui"
    assert answers["who"] == "qingshui" and len(answers["device"]) > 10 and answers["start_place"].startswith("30.1")

    context.set_offline(False)
    page.goto(f"{node.url}/#/sync")
    until(page, SENT, seconds=60)
    seen_in_the_office(context, node, op["id"], answers, {sha256: bytes(row["bytes"]) for sha256, row in blobs.items()})


def seen_in_the_office(
    context: BrowserContext, node: NodeProcess, id: str, answers: dict[str, Any], blobs: dict[str, bytes]
) -> None:
    desk = context.browser.new_context(**DESK)  # type: ignore[union-attr]
    try:
        page = desk.new_page()
        page.goto(f"{node.url}/office/submissions/{id}")
        page.fill("input[name=username]", "centre")
        page.fill("input[name=password]", "ruhu-demo")
        page.click("form button")
        for _ in range(40):  # the read tables follow the store
            page.goto(f"{node.url}/office/submissions/{id}")
            if page.locator(".answers img").count() == 4:
                break
            page.wait_for_timeout(500)
        page.wait_for_function("() => [...document.images].every((one) => one.complete && one.naturalWidth > 0)")
        assert page.locator(".answers img").count() == 4
        media = page.locator(".answers audio, .answers video")
        assert media.count() == 3
        for number in range(3):
            media.nth(number).evaluate(LOADED)
        assert page.locator(".answers svg.sketch").count() == 2
        assert "没有传到" not in page.inner_text("main")
        for sha256, body in blobs.items():
            got = desk.request.get(f"{node.url}/office/submissions/{id}/files/{sha256}")
            assert got.body() == body, sha256
        log = desk.request.get(f"{node.url}/office/submissions/{id}/files/{answers['meta']['audit'].split('.')[0]}")
        assert 'filename="audit.csv"' in log.headers["content-disposition"]
        page.wait_for_timeout(1200)
        page.reload()
        assert page.locator(".problem").count() == 0, page.locator(".problem").all_inner_texts()
        assert page.locator("section.problems").count() == 0, page.inner_text("main")
    finally:
        desk.close()


def test_a_photo_without_room_is_not_saved_and_heals(page: Page) -> None:
    question(page, "remark").locator("input").fill("先写这个")
    saved(page, "先写这个")
    page.evaluate("""() => {
      window.keptPut = IDBObjectStore.prototype.put;
      IDBObjectStore.prototype.put = function (...given) {
        if (this.name === 'photo') throw new DOMException('full', 'QuotaExceededError');
        return window.keptPut.apply(this, given);
      };
    }""")
    house = question(page, "house")
    house.locator("input[type=file]").set_input_files(picture(800, 600, lying=True))
    house.locator(".unsaved").wait_for()
    words = house.locator(".unsaved").inner_text()
    assert "没有保存" in words and "存储已满" in words and "其他答案都还在" in words
    number = page.inner_text(".form-progress")
    page.click(".form-next")  # a page is not left behind with a photo that only seems to be there
    page.wait_for_timeout(300)
    assert page.inner_text(".form-progress") == number
    assert answer_of(page, "remark") == "先写这个"
    page.evaluate("() => { IDBObjectStore.prototype.put = window.keptPut; }")
    house.locator(".kept-retry").click()
    value = wait_for_answer(page, "house", ".jpg")
    assert house.locator(".unsaved").count() == 0
    (row,) = [row for row in rows(page, "ruhu-data", "photo") if row["sha256"] == value.split(".")[0]]
    assert Image.open(io.BytesIO(bytes(row["bytes"]))).size == (600, 800)
    house.locator(".photo-remove").click()
    saved(page, '"house":""')
    house.locator(".kept-undo").click()
    assert wait_for_answer(page, "house", ".jpg") == value


def test_a_cut_off_recording_is_offered_again(page: Page, context: BrowserContext) -> None:
    page.click(".quiet-no")
    question(page, "remark").locator("input").fill("在")
    saved(page, '"remark":"在"')
    forward(page)
    question(page, "story").locator(".record-start").click()
    for _ in range(100):
        if [row for row in rows(page, "ruhu-data", "photo") if "/story|" in row["sha256"]]:
            break
        page.wait_for_timeout(100)
    address = page.url
    page.close(run_before_unload=False)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(address)
    question(page, "story").locator(".record-left").click()
    wait_for_answer(page, "story", ".webm")
    seconds = question(page, "story").locator("audio").evaluate(
        "(one) => new Promise((go) => { one.onloadeddata = () => go(one.readyState); if (one.readyState > 1) go(2); })")
    assert seconds >= 2
    assert not [row for row in rows(page, "ruhu-data", "photo") if "/story|" in row["sha256"]]
    assert "没有同意录音" in page.inner_text(".quiet-sound")


def test_strokes_on_a_turned_screen(page: Page) -> None:
    stroke(page, "sign")
    first = wait_for_answer(page, "sign", ".png")
    canvas = question(page, "sign").locator("canvas")
    before = canvas.evaluate(INK)
    page.set_viewport_size({"width": 740, "height": 360})
    page.wait_for_timeout(300)
    after = canvas.evaluate(INK)
    assert after["wide"] > before["wide"]
    assert after["from"] == pytest.approx(before["from"], abs=0.03)
    assert after["to"] == pytest.approx(before["to"], abs=0.03)
    stroke(page, "sign", down=60)
    for _ in range(50):
        if answer_of(page, "sign") != first:
            break
        page.wait_for_timeout(100)
    question(page, "sign").locator(".pad-undo").click()
    for _ in range(50):
        if answer_of(page, "sign") == first:
            break
        page.wait_for_timeout(100)
    assert canvas.evaluate(INK)["n"] < after["n"] * 1.3
    question(page, "sign").locator(".signature-clear").click()
    saved(page, '"sign":""')
    question(page, "sign").locator(".kept-undo").click()
    assert wait_for_answer(page, "sign", ".png")
    assert canvas.evaluate(INK)["n"] > 50


def test_a_code_is_read_with_the_camera(page: Page) -> None:
    forward(page)
    question(page, "code").locator(".barcode-scan").click()
    assert wait_for_answer(page, "code") == CODE
    assert question(page, "code").locator("video").is_hidden()
    assert question(page, "code").locator("input").input_value() == CODE


def test_a_place_gets_better_or_is_typed(page: Page, context: BrowserContext) -> None:
    forward(page)
    forward(page)
    home = question(page, "home")
    context.set_geolocation({**HERE, "accuracy": 80})
    home.locator(".geo-get").click()
    page.wait_for_function("() => document.querySelector(\"[data-path$='/home'] .media-said\").textContent.includes('80')")
    assert answer_of(page, "home") == "" if rows(page, "ruhu-data", "draft") else True
    context.set_geolocation({**HERE, "accuracy": 9})
    assert wait_for_answer(page, "home").endswith(" 9")
    context.set_geolocation({**HERE, "accuracy": 90})
    home.locator(".geo-get").click()
    page.wait_for_function("() => document.querySelector(\"[data-path$='/home'] .media-said\").textContent.includes('90')")
    home.get_by_role("button", name="就用现在的").click()
    assert wait_for_answer(page, "home", " 90")
    assert "误差较大" in home.inner_text()

    well = question(page, "well")
    well.locator(".geo-typed").fill("村委会旁边")
    well.locator(".geo-use").click()
    assert "看不懂" in well.inner_text()
    assert well.locator(".geo-typed").input_value() == "村委会旁边"

    field = question(page, "field")
    field.locator(".geo-type").click()
    for place in ("30.1 108.6", "30.2 108.6"):
        field.locator(".geo-typed").fill(place)
        field.locator(".geo-typed").press("Enter")
    field.locator(".geo-points li:nth-child(2)").wait_for()
    well.locator(".geo-typed").fill("")
    page.click(".form-next")
    assert "至少要记三个点" in field.inner_text()
    field.locator(".geo-drop").first.click()
    field.locator(".kept-undo").click()
    assert field.locator(".geo-points li").count() == 2


def test_nobody_is_recorded_without_a_yes(filming: Browser, node: NodeProcess, tmp_path: Path) -> None:
    """And where the phone may not listen or locate, the form says so and is filled all the same."""
    context = filming.new_context(**PHONE, service_workers="block")
    try:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        sign_in(page, node.url)
        page.evaluate("""() => {
          navigator.mediaDevices.getUserMedia = () => {
            window.asked = true;
            return Promise.reject(new DOMException('', 'NotAllowedError'));
          };
        }""")
        page.evaluate("(hash) => { location.hash = hash; }", "#/form?form_id=media")
        page.wait_for_selector(".quiet-yes")
        page.wait_for_timeout(500)
        assert page.evaluate("() => window.asked") is None
        page.click(".quiet-yes")
        page.wait_for_function("() => document.querySelector('.quiet-sound').textContent.includes('没有得到话筒许可')")
        question(page, "remark").locator("input").fill("照样填")
        saved(page, "照样填")
        assert json.dumps(rows(page, "ruhu-data", "photo")) == "[]"
    finally:
        context.close()
