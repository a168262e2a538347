"""The pictures, sounds and films of a form: which it wants, which may go out with it, and what is wrong with the rest. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from flask_babel import gettext as _

from app.filekinds import HEAD, kind_of
from sync.records import BlobRef

MOST_BYTES = 2 * 1024 * 1024
MOST_IN_ALL = 10 * 1024 * 1024
"""A village's phones fetch a form's files over whatever network there is, each of them once."""

MIME = {
    "jpg": "image/jpeg", "png": "image/png", "gif": "image/gif", "webp": "image/webp", "mp3": "audio/mpeg", "m4a": "audio/mp4",
    "ogg": "audio/ogg", "wav": "audio/wav", "mp4": "video/mp4", "webm": "video/webm",
}  # fmt: skip
"""By the ending that app.filekinds finds out. SVG is not among them: it may hold scripts."""

_LISTS = (".csv", ".xml", ".geojson")


@dataclass(frozen=True)
class FormFile:
    """One file that may go out. type: found in its bytes, never in its name."""

    name: str
    type: str
    sha256: str
    body: bytes

    @property
    def blob(self) -> BlobRef:
        return BlobRef(self.sha256, len(self.body))

    @property
    def told(self) -> dict[str, Any]:
        """How the form's record names it."""
        return {"sha256": self.sha256, "size": len(self.body), "type": self.type}


@dataclass(frozen=True)
class Gathered:
    """missing: wanted and not given. refusals: (what is wrong, what to do)."""

    files: tuple[FormFile, ...] = ()
    missing: tuple[str, ...] = ()
    refusals: tuple[tuple[str, str], ...] = ()

    @property
    def size(self) -> int:
        return sum(len(one.body) for one in self.files)


def media_names(definition: Mapping[str, Any]) -> list[str]:
    """The media files a form wants; its attached lists are part of the definition itself."""
    lists = {one.get("file") for one in (definition.get("instances") or {}).values()}
    return [
        name
        for name in definition.get("attachments", ())
        if name not in lists and PurePosixPath(name.lower()).suffix not in _LISTS
    ]


def mime_of(body: bytes) -> str:
    """What a page may show the file as; '' for a file that is not shown."""
    return MIME.get(kind_of(body[:HEAD]).ending, "")


def gathered(definition: Mapping[str, Any], given: Mapping[str, bytes]) -> Gathered:
    """What of the given files goes out with the form. A file the form does not name stays behind."""
    files: list[FormFile] = []
    missing: list[str] = []
    refusals: list[tuple[str, str]] = []
    for name in media_names(definition):
        body = given.get(name)
        if body is None:
            missing.append(name)
        elif wrong := _wrong(name, body):
            refusals.append(wrong)
        else:
            files.append(FormFile(name, mime_of(body), hashlib.sha256(body).hexdigest(), body))
    if too_much := _too_much(files):
        refusals.append(too_much)
    return Gathered(tuple(files), tuple(missing), tuple(refusals))


def _wrong(name: str, body: bytes) -> tuple[str, str] | None:
    if len(body) > MOST_BYTES:
        return (
            _("附件 %(name)s 有 %(size)s MB,一个最多 2 MB。", name=name, size=_megabytes(len(body))),
            _("请把图片缩到屏幕大小(宽 1000 像素左右),录音录像压小,再重新上传。"),
        )
    if not mime_of(body):
        return (
            _("附件 %(name)s 不是手机能显示的图片、录音或录像。", name=name),
            _("请换成 PNG、JPEG、GIF、WebP、MP3、M4A、OGG、WAV、MP4 或 WebM 重新上传,或者在草稿里拿掉这个附件。"),
        )
    return None


def _too_much(files: Sequence[FormFile]) -> tuple[str, str] | None:
    size = sum(len(one.body) for one in files)
    if size <= MOST_IN_ALL:
        return None
    return (
        _("附件一共 %(size)s MB,一份表单最多 10 MB。", size=_megabytes(size)),
        _("请把最大的几个压小或拿掉,再重新上传:%(names)s", names="、".join(_largest(files))),
    )


def _largest(files: Sequence[FormFile]) -> list[str]:
    return [one.name for one in sorted(files, key=lambda one: -len(one.body))[:3]]


def _megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:.1f}"
