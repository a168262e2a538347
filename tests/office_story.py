"""One visit as the office sees it: a form, its submission with files, and the ops that followed it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from PIL import Image
from test_office_answers import DEFINITION

from forms.definition import Form
from sync.author import Author
from sync.canonical import canonical
from sync.records import BlobRef


def picture(kind: str = "JPEG", size: tuple[int, int] = (6, 4)) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", size, (90, 120, 60)).save(made, kind)
    return made.getvalue()


JPEG = picture()
PAGE = b"<!doctype html><script>alert(1)</script>"
EVIL = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"
FORM = {**DEFINITION, "format": 1, "version": "1", "title": {"zh": "入户走访", "en": "Visit"}, "entities": [], "instances": {}}


def keep(store: Any, body: bytes) -> str:
    name = hashlib.sha256(body).hexdigest()
    store.put_blob_part(name, 0, len(body), body)
    return name


def publish(store: Any, author: Author, definition: dict[str, Any], area: str) -> None:
    form = Form(definition)
    body = canonical(dict(form.definition))
    fields = {
        "form_id": form.form_id, "version": form.version, "title": definition["title"], "hash": form.hash,
        "definition": form.hash, "state": "published", "versions": {form.version: form.hash},
    }  # fmt: skip
    keep(store, body)
    store.load([author.create("form", form.form_id, area, fields, blobs=[BlobRef(form.hash, len(body))])])


def author_of(actor: str, install: str = "i-story", day: int = 2) -> Author:
    return Author(install, actor, clock=lambda: datetime(2026, 11, day, 9, tzinfo=UTC))


def tell(
    store: Any, *, actor: str, area: str, household: str, old: dict[str, Any], everywhere: str = "000000000000",
    head: str = EVIL, change: Callable[[Author], Any] | None = None,
) -> dict[str, str]:  # fmt: skip
    """Load the story into a store that knows the household; answers the ids of what it made."""
    author = author_of(actor)
    publish(store, author, FORM, everywhere)
    photo, signature, stray = keep(store, JPEG), keep(store, PAGE), keep(store, JPEG + b" of somebody else")
    answers = {
        "household_id": household,
        "living": {"water": "yes", "policies": "a b"},
        "member": [{"full_name": EVIL, "id_no": "50023219700101002X", "health": "=1+1"}],
        "photo": f"{photo}.jpg",
        "sign": f"{signature}.png",
    }
    carried = {"/data/living/water": {"value": "no", "date": "2026-03-01", "state": "changed"}}
    submission = {
        "form_id": "visit", "form_version": "1", "form_hash": Form(FORM).hash, "household_id": household,
        "sheet": "7K2M9QXA", "started": "2026-11-02T17:00:00+08:00", "ended": "2026-11-02T17:20:00+08:00",
        "instance_name": "x", "answers": answers, "carried": carried,
    }  # fmt: skip
    member = {"household_id": household, "line": "1", "full_name": head, "id_no": "50023219700101002X",
              "phone": "13800001234", "relation": "01", "state": "active"}  # fmt: skip
    visit = {"household_id": household, "submission_id": "s-1", "form_id": "visit", "date": "2026-11-02",
             "outcome": "met", "cadre": actor, "cadre_name": "冉村干", "note": EVIL}  # fmt: skip
    issue = {"household_id": household, "submission_id": "s-1", "problem_kind": "water", "description": EVIL,
             "deadline": "2026-11-20", "state": "open"}  # fmt: skip
    from_it = {"submission": "s-1", "form_id": "visit", "form_version": "1"}
    store.load(
        [
            author.create("submission", "s-1", area, submission),
            author.create("visit", "v-1", area, visit, **from_it),
            author.update(
                "household", household, area,
                {"water_safe": (old.get("water_safe"), "yes"), "head_name": (old.get("head_name"), head),
                 "phone": (None, "13900005678"), "group": (old.get("group"), old.get("group"))},
                base_rev=1, **from_it,
            ),
            author.create("member", "m-1", area, member, **from_it),
            author.create("issue", "i-1", area, issue, **from_it),
        ]
    )  # fmt: skip
    return {"submission": "s-1", "photo": photo, "signature": signature, "stray": stray}
