"""A phone comes in by an invitation of the office: it shows the secret, waits for a person there, and fetches its token.

The QR holds the secret behind a #, which no browser sends; here it comes in a body.
"""

from __future__ import annotations

import secrets
import time
from typing import Any

import msgspec
from flask import Blueprint, Response, jsonify, request

from app.access import public
from app.auth import User, json_sent, signed_in, user_of
from app.errors import Problem
from app.node import Node, node
from sync import enrolling
from sync.ids import new_id
from sync.keys import is_public_key

blueprint = Blueprint("enrol", __name__)


def invite(here: Node, user_id: str, by: str) -> tuple[str, str]:
    """(id, secret) of a new invitation; the secret is known to whoever reads the answer, and to nobody later."""
    secret = "".join(secrets.choice(enrolling.LETTERS) for _ in range(enrolling.SECRET_LENGTH))
    one = enrolling.Enrolment(id=new_id(), secret_hash=enrolling.hash_of(secret), user_id=user_id, made_by=by,
                              made_at=here.now().isoformat())  # fmt: skip
    here.store.add_enrolment(one)
    return one.id, secret


@blueprint.post("/api/enrol")
@public
def show_secret() -> Response:
    """The phone's claim and the code it shows; nothing of the person it is for."""
    here, sent = node(), json_sent("secret", "key")
    address = request.remote_addr or ""
    wait = here.throttle.wait("#enrol", address, time.time(), pair_only=True)
    if wait:
        raise Problem("too_many_tries", headers={"Retry-After": str(wait)})
    found = here.store.enrolment(secret_hash=enrolling.hash_of(enrolling.tidy(sent["secret"])))
    if not is_public_key(sent["key"]):
        raise Problem("bad_request")
    claim = secrets.token_urlsafe(32)
    after = found and enrolling.asked(
        found, claim=claim, code=f"{secrets.randbelow(10_000):04d}", key=sent["key"], name=str(sent.get("device") or "")[:100],
        lost_install=str(sent.get("lost_install") or "")[:100], now=here.now(),
    )  # fmt: skip
    if found is None or after is None or not here.store.change_enrolment(found, after):
        here.throttle.failed("#enrol", address, time.time())
        raise Problem("invitation_gone")
    return jsonify({"claim": claim, "code": after.code, "seconds": int(enrolling.LASTS.total_seconds())})


@blueprint.post("/api/enrol/collect")
@public
def collect() -> tuple[Response, int] | Response:
    """202 while nobody typed the code; then, once, what a sign-in answers."""
    here, sent = node(), json_sent("claim")
    found = here.store.enrolment(claim_hash=enrolling.hash_of(sent["claim"]))
    if found is None or not enrolling.is_open(found, here.now()):
        raise Problem("invitation_gone")
    after = enrolling.collected(found, here.now())
    if after is None:
        return jsonify({"waiting": True}), 202
    user = _person(here, found)
    if user is None or not here.store.change_enrolment(found, after):
        raise Problem("invitation_gone")
    given = here.store.add_install(user.id, kind="device", name=found.name, key=found.key)
    here.store.change_enrolment(after, msgspec.structs.replace(after, install_id=given.install_id))
    return jsonify(signed_in(here, user, given, lost_install=found.lost_install))


def _person(here: Node, found: enrolling.Enrolment) -> User | None:
    """Whom it is for, with the rights of now; None for one who was stopped meanwhile."""
    record: Any = here.store.get("user", found.user_id)
    user = user_of(record) if record else None
    return user if user and user.grants else None
