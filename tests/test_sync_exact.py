"""The quick way of reading an op says what the thorough one says, or nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from sync import exact, protocol
from sync.author import Author
from sync.canonical import content_hash
from sync.problems import Problem
from sync.protocol import encode, parse_op
from sync.records import BlobRef, Op

FIELDS = {
    "姓名": "李建国",
    "note": 'a "quoted" \\ line\n\x1f',
    "answers": {"z": ["1", {"b": 2, "a": None}], "a": "x", "hash": "h", "sig": None},
    "empty": "",
}


def made(**more: Any) -> Op:
    author = Author("install", "user", clock=lambda: datetime(2026, 11, 28, tzinfo=UTC), boot_id='b"sig":null,"hash":"')
    return author.create("submission", "s", "500156103203", FIELDS, submission="s", blobs=(BlobRef("0" * 64, 3),), **more)


def of_a_phone(op: Op) -> dict[str, Any]:
    """As a phone spells it: without what it does not know, in another order."""
    value: dict[str, Any] = json.loads(encode(op))
    del value["cites"]
    value["hash"] = content_hash(value)
    return dict(reversed(value.items()))


def spelled(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def thorough(monkeypatch: pytest.MonkeyPatch, raw: bytes) -> Any:
    with monkeypatch.context() as patch:
        patch.setattr(protocol, "exact_op", lambda _raw: None)
        return read(raw)


def read(raw: bytes) -> Any:
    try:
        found = parse_op(raw)
    except Problem as problem:
        return problem.code
    members = {one.name: msgspec.to_builtins(getattr(found.op, one.name)) for one in msgspec.structs.fields(Op)}
    return members, found.hash, found.fault, found.body


@pytest.mark.parametrize(
    "raw", [encode(made()), encode(made(cites="a" * 64)), spelled(of_a_phone(made()))], ids=["server", "cites", "phone"]
)
def test_what_phones_and_servers_send_goes_the_quick_way(raw: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert exact.exact_op(raw) is not None
    assert read(raw) == thorough(monkeypatch, raw)
    assert read(raw)[2] is None


def altered() -> dict[str, bytes]:
    """Ops that claim the hash of something a little different from what they are."""
    phone = of_a_phone(made())
    raw = spelled(phone)
    extra = {**phone, "evil": "1"}
    # A member left out pays for another: as long as the whole op, and under the hash of the whole.
    whole = json.loads(encode(made()))
    paid = {name: value for name, value in whole.items() if name != "cites"} | {"other": ""}
    padded = spelled(paid)
    padded += b" " * (len(encode(made())) - len(padded))
    odd = {**phone, exact._NOT_SAID: "a" * 64}
    odd["hash"] = content_hash(odd)
    change = json.loads(raw)
    change["fields"]["note"]["more"] = "1"
    lacking = json.loads(raw)
    del lacking["fields"]["note"]["old"]
    deep: Any = "x"
    for _ in range(30):
        deep = [deep]
    return {
        "space": raw.replace(b'"v":1', b'"v": 1'),
        "twice": raw.replace(b'"v":1', b'"v":2,"v":1'),
        "escaped": raw.replace('"姓名"'.encode(), b'"\\u59d3\\u540d"'),
        "upper": raw.replace(b"\\u001f", b"\\u001F"),
        "stranger": spelled(extra),
        "stranger hashed": spelled({**extra, "hash": content_hash(extra)}),
        "paid for": padded,
        "odd name": spelled(odd),
        "in a change": spelled(change),
        "lacking": spelled({**lacking, "hash": content_hash(lacking)}),
        "float": raw.replace(b'"b":2', b'"b":2.0'),
        "power": raw.replace(b'"dseq":1', b'"dseq":1e0'),
        "minus": raw.replace(b'"base_rev":0', b'"base_rev":-0'),
        "wrong": raw.replace("李".encode(), "王".encode()),
        "hash short": spelled({**phone, "hash": "abc"}),
        "signed": spelled({**phone, "sig": "x"}),
        "astral": spelled(_hashed(phone, {"𠮷": {"old": None, "new": "1"}, "Ａ": {"old": None, "new": "1"}})),
        "zero": spelled(_hashed(phone, {"a": {"old": None, "new": "\0"}})),
        "deep": spelled(_hashed(phone, {"a": {"old": None, "new": deep}})),
        "erased": spelled({**phone, "erased": "law"}),
        "cut": raw[:-1],
        "list": b"[" + raw + b"]",
    }


def _hashed(op: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    value = {**op, "fields": fields}
    return value | {"hash": content_hash(value)}


@pytest.mark.parametrize("name", altered())
def test_whatever_else_comes_is_read_as_thoroughly_as_ever(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = altered()[name]
    assert raw != spelled(of_a_phone(made()))
    assert read(raw) == thorough(monkeypatch, raw)


def nested(depth: int, hollow: Any) -> bytes:
    value = hollow
    for _ in range(depth):
        value = {"a": value} if isinstance(hollow, str) else [value]
    return spelled(_hashed(of_a_phone(made()), {"a": {"old": None, "new": value}}))


@pytest.mark.parametrize("hollow", ["x", 3])
def test_what_nests_deeper_than_forms_do_is_read_thoroughly_and_at_the_limit_refused(hollow, monkeypatch):
    over = protocol.MAX_DEPTH - 3  # above a value are the op, its fields and the change
    for depth in range(over + 3):
        raw = nested(depth, hollow)
        assert (exact.exact_op(raw) is not None) == (depth <= exact.NESTED)
        assert read(raw) == thorough(monkeypatch, raw)
        assert (read(raw) == "bad_json") == (depth > over)


def test_without_the_comparison_of_lengths_a_stranger_s_member_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = altered()["stranger"]
    assert read(raw)[2] == "hash_mismatch"
    monkeypatch.setattr(exact, "len", lambda _value: 0, raising=False)
    assert read(raw)[2] is None


@pytest.mark.parametrize("value", ["", "水井", 'he said "hash":"', '","sig":null,"hash":"', "𠀀", 3, None, {"b": ["x", 1]}])
@pytest.mark.parametrize("more", [{}, {"cites": "c" * 64}, {"submission": 's"hash":"', "form_id": "f", "form_version": "1"}])
def test_the_quick_hash_of_an_op_made_here_is_the_one_everybody_computes(value, more):
    author = Author("i", "u", clock=lambda: datetime(2026, 11, 28, tzinfo=UTC), boot_id='"hash":"')
    op = author.update("household", 'h"sig":null,', "500156105203", {"water": (None, value), "𠀀": ("x", value)}, **more)
    plain = author.update("household", "h", "500156105203", {"water": ("x", value)}, **more)
    for made in (op, plain):
        body = msgspec.json.encode(made)
        assert made.hash == content_hash(msgspec.json.decode(body)) == parse_op(body).hash
