"""Evidence 佐证材料 that comes with an office form: pictures and PDFs, kept as blobs and handed out as downloads."""

from __future__ import annotations

import contextlib
import hashlib

from flask import Response, request
from flask_babel import gettext as _

from app.errors import Problem
from app.filekinds import HEAD, kind_of
from app.node import node
from app.pictures import Unreadable, bare
from sync.records import BlobRef

LARGEST = 5 * 1024 * 1024
MOST = 6


def taken(name: str) -> list[BlobRef]:
    """The pictures and PDFs that came along under that name, kept as blobs. Raises Problem for any other file."""
    sent = [one for one in request.files.getlist(name) if one.filename]
    if len(sent) > MOST:
        raise Problem("bad_request", message=_("一次最多附 %(n)s 个文件。没有提交。", n=MOST), next=_("退回上一页,分几次提交。"))
    bodies = [one.stream.read(LARGEST + 1) for one in sent]
    return [_kept(_clean(body)) for body in bodies]


def _clean(body: bytes) -> bytes:
    """The PDF as it came, a picture without what its camera noted. Raises Problem for anything else."""
    if len(body) <= LARGEST and body.startswith(b"%PDF-"):
        return body
    with contextlib.suppress(Unreadable):
        if len(body) <= LARGEST and kind_of(body[:HEAD]).family == "picture":
            return bare(body)
    words = _("佐证材料要是 5 MB 以内的照片或 PDF。没有提交。")
    raise Problem("bad_request", message=words, next=_("换一个文件再提交,或先不附材料。"))


def _kept(body: bytes) -> BlobRef:
    sha256 = hashlib.sha256(body).hexdigest()
    if not node().store.has_blob(sha256):
        node().store.put_blob_part(sha256, 0, len(body), body)
    return BlobRef(sha256, len(body))


def download(sha256: str) -> Response:
    """A piece of evidence as a download; the caller knows that the reader may have it. Raises Problem not_found."""
    if not node().store.has_blob(sha256):
        raise Problem("not_found")
    with node().store.open_blob(sha256) as body:
        whole = body.read()
    ending = "pdf" if whole.startswith(b"%PDF-") else kind_of(whole[:HEAD]).ending
    response = Response(whole, mimetype="application/octet-stream")
    response.headers["Content-Disposition"] = f'attachment; filename="evidence.{ending}"'
    return response


def picture(sha256: str) -> Response | None:
    """The same shown in a page when it is a picture by its own bytes; None when it is not."""
    if not node().store.has_blob(sha256):
        return None
    with node().store.open_blob(sha256) as body:
        whole = body.read()
    kind = kind_of(whole[:HEAD])
    if kind.family != "picture":
        return None
    response = Response(whole, mimetype=kind.mime)
    response.headers["Cache-Control"] = "private, max-age=3600"
    return response
