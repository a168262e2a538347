"""Forms from the library folder to the phones: a centre publishes what is new, every node keeps what is published.

A form is one record of kind ``form``; its ``versions`` name the definition
(a blob) of every version ever published. A published version never changes:
drafts and kept submissions stand on it.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sync.records import Record

log = logging.getLogger("ruhu.forms")

EVERYWHERE = "000000000000"


class CompiledForm(Protocol):
    """What publishing needs of a compiled form."""

    form_id: str
    version: str
    hash: str
    definition: Mapping[str, Any]


@dataclass(frozen=True)
class Publication:
    """What to do with one form of the library: the fields to set, or why it cannot be published."""

    form_id: str
    fields: dict[str, Any] | None = None
    refused: tuple[str, str] | None = None


def publication_of(form: CompiledForm, published: Record | None) -> Publication | None:
    """What publishing this form changes, given its record; None when it is published as it is.

    A version that is already out with other content is refused: phones hold
    answers to the old questions under that very name. A version published
    earlier than the newest is not published again either, so that putting an
    old file back does not turn every phone back.
    """
    versions = dict(published.fields.get("versions") or {}) if published else {}
    known = versions.get(form.version)
    if known == form.hash:
        return None
    if known is not None:
        return Publication(
            form.form_id,
            refused=(
                f"表单 {form.form_id} 的版本 {form.version} 已经发布,内容却改了,没有替换。",
                "请在 settings 表把 version 改成新的版本号,再重新启动。",
            ),
        )
    versions[form.version] = form.hash
    return Publication(
        form.form_id,
        fields={
            "form_id": form.form_id,
            "version": form.version,
            "title": dict(form.definition["title"]),
            "hash": form.hash,
            "definition": form.hash,
            "state": "published",
            "versions": versions,
        },
    )
