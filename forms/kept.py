"""A folder's compiled forms, kept beside them: compiling the shipped ones takes seconds at every start, reading them none.

Kept under a hash of everything they were made of, the compiler included; a folder that cannot be written has none.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

NAME = ".compiled.json"
HOME = Path(__file__).parent


def key_of(folder: Path) -> str:
    """Changes with any file of the folder, and with the program that reads them."""
    digest = hashlib.sha256(_program().encode())
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith((".", "~")):
            digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _program() -> str:
    digest = hashlib.sha256(version("pyxform").encode())
    for path in sorted(HOME.rglob("*.py")):
        digest.update(str(path.relative_to(HOME)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def kept(folder: Path, key: str) -> dict[str, Any] | None:
    """What `keep` was given under that key; None when there is nothing, or nothing that can be read."""
    try:
        found = json.loads((folder / NAME).read_bytes())
    except (OSError, ValueError):
        return None
    return found["content"] if isinstance(found, dict) and found.get("key") == key else None


def keep(folder: Path, key: str, content: dict[str, Any]) -> None:
    """Replaces what was kept before, whole or not at all."""
    written = folder / f"{NAME}.{os.getpid()}"
    try:
        written.write_text(json.dumps({"key": key, "content": content}, ensure_ascii=False), "utf-8")
        written.replace(folder / NAME)
    except OSError:
        with suppress(OSError):
            written.unlink()
