"""Printing a blank form and a submission from their office pages."""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from conftest import HOUSEHOLD, VILLAGE
from PIL import Image

from app import codes
from app.config import ROOT
from app.print import numbers
from sync.author import Author
from sync.records import BlobRef

CODE = codes.make_code(b"k" * 32, bytes(range(9)))


@pytest.fixture
def printing(app: Any, here: Any) -> Any:
    """The app with a coded household and one submission about it."""
    app.config["FONT_FOLDER"] = ROOT / ".tools" / "fonts"
    author = Author("i-form", "u-cadre", clock=lambda: datetime(2026, 11, 2, tzinfo=UTC))
    answers = {"household_id": HOUSEHOLD, "living": {"water": "no", "remark": "井水发浑"}}
    fields = {"form_id": "mini", "form_version": "1", "form_hash": here.forms.newest("mini").hash, "household_id": HOUSEHOLD,
              "sheet": "", "started": "2026-11-02T09:00:00+08:00", "ended": "2026-11-02T09:20:00+08:00",
              "instance_name": "冉光荣", "answers": answers, "carried": {}}  # fmt: skip
    here.store.load([
        author.update("household", HOUSEHOLD, VILLAGE, {"code": (None, CODE)}, base_rev=1),
        author.create("submission", "s-1", VILLAGE, fields),
    ])  # fmt: skip
    here.tables.catch_up()
    return app


def posted(browser: Any, path: str, **data: str) -> Any:
    token = browser.get(path).text.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]
    return browser.post(path, data={"csrf_token": token, **data})


def pdf_of(app: Any, browser: Any, reply: Any) -> pypdfium2.PdfDocument:
    assert reply.status_code == 303, reply.text
    id = reply.headers["Location"].rsplit("/", 1)[1]
    finished = app.extensions["ruhu_print"].wait(id)
    assert (finished.state, finished.error) == ("done", "")
    with browser.get(f"/office/print/jobs/{id}/result.pdf") as pdf:
        return pypdfium2.PdfDocument(pdf.data)


def text_of(document: pypdfium2.PdfDocument) -> str:
    return "".join("".join(page.get_textpage().get_text_range().split()) for page in document)


def test_a_blank_form_prints_from_its_page(printing: Any, office: Any, cast: Any) -> None:
    browser = office(cast.cadre)
    assert "/office/print/forms/mini/1" in browser.get("/office/forms/mini").text
    reply = posted(browser, "/office/print/forms/mini/1", form_lang="zh", rows="3")
    text = text_of(pdf_of(printing, browser, reply))
    assert "饮水安全吗是否" in text and "备注" in text
    reply = posted(browser, "/office/print/forms/mini/1", form_lang="en")
    assert "Isthewatersafe" in text_of(pdf_of(printing, browser, reply))


def test_a_submission_prints_with_a_code_that_leads_back(printing: Any, here: Any, office: Any, cast: Any) -> None:
    browser = office(cast.cadre)
    assert "/office/print/submissions/s-1" in browser.get("/office/submissions/s-1").text
    document = pdf_of(printing, browser, posted(browser, "/office/print/submissions/s-1", form_lang="zh"))
    text = text_of(document)
    assert "饮水安全吗否" in text and "备注井水发浑" in text and "冉光荣" in text
    scanned = codes.parse(zxingcpp.read_barcodes(document[0].render(scale=2).to_pil())[0].text)
    assert (scanned.kind, scanned.code, scanned.form_id) == ("sheet", CODE, "mini")
    assert numbers.trace(here.store, HOUSEHOLD, scanned.sheet).fields["form_id"] == "mini"


def test_the_browser_prints_the_same(printing: Any, office: Any, cast: Any) -> None:
    browser = office(cast.cadre)
    token = browser.get("/office/print/submissions/s-1").text.partition('name="csrf_token"')[2].partition('value="')[2]
    data = {"csrf_token": token.partition('"')[0], "form_lang": "zh"}
    page = browser.post("/office/print/submissions/s-1/page.html", data=data)
    assert page.status_code == 200 and "井水发浑" in page.text and "/static/css/print.css" in page.text
    assert "饮水安全吗" in browser.post("/office/print/forms/mini/1/page.html", data=data).text


def test_a_stranger_prints_nothing_of_it(printing: Any, office: Any, cast: Any) -> None:
    browser = office(cast.stranger)
    assert browser.get("/office/print/submissions/s-1").status_code == 404
    token = browser.get("/office/print/forms/mini/1").text.partition('name="csrf_token"')[2].partition('value="')[2]
    data = {"csrf_token": token.partition('"')[0]}
    assert browser.post("/office/print/submissions/s-1", data=data).status_code == 404
    assert browser.post("/office/print/submissions/s-1/page.html", data=data).status_code == 404
    mine = posted(office(cast.cadre), "/office/print/submissions/s-1", form_lang="zh")
    assert browser.get(mine.headers["Location"]).status_code == 404


def test_without_the_token_nothing_is_printed(printing: Any, office: Any, cast: Any) -> None:
    assert office(cast.cadre).post("/office/print/submissions/s-1", data={}).status_code in (400, 403)


def test_only_real_pictures_are_shown(printing: Any, here: Any) -> None:
    from app.office.printing_forms import _pictures

    made = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(made, "PNG")
    names = []
    for content in (made.getvalue(), b"<svg xmlns='http://www.w3.org/2000/svg'/>"):
        blob = BlobRef(hashlib.sha256(content).hexdigest(), len(content))
        here.store.put_blob_part(blob.sha256, 0, blob.size, content)
        names.append(f"{blob.sha256}.png")
    with printing.app_context(), printing.test_request_context():
        picture = _pictures()
        assert picture(names[0]).startswith("data:image/png;base64,")
        assert picture(names[1]) == "" and picture("0" * 64 + ".png") == "" and picture("../x") == ""
