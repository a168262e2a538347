"""Photos, signatures and form definitions as rows of parts, so that every web host has them and a backup is one thing."""

from __future__ import annotations

import hashlib
import re

import psycopg
from psycopg_pool import ConnectionPool

from sync.problems import Problem
from sync.store.blobs import MAX_BLOB

_NAME = re.compile(r"[0-9a-f]{64}")


class PostgresBlobs:
    """A blob is whole or it is not there: the row that says so is written with the last part, once the hash agrees."""

    def __init__(self, pool: ConnectionPool[psycopg.Connection]) -> None:
        self._pool = pool

    def received(self, sha256: str) -> int:
        """Bytes of an unfinished or whole blob."""
        with self._pool.connection() as connection:
            return _received(connection, sha256)

    def append(self, sha256: str, offset: int, length: int, body: bytes, now: str) -> int:
        """Add a part; answers the bytes now here. Raises Problem not_found, too_large, blob_offset, blob_digest."""
        if not _NAME.fullmatch(sha256):
            raise Problem("not_found")
        if not 0 < length <= MAX_BLOB:
            raise Problem("too_large", limit=MAX_BLOB)
        with self._pool.connection() as connection, connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (sha256,))
            if connection.execute("SELECT 1 FROM blob WHERE sha256 = %s", (sha256,)).fetchone():
                return length
            here = _received(connection, sha256)
            if offset != here or offset + len(body) > length:
                raise Problem("blob_offset", offset=here)
            connection.execute("INSERT INTO blob_part VALUES (%s, %s, %s)", (sha256, offset, body))
            here += len(body)
            if here == length and _digest(connection, sha256) == sha256:
                connection.execute("INSERT INTO blob VALUES (%s, %s, %s)", (sha256, length, now))
                return here
        if here < length:
            return here
        with self._pool.connection() as connection:
            connection.execute(
                "DELETE FROM blob_part p WHERE sha256 = %s AND NOT EXISTS (SELECT 1 FROM blob b WHERE b.sha256 = p.sha256)",
                (sha256,),
            )
        raise Problem("blob_digest")

    def read(self, sha256: str) -> bytes:
        with self._pool.connection() as connection:
            rows = connection.execute("SELECT body FROM blob_part WHERE sha256 = %s ORDER BY at", (sha256,), binary=True)
            return b"".join(bytes(row[0]) for row in rows)


def _received(connection: psycopg.Connection, sha256: str) -> int:
    found = connection.execute("SELECT coalesce(sum(length(body)), 0) FROM blob_part WHERE sha256 = %s", (sha256,)).fetchone()
    return int(found[0]) if found else 0


def _digest(connection: psycopg.Connection, sha256: str) -> str:
    digest = hashlib.sha256()
    for (body,) in connection.execute(
        "SELECT body FROM blob_part WHERE sha256 = %s ORDER BY at", (sha256,), binary=True
    ):
        digest.update(body)
    return digest.hexdigest()
