"""The short way of a push: it answers as Flask's view does, and refuses nothing by itself."""

from __future__ import annotations

from typing import Any

import pytest

from app import push_lane
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
    monkeypatch.setattr(here.store, "push", lambda *_a, **_k: 1 / 0)
    reply = device.push([water(device.author)])
    assert reply.status_code == 500 and reply.json["error"]["incident"]
