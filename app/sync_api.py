"""The phone- and node-facing sync API: read the bytes, call sync.service, answer.

Nothing is decided here but how much is read. A body is read whole, at most as
long as its kind allows, and never parsed before sync has compared its length
and digest: a cut upload can look whole to a server.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Mapping, Sequence
from typing import Any

import brotli
from flask import Blueprint, Response, g, request

from app.access import device
from app.compress import best_encoding
from app.courier import LARGEST_CLOSED
from app.errors import Problem
from app.i18n import language
from app.node import Node, node
from app.who_said import who_said
from sync import protocol, service
from sync.records import Credential, Pushed, PushReply

blueprint = Blueprint("sync_api", __name__, url_prefix="/sync/v1")

LARGEST_HELLO = 4096
LARGEST_NAMES = 100 * protocol.BLOBS_ASKED
BLOB_CHUNK = 256 * 1024
WORTH_PACKING = 600
REFUSED = "ruhu.refused"
"""In the environment of a push: why `app.push_lane` could not take it, for Flask to tell."""


def body(largest: int) -> bytes:
    """The request's body. Raises Problem length_required, too_large or SyncProblem length_mismatch."""
    declared = request.content_length
    if declared is None:
        if request.headers.get("Transfer-Encoding"):
            raise Problem("length_required")
        declared = 0
    if declared > largest:
        raise Problem("too_large")
    read = request.stream.read(largest + 1)
    if len(read) != declared:
        raise protocol.Problem("length_mismatch", received=len(read))
    return read


def reply(value: Any, status: int = 200) -> Response:
    """JSON, packed when it is worth it."""
    packed, headers = packed_reply(value, best_encoding())
    return Response(packed, status=status, headers=headers, mimetype="application/json")


def packed_reply(value: Any, coding: str, *, level: int = 6) -> tuple[bytes, dict[str, str]]:
    """JSON and its headers; coding: how the reader takes it packed ('' not at all), done when it is worth it."""
    packed = protocol.encode(value)
    headers = {"Vary": "Accept-Encoding"}
    if coding and len(packed) > WORTH_PACKING:
        # For pages of records brotli's fourth level is smaller than gzip's sixth by a third, in half the time.
        packed = brotli.compress(packed, quality=4) if coding == "br" else gzip.compress(packed, level, mtime=0)
        headers["Content-Encoding"] = coding
    # Lets the puller notice a page that was cut or rewritten on the way.
    headers["Content-Digest"] = protocol.digest_header(packed)
    return packed, headers


@blueprint.post("/push")
@device
def push() -> Response:
    """Reached when `app.push_lane` left the request to Flask: it cannot be answered, or stands behind no lane."""
    if refused := request.environ.get(REFUSED):
        raise refused
    return reply(pushed(node(), g.credential, body(protocol.MAX_BYTES), dict(request.headers), language()))


def pushed(here: Node, credential: Credential, sent: bytes, headers: Mapping[str, str], lang: str) -> Any:
    """Take in the body of a push as it came. Raises sync's Problem."""
    plain = body_of_push(here, sent, headers)
    (reply,) = taken_in(here, [service.understood(here.store, credential, plain)])
    return service.answer(reply, lang, here.identity)


def body_of_push(here: Node, sent: bytes, headers: Mapping[str, str], most: int = protocol.MAX_BYTES) -> bytes:
    """The body of a push, unpacked, where there is room on the disk for what it says. Raises sync's Problem."""
    here.room.take_ops()
    return protocol.checked_body(sent, headers, most=most)


def taken_in(here: Node, pushes: Sequence[Pushed]) -> Sequence[PushReply]:
    """Keep what several pushes say, in one commit. Raises sync's Problem."""
    replies = here.store.push_many(pushes, now=here.now())
    if here.relay:
        here.relay.soon()
    return replies


