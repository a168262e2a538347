"""The pictures, sounds and films of forms, from the office to the phones.

1 a published version's files go out under its address, with the type their bytes have and as nothing a browser runs
2 what is no picture, sound or film, or too large, is refused with what to do, and nothing is published
3 a missing file is told by name before publishing, and stops nobody
4 the record names the files: nodes below fetch them, and those who may read the form may have them
5 the next version keeps the files of the one before
6 the draft's own files are shown in its preview, to those who may manage it
7 the page without JavaScript shows them, and so does blank paper
8 a strange record names nothing that a page would show
"""

from __future__ import annotations

import base64
import hashlib
import io
import wave
from typing import Any

import openpyxl
import pytest
from PIL import Image
from test_office_forms import Desk, InThisProcess

from app import formfiles
from sync.author import Author
from sync.records import Scope
from sync.store.sqlite import SqliteStore

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"


def picture(colour: str, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (320, 200), colour).save(out, kind)
    return out.getvalue()


def sound() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as tape:
        tape.setnchannels(1)
        tape.setsampwidth(1)
        tape.setframerate(8000)
        tape.writeframes(bytes(2000))
    return out.getvalue()


WELL, TAP, TALK = picture("blue"), picture("grey", "JPEG"), sound()
FILES = (("井.png", WELL), ("tap.jpg", TAP), ("talk.wav", TALK))


def workbook(version: str = "1", image: str = "井.png") -> bytes:
    book = openpyxl.Workbook()
    page = book.active
    page.title = "survey"
    page.append(["type", "name", "label", "appearance", "media::image", "media::audio"])
    page.append(["select_one source", "water", "喝哪里的水", "", image, "talk.wav"])
    page = book.create_sheet("choices")
    page.append(["list_name", "name", "label", "media::image"])
    page.append(["source", "well", "井", "jr://images/井.png"])
    page.append(["source", "tap", "自来水", "tap.jpg"])
    page = book.create_sheet("settings")
    page.append(["form_title", "form_id", "version"])
    page.append(["水源", "source", version])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.fixture
def desk(office: Any, cast: Any, here: Any) -> Desk:
    here.checker = InThisProcess()
    return Desk(office(cast.county))


def designed(desk: Desk, *files: tuple[str, bytes]) -> str:
    return desk.designed(*files).rpartition("/")[2]


def publish(desk: Desk, here: Any, id: str) -> Any:
    design = here.designs.get(id)
    assert design is not None
    return desk.post(f"/forms/designs/{id}/publish", hash=design.hash)


def test_published_files_go_out_as_what_they_are(desk: Desk, here: Any, client: Any) -> None:
    assert publish(desk, here, designed(desk, ("a.xlsx", workbook()), *FILES, ("other.png", TAP))).status_code == 303
    for name, body, kind in (("井.png", WELL, "image/png"), ("tap.jpg", TAP, "image/jpeg"), ("talk.wav", TALK, "audio/wav")):
        reply = client.get(f"/forms/source/1/files/{name}")
        assert (reply.status_code, reply.data, reply.mimetype) == (200, body, kind)
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert "immutable" in reply.headers["Cache-Control"]
        assert "sandbox" in reply.headers["Content-Security-Policy"]
    part = client.get("/forms/source/1/files/talk.wav", headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.data) == (206, b"RIFF")
    for address in ("source/1/files/other.png", "source/2/files/tap.jpg", "none/1/files/tap.jpg", "source/1/files/..%2Fx"):
        assert client.get(f"/forms/{address}").status_code == 404


@pytest.mark.parametrize(
    ("name", "body", "told"),
    [
        ("井.png", SVG, "井.png 不是手机能显示的"),
        ("tap.jpg", HTML, "tap.jpg 不是手机能显示的"),
        ("talk.wav", TALK + bytes(4000), "talk.wav 有"),
    ],
)
def test_what_may_not_go_out_is_refused(
    desk: Desk, here: Any, monkeypatch: Any, name: str, body: bytes, told: str
) -> None:
    monkeypatch.setattr(formfiles, "MOST_BYTES", 4000)
    id = designed(desk, ("a.xlsx", workbook()), *(one for one in FILES if one[0] != name), (name, body))
    page = desk.browser.get(f"/office/forms/designs/{id}/publish").text
    assert told in page
    assert "确认发布版本" not in page
    reply = publish(desk, here, id)
    assert reply.status_code == 409
    assert told in reply.text
    assert here.store.get("form", "source") is None


