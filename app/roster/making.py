"""Planned ops made into ops, a piece at a time.

Of a large plan the next piece is made in a process of its own, while the store
takes in this one: each is about half of the work.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from app import codes
from app.roster.plan import OPEN, Place, Plan, PlannedOp
from sync.author import Author
from sync.records import Arrival, Op

FORM_ID = "roster-import"
"""Stands in form_id of every op an import makes, with the import's id as version: history tells where a value came from."""
MANY = 6_000
"""Below so many ops a process of its own costs more than it saves."""
_encoded = msgspec.json.Encoder().encode
_decoded = msgspec.json.Decoder(Op).decode


@dataclass(frozen=True)
class Maker:
    """run: the import. actor: who answers for it."""

    run: str
    actor: str
    code_key: bytes

    def op(self, author: Author, one: PlannedOp) -> Op:
        fields: dict[str, Any] = one.fields
        marked = {"form_id": FORM_ID, "form_version": self.run}
        if one.kind == "create":
            values = {name: new for name, (_old, new) in fields.items()}
            if one.entity == "household":
                values["code"] = codes.make_code(self.code_key, os.urandom(codes.SHORT_BYTES))
            return author.create(one.entity, one.id, one.area, values, **marked)
        return author.update(one.entity, one.id, one.area, fields, base_rev=one.base_rev, **marked)


class Piece(NamedTuple):
    """Planned ops, and the ops made of them on the guess that the log stands where it stood."""

    planned: Sequence[int]
    last: Place
    ops: Sequence[Arrival]

    def fit(self, author: Author) -> bool:
        """Whether the ops carry on the author's log; somebody else may have written to it meanwhile."""
        first = self.ops[0].op
        return (first.install_id, first.dseq) == (author.install_id, author.next_dseq)


class Ahead:
    """Pieces of a plan one after the other, the next begun by `begin` and waited for by `piece`."""

    def __init__(
        self, pool: Executor, reads: Executor, plan: Plan, maker: Maker, clock: Callable[[], datetime], size: int
    ) -> None:
        self._pool, self._reads, self._plan, self._maker, self._clock, self._size = pool, reads, plan, maker, clock, size
        self._coming: Future[Piece] | None = None

    def begin(self, after: Place, install_id: str, next_dseq: int) -> None:
        told = (self._plan.path.parent, self._maker, self._size, after, install_id, next_dseq, self._clock())
        # Read by another thread: the one that writes leaves the interpreter alone while SQLite works.
        self._coming = self._reads.submit(_piece_of, self._pool.submit(_make, *told))

    def piece(self) -> Piece:
        assert self._coming is not None
        return self._coming.result()


def _piece_of(made: Future[tuple[list[int], Place, list[bytes]]]) -> Piece:
    planned, last, bodies = made.result()
    return Piece(planned, last, [Arrival(op := _decoded(body), body, op.hash) for body in bodies])


@contextmanager
def making(plan: Plan, maker: Maker, clock: Callable[[], datetime], size: int) -> Iterator[Ahead]:
    pool: Executor = _Here()
    reads: Executor = pool
    if plan.counted().get(OPEN, 0) >= MANY:
        pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=gc.disable)
        reads = ThreadPoolExecutor(1, thread_name_prefix="ruhu-import-reads")
    try:
        yield Ahead(pool, reads, plan, maker, clock, size)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        reads.shutdown(wait=True, cancel_futures=True)


def _make(
    folder: Path, maker: Maker, size: int, after: Place, install_id: str, next_dseq: int, now: datetime
) -> tuple[list[int], Place, list[bytes]]:
    piece = Plan(folder).left(OPEN, size, after)
    author = Author(install_id, maker.actor, next_dseq=next_dseq, clock=lambda: now)
    return [one.n for one in piece], piece[-1].place if piece else after, [_encoded(maker.op(author, one)) for one in piece]


class _Here(Executor):
    """Does at once, in this process, what it is asked."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done
