"""Forms from the library folder to the phones: a centre publishes what is new, every node keeps what is published.

A form is one record of kind ``form``; its ``versions`` name the definition
(a blob) of every version ever published. A published version never changes:
drafts and kept submissions stand on it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import quote

from app.formfiles import MIME, FormFile
from forms.definition import Form
from forms.library import Library
from sync.author import Author
from sync.canonical import canonical
from sync.own import write_own
from sync.records import BlobRef, Op, Record, Scope
from sync.store.base import Store

log = logging.getLogger("ruhu.forms")

# A form is for every place below the centre that publishes it.
EVERYWHERE = "000000000000"
EVERY_FORM = Scope(area_prefixes=("",), kinds=("form",))
OWN_NAME = "library"
OFFICE_NAME = "forms"
PUBLISHED, RETIRED = "published", "retired"


@dataclass(frozen=True)
class Refusal:
    """A form that cannot be published as it is; told in the same way as a fault in its file."""

    file: str
    version: str
    sheet: str = "settings"
    row: int | None = None
    column: str = "version"

    def message(self, lang: str = "zh") -> str:
        if lang == "en":
            return f"Version {self.version} is published with other content and was not replaced."
        return f"版本 {self.version} 已经发布,内容却改了,没有替换。"

    def next(self, lang: str = "zh") -> str:
        if lang == "en":
            return "Give it a new version on the settings sheet, then start again."
        return "请在 settings 表把 version 改成新的版本号,再重新启动。"


@dataclass(frozen=True)
class Publication:
    """What to do with one form of the library: the fields to set, or why not."""

    fields: dict[str, Any] | None = None
    refused: Refusal | None = None


def publication_of(form: Form, published: Record | None) -> Publication | None:
    """What publishing this form changes, given its record; None when this version is out already.

    A version that is out with other content is refused: phones hold answers
    to the old questions under that very name. Putting an old file back
    changes nothing either, or every phone would be turned back.
    """
    versions = dict(published.fields.get("versions") or {}) if published else {}
    known = versions.get(form.version)
    if known == form.hash:
        return None
    if known is not None:
        return Publication(refused=Refusal(form.form_id, form.version))
    retired = published is not None and published.fields.get("state") == RETIRED
    fields = {
        "form_id": form.form_id,
        "version": form.version,
        "title": form.definition["title"],
        "about": form.about,
        "hash": form.hash,
        "definition": form.hash,
        # What somebody took off the phones does not come back because the program was updated.
        "state": RETIRED if retired else PUBLISHED,
        "versions": versions | {form.version: form.hash},
    }
    return Publication(fields)


# --- what a person at the centre does ---------------------------------------------------------------------

_acting = threading.Lock()


@dataclass(frozen=True)
class Doer:
    """Who does it and where: area is that of a form published for the first time."""

    user_id: str
    area: str
    now: datetime


def publish_form(
    store: Store, form: Form, by: Doer, *, renames: Mapping[str, str] | None = None, files: Sequence[FormFile] = ()
) -> Refusal | None:
    """Publish a version, or say why not. renames: new question name → the name it had before.

    files: what app.formfiles let through. They are stored before the op that
    names them, as the definition is.

    Publishing what is out already changes nothing. The caller has asked
    whether this person may.
    """
    with _acting:
        record = store.get("form", form.form_id)
        wanted = publication_of(form, record)
        if wanted is None or wanted.fields is None:
            return wanted.refused if wanted else None
        kept = dict(record.fields) if record else {}
        fields = wanted.fields | {
            "state": PUBLISHED,
            "dates": dict(kept.get("dates") or {}) | {form.version: by.now.isoformat(timespec="seconds")},
        }
        if renames:
            fields["renames"] = dict(kept.get("renames") or {}) | {form.version: dict(renames)}
        if files:
            told = {one.name: one.told for one in files}
            fields["files"] = dict(kept.get("files") or {}) | {form.version: told}
        blobs = [_store_definition(store, form), *(_store_file(store, one) for one in _once(files))]
        _change(store, form.form_id, record, fields, by, blobs)
    log.info("published form %s %s", form.form_id, form.version)
    return None


def retire_form(store: Store, form_id: str, by: Doer, *, back: bool = False) -> None:
    """Take a form off the phones, or put it back. Answers to it are accepted all the time."""
    with _acting:
        record = store.get("form", form_id)
        if record is None or (back and not offered_version(record.fields)):
            return
        _change(store, form_id, record, {"state": PUBLISHED if back else RETIRED}, by)


def retire_version(store: Store, shelf: FormShelf, form_id: str, version: str, by: Doer, *, back: bool = False) -> None:
    """Offer a version no longer, or again; phones get the latest of those that are left.

    Without any left the form is retired as a whole; putting a version back
    into such a form puts the form back.
    """
    with _acting:
        record = store.get("form", form_id)
        if record is None or version not in (record.fields.get("versions") or {}):
            return
        before = offered_version(record.fields)
        retired = dict(record.fields.get("retired") or {})
        if back:
            retired.pop(version, None)
        else:
            retired[version] = by.now.isoformat(timespec="seconds")
        fields: dict[str, Any] = {"retired": retired}
        offered = offered_version({**record.fields, "retired": retired})
        if not offered:
            fields["state"] = RETIRED
        elif form := shelf.get(form_id, offered):
            fields |= {"version": offered, "hash": form.hash, "definition": form.hash, "title": form.definition["title"]}
            if not before:
                fields["state"] = PUBLISHED
        _change(store, form_id, record, fields, by)


def versions_of(fields: Mapping[str, Any]) -> list[str]:
    """Every version ever published, the latest first.

    By the moment of publishing; versions from before that was kept come behind, by their numbers.
    """
    dates = fields.get("dates") or {}
    return sorted(fields.get("versions") or {}, key=lambda one: (str(dates.get(one, "")), _numbers(one)), reverse=True)


def offered_version(fields: Mapping[str, Any]) -> str:
    """The version new visits are made with: the latest that is not retired; '' without one."""
    retired = fields.get("retired") or {}
    return next((version for version in versions_of(fields) if version not in retired), "")


def _numbers(version: str) -> list[tuple[int, int, str]]:
    """Numbers inside versions count as numbers: 10 is after 9."""
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in re.split(r"(\d+)", version)]


def _change(
    store: Store, form_id: str, record: Record | None, fields: Mapping[str, Any], by: Doer, blobs: Sequence[BlobRef] = ()
) -> None:
    """One op of this person; nothing when nothing differs."""
    write_own(
        store, OFFICE_NAME, by.user_id,
        lambda author: _ops(author, form_id, record, fields, by.area, blobs), clock=lambda: by.now,
    )  # fmt: skip


def _ops(
    author: Author, form_id: str, record: Record | None, fields: Mapping[str, Any], area: str, blobs: Sequence[BlobRef]
) -> list[Op]:
    """What makes the form's record hold these fields; nothing when it does."""
    if record is None:
        return [author.create("form", form_id, area, fields, blobs=blobs)]
    old = record.fields
    changes = {name: (old.get(name), new) for name, new in fields.items() if old.get(name) != new}
    return [author.update("form", form_id, record.area, changes, base_rev=record.rev, blobs=blobs)] if changes else []


