"""The centre takes a courier file in: the same pushes as over the network, each part for itself.

Nobody has signed in with a token. The signature of the sending install on every part stands in its
place, and what it may do is what it might have done at the API. What nobody signed is kept for a
person and moves no log on: anyone can close a file for the centre.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Annotated, NamedTuple

import msgspec

from sync import keys, service
from sync.carry_out import Asks
from sync.closed_work import ClosedOp, ClosedPart, piece_of, push_of
from sync.courier import BLOB_CHUNK, OPS, Head, Message, Reader
from sync.problems import Problem
from sync.protocol import parse_push
from sync.records import DEVICE, QUARANTINED, Credential, Grant, Sha256
from sync.scope import grants_of, prefix_of, within
from sync.store.base import Store


class BlobPart(msgspec.Struct, frozen=True):
    """Where the bytes of a ``blob`` message belong."""

    sha256: Sha256
    offset: Annotated[int, msgspec.Meta(ge=0)]
    length: Annotated[int, msgspec.Meta(ge=1)]


class FilePart(msgspec.Struct, frozen=True):
    """A piece of a courier file that somebody took along."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern="^[0-9A-Za-z_-]+$")]
    offset: Annotated[int, msgspec.Meta(ge=0)]
    length: Annotated[int, msgspec.Meta(ge=1)]


Along = Callable[[FilePart, bytes], None]


@dataclass
class Taken:
    """What became of a file.

    results: ops by their status, ``duplicate`` for those known before; asides: set-aside ops by problem
    code; logs: per install the first and the last dseq in the file; gaps: per install the first dseq
    that is missing here; faults: messages that could not be used, by code; end: '' when the file was whole.
    """

    head: Head
    signed: bool
    asks: Asks = field(default_factory=Asks)
    results: Counter[str] = field(default_factory=Counter)
    asides: Counter[str] = field(default_factory=Counter)
    logs: dict[str, tuple[int, int]] = field(default_factory=dict)
    gaps: dict[str, int] = field(default_factory=dict)
    named: dict[str, int] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    end: str = ""

    @property
    def ops(self) -> int:
        return sum(self.results.values())


def take_in(
    store: Store, source: IO[bytes], key: keys.PrivateKey, *, now: Callable[[], datetime],
    told: Callable[[int], None] = lambda parts: None, along: Along = lambda part, body: None,
) -> Taken:  # fmt: skip
    """Take a file in; what stops it is the ``end`` of what is answered, and what came before stays taken.

    told: the parts read so far. along: gets the pieces of files that were taken along. Raises Problem
    for a file that cannot be begun: courier_foreign, courier_version, courier_not_for_us, courier_unknown_device.
    """
    reader = Reader(source)
    head = reader.head
    if head.kind != OPS:
        raise Problem("courier_foreign")
    sender = sender_of(store, head.sender)
    if sender is None:
        raise Problem("courier_unknown_device")
    signer = sender.key if head.by else ""
    taken = Taken(head, bool(signer))
    credential = sender.credential if signer else _nobody(head)
    try:
        for message in reader.messages(key=key, signer=signer):
            _take(store, credential, message, taken, now(), along, key)
            told(reader.parts)
    except Problem as problem:
        if reader.parts == 0:
            raise
        taken.end = problem.code
    return taken


class Sender(NamedTuple):
    """Who sent a file: the key its parts must be signed with, and what it may do."""

    key: str
    credential: Credential


def sender_of(store: Store, install_id: str) -> Sender | None:
    """The sender of that id: let in here, or at a node below that has told of it."""
    for one in store.installs():
        if one.install_id == install_id:
            grants = grants_of(store.get("user", one.user_id)) if one.user_id else ()
            return Sender(one.key, Credential(install_id=install_id, user_id=one.user_id, kind=one.kind, grants=grants,
                                              revoked=one.revoked))  # fmt: skip
    told = store.get("device", install_id)
    if told is None:
        return None
    user_id, key = str(told.fields.get("user_id") or ""), str(told.fields.get("key") or "")
    # Whoever told of it vouches for a place, not for a person's rights elsewhere.
    grants = narrowed(grants_of(store.get("user", user_id)), told.area)
    return Sender(key, Credential(install_id=install_id, user_id=user_id, kind=DEVICE, grants=grants, revoked=told.deleted))


def narrowed(grants: Sequence[Grant], area: str) -> tuple[Grant, ...]:
    """The grants as far as they lie in one place."""
    place = prefix_of(area)
    return tuple(grant if within(grant.area, (place,)) else Grant(grant.role, area) for grant in grants
                 if within(grant.area, (place,)) or within(place, (prefix_of(grant.area),)))  # fmt: skip


def _nobody(head: Head) -> Credential:
    """One that owns no log: every op is kept beside its own."""
    return Credential(install_id=f"courier:{head.id}", user_id="", kind=DEVICE, grants=())


def _take(
    store: Store, credential: Credential, message: Message, taken: Taken, now: datetime, along: Along, key: keys.PrivateKey
) -> None:
    """One message. A message of a later version is passed over; one that is wrong is counted, and the rest flows."""
    try:
        if message.name == "hello":
            taken.asks = msgspec.json.decode(message.body, type=Asks)
        elif message.name == "push":
            _take_push(store, credential, message.body, taken, now)
        elif message.name == "blob":
            _take_blob(store, credential, msgspec.convert(message.facts, BlobPart), message.body)
        elif message.name == "closed":
            _take_push(store, credential, push_of(msgspec.convert(message.facts, ClosedOp), message.body, key), taken, now)
        elif message.name == "closed_blob":
            part = msgspec.convert(message.facts, ClosedPart)
            _take_blob(store, credential, BlobPart(part.sha256, part.offset, part.length), piece_of(part, message.body, key))
        elif message.name == "file" and taken.signed:
            along(msgspec.convert(message.facts, FilePart), message.body)
    except msgspec.MsgspecError:
        taken.faults["bad_request"] += 1
    except Problem as problem:
        if problem.code in ("store_failed", "disk_full", "busy", "database_silent"):
            raise
        taken.faults[problem.code] += 1


def _take_push(store: Store, credential: Credential, body: bytes, taken: Taken, now: datetime) -> None:
    reply = service.push(store, credential, body, now=now)
    for result in reply["results"]:
        taken.results[result["status"]] += 1
        if (result.get("first") or result["status"]) == QUARANTINED:
            taken.asides[result.get("code", "")] += 1
    for install_id, expected in reply.get("expected", {}).items():
        taken.gaps.setdefault(install_id, expected)
    for arrival in parse_push(body).arrivals:
        op = arrival.op
        first, last = taken.logs.get(op.install_id, (op.dseq, op.dseq))
        taken.logs[op.install_id] = min(first, op.dseq), max(last, op.dseq)
        taken.named |= {blob.sha256: blob.size for blob in op.blobs}


def _take_blob(store: Store, credential: Credential, part: BlobPart, body: bytes) -> None:
    """Bytes of a blob, from where those here end: a file taken twice adds nothing."""
    if len(body) > BLOB_CHUNK or store.has_blob(part.sha256):
        return
    here, _ = store.blob_state(part.sha256) or (0, 0)
    if part.offset <= here < part.offset + len(body):
        service.put_blob(store, credential, part.sha256, here, part.length, body[here - part.offset :])


def missing_blobs(store: Store, taken: Taken) -> list[str]:
    """Photos and files that ops of the file name and that are not whole here."""
    return [sha256 for sha256 in taken.named if not store.has_blob(sha256)]


