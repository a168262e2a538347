"""Receipts for a courier file: the centre writes them, the node that sent the file reads them.

Receipts name ops by random ids and hold nothing of a person: the centre's signature on every part is
enough, so a phone needs no key to read them. News for a node are records: then the whole file is
closed for the key the node named in its own signed file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec

from sync import keys, service
from sync.carry_in import Along, FilePart, Taken, missing_blobs, sender_of
from sync.carry_out import write_file
from sync.courier import RECEIPTS, Head, Message, Reader, Writer
from sync.devices import stop_told
from sync.identity import Identity
from sync.logs import receipt_holds, trusted
from sync.problems import Problem
from sync.protocol import MAX_BYTES, Hello
from sync.records import CENTRE, NODE, Credential, LateReceipt, Record, Result, ServerHead
from sync.store.base import Store

NEWS_AT_MOST = 256 * 1024 * 1024
"""Bytes of records in one receipts file; the rest comes with the next."""
PAGE = 500


class Read(NamedTuple):
    """What a node found in a receipts file. differing: receipts over another log than the one here.

    end: '' when it was whole, else the problem that ended it."""

    receipts: int
    blobs: int
    records: int
    gaps: int
    differing: int
    end: str


# --- at the centre ----------------------------------------------------------------------------------------


def write_receipts(
    store: Store, out: IO[bytes], taken: Taken, identity: Identity, *, file_id: str, now: datetime,
    files: Iterable[tuple[str, Path]] = (),
) -> Head:  # fmt: skip
    """Answer a file that was taken in, however much of it was good.

    files: receipts of the files that were taken along, by the ids of those.
    """
    sender = sender_of(store, taken.head.sender)
    credential = sender.credential if sender else None
    news = taken.asks.seal if _gets_news(store, taken, credential) else ""
    head = Head(kind=RECEIPTS, id=file_id, sender=store.server_id, reader=taken.head.sender, about=taken.head.id)
    writer = Writer(out, head, seal_to=news, sign_with=identity.signing)
    # Asked for nothing and noting nothing: who carries a file has not been in contact.
    writer.write("hello", msgspec.json.encode(service.hello(store, _asking(store), Hello(), now=now, identity=identity)))
    for install_id, (first, last) in taken.logs.items():
        _write_log(store, writer, install_id, first, last, taken.gaps.get(install_id), identity, now)
    lacking = set(missing_blobs(store, taken))
    here = [sha256 for sha256 in taken.named if sha256 not in lacking]
    for at in range(0, len(here), PAGE):
        writer.write("blobs", msgspec.json.encode({"here": here[at : at + PAGE]}))
    for id, path in files:
        write_file(writer, id, path)
    if news and credential:
        _write_news(store, writer, credential, taken.asks.cursor, now)
    writer.close()
    return writer.head


def _gets_news(store: Store, taken: Taken, credential: Credential | None) -> bool:
    """Only for a node that is directly below, that signed its wish, and that may read here."""
    return (taken.signed and credential is not None and credential.kind == NODE and not credential.revoked
            and taken.asks.server_id in ("", store.server_id) and keys.is_public_key(taken.asks.seal))  # fmt: skip


def _asking(store: Store) -> Credential:
    return Credential(install_id="", user_id="", kind=NODE, grants=())


def _write_log(
    store: Store, writer: Writer, install_id: str, first: int, last: int, gap: int | None, identity: Identity, now: datetime
) -> None:
    after = first - 1
    acked = store.acked([install_id])[install_id]
    while True:
        said = service.receipts(store, _asking(store), install_id, after, now=now, identity=identity)
        found = [one for one in said["receipts"] if one["dseq"] <= last]
        body = msgspec.json.encode({**said, "receipts": found})
        writer.write("receipts", body, install_id=install_id, acked=acked, **({"expected": gap} if gap else {}))
        if not found or found[-1]["dseq"] >= last or len(found) < len(said["receipts"]):
            return
        after = found[-1]["dseq"]


def _write_news(store: Store, writer: Writer, credential: Credential, cursor: str | None, now: datetime) -> None:
    size = 0
    while size < NEWS_AT_MOST:
        try:
            page, body = _page_of(store, credential, cursor, now)
        except Problem as problem:
            if problem.code != "cursor_stale" or cursor is None:
                raise
            cursor = None
            continue
        writer.write("page", body, after=cursor or "")
        size += len(body)
        cursor = page["cursor"]
        if not page["more"]:
            return


def _page_of(store: Store, credential: Credential, cursor: str | None, now: datetime) -> tuple[dict[str, Any], bytes]:
    """A page that fits a message: forms can be long."""
    limit = PAGE
    while True:
        page = service.pull(store, credential, cursor, limit, now=now)
        body = msgspec.json.encode(page)
        if len(body) <= MAX_BYTES or limit == 1:
            return page, body
        limit = max(1, limit // 4)


# --- at the node ------------------------------------------------------------------------------------------


class _Answers(msgspec.Struct, frozen=True):
    receipts: list[LateReceipt]
    heads: list[ServerHead] = []


class _Here(msgspec.Struct, frozen=True):
    here: list[str]


class _Hello(msgspec.Struct, frozen=True):
    server_id: str
    epoch: str
    tier: str


class _Page(msgspec.Struct, frozen=True):
    records: list[Record]
    cursor: str
    server_id: str
    epoch: str


class _About(msgspec.Struct, frozen=True):
    install_id: str
    expected: int = 0


class Reading:
    """Reads receipts into a node's store, message by message."""

    def __init__(self, store: Store, centre_key: str, along: Along) -> None:
        self._store = store
        self._key = centre_key
        self._along = along
        self._centre: tuple[str, str] | None = None
        self._below = False
        self.receipts = self.blobs = self.records = self.gaps = self.differing = 0

    def take(self, message: Message) -> None:
        if message.name == "hello":
            self._meet(msgspec.json.decode(message.body, type=_Hello))
        elif self._centre is None:
            raise Problem("courier_altered")
        elif message.name == "receipts":
            self._receipts(msgspec.convert(message.facts, _About), msgspec.json.decode(message.body, type=_Answers))
        elif message.name == "blobs":
            for sha256 in msgspec.json.decode(message.body, type=_Here).here:
                if self._below and self._store.has_blob(sha256):
                    self._store.blob_relayed(sha256, "centre")
                    self.blobs += 1
        elif message.name == "file":
            self._along(msgspec.convert(message.facts, FilePart), message.body)
        elif message.name == "page":
            self._page(message.facts.get("after"), msgspec.json.decode(message.body, type=_Page))

    def _meet(self, said: _Hello) -> None:
        if said.tier != CENTRE:
            raise Problem("courier_not_signed")
        self._centre = (said.server_id, said.epoch)
        _, known = self._store.upstream_cursor()
        # Where another node stands between, only the centre's receipts concern us: places of the log are that node's.
        self._below = known is None or known[0] == said.server_id
        if self._below and known != self._centre:
            if known is not None:
                self._store.forget_upstream()
            self._store.meet_upstream(self._centre)

    def _receipts(self, about: _About, said: _Answers) -> None:
        heads = trusted(said.heads, self._key, CENTRE, self._store.chain_at)
        self._store.take_heads(list(heads.values()))
        upto = heads[about.install_id].dseq if about.install_id in heads else 0
        # As over the network: a receipt under no head of the log as it is here must be signed by itself.
        good = [one for one in said.receipts if one.dseq <= upto or receipt_holds(one.receipt, self._key)]
        if self._below:
            self._store.take_results([(about.install_id, _result_of(one)) for one in good], tier=CENTRE)
        else:
            self._store.take_receipts(about.install_id, good)
        self.receipts += len(good)
        self.differing += len(said.receipts) - len(good)
        if about.expected and self._below:
            self._store.offer_again(about.install_id, about.expected)
            self.gaps += 1

    def _page(self, after: object, page: _Page) -> None:
        cursor, _ = self._store.upstream_cursor()
        # A page that begins elsewhere would pass over what lies between; an older file has nothing new.
        if self._below and (cursor or "") == after and (page.server_id, page.epoch) == self._centre:
            stop_told(self._store, page.records)
            self._store.take_page(page.records, page.cursor, self._centre)
            self.records += len(page.records)


