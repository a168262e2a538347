"""Places where a test lets the process die, to see that nothing promised was lost.

``RUHU_FAILPOINT=name:3`` kills the process, without goodbye, when it reaches
that place the third time. Without the variable a place costs one comparison.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

NAMES = (
    "push.written",  # everything of a push is in the transaction, nothing is committed
    "push.committed",  # it is on disk, nobody was told
    "blob.part",  # a part is on disk
    "blob.checked",  # all parts are there and their hash agrees, the name is not given
    "blob.named",  # the file has its name, the database does not know
    "relay.answered",  # the upstream has answered, its answer is not noted
    "relay.noted",  # its answer is noted
    "page.taken",  # a page of records from above and its cursor are in the transaction
)



def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


_name, _, _count = os.environ.get("RUHU_FAILPOINT", "").partition(":")
_left = int(_count or 1)
_die = _kill


def arm(name: str, count: int = 1, *, die: Callable[[], None] = _kill) -> None:
    """Die, in that way, when the place is reached the count-th time from now."""
    global _name, _left, _die
    _name, _left, _die = name, count, die


def disarm() -> None:
    arm("")


def reach(name: str) -> None:
    """Die here if that is what was asked for."""
    global _left
    if name != _name:
        return
    _left -= 1
    if _left <= 0:
        die = _die
        disarm()
        die()
