"""How long a sign-in has to wait after wrong tries. Deciding only: tries and clock come in as arguments."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

WINDOW = 15 * 60.0
# A village shares one address, so an address may err often; one person at one address may not.
FREE_TRIES = {"pair": 5, "account": 40, "address": 120}
LONGEST_WAIT = 15 * 60


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


@dataclass
class Throttle:
    """The wrong tries of this process; a restart forgets them, which costs an attacker more than it gives."""

    kept: dict[tuple[str, ...], deque[float]] = field(default_factory=lambda: defaultdict(lambda: deque(maxlen=200)))
    lock: threading.Lock = field(default_factory=threading.Lock)

    @staticmethod
    def _keys(account: str, address: str) -> dict[str, tuple[str, ...]]:
        return {"pair": ("pair", account, address), "account": ("account", account), "address": ("address", address)}

    def wait(self, account: str, address: str, now: float, *, pair_only: bool = False) -> int:
        """pair_only: for an account that is no person's, which nobody may shut for all the others."""
        with self.lock:
            keys = self._keys(account, address)
            if pair_only:
                keys = {"pair": keys["pair"]}
            return max(wait_seconds(self.kept.get(key, ()), now, FREE_TRIES[name]) for name, key in keys.items())

    def failed(self, account: str, address: str, now: float) -> None:
        with self.lock:
            for key in self._keys(account, address).values():
                self.kept[key].append(now)
            if len(self.kept) > 10_000:
                for key in [k for k, moments in self.kept.items() if moments[-1] < now - WINDOW]:
                    del self.kept[key]

    def succeeded(self, account: str, address: str) -> None:
        with self.lock:
            self.kept.pop(("pair", account, address), None)
