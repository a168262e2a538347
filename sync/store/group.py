"""Threads that wait for the one writer share its next commit.

Flushing to disk is what a commit costs. One thread leads: it takes everybody's
work that has gathered into one transaction, wakes each with its answer, and
hands the lead to the first who came meanwhile. Nobody is answered before the
commit, and nobody answered waits for the next. When more wait than can be
served soon, those who come are told to come later: a thread that waits for a
slow disk is one that answers nobody else.

A round that has only its commit to wait for may pass the lead on before: the
next one decides while a database writes. Each is still answered after its own commit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Generic, TypeVar

from sync.problems import Problem

MOST_WAITING = 256
PATIENCE = 15.0

Work = TypeVar("Work")
Answer = TypeVar("Answer")


class _Waiting(Generic[Work, Answer]):
    """What one thread waits for. woken: held until there are answers or, with leads, until it is its turn to lead."""

    def __init__(self, works: Sequence[Work]) -> None:
        self.works = works
        self.leads = False
        self.answers: Sequence[Answer] = ()
        self.error: BaseException | None = None
        self.woken = threading.Lock()
        self.woken.acquire()


class GroupCommit(Generic[Work, Answer]):
    """together: does all the work in one transaction and answers each piece; what it raises, all are told. It may call
    what it is given beside the work once nothing it has yet to do minds that the next round is begun.

    most: pieces of work in one transaction; what one thread brings is never parted. waiting: how many may stand in
    the queue. patience: seconds until work that nobody has begun is given back.
    """

    def __init__(
        self, together: Callable[[Sequence[Work], Callable[[], None]], Sequence[Answer]], *, most: int = 64,
        waiting: int = MOST_WAITING, patience: float = PATIENCE,
    ) -> None:  # fmt: skip
        self._together = together
        self._most = most
        self.waiting = waiting
        self.patience = patience
        self._queue: list[_Waiting[Work, Answer]] = []
        self._lock = threading.Lock()
        self._led = False

    def __call__(self, work: Work) -> Answer:
        """Raises Problem busy when the work was not begun; then nothing of it was done."""
        return self.all((work,))[0]

    def all(self, works: Sequence[Work]) -> Sequence[Answer]:
        """Several pieces that one thread brings at once, all in the same transaction. Raises as for one."""
        mine: _Waiting[Work, Answer] = _Waiting(works)
        with self._lock:
            if sum(len(one.works) for one in self._queue) >= self.waiting:
                raise Problem("busy")
            self._queue.append(mine)
            if not self._led:
                self._led = mine.leads = True
                mine.woken.release()
        if not mine.woken.acquire(timeout=max(0.0, self.patience)):
            self._give_up(mine)
            mine.woken.acquire()  # somebody has begun it, or it has to lead: the answer comes
        if mine.leads:
            self._lead()
        if mine.error is not None:
            raise mine.error
        return mine.answers

    def _give_up(self, mine: _Waiting[Work, Answer]) -> None:
        """Take work back that nobody has begun. Raises Problem busy; answers when somebody has."""
        with self._lock:
            if mine in self._queue and not mine.leads:
                self._queue.remove(mine)
                raise Problem("busy")

    def _next(self) -> list[_Waiting[Work, Answer]]:
        """Take the queue's head, whatever its size, and as many behind it as still fit."""
        count = end = 0
        for one in self._queue:
            count += len(one.works)
            if end and count > self._most:
                break
            end += 1
        group, self._queue = self._queue[:end], self._queue[end:]
        return group

    def _lead(self) -> None:
        """Serve the queue's head, oneself first, and pass the lead on."""
        with self._lock:
            group = self._next()
        passed = False

        def pass_on() -> None:
            nonlocal passed
            if passed:
                return
            passed = True
            with self._lock:
                self._led = bool(self._queue)
                if self._led:
                    self._queue[0].leads = True
                    self._queue[0].woken.release()

        try:
            works = [work for one in group for work in one.works]
            answers = iter(list(zip(works, self._together(works, pass_on), strict=True)))
            for one in group:
                one.answers = [answer for _, answer in islice(answers, len(one.works))]
        except BaseException as error:
            for one in group:
                one.error = error
        pass_on()
        for one in group:
            if not one.leads:
                one.woken.release()
