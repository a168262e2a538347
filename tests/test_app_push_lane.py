"""The short way of a push: it answers as Flask's view does, and refuses nothing by itself."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from app import push_lane
from app.plain_push import _name
from sync import protocol
from sync.problems import message_of
from tests.test_app_sync import water


def straight(client: Any, monkeypatch: pytest.MonkeyPatch, *asked: Any, **more: Any) -> Any:
    """The same request, through Flask."""
    with monkeypatch.context() as patch:
        patch.setattr(push_lane, "PATH", "/nowhere")
        return client.post(*asked, **more)


@pytest.mark.parametrize("accepted", ["", "gzip"])
def test_both_ways_give_the_same_answer(phone: Any, cast: Any, monkeypatch: pytest.MonkeyPatch, accepted: str) -> None:
    device = phone(cast.cadre)
    device.push([water(device.author)])
    body = device.body([water(device.author, str(n), str(n - 1)) for n in range(2, 5)])
    device.client.post("/sync/v1/push", data=body, headers=device.headers | protocol.push_headers(body))
    headers = device.headers | protocol.push_headers(body) | {"Accept-Encoding": accepted}
    short = device.client.post("/sync/v1/push", data=body, headers=headers)
    long = straight(device.client, monkeypatch, "/sync/v1/push", data=body, headers=headers)
    # Everything but the moment of the answer.
    unlike = {"Content-Digest", "Content-Length", "Date"}
    assert {k: v for k, v in short.headers if k not in unlike} == {k: v for k, v in long.headers if k not in unlike}
    assert set(short.headers.keys()) == set(long.headers.keys())
    assert short.headers["Content-Digest"] == protocol.digest_header(short.data)
    assert short.headers.get("Content-Encoding", "") == accepted
    if not accepted:
        moment = {"time": "", "heads": []}  # a head is signed anew each time
        assert short.json | moment == long.json | moment
        assert [head["dseq"] for head in short.json["heads"]] == [head["dseq"] for head in long.json["heads"]]


def test_a_push_that_goes_well_does_not_reach_flask(phone: Any, cast: Any, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    device = phone(cast.cadre)
    monkeypatch.setattr("app.sync_api.reply", lambda *_a, **_k: pytest.fail("the long way"))
    assert device.push([water(device.author)]).status_code == 200


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_refusals_are_told_by_flask_in_the_reader_s_language(phone: Any, cast: Any, lang: str) -> None:
    device = phone(cast.cadre)
    body = device.body([water(device.author)])
    headers = device.headers | protocol.push_headers(body) | {"Accept-Language": lang, "Ruhu-Length": "7"}
    reply = device.client.post("/sync/v1/push", data=body, headers=headers)
    assert (reply.status_code, reply.json["error"]["code"]) == (400, "length_mismatch")
    assert reply.json["error"]["message"] == message_of("length_mismatch", lang)


def test_a_fault_of_ours_is_an_incident_and_stores_nothing(
    phone: Any, cast: Any, here: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = phone(cast.cadre)
    monkeypatch.setattr(here.store, "push_many", lambda *_a, **_k: 1 / 0)
    reply = device.push([water(device.author)])
    assert reply.status_code == 500 and reply.json["error"]["incident"]


# --- many together ----------------------------------------------------------------------------------------------


def as_heard(device: Any, body: bytes, **more: str) -> tuple[dict[str, str], bytes]:
    """Headers and body as `app.rounds` has them."""
    headers = device.headers | protocol.push_headers(body) | {"Content-Length": str(len(body))} | more
    return {_name(name): value for name, value in headers.items()}, body


@pytest.fixture
def together(client: Any) -> Any:
    return lambda *asked: list(client.application.extensions[push_lane.LANE].together(asked))


def test_pushes_together_are_answered_as_each_alone(phone: Any, cast: Any, together: Any) -> None:
    devices = [phone(cast.cadre), phone(cast.cadre)]
    bodies = [device.body([water(device.author)]) for device in devices]
    for device, body in zip(devices, bodies, strict=True):
        device.client.post("/sync/v1/push", data=body, headers=device.headers | protocol.push_headers(body))
    for device, body, answer in zip(devices, bodies, together(*map(as_heard, devices, bodies)), strict=True):
        alone = device.client.post("/sync/v1/push", data=body, headers=device.headers | protocol.push_headers(body))
        moment = {"time": "", "heads": []}
        assert protocol._generic.decode(answer.packed) | moment == alone.json | moment
        unlike = {"Content-Digest", "Content-Length", "Date"}
        assert {k: v for k, v in answer.headers if k not in unlike} == {k: v for k, v in alone.headers if k not in unlike}
        assert dict(answer.headers)["Content-Digest"] == protocol.digest_header(answer.packed)


def test_what_is_wrong_with_one_does_not_touch_the_others(phone: Any, cast: Any, together: Any, here: Any) -> None:
    device, other = phone(cast.cadre), phone(cast.cadre)
    body, more = device.body([water(device.author)]), other.body([water(other.author, "no", "yes")])
    cut, unknown = as_heard(other, more[:-1]), as_heard(other, more, Authorization="Bearer nobody")
    cut[0]["HTTP_RUHU_LENGTH"] = str(len(more))
    answers = together(cut, as_heard(device, body), unknown, as_heard(other, b"{"), as_heard(other, more))
    assert [getattr(one, "code", "taken") for one in answers] == \
        ["length_mismatch", "taken", "unknown_token", "bad_json", "taken"]  # fmt: skip
    assert here.store.acked([device.install_id, other.install_id]) == {device.install_id: 1, other.install_id: 1}


LONG = b" " * 600_000


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("sense", [True, False])
def test_small_bodies_that_unpack_to_large_ones_are_not_all_waited_for(
    phone: Any, cast: Any, together: Any, here: Any, packed: bool, sense: bool
) -> None:
    devices = [phone(cast.cadre) for _ in range(4)]
    bodies = [device.body([water(device.author)]) for device in devices]
    bodies[:3] = [bodies[0] + LONG if sense else b"{" + LONG, bodies[1] + LONG, bodies[2] + LONG]
    more = {}
    if packed:
        bodies, more = [gzip.compress(body) for body in bodies], {"Content-Encoding": "gzip"}
    found = together(*(as_heard(device, body, **more) for device, body in zip(devices, bodies, strict=True)))
    told = ["apart" if isinstance(one, push_lane.Apart) else getattr(one, "code", "taken") for one in found]
    assert told == ["taken" if sense else "bad_json", "apart", "apart", "taken"]
    for device, body in zip(devices[1:3], bodies[1:3], strict=True):
        alone = device.client.post("/sync/v1/push", data=body, headers=device.headers | protocol.push_headers(body) | more)
        assert alone.status_code == 200
    assert here.store.acked([one.install_id for one in devices[1:]]) == {one.install_id: 1 for one in devices[1:]}


def test_what_is_too_large_for_everybody_is_refused_as_ever(phone: Any, cast: Any, together: Any) -> None:
    device = phone(cast.cadre)
    huge = as_heard(device, gzip.compress(device.body([]) + b" " * protocol.MAX_BYTES), **{"Content-Encoding": "gzip"})
    (first,) = together(huge)
    assert first.code == "too_large"
    reply = device.client.post("/sync/v1/push", data=huge[1],
                               headers=device.headers | protocol.push_headers(huge[1], gzipped=True))  # fmt: skip
    assert (reply.status_code, reply.json["error"]["code"]) == (413, "too_large")


WRONG = {
    "unknown": "Bearer nobody",
    "cut": "Bearer {token:.20}",
    "of another case": "Bearer {swapped}",
    "of another scheme": "Basic {token}",
    "no scheme": "{token}",
    "none": "",
    "nothing behind the scheme": "Bearer ",
    "a browser's": "Bearer {browser}",
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_token_that_is_no_phone_s_is_refused_alone(phone: Any, cast: Any, together: Any, here: Any, wrong: str) -> None:
    devices = [phone(cast.cadre) for _ in range(3)]
    browser = here.store.add_install(cast.cadre.id, kind="browser", name="desk")
    asked = [as_heard(one, one.body([water(one.author, "yes", "no")])) for one in devices]
    token = devices[1].token
    said = wrong.format(token=token, swapped=token.swapcase(), browser=browser.token)
    asked[1] = as_heard(devices[1], asked[1][1], Authorization=said)
    assert [getattr(one, "code", "taken") for one in together(*asked)] == ["taken", "unknown_token", "taken"]
    assert list(here.store.acked([one.install_id for one in devices]).values()) == [1, 0, 1]
    assert getattr(together(as_heard(devices[1], asked[1][1]))[0], "code", "taken") == "taken"


def test_a_phone_stopped_a_moment_ago_is_stopped_in_the_next_round(phone: Any, cast: Any, together: Any, here: Any) -> None:
    devices = [phone(cast.cadre), phone(cast.cadre)]

    def statuses() -> list[str]:
        answers = together(*(as_heard(one, one.body([water(one.author)])) for one in devices))
        return [protocol._generic.decode(one.packed)["results"][0]["status"] for one in answers]

    statuses()
    here.store.revoke(devices[0].install_id)
    stopped, other = statuses()
    assert stopped == "quarantined" and other != "quarantined"


def test_all_tokens_of_a_round_are_asked_for_in_one_question(
    phone: Any, cast: Any, together: Any, here: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = [phone(cast.cadre), phone(cast.cadre)]
    asked: list[set[str]] = []
    ask = here.store.credentials
    monkeypatch.setattr(here.store, "credentials", lambda tokens: asked.append(set(tokens)) or ask(tokens))
    together(*(as_heard(one, one.body([water(one.author)])) for one in devices))
    assert asked == [{one.token for one in devices}]


def test_where_nobody_can_be_asked_whose_tokens_they_are_all_are_refused(
    phone: Any, cast: Any, together: Any, here: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = [phone(cast.cadre), phone(cast.cadre)]

    def silent(tokens: Any) -> Any:
        raise protocol.Problem("store_failed")

    with monkeypatch.context() as patch:
        patch.setattr(here.store, "credentials", silent)
        answers = together(*(as_heard(one, one.body([water(one.author)])) for one in devices))
    assert [one.code for one in answers] == ["store_failed"] * 2
    assert set(here.store.acked([one.install_id for one in devices]).values()) == {0}


def test_what_befalls_the_commit_befalls_all_and_nobody_is_answered(phone: Any, cast: Any, together: Any, here: Any) -> None:
    device, other = phone(cast.cadre), phone(cast.cadre)
    here.store._push_together.waiting = 0
    answers = together(*(as_heard(one, one.body([water(one.author)])) for one in (device, other)))
    assert [one.code for one in answers] == ["busy", "busy"]
    assert set(here.store.acked([device.install_id, other.install_id]).values()) == {0}


def test_what_was_refused_together_is_told_by_flask_and_not_tried_again(
    phone: Any, cast: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = phone(cast.cadre)
    monkeypatch.setattr(push_lane, "pushed", lambda *_: pytest.fail("tried again"))
    reply = device.client.post("/sync/v1/push", data=device.body([]), headers=device.headers,
                               environ_overrides={push_lane.REFUSED: protocol.Problem("busy")})  # fmt: skip
    assert (reply.status_code, reply.json["error"]["code"]) == (503, "busy")
