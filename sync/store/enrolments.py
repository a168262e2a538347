"""Invitations as rows, for both databases. State and tries stand beside the body: a change names those it found."""

from __future__ import annotations

import msgspec

from sync.enrolling import Enrolment


def enrolment_row(one: Enrolment) -> tuple[str, str, str, str, int, str]:
    return (one.id, one.secret_hash, one.claim_hash, one.state, one.tries, msgspec.json.encode(one).decode())


def enrolment_of(body: str) -> Enrolment:
    return msgspec.json.decode(body, type=Enrolment)
