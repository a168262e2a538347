"""The courier file: the messages of the sync protocol as a file, for a stick or a phone's share button.

    magic   8 bytes
    head    u32 length, JSON: version, kind, file id, whom it is from and for
    part 1  u32 length, bytes
    part 2  …

A part is one message, closed for the reader by itself, so that a large file streams and a
torn one is still good up to the tear. Its number and the head's digest go into the seal: no
part can be moved, left out between others, or put into another file. The last message says
that it is the last. Where ``by`` names a key, each part begins with that key's signature.

Nothing is believed for being in a file. A length is compared with its cap before a byte is read.
`static/js/data/courier-file.js` is the phone's home of this format.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from typing import IO, Annotated, Any, NamedTuple

import msgspec

from sync import keys
from sync.problems import Problem
from sync.protocol import MAX_BYTES
from sync.records import Count
from sync.sealed import OVERHEAD, key_id, seal, unseal

MAGIC = b"\x89RUHU\r\n\x1a"  # as PNG's: a copy made as text shows at once
VERSION = 1
OPS, RECEIPTS, BACKUP = "ops", "receipts", "backup"
SENDER = "sender"
"""In ``by``: the key is that of the sender. A phone cannot spell its own: no script may read it."""
ENDING = "ruhu"

MAX_HEAD = 2048
MAX_META = 4096
BLOB_CHUNK = 256 * 1024
MAX_PART = MAX_BYTES + MAX_META + OVERHEAD + 66
MAX_PARTS = 1 << 20

_SIGNATURE = 64
_LABEL = b"ruhu-courier-1\n"
_GZIP = 31

_Id = Annotated[str, msgspec.Meta(max_length=100, pattern="^[0-9A-Za-z_-]*$")]
_Kind = Annotated[str, msgspec.Meta(max_length=20, pattern="^[a-z]+$")]


class Head(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What anybody may read of a courier file; random names only, none of a person or a place.

    sender: install or server that made it. reader: the install it is for, where it answers one.
    to: `key_id` of who can open it, '' for open parts. by: `key_id` of who signed its parts, or `SENDER`, '' for none.
    about: the file that this one answers. salt: of a backup that a password closes.
    """

    v: Count = VERSION
    kind: _Kind
    id: _Id
    sender: _Id
    reader: _Id = ""
    to: _Id = ""
    by: _Id = ""
    about: _Id = ""
    salt: Annotated[str, msgspec.Meta(max_length=64, pattern="^([0-9a-f]{2})*$")] = ""


class Message(NamedTuple):
    """One message of a file: its name, small facts about it, and bytes."""

    name: str
    facts: dict[str, Any]
    body: bytes


_head = msgspec.json.Decoder(Head)
_facts = msgspec.json.Decoder(dict[str, Any])


class Writer:
    """Writes one courier file. `close` ends it; without that it reads as torn."""

    def __init__(self, out: IO[bytes], head: Head, *, seal_to: str = "", sign_with: keys.PrivateKey | None = None) -> None:
        by = (head.by or key_id(sign_with)) if sign_with else ""
        head = msgspec.structs.replace(head, to=key_id(seal_to) if seal_to else "", by=by)
        spelled = msgspec.json.encode(head)
        self.head = head
        self.parts = 0
        self._out, self._seal_to, self._sign_with = out, seal_to, sign_with
        self._digest = hashlib.sha256(spelled).digest()
        out.write(MAGIC + _counted(spelled))

    def write(self, name: str, body: bytes = b"", **facts: Any) -> None:
        """Add a message; a body that gains by it is packed."""
        packed = gzip.compress(body, 6, mtime=0) if facts.pop("pack", True) and len(body) > 200 else body
        if len(packed) < len(body):
            facts["gzip"] = 1
        else:
            packed = body
        spelled = msgspec.json.encode({"m": name, **facts})
        if len(spelled) > MAX_META or len(body) > MAX_BYTES:
            raise ValueError("a message is too large for a part")
        self._part(len(spelled).to_bytes(2) + spelled + packed)

    def close(self) -> None:
        """Say that nothing follows."""
        self.write("end", parts=self.parts)

    def _part(self, plain: bytes) -> None:
        self.parts += 1
        context = _context(self._digest, self.parts)
        part = seal(plain, self._seal_to, context) if self._seal_to else plain
        if self._sign_with:
            part = keys.from_text(keys.sign(self._sign_with, context + part)) + part
        self._out.write(_counted(part))


