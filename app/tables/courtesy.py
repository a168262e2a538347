"""When work that can wait lets the visits that are coming in pass.

The cores of an office PC are two, often two halves of one: a second look at
visits beside an evening's pushes slows them down.
"""

from __future__ import annotations

from dataclasses import dataclass

QUIET = 1.5
"""Seconds without news after which nobody is taken to be sending; more than the tables' own pause between two looks."""
PATIENCE = 30.0
"""So long such work waits at most, then it has its spell, whoever is sending."""
SPELL = 10.0


@dataclass
class Courtesy:
    """Moments are seconds of one clock that never goes back."""

    came_at: float = float("-inf")
    _waiting_since: float | None = None
    _until: float = float("-inf")

    def came(self, now: float) -> None:
        """News came in."""
        self.came_at = now

    def may_work(self, now: float) -> bool:
        if now - self.came_at >= QUIET:
            self._waiting_since = None
            return True
        if now < self._until:
            return True
        if self._waiting_since is None:
            self._waiting_since = now
        if now - self._waiting_since < PATIENCE:
            return False
        self._waiting_since, self._until = None, now + SPELL
        return True
