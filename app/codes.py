"""Household codes and sheet numbers: made, signed, grouped for reading, put in and read out of a QR.

A code is 13 random characters (the short id, 65 bits) and 13 characters of
MAC over them, in Crockford's base 32. It says nothing about the household, it
cannot be enumerated, and without the key of the data folder it cannot be
made. The phone has no key: it accepts a code only when its register holds
exactly the same 26 characters. ``tests/vectors/code.json`` holds this module
and ``static/js/core/code.js`` together.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass
from enum import Enum

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SHORT_LENGTH = 13
CODE_LENGTH = 26
SHEET_LENGTH = 8
SHORT_BYTES = 9
"""Random bytes needed for a short id: 72 bits, of which the first 65 count."""
SHEET_BYTES = 5

_PURPOSE = b"ruhu-household-1:"
_READ_AS = str.maketrans("OIL", "011")
_CODE = re.compile(f"[{ALPHABET}]{{{CODE_LENGTH}}}")
_SHEET = re.compile(f"[{ALPHABET}]{{{SHEET_LENGTH}}}")
_FORM_ID = re.compile(r"[a-z0-9][a-z0-9-]*")
_PATH = re.compile(r"/(?:H/([^/?#]+)|S/([^/?#]+)/([^/?#]+)/([^/?#]+))/?(?:[?#].*)?$", re.IGNORECASE)


@dataclass(frozen=True)
class Scanned:
    """What a QR or a typed text names. form_id and sheet are '' unless it is a sheet."""

    kind: str
    code: str
    form_id: str = ""
    sheet: str = ""


class Verdict(Enum):
    """What a server that has the key says of a code of 26 characters."""

    OURS = "ours"
    FORGED = "forged"


def base32(data: bytes, length: int) -> str:
    """The first ``5 × length`` bits of data, as Crockford characters."""
    bits = int.from_bytes(data, "big") >> (len(data) * 8 - length * 5)
    return "".join(ALPHABET[bits >> shift & 31] for shift in range((length - 1) * 5, -1, -5))


def make_code(key: bytes, random: bytes) -> str:
    """A household code from 9 random bytes, which the caller draws."""
    short = base32(random, SHORT_LENGTH)
    return short + _mac(key, short)


def make_sheet_number(random: bytes) -> str:
    """A sheet number from 5 random bytes."""
    return base32(random, SHEET_LENGTH)


def verdict_of(key: bytes, code: str) -> Verdict:
    """Whether the code was made with this key."""
    genuine = hmac.compare_digest(_mac(key, code[:SHORT_LENGTH]), code[SHORT_LENGTH:])
    return Verdict.OURS if genuine else Verdict.FORGED


def normalise(text: str) -> str:
    """Typed characters as the code's own: capitals, O read as 0, I and L as 1, spaces and dashes gone."""
    plain = unicodedata.normalize("NFKC", text).upper()
    return re.sub(r"[\s\-‐-―−]", "", plain).translate(_READ_AS)


def grouped(code: str) -> str:
    """For reading aloud: groups of four."""
    return " ".join(code[i : i + 4] for i in range(0, len(code), 4))


def household_payload(public_url: str, code: str) -> str:
    """The QR text of a door card: all capitals, which a QR packs in 5.5 bits a character."""
    return f"{public_url.rstrip('/')}/H/{code}".upper()


def sheet_payload(public_url: str, code: str, form_id: str, sheet: str) -> str:
    """The QR text of a visit sheet."""
    return f"{public_url.rstrip('/')}/S/{code}/{form_id}/{sheet}".upper()


def parse(text: str) -> Scanned | None:
    """What a scanned or fully typed text names, or None when it is not one of ours.

    Any host is accepted: a card printed by one node is read in an app that
    came from another. Whether the code exists is for the register to say.
    """
    text = text.strip()
    path = _PATH.search(text)
    if path is None:
        code = normalise(text)
        return Scanned("household", code) if _CODE.fullmatch(code) else None
    household, sheet_household, form_id, sheet = path.groups()
    code = normalise(household or sheet_household)
    if not _CODE.fullmatch(code):
        return None
    if household:
        return Scanned("household", code)
    form_id, sheet = form_id.lower(), normalise(sheet)
    if not _FORM_ID.fullmatch(form_id) or not _SHEET.fullmatch(sheet):
        return None
    return Scanned("sheet", code, form_id, sheet)


def _mac(key: bytes, short: str) -> str:
    digest = hmac.new(key, _PURPOSE + short.encode("ascii"), hashlib.sha256).digest()
    return base32(digest, CODE_LENGTH - SHORT_LENGTH)
