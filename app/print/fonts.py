"""The font of the sheets: a subset of an installed CJK font, cut once and kept.

A subset of the GB2312 characters is embedded faster and makes a sheet smaller
than the whole Noto CJK. A character outside it (a rare name) falls back to the
installed font through fontconfig, so nothing is ever missing on paper.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

FAMILY = "Ruhu Sheet"
FALLBACK = "Noto Sans CJK SC"
PACKAGES = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-noto-cjk"
FILE = "sheet-font-1.otf"
"""Raise the number when the set of characters changes."""

_FACE = "Noto Sans CJK SC"
# Characters of common given names that came into use after GB2312, and signs of our own pages.
_MORE = "玥珺堃喆燊昇晞镕翀骞瑄祎煊婳沄妍婷璟瑾琛烨彧✓·—–…“”‘’→←¥²㎡×÷−≤≥"


class PrintingMissing(Exception):
    """Why nothing can be printed on this machine: one line naming what to install."""


def check() -> None:
    """Raises PrintingMissing when the text engine or a Chinese font is not there."""
    try:
        import weasyprint  # noqa: F401
    except (ImportError, OSError) as error:
        raise PrintingMissing(missing_line("Pango")) from error
    _source()


def missing_line(what: str) -> str:
    return f"缺少打印需要的 {what}。请运行:sudo apt-get install {PACKAGES};其他功能不受影响。"


def prepare(folder: Path) -> bytes:
    """The subset, cut at the first call (some seconds) and kept in the folder.

    Raises PrintingMissing when no Chinese font is installed.
    """
    path = folder / FILE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        _cut(*_source(), part)
        os.replace(part, path)
    return path.read_bytes()


def _source() -> tuple[str, int]:
    """File and face number of the installed font, as fontconfig knows it."""
    try:
        said = subprocess.run(
            ["fc-list", f":family={_FACE}:style=Regular", "--format", "%{file}\t%{index}\n"],
            capture_output=True, text=True, timeout=30,
        ).stdout  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        said = ""
    for line in sorted(said.splitlines()):
        path, _, index = line.partition("\t")
        if path and index.isdigit():
            return path, int(index) & 0xFFFF
    raise PrintingMissing(missing_line("中文字体"))


def _cut(source: str, face: int, target: Path) -> None:
    from fontTools import subset
    from fontTools.ttLib import TTFont

    # The file is opened here: of a collection (.ttc), TTFont does not close what it opened itself.
    with open(source, "rb") as file, TTFont(file, fontNumber=face, lazy=True) as font:
        options = subset.Options()
        options.layout_features = []
        options.hinting = False
        worker = subset.Subsetter(options)
        worker.populate(unicodes=_characters())
        worker.subset(font)
        font.save(target)


def _characters() -> set[int]:
    wanted = set(range(0x20, 0x7F)) | {ord(character) for character in _MORE}
    for high in range(0xA1, 0xF8):
        for low in range(0xA1, 0xFF):
            try:
                wanted.add(ord(bytes((high, low)).decode("gb2312")))
            except UnicodeDecodeError:
                continue
    return wanted
