"""The households somebody has ticked for printing, gathered over several searches."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable


class Chosen:
    """One list a reader, in the order of ticking; kept while the node runs, the least used readers' go first."""

    def __init__(self, most: int, readers: int = 500) -> None:
        self.most = most
        self._readers = readers
        self._ids: OrderedDict[str, dict[str, None]] = OrderedDict()
        self._lock = threading.Lock()

    def ids(self, reader: str) -> list[str]:
        with self._lock:
            return list(self._ids.get(reader, {}))

    def change(self, reader: str, *, shown: Iterable[str], ticked: Iterable[str]) -> bool:
        """Of those shown, the ticked ones are in the list now and the others are not; False when there is no room."""
        with self._lock:
            mine = dict(self._ids.get(reader, {}))
            wanted = dict.fromkeys(ticked)
            for id in shown:
                if id not in wanted:
                    mine.pop(id, None)
            mine |= wanted
            if len(mine) > self.most:
                return False
            self._ids[reader] = mine
            self._ids.move_to_end(reader)
            while len(self._ids) > self._readers:
                self._ids.popitem(last=False)
            return True

    def clear(self, reader: str) -> None:
        with self._lock:
            self._ids.pop(reader, None)
