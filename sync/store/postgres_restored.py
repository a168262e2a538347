"""A centre's database that an operator put back to an earlier day."""

from __future__ import annotations

import uuid

import psycopg

from sync.problems import Problem


def renew_epoch(url: str) -> str:
    """Give the store in a database a new epoch: nodes and phones then offer again what came after the backup.

    Every web host must be stopped. Raises Problem database_silent, not_found.
    """
    epoch = str(uuid.uuid4())
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            renewed = connection.execute("UPDATE ruhu.meta SET value = %s WHERE key = 'epoch'", (epoch,))
    except psycopg.OperationalError as error:
        raise Problem("database_silent") from error
    except psycopg.errors.UndefinedTable as error:
        raise Problem("not_found") from error
    if renewed.rowcount != 1:
        raise Problem("not_found")
    return epoch
