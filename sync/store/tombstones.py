"""How long what was removed is remembered.

A tombstone has to reach every device before it is cleared away, and a device
that was away longer than that takes everything anew, so that nothing removed
lives on in it.
"""

from __future__ import annotations

from datetime import timedelta

KEEP_DAYS = 400
AWAY_DAYS = 180
PAUSE = timedelta(hours=20)
"""Between two days of a tombstone's age."""
