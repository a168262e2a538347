"""What a file really is, by its first bytes and never by its name: whether a page of ours may show or play it."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

from PIL import Image

# A phone's photo has 12 million; one of 50,000 by 50,000 takes 10 GB to show.
MOST_PIXELS = 50_000_000
HEAD = 256 * 1024
# Endings under which an unknown file may be saved: none of them runs by being opened.
SAFE_ENDINGS = frozenset({"pdf", "csv", "txt", "zip", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "wps", "et", "amr"})


@dataclass(frozen=True)
class Kind:
    """family: picture, sound or film, which a page may show; '' for what is only handed out as a download."""

    mime: str
    family: str
    ending: str


DOWNLOAD = Kind("application/octet-stream", "", "bin")
_STARTS = (
    (b"\xff\xd8\xff", Kind("image/jpeg", "picture", "jpg")),
    (b"\x89PNG\r\n\x1a\n", Kind("image/png", "picture", "png")),
    (b"GIF87a", Kind("image/gif", "picture", "gif")),
    (b"GIF89a", Kind("image/gif", "picture", "gif")),
    (b"\x1aE\xdf\xa3", Kind("video/webm", "film", "webm")),
    (b"OggS", Kind("audio/ogg", "sound", "ogg")),
    (b"ID3", Kind("audio/mpeg", "sound", "mp3")),
    (b"\xff\xfb", Kind("audio/mpeg", "sound", "mp3")),
    (b"\xff\xf3", Kind("audio/mpeg", "sound", "mp3")),
    (b"\xff\xf1", Kind("audio/aac", "sound", "aac")),
)
_RIFF = {b"WEBP": Kind("image/webp", "picture", "webp"), b"WAVE": Kind("audio/wav", "sound", "wav")}
_BRANDS = {b"M4A": Kind("audio/mp4", "sound", "m4a"), b"3gp": Kind("video/3gpp", "film", "3gp"),
           b"qt ": Kind("video/quicktime", "film", "mov")}  # fmt: skip
_STILL = (b"hei", b"mif", b"avi")  # pictures in an mp4 box, which browsers do not all show


def kind_of(head: bytes, ending: str = "") -> Kind:
    """The kind of a file that starts so. ending: what its name ends in; believed only for downloads.

    A picture with more pixels than any camera makes is a download, found out before anybody decodes it.
    """
    found = _by_start(head)
    if found.family == "picture" and not _showable(head):
        return DOWNLOAD
    if found is DOWNLOAD and ending in SAFE_ENDINGS:
        return Kind(DOWNLOAD.mime, "", ending)
    return found


def _by_start(head: bytes) -> Kind:
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], DOWNLOAD)
    if head[4:8] == b"ftyp":
        brand = head[8:11]
        return DOWNLOAD if brand in _STILL else _BRANDS.get(brand, Kind("video/mp4", "film", "mp4"))
    return next((kind for start, kind in _STARTS if head.startswith(start)), DOWNLOAD)


def _showable(head: bytes) -> bool:
    """Reads the size from the header; no pixel is decoded."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(head), formats=("JPEG", "PNG", "GIF", "WEBP")) as picture:
                width, height = picture.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False
    return 0 < width * height <= MOST_PIXELS
