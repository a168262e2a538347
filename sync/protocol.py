"""Bytes of the wire ↔ records. Length and SHA-256 are compared before anything is parsed.

Errors say which rule was broken, never what the body held. HTTP is not known
here: headers are any mapping of names to text.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import re
import zlib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import msgspec

from sync.canonical import content_hash
from sync.erasing import is_stub
from sync.exact import exact_op
from sync.problems import Problem, message_of, next_of
from sync.records import Arrival, LateReceipt, LogHead, Op, PushReply, Result, ServerHead, Sha256

FORMAT = 1
"""Of a push. It grows only when an older server would misread a newer body; what is added and may be left out keeps it."""
MAX_BYTES = 1024 * 1024  # of a push body, packed or unpacked
MAX_OPS = 500  # a phone sends at most 50; a relaying node fills the bytes
MAX_DEPTH = 24
PULL_LIMIT = 500
MAX_PULL_LIMIT = 2000

_GZIP = 31  # zlib's name for a gzip wrapper
_DIGEST = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]+):\s*(?:,|$)")


class PushBody(msgspec.Struct, frozen=True):
    ops: tuple[msgspec.Raw, ...]
    format: int = 1
    server_id: str | None = None
    epoch: str | None = None
    marks: dict[str, str] = {}
    heads: Any = ()


class Push(msgspec.Struct, frozen=True):
    """A push as it was understood; ``server_id`` and ``epoch`` are whom the sender believes to meet.

    marks: op_id → code, what a node below says of ops that it alone can judge (`sync.scope.VOUCHED`).
    """

    arrivals: tuple[Arrival, ...]
    server_id: str | None
    epoch: str | None
    marks: dict[str, str] = {}
    heads: tuple[LogHead, ...] = ()


BLOBS_ASKED = 200
RECORDS_ASKED = 200


class RecordNames(msgspec.Struct, frozen=True):
    ids: Annotated[tuple[Annotated[str, msgspec.Meta(max_length=64)], ...], msgspec.Meta(max_length=RECORDS_ASKED)]


class BlobNames(msgspec.Struct, frozen=True):
    sha256: Annotated[tuple[Sha256, ...], msgspec.Meta(max_length=BLOBS_ASKED)]


class Hello(msgspec.Struct, frozen=True):
    """What a client tells when it comes: its highest dseq made and how many ops lack receipt ②.

    time, app (its build), photos (not sent yet), storage {persisted, usage, quota}, compared: see `sync.telling`.
    audit: from a node, its head and those it keeps of us (`sync.heads`). What an older client does not
    say, or says in a way we do not know, stops nobody.
    """

    install_id: str = ""
    dseq: int = 0
    unconfirmed: int = 0
    audit: Any = None
    time: Any = None
    app: Any = None
    photos: Any = None
    storage: Any = None
    compared: Any = None


def _no_floats(text: str) -> Any:
    raise ValueError("numbers are integers here")


_generic = msgspec.json.Decoder(float_hook=_no_floats)
_push_body = msgspec.json.Decoder(PushBody)
_hello = msgspec.json.Decoder(Hello)
_record_names = msgspec.json.Decoder(RecordNames)
_blob_names = msgspec.json.Decoder(BlobNames)
_stored_op = msgspec.json.Decoder(Op)


def digest_header(body: bytes) -> str:
    """``Content-Digest`` value (RFC 9530) of the bytes as sent."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def push_headers(body: bytes, *, gzipped: bool = False) -> dict[str, str]:
    """The headers a push must carry beside its token."""
    headers = {
        "Content-Type": "application/json",
        "Content-Digest": digest_header(body),
        "Ruhu-Length": str(len(body)),
    }
    return headers | {"Content-Encoding": "gzip"} if gzipped else headers


def checked_body(body: bytes, headers: Mapping[str, str], *, most: int = MAX_BYTES) -> bytes:
    """The unpacked body, once its length, digest and size are as they should be. most: bytes it may have unpacked.

    Raises Problem length_mismatch, digest_mismatch, too_large or bad_json. A
    missing header counts as a mismatch: a body cut by a proxy must not pass
    because the headers were cut with it.
    """
    given = {name.lower(): value for name, value in headers.items()}
    declared = given.get("ruhu-length", "")
    if not declared.isascii() or not declared.isdigit() or int(declared[:18]) != len(body):
        raise Problem("length_mismatch", received=len(body))
    if len(body) > MAX_BYTES:
        raise Problem("too_large", limit=MAX_BYTES)
    digest = _DIGEST.search(given.get("content-digest", ""))
    actual = base64.b64encode(hashlib.sha256(body).digest()).decode()
    if digest is None or not hmac.compare_digest(digest[1], actual):
        raise Problem("digest_mismatch")
    encoding = given.get("content-encoding", "").strip().lower()
    if encoding == "gzip":
        return _unpacked(body, most)
    if encoding not in ("", "identity"):
        raise Problem("bad_request")
    if len(body) > most:
        raise Problem("too_large", limit=most)
    return body