@blueprint.post("/closed")
@device
def closed() -> Response:
    """A courier file from a phone that nobody has unlocked. A node takes it up as it is; only the centre opens it.

    The token says who brings it, not whose work it is: that says the signature on every part.
    """
    here = node()
    request.max_content_length = LARGEST_CLOSED + 1
    here.room.take_blobs()
    errand = here.desk.bring(io.BytesIO(body(LARGEST_CLOSED)), by=g.credential.user_id, now=here.now())
    if here.relay:
        here.relay.soon()
    return reply({"state": errand.state}, 202)


@blueprint.post("/hello")
@device
def hello() -> Response:
    here = node()
    said = protocol.parse_hello(body(LARGEST_HELLO))
    return reply(service.hello(here.store, g.credential, said, now=here.now(), identity=here.identity))


@blueprint.get("/pull")
@device
def pull() -> Response:
    here = node()
    limit = _number("limit", protocol.PULL_LIMIT)
    cursor = request.args.get("cursor") or None
    brief = request.args.get("dates") == "brief"
    return reply(service.pull(here.store, g.credential, cursor, limit, now=here.now(), brief=brief))


@blueprint.get("/digest")
@device
def digest() -> Response:
    """Sums of the caller's places, to be compared with its own."""
    return reply(service.digest(node().store, g.credential, request.args.get("cursor"), _place("after")))


@blueprint.get("/bucket")
@device
def bucket() -> Response:
    """The records of some buckets of a place whose sums differed."""
    wanted = request.args.get("buckets", "").split(",")
    if not all(one.isascii() and one.isdigit() and len(one) <= 3 for one in wanted):
        raise Problem("bad_request")
    cursor = request.args.get("cursor")
    return reply(service.bucket(node().store, g.credential, cursor, _place("place"), {int(one) for one in wanted}))


def _place(name: str) -> str:
    text = request.args.get(name, "")
    if text and not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise Problem("bad_request")
    return text


@blueprint.get("/receipts")
@device
def receipts() -> Response:
    here = node()
    install = request.args.get("install_id") or g.credential.install_id
    after = _number("after", 0)
    return reply(service.receipts(here.store, g.credential, install, after, now=here.now(), lang=language(),
                                  identity=here.identity))  # fmt: skip


def _number(name: str, default: int) -> int:
    text = request.args.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise Problem("bad_request")
    return int(text)


@blueprint.post("/said")
@device
def said() -> Response:
    """Whose word the values of some households and people are."""
    names = protocol.parse_record_names(body(LARGEST_NAMES))
    return reply({"said": who_said(node().store, g.credential, names)})


@blueprint.post("/blobs")
@device
def blobs() -> Response:
    """How far up each of some blobs is, for a phone that asks whether a photo is safe."""
    here = node()
    places = service.blob_places(here.store, g.credential, protocol.parse_blob_names(body(LARGEST_NAMES)))
    return reply({"blobs": places, "words": service.blob_words(here.store, places, identity=here.identity)})


@blueprint.route("/blob/<sha256>", methods=["HEAD", "GET"])
@device
def get_blob(sha256: str) -> Response:
    """HEAD: how much of it is here, for an upload to go on. GET: the whole, if the asker may read it."""
    here = node()
    if request.method == "HEAD":
        offset, length = service.blob_state(here.store, g.credential, sha256)
        return Response(headers={"Upload-Offset": str(offset), "Upload-Length": str(length)})
    response = Response(service.read_blob(here.store, g.credential, sha256), mimetype="application/octet-stream")
    response.headers["Content-Disposition"] = "attachment"
    response.headers["Cache-Control"] = "private, no-store"
    return response


@blueprint.put("/blob/<sha256>")
@device
def put_blob(sha256: str) -> Response:
    here = node()
    here.room.take_blobs()
    offset, length = _header_number("Upload-Offset"), _header_number("Upload-Length")
    reached = service.put_blob(here.store, g.credential, sha256, offset, length, body(BLOB_CHUNK))
    headers = {"Upload-Offset": str(reached), "Upload-Length": str(length)}
    return Response(status=201 if reached == length else 204, headers=headers)


def _header_number(name: str) -> int:
    text = request.headers.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise Problem("bad_request")
    return int(text)
