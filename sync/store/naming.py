"""Which blobs the ops and records of an intake name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sync.store.intake import Intake


def blobs_named(intake: Intake) -> list[tuple[str, str, str, int]]:
    """(sha256, kind, id, size) of the blobs that new ops and published forms name."""
    named = [
        (blob.sha256, kept.arrival.op.entity, kept.arrival.op.id, blob.size)
        for kept in intake.kept
        for blob in kept.arrival.op.blobs
    ]
    for put in intake.puts:
        if put.record.kind == "form" and put.record.fields.get("definition"):
            named += [(sha256, "form", put.record.id, size) for sha256, size in blobs_of_form(put.record.fields).items()]
    return named


def blobs_of_form(fields: Mapping[str, Any]) -> dict[str, int]:
    """SHA-256 → size (0: not told) of what a form's record needs: the definitions and the files of all its versions.

    What another node wrote in an unknown shape names nothing and stops nobody.
    """
    named = {str(fields["definition"]): 0} | {str(sha256): 0 for sha256 in dict(fields.get("versions") or {}).values()}
    versions = fields.get("files")
    for files in versions.values() if isinstance(versions, dict) else ():
        for one in files.values() if isinstance(files, dict) else ():
            if isinstance(one, dict) and isinstance(one.get("sha256"), str):
                size = one.get("size")
                named[one["sha256"]] = size if isinstance(size, int) and size >= 0 else 0
    return named