def test_too_much_in_all_is_refused(desk: Desk, here: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(formfiles, "MOST_IN_ALL", len(WELL) + len(TAP))
    id = designed(desk, ("a.xlsx", workbook()), *FILES)
    assert "附件一共" in publish(desk, here, id).text
    assert here.store.get("form", "source") is None


def test_a_missing_file_is_told_and_stops_nobody(desk: Desk, here: Any, client: Any) -> None:
    id = designed(desk, ("a.xlsx", workbook()), *FILES[:2])
    page = desk.browser.get(f"/office/forms/designs/{id}/publish").text
    assert "缺 1 个附件" in page
    assert "<li>talk.wav</li>" in page
    assert publish(desk, here, id).status_code == 303
    assert client.get("/forms/source/1/files/tap.jpg").status_code == 200
    assert client.get("/forms/source/1/files/talk.wav").status_code == 404


def test_nodes_below_fetch_what_the_record_names(desk: Desk, here: Any, tmp_path: Any) -> None:
    publish(desk, here, designed(desk, ("a.xlsx", workbook()), *FILES))
    record = here.store.get("form", "source")
    shas = {hashlib.sha256(body).hexdigest() for _name, body in FILES}
    assert {one["sha256"] for one in record.fields["files"]["1"].values()} == shas
    village = SqliteStore(tmp_path / "village")
    village.follow_upstream()
    village.take_page([record], "c1", ("centre", "e1"))
    assert {sha256 for sha256, _size in village.missing_blobs(20)} == shas | {record.fields["hash"]}
    for sha256 in shas:
        assert village.blob_is_named(sha256, Scope(area_prefixes=("",), kinds=("form",)))
        assert not village.blob_is_named(sha256, Scope(area_prefixes=("9",), kinds=("form",)))
    village.close()


def test_the_next_version_keeps_the_files_of_the_one_before(desk: Desk, here: Any, client: Any) -> None:
    publish(desk, here, designed(desk, ("a.xlsx", workbook()), *FILES))
    publish(desk, here, designed(desk, ("a.xlsx", workbook("2")), ("井.png", TAP), *FILES[1:]))
    assert client.get("/forms/source/1/files/井.png").data == WELL
    assert client.get("/forms/source/2/files/井.png").data == TAP


def test_the_preview_shows_the_drafts_own(desk: Desk, here: Any, office: Any, cast: Any) -> None:
    id = designed(desk, ("a.xlsx", workbook()), *FILES[:2], ("talk.wav", HTML))
    reply = desk.browser.get(f"/office/forms/designs/{id}/media/井.png")
    assert (reply.data, reply.mimetype) == (WELL, "image/png")
    assert desk.browser.get(f"/office/forms/designs/{id}/media/talk.wav").status_code == 404
    assert desk.browser.get(f"/office/forms/designs/{id}/media/a.xlsx").status_code == 404
    assert office(cast.cadre).get(f"/office/forms/designs/{id}/media/井.png").status_code == 403


def test_the_page_without_javascript_shows_them(desk: Desk, here: Any, client: Any) -> None:
    publish(desk, here, designed(desk, ("a.xlsx", workbook()), *FILES))
    page = client.get("/fill/source").text
    for name in ("%E4%BA%95.png", "tap.jpg", "talk.wav"):
        assert f'src="/forms/source/1/files/{name}"' in page


def test_blank_paper_shows_the_pictures(desk: Desk, here: Any) -> None:
    publish(desk, here, designed(desk, ("a.xlsx", workbook()), *FILES))
    page = desk.post("/print/forms/source/1/page.html").text
    well, tap = (base64.b64encode(body).decode() for body in (WELL, TAP))
    assert page.count(f'src="data:image/png;base64,{well}"') == 2
    assert page.count(f'src="data:image/jpeg;base64,{tap}"') == 1


def test_a_strange_record_names_nothing_to_show(here: Any, client: Any) -> None:
    body = HTML
    sha256 = hashlib.sha256(body).hexdigest()
    here.store.put_blob_part(sha256, 0, len(body), body)
    told = {"sha256": sha256, "size": len(body), "type": "text/html"}
    author = Author("centre", "office", clock=here.now)
    fields = {"definition": sha256, "versions": {"1": sha256}, "files": {"1": {"a.html": told, "b": 7}, "2": [], "3": None}}
    here.store.load([author.create("form", "odd", "500000000000", fields)])
    assert client.get("/forms/odd/1/files/a.html").status_code == 404
    assert client.get("/forms/odd/1/files/b").status_code == 404
    assert client.get("/forms/odd/2/files/a.html").status_code == 404
