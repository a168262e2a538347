"""Keys of servers and installs: derived, spelled, signing, verifying."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from sync import keys

SECRET = bytes(range(32))
# Another spelling of a folder's keys would orphan every pinned key and every registered install.
SIGNING = "BAZ64lI3Efwxs9mO0nTjo-zm9oSSRL9fz9Xe6EDA1czhLTFzbduEpKaCKTUXNagwORz_KgVcK_gg6idIx7LJdfE"
SEALING = "BJEJLCdzcT02bFRxw5PQuI4wjhmiKV-6TaCxV3FAlHaxdHmAwOdn0Uyj47Y6BWIVY-uWUk_QPiB1KED00aeVpMw"


def test_keys_follow_from_the_secret_and_nothing_else():
    assert keys.public_text(keys.signing_key(SECRET)) == SIGNING
    assert keys.public_text(keys.sealing_key(SECRET)) == SEALING
    assert keys.public_text(keys.signing_key(bytes(32))) != SIGNING


def test_the_order_is_the_curves():
    """Times the order a point is at infinity, so order + 1 is refused and order - 1 is the mirror of 1."""
    one = ec.derive_private_key(1, ec.SECP256R1()).public_key().public_numbers()
    last = ec.derive_private_key(keys._ORDER - 1, ec.SECP256R1()).public_key().public_numbers()
    assert one.x == last.x and one.y != last.y


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_what_is_signed_is_verified(secret, message):
    key = keys.signing_key(secret)
    sig, public = keys.sign(key, message), keys.public_text(key)
    assert len(keys.from_text(sig)) == 64 and len(keys.from_text(public)) == 65
    assert keys.verified(public, message, sig)
    assert not keys.verified(public, message + b"!", sig)
    assert not keys.verified(keys.public_text(keys.sealing_key(secret)), message, sig)


@given(st.one_of(st.none(), st.integers(), st.text(), st.binary(max_size=80).map(keys.to_text)))
def test_whatever_else_comes_is_no_signature_and_no_error(sig):
    assert not keys.verified(SIGNING, b"message", sig)
    assert not keys.verified(str(sig), b"message", keys.to_text(b"\1" * 64))


@pytest.mark.parametrize("text", ["", "AA", "A" * 87, "é", "=" * 87, None, 7, SIGNING + "A", SIGNING[:-1] + "+"])
def test_what_is_no_point_is_no_key(text):
    assert not keys.is_public_key(text)


def test_a_point_beside_the_curve_is_no_key():
    raw = bytearray(keys.from_text(SIGNING))
    raw[-1] ^= 1
    assert keys.is_public_key(SIGNING) and not keys.is_public_key(keys.to_text(bytes(raw)))
