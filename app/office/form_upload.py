"""What somebody uploaded as a form: which file is the form, which are its attachments. Pure, and bounded.

Nothing here is parsed but the directory of a zip; a bomb is refused by what
the directory says and again by what comes out.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from flask_babel import lazy_gettext as _l

from app.errors import Problem

MOST_BYTES = 20 * 1024 * 1024
MOST_UNPACKED = 60 * 1024 * 1024
MOST_FILES = 200
MOST_RATIO = 200
"""A well-filled .csv packs to a tenth; what packs to a two-hundredth is made to hurt."""

SHEETS = (".xlsx", ".xls", ".md")
ATTACHMENTS = (".csv", ".xml", ".geojson", ".png", ".jpg", ".jpeg", ".webp", ".gif", ".svg",
               ".mp3", ".m4a", ".ogg", ".wav", ".mp4", ".webm", ".3gp")  # fmt: skip
_FIRST_CELLS = (b"survey", b"choices", b"settings", b"entities")


@dataclass(frozen=True)
class Given:
    """One uploaded file. name: without any folder."""

    name: str
    body: bytes


@dataclass(frozen=True)
class Upload:
    source: Given
    attachments: tuple[Given, ...]


def sorted_out(files: Sequence[Given]) -> Upload:
    """The form and its attachments. Raises Problem with what to do."""
    files = [one for one in files if one.name]
    if not files:
        raise Problem("no_file", 422, _l("还没有选文件。"), _l("选好表单文件(.xlsx、.xls、.csv 或 .md),再点上传。"))
    if sum(len(one.body) for one in files) > MOST_BYTES:
        raise too_large()
    flat: list[Given] = []
    for one in files:
        flat += _unpacked(one.body) if one.name.lower().endswith(".zip") else [Given(_bare(one.name), one.body)]
    if len(flat) > MOST_FILES or sum(len(one.body) for one in flat) > MOST_UNPACKED:
        raise too_large()
    return _chosen(flat)


def too_large() -> Problem:
    return Problem(
        "too_large", 413, _l("文件太大,没有读取。"),
        _l("一次最多 20 MB;压缩包展开后最多 60 MB、200 个文件。请把图片和录音压小,或拿掉用不到的附件。"),
    )  # fmt: skip


def _chosen(files: Sequence[Given]) -> Upload:
    for one in files:
        if _suffix(one.name) not in (*SHEETS, *ATTACHMENTS):
            raise Problem(
                "unknown_file", 422, _l("不认识的文件:%(name)s", name=one.name),
                _l("表单用 .xlsx、.xls、.csv 或 .md;附件用 .csv、.xml、.geojson、图片、录音或录像。"),
            )  # fmt: skip
    names = [one.name.lower() for one in files]
    if again := next((one.name for one in files if names.count(one.name.lower()) > 1), ""):
        raise Problem("same_name", 422, _l("有两个文件都叫 %(name)s。", name=again), _l("请改成不同的名字,再上传。"))
    sheets = [one for one in files if _suffix(one.name) in SHEETS] or [one for one in files if _is_form_csv(one)]
    if not sheets:
        raise Problem(
            "no_form", 422, _l("这些文件里没有表单。"),
            _l("表单是有 survey 工作表的 .xlsx、.xls、.md,或第一列写着 survey 的 .csv;请连同附件一起选。"),
        )  # fmt: skip
    if len(sheets) > 1:
        told = "、".join(one.name for one in sheets)
        raise Problem("two_forms", 422, _l("一次只能上传一张表单,现在有:%(names)s", names=told), _l("请分开上传。"))
    return Upload(sheets[0], tuple(one for one in files if one is not sheets[0]))


def _unpacked(body: bytes) -> list[Given]:
    damaged = Problem("bad_zip", 422, _l("压缩包打不开,可能没有传完整或加了密码。"), _l("请重新压缩成 .zip 再上传。"))
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as packed:
            entries = [one for one in packed.infolist() if not one.is_dir() and not _is_litter(one.filename)]
            sizes = sum(one.file_size for one in entries)
            if len(entries) > MOST_FILES or sizes > MOST_UNPACKED or sizes > MOST_RATIO * max(len(body), 1024):
                raise too_large()
            return [Given(_bare(one.filename), _read(packed, one)) for one in entries]
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError, ValueError) as error:
        raise damaged from error


def _read(packed: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    with packed.open(entry) as content:
        body = content.read(entry.file_size + 1)
    if len(body) != entry.file_size:  # the directory lied
        raise too_large()
    return body


def _is_litter(name: str) -> bool:
    """What macOS and Windows put beside the files."""
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or parts[-1].startswith((".", "~$")) or parts[-1].lower() in ("thumbs.db", "desktop.ini")


def _bare(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).name[:120]


def _suffix(name: str) -> str:
    return PurePosixPath(name.lower()).suffix


def _is_form_csv(one: Given) -> bool:
    """Whether a .csv is a form and not a list: its first cell names a sheet."""
    if _suffix(one.name) != ".csv":
        return False
    first = one.body.removeprefix(b"\xef\xbb\xbf").lstrip()[:40].split(b",")[0].strip(b'" \t\r\n').lower()
    return first in _FIRST_CELLS
