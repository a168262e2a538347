"""The data folder's secret, and the keys made from it, one per purpose."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from sync.identity import Identity, identity_of

FILE = "secret.key"


def secret(data_dir: Path) -> bytes:
    """The 32 random bytes of the folder, made at the first call and readable by its owner only."""
    path = data_dir / FILE
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return bytes.fromhex(path.read_text("ascii").strip())
    with os.fdopen(handle, "w", encoding="ascii") as out:
        made = secrets.token_bytes(32)
        out.write(made.hex() + "\n")
        out.flush()
        os.fsync(out.fileno())
    return made


def adopt(data_dir: Path, shared: str) -> None:
    """Use the secret that all web hosts of one centre share; hex text. The folder's own is replaced."""
    if secret(data_dir).hex() == shared:
        return
    part = data_dir / f"{FILE}.part"
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as out:
        out.write(shared + "\n")
        out.flush()
        os.fsync(out.fileno())
    os.replace(part, data_dir / FILE)


def derived(data_dir: Path, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose; knowing it tells nothing of the others."""
    return hmac.digest(secret(data_dir), purpose.encode(), hashlib.sha256)


def code_key(data_dir: Path) -> bytes:
    """The key household codes are signed with. Losing it makes every printed code look forged."""
    return derived(data_dir, "ruhu-household-code-1")


def session_key(data_dir: Path) -> bytes:
    """The key of office cookies and CSRF tokens."""
    return derived(data_dir, "ruhu-session-1")


def tries_key(data_dir: Path) -> bytes:
    """The key that accounts and addresses of wrong sign-ins are noted under (`app.throttle`)."""
    return derived(data_dir, "ruhu-tries-1")


def identity(data_dir: Path) -> Identity:
    """What this server signs receipts and its own logs with, and opens what is sealed to it with."""
    return identity_of(secret(data_dir))