# --- the library ------------------------------------------------------------------------------------------


def publish_library(store: Store, library: Library, clock: Callable[[], datetime]) -> list[Refusal]:
    """Publish every form of the library that is new or changed; answers those refused.

    The definition is stored before the op that names it, so that nobody is
    told of a form that cannot be fetched.
    """
    refused = []
    for form in library.forms.values():
        wanted = publication_of(form, store.get("form", form.form_id))
        if wanted is None:
            continue
        if wanted.refused:
            refused.append(wanted.refused)
        if wanted.fields is None:
            continue
        blob = _store_definition(store, form)
        made = write_own(store, OWN_NAME, "", partial(_library_ops, store, form, blob), clock=clock)
        if made:
            log.info("published form %s %s", form.form_id, form.version)
    return refused


def _library_ops(store: Store, form: Form, blob: BlobRef, author: Author) -> list[Op]:
    """Looked up anew at each try: another web host of the centre may be publishing the same library."""
    published = store.get("form", form.form_id)
    wanted = publication_of(form, published)
    if wanted is None or wanted.fields is None:
        return []
    old = published.fields if published else {}
    moment = author.clock().isoformat(timespec="seconds")
    fields = wanted.fields | {"dates": dict(old.get("dates") or {}) | {form.version: moment}}
    return _ops(author, form.form_id, published, fields, EVERYWHERE, [blob])


