"""A node's courier file: everything the centre has not answered for, closed for the centre.

The same messages as the relay sends. Nothing is marked as sent: only receipts do that. The node signs
every part with the key of its install, which stands in the place of the token that a request has.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from sync import keys
from sync.courier import BLOB_CHUNK, OPS, Head, Writer
from sync.devices import OWN_NAME
from sync.problems import Problem
from sync.relay import BATCH_BYTES, BATCH_OPS, push_of
from sync.store.base import Store

FILE_CHUNK = 512 * 1024


class Carrier(NamedTuple):
    """Who makes the file: install and key at the node above, and the key that news may be sealed to."""

    install_id: str
    sign: keys.PrivateKey
    seal: str = ""


class Asks(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a node tells and asks with its file: how far its copy of the records is, and what to seal news to."""

    cursor: str | None = None
    server_id: str = ""
    seal: str = ""


class Carried(NamedTuple):
    """What a file holds. upto: the highest dseq in it, per install."""

    ops: int
    blobs: int
    files: int
    upto: dict[str, int]


def carry_out(
    store: Store, out: IO[bytes], carrier: Carrier, *, centre: str, file_id: str, files: Iterable[tuple[str, Path]] = ()
) -> Carried:
    """Write the file; centre: the public key it is closed for.

    files: courier files of phones by their ids, which this node cannot open and takes along. Raises
    Problem courier_no_centre_key.
    """
    if not centre:
        raise Problem("courier_no_centre_key")
    head = Head(kind=OPS, id=file_id, sender=carrier.install_id)
    writer = Writer(out, head, seal_to=centre, sign_with=carrier.sign)
    cursor, source = store.upstream_cursor()
    writer.write("hello", msgspec.json.encode(Asks(cursor, source[0] if source else "", carrier.seal)))
    ops, upto = _write_ops(store, writer, carrier.sign)
    blobs = _write_blobs(store, writer)
    taken_along = sum(write_file(writer, id, path) for id, path in files)
    writer.close()
    return Carried(ops, blobs, taken_along, upto)


def write_file(writer: Writer, id: str, path: Path) -> bool:
    """A courier file inside another, in parts."""
    length = path.stat().st_size
    with path.open("rb") as source:
        while part := source.read(FILE_CHUNK):
            writer.write("file", part, id=id, offset=source.tell() - len(part), length=length, pack=False)
    return True


def _write_ops(store: Store, writer: Writer, signing: keys.PrivateKey) -> tuple[int, dict[str, int]]:
    """The registrations first: the centre sets aside what a stranger says."""
    count, written = 0, set[str]()
    upto: dict[str, int] = {}
    for own in (OWN_NAME, ""):
        after = 0
        while batch := store.unconfirmed_ops(after, BATCH_OPS, BATCH_BYTES, own):
            after = batch[-1][0]
            ops = [one for _, one in batch if one.op_id not in written]
            if ops:
                writer.write("push", push_of(store, ops, signing))
            if own:
                written |= {one.op_id for one in ops}
            for one in ops:
                upto[one.install_id] = max(one.dseq, upto.get(one.install_id, 0))
            count += len(ops)
    return count, upto


def _write_blobs(store: Store, writer: Writer) -> int:
    count = 0
    for sha256 in store.blobs_to_carry():
        with store.open_blob(sha256) as source:
            body = source.read()
        for offset in range(0, len(body), BLOB_CHUNK):
            part = body[offset : offset + BLOB_CHUNK]
            writer.write("blob", part, sha256=sha256, offset=offset, length=len(body), pack=False)
        count += 1
    return count
