"""Files and places of answers on the server.

1. a file is what its first bytes say: pictures, sound and films are shown, everything else is a download
2. SVG and HTML named .jpg, a picture of 50,000 by 50,000, a picture cut off in its header are never shown
3. places, lines and areas in words and as a sketch
4. the log of filling is accepted where ODK has it, and nowhere else
"""

from __future__ import annotations

import struct
import zlib

import pytest
from office_story import picture
from test_office_answers import SHA, question

from app.filekinds import DOWNLOAD, MOST_PIXELS, kind_of
from app.office import places
from app.office.answers import answers_in_words
from forms.compile import compile_rows
from forms.review import evaluate

LINE = "30 108 0 0;30.001 108 0 0;30.001 108.001 0 0;30 108 0 0"


def png_of(width: int, height: int) -> bytes:
    """A picture whose header is whole and whose pixels are a few bytes, as an attacker sends it."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"0" * 99))


@pytest.mark.parametrize(
    ("head", "mime", "family"),
    [
        (picture("JPEG"), "image/jpeg", "picture"),
        (picture("PNG"), "image/png", "picture"),
        (picture("WEBP"), "image/webp", "picture"),
        (b"\x1aE\xdf\xa3\x9fB\x86", "video/webm", "film"),
        (b"\x00\x00\x00\x18ftypmp42", "video/mp4", "film"),
        (b"\x00\x00\x00\x18ftypM4A ", "audio/mp4", "sound"),
        (b"OggS\x00", "audio/ogg", "sound"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav", "sound"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", DOWNLOAD.mime, ""),
        (b"\x00\x00\x00\x18ftypheic", DOWNLOAD.mime, ""),
        (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', DOWNLOAD.mime, ""),
        (b"<!doctype html><script>alert(1)</script>", DOWNLOAD.mime, ""),
        (b"", DOWNLOAD.mime, ""),
        (b"\xff\xd8\xff<script>alert(1)</script>", DOWNLOAD.mime, ""),
        (picture("PNG")[:20], DOWNLOAD.mime, ""),
    ],
)  # fmt: skip
def test_a_file_is_what_it_starts_with(head: bytes, mime: str, family: str) -> None:
    kind = kind_of(head, "jpg")
    assert (kind.mime, kind.family) == (mime, family)


def test_a_picture_of_impossible_size_is_not_shown() -> None:
    assert kind_of(png_of(50_000, 50_000)).family == ""
    assert kind_of(png_of(8_000, 6_000)).family == "picture"
    side = int(MOST_PIXELS**0.5) + 1
    assert kind_of(png_of(side, side)).family == ""


def test_a_download_keeps_only_a_harmless_ending() -> None:
    assert kind_of(b"%PDF-1.7", "pdf").ending == "pdf"
    for ending in ("html", "svg", "js", "jpg", "exe", ""):
        assert kind_of(b"<html>", ending).ending == "bin"


@pytest.mark.parametrize(
    ("kind", "value", "zh"),
    [
        ("geopoint", "30.123456 108.5 12.3 8.4", "30.123456, 108.5(误差约 8 米)"),
        ("geopoint", "30.1 108.5 0 0", "30.1, 108.5"),
        ("geopoint", "0.00001 108.5", "0.00001, 108.5"),
        ("geotrace", "30 108 0 0;30.001 108 0 0", "2 个点 · 111 米"),
        ("geoshape", LINE, "3 个点 · 355 米 · 8.05 亩(5366 平方米)"),
        ("geopoint", "<script>", "<script>"),
        ("geopoint", "95 200 0 0", "95 200 0 0"),
        ("geoshape", "", ""),
    ],
)  # fmt: skip
def test_places_in_words(kind: str, value: str, zh: str) -> None:
    assert places.in_words(kind, value, "zh") == zh


def test_a_sketch_has_north_up_and_stays_on_its_paper() -> None:
    drawn = places.sketch("geoshape", LINE)
    assert drawn is not None and drawn.closed
    assert drawn.dots[0][1] > drawn.dots[1][1]
    assert all(0 <= x <= places.WIDTH and 0 <= y <= places.HEIGHT for x, y in drawn.dots)
    assert places.sketch("geotrace", "30 108 0 0") is None
    assert places.sketch("geotrace", "<x>") is None


def test_recordings_and_the_log_have_labels() -> None:
    definition = {
        "default_language": "zh", "root": "/data", "lists": {}, "audit": {"path": "/data/meta/audit", "parameters": {}},
        "nodes": [{**question("/data/talk"), "type": "background-audio"}, {**question("/data/start"), "type": "start-geopoint"}],
    }  # fmt: skip
    answers = {"talk": f"{SHA}.webm", "start": "30 108 0 5", "meta": {"audit": f"{SHA}.csv"}}
    shown = answers_in_words(definition, answers, "zh")
    assert [(line.label, line.value, line.file) for line in shown.items] == [
        ("填写时的录音", "", SHA), ("开始填写的位置", "30, 108(误差约 5 米)", ""), ("填写过程记录", "", SHA)]  # fmt: skip
    other = answers_in_words(definition, {"meta": {"audit": "x", "more": "y"}}, "zh")
    assert [line.value for line in other.items] == ['{"audit": "x", "more": "y"}']


def test_the_log_is_accepted_where_odk_has_it() -> None:
    rows = [{"type": "audit", "name": "audit", "parameters": "track-changes=true"}, {"type": "text", "name": "a", "label": "A"}]
    settings = [{"form_id": "x", "form_title": "x"}]
    with_log = compile_rows({"survey": rows, "settings": settings})
    without = compile_rows({"survey": rows[1:], "settings": settings})
    sent = {"answers": {"a": "1", "meta": {"audit": f"{SHA}.csv"}}}
    assert evaluate(with_log, sent) == []
    assert [problem.path for problem in evaluate(without, sent)] == ["/data/meta"]
    more = {"answers": {"a": "1", "meta": {"audit": "x", "other": "y"}}}
    assert [problem.path for problem in evaluate(with_log, more)] == ["/data/meta/other"]
