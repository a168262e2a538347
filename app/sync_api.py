"""The phone- and node-facing sync API: read the bytes, call sync.service, answer.

Nothing is decided here but how much is read. A body is read whole, at most as
long as its kind allows, and never parsed before sync has compared its length
and digest: a cut upload can look whole to a server.
"""

from __future__ import annotations

import gzip
from typing import Any

from flask import Blueprint, Response, g, request

from app.access import device
from app.compress import best_encoding
from app.errors import Problem
from app.i18n import language
from app.node import node
from sync import protocol, service

blueprint = Blueprint("sync_api", __name__, url_prefix="/sync/v1")

LARGEST_HELLO = 4096
BLOB_CHUNK = 256 * 1024
WORTH_PACKING = 600


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
    packed = protocol.encode(value)
    response = Response(status=status, mimetype="application/json")
    if len(packed) > WORTH_PACKING and best_encoding(("gzip",)):
        packed = gzip.compress(packed, 6, mtime=0)
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    # Lets the puller notice a page that was cut or rewritten on the way.
    response.headers["Content-Digest"] = protocol.digest_header(packed)
    response.set_data(packed)
    return response


@blueprint.post("/push")
@device
def push() -> Response:
    here = node()
    sent = body(protocol.MAX_BYTES)
    plain = protocol.checked_body(sent, dict(request.headers))
    answered = service.push(here.store, g.credential, plain, now=here.now(), lang=language())
    if here.relay:
        here.relay.soon()
    return reply(answered)


@blueprint.post("/hello")
@device
def hello() -> Response:
    here = node()
    said = protocol.parse_hello(body(LARGEST_HELLO))
    return reply(service.hello(here.store, g.credential, said, now=here.now(), key=here.key))


@blueprint.get("/pull")
@device
def pull() -> Response:
    here = node()
    limit = _number("limit", protocol.PULL_LIMIT)
    cursor = request.args.get("cursor") or None
    return reply(service.pull(here.store, g.credential, cursor, limit, now=here.now()))


@blueprint.get("/receipts")
@device
def receipts() -> Response:
    here = node()
    install = request.args.get("install_id") or g.credential.install_id
    return reply(service.receipts(here.store, g.credential, install, _number("after", 0), lang=language()))


def _number(name: str, default: int) -> int:
    text = request.args.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise Problem("bad_request")
    return int(text)


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
    offset, length = _header_number("Upload-Offset"), _header_number("Upload-Length")
    reached = service.put_blob(here.store, g.credential, sha256, offset, length, body(BLOB_CHUNK))
    headers = {"Upload-Offset": str(reached), "Upload-Length": str(length)}
    return Response(status=201 if reached == length else 204, headers=headers)


def _header_number(name: str) -> int:
    text = request.headers.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise Problem("bad_request")
    return int(text)
