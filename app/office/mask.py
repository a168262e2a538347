"""Personal data for those who need not see all of it. Pure."""

from __future__ import annotations

from forms.register import FIELDS

SHOWN = 4
PERSONAL = frozenset(field.name for fields in FIELDS.values() for field in fields if field.personal)


def masked(value: str) -> str:
    """Only the last four characters: enough to tell two people apart, too little to use."""
    if not value:
        return ""
    return "****" + (value[-SHOWN:] if len(value) > 2 * SHOWN else "")


def masked_fields(fields: dict[str, str], full: bool) -> dict[str, str]:
    """A record's fields, its personal ones masked unless the reader may see them in full."""
    if full:
        return fields
    return {name: masked(value) if name in PERSONAL and value else value for name, value in fields.items()}
