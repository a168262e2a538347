"""A forgotten unlock code: the phone's data key, closed for the centre when the code was set, goes back to that phone only.

The phone's request names the person and the key, and carries a public key made for this one answer. The code on the
phone is of the digest of the request: so no other file is opened by mistake.
`static/js/data/recovery.js` is the other home of these texts.
"""

from __future__ import annotations

import hashlib
from typing import Annotated

import msgspec

from sync import keys
from sync.problems import Problem
from sync.sealed import seal, unseal

LARGEST = 4096
FORMAT = "ruhu-recovery-1"

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
_Key = Annotated[str, msgspec.Meta(min_length=80, max_length=400, pattern="^[0-9A-Za-z_-]+$")]


class Request(msgspec.Struct, frozen=True):
    """What a phone asks. vault: its data key's name; sealed: that key, closed for the centre; reply: whom to answer."""

    format: str
    user: _Id
    install: _Id
    vault: _Id
    sealed: _Key
    reply: _Key


def parse(text: bytes) -> Request:
    """Raises Problem courier_foreign for what is no request."""
    try:
        found = msgspec.json.decode(text[: LARGEST + 1], type=Request)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Problem("courier_foreign") from None
    if found.format != FORMAT:
        raise Problem("courier_foreign")
    return found


def code_of(text: bytes) -> str:
    """Six digits that the phone shows and the office types."""
    return f"{int.from_bytes(hashlib.sha256(text).digest()[:4]) % 1_000_000:06d}"


def answer(request: Request, key: keys.PrivateKey) -> bytes:
    """The data key, closed for that phone. Raises Problem courier_not_for_us: closed for another centre, or altered."""
    try:
        raw = unseal(keys.from_text(request.sealed), key, _context(request, "for the centre"))
        closed = seal(raw, request.reply, _context(request, "for the phone"))
    except (Problem, ValueError):
        raise Problem("courier_not_for_us") from None
    return msgspec.json.encode({"format": FORMAT, "vault": request.vault, "closed": keys.to_text(closed)})


def _context(request: Request, whom: str) -> bytes:
    return f"{FORMAT}\n{whom}\n{request.user}\n{request.vault}".encode()
