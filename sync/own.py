"""Ops of a server's own making, numbered on from where its log stands, also when several hosts write at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from sync.author import Author
from sync.problems import Problem
from sync.records import Arrival, Op
from sync.store.base import Store

TRIES = 20
Made = TypeVar("Made", Op, Arrival)
_lock = threading.Lock()


def write_own(
    store: Store, name: str, actor: str, make: Callable[[Author], Sequence[Made]], *, clock: Callable[[], datetime]
) -> Sequence[Made]:
    """Make ops as the server's own install of that name and take them in; answers the ops.

    make is called again when another host took the numbers first. Raises Problem busy when that goes on.
    """
    with _lock:  # threads of this process wait instead of trying again
        install_id = own_install(store, name)
        for _ in range(TRIES):
            author = Author(install_id, actor, next_dseq=store.acked([install_id])[install_id] + 1, clock=clock)
            ops = make(author)
            try:
                store.load(ops)
            except Problem as problem:
                if problem.code not in ("forked_log", "out_of_order"):
                    raise
                continue
            return ops
    raise Problem("busy")


def own_install(store: Store, name: str) -> str:
    """The install of that name without a person, made when it is asked for first."""
    named = next((one.install_id for one in store.installs() if one.name == name and not one.user_id), None)
    return named or store.add_install("", kind="node", name=name).install_id
