"""Threads that wait for the one writer share its next commit.

Flushing to disk is what a commit costs. Whoever gets the writer first takes
everybody's work that has gathered meanwhile into one transaction; the others
find their answer when it is done. Nobody is answered before the commit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

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

    most: pieces of work in one transaction.
    """

    def __init__(self, together: Callable[[Sequence[Work]], Sequence[Answer]], *, most: int = 64) -> None:
        self._together = together
        self._most = most
        self._queue: list[_Waiting[Work, Answer]] = []
        self._queue_lock = threading.Lock()
        self._writer = threading.Lock()

    def __call__(self, work: Work) -> Answer:
        mine: _Waiting[Work, Answer] = _Waiting(work)
        with self._queue_lock:
            self._queue.append(mine)
        while not mine.done:
            with self._writer:
                if not mine.done:
                    self._lead()
        if mine.error is not None:
            raise mine.error
        assert mine.answer is not None
        return mine.answer

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