def _unpacked(body: bytes, most: int) -> bytes:
    unpacker = zlib.decompressobj(_GZIP)
    try:
        plain = unpacker.decompress(body, most + 1)
    except zlib.error:
        raise Problem("bad_json") from None
    if len(plain) > most:
        raise Problem("too_large", limit=most)
    if not unpacker.eof or unpacker.unused_data:
        raise Problem("bad_json")
    return plain


def parse_push(plain: bytes, *, stubs: bool = False) -> Push:
    """The ops of an unpacked push body. stubs: as in `parse_op`.

    An op that can be named but not understood comes with its ``fault``. Raises
    Problem bad_json, format_unknown, too_large, or bad_op when an op cannot even be named.
    """
    try:
        body = _push_body.decode(plain)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Problem("bad_json") from None
    if body.format > FORMAT:
        # Refused whole, before an op is kept in a wrong meaning; an older format never is.
        raise Problem("format_unknown", format=body.format, known=FORMAT)
    if len(body.ops) > MAX_OPS:
        raise Problem("too_large", limit=MAX_OPS)
    return Push(tuple(parse_op(bytes(raw), position, stubs=stubs) for position, raw in enumerate(body.ops)),
                body.server_id, body.epoch, body.marks, _heads(body.heads))


def _heads(sent: Any) -> tuple[LogHead, ...]:
    """The heads among what was sent; what is none vouches for nothing, and is no reason to refuse the ops."""
    found = []
    for one in sent[:MAX_OPS] if isinstance(sent, list) else ():
        with contextlib.suppress(msgspec.ValidationError):
            found.append(msgspec.convert(one, LogHead))
    return tuple(found)


def parse_op(raw: bytes, position: int = 0, *, stubs: bool = False) -> Arrival:
    """One op from its JSON, with its hash computed anew.

    stubs: take the word of the sender, a node, for the hash of an op whose values were erased.
    """
    nul = b"\\" in raw and b"\\u0000" in raw
    if not nul and (exact := exact_op(raw)):
        return Arrival(exact, raw, exact.hash)
    try:
        value = _generic.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Problem("bad_op", position=position) from None
    if not isinstance(value, dict):
        raise Problem("bad_op", position=position)
    if not _shallow(value, MAX_DEPTH):
        raise Problem("bad_json", position=position)
    broken = nul and _holds_nul(value)
    try:
        op, fault = (_named(value, position), "zero_character") if broken else (msgspec.convert(value, Op), None)
    except msgspec.ValidationError:
        op, fault = _named(value, position), "bad_op"
    if stubs and fault is None and is_stub(value):
        return Arrival(op, raw, op.hash, "erased")
    actual = content_hash(value)
    if fault is None and op.hash != actual:
        fault = "hash_mismatch"
    return Arrival(op, raw, actual, fault)


def _shallow(value: Any, depth: int) -> bool:
    if isinstance(value, dict):
        return depth > 0 and all(_shallow(item, depth - 1) for item in value.values()
                                 if isinstance(item, dict | list))
    if isinstance(value, list):
        return depth > 0 and all(_shallow(item, depth - 1) for item in value if isinstance(item, dict | list))
    return True


def _holds_nul(value: Any) -> bool:
    """Whether a text or a name in it has the character U+0000, which PostgreSQL cannot hold and nobody can type."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_holds_nul(item) for pair in value.items() for item in pair)
    return isinstance(value, list) and any(_holds_nul(item) for item in value)


def _named(value: dict[str, Any], position: int) -> Op:
    """A stand-in for an op whose form is wrong, so that it is kept and the rest flows."""
    if any(_holds_nul(value.get(name)) for name in ("op_id", "install_id")):
        raise Problem("bad_op", position=position)
    try:
        return msgspec.convert(
            {"op_id": value["op_id"], "install_id": value["install_id"], "dseq": value["dseq"],
             "entity": _text(value.get("entity")) or "?", "id": _text(value.get("id")) or "?",
             "kind": _text(value.get("kind")) or "?", "area": "00", "hash": _claimed(value),
             "actor": _text(value.get("actor")), "device_time": _text(value.get("device_time"))[:40]}, Op)
    except (msgspec.ValidationError, KeyError):
        raise Problem("bad_op", position=position) from None


def _claimed(value: dict[str, Any]) -> str:
    """The hash an op claims, which goes into its log's chain whatever else is wrong with the op."""
    given = value.get("hash")
    return given if isinstance(given, str) and len(given) <= 200 else ""


