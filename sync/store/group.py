"""Threads that wait for the one writer share its next commit.

Flushing to disk is what a commit costs. Whoever gets the writer first takes
everybody's work that has gathered meanwhile into one transaction; the others
find their answer when it is done. Nobody is answered before the commit. When
more wait than can be served soon, those who come are told to come later: a
thread that waits for a slow disk is one that answers nobody else.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from sync.problems import Problem

MOST_WAITING = 256
PATIENCE = 15.0

Work = TypeVar("Work")
Answer = TypeVar("Answer")


class _Waiting(Generic[Work, Answer]):
    def __init__(self, work: Work) -> None:
        self.work = work
        self.done = False
        self.answer: Answer | None = None
        self.error: BaseException | None = None


class GroupCommit(Generic[Work, Answer]):
    """together: does all the work in one transaction and answers each piece; what it raises, all are told.

    most: pieces of work in one transaction. waiting: how many may stand in the queue. patience: seconds until
    work that nobody has begun is given back.
    """

    def __init__(
        self, together: Callable[[Sequence[Work]], Sequence[Answer]], *, most: int = 64, waiting: int = MOST_WAITING,
        patience: float = PATIENCE,
    ) -> None:  # fmt: skip
        self._together = together
        self._most = most
        self.waiting = waiting
        self.patience = patience
        self._queue: list[_Waiting[Work, Answer]] = []
        self._queue_lock = threading.Lock()
        self._writer = threading.Lock()

    def __call__(self, work: Work) -> Answer:
        """Raises Problem busy when the work was not begun; then nothing of it was done."""
        mine: _Waiting[Work, Answer] = _Waiting(work)
        with self._queue_lock:
            if len(self._queue) >= self.waiting:
                raise Problem("busy")
            self._queue.append(mine)
        until = time.monotonic() + self.patience
        while not mine.done:
            if not self._writer.acquire(timeout=max(0.0, until - time.monotonic())):
                self._give_up(mine)
                self._writer.acquire()  # somebody has begun it: the answer comes
            try:
                if not mine.done:
                    self._lead()
            finally:
                self._writer.release()
        if mine.error is not None:
            raise mine.error
        assert mine.answer is not None
        return mine.answer

    def _give_up(self, mine: _Waiting[Work, Answer]) -> None:
        """Take work back that nobody has begun. Raises Problem busy; answers when somebody has."""
        with self._queue_lock:
            if mine in self._queue:
                self._queue.remove(mine)
                raise Problem("busy")

    def _lead(self) -> None:
        with self._queue_lock:
            group, self._queue = self._queue[: self._most], self._queue[self._most :]
        try:
            answers = self._together([one.work for one in group])
            for one, answer in zip(group, answers, strict=True):
                one.answer = answer
        except BaseException as error:
            for one in group:
                one.error = error
        for one in group:
            one.done = True
