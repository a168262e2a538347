"""Reads every file a browser left behind for what it says: plain bytes, and the blocks of LevelDB tables unpacked.

A table (`.ldb`) packs its blocks with Snappy, so that a search through the raw bytes would miss what is in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

MAGIC = 0xDB4775248B80FB57.to_bytes(8, "little")
TRAILER = 5
FOOTER = 48
SNAPPY = 1


def texts_of(path: Path) -> Iterator[bytes]:
    """The bytes of a file, and if it is a table each of its blocks as it was written."""
    data = path.read_bytes()
    yield data
    if data.endswith(MAGIC):
        yield from _blocks(data)


def _blocks(data: bytes) -> Iterator[bytes]:
    footer = data[-FOOTER:]
    at = 0
    for _meta in range(2):
        _, at = _varint(footer, at)
    offset, at = _varint(footer, at)
    size, at = _varint(footer, at)
    for handle in _values(_block(data, offset, size)):
        start, after = _varint(handle, 0)
        length, _ = _varint(handle, after)
        yield _block(data, start, length)


def _block(data: bytes, offset: int, size: int) -> bytes:
    body, kind = data[offset : offset + size], data[offset + size]
    return unsnapped(body) if kind == SNAPPY else body


def _values(block: bytes) -> Iterator[bytes]:
    restarts = int.from_bytes(block[-4:], "little")
    end, at = len(block) - 4 - 4 * restarts, 0
    while at < end:
        _shared, at = _varint(block, at)
        rest, at = _varint(block, at)
        length, at = _varint(block, at)
        at += rest
        yield block[at : at + length]
        at += length


def unsnapped(packed: bytes) -> bytes:
    """What Snappy packed; raises ValueError where the length is not what it says."""
    length, at = _varint(packed, 0)
    out = bytearray()
    while at < len(packed):
        tag = packed[at]
        at += 1
        if tag & 3 == 0:
            count = tag >> 2
            if count >= 60:
                extra = count - 59
                count = int.from_bytes(packed[at : at + extra], "little")
                at += extra
            out += packed[at : at + count + 1]
            at += count + 1
            continue
        if tag & 3 == 1:
            count, back = ((tag >> 2) & 7) + 4, ((tag >> 5) << 8) | packed[at]
            at += 1
        else:
            width = 2 if tag & 3 == 2 else 4
            count, back = (tag >> 2) + 1, int.from_bytes(packed[at : at + width], "little")
            at += width
        for _ in range(count):
            out.append(out[-back])
    if len(out) != length:
        raise ValueError("not what Snappy packed")
    return bytes(out)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, at
