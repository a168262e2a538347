"""Texts in two languages.

1. every text of the server has an English translation with the same placeholders
2. the reader's wish wins over the cookie, the cookie over the browser
3. catalogues are compiled when they changed
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from babel.messages.pofile import read_po

from app.i18n import FOLDER, compile_catalogues, source_texts

PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]")


def english() -> dict[str, str]:
    with (FOLDER / "en" / "LC_MESSAGES" / "messages.po").open("rb") as lines:
        return {str(message.id): str(message.string) for message in read_po(lines, locale="en") if message.id}


def test_every_text_is_translated() -> None:
    """When this fails: ``python3 run.py translations --update`` lists what is missing."""
    known = english()
    missing = sorted(str(message.id) for message in source_texts() if message.id and not known.get(str(message.id)))
    assert missing == []


def test_placeholders_are_the_same() -> None:
    for source, target in english().items():
        assert sorted(PLACEHOLDER.findall(source)) == sorted(PLACEHOLDER.findall(target)), source


def test_whose_wish_counts(client: Any) -> None:
    def heading(**headers: str) -> str:
        return client.get("/nothing" + headers.pop("query", ""), headers=headers).text

    assert "没有这一页" in heading()
    assert "No such page" in heading(**{"Accept-Language": "en"})
    assert "No such page" in heading(query="?lang=en")
    assert client.get_cookie("lang").value == "en"
    assert "No such page" in heading(**{"Accept-Language": "zh-CN"})
    assert "没有这一页" in heading(query="?lang=zh")
    assert "没有这一页" in heading(query="?lang=xx")


def test_compiled_once(tmp_path: Path) -> None:
    folder = tmp_path / "en" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "messages.po").write_bytes((FOLDER / "en" / "LC_MESSAGES" / "messages.po").read_bytes())
    assert [path.name for path in compile_catalogues(tmp_path)] == ["messages.mo"]
    assert compile_catalogues(tmp_path) == []
