"""Printing as a person does it at the office: start, watch, fetch, cancel; and what others must not see."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime

import pypdfium2
import pytest
import zxingcpp
from conftest import HOUSEHOLD, OTHER_HOUSEHOLD, OTHER_VILLAGE, VILLAGE

from app import codes
from app.config import ROOT
from app.print import jobs as print_jobs
from app.print import numbers
from app.print.jobs import Jobs, new_job
from sync.author import Author

FONTS = ROOT / ".tools" / "fonts"
CODE = codes.make_code(b"k" * 32, bytes(range(9)))


@pytest.fixture
def printing(app, here):
    """The app with households that have codes, and a font cut before."""
    app.config["FONT_FOLDER"] = FONTS
    author = Author("i-codes", "u-county", clock=lambda: datetime(2026, 11, 2, tzinfo=UTC))
    fields = {"code": (None, CODE), "helper_name": (None, "王珍")}
    here.store.load([
        author.update("household", HOUSEHOLD, VILLAGE, fields, base_rev=1),
        *(author.create("household", f"h-{n}", VILLAGE, {"head_name": f"户{n}", "group": "2", "house_no": str(n)})
          for n in range(12)),
    ])  # fmt: skip
    here.tables.catch_up()
    return app


def token(browser, path="/office/print/household/h-ran/sheet"):
    return browser.get(path).text.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]


def begin(browser, **data):
    return browser.post("/office/print/", data={"csrf_token": token(browser), "form_id": "mini", **data})


def jobs_of(app) -> Jobs:
    return app.extensions["ruhu_print"]


def test_a_sheet_is_printed_traced_and_opens_its_household(printing, here, office, cast):
    browser = office(cast.cadre)
    reply = begin(browser, household=HOUSEHOLD, what="sheet")
    assert reply.status_code == 303, reply.text
    page = reply.headers["Location"]
    finished = jobs_of(printing).wait(page.rsplit("/", 1)[1])
    assert (finished.state, finished.error) == ("done", "")
    assert "result.pdf" in browser.get(page).text
    with browser.get(f"{page}/result.pdf") as pdf:
        assert pdf.mimetype == "application/pdf" and pdf.headers["Cache-Control"] == "no-store"
        data = pdf.data
    image = pypdfium2.PdfDocument(data)[0].render(scale=2).to_pil()
    scanned = codes.parse(zxingcpp.read_barcodes(image)[0].text)
    assert (scanned.kind, scanned.code, scanned.form_id) == ("sheet", CODE, "mini")
    traced = numbers.trace(here.store, HOUSEHOLD, scanned.sheet)
    assert traced.fields["printed_by"] == "u-cadre" and traced.fields["form_version"] == "1"
    assert traced.area == VILLAGE


def test_a_village_is_printed_in_pieces_by_several_workers(printing, office, cast):
    browser = office(cast.cadre)
    id = begin(browser, village=VILLAGE, what="sheet").headers["Location"].rsplit("/", 1)[1]
    finished = jobs_of(printing).wait(id)
    assert (finished.state, finished.done, finished.total) == ("done", 13, 13)
    text = [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(jobs_of(printing).result(id))]
    assert len(text) == 13
    assert not list(jobs_of(printing).result(id).parent.glob("piece-*"))
    status = browser.get(f"/office/print/jobs/{id}/status.json").json
    assert status == {"state": "done", "done": 13, "total": 13, "error": ""}


def test_door_cards_skip_households_without_a_code(printing, office, cast):
    browser = office(cast.cadre)
    id = begin(browser, village=VILLAGE, what="door-card").headers["Location"].rsplit("/", 1)[1]
    assert jobs_of(printing).wait(id).state == "done"
    image = pypdfium2.PdfDocument(jobs_of(printing).result(id))[0].render(scale=2).to_pil()
    assert [codes.parse(one.text).code for one in zxingcpp.read_barcodes(image)] == [CODE]


def test_ticked_households_become_one_print(printing, office, cast):
    browser = office(cast.cadre)
    page = browser.get("/office/register").text
    shown = re.findall(r'name="shown" value="([^"]+)"', page)
    assert len(shown) > 2 and "checked" not in page
    ticks = {"csrf_token": token(browser), "shown": shown}
    reply = browser.post("/office/print/chosen?sort=head", data={**ticks, "household": [*shown[:2], OTHER_HOUSEHOLD]})
    assert reply.headers["Location"].endswith("/office/register?sort=head")
    assert browser.get("/office/register").text.count(" checked") == 2
    # What another page or search shows leaves these alone; unticked where shown, they go.
    browser.post("/office/print/chosen", data={"csrf_token": token(browser), "shown": shown[2:], "household": shown[2:3]})
    browser.post("/office/print/chosen", data={"csrf_token": token(browser), "shown": shown[:1]})
    assert "打印单:2 户" in browser.get("/office/print/").text
    assert "打印单:" not in office(cast.township).get("/office/print/").text
    id = begin(browser, what="sheet", chosen="1").headers["Location"].rsplit("/", 1)[1]
    finished = jobs_of(printing).wait(id)
    assert (finished.state, finished.total) == ("done", 2)
    browser.post("/office/print/chosen", data={"csrf_token": token(browser), "clear": "1"})
    assert "打印单:" not in browser.get("/office/print/").text


def test_nothing_of_a_job_is_there_for_an_outsider(printing, office, cast):
    id = begin(office(cast.cadre), household=HOUSEHOLD, what="sheet").headers["Location"].rsplit("/", 1)[1]
    jobs_of(printing).wait(id)
    for outsider in (cast.neighbour, cast.stranger):
        browser = office(outsider)
        for path in ("", "/status.json", "/result.pdf"):
            assert browser.get(f"/office/print/jobs/{id}{path}").status_code == 404
        assert id not in browser.get("/office/print/").text
    # The sheet shows whole numbers to whoever sees them whole; a door card shows none.
    assert office(cast.township).get(f"/office/print/jobs/{id}").status_code == 404
    card = begin(office(cast.cadre), household=HOUSEHOLD, what="door-card").headers["Location"].rsplit("/", 1)[1]
    jobs_of(printing).wait(card)
    assert office(cast.township).get(f"/office/print/jobs/{card}").status_code == 200


def test_a_household_out_of_scope_cannot_be_printed(printing, office, cast):
    browser = office(cast.cadre)
    assert begin(browser, household=[HOUSEHOLD, OTHER_HOUSEHOLD], what="sheet").status_code == 404
    assert begin(browser, village=OTHER_VILLAGE, what="sheet").status_code == 422
    assert browser.get(f"/office/print/household/{OTHER_HOUSEHOLD}/sheet").status_code == 404


def test_the_browser_prints_the_same_sheet(printing, office, cast):
    browser = office(cast.cadre)
    reply = browser.post(f"/office/print/household/{HOUSEHOLD}/sheet.html",
                         data={"csrf_token": token(browser), "form_id": "mini"})  # fmt: skip
    assert "冉光荣" in reply.text and "/static/css/print.css" in reply.text
    assert "<style" not in reply.text and " style=" not in reply.text
    assert (ROOT / "static/css/print.css").exists()


def test_a_job_that_was_running_when_the_program_stopped_says_so(tmp_path):
    before = Jobs(tmp_path, FONTS)
    job = new_job("sheet", "旧任务", "u", [VILLAGE], 1, "2026-11-24T10:00:00+08:00")
    (tmp_path / job.id).mkdir()
    before._write(job)
    again = Jobs(tmp_path, FONTS).get(job.id)
    assert again.state == "interrupted" and "重新" in again.error


def test_a_cancelled_job_stops_and_leaves_nothing(tmp_path):
    waiting = threading.Event()
    jobs = Jobs(tmp_path, FONTS, workers=1)

    def documents():
        waiting.wait(30)
        return ["<p>x</p>"]

    job = jobs.start(new_job("sheet", "t", "u", [VILLAGE], 1, "2026-11-24"), documents)
    jobs.cancel(job.id)
    waiting.set()
    assert jobs.wait(job.id).state == "cancelled"
    assert not jobs.result(job.id).exists()


def test_a_failed_job_says_why_and_the_next_one_runs(tmp_path):
    jobs = Jobs(tmp_path, FONTS, workers=1)
    bad = jobs.start(new_job("sheet", "t", "u", [VILLAGE], 1, "2026-11-24"), lambda: ["<img src='http://127.0.0.1/'>"])
    good = jobs.start(new_job("sheet", "t", "u", [VILLAGE], 1, "2026-11-24"), lambda: ["<p>好</p>"])
    assert jobs.wait(bad.id).state == "failed" and "排版出错" in jobs.get(bad.id).error
    assert jobs.wait(good.id).state == "done"


def test_a_piece_that_takes_too_long_is_given_up(tmp_path):
    jobs = Jobs(tmp_path, FONTS, workers=1, chunk_seconds=0.0)
    job = jobs.start(new_job("sheet", "t", "u", [VILLAGE], 1, "2026-11-24"), lambda: ["<p>x</p>"] * 5)
    assert jobs.wait(job.id).state == "failed" and "时限" in jobs.get(job.id).error


def test_a_machine_without_fonts_is_told_so_and_nothing_else_breaks(tmp_path, monkeypatch):
    monkeypatch.setattr(print_jobs.fonts, "_FACE", "No Such Face")
    jobs = Jobs(tmp_path, tmp_path / "fonts")
    job = jobs.start(new_job("sheet", "t", "u", [VILLAGE], 1, "2026-11-24"), lambda: ["<p>x</p>"])
    assert "fonts-noto-cjk" in jobs.wait(job.id).error


def test_old_jobs_are_swept(tmp_path):
    jobs = Jobs(tmp_path, FONTS)
    job = jobs.start(new_job("sheet", "t", "u", [VILLAGE], 0, "2026-01-01"), lambda: ["<p>x</p>"])
    jobs.wait(job.id)
    jobs.sweep("2026-11-01")
    assert jobs.get(job.id) is None and jobs.get("../../etc") is None
