"""The audit chain: what a server decided, one entry after the other, each bound to the one before.

An entry says that an op was taken in and with which result, that a held op got
a new one, or that the office did something. Nothing is ever written over: a
later decision is a later entry. Whoever edits or removes a row leaves a link
that does not fit; whoever writes the whole end anew is told by the heads that
other servers keep.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import msgspec

from sync.canonical import content_hash
from sync.keys import PrivateKey, public_text, sign, verified

OP, STATUS, EPOCH, ENROL, REVOKE, ERASE = "op", "status", "epoch", "enrol", "revoke", "erase"
DIFFERS = "differs"
"""The chain did not fit a head that a neighbour kept of it."""
NOTHING = bytes(32)
"""What the first entry is bound to."""

_array = msgspec.json.Encoder()
_json = msgspec.json.Decoder()


class Entry(NamedTuple):
    """One decision. Of an op: op_n its row, about its install, and its dseq, content hash, status and code.

    Of an act: about the thing acted on, code who did it or why.
    """

    n: int
    what: str
    at: str
    op_n: int
    about: str
    dseq: int
    hash: str
    status: str
    code: str
    link: bytes


class Chain(NamedTuple):
    """The last entry's number and link."""

    n: int = 0
    link: bytes = NOTHING


class Taken(Protocol):
    """An op that was taken in, as `sync.store.intake.Kept` has it."""

    n: int
    status: str
    code: str

    @property
    def arrival(self) -> Any: ...


BEGINNING = Chain()


def link_of(previous: bytes, values: tuple[Any, ...]) -> bytes:
    """The link of an entry, given the one before and the entry's values without its own link."""
    return hashlib.sha256(previous + _array.encode(values)).digest()


def bound(chain: Chain, what: str, at: str, *, op_n: int = 0, about: str = "", dseq: int = 0, hash: str = "",
          status: str = "", code: str = "") -> Entry:  # fmt: skip
    """The next entry of the chain."""
    values = (chain.n + 1, what, at, op_n, about, dseq, hash, status, code)
    return Entry(*values, link_of(chain.link, values))


def after(chain: Chain, entries: list[Entry]) -> Chain:
    """Where the chain stands behind these entries."""
    return Chain(entries[-1].n, entries[-1].link) if entries else chain


def entries_of(chain: Chain, kept: Iterable[Taken], released: Iterable[Taken], at: str) -> list[Entry]:
    """The entries of one round of taking ops in."""
    found: list[Entry] = []
    n, link = chain
    for what, ops in ((OP, kept), (STATUS, released)):
        for one in ops:
            n += 1
            arrival = one.arrival
            op = arrival.op
            values = (n, what, at, one.n, op.install_id, op.dseq, arrival.hash, one.status, one.code)
            link = link_of(link, values)
            found.append(Entry._make((*values, link)))
    return found


def erasures(chain: Chain, rows: Iterable[int], reason: str, at: str) -> list[Entry]:
    """The entries which say that the content of these rows of ops went on purpose."""
    found: list[Entry] = []
    for row in rows:
        found.append(bound(after(chain, found), ERASE, at, op_n=row, code=reason))
    return found


# --- reading it again -------------------------------------------------------------------------------------


class Fault(NamedTuple):
    """Something that was changed behind the server's back.

    what: entry_changed, entry_missing, op_changed, op_missing, op_unknown, head_differs. n: the entry's number,
    or the row of the op.
    """

    what: str
    n: int
    about: str = ""
    dseq: int = 0
    part: str = ""


class OpRow(NamedTuple):
    """What the table of ops says now."""

    n: int
    install_id: str
    dseq: int
    hash: str
    status: str
    code: str
    received_at: str
    body: bytes


class Later(NamedTuple):
    """Entries that change what an earlier one said: op row → (status, code), and rows whose content was erased."""

    statuses: Mapping[int, tuple[str, str]]
    erased: frozenset[int]


def faults(entries: Iterable[Entry], ops: Iterable[OpRow], later: Later, end: Chain) -> Iterator[Fault]:
    """Every row that is not as it was decided. Both in the order of their numbers.

    end: where the chain should end, as far as the store knows from elsewhere (n 0: it does not).
    """
    rows = iter(ops)
    row = next(rows, None)
    previous = Chain()
    for entry in entries:
        for missing in range(previous.n + 1, entry.n):
            yield Fault("entry_missing", missing)
        if entry.n == previous.n + 1 and link_of(previous.link, entry[:-1]) != entry.link:
            yield Fault("entry_changed", entry.n, entry.about, entry.dseq)
        previous = Chain(entry.n, entry.link)
        if entry.what != OP:
            continue
        while row is not None and row.n < entry.op_n:
            yield Fault("op_unknown", row.n, row.install_id, row.dseq)
            row = next(rows, None)
        if row is None or row.n > entry.op_n:
            yield Fault("op_missing", entry.op_n, entry.about, entry.dseq)
            continue
        part = _changed(entry, row, later)
        if part:
            yield Fault("op_changed", row.n, entry.about, entry.dseq, part)
        row = next(rows, None)
    while row is not None:
        yield Fault("op_unknown", row.n, row.install_id, row.dseq)
        row = next(rows, None)
    for missing in range(previous.n + 1, end.n + 1):
        yield Fault("entry_missing", missing)


def _changed(entry: Entry, row: OpRow, later: Later) -> str:
    """The part of an op's row that is not as its entry says; '' when all is."""
    if (row.install_id, row.dseq) != (entry.about, entry.dseq):
        return "install_id"
    if row.hash != entry.hash:
        return "hash"
    if (row.status, row.code) != later.statuses.get(row.n, (entry.status, entry.code)):
        return "status"
    if row.received_at != entry.at:
        return "received_at"
    if row.n not in later.erased and _hash_of(row.body) != row.hash:
        return "body"
    return ""


def _hash_of(body: bytes) -> str:
    try:
        value = _json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    return content_hash(value) if isinstance(value, dict) else ""


# --- heads ------------------------------------------------------------------------------------------------


class Head(NamedTuple):
    """Where a server's chain stood on a day, signed by it. link is hex; public is the server's key as text."""

    server_id: str
    day: str
    epoch: str
    n: int
    link: str
    public: str
    sig: str


def head_message(server_id: str, day: str, epoch: str, n: int, link: str) -> bytes:
    """What a head's signature is over."""
    return b"ruhu-audit-head-1" + _array.encode([server_id, day, epoch, n, link])


def head_faults(heads: Iterable[Head], public: str, link_at: Callable[[int], bytes | None]) -> Iterator[Fault]:
    """Days whose signed end is not what the chain holds there. public: the server's own key as text."""
    for head in heads:
        if head.public != public or not head_verified(head) or link_at(head.n) != bytes.fromhex(head.link):
            yield Fault("head_differs", head.n, head.day)


def head_verified(head: Head) -> bool:
    """Whether the key in the head signed it; whose key that is, is for the keeper to know."""
    return verified(head.public, head_message(*head[:5]), head.sig)


def signed_head(key: PrivateKey, server_id: str, day: str, epoch: str, chain: Chain) -> Head:
    link = chain.link.hex()
    sig = sign(key, head_message(server_id, day, epoch, chain.n, link))
    return Head(server_id, day, epoch, chain.n, link, public_text(key), sig)
