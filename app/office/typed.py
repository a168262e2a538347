"""What somebody typed into a search box, kept here under a number.

The text is a name or an ID number more often than not, and an address stays
in the browser's history, in bookmarks and in a proxy's log: so the address
holds the number only.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict

LONGEST = 200


class Typed:
    """The latest searches of all readers; each is for the reader who made it."""

    def __init__(self, room: int = 2_000) -> None:
        self._room = room
        self._texts: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, reader: str, text: str) -> str:
        """The number of this text; '' for a blank one."""
        text = text.strip()[:LONGEST]
        if not text:
            return ""
        number = secrets.token_urlsafe(9)
        with self._lock:
            self._texts[number] = (reader, text)
            while len(self._texts) > self._room:
                self._texts.popitem(last=False)
        return number

    def text(self, reader: str, number: str) -> str | None:
        """The text of a number, None when it is not kept any more or was another reader's."""
        with self._lock:
            owner, text = self._texts.get(number, ("", ""))
        return text if owner == reader and text else None