def read_receipts(
    store: Store, source: IO[bytes], *, install_id: str, key: keys.PrivateKey, centre: str,
    told: Callable[[int], None] = lambda parts: None, along: Along = lambda part, body: None,
) -> Read:  # fmt: skip
    """Take a receipts file into a node's store. centre: the public key the centre signs with.

    Raises Problem courier_other_device, courier_not_signed, courier_not_for_us and others for a file that
    cannot be begun; one that ends early is used up to there. Twice is as good as once.
    """
    reader = Reader(source)
    if reader.head.kind != RECEIPTS:
        raise Problem("courier_foreign")
    if reader.head.reader != install_id:
        raise Problem("courier_other_device")
    if not reader.head.by:
        raise Problem("courier_not_signed")
    reading = Reading(store, centre, along)
    end = ""
    try:
        for message in reader.messages(key=key, signer=centre):
            reading.take(message)
            told(reader.parts)
    except msgspec.MsgspecError:
        end = "courier_altered"
    except Problem as problem:
        if reader.parts == 0:
            raise
        end = problem.code
    return Read(reading.receipts, reading.blobs, reading.records, reading.gaps, reading.differing, end)


def _result_of(one: LateReceipt) -> Result:
    return Result(op_id=one.op_id, status=one.status, rev=one.rev, seq=one.seq, receipt=one.receipt, code=one.code)
