"""Making ops: for this server's own changes, the demo county, imports and tests.

The phone makes its ops in ``static/js/data/outbox.js``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from sync.canonical import canonical_of_checked, refuse_inexact
from sync.exact import hash_of_made
from sync.ids import new_id
from sync.records import Arrival, BlobRef, FieldChange, Op


class Author:
    """Makes the numbered ops of one install, each with its hash.

    next_dseq: the number of the first op made. clock gives the device time
    with its offset; ids gives new op ids.
    """

    def __init__(self, install_id: str, actor: str, *, next_dseq: int = 1,
                 clock: Callable[[], datetime], ids: Callable[[], str] = new_id, boot_id: str = "") -> None:
        self.install_id = install_id
        self.actor = actor
        self.next_dseq = next_dseq
        self.clock = clock
        self.ids = ids
        self.boot_id = boot_id

    def create(self, entity: str, record_id: str, area: str, fields: Mapping[str, Any], **more: Any) -> Op:
        """A create with these field values."""
        changes = {name: FieldChange(None, value) for name, value in fields.items()}
        return self.op("create", entity, record_id, area, changes, **more)

    def update(self, entity: str, record_id: str, area: str,
               fields: Mapping[str, tuple[Any, Any]], **more: Any) -> Op:
        """An update; fields maps name to (old, new)."""
        changes = {name: FieldChange(old, new) for name, (old, new) in fields.items()}
        return self.op("update", entity, record_id, area, changes, **more)

    def void(self, entity: str, record_id: str, area: str, seen: Mapping[str, Any], reason: str,
             **more: Any) -> Op:
        """A removal; seen holds the fields as the person saw them."""
        changes = {name: FieldChange(value, value) for name, value in seen.items()}
        return self.op("void", entity, record_id, area, changes | {"void_reason": FieldChange(None, reason)}, **more)

    def move(self, entity: str, record_id: str, area: str, to: str, **more: Any) -> Op:
        """The record from one area to another."""
        return self.op("move", entity, record_id, area, {"area": FieldChange(area, to)}, **more)

    def op(self, kind: str, entity: str, record_id: str, area: str, fields: Mapping[str, FieldChange], *,
           base_rev: int = 0, submission: str | None = None, form_id: str | None = None,
           form_version: str | None = None, form_hash: str | None = None,
           blobs: Sequence[BlobRef] = (), actor: str | None = None, cites: str | None = None) -> Op:
        """The next op. Raises NotCanonical when a value has no exact spelling."""
        for change in fields.values():
            for value in (change.old, change.new):
                if value is not None and type(value) is not str:
                    refuse_inexact(value)
        op = Op(
            op_id=self.ids(), install_id=self.install_id, dseq=self.next_dseq, entity=entity, id=record_id,
            kind=kind, area=area, base_rev=base_rev, fields=dict(fields), submission=submission,
            form_id=form_id, form_version=form_version, form_hash=form_hash,
            actor=self.actor if actor is None else actor,
            device_time=self.clock().isoformat(timespec="milliseconds"), boot_id=self.boot_id, blobs=tuple(blobs),
            cites=cites,
        )
        self.next_dseq += 1
        return with_hash(op)


def with_hash(op: Op) -> Op:
    """The op with its content hash, for one just made here (no members unknown to this version)."""
    if made := hash_of_made(op):
        return msgspec.structs.replace(op, hash=made)
    content = {name: getattr(op, name) for name in _CONTENT}
    digest = hashlib.sha256(canonical_of_checked(content)).hexdigest()
    return Op(**content, hash=digest, sig=op.sig)


def spelled(made: Op | Arrival) -> Arrival:
    """An op made here with its bytes, where it has not got them yet."""
    return made if isinstance(made, Arrival) else Arrival(made, _encode(made), made.hash)


_encode = msgspec.json.Encoder().encode
_CONTENT = tuple(name for name in Op.__struct_fields__ if name not in ("hash", "sig"))
