"""The one spelling of an op as bytes, so that every tier computes the same hash.

Canonical JSON here is what ``JSON.stringify`` writes for an object whose keys
were sorted: separators ``,`` and ``:``, UTF-8, non-ASCII unescaped, integers
only. ``static/js/core/canonical.js`` is the other home of this rule; both read
``tests/vectors/canonical.json``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

MAX_INTEGER = 2**53 - 1

_encoder = msgspec.json.Encoder(order="sorted")


class NotCanonical(ValueError):
    """The value holds something that has no canonical spelling (a float, a huge integer)."""


def canonical(value: Any) -> bytes:
    """Canonical JSON of text, integers, booleans, None, lists and string-keyed objects.

    Raises NotCanonical for floats and for integers JavaScript cannot hold.
    """
    refuse_inexact(value)
    return canonical_of_checked(value)


def canonical_row(parts: Sequence[str | int]) -> bytes:
    """As `canonical`, for a list that should hold texts and integers only: what is signed of a log."""
    for part in parts:
        if type(part) is not str and not (type(part) is int and -MAX_INTEGER <= part <= MAX_INTEGER):
            return canonical(list(parts))
    return _encoder.encode(parts)


def canonical_of_checked(value: Any) -> bytes:
    """As `canonical`, for a value the protocol's decoder has already checked."""
    encoded = _encoder.encode(value)
    if has_astral(encoded):
        # Structs become plain data first: their members have to be sorted as well.
        return _encoder_unsorted.encode(_sorted_by_utf16(msgspec.to_builtins(value)))
    return encoded


def has_astral(encoded: bytes) -> bool:
    """Whether a character beyond U+FFFF is there.

    JavaScript sorts keys by UTF-16 unit and msgspec by code point; the two differ only then.
    """
    # Five searches for one byte each, spelled out, cost a quarter of one for any of the five.
    return b"\xf0" in encoded or b"\xf1" in encoded or b"\xf2" in encoded or b"\xf3" in encoded or b"\xf4" in encoded


_encoder_unsorted = msgspec.json.Encoder()


def _sorted_by_utf16(value: Any) -> Any:
    if isinstance(value, Mapping):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        return {key: _sorted_by_utf16(value[key]) for key in keys}
    if isinstance(value, list | tuple):
        return [_sorted_by_utf16(item) for item in value]
    return value


def refuse_inexact(value: Any) -> None:
    """Raises NotCanonical when a float or an integer beyond 2**53 - 1 is anywhere inside."""
    if value is None or isinstance(value, str | bool):
        return
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise NotCanonical("integer too large")
    elif isinstance(value, Mapping):
        for item in value.values():
            refuse_inexact(item)
    elif isinstance(value, list | tuple):
        for item in value:
            refuse_inexact(item)
    else:
        raise NotCanonical(f"no canonical spelling for {type(value).__name__}")


def content_hash(op: Mapping[str, Any]) -> str:
    """Hex SHA-256 over the op as sent, without its ``hash`` and ``sig``.

    Members this version does not know count too: an older node must not
    change what a newer phone has signed.
    """
    content = dict(op)
    content.pop("hash", None)
    content.pop("sig", None)
    return hashlib.sha256(canonical_of_checked(content)).hexdigest()
