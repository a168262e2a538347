"""The rules phone and node share, by the cases both read: canonical JSON and hashes, merge, overlay.

The same files are read by tests/js/core_sync.test.js.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import keys, logs
from sync.canonical import MAX_INTEGER, NotCanonical, canonical, canonical_row, content_hash
from sync.conflict import merge
from sync.overlay import is_pending, visible
from sync.records import BlobWord, FieldChange, Op, Receipt, Record, ServerHead
from sync.store.dates import dates_of


def cases(name: str) -> list[Any]:
    text = (Path(__file__).parent / "vectors" / f"{name}.json").read_text("utf-8")
    return [pytest.param(case, id=case["id"]) for case in json.loads(text)["cases"]]


@pytest.mark.parametrize("case", cases("canonical"))
def test_canonical(case: dict[str, Any]) -> None:
    if case.get("refused"):
        with pytest.raises(NotCanonical):
            canonical(case["value"])
    elif "op" in case:
        assert content_hash(case["op"]) == case["hash"]
    else:
        assert canonical(case["value"]).decode() == case["canonical"]


@pytest.mark.parametrize("case", cases("dates"))
def test_dates(case: dict[str, Any]) -> None:
    assert dates_of(json.dumps(case["kept"]), case["fields"]) == case["dates"]


@pytest.mark.parametrize("case", cases("merge"))
def test_merge(case: dict[str, Any]) -> None:
    changes = {name: FieldChange(change["old"], change["new"]) for name, change in case["changes"].items()}
    merged = merge(case["head"], changes)
    assert merged.set == case["set"]
    assert sorted(merged.same) == sorted(case["same"])
    assert [list(unit) for unit in merged.conflicts] == case["conflicts"]


@pytest.mark.parametrize("case", cases("overlay"))
def test_overlay(case: dict[str, Any]) -> None:
    if "record_seq" in case:
        result = case["result"] and (case["result"]["status"], case["result"]["seq"] or 0)
        assert is_pending(result, case["record_seq"]) is case["pending"]
        return
    upstream = msgspec.convert(case["upstream"], Record) if case["upstream"] else None
    seen = visible(upstream, [msgspec.convert(op, Op) for op in case["ops"]])
    expected = msgspec.convert(case["visible"], Record) if case["visible"] else None
    assert seen == expected


LOG_CHAIN = json.loads((Path(__file__).parent / "vectors" / "log_chain.json").read_text("utf-8"))


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in LOG_CHAIN["chains"]])
def test_log_chain(case: dict[str, Any]) -> None:
    chain = logs.chain_start(case["install_id"])
    found = [chain]
    for claimed in case["hashes"]:
        chain = logs.chain_next(chain, claimed)
        found.append(chain)
    assert found == case["chains"]


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in LOG_CHAIN["signed"]])
def test_signed_texts(case: dict[str, Any]) -> None:
    value = case["value"]
    text = {
        "head": lambda: logs.head_bytes(**value),
        "server_head": lambda: logs.server_head_bytes(ServerHead(**value)),
        "receipt": lambda: logs.receipt_bytes(Receipt(**value)),
        "blob_word": lambda: logs.blob_word_bytes(BlobWord(**value)),
    }[case["kind"]]()
    assert text.decode() == case["text"]
    assert keys.verified(case.get("public", LOG_CHAIN["public"]), text, case["sig"])


@pytest.mark.parametrize("bad", [2**53, -(2**53), 1.5, object()])
def test_what_has_no_spelling_is_not_signed_of_a_log_either(bad: object) -> None:
    with pytest.raises(NotCanonical):
        canonical_row(["text", bad])  # type: ignore[list-item]


@given(st.lists(st.text() | st.integers(-MAX_INTEGER, MAX_INTEGER) | st.booleans() | st.none()))
def test_a_row_is_spelled_as_any_list(parts: list[Any]) -> None:
    try:
        expected = canonical(parts)
    except UnicodeEncodeError:
        with pytest.raises(UnicodeEncodeError):
            canonical_row(parts)
    else:
        assert canonical_row(parts) == expected
