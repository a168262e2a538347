"""Bytes closed for one reader: HPKE base mode (RFC 9180) on P-256 with HKDF-SHA256 and AES-256-GCM.

`static/js/data/sealed.js` is the other home of this rule; both read ``tests/vectors/sealed.json``.
Sealing says who may read, never who wrote: what is inside must carry its own signatures.
"""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from sync.keys import PrivateKey, from_text, public_key, public_text
from sync.problems import Problem

OVERHEAD = 65 + 16  # the sender's one-time point before the text, the tag behind it

_SUITE = Suite(KEM.P256, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def seal(plain: bytes, public: str, context: bytes) -> bytes:
    """Close for the holder of that public key; opens only with the same context. Raises ValueError for no key."""
    return _SUITE.encrypt(plain, public_key(public), context)


def unseal(closed: bytes, key: PrivateKey, context: bytes) -> bytes:
    """The plain bytes. Raises Problem courier_altered: another key, another context, or one bit changed."""
    try:
        return _SUITE.decrypt(closed, key, context)
    except (InvalidTag, ValueError):
        raise Problem("courier_altered") from None


def key_id(key: PrivateKey | str) -> str:
    """A short name of a public key: 16 hex digits. It tells keys apart and proves nothing."""
    text = key if isinstance(key, str) else public_text(key)
    return hashlib.sha256(from_text(text)).hexdigest()[:16]