class Reader:
    """Reads one courier file: first its head, then its messages one at a time.

    Raises Problem courier_foreign or courier_version for what is none of ours.
    """

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        if _exactly(source, len(MAGIC)) != MAGIC:
            raise Problem("courier_foreign")
        spelled = self._counted(MAX_HEAD, "courier_foreign")
        try:
            self.head = _head.decode(spelled)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise Problem("courier_foreign") from None
        if self.head.v > VERSION:
            raise Problem("courier_version")
        self._digest = hashlib.sha256(spelled).digest()
        self.parts = 0

    def messages(self, *, key: keys.PrivateKey | None = None, signer: str = "") -> Iterator[Message]:
        """The messages up to the end, without the last that only says so.

        key opens a closed file; signer is the public key its parts must be signed with. Raises
        Problem courier_not_for_us or courier_not_signed before the first, and courier_cut or
        courier_altered where the file stops being good: what came before may be used.
        """
        head = self.head
        if head.to and (key is None or key_id(key) != head.to):
            raise Problem("courier_not_for_us")
        if head.by and (not signer or head.by not in (SENDER, key_id(signer))):
            raise Problem("courier_not_signed")
        while self.parts < MAX_PARTS:
            part = self._counted(MAX_PART, "courier_altered")
            self.parts += 1
            message = _message_of(self._opened(part, key, signer))
            if message.name == "end":
                if message.facts.get("parts") != self.parts - 1:
                    raise Problem("courier_altered", part=self.parts)
                return
            yield message
        raise Problem("courier_altered", part=self.parts)

    def _opened(self, part: bytes, key: keys.PrivateKey | None, signer: str) -> bytes:
        context = _context(self._digest, self.parts)
        if self.head.by:
            sig, part = part[:_SIGNATURE], part[_SIGNATURE:]
            if not keys.verified(signer, context + part, keys.to_text(sig)):
                raise Problem("courier_altered", part=self.parts)
        if self.head.to and key:
            return unseal(part, key, context)
        return part

    def _counted(self, largest: int, too_large: str) -> bytes:
        length = int.from_bytes(_exactly(self._source, 4))
        if length > largest:
            raise Problem(too_large)
        return _exactly(self._source, length)


def _message_of(plain: bytes) -> Message:
    length = int.from_bytes(plain[:2])
    spelled, body = plain[2 : 2 + length], plain[2 + length :]
    try:
        if len(plain) < 2 + length or length > MAX_META:
            raise ValueError
        facts = _facts.decode(spelled)
        name = facts.pop("m")
        if not isinstance(name, str):
            raise ValueError
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError, ValueError):
        raise Problem("courier_altered") from None
    return Message(name, facts, _unpacked(body) if facts.pop("gzip", 0) else body)


def _unpacked(body: bytes) -> bytes:
    unpacker = zlib.decompressobj(_GZIP)
    try:
        plain = unpacker.decompress(body, MAX_BYTES + 1)
    except zlib.error:
        raise Problem("courier_altered") from None
    if len(plain) > MAX_BYTES or not unpacker.eof:
        raise Problem("courier_altered")
    return plain


def _context(digest: bytes, number: int) -> bytes:
    return _LABEL + digest + number.to_bytes(4)


def _counted(body: bytes) -> bytes:
    return len(body).to_bytes(4) + body


def _exactly(source: IO[bytes], length: int) -> bytes:
    """Raises Problem courier_cut when the file ends before."""
    read = b""
    while len(read) < length:
        more = source.read(length - len(read))
        if not more:
            raise Problem("courier_cut")
        read += more
    return read
