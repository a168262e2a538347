"""Household codes: the shared vectors, and what a code must never let through."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import codes

VECTORS = json.loads((Path(__file__).parent / "vectors/code.json").read_text("utf-8"))
KEY = bytes.fromhex(VECTORS["key"])


@pytest.mark.parametrize("case", VECTORS["codes"])
def test_a_code_is_its_random_part_and_its_mac(case):
    assert codes.make_code(KEY, bytes.fromhex(case["random"])) == case["code"]
    assert case["code"][: codes.SHORT_LENGTH] == case["short"]
    assert codes.grouped(case["code"]) == case["grouped"]
    assert codes.verdict_of(KEY, case["code"]) is codes.Verdict.OURS


@pytest.mark.parametrize("code", VECTORS["forged"])
def test_a_forged_code_is_known_as_such(code):
    assert codes.verdict_of(KEY, code) is codes.Verdict.FORGED


@pytest.mark.parametrize("case", VECTORS["normalise"])
def test_typed_characters_are_read_as_the_codes_own(case):
    assert codes.normalise(case["text"]) == case["expected"]


@pytest.mark.parametrize("case", VECTORS["payloads"])
def test_qr_texts_are_capitals_only(case):
    household = codes.household_payload(case["public_url"], case["code"])
    sheet = codes.sheet_payload(case["public_url"], case["code"], case["form_id"], case["sheet"])
    assert (household, sheet) == (case["household"], case["sheet_payload"])
    assert set(household + sheet) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")


@pytest.mark.parametrize("case", VECTORS["parse"], ids=lambda case: case["text"][:40])
def test_parse(case):
    scanned = codes.parse(case["text"])
    assert (asdict(scanned) if scanned else None) == case["expected"]


@given(st.binary(min_size=9, max_size=9), st.binary(min_size=5, max_size=5))
def test_what_is_printed_is_read_back(random, sheet_random):
    code = codes.make_code(KEY, random)
    sheet = codes.make_sheet_number(sheet_random)
    assert codes.parse(codes.household_payload("http://a.cn", code)) == codes.Scanned("household", code)
    assert codes.parse(codes.grouped(code)) == codes.Scanned("household", code)
    printed = codes.sheet_payload("http://a.cn", code, "spring-check", sheet)
    assert codes.parse(printed) == codes.Scanned("sheet", code, "spring-check", sheet)


@given(st.integers(0, codes.CODE_LENGTH - 1), st.sampled_from(codes.ALPHABET))
def test_any_changed_character_is_a_forgery(position, character):
    code = VECTORS["codes"][2]["code"]
    changed = code[:position] + character + code[position + 1 :]
    assert (codes.verdict_of(KEY, changed) is codes.Verdict.OURS) == (changed == code)


@given(st.text(max_size=80))
def test_no_text_makes_parse_fail(text):
    codes.parse(text)
