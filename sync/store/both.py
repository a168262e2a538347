"""What the stores of both databases do in the same words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sync.author import spelled
from sync.records import Arrival, KeptPage, Op, Page, Record, Scope
from sync.scope import shown
from sync.store.base import LOAD_CHUNK
from sync.store.kept import kept_of
from sync.store.pages import kept_page_of, page_of


class Both(ABC):
    """Ops of our own in chunks, and pages of what a scope may read."""

    _record_of: Callable[[Any], Record]
    """A record from its row."""

    @abstractmethod
    def _load(self, made: Sequence[Arrival]) -> int:
        """Take in one chunk; answers how many were new."""

    @abstractmethod
    def _rows_after(self, scope: Scope, cursor: str | None, limit: int) -> tuple[list[Any], int, str]:
        """Rows of records in scope past the cursor, one more than the limit if there is one; the log's end; the cursor's prefix.

        Raises Problem cursor_stale.
        """

    def load(self, ops: Iterable[Op | Arrival]) -> int:
        count = 0
        batch: list[Arrival] = []
        for made in ops:
            batch.append(spelled(made))
            if len(batch) == LOAD_CHUNK:
                count += self._load(batch)
                batch = []
        return count + (self._load(batch) if batch else 0)

    def pull(self, scope: Scope, cursor: str | None, limit: int) -> Page:
        rows, end, prefix = self._rows_after(scope, cursor, limit)
        return page_of([shown(scope, self._record_of(row)) for row in rows], limit, end, prefix)

    def pull_as_kept(self, scope: Scope, cursor: str | None, limit: int) -> KeptPage:
        rows, end, prefix = self._rows_after(scope, cursor, limit)
        return kept_page_of([kept_of(scope, row, self._record_of) for row in rows], limit, end, prefix)
