"""What the stores of both databases do in the same words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sync.author import spelled
from sync.records import (
    Arrival,
    Credential,
    KeptPage,
    LogHead,
    Op,
    Page,
    Pushed,
    PushReply,
    Record,
    Scope,
)
from sync.scope import shown
from sync.store.base import LOAD_CHUNK, Tries
from sync.store.group import GroupCommit
from sync.store.kept import kept_of
from sync.store.pages import kept_page_of, page_of


class Both(ABC):
    """Pushes that share a commit, ops of our own in chunks, and pages of what changed or of what a scope may read."""

    _record_of: Callable[[Any], Record]
    """A record from its row."""
    tries: Tries | None = None
    _push_together: GroupCommit[tuple[Pushed, datetime], PushReply]

    @abstractmethod
    def _load(self, made: Sequence[Arrival]) -> int:
        """Take in one chunk; answers how many were new."""

    @abstractmethod
    def _rows_changed(self, after_seq: int, limit: int) -> tuple[list[Any], int]:
        """Rows of all records past that place, one more than the limit if there is one; the log's end, asked for first."""

    @abstractmethod
    def _rows_after(self, scope: Scope, cursor: str | None, limit: int) -> tuple[list[Any], int, str]:
        """Rows of records in scope past the cursor, one more than the limit if there is one; the log's end; the cursor's prefix.

        Raises Problem cursor_stale.
        """

    def push(
        self, arrivals: Sequence[Arrival], raw: bytes, *, credential: Credential, now: datetime,
        heads: Sequence[LogHead] = (), marks: Mapping[str, str] | None = None,
    ) -> PushReply:  # fmt: skip
        return self._push_together((Pushed(arrivals, raw, credential, heads, marks or {}), now))

    def push_many(self, pushes: Sequence[Pushed], *, now: datetime) -> Sequence[PushReply]:
        return self._push_together.all([(pushed, now) for pushed in pushes])

    def load(self, ops: Iterable[Op | Arrival]) -> int:
        count = 0
        batch: list[Arrival] = []
        for made in ops:
            batch.append(spelled(made))
            if len(batch) == LOAD_CHUNK:
                count += self._load(batch)
                batch = []
        return count + (self._load(batch) if batch else 0)

    def changes(self, after_seq: int, limit: int) -> Page:
        rows, end = self._rows_changed(after_seq, limit)
        return page_of([self._record_of(row) for row in rows], limit, max(after_seq, end), "")

    def pull(self, scope: Scope, cursor: str | None, limit: int) -> Page:
        rows, end, prefix = self._rows_after(scope, cursor, limit)
        return page_of([shown(scope, self._record_of(row)) for row in rows], limit, end, prefix)

    def pull_as_kept(self, scope: Scope, cursor: str | None, limit: int) -> KeptPage:
        rows, end, prefix = self._rows_after(scope, cursor, limit)
        return kept_page_of([kept_of(scope, row, self._record_of) for row in rows], limit, end, prefix)
