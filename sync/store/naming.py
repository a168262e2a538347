"""Which blobs the ops and records of an intake name."""

from __future__ import annotations

from sync.store.intake import Intake


def blobs_named(intake: Intake) -> list[tuple[str, str, str, int]]:
    """(sha256, kind, id, size) of the blobs that new ops and published forms name."""
    named = [
        (blob.sha256, kept.arrival.op.entity, kept.arrival.op.id, blob.size)
        for kept in intake.kept
        for blob in kept.arrival.op.blobs
    ]
    for put in intake.puts:
        fields = put.record.fields
        if put.record.kind == "form" and fields.get("definition"):
            shas = {fields["definition"], *dict(fields.get("versions") or {}).values()}
            named += [(str(sha256), "form", put.record.id, 0) for sha256 in shas]
    return named
