"""The secrets of a node, each a file of its own in the data folder, made at first use."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def code_key(data_dir: Path) -> bytes:
    """Signs household codes (``app/codes.py``). Printed codes die with it: it belongs into every backup."""
    return _key(data_dir / "code.key")


def session_key(data_dir: Path) -> bytes:
    """Signs office sessions; losing it only signs everybody out."""
    return _key(data_dir / "session.key")


def _key(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        key = secrets.token_bytes(32)
        part = path.with_suffix(".part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(key)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(part, path)  # whole or not at all: a half-written key would orphan every printed code
        return key
