"""The day's signed end of the audit chain, exchanged between tiers: each keeps its neighbours'.

A chain that was written anew from some row on fits in itself; it no longer
fits the heads that the server above and the nodes below have kept of it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from sync.audit import DIFFERS, Head, head_verified, signed_head
from sync.keys import PrivateKey, public_text
from sync.store.base import Store
from sync.store.pages import moment_text

MOST = 4  # heads looked at in one message


def todays_head(store: Store, key: PrivateKey, now: datetime) -> Head:
    """This server's head of the day, signed at the first question of the day."""
    day = moment_text(now)[:10]
    own = store.heads(store.server_id)
    if own and (own[-1].day, own[-1].epoch, own[-1].public) == (day, store.epoch, public_text(key)):
        return own[-1]
    head = signed_head(key, store.server_id, day, store.epoch, store.chain_end())
    store.keep_head(head)
    return head


def to_say(store: Store, key: PrivateKey, other: str, now: datetime) -> dict[str, Any]:
    """What goes to a neighbour: our head, and two that we keep of it. other: its server_id, '' when not known yet.

    Not today's, which it may have signed over a chain written anew; the last before, and in turn an older one.
    """
    head = todays_head(store, key, now)
    kept = [one for one in store.heads(other) if one.day < head.day] if other else []
    shown = {kept[-1], kept[now.toordinal() % len(kept)]} if kept else set()
    return {"head": head._asdict(), "kept": [one._asdict() for one in sorted(shown)]}


def take(store: Store, key: PrivateKey, said: Any, now: datetime) -> bool:
    """Keep the neighbour's head and compare what it keeps of us; False when our chain is not what we once signed.

    The difference becomes an entry of the chain, once for each head.
    """
    said = said if isinstance(said, dict) else {}
    theirs = _head(said.get("head"))
    if theirs and theirs.server_id != store.server_id and head_verified(theirs):
        known = store.heads(theirs.server_id)
        # The first key is the server's key: who answers in its name later must have it.
        if (not known or known[-1].public == theirs.public) and theirs not in known:
            store.keep_head(theirs)
    kept = said.get("kept")
    shown = [_head(one) for one in kept[:MOST]] if isinstance(kept, list) else []
    wrong = [one for one in shown if one and _is_ours(store, key, one) and not _fits(store, one)]
    for head in wrong:
        place = f"{head.day} {head.n}"
        if place not in store.acts(DIFFERS):
            store.note_act(DIFFERS, place, now=now)
    return not wrong


def _fits(store: Store, head: Head) -> bool:
    return store.audit_link(head.n) == bytes.fromhex(head.link)


def _is_ours(store: Store, key: PrivateKey, head: Head) -> bool:
    """Signed by us, in this life of the database: a restored one goes on from an older end, and says so by its epoch."""
    mine = (head.server_id, head.epoch, head.public) == (store.server_id, store.epoch, public_text(key))
    return mine and head_verified(head)


def _head(value: Any) -> Head | None:
    try:
        head = Head(**msgspec.convert(value, dict[str, Any]))
        texts = (head.server_id, head.day, head.epoch, head.link, head.public, head.sig)
        fits = all(isinstance(text, str) and len(text) <= 200 for text in texts) and type(head.n) is int and 0 <= head.n < 2**53
        return head if fits and len(bytes.fromhex(head.link)) == 32 else None
    except (TypeError, ValueError, msgspec.ValidationError):
        return None
