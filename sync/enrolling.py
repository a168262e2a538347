"""Letting a phone in: what an enrolment is and how it goes on. Pure.

The office makes one for a named person. A phone shows its secret and gets a
code, which the office types in as it stands on that phone: whoever photographed
the QR has another code on another phone, or none.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta

import msgspec

LASTS = timedelta(minutes=15)
MOST_TRIES = 5

# offered: nobody has shown the secret. asked: a phone has, and waits. confirmed: the office has typed its code.
OFFERED, ASKED, CONFIRMED, DONE, STOPPED = "offered", "asked", "confirmed", "done", "stopped"

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SECRET_LENGTH = 12
"""60 bits: read from a QR or typed, good for a quarter of an hour, and only against the server that counts the tries."""
_ALIKE = str.maketrans("OIL", "011")


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """One invitation. Of its secret and of the phone's claim only hashes are kept."""

    id: str
    secret_hash: str
    user_id: str
    made_by: str
    made_at: str
    state: str = OFFERED
    claim_hash: str = ""
    key: str = ""
    name: str = ""
    lost_install: str = ""
    code: str = ""
    tries: int = 0
    install_id: str = ""


def tidy(typed: str) -> str:
    """A secret as it was made, however it was typed; '' for what cannot be one."""
    letters = "".join(letter for letter in typed.upper() if letter.isalnum()).translate(_ALIKE)
    return letters if len(letters) == SECRET_LENGTH and all(letter in LETTERS for letter in letters) else ""


def spoken(secret: str) -> str:
    """In groups of four, to be read out and typed."""
    return "-".join(secret[at : at + 4] for at in range(0, len(secret), 4))


def hash_of(secret: str) -> str:
    return hashlib.sha256(b"ruhu-enrol-1\0" + secret.encode()).hexdigest()


def is_open(one: Enrolment, now: datetime) -> bool:
    """Whether it may still go on."""
    return one.state in (OFFERED, ASKED, CONFIRMED) and now - datetime.fromisoformat(one.made_at) <= LASTS


def asked(one: Enrolment, *, claim: str, code: str, key: str, name: str, lost_install: str, now: datetime) -> Enrolment | None:
    """After a phone showed the secret; None when another did before, or it is too late."""
    if one.state != OFFERED or not is_open(one, now):
        return None
    return msgspec.structs.replace(one, state=ASKED, claim_hash=hash_of(claim), code=code, key=key, name=name,
                                   lost_install=lost_install)  # fmt: skip


def answered(one: Enrolment, typed: str, now: datetime) -> Enrolment | None:
    """After the office typed a code: confirmed, one try fewer, or stopped at the last. None when there is nothing to answer."""
    if one.state != ASKED or not is_open(one, now):
        return None
    if hmac.compare_digest(one.code.encode(), typed.encode()):
        return msgspec.structs.replace(one, state=CONFIRMED)
    tries = one.tries + 1
    return msgspec.structs.replace(one, tries=tries, state=STOPPED if tries >= MOST_TRIES else ASKED)


def collected(one: Enrolment, now: datetime) -> Enrolment | None:
    """After the phone fetched what it was confirmed for; None when it was not, or did so already."""
    return msgspec.structs.replace(one, state=DONE) if one.state == CONFIRMED and is_open(one, now) else None
