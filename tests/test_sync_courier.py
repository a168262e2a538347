"""The courier file as bytes.

1. what is written is read, in order, packed or not
2. a file cut anywhere gives the whole messages before the cut and says that it is cut
3. one byte changed anywhere gives a prefix of the messages and says so
4. only the reader it was closed for opens it; open parts count only with the right signature
5. parts cannot be moved, dropped, doubled or taken from another file
6. lies about lengths are refused before anything is read; foreign bytes are no file of ours
7. a closed file shows nothing of what is inside
8. the vectors of both languages open
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync import courier, keys
from sync.courier import MAGIC, Head, Message, Reader, Writer
from sync.problems import Problem
from sync.sealed import key_id, seal, unseal

VECTORS = Path(__file__).parent / "vectors" / "sealed.json"
CENTRE = keys.sealing_key(b"c" * 32)
SIGNER = keys.signing_key(b"c" * 32)
OTHER = keys.sealing_key(b"o" * 32)
HEAD = Head(kind="ops", id="file-1", sender="inst-1")
SENT = [("hello", b"", {"install_id": "inst-1", "dseq": 3}), ("push", '{"ops":["魏家德"]}'.encode() * 40, {}),
        ("blob", bytes(range(256)) * 8, {"sha256": "ab", "offset": 0, "length": 2048, "pack": False})]  # fmt: skip


def made(sent: list[tuple[str, bytes, dict[str, Any]]] = SENT, head: Head = HEAD, *, seal_to: keys.PrivateKey | None = CENTRE,
         sign_with: keys.PrivateKey | None = None) -> bytes:  # fmt: skip
    out = io.BytesIO()
    writer = Writer(out, head, seal_to=keys.public_text(seal_to) if seal_to else "", sign_with=sign_with)
    for name, body, facts in sent:
        writer.write(name, body, **facts)
    writer.close()
    return out.getvalue()


def read_some(body: bytes, key: keys.PrivateKey | None = CENTRE, signer: str = "") -> tuple[list[Message], str]:
    """The messages up to the first fault, and its code."""
    found: list[Message] = []
    try:
        for one in Reader(io.BytesIO(body)).messages(key=key, signer=signer):
            found.append(one)
    except Problem as problem:
        return found, problem.code
    return found, ""


def as_sent() -> list[tuple[str, bytes]]:
    return [(name, body) for name, body, _ in SENT]


def plain(messages: list[Message]) -> list[tuple[str, bytes]]:
    return [(one.name, one.body) for one in messages]


def parts_of(body: bytes) -> tuple[bytes, list[bytes]]:
    """The head with its frame, and each part with its frame."""
    at = len(MAGIC) + 4 + int.from_bytes(body[len(MAGIC) : len(MAGIC) + 4])
    start, parts = body[:at], []
    while at < len(body):
        end = at + 4 + int.from_bytes(body[at : at + 4])
        parts.append(body[at:end])
        at = end
    return start, parts


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("signed", [True, False])
def test_what_is_written_is_read(sealed: bool, signed: bool) -> None:
    body = made(seal_to=CENTRE if sealed else None, sign_with=SIGNER if signed else None)
    messages, end = read_some(body, CENTRE if sealed else None, keys.public_text(SIGNER) if signed else "")
    assert (plain(messages), end) == (as_sent(), "")
    assert messages[0].facts == {"install_id": "inst-1", "dseq": 3}
    assert messages[2].facts == {"sha256": "ab", "offset": 0, "length": 2048}
    assert Reader(io.BytesIO(body)).head.to == (key_id(CENTRE) if sealed else "")


def test_cut_anywhere_the_whole_parts_before_it_are_good() -> None:
    body = made()
    start, parts = parts_of(body)
    ends = [len(start) + sum(map(len, parts[:n])) for n in range(len(parts) + 1)]
    for cut in range(len(body)):
        if cut < len(start):
            with pytest.raises(Problem) as caught:
                Reader(io.BytesIO(body[:cut]))
            assert caught.value.code == "courier_cut"
            continue
        messages, end = read_some(body[:cut])
        whole = sum(1 for one in ends[1:] if one <= cut)
        assert end == "courier_cut"
        assert plain(messages) == as_sent()[:whole]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_one_byte_changed_gives_a_prefix_and_says_so(data: st.DataObject) -> None:
    body = bytearray(made(sign_with=data.draw(st.sampled_from([None, SIGNER]))))
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] ^= data.draw(st.integers(1, 255))
    try:
        messages, end = read_some(bytes(body), signer=keys.public_text(SIGNER))
    except Problem as problem:
        messages, end = [], problem.code
    assert end.startswith("courier_")
    assert plain(messages) == as_sent()[: len(messages)]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_refused_politely(body: bytes, with_magic: bool) -> None:
    try:
        messages, end = read_some((MAGIC if with_magic else b"") + body)
    except Problem as problem:
        messages, end = [], problem.code
    assert messages == [] and end.startswith("courier_")


def headed(spelled: bytes) -> bytes:
    return MAGIC + len(spelled).to_bytes(4) + spelled


def test_an_empty_file_and_one_with_a_huge_length() -> None:
    for body, code in ((b"", "courier_cut"), (b"PK\x03\x04" * 10, "courier_foreign"),
                       (MAGIC + b"\xff\xff\xff\xff" + b"x" * 100, "courier_foreign"),
                       (MAGIC + b"\x00\x00\x00\x02{}", "courier_foreign"),
                       (headed(b'{"v":9,"kind":"ops","id":"a","sender":"b"}'), "courier_version"),
                       (headed(b'{"kind":"ops","id":"../../etc/x","sender":"b"}'), "courier_foreign")):  # fmt: skip
        with pytest.raises(Problem) as caught:
            Reader(io.BytesIO(body))
        assert caught.value.code == code


class Watched(io.BytesIO):
    largest = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.largest = max(self.largest, size or 0)
        return super().read(size)


def test_a_part_that_says_it_is_huge_is_not_read() -> None:
    start, parts = parts_of(made())
    source = Watched(start + parts[0] + b"\xff\xff\xff\xf0" + parts[1][4:])
    with pytest.raises(Problem) as caught:
        list(Reader(source).messages(key=CENTRE))
    assert caught.value.code == "courier_altered"
    assert source.largest <= courier.MAX_PART


def test_a_small_part_that_unpacks_to_much_is_refused() -> None:
    start, _ = parts_of(made())
    facts = b'{"m":"push","gzip":1}'
    bomb = len(facts).to_bytes(2) + facts + gzip.compress(b"0" * (courier.MAX_BYTES + 1))
    digest = hashlib.sha256(start[len(MAGIC) + 4 :]).digest()
    part = seal(bomb, keys.public_text(CENTRE), courier._context(digest, 1))
    messages, end = read_some(start + len(part).to_bytes(4) + part)
    assert (messages, end) == ([], "courier_altered")


def test_only_the_reader_opens_it() -> None:
    for key in (OTHER, None):
        assert read_some(made(), key) == ([], "courier_not_for_us")


def test_open_parts_count_only_with_the_right_signature() -> None:
    receipts = made(head=Head(kind="receipts", id="f", sender="s"), seal_to=None, sign_with=SIGNER)
    assert read_some(receipts, None, keys.public_text(SIGNER))[1] == ""
    for signer in ("", keys.public_text(keys.signing_key(b"x" * 32))):
        assert read_some(receipts, None, signer) == ([], "courier_not_signed")
    # Somebody else's signature under the centre's name.
    forged = made(head=Head(kind="receipts", id="f", sender="s"), seal_to=None, sign_with=keys.signing_key(b"x" * 32))
    renamed = forged.replace(key_id(keys.signing_key(b"x" * 32)).encode(), key_id(SIGNER).encode())
    assert read_some(renamed, None, keys.public_text(SIGNER)) == ([], "courier_altered")


def test_parts_have_their_place() -> None:
    start, parts = parts_of(made())
    other_start, other = parts_of(made(head=Head(kind="ops", id="file-2", sender="inst-1")))
    assert read_some(start + parts[1] + parts[0])[0] == []
    assert plain(read_some(start + parts[0] + b"".join(parts[2:]))[0]) == as_sent()[:1]
    assert plain(read_some(start + parts[0] + parts[0])[0]) == as_sent()[:1]
    assert plain(read_some(start + parts[0] + other[1])[0]) == as_sent()[:1]
    assert read_some(other_start + b"".join(parts))[0] == []
    # The end itself cannot be moved forward.
    assert read_some(start + parts[0] + parts[3]) == (read_some(start + parts[0])[0], "courier_altered")


def test_a_stolen_file_shows_nothing() -> None:
    names = ["魏家德", "512326196001011234", "household", "full_name"]
    body = json.dumps({"ops": [{"fields": dict.fromkeys(names, "魏家德")}]}, ensure_ascii=False).encode()
    closed = made([("push", body, {}), ("push", body, {"pack": False})])
    for name in names:
        assert name.encode() not in closed
    head = Reader(io.BytesIO(closed)).head
    assert {head.kind, head.id, head.sender, head.to} == {"ops", "file-1", "inst-1", key_id(CENTRE)}


def test_a_seal_holds_its_context() -> None:
    closed = seal(b"x", keys.public_text(CENTRE), b"one")
    assert unseal(closed, CENTRE, b"one") == b"x"
    for key, context, other in ((OTHER, b"one", closed), (CENTRE, b"two", closed), (CENTRE, b"one", closed[:-1]),
                                (CENTRE, b"one", b"")):  # fmt: skip
        with pytest.raises(Problem):
            unseal(other, key, context)


@pytest.mark.parametrize("one", json.loads(VECTORS.read_text("utf-8"))["files"], ids=lambda one: one["name"])
def test_the_vectors_open(one: dict[str, Any]) -> None:
    """Files made by Python and by the phone's code, opened with the key of the vectors."""
    key = keys.sealing_key(bytes.fromhex(one["secret"]))
    messages, end = read_some(base64.b64decode(one["file"]), key, one.get("signer", ""))
    told = [{"m": m.name, "facts": m.facts, "body": base64.b64encode(m.body).decode()} for m in messages]
    assert (told, end) == (one["messages"], one["end"])
