"""Work that a locked phone sends: each op and each piece of a photo as it lies there, closed under a key of the
work, and that key closed for the centre. `static/js/data/bodies.js` closes it, and is the other home of these texts.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sync import keys
from sync.problems import Problem
from sync.records import Sha256
from sync.sealed import unseal

IV = 12
_LABEL = "ruhu-work-1\n"

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
_Sealed = Annotated[str, msgspec.Meta(max_length=400)]


class ClosedOp(msgspec.Struct, frozen=True):
    """What stands beside a closed op. key: the work's key, closed for the centre. head: the sender's word on its log up to it."""

    op_id: _Id
    work: _Id
    key: _Sealed
    head: dict[str, str | int] | None = None


class ClosedPart(msgspec.Struct, frozen=True):
    """What stands beside the n-th piece of a photo."""

    sha256: Sha256
    n: Annotated[int, msgspec.Meta(ge=0)]
    offset: Annotated[int, msgspec.Meta(ge=0)]
    length: Annotated[int, msgspec.Meta(ge=1)]
    work: _Id
    key: _Sealed


def push_of(facts: ClosedOp, body: bytes, key: keys.PrivateKey) -> bytes:
    """The push that the phone would have sent unlocked. Raises Problem courier_altered."""
    op = _opened(facts.key, facts.work, f"op|{facts.op_id}", body, key)
    heads = msgspec.json.encode([facts.head] if facts.head else [])
    return b'{"format":1,"server_id":null,"epoch":null,"ops":[%b],"heads":%b}' % (op, heads)


def piece_of(facts: ClosedPart, body: bytes, key: keys.PrivateKey) -> bytes:
    """The bytes of the photo there. Raises Problem courier_altered."""
    return _opened(facts.key, facts.work, f"blob|{facts.sha256}|{facts.n}", body, key)


def _opened(sealed: str, work: str, about: str, body: bytes, key: keys.PrivateKey) -> bytes:
    try:
        raw = unseal(keys.from_text(sealed), key, (_LABEL + work).encode())
        return AESGCM(raw).decrypt(body[:IV], body[IV:], about.encode())
    except (InvalidTag, ValueError):
        raise Problem("courier_altered") from None
