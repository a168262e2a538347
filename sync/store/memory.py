"""What an `sync.store.intake.Intake` asks of a database, and the shapes it is told in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from sync.records import Delivered, Op, Record

Key = tuple[str, str]
"""(kind, id) of a record."""


class KnownOp(msgspec.Struct, frozen=True, gc=False):
    """An op that is here already, with the result it got."""

    hash: str
    status: str
    code: str
    rev: int
    seq: int
    received_at: str


class Log(msgspec.Struct, frozen=True, gc=False):
    """How far an install's log is held without a gap, and its chain there; '' in a log begun before there were chains.

    key: what the install signs with, '' when it cannot; None when it was not let in here.
    """

    acked: int = 0
    chain: str = ""
    key: str | None = None


class Stored(msgspec.Struct, frozen=True, gc=False):
    """What is here of one record: as it is seen, and below the centre as it came from above."""

    record: Record | None
    upstream: Record | None = None


class Unsettled(NamedTuple):
    """An op of a record that the next tier's state may not show yet."""

    op: Op
    up_status: str | None
    up_seq: int | None


class Waiting(NamedTuple):
    """A held op; n is its place in the store's list of ops."""

    n: int
    op: Op


class Memory(Protocol):
    """What a database tells inside its write transaction. Rows it names stay locked until the commit."""

    def foresee(self, install_ids: Sequence[str], ops: Sequence[Op], keys: Sequence[tuple[str, str, str]]) -> None:
        """What will be asked next: logs, known ops, stored records and what waits for those that are not there.

        A database that is far away answers it all at once; one at hand need not.
        """

    def known_ops(self, ops: Sequence[Op]) -> dict[str, KnownOp]:
        """By op_id, of those ops that are here (first contents only)."""

    def has_content(self, op: Op, hash: str) -> bool:
        """Whether this very content is kept under the op's id, also as a second one."""

    def logs(self, install_ids: Sequence[str]) -> dict[str, Log]:
        """The logs of these installs; none or an empty one for an unknown install."""

    def claimed(self, install_id: str, upto: int) -> list[str]:
        """The hashes claimed by the ops of a log, in order: its first op of each number up to that one."""

    def stored(self, keys: Sequence[tuple[str, str, str]]) -> dict[Key, Stored]:
        """Records by (kind, id); the third part is the area where one would be looked for first."""

    def waiting(self, keys: Sequence[Key]) -> dict[Key, list[Waiting]]:
        """Held ops by record, oldest first; records without any may be left out."""

    def unsettled(self, key: Key, place: int) -> list[Unsettled]:
        """Ops of a record, not set aside, that the next tier has not answered or answered past that place."""

    def delivered(self, install_id: str) -> list[Delivered]:
        """What an install has pulled, by scope."""

    def maker(self, key: Key) -> tuple[str, int]:
        """Which install's op made a record, and where it then stood in the log; ('', 0) when no op here tells."""

    def conflicts_about(self, key: Key) -> list[Stored]:
        """The questions about a record, settled ones too."""
