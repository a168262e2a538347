"""Telling the tiers above which installs were let in here and what they sign with; and hearing from there which are stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial

from sync.author import Author
from sync.own import own_install, write_own
from sync.records import Install, Op, Record
from sync.store.base import Store

OWN_NAME = "devices"


def register(store: Store, public: str, area: str, *, clock: Callable[[], datetime]) -> int:
    """Make a ``device`` record of every install that has none; answers how many.

    public: this server's own signing key, which its own installs sign with. area: the place this server is for.
    """
    own_install(store, OWN_NAME)  # it is one of them
    new = store.unregistered()
    if new:
        write_own(store, OWN_NAME, "", partial(_made, new, public, area, store.server_id), clock=clock)
    return len(new)


def stop_told(store: Store, records: Iterable[Record]) -> int:
    """End the tokens of devices that somebody above stopped, of which these records from above tell; answers how many.

    Called before the records are taken: cut off in between, they come again.
    """
    stopped = {one.id for one in records if one.kind == "device" and one.deleted}
    here = [one.install_id for one in store.installs() if one.install_id in stopped and not one.revoked] if stopped else []
    for install_id in here:
        store.revoke(install_id)
    return len(here)


def _made(new: Sequence[Install], public: str, area: str, server_id: str, author: Author) -> list[Op]:
    return [
        author.create("device", one.install_id, area, {
            "install_id": one.install_id, "user_id": one.user_id, "name": one.name,
            "kind": one.kind, "key": one.key if one.user_id else public, "enrolled_at": one.created_at, "node": server_id,
        })
        for one in new
    ]  # fmt: skip
