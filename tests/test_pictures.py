"""Pictures that come in at the office: what the camera noted is gone before they are kept (§d 10, 11, 12)."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pytest
from conftest import HOUSEHOLD
from PIL import Image

from app.filekinds import kind_of
from app.pictures import LONGEST_SIDE, Unreadable, bare

TELLTALE = b"SECRETMAKER"


def camera(kind: str = "JPEG", size: tuple[int, int] = (64, 48), turned: int = 1, mode: str = "RGB") -> bytes:
    """A photo with a place, a maker, a note, and something hidden behind its end."""
    picture = Image.effect_noise(size, 60).convert(mode)
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = TELLTALE.decode(), turned
    exif.get_ifd(0x8825).update({1: "N", 2: (29.0, 20.0, 1.0), 3: "E", 4: (107.0, 45.0, 1.0)})
    out = io.BytesIO()
    more = {"pnginfo": _note()} if kind == "PNG" else {"comment": TELLTALE} if kind in ("JPEG", "GIF") else {}
    picture.save(out, kind, **({} if kind == "GIF" else {"exif": exif}), **more)
    return out.getvalue() + TELLTALE + b"<script>alert(1)</script>"


def _note() -> Any:
    from PIL.PngImagePlugin import PngInfo

    note = PngInfo()
    note.add_text("Comment", TELLTALE.decode())
    return note


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_place_maker_notes_and_what_is_hidden_go(kind: str) -> None:
    raw = camera(kind)
    assert TELLTALE in raw
    kept = bare(raw)
    assert TELLTALE not in kept and b"script" not in kept and b"Exif" not in kept
    with Image.open(io.BytesIO(kept)) as picture:
        assert picture.format == kind and picture.size == (64, 48) and not dict(picture.getexif())
    assert kind_of(kept).family == "picture"


def test_it_stands_upright_and_is_no_larger_than_needed() -> None:
    assert Image.open(io.BytesIO(bare(camera(turned=6)))).size == (48, 64)
    assert max(Image.open(io.BytesIO(bare(camera(size=(4000, 3000))))).size) == LONGEST_SIDE
    for mode in ("L", "CMYK"):
        assert Image.open(io.BytesIO(bare(camera(mode=mode)))).size == (64, 48)


@pytest.mark.parametrize("data", [b"\xff\xd8\xff" + b"x" * 50, camera()[:200], camera("PNG")[:60], b"", b"<svg/>"])
def test_what_cannot_be_read_is_none(data: bytes) -> None:
    with pytest.raises(Unreadable):
        bare(data)


def huge() -> bytes:
    """The head of a PNG of 50,000 × 50,000: 10 GB once decoded."""
    def part(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    size = part(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + size + part(b"IDAT", zlib.compress(b"\0" * 1000)) + part(b"IEND", b"")


@pytest.fixture
def undecoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr(Image.Image, "load", refuse)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", refuse)


def issue_with(browser: Any, body: bytes, name: str = "a.jpg") -> Any:
    token = browser.get("/office/").text.partition('name="csrf_token" value="')[2].partition('"')[0]
    data = {"csrf_token": token, "household": HOUSEHOLD, "problem_kind": "water", "description": "水管坏了", "owner": "村干",
            "deadline": "2026-12-31", "evidence": (io.BytesIO(body), name)}  # fmt: skip
    return browser.post("/office/issues", data=data, content_type="multipart/form-data")


def kept_of_issue(here: Any) -> bytes:
    here.tables.catch_up()
    (row,) = list(here.tables.reading().query("SELECT evidence FROM issues"))
    with here.store.open_blob(row["evidence"]) as body:
        return bytes(body.read())


def test_evidence_is_kept_bare(office: Any, cast: Any, here: Any) -> None:
    assert issue_with(office(cast.cadre), camera()).status_code == 303
    kept = kept_of_issue(here)
    assert kept.startswith(b"\xff\xd8\xff") and TELLTALE not in kept


@pytest.mark.parametrize("body", [b"<svg onload=alert(1)></svg>", b"<!doctype html><script>alert(1)</script>",
                                  b"GIF89a<script>alert(1)</script>", camera()[:1000]])  # fmt: skip
def test_a_page_named_jpg_is_no_evidence(office: Any, cast: Any, here: Any, body: bytes) -> None:
    assert issue_with(office(cast.cadre), body).status_code == 400
    here.tables.catch_up()
    assert list(here.tables.reading().query("SELECT id FROM issues")) == []


def test_a_picture_of_impossible_size_is_refused_before_anything_is_decoded(office: Any, cast: Any, undecoded: None) -> None:
    reply = issue_with(office(cast.cadre), huge(), "small.png")
    assert reply.status_code == 400 and "照片或 PDF" in reply.text


def test_a_photo_of_a_form_filled_at_the_office_is_kept_bare(app: Any, here: Any, undecoded: None, monkeypatch: Any) -> None:
    from werkzeug.datastructures import FileStorage

    from app.formpost import _kept

    def sent(body: bytes) -> FileStorage:
        return FileStorage(io.BytesIO(body), filename="家.png")

    with app.test_request_context():
        assert _kept("image", sent(huge())) == ("", "这不是照片,请选 JPG 或 PNG 图片。")
        monkeypatch.undo()
        name, problem = _kept("image", sent(camera("PNG")))
        assert problem == "" and name.endswith(".png")
        with here.store.open_blob(name.partition(".")[0]) as body:
            assert TELLTALE not in body.read()
        assert _kept("image", sent(camera("PNG")[:300]))[1].startswith("这张照片打不开")
