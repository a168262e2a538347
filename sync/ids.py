"""UUIDv7 from a given clock and given random bytes."""

from __future__ import annotations

import os
import time


def uuid7(unix_ms: int, random: bytes) -> str:
    """UUIDv7 text of that millisecond; random is 10 bytes. Never used for order or authority."""
    value = (unix_ms & (2**48 - 1)) << 80 | int.from_bytes(random, "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0b11 << 62) | 0b10 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_id() -> str:
    """A UUIDv7 of now, for the outer layers that own clock and chance."""
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))
