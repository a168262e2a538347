"""Wrong tries at a sign-in, counted where all web hosts of a centre see them. Accounts and addresses come as hashes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

WRONG_TRIES = """
CREATE TABLE wrong_try (
  at timestamptz NOT NULL DEFAULT clock_timestamp(), account text COLLATE "C" NOT NULL, address text COLLATE "C" NOT NULL,
  forgiven boolean NOT NULL DEFAULT false);
CREATE INDEX wrong_try_at ON wrong_try (at);
CREATE INDEX wrong_try_account ON wrong_try (account);
CREATE INDEX wrong_try_address ON wrong_try (address);
"""


class PostgresTries:
    """By the database's clock: hosts whose own clocks differ count the same. ask, do: the store's own."""

    def __init__(self, ask: Callable[..., list[Any]], do: Callable[..., None]) -> None:
        self._ask, self._do = ask, do

    def failed(self, account: str, address: str, keep: float) -> None:
        """One more; those older than so many seconds go."""
        self._do("INSERT INTO wrong_try (account, address) VALUES (%s, %s)", account, address)
        self._do("DELETE FROM wrong_try WHERE at < clock_timestamp() - make_interval(secs => %s)", keep)

    def succeeded(self, account: str, address: str) -> None:
        """The right password came: this account is forgiven at this address, and nowhere else."""
        self._do("UPDATE wrong_try SET forgiven = true WHERE account = %s AND address = %s AND NOT forgiven", account, address)

    def ages(self, account: str, address: str, newest: float) -> list[tuple[float, str, str, bool]]:
        """(seconds ago, account, address, forgiven) of every try of the account or from the address in the last so many seconds."""
        rows = self._ask(
            "SELECT extract(epoch FROM clock_timestamp() - at)::float8, account, address, forgiven FROM wrong_try"
            " WHERE (account = %s OR address = %s) AND at > clock_timestamp() - make_interval(secs => %s)",
            account, address, newest,
        )  # fmt: skip
        return [(float(age), str(of), str(where), bool(forgiven)) for age, of, where, forgiven in rows]
