"""What a round of taking ops in knows, asks for and gathers; what is decided with it is in `intake`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from sync.audit import BEGINNING, Chain
from sync.records import APPLIED, Arrival, Record
from sync.store.memory import Key, KnownOp, Log, Memory, Stored, Unsettled, Waiting


class Mark(NamedTuple):
    """The chain of a log at a number, with the install's signature where it came with one."""

    install_id: str
    dseq: int
    chain: str
    sig: str = ""


class Kept(msgspec.Struct, gc=False):
    """An op to write down. n is negative until placed."""

    arrival: Arrival
    n: int
    status: str = APPLIED
    code: str = ""
    rev: int = 0
    seq: int = 0
    variant: bool = False


class Taken(msgspec.Struct, frozen=True, gc=False):
    """What became of an op of a push. known: None when it has to come again. again: it was here before."""

    op_id: str
    known: KnownOp | None
    again: bool = False


class Put(msgspec.Struct, gc=False):
    """The visible record at a new place of the log. fresh: also what came from above."""

    record: Record
    op_n: int | None
    fresh: Record | None


@dataclass
class Round:
    """One round of taking ops in. ``received`` is the server's time as text."""

    memory: Memory
    tier: str
    server_id: str
    epoch: str
    received: str
    kept: list[Kept] = field(default_factory=list)
    released: list[Kept] = field(default_factory=list)
    """Ops that were held before this round and have a new result; their arrival's body is empty."""
    puts: list[Put] = field(default_factory=list)
    upstreams: dict[Key, Record] = field(default_factory=dict)
    """What came from above without changing what is seen."""
    advanced: dict[str, Log] = field(default_factory=dict)
    noted: list[Mark] = field(default_factory=list)
    dropped: list[Key] = field(default_factory=list)
    """Put as tombstones; nothing came from above for them any more."""
    chain: Chain = BEGINNING
    """Where the audit chain stands; the store binds what was decided behind it."""
    erased: dict[Key, str] = field(default_factory=dict)
    """Records whose values the store has to wipe wherever it keeps them → the reason."""

    def __post_init__(self) -> None:
        self._known: dict[str, KnownOp] = {}
        self._asked: set[str] = set()
        self._contents: set[tuple[str, str]] = set()
        self._logs: dict[str, Log] = {}
        self._links: dict[tuple[str, str], str] = {}
        """Steps of chains that were worked out to check a head: (chain, claimed hash) → the chain after it."""
        self._stored: dict[Key, Stored] = {}
        self._areas: dict[Key, str] = {}
        """Of what was asked for: where it lay before this round, '' for nowhere."""
        self._waiting: dict[Key, list[Waiting | Kept]] = {}
        self._unsettled: dict[Key, list[Unsettled]] = {}
        self._makers: dict[Key, str] = {}
        self._placed = 0

    def _expect_waiting(self, keys: Iterable[Key]) -> None:
        """Only what is not there yet can be waited for."""
        new = sorted({key for key in keys if self._stored[key].record is None})
        if new:
            found = self.memory.waiting(new)
            self._waiting |= {key: list(found.get(key, ())) for key in new}

    def _fetch(self, keys: Sequence[tuple[str, str, str]]) -> None:
        missing = [key for key in keys if key[:2] not in self._stored]
        if missing:
            found = self.memory.stored(sorted(missing))
            self._stored |= {key[:2]: found.get(key[:2], Stored(None)) for key in missing}
            self._areas |= {key[:2]: record.area if (record := self._stored[key[:2]].record) else "" for key in missing}

    def _record(self, kind: str, id: str, area: str) -> Record | None:
        if (kind, id) not in self._stored:
            self._fetch([(kind, id, area)])
        return self._stored[kind, id].record

    def _waiting_of(self, key: Key) -> list[Waiting | Kept]:
        if key not in self._waiting:
            self._waiting[key] = list(self.memory.waiting([key]).get(key, ()))
        return self._waiting[key]

    def _unsettled_of(self, key: Key, place: int | None = None) -> list[Unsettled]:
        if key not in self._unsettled:
            if place is None:
                upstream = self._stored[key].upstream
                place = upstream.seq if upstream else 0
            self._unsettled[key] = list(self.memory.unsettled(key, place))
        return self._unsettled[key]

    def _put(self, record: Record, op_n: int | None, fresh: Record | None = None, *, rev: int | None = None) -> Record:
        """Note the visible record at a new place of the log, and as that revision."""
        record = msgspec.structs.replace(record, rev=record.rev if rev is None else rev, seq=-1 - len(self.puts))
        self.puts.append(Put(record, op_n, fresh))
        key = (record.kind, record.id)
        known = self._stored.get(key)
        self._stored[key] = Stored(record, fresh or (known.upstream if known else None))
        return record

    def stubs(self) -> list[int]:
        """Rows of ops that came without their values, which a node below had erased."""
        return [kept.n for kept in self.kept if kept.arrival.fault == "erased"]

    def area_before(self, record: Record) -> str | None:
        """Where a put record lay before this round: '' for nowhere, None where nobody asked."""
        return self._areas.get((record.kind, record.id))

    def nowhere(self) -> set[Key]:
        """What was asked for and not found: whoever else makes it meanwhile takes the ground from under what was decided."""
        return {key for key, area in self._areas.items() if area == ""}

    def newest(self) -> list[Put]:
        """The last put of each record: what the table of records holds afterwards, with all that came from above."""
        found: dict[Key, Put] = {}
        for put in self.puts:
            key = (put.record.kind, put.record.id)
            earlier = found.get(key)
            found[key] = put if put.fresh or not earlier else msgspec.structs.replace(put, fresh=earlier.fresh)
        return list(found.values())
