"""A backup that a thief of the disk cannot read: closed for a recovery key, or for a password.

The same format as courier files. With a password the key is made from it by scrypt, with the salt in
the file's head; a backup closed for a key pair can be made by a machine that could not open it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from sync import keys
from sync.courier import BACKUP, Head, Reader, Writer
from sync.ids import new_id
from sync.problems import Problem
from sync.protocol import MAX_BYTES
from sync.store.backup import back_up, restore, verify

_SCRYPT = {"n": 1 << 16, "r": 8, "p": 1, "maxmem": 128 * 1024 * 1024}
"""64 MB and about a fifth of a second a guess."""
KEY_FILE = "RUHU-RECOVERY-KEY-1 "


def password_key(password: str, salt: bytes) -> keys.PrivateKey:
    """The key a password and its salt give."""
    return keys.sealing_key(hashlib.scrypt(password.encode(), salt=salt, dklen=32, **_SCRYPT))


def new_recovery_key() -> tuple[str, str]:
    """(what is locked away, what backups are closed with)."""
    secret = os.urandom(32)
    return KEY_FILE + keys.to_text(secret), keys.public_text(keys.sealing_key(secret))


def recovery_key(text: str) -> keys.PrivateKey:
    """The key of a key file. Raises Problem bad_recovery_key."""
    try:
        if not text.startswith(KEY_FILE):
            raise ValueError
        return keys.sealing_key(keys.from_text(text.removeprefix(KEY_FILE).strip()))
    except ValueError:
        raise Problem("bad_recovery_key") from None


def back_up_sealed(
    folder: Path, target: Path, *, now: datetime, say: Callable[[str], None], public: str = "", password: str = ""
) -> dict[str, Any]:
    """As `back_up`, closed for a public key or a password. The open copy is made beside the folder, never at the target."""
    salt = os.urandom(16) if password else b""
    key = password_key(password, salt) if password else None
    with tempfile.TemporaryDirectory(prefix=".sealing-", dir=folder.parent) as work:
        plain = Path(work) / "plain"
        manifest = back_up(folder, plain, now=now, say=say)
        say("sealing")
        part = target.with_name(target.name + ".part")
        head = Head(kind=BACKUP, id=new_id(), sender=str(manifest["server_id"]), salt=salt.hex())
        written = _seal(plain, part, head, keys.public_text(key) if key else public)
    if key:
        _compare(part, key, written)
    os.replace(part, target)
    return manifest


def is_sealed(backup: Path) -> bool:
    try:
        with backup.open("rb") as source:
            return Reader(source).head.kind == BACKUP
    except Problem:
        return False


def needs_password(backup: Path) -> bool:
    with backup.open("rb") as source:
        return bool(Reader(source).head.salt)


def open_backup(backup: Path, target: Path, *, key: keys.PrivateKey | None = None, password: str = "") -> None:
    """Write the open backup to target. Raises Problem wrong_recovery_key, or backup_broken for what is cut or altered."""
    with backup.open("rb") as source, open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        reader = Reader(source)
        if password and reader.head.salt:
            key = password_key(password, bytes.fromhex(reader.head.salt))
        try:
            for message in reader.messages(key=key):
                out.write(message.body)
        except Problem as problem:
            code = "wrong_recovery_key" if problem.code == "courier_not_for_us" else "backup_broken"
            raise Problem(code, where=backup.name) from problem


def restore_sealed(
    backup: Path, folder: Path, *, now: datetime, key: keys.PrivateKey | None = None, password: str = "", check: bool = False
) -> dict[str, Any]:
    """As `restore` (or with check only `verify`), from a closed backup."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".opening-", dir=folder.parent) as work:
        plain = Path(work) / "plain"
        open_backup(backup, plain, key=key, password=password)
        return verify(plain) if check else restore(plain, folder, now=now)


def _seal(plain: Path, target: Path, head: Head, public: str) -> str:
    """Answers the SHA-256 of the open bytes."""
    digest = hashlib.sha256()
    with plain.open("rb") as source, target.open("wb") as out:
        writer = Writer(out, head, seal_to=public)
        while part := source.read(MAX_BYTES):
            digest.update(part)
            writer.write("backup", part, pack=False)
        writer.close()
        out.flush()
        os.fsync(out.fileno())
    return digest.hexdigest()


def _compare(sealed: Path, key: keys.PrivateKey, written: str) -> None:
    digest = hashlib.sha256()
    with sealed.open("rb") as source:
        for message in Reader(source).messages(key=key):
            digest.update(message.body)
    if digest.hexdigest() != written:
        raise Problem("backup_broken", where=sealed.name)
