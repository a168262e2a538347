"""Forms in the making: what managers uploaded and have not published, or may publish again. Kept in the data folder.

A design is a folder: design.json tells everything about it, files/ holds what
was uploaded, each under its SHA-256, so that no name of a stranger ever
becomes a path. What was uploaded before stays until the design is deleted.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import secrets
import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KEPT_UPLOADS = 20
_ID = re.compile(r"^[0-9a-f]{16}$")
_SHA256 = re.compile(r"^[0-9a-f]{64}$")


@dataclass(frozen=True)
class KeptFile:
    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Deed:
    """One thing somebody did to the design. what: uploaded, edited, published."""

    what: str
    at: str
    by: str
    file: KeptFile | None = None
    detail: str = ""


@dataclass(frozen=True)
class Design:
    """files: the form itself first, then its attachments. problems and warnings: as app.office.form_sheets tells them.

    hash: of the definition, '' while there are errors.
    """

    id: str
    area: str
    form_id: str = ""
    version: str = ""
    title: dict[str, Any] = field(default_factory=dict)
    hash: str = ""
    languages: tuple[str, ...] = ()
    files: tuple[KeptFile, ...] = ()
    problems: tuple[dict[str, Any], ...] = ()
    warnings: tuple[dict[str, Any], ...] = ()
    deeds: tuple[Deed, ...] = ()

    @property
    def source(self) -> KeptFile:
        return self.files[0]

    @property
    def changed(self) -> str:
        return self.deeds[-1].at if self.deeds else ""

    @property
    def published(self) -> tuple[Deed, ...]:
        return tuple(deed for deed in self.deeds if deed.what == "published")

    def originals(self) -> list[Deed]:
        """The deeds that brought a form file, the latest first."""
        return [deed for deed in reversed(self.deeds) if deed.file]


class Designs:
    """All designs of this node."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def all(self) -> list[Design]:
        """The latest changed first."""
        if not self._folder.is_dir():
            return []
        found = [self.get(path.name) for path in self._folder.iterdir()]
        return sorted((one for one in found if one), key=lambda one: one.changed, reverse=True)

    def get(self, id: str) -> Design | None:
        if not _ID.match(id):
            return None
        try:
            kept = json.loads((self._folder / id / "design.json").read_text("utf-8"))
        except (OSError, ValueError):
            return None
        deeds = tuple(Deed(**{**deed, "file": _file(deed.get("file"))}) for deed in kept.pop("deeds"))
        files = tuple(KeptFile(**one) for one in kept.pop("files"))
        lists = {name: tuple(kept.pop(name)) for name in ("problems", "warnings", "languages")}
        return Design(**kept, **lists, files=files, deeds=deeds)

    @staticmethod
    def new_id() -> str:
        return secrets.token_hex(8)

    def keep(self, design: Design, *, bodies: Sequence[tuple[str, bytes]] = (), **documents: Any) -> Design:
        """Write the design, with new files as (name, content) and documents (sheets, definition) as JSON.

        The description is written last: a crash before it leaves the design as it was.
        """
        with self._lock:
            folder = self._folder / design.id
            (folder / "files").mkdir(parents=True, exist_ok=True, mode=0o700)
            for _name, body in bodies:
                path = folder / "files" / hashlib.sha256(body).hexdigest()
                if not path.exists():
                    _write(path, body)
            for name, document in documents.items():
                _write(folder / f"{name}.json", json.dumps(document, ensure_ascii=False).encode())
            design = dataclasses.replace(design, deeds=design.deeds[-KEPT_UPLOADS * 3 :])
            _write(folder / "design.json", json.dumps(dataclasses.asdict(design), ensure_ascii=False).encode())
        return design

    def document(self, design: Design, name: str) -> Any:
        """A kept document, None when there is none."""
        try:
            return json.loads((self._folder / design.id / f"{name}.json").read_text("utf-8"))
        except (OSError, ValueError):
            return None

    def body(self, design: Design, sha256: str) -> bytes | None:
        """A file of the design by its SHA-256: one it names now or was given before."""
        named = {one.sha256 for one in design.files} | {deed.file.sha256 for deed in design.deeds if deed.file}
        if not _SHA256.match(sha256) or sha256 not in named:
            return None
        try:
            return (self._folder / design.id / "files" / sha256).read_bytes()
        except OSError:
            return None

    def remove(self, design: Design) -> None:
        with self._lock:
            shutil.rmtree(self._folder / design.id, ignore_errors=True)


def kept(name: str, body: bytes) -> KeptFile:
    return KeptFile(name, hashlib.sha256(body).hexdigest(), len(body))


def _file(given: Any) -> KeptFile | None:
    return KeptFile(**given) if given else None


def _write(path: Path, body: bytes) -> None:
    part = path.with_name(path.name + f".{os.getpid()}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(body)
        out.flush()
        os.fsync(out.fileno())
    os.replace(part, path)
