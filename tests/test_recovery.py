"""A forgotten unlock code: a manager of the place opens the data key, for the phone that asked, and it stays written down."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from test_office_courier import token_of

from sync import keys
from sync.problems import Problem
from sync.recovery import answer, code_of, parse
from sync.sealed import seal, unseal

RAW = bytes(range(32))
PHONE = ec.generate_private_key(ec.SECP256R1())
CENTRE = keys.sealing_key(b"c" * 32)


def request_of(user: str, centre: str, more: dict[str, str] | None = None) -> bytes:
    sealed = keys.to_text(seal(RAW, centre, f"ruhu-recovery-1\nfor the centre\n{user}\nv1".encode()))
    return json.dumps({"format": "ruhu-recovery-1", "user": user, "install": "i1", "vault": "v1", "sealed": sealed,
                       "reply": keys.public_text(PHONE)} | (more or {})).encode()  # fmt: skip


def opened(reply: bytes, user: str, key: Any = PHONE) -> bytes:
    return unseal(keys.from_text(json.loads(reply)["closed"]), key, f"ruhu-recovery-1\nfor the phone\n{user}\nv1".encode())


def test_only_the_phone_that_asked_opens_the_answer() -> None:
    reply = answer(parse(request_of("u1", keys.public_text(CENTRE))), CENTRE)
    assert opened(reply, "u1") == RAW and RAW not in reply
    with pytest.raises(Problem):
        opened(reply, "u1", ec.generate_private_key(ec.SECP256R1()))


@pytest.mark.parametrize("change", [{"user": "u2"}, {"vault": "v2"}, {"reply": "A" * 87}])
def test_a_request_that_was_altered_opens_nothing(change: dict[str, str]) -> None:
    text = request_of("u1", keys.public_text(CENTRE), change)
    with pytest.raises(Problem) as caught:
        answer(parse(text), CENTRE)
    assert caught.value.code == "courier_not_for_us"


@pytest.mark.parametrize("text", [b"", b"{}", b"\x89RUHU", b'{"format":"other"}', b"[" * 9000])
def test_what_is_no_request_is_refused(text: bytes) -> None:
    with pytest.raises(Problem):
        parse(text)


def sent(browser: Any, text: bytes) -> Any:
    token = token_of(browser.get("/office/recovery").text)
    return browser.post("/office/recovery", data={"csrf_token": token, "file": (io.BytesIO(text), "x.ruhu")},
                        content_type="multipart/form-data")  # fmt: skip


def let_open(browser: Any, page: str, code: str) -> Any:
    found = re.search(r'name="text" value="([^"]+)"', page)
    assert found
    return browser.post("/office/recovery/open", data={"csrf_token": token_of(page), "text": found[1], "code": code})


def test_the_manager_types_the_phones_code_and_it_stays_written(office: Any, cast: Any, here: Any) -> None:
    manager = office(cast.county)
    text = request_of(cast.cadre.id, here.identity.public.seal)
    page = sent(manager, text).text
    assert cast.cadre.username in page and code_of(text) not in page
    refused = let_open(manager, page, "000000" if code_of(text) != "000000" else "000001")
    assert refused.status_code == 422 and here.store.get("user", cast.cadre.id).fields.get("recovery") is None
    reply = let_open(manager, page, code_of(text))
    assert reply.status_code == 200 and opened(reply.data, cast.cadre.id) == RAW
    assert here.store.get("user", cast.cadre.id).fields["recovery"].endswith(" i1")
    last = here.store.history("user", cast.cadre.id)[-1]
    assert last.op.actor == cast.county.id


def test_nobody_else_may(office: Any, cast: Any, here: Any, client: Any) -> None:
    text = request_of(cast.cadre.id, here.identity.public.seal)
    for person in (cast.cadre, cast.township):
        assert office(person).get("/office/recovery").status_code in (403, 404)
    stranger = office(cast.stranger)
    assert sent(stranger, text).status_code == 404
    assert client.get("/office/recovery").status_code in (302, 303, 401)
