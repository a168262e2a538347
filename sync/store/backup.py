"""A store folder as one file, and back. A backup is only called one after it was read again.

The file is a tar: ``manifest.json`` with the size and SHA-256 of everything
else, ``store.db`` as one moment of the database, the secret, forms in the making, and the blobs;
the SHA-256 of the whole stands behind it.
It can be made while the node serves.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import sqlite3
import tarfile
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from sync.problems import Problem
from sync.store import disk
from sync.store.high_water import NAME as HIGH_WATER
from sync.store.sqlite_file import NAME as DATABASE
from sync.store.sqlite_file import hold_folder, open_reader

FORMAT = 1
MANIFEST = "manifest.json"
BESIDE = ("secret.key", "upstream.json", "demo.json")
# Forms in the making: folders of JSON and of files named by their SHA-256.
DRAFTS = "designs"
_DRAFT = re.compile(r"designs/[0-9a-f]{16}/([a-z_]+\.json|files/[0-9a-f]{64})")
_CHUNK = 1024 * 1024


def back_up(folder: Path, target: Path, *, now: datetime, say: Callable[[str], None]) -> dict[str, Any]:
    """Write the backup and read it again; answers its manifest.

    target appears whole or not at all. Raises Problem folder_damaged,
    backup_broken, disk_full or store_failed.
    """
    if not (folder / DATABASE).exists():
        raise Problem("not_found", where=str(folder / DATABASE))
    part = target.with_name(target.name + ".part")
    try:
        manifest = _write_backup(folder, part, now=now, say=say)
        say("verifying")
        verify(part)
        os.replace(part, target)
        _flush_folder(target.parent)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            # A flush that failed is an error like any other here: there is no backup then, and nobody tries again.
            raise disk.of_os(error, str(target)) from error
        raise
    return manifest


def _write_backup(folder: Path, part: Path, *, now: datetime, say: Callable[[str], None]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=part.parent) as work:
        snapshot = Path(work) / DATABASE
        say("snapshot")
        _snapshot(folder / DATABASE, snapshot)
        facts = _facts(snapshot)
        files = {DATABASE: snapshot} | {name: folder / name for name in BESIDE if (folder / name).exists()}
        files |= _copies(folder, Path(work))
        for sha256 in _blobs(snapshot):
            files[f"blobs/{sha256}"] = folder / "blobs" / sha256[:2] / sha256
        manifest = {"format": FORMAT, "made": now.isoformat(timespec="seconds"), **facts,
                    "files": {name: _weighed(path, name) for name, path in files.items()}}  # fmt: skip
        say("writing")
        with part.open("wb") as out, tarfile.open(fileobj=out, mode="w") as tar:
            _add(tar, MANIFEST, json.dumps(manifest, indent=1).encode())
            for name, path in files.items():
                tar.add(path, arcname=name, recursive=False)
        with part.open("r+b") as whole:
            sealed = hashlib.file_digest(whole, "sha256").hexdigest()
            whole.seek(0, os.SEEK_END)
            whole.write(sealed.encode())
            whole.flush()
            os.fsync(whole.fileno())
    return manifest


def verify(backup: Path) -> dict[str, Any]:
    """The manifest of a backup that holds what it says, its database sound. Raises Problem backup_broken, disk_full."""
    with tempfile.TemporaryDirectory(prefix="ruhu-verify-", dir=backup.parent) as work:
        return _unpack(backup, Path(work))


def restore(backup: Path, folder: Path, *, now: datetime) -> dict[str, Any]:
    """Put a backup into a folder; what was there is set aside beside it, never overwritten.

    The store gets a new epoch, so that phones and nodes offer again what came
    after the backup. Raises Problem backup_broken, folder_in_use, disk_full; the folder is as it was then.
    """
    hold_folder(folder).close()  # nobody may be serving it
    part = folder.with_name(f"{folder.name}.restoring")
    part.mkdir(mode=0o700)
    try:
        manifest = _unpack(backup, part)
        renew_epoch(part)
    except BaseException:
        _remove(part)
        raise
    if any(name != "lock" for name in os.listdir(folder)):
        os.replace(folder, folder.with_name(f"{folder.name}.before-{now:%Y%m%d-%H%M%S}"))
    else:
        _remove(folder)
    os.replace(part, folder)
    _flush_folder(folder.parent)
    return manifest


def renew_epoch(folder: Path) -> str:
    """Give the store in a folder a new epoch: an operator says that its state is what shall go on."""
    lock = hold_folder(folder)
    try:
        with closing(sqlite3.connect(folder / DATABASE, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous=FULL")
            epoch = str(uuid.uuid4())
            db.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", (epoch,))
            db.execute("DELETE FROM meta WHERE key = 'moved_to'")
            # What our own installs said after the backup is above already, under the numbers they would use again.
            db.execute("UPDATE install SET name = name || ' ' || substr(?, 1, 8) WHERE user_id = ''", (epoch,))
    except sqlite3.Error as error:
        raise disk.of_sqlite(error, folder) from error
    else:
        (folder / HIGH_WATER).unlink(missing_ok=True)
        (folder / "read.db").unlink(missing_ok=True)  # made anew from the store
    finally:
        lock.close()
    return epoch


def _snapshot(database: Path, target: Path) -> None:
    """One moment of a database that may be in use; the whole copy is one read transaction."""
    try:
        with closing(open_reader(database)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise _told(error, database) from error


def _told(error: sqlite3.Error, database: Path) -> Problem:
    """A full disk is no damage: nobody shall restore a backup because of it."""
    problem = disk.of_sqlite(error, database.parent)
    return problem if problem.code == "disk_full" else Problem("folder_damaged", where=str(database))


def _facts(database: Path) -> dict[str, Any]:
    """Who the store is and how far it had come. Raises Problem folder_damaged for an unsound file."""
    try:
        with closing(sqlite3.connect(database)) as db:
            sound = [row[0] for row in db.execute("PRAGMA integrity_check")]
            if sound != ["ok"]:
                raise Problem("folder_damaged", where=f"{database.name}: {sound[0]}")
            meta = dict(db.execute("SELECT key, value FROM meta").fetchall())
            ops = db.execute("SELECT count(*), coalesce(max(n), 0) FROM op").fetchone()
            seq = db.execute("SELECT coalesce(max(seq), 0) FROM change").fetchone()[0]
    except sqlite3.Error as error:
        raise _told(error, database) from error
    return {"server_id": meta.get("server_id"), "epoch": meta.get("epoch"), "tier": meta.get("tier"),
            "ops": ops[0], "last_n": ops[1], "last_seq": seq}  # fmt: skip


def _copies(folder: Path, work: Path) -> dict[str, Path]:
    """Forms in the making, copied first: somebody may save one while the backup is written."""
    found = {}
    for path in sorted((folder / DRAFTS).rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and _DRAFT.fullmatch(name):
            copy = work / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            found[name] = copy
    return found


def _blobs(database: Path) -> Iterator[str]:
    with closing(sqlite3.connect(database)) as db:
        for (sha256,) in db.execute("SELECT sha256 FROM blob ORDER BY sha256"):
            yield sha256


def _weighed(path: Path, name: str) -> dict[str, Any]:
    """Size and SHA-256. Raises Problem folder_damaged for a blob that is missing or no longer what its name says."""
    try:
        with path.open("rb") as body:
            sha256 = hashlib.file_digest(body, "sha256").hexdigest()
    except FileNotFoundError:
        raise Problem("folder_damaged", where=name) from None
    if name.startswith("blobs/") and not name.endswith(sha256):
        raise Problem("folder_damaged", where=name)
    return {"size": path.stat().st_size, "sha256": sha256}


def _unpack(backup: Path, folder: Path) -> dict[str, Any]:
    """Every file of a backup, each compared with the manifest; names are the manifest's, never the archive's."""
    _refuse_altered(backup)
    try:
        with tarfile.open(backup, "r:") as tar:
            first = tar.next()
            if first is None or first.name != MANIFEST or first.size > 512 * _CHUNK:
                raise Problem("backup_broken", where=backup.name)
            manifest: dict[str, Any] = json.loads(_content(tar, first).read())
            if manifest["format"] != FORMAT:
                raise Problem("backup_broken", where=f"format {manifest['format']}")
            missing = dict(manifest["files"])
            while (member := tar.next()) is not None:
                said = missing.pop(member.name, None)
                if said is None or not member.isfile():
                    raise Problem("backup_broken", where=member.name)
                _write(_content(tar, member), _place(folder, member.name), said, member.name)
    except (tarfile.TarError, ValueError, KeyError, TypeError, EOFError, OSError) as error:
        if isinstance(error, OSError) and (problem := disk.of_os(error, str(folder))).code == "disk_full":
            raise problem from error
        raise Problem("backup_broken", where=backup.name) from error
    if missing:
        raise Problem("backup_broken", where=next(iter(missing)))
    found = _facts(folder / DATABASE)
    if any(found[name] != manifest[name] for name in found):
        raise Problem("backup_broken", where=DATABASE)
    return manifest


def _refuse_altered(backup: Path) -> None:
    """The last 64 bytes are the SHA-256 of all before them."""
    digest = hashlib.sha256()
    try:
        with backup.open("rb") as body:
            left = backup.stat().st_size - 64
            while left > 0 and (chunk := body.read(min(_CHUNK, left))):
                digest.update(chunk)
                left -= len(chunk)
            sealed = body.read()
    except OSError as error:
        raise Problem("backup_broken", where=backup.name) from error
    if sealed != digest.hexdigest().encode():
        raise Problem("backup_broken", where=backup.name)


def _place(folder: Path, name: str) -> Path:
    kind, _, sha256 = name.partition("/")
    if kind == "blobs" and len(sha256) == 64 and sha256.isalnum():
        return folder / "blobs" / sha256[:2] / sha256
    if name == DATABASE or name in BESIDE or _DRAFT.fullmatch(name):
        return folder / name
    raise Problem("backup_broken", where=name)


def _write(body: IO[bytes], path: Path, said: dict[str, Any], name: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest = hashlib.sha256()
    size = 0
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        while chunk := body.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    if {"size": size, "sha256": digest.hexdigest()} != said:
        raise Problem("backup_broken", where=name)


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    body = tar.extractfile(member)
    if body is None:
        raise Problem("backup_broken", where=member.name)
    return body


def _add(tar: tarfile.TarFile, name: str, body: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(body)
    tar.addfile(info, io.BytesIO(body))


def _remove(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
