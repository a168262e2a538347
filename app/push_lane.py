"""The short way of a push: what a village's phones send all evening does not pass through Flask.

Flask's part of a request costs more than taking a visit in. Here a push is
read, checked, taken in and answered; the rules are those of `app.sync_api`.
Whatever cannot be answered so goes to Flask with its body put back, which
alone knows how to refuse: one home for the words and the status codes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from werkzeug.wrappers import Request

from app.auth import bearer
from app.compress import best_encoding
from app.i18n import language_of
from app.node import Node
from app.security import headers_of, log_line
from app.sync_api import REFUSED, packed_reply, pushed
from sync.protocol import MAX_BYTES

PATH = "/sync/v1/push"
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class PushLane:
    """WSGI before WSGI: ``app`` answers everything but pushes that go well."""

    def __init__(self, app: Wsgi, here: Node, *, https: bool, lang: str) -> None:
        self._app, self._here, self._lang = app, here, lang
        self._headers = {"Content-Type": "application/json", **headers_of(https)}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PATH or environ["REQUEST_METHOD"] != "POST":
            return self._app(environ, start_response)
        declared = environ.get("CONTENT_LENGTH") or ""
        if not (declared.isascii() and declared.isdigit()) or int(declared) > MAX_BYTES:
            return self._app(environ, start_response)
        began = time.monotonic()
        try:
            credential = bearer(self._here, environ.get("HTTP_AUTHORIZATION", ""))
            sent = environ["wsgi.input"].read(int(declared))
            environ["wsgi.input"] = BytesIO(sent)
            if len(sent) != int(declared):
                return self._app(environ, start_response)
            asked = Request(environ, populate_request=False)
            answer = pushed(self._here, credential, sent, _headers_of(environ), language_of(asked, self._lang))
        except Exception as refusal:  # a Problem, or a fault of ours: Flask tells either, and tries nothing again
            environ[REFUSED] = refusal
            return self._app(environ, start_response)
        # Level 1: receipts are mostly hashes, which no level makes smaller.
        packed, headers = packed_reply(answer, best_encoding(("gzip",), asked), level=1)
        headers |= self._headers | {"Content-Length": str(len(packed))}
        start_response("200 OK", list(headers.items()))
        log_line("POST", PATH, 200, len(packed), began)
        return [packed]


def _headers_of(environ: dict[str, Any]) -> dict[str, str]:
    return {name[5:].replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
