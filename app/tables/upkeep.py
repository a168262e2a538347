"""Keeping the read tables up: following the store, the second look at visits, the checks; each in a thread of its own.

So the tables wait for no look, and a page waits for neither: it asks for what
is there now (`ask`) and is answered when the tables have it.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from app.checks import amounts
from app.tables.checks import check_some
from app.tables.courtesy import Courtesy
from app.tables.follow import Tables
from app.tables.review import Reviewer, review_some
from app.tables.review_process import ReviewProcesses

log = logging.getLogger("ruhu.tables")

FOLLOW_SECONDS = 0.5
AFTER_A_FAULT = 30.0
REVIEWS_AT_ONCE = 100
# A household with several visits in an evening is checked once, and a few hundred in one question.
REVIEWS_A_CHECK = 10
# What a page has done for itself, so that who has just changed something sees what follows from it.
CHECKS_A_PAGE = 20
REVIEWS_A_PAGE = 5  # some ten milliseconds each

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Ask:
    """What a page waits for: everything the store holds now, and what follows from the latest of it. answer: called when done."""

    answer: Callable[[], None]
    look: bool = False


class Upkeep:
    """reviewer: for many visits, in processes of their own. for_pages: for a handful, at once."""

    def __init__(self, tables: Tables, reviewer: ReviewProcesses, for_pages: Reviewer, clock: Clock) -> None:
        self.tables, self.reviewer, self.for_pages, self.clock = tables, reviewer, for_pages, clock
        self._courtesy = Courtesy()
        self._stopping = threading.Event()
        self._asked: queue.SimpleQueue[Ask] = queue.SimpleQueue()
        self._looks: queue.SimpleQueue[Ask] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=job, daemon=True) for job in (self._review, self._look)]

    def ask(self, ask: Ask) -> None:
        self._asked.put(ask)

    def run(self) -> None:
        """Follow the store, in this thread, until stopped."""
        for thread in self._threads:
            thread.start()
        pause = 0.0
        while not self._stopping.is_set():
            asked = _waiting(self._asked, pause)
            pause = FOLLOW_SECONDS
            try:
                if self.tables.catch_up(wait=True):
                    self._courtesy.came(time.monotonic())
            except Exception as error:  # the next try may succeed; pages show what was read so far
                log.error("read tables are behind: %s", type(error).__name__)
                pause = AFTER_A_FAULT
            for one in asked:
                if one.look:
                    self._looks.put(one)
                else:
                    one.answer()
        for thread in self._threads:
            thread.join(timeout=15)

    def stop(self) -> None:
        self._stopping.set()
        for queued in (self._asked, self._looks):
            queued.put(Ask(lambda: None))

    def _look(self) -> None:
        while not self._stopping.is_set():
            asked = _waiting(self._looks, 60)
            if not any(one.look for one in asked):
                continue
            try:
                look_for_a_page(self.tables, self.for_pages, self.clock())
            except Exception as error:
                log.error("nothing was looked at for a page: %s", type(error).__name__)
            for one in asked:
                one.answer()

    def _review(self) -> None:
        try:
            self._review_on()
        finally:
            self.reviewer.close()

    def _review_on(self) -> None:
        pause, unchecked = FOLLOW_SECONDS, 0
        while not self._stopping.wait(pause):
            if not self._courtesy.may_work(time.monotonic()):
                pause = FOLLOW_SECONDS
                continue
            try:
                done = review_some(self.tables, self.reviewer, REVIEWS_AT_ONCE)
                more, unchecked = done == REVIEWS_AT_ONCE, unchecked + 1
                if more and unchecked < REVIEWS_A_CHECK:
                    pause = 0
                    continue
                unchecked = 0
                checked = check_some(self.tables, self.clock(), defaults=amounts(), look=self.reviewer.look_at)
                if not done and not checked:
                    self.reviewer.rest()
                pause = 0 if more or checked else FOLLOW_SECONDS
            except Exception as error:
                log.error("visits were not looked at again: %s", type(error).__name__)
                pause = AFTER_A_FAULT


def look_for_a_page(tables: Tables, reviewer: Reviewer, now: datetime) -> None:
    """The second look and the checks for the little that has just come, nearly always all there is."""
    review_some(tables, reviewer, REVIEWS_A_PAGE)
    check_some(tables, now, limit=CHECKS_A_PAGE, defaults=amounts())


def _waiting(queued: queue.SimpleQueue[Ask], seconds: float) -> list[Ask]:
    """Everything in the queue; waits for the first."""
    found = []
    with suppress(queue.Empty):
        found.append(queued.get(timeout=seconds))
        while True:
            found.append(queued.get_nowait())
    return found
