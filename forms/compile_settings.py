"""The settings sheet: what names the form, and what the other settings ask for."""

from __future__ import annotations

import re
from typing import Any

from forms.compile_texts import language_key
from forms.compiling import Compilation

_KEPT = (
    "public_key", "submission_url", "auto_send", "auto_delete", "allow_choice_duplicates", "namespaces", "client_editable",
    "instance_xmlns", "instance_id", "omit_instanceID", "clean_text_values", "name", "sms_keyword", "prefix", "delimiter",
)  # fmt: skip
_UNSAFE = re.compile(r"[\x00-\x1f/\\]")
LONGEST = 200


def _address(made: Compilation, column: str, given: str) -> str:
    """As given, but for what cannot stand in an address; that is told, not done in silence."""
    safe = _UNSAFE.sub("_", given.strip())[:LONGEST]
    if safe in (".", "..", ""):
        made.problem("bad_form_id", made.outline.settings, column, given)
    elif safe != given.strip():
        made.warn("changed_form_id", made.outline.settings, column, given[:60], to=safe)
    return safe


def settings_of(made: Compilation) -> dict[str, Any]:
    """The keys of the definition that come from the settings sheet."""
    sheet, line = made.sheets, made.outline.settings
    form_id = _address(made, "form_id", str(sheet["id_string"]))
    version = _address(made, "version", str(sheet.get("version") or "1"))
    name = sheet.get("instance_name")
    languages = made.languages
    titles = {language_key(key.partition("::")[2]): words for key, words in line.texts("form_title") if "::" in key}
    title = str(sheet.get("title") or titles.get(languages.default) or form_id)
    attribute = sheet.get("attribute")
    kept = {key: str(value) for key in _KEPT if (value := line.cells.get(key)) not in (None, "")}
    if isinstance(attribute, dict):
        kept |= {f"attribute::{key}": str(value) for key, value in attribute.items()}
    settings: dict[str, Any] = {
        "form_id": form_id, "version": version,
        "title": {languages.default: title} | titles, "languages": languages.keys, "default_language": languages.default,
        "style": str(sheet.get("style") or "").split(),
        "instance_name": made.tree(name, line, "instance_name") if name else None,
    }  # fmt: skip
    named = {key: name for key, name in languages.names.items() if key != name}
    if named:
        settings["language_names"] = named
    if kept:
        settings["settings"] = kept
    if made.audit:
        settings["audit"] = made.audit
    if made.wanted:
        settings["attachments"] = sorted(made.wanted)
    return settings