def _text(value: Any) -> str:
    return value[:100].replace("\0", "?") if isinstance(value, str) else ""


def op_of_body(body: bytes) -> Op:
    """The op behind stored bytes that once passed `parse_op`."""
    try:
        return _stored_op.decode(body)
    except msgspec.MsgspecError:
        return parse_op(body).op


class _Signature(msgspec.Struct):
    actor: str = ""
    cites: str | None = None


_signature = msgspec.json.Decoder(_Signature)


def actor_of_body(body: bytes) -> tuple[str, str]:
    """(actor, cites) of the op behind stored bytes, without building the rest of it."""
    try:
        found = _signature.decode(body)
    except msgspec.MsgspecError:
        return "", ""
    return found.actor, found.cites or ""


def claimed_hash(body: bytes) -> str:
    """The hash that the op behind stored bytes claims."""
    try:
        return _claimed(_generic.decode(body))
    except (msgspec.MsgspecError, AttributeError):
        return ""


def push_body(bodies: Iterable[bytes], *, server_id: str | None, epoch: str | None,
              marks: Mapping[str, str] | None = None, heads: Iterable[LogHead] = ()) -> bytes:
    """A push of ops given as the bytes they were made with, which are not written anew."""
    said = {"format": FORMAT, "server_id": server_id, "epoch": epoch} | ({"marks": dict(marks)} if marks else {})
    return encode(said | {"ops": [msgspec.Raw(body) for body in bodies], "heads": list(heads)})


def parse_hello(body: bytes) -> Hello:
    try:
        return _hello.decode(body or b"{}")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Problem("bad_json") from None


def parse_record_names(body: bytes) -> tuple[str, ...]:
    """Of ``{"ids": [...]}``, at most RECORDS_ASKED of them. Raises Problem bad_json."""
    try:
        return _record_names.decode(body).ids
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Problem("bad_json") from None


def parse_blob_names(body: bytes) -> tuple[str, ...]:
    """Of ``{"sha256": [...]}``, at most BLOBS_ASKED of them. Raises Problem bad_json."""
    try:
        return _blob_names.decode(body).sha256
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Problem("bad_json") from None


def reply_to_wire(reply: PushReply, lang: str = "zh") -> dict[str, Any]:
    """The push reply as JSON-able data, its codes spelled out in the reader's language."""
    wire: dict[str, Any] = msgspec.to_builtins(reply)
    wire["results"] = [_spelled(result, lang) for result in wire["results"]]
    return wire


def _spelled(result: dict[str, Any], lang: str) -> dict[str, Any]:
    code = result.get("code", "")
    return result | {"message": message_of(code, lang), "next": next_of(code, lang)} if code else result


def late_receipts_to_wire(receipts: Iterable[LateReceipt], lang: str = "zh") -> list[dict[str, Any]]:
    return [_spelled(msgspec.to_builtins(receipt), lang) for receipt in receipts]


def parse_results(value: Any) -> tuple[Result, ...]:
    """The results of an upstream's reply. Raises msgspec.ValidationError when they are not such."""
    return msgspec.convert(value, tuple[Result, ...])


def parse_server_heads(value: Any) -> tuple[ServerHead, ...]:
    """The heads of an upstream's reply; none from an older one. Raises msgspec.ValidationError."""
    return msgspec.convert(value or (), tuple[ServerHead, ...])


def encode(value: Any) -> bytes:
    """JSON bytes of a reply or request."""
    return msgspec.json.encode(value)


def error_to_wire(problem: Problem, lang: str = "zh") -> dict[str, Any]:
    """The error body every refusal has."""
    error: dict[str, Any] = {"code": problem.code, "message": problem.message(lang), "next": problem.next(lang)}
    return {"error": error | {"details": problem.details} if problem.details else error}
