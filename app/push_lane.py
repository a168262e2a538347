"""The short way of a push: what a village's phones send all evening does not pass through Flask.

Flask's part of a request costs more than taking a visit in. Here a push is
read, checked, taken in and answered; the rules are those of `app.sync_api`.
Whatever cannot be answered so goes to Flask with its body put back, which
alone knows how to refuse: one home for the words and the status codes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Any, NamedTuple

from werkzeug.wrappers import Request

from app.auth import bearer, bearers
from app.compress import best_encoding
from app.i18n import language_of
from app.node import Node
from app.security import headers_of, log_line
from app.sync_api import REFUSED, body_of_push, packed_reply, pushed, taken_in
from sync import service
from sync.problems import Problem
from sync.protocol import MAX_BYTES
from sync.records import Credential, Pushed, PushReply

PATH = "/sync/v1/push"
MOST_UNPACKED = MAX_BYTES
"""Of all bodies that are taken in together: an evening's pushes are a tenth of it, and a small body may unpack to a large one."""
LANE = "ruhu.lane"
"""Among the app's extensions: its `PushLane`."""
_CHECKED = {name: f"HTTP_{name.upper().replace('-', '_')}" for name in ("Ruhu-Length", "Content-Digest", "Content-Encoding")}
_WISHES = ("QUERY_STRING", "HTTP_COOKIE", "HTTP_ACCEPT_LANGUAGE", "HTTP_ACCEPT_ENCODING")
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Answer(NamedTuple):
    """Of a push that went well: status 200."""

    headers: list[tuple[str, str]]
    packed: bytes


class Apart(Exception):
    """Nothing is wrong with this push: it is too long for others to wait for it, and has to be taken in by itself."""


class _Read(NamedTuple):
    pushed: Pushed
    lang: str
    coding: str


@dataclass
class _Room:
    """left: bytes that the bodies still to come may unpack to."""

    left: int = MOST_UNPACKED


class PushLane:
    """WSGI before WSGI: ``app`` answers everything but pushes that go well."""

    def __init__(self, app: Wsgi, here: Node, *, https: bool, lang: str) -> None:
        self._app, self._here, self._lang = app, here, lang
        self._headers = {"Content-Type": "application/json", **headers_of(https)}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PATH or environ["REQUEST_METHOD"] != "POST" or REFUSED in environ:
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
            lang, coding = self._wishes(environ)
            answer = pushed(self._here, credential, sent, _headers_of(environ), lang)
        except Exception as refusal:  # a Problem, or a fault of ours: Flask tells either, and tries nothing again
            environ[REFUSED] = refusal
            return self._app(environ, start_response)
        headers, packed = self._packed(answer, coding, began)
        start_response("200 OK", headers)
        return [packed]

    def together(self, asked: Sequence[tuple[dict[str, str], bytes]]) -> Iterator[Answer | Exception]:
        """Take in several pushes in one commit, each given as its headers, as WSGI calls them, and its whole body.

        For each its answer, or why there is none: to be told to Flask as `REFUSED`, which tells the phone, or `Apart`.
        """
        began = time.monotonic()
        try:
            credentials = bearers(self._here, [headers.get("HTTP_AUTHORIZATION", "") for headers, _ in asked])
        except Exception as refusal:  # a silent database
            yield from [refusal] * len(asked)
            return
        room = _Room()
        read = [self._read(*one, credential, room) for one, credential in zip(asked, credentials, strict=True)]
        sound = [one for one in read if not isinstance(one, Exception)]
        replies = iter(self._taken_in([one.pushed for one in sound]) if sound else ())
        for one in read:
            yield one if isinstance(one, Exception) else self._answered(one, next(replies), began)

    def _read(
        self, headers: dict[str, str], sent: bytes, credential: Credential | Problem, room: _Room
    ) -> _Read | Exception:
        if isinstance(credential, Problem):
            return credential
        try:
            lang, coding = self._wishes(headers)
            plain = body_of_push(self._here, sent, _headers_of(headers), room.left)
            room.left -= len(plain)
            return _Read(service.understood(self._here.store, credential, plain), lang, coding)
        except Problem as refusal:
            return Apart() if refusal.code == "too_large" and room.left < MAX_BYTES else refusal
        except Exception as refusal:
            return refusal

    def _taken_in(self, pushes: Sequence[Pushed]) -> Sequence[PushReply] | Sequence[Exception]:
        try:
            return taken_in(self._here, pushes)
        except Exception as refusal:
            return [refusal] * len(pushes)

    def _answered(self, read: _Read, reply: PushReply | Exception, began: float) -> Answer | Exception:
        if isinstance(reply, Exception):
            return reply
        try:
            return self._packed(service.answer(reply, read.lang, self._here.identity), read.coding, began)
        except Exception as fault:
            return fault

    def _packed(self, answer: Any, coding: str, began: float) -> Answer:
        # Level 1: receipts are mostly hashes, which no level makes smaller.
        packed, headers = packed_reply(answer, coding, level=1)
        headers |= self._headers | {"Content-Length": str(len(packed))}
        log_line("POST", PATH, 200, len(packed), began)
        return Answer(list(headers.items()), packed)

    def _wishes(self, environ: dict[str, Any]) -> tuple[str, str]:
        return _wishes(*[environ.get(name, "") for name in _WISHES], self._lang)


@lru_cache(maxsize=1024)
def _wishes(*said: str) -> tuple[str, str]:
    """The language and the packing of the answer; phones say always the same, and reading it takes a while."""
    *values, default = said
    asked = Request(dict(zip(_WISHES, values, strict=True)), populate_request=False)
    return language_of(asked, default), best_encoding(("gzip",), asked)


def _headers_of(environ: dict[str, Any]) -> dict[str, str]:
    """Those by which a body is checked."""
    return {name: environ[key] for name, key in _CHECKED.items() if key in environ}
