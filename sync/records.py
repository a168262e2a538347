"""The frozen records that travel between phone, node and centre, and rest in a store.

Shapes only. Deciding is in `apply`, `conflict`, `overlay` and `scope`; bytes
are in `protocol`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from sync.canonical import MAX_INTEGER

Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)]
Serial = Annotated[int, msgspec.Meta(ge=1, le=MAX_INTEGER)]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
# 2 to 12 digits name a place of the official tree, more a group (组) inside a village.
AreaCode = Annotated[str, msgspec.Meta(pattern="^[0-9]{2,20}$")]

# What became of an op. All but `retry` are durable and final for the phone.
APPLIED, DUPLICATE, CONFLICT = "applied", "duplicate", "conflict"
HELD, QUARANTINED, RETRY = "held", "quarantined", "retry"

BlobPlace = Literal["", "here", "centre"]
"""How far up a whole blob is: not here, at the tier that was asked, at the centre."""

BLOB_PLACES: tuple[BlobPlace, ...] = ("", "here", "centre")


class BlobWord(msgspec.Struct, frozen=True, kw_only=True):
    """The centre's signed word that it holds a blob whole."""

    sha256: str
    server_id: str
    epoch: str
    sig: str = ""


NODE, CENTRE, DEVICE, BROWSER = "node", "centre", "device", "browser"


MOVE = "move"
"""The kind of op that files a record under another area; fields holds ``area`` alone, from and to."""


class FieldChange(msgspec.Struct, frozen=True, gc=False):
    """One field from ``old`` to ``new``; equal values confirm what is there.

    Values are text, or JSON of objects, lists, text and integers for documents.
    """

    old: Any = None
    new: Any = None


class BlobRef(msgspec.Struct, frozen=True):
    sha256: Sha256
    size: Count


