"""How long a sign-in has to wait after wrong tries: tries and clock come in as arguments, and a note outlives a restart."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sync.store.base import Tries

WINDOW = 15 * 60.0
# A village shares one address, so an address may err often; one person at one address may not.
FREE_TRIES = {"pair": 5, "account": 40, "address": 120}
LONGEST_WAIT = 15 * 60
MOST_LINES = 4_000
"""Of the note, before it is cut down."""
NOTE = "tries.log"


def wait_seconds(failures: Iterable[float], now: float, free: int) -> int:
    """Seconds until the next try is allowed, 0 for at once.

    failures: moments of wrong tries, any order. The first `free` within the
    window cost nothing; each one more doubles the wait from 15 seconds on,
    counted from the last of them.
    """
    recent = sorted(moment for moment in failures if now - WINDOW < moment <= now)
    over = len(recent) - free
    if over < 0:
        return 0
    wait = min(15 * 2 ** min(over, 10), LONGEST_WAIT)
    left = recent[-1] + wait - now
    return max(0, int(left) + (left > int(left)))


Key = tuple[str, ...]


@dataclass
class Throttle:
    """The wrong tries at this server.

    path: where they are noted, so that a restart forgives nobody; None keeps them in memory only. Moments are of the
    wall clock, which goes on while the program stands still. The note holds hashes, one line a try, and is cut down to
    the window at a start and whenever it has grown.
    key: a secret of the installation. Whoever finds the note alone cannot try names and addresses until a hash fits.
    shared: where several servers count together, in place of the note.
    """

    path: Path | None = None
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    shared: Tries | None = None
    kept: dict[Key, deque[float]] = field(default_factory=lambda: defaultdict(lambda: deque(maxlen=200)))
    lock: threading.Lock = field(default_factory=threading.Lock)
    lines: int = 0

    def __post_init__(self) -> None:
        for moment, account, address in _noted(self.path):
            if moment is None:
                self.kept.pop(("pair", account, address), None)
            else:
                self._count(account, address, moment)
        if self.path:
            self._cut_down(time.time())

    def wait(self, account: str, address: str, now: float, *, pair_only: bool = False) -> int:
        """pair_only: for an account that is no person's, which nobody may shut for all the others."""
        failures = self._failures(self._hash(account), self._hash(address), now)
        asked = ("pair",) if pair_only else tuple(FREE_TRIES)
        return max(wait_seconds(failures[name], now, FREE_TRIES[name]) for name in asked)

    def _failures(self, account: str, address: str, now: float) -> dict[str, Sequence[float]]:
        if self.shared is None:
            with self.lock:
                return {name: tuple(self.kept.get(key, ())) for name, key in _keys(account, address).items()}
        tries = self.shared.ages(account, address, WINDOW)
        return {
            "pair": [now - age for age, of, where, forgiven in tries if (of, where) == (account, address) and not forgiven],
            "account": [now - age for age, of, _where, _forgiven in tries if of == account],
            "address": [now - age for age, _of, where, _forgiven in tries if where == address],
        }

    def failed(self, account: str, address: str, now: float) -> None:
        if self.shared:
            self.shared.failed(self._hash(account), self._hash(address), WINDOW)
            return
        with self.lock:
            self._count(self._hash(account), self._hash(address), now)
            self._note(now, account, address)
            if self.lines > MOST_LINES:
                self._cut_down(now)
            if len(self.kept) > 10_000:
                self._forget_before(now - WINDOW)

    def succeeded(self, account: str, address: str) -> None:
        if self.shared:
            self.shared.succeeded(self._hash(account), self._hash(address))
            return
        with self.lock:
            if self.kept.pop(("pair", self._hash(account), self._hash(address)), None):
                self._note(None, account, address)

    def _hash(self, text: str) -> str:
        return hmac.digest(self.key, text.encode(), hashlib.sha256).hex()[:32]

    def _count(self, account: str, address: str, moment: float) -> None:
        for key in _keys(account, address).values():
            self.kept[key].append(moment)

    def _forget_before(self, moment: float) -> None:
        for key in [key for key, moments in self.kept.items() if moments[-1] < moment]:
            del self.kept[key]

    def _note(self, moment: float | None, account: str, address: str) -> None:
        if not self.path:
            return
        # A full disk must not keep anybody from signing in: memory still counts.
        with suppress(OSError), self.path.open("a", encoding="ascii") as note:
            note.write(json.dumps([moment, self._hash(account), self._hash(address)]) + "\n")
            self.lines += 1

    def _cut_down(self, now: float) -> None:
        """Write the note anew with what still counts."""
        assert self.path
        recent: list[tuple[float | None, str, str]] = []
        for line in _noted(self.path):
            if now - WINDOW < line[0] <= now if line[0] is not None else recent:
                recent.append(line)
        part = self.path.with_suffix(".part")
        with suppress(OSError):
            part.write_text("".join(json.dumps(line) + "\n" for line in recent[-MOST_LINES // 2 :]), "ascii")
            os.replace(part, self.path)
        self.lines = min(len(recent), MOST_LINES // 2)


def _keys(account: str, address: str) -> dict[str, Key]:
    return {"pair": ("pair", account, address), "account": ("account", account), "address": ("address", address)}


def _noted(path: Path | None) -> list[tuple[float | None, str, str]]:
    """(moment, account, address) of each try in order; no moment where the right password came. A torn line counts for nothing."""
    found: list[tuple[float | None, str, str]] = []
    with suppress(OSError):
        for line in path.read_text("ascii", errors="replace").splitlines() if path else ():
            with suppress(ValueError, TypeError):
                moment, account, address = json.loads(line)
                found.append((None if moment is None else float(moment), str(account), str(address)))
    return found
