"""Sheet numbers: drawn, and recorded in the store, so that a submission's ``sheet`` can be traced to its paper.

A sheet is a record of kind ``sheet`` with id ``<household id>:<number>``.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

from app import codes
from forms.definition import Form
from sync.author import Author
from sync.own import write_own
from sync.records import Op, Record
from sync.store.base import Store

OWN_NAME = "print"


def issue(store: Store, form: Form, households: Sequence[tuple[str, str]], user_id: str, now: datetime) -> list[str]:
    """A new sheet number for each (household id, area), recorded before any paper carries it."""
    numbers = [codes.make_sheet_number(secrets.token_bytes(codes.SHEET_BYTES)) for _ in households]
    printed = now.isoformat(timespec="seconds")

    def sheets(author: Author) -> list[Op]:
        ops = []
        for (household_id, area), number in zip(households, numbers, strict=True):
            fields = {
                "household_id": household_id,
                "number": number,
                "form_id": form.form_id,
                "form_version": form.version,
                "printed": printed,
                "printed_by": user_id,
            }
            ops.append(author.create("sheet", f"{household_id}:{number}", area, fields))
        return ops

    write_own(store, OWN_NAME, user_id, sheets, clock=lambda: now)
    return numbers


def trace(store: Store, household_id: str, number: str) -> Record | None:
    """The record of a sheet, from what a submission says of it."""
    return store.get("sheet", f"{household_id}:{number}")
