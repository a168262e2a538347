"""The same form and the same actions give the same answers in Python and on the phone (tests/differential.py)."""

from __future__ import annotations

import shutil

import pytest
from differential import Phone, differences, hold_against_each_other


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node")
def test_both_engines_play_alike() -> None:
    with Phone() as phone:
        assert hold_against_each_other(150, phone, derandomize=True) > 30


def test_a_difference_is_seen() -> None:
    python = {"steps": [{"values": {"/data/a": "1"}}]}
    assert differences(python, {"steps": [{"values": {"/data/a": "2"}}]}) == [
        "step 0 values /data/a: Python '1', phone '2'"
    ]
    assert differences(python, {"load_error": "x"})