def _store_definition(store: Store, form: Form) -> BlobRef:
    body = canonical(dict(form.definition))
    sha256 = hashlib.sha256(body).hexdigest()
    if sha256 != form.hash:
        raise AssertionError("a form's hash is that of its canonical definition")
    if not store.has_blob(sha256):
        store.put_blob_part(sha256, 0, len(body), body)
    return BlobRef(sha256, len(body))


def _once(files: Sequence[FormFile]) -> list[FormFile]:
    """The same picture under two names is one blob."""
    return list({one.sha256: one for one in files}.values())


def _store_file(store: Store, file: FormFile) -> BlobRef:
    if not store.has_blob(file.sha256):
        store.put_blob_part(file.sha256, 0, len(file.body), file.body)
    return file.blob


def page_address(form: Form) -> str:
    """Where the phone fetches the form's page."""
    return f"/forms/{quote(form.form_id, safe='')}/{quote(form.version, safe='')}.html"


class FormShelf:
    """The published forms of this node, opened once per version."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._opened: dict[str, Form] = {}
        self._lock = threading.Lock()

    def get(self, form_id: str, version: str) -> Form | None:
        """A published version, or None when this node does not know it (or has not fetched it yet)."""
        record = self._store.get("form", form_id)
        digest = (record.fields.get("versions") or {}).get(version) if record and not record.deleted else None
        return self._open(digest) if digest else None

    def file(self, form_id: str, version: str, name: str) -> tuple[str, str] | None:
        """(SHA-256, type) of a version's file; None when there is none, or this node has not fetched it yet."""
        record = self._store.get("form", form_id)
        told: Any = record.fields.get("files") if record and not record.deleted else None
        for key in (version, name):
            told = told.get(key) if isinstance(told, dict) else None
        if not isinstance(told, dict):
            return None
        sha256, kind = str(told.get("sha256", "")), str(told.get("type", ""))
        # What another node wrote goes out only as something a page may show.
        return (sha256, kind) if kind in MIME.values() and self._store.has_blob(sha256) else None

    def newest(self, form_id: str) -> Form | None:
        """The version new visits are made with, or None."""
        record = self._store.get("form", form_id)
        if record is None or record.deleted or record.fields.get("state") != PUBLISHED:
            return None
        return self.get(form_id, record.fields.get("version", ""))

    def current(self) -> dict[str, Form]:
        """The newest version of every published form, by form id."""
        cursor, ids = None, []
        while True:
            page = self._store.pull(EVERY_FORM, cursor, 500)
            ids += [record.id for record in page.records]
            cursor = page.cursor
            if not page.more:
                break
        found = {form_id: self.newest(form_id) for form_id in sorted(set(ids))}
        return {form_id: form for form_id, form in found.items() if form}

    def by_hash(self, digest: str) -> Form | None:
        """The form with that definition, whatever it is called."""
        return self._open(digest)

    def _open(self, digest: str) -> Form | None:
        with self._lock:
            if digest in self._opened:
                return self._opened[digest]
        if not self._store.has_blob(digest):
            return None
        with self._store.open_blob(digest) as body:
            form = Form(json.load(body))
        with self._lock:
            return self._opened.setdefault(digest, form)
