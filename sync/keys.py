"""P-256 keys of servers and installs: made from a folder's secret, spelled as text, used to sign and to verify.

Every key here is ECDSA or HPKE material on P-256, because a browser can make,
keep and use one without ever showing it. Texts are base64url without padding:
a public key is its raw point (65 bytes), a signature is r and s (64 bytes),
as WebCrypto spells both.
"""

from __future__ import annotations

import base64
import binascii
import functools

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PrivateKey = ec.EllipticCurvePrivateKey
PublicKey = ec.EllipticCurvePublicKey

_CURVE = ec.SECP256R1()
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_SHA256 = ec.ECDSA(hashes.SHA256())
_HALF = 32


def signing_key(secret: bytes) -> PrivateKey:
    """The key a server signs receipts, heads and audit heads with. One secret gives one key, on every host."""
    return _derived(secret, b"ruhu-signing-1")


def sealing_key(secret: bytes) -> PrivateKey:
    """The key a server opens with what was sealed to it; knowing one of the two keys tells nothing of the other."""
    return _derived(secret, b"ruhu-sealing-1")


def _derived(secret: bytes, purpose: bytes) -> PrivateKey:
    # 16 bytes more than the order needs, so that taking the remainder favours no number (FIPS 186-5, A.2.1).
    made = HKDF(hashes.SHA256(), length=48, salt=None, info=purpose).derive(secret)
    return ec.derive_private_key(int.from_bytes(made) % (_ORDER - 1) + 1, _CURVE)


def public_text(key: PrivateKey | PublicKey) -> str:
    """The public key as text."""
    public = key.public_key() if isinstance(key, PrivateKey) else key
    return to_text(public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


@functools.lru_cache(maxsize=4096)
def public_key(text: str) -> PublicKey:
    """The key behind its text. Raises ValueError for anything but a point of the curve."""
    raw = from_text(text)
    if len(raw) != 1 + 2 * _HALF:
        raise ValueError("not a raw point")
    return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, raw)


def is_public_key(text: object) -> bool:
    """Whether somebody's text names a key we can verify with."""
    try:
        return isinstance(text, str) and public_key(text) is not None
    except ValueError:
        return False


def sign(key: PrivateKey, message: bytes) -> str:
    """The signature over the message as text."""
    r, s = decode_dss_signature(key.sign(message, _SHA256))
    return to_text(r.to_bytes(_HALF) + s.to_bytes(_HALF))


def verified(public: str, message: bytes, sig: object) -> bool:
    """Whether the holder of that key signed these bytes. False, never an error, for whatever else came."""
    try:
        raw = from_text(sig) if isinstance(sig, str) else b""
        if len(raw) != 2 * _HALF:
            return False
        der = encode_dss_signature(int.from_bytes(raw[:_HALF]), int.from_bytes(raw[_HALF:]))
        public_key(public).verify(der, message, _SHA256)
    except (InvalidSignature, ValueError):
        return False
    return True


def to_text(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def from_text(text: str) -> bytes:
    """The bytes behind base64url without padding. Raises ValueError."""
    if not text.isascii() or "=" in text or "+" in text or "/" in text:
        raise ValueError("not base64url")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
