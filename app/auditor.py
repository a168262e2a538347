"""Reads the audit chain again once a day, in the background, so that the office sees until when it is whole."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import NamedTuple

from sync.audit import DIFFERS, Fault, head_faults
from sync.heads import todays_head
from sync.keys import PrivateKey, public_text
from sync.store.base import Store

MOST = 50
FIRST_AFTER, EVERY = 120.0, 24 * 3600.0


class Audited(NamedTuple):
    """When the chain was read, how many entries it had, and what was not as it was decided."""

    at: datetime
    entries: int
    faults: tuple[Fault, ...]


def audit(store: Store, key: PrivateKey, now: datetime) -> Audited:
    """Sign the day's head and read everything again: some seconds for a hundred thousand ops."""
    todays_head(store, key, now)
    end = store.chain_end().n
    found = [*islice(store.audit_faults(), MOST)]
    found += islice(head_faults(store.heads(store.server_id), public_text(key), store.audit_link), MOST)
    found += [Fault(DIFFERS, 0, about) for about in store.acts(DIFFERS)]
    return Audited(now, end, tuple(found))

