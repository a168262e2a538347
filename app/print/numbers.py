"""Sheet numbers: drawn, and recorded in the store, so that a submission's ``sheet`` can be traced to its paper.

A sheet is a record of kind ``sheet`` with id ``<household id>:<number>``.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from datetime import datetime

from app import codes
from forms.definition import Form
from sync.author import Author
from sync.records import Record
from sync.store.base import Store

OWN_NAME = "print"
_lock = threading.Lock()


def issue(store: Store, form: Form, households: Sequence[tuple[str, str]], user_id: str, now: datetime) -> list[str]:
    """A new sheet number for each (household id, area), recorded before any paper carries it."""
    numbers = [codes.make_sheet_number(secrets.token_bytes(codes.SHEET_BYTES)) for _ in households]
    with _lock:  # numbers of one install run without a gap
        author = _author(store, user_id, now)
        ops = []
        for (household_id, area), number in zip(households, numbers, strict=True):
            fields = {
                "household_id": household_id,
                "number": number,
                "form_id": form.form_id,
                "form_version": form.version,
                "printed": now.isoformat(timespec="seconds"),
                "printed_by": user_id,
            }
            ops.append(author.create("sheet", f"{household_id}:{number}", area, fields))
        store.load(ops)
    return numbers


def trace(store: Store, household_id: str, number: str) -> Record | None:
    """The record of a sheet, from what a submission says of it."""
    return store.get("sheet", f"{household_id}:{number}")


def _author(store: Store, user_id: str, now: datetime) -> Author:
    known = next((one for one in store.installs() if one.name == OWN_NAME and not one.user_id), None)
    install_id = known.install_id if known else store.add_install("", kind="node", name=OWN_NAME).install_id
    return Author(install_id, user_id, next_dseq=(known.acked_dseq if known else 0) + 1, clock=lambda: now)
