"""Bodies packed for the wire: brotli or gzip, whichever the reader takes."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cached_property

import brotli
from flask import Response, request
from werkzeug.wrappers import Request


def best_encoding(offered: tuple[str, ...] = ("br", "gzip"), asked: Request | None = None) -> str:
    """The first of the offered codings the reader accepts, or '' for none. asked: when Flask holds no request."""
    for coding in offered:
        if (asked or request).accept_encodings.quality(coding) > 0:
            return coding
    return ""


@dataclass(frozen=True)
class Packed:
    """A text that is packed once, with full effort, and sent many times."""

    body: bytes
    mimetype: str

    @cached_property
    def br(self) -> bytes:
        return brotli.compress(self.body, quality=11)

    @cached_property
    def gzip(self) -> bytes:
        return gzip.compress(self.body, 9, mtime=0)

    def response(self, cache: str) -> Response:
        coding = best_encoding()
        body = {"br": lambda: self.br, "gzip": lambda: self.gzip, "": lambda: self.body}[coding]()
        response = Response(body, mimetype=self.mimetype)
        if coding:
            response.headers["Content-Encoding"] = coding
        response.headers["Vary"] = "Accept-Encoding"
        response.headers["Cache-Control"] = cache
        return response