class Op(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One immutable statement by one actor on one device.

    kind is create, update, void or erase; ``sig`` is not used: heads are signed, not ops.
    ``cites`` is the content hash of an op that was set aside and that a person takes up with this one.
    ``device_time`` is data with its offset and decides nothing.
    """

    v: Serial = 1
    op_id: Word
    install_id: Word
    dseq: Serial
    entity: Word
    id: Word
    kind: Word
    area: AreaCode
    base_rev: Count = 0
    fields: dict[Annotated[str, msgspec.Meta(min_length=1, max_length=200)], FieldChange] = {}
    submission: str | None = None
    form_id: str | None = None
    form_version: str | None = None
    form_hash: str | None = None
    actor: str
    device_time: Annotated[str, msgspec.Meta(max_length=40)]
    monotonic_ms: Count = 0
    boot_id: Annotated[str, msgspec.Meta(max_length=100)] = ""
    blobs: Annotated[tuple[BlobRef, ...], msgspec.Meta(max_length=1000)] = ()
    cites: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    hash: Annotated[str, msgspec.Meta(max_length=200)] = ""
    sig: str | None = None


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """An op with the bytes it came as. ``hash`` is what we computed, never what was claimed.

    fault: problem code when the op can be named but not applied; such an op
    is stored and quarantined like any other.
    """

    op: Op
    body: bytes
    hash: str
    fault: str | None = None


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Current state of one thing. The keys of the wire.

    rev: the centre's number, 0 until it confirmed the record. seq: place in
    the answering server's log. since: field → local date of the last op that
    set or confirmed it. pending: ops overlaid that the centre has not confirmed.
    """

    kind: str
    id: str
    area: str
    rev: int
    seq: int
    fields: dict[str, Any]
    since: dict[str, str]
    pending: int = 0
    deleted: bool = False


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """A tier's word that it holds the op on disk. ``tier`` node is ①, centre is ②."""

    server_id: str
    epoch: str
    tier: str
    op_id: str
    hash: str
    seq: int
    time: str
    sig: str | None = None


class LogHead(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An install's signature over the chain of its log up to ``dseq``."""

    install_id: Word
    dseq: Serial
    chain: Sha256
    sig: Annotated[str, msgspec.Meta(max_length=200)]


class ServerHead(msgspec.Struct, frozen=True, kw_only=True):
    """A server's signed word that it holds an install's log up to ``dseq``, and that the log's chain is this one there."""

    install_id: str
    dseq: int
    chain: str
    server_id: str
    epoch: str
    tier: str
    time: str
    sig: str = ""


class Keys(msgspec.Struct, frozen=True):
    """Public keys of a server: what it signs with, and what is sealed to it."""

    sign: str
    seal: str = ""


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one op of a push. ``first`` is the stored status behind ``duplicate``.

    seq is the record's place in this server's log once the op had its effect,
    0 when it had none. receipt is absent (null) only for retry.
    """

    op_id: str
    status: str
    rev: int
    seq: int
    receipt: Receipt | None
    first: str = ""
    code: str = ""
    message: str = ""
    next: str = ""


class PushReply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    server_id: str
    epoch: str
    time: str
    results: tuple[Result, ...]
    acked_dseq: dict[str, int]
    expected: dict[str, int] = {}
    heads: tuple[ServerHead, ...] = ()


class LateReceipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The centre's receipt for one op, handed down."""

    op_id: str
    dseq: int
    status: str
    rev: int
    seq: int
    receipt: Receipt
    code: str = ""
    message: str = ""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A run of records in seq order. Fetch on from ``cursor`` while ``more``.

    ``seq`` is the place in the log this page reaches, also past records
    that were not for the puller.
    """

    cursor: str
    seq: int
    more: bool
    records: tuple[Record, ...]


class KeptRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A record on its way out, its values and dates as a store keeps them and nobody read them.

    The keys of the wire, but ``since`` may be brief: ``[day, {field: other day}]`` where every field has a date.
    """

    kind: str
    id: str
    area: str
    rev: int
    seq: int
    fields: msgspec.Raw
    since: msgspec.Raw
    pending: int = 0
    deleted: bool = False


class KeptPage(msgspec.Struct, frozen=True, kw_only=True):
    """A `Page` of such records."""

    cursor: str
    seq: int
    more: bool
    records: tuple[KeptRecord, ...]


class UnreadRecord(msgspec.Struct, frozen=True, gc=False):
    """A record as a store keeps it: values and dates are JSON that nobody read (dates as `sync.store.dates` keeps them).

    fields: as the database hands them out with the least work, text or its bytes.
    """

    kind: str
    id: str
    area: str
    rev: int
    seq: int
    fields: str | bytes
    since: str
    pending: int = 0
    deleted: bool = False


class UnreadPage(msgspec.Struct, frozen=True):
    """A run of them in seq order; seq and more as of a `Page`."""

    seq: int
    more: bool
    records: list[UnreadRecord]


class Grant(msgspec.Struct, frozen=True):
    """A role over an area: cadre, township, county, node or auditor."""

    role: str
    area: str


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """Who a token speaks for. Grants are read from the user record at every check."""

    install_id: str
    user_id: str
    kind: str
    grants: tuple[Grant, ...]
    revoked: bool = False


class Pushed(NamedTuple):
    """One push body as it came. marks: op_id → what the node that sends it says of the op."""

    arrivals: Sequence[Arrival]
    raw: bytes
    credential: Credential
    heads: Sequence[LogHead] = ()
    marks: Mapping[str, str] = {}


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Which records somebody may read: `sync.scope` makes one from a credential.

    area_prefixes: digits; () is nothing and ('',) is everything.
    kinds: () is every kind. reader: device, node or '' (this server itself).
    """

    area_prefixes: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    reader: str = ""
    user_id: str = ""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One step in a record's history: the op, and what became of it here. hash: of its content, as computed here."""

    seq: int
    op: Op
    status: str
    rev: int
    received_at: str
    code: str = ""
    message: str = ""
    hash: str = ""


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """What an install has of one scope: everything that stood in the log up to ``place``.

    until: the last number of its log that may still speak of it; None while the scope is its own.
    """

    prefixes: tuple[str, ...]
    place: int
    seen_at: str
    until: int | None = None


class Install(msgspec.Struct, frozen=True, kw_only=True):
    """A device or node that was let in, and how far its log has come."""

    install_id: str
    user_id: str
    kind: str
    name: str
    created_at: str
    last_seen: str = ""
    revoked_at: str = ""
    made_dseq: int = 0
    acked_dseq: int = 0
    confirmed_dseq: int = 0
    told: dict[str, Any] = {}
    """What it tells of itself (`sync.telling`)."""
    lost_by: str = ""
    """The install that its phone has now, after the browser threw this one away."""
    key: str = ""

    @property
    def revoked(self) -> bool:
        return bool(self.revoked_at)
