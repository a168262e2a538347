"""Who a server is to others: the keys it signs and opens with, and the keys of others it has noted for ever."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from sync import keys
from sync.problems import Problem
from sync.records import CENTRE, Keys
from sync.store.base import Store


@dataclass(frozen=True)
class Identity:
    """A server's own keys. All hosts of one centre share a secret, and so an identity."""

    signing: keys.PrivateKey
    sealing: keys.PrivateKey

    @property
    def public(self) -> Keys:
        return Keys(keys.public_text(self.signing), keys.public_text(self.sealing))


def identity_of(secret: bytes) -> Identity:
    return Identity(keys.signing_key(secret), keys.sealing_key(secret))


UPSTREAM, ABOVE_ALL = "keys.upstream", "keys.centre"


def noted(store: Store, name: str) -> Keys | None:
    """The keys noted under `UPSTREAM` or `ABOVE_ALL`; None before the first meeting with one that has any."""
    found = store.agreed(name)
    return msgspec.json.decode(found, type=Keys) if found else None


def note(store: Store, name: str, met: Keys) -> Keys:
    """Note a server's keys at the first meeting. Raises Problem upstream_key_changed when others were noted then."""
    kept = msgspec.json.decode(store.agree(name, msgspec.json.encode(met).decode()), type=Keys)
    if kept.sign != met.sign:
        raise Problem("upstream_key_changed")
    return kept


def note_joined(store: Store, said: dict[str, dict[str, str] | None] | None) -> None:
    """Note what the upstream told when a person joined this node to it: that is believed before what was noted."""
    for name, keys_of in ((UPSTREAM, "server"), (ABOVE_ALL, "centre")):
        met = (said or {}).get(keys_of)
        if met:
            store.agree_anew(name, msgspec.json.encode(msgspec.convert(met, Keys)).decode())


def told(identity: Identity | None, store: Store) -> dict[str, dict[str, str] | None] | None:
    """What a server says of keys to those who come: its own, and the centre's as far as it knows them."""
    if identity is None:
        return None
    centre = identity.public if store.tier == CENTRE else noted(store, ABOVE_ALL)
    return {"server": msgspec.to_builtins(identity.public), "centre": msgspec.to_builtins(centre)}
