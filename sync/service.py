"""What a server answers to phones and nodes: checks rights, asks the store, shapes the reply. No HTTP, no rules of merging."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from sync import digest as compare
from sync import heads, logs
from sync.identity import Identity, told
from sync.keys import PrivateKey
from sync.problems import Problem
from sync.protocol import MAX_PULL_LIMIT, Hello, late_receipts_to_wire, parse_push, reply_to_wire
from sync.records import (
    CENTRE,
    DEVICE,
    NODE,
    BlobPlace,
    BlobWord,
    Credential,
    Delivered,
    LateReceipt,
    Pushed,
    PushReply,
    Result,
    ServerHead,
)
from sync.scope import scope_of, scope_version
from sync.store.base import Store
from sync.store.tombstones import AWAY_DAYS
from sync.telling import compared_of, told_of

MOST_UNSENT = 5000
"""Ops that a phone may believably hold unsent."""

DIGEST_AT_ONCE = 20_000  # records worked out for one answer; some 0.2 s


def push(
    store: Store, credential: Credential, plain: bytes, *, now: datetime, lang: str = "zh", identity: Identity | None = None
) -> dict[str, Any]:
    """Take in an unpacked, checked push body. Raises Problem bad_json, bad_op, too_large, epoch_changed."""
    (reply,) = store.push_many([understood(store, credential, plain)], now=now)
    return answer(reply, lang, identity)


def understood(store: Store, credential: Credential, plain: bytes) -> Pushed:
    """What an unpacked, checked push body says, for `Store.push_many`. Raises Problem as `push` does, before anything is kept."""
    sent = parse_push(plain, stubs=credential.kind == NODE)
    if sent.epoch and sent.server_id == store.server_id and sent.epoch != store.epoch:
        raise Problem("epoch_changed")
    return Pushed(sent.arrivals, plain, credential, sent.heads, sent.marks)


def answer(reply: PushReply, lang: str, identity: Identity | None) -> dict[str, Any]:
    """A push's reply for the wire, signed."""
    return reply_to_wire(_signed_reply(reply, identity) if identity else reply, lang)


def _signed_reply(reply: PushReply, identity: Identity) -> PushReply:
    return msgspec.structs.replace(
        reply,
        heads=tuple(logs.sign_server_head(identity.signing, head) for head in reply.heads),
        results=tuple(_signed(result, identity) for result in reply.results),
    )


def _signed(result: Result | LateReceipt, identity: Identity) -> Any:
    """The receipt of an op that no head covers, signed by itself."""
    if result.code not in logs.OUTSIDE or result.receipt is None:
        return result
    return msgspec.structs.replace(result, receipt=logs.sign_receipt(identity.signing, result.receipt))


def hello(
    store: Store, credential: Credential, said: Hello, *, now: datetime, identity: Identity | None = None
) -> dict[str, Any]:
    """Who this server is and how much of the caller's log it holds."""
    installs = _installs(store, credential, said.install_id)
    if said.install_id in ("", credential.install_id):
        store.seen(credential.install_id, made_dseq=said.dseq, now=now, told=told_of(said, now))
        _note_compared(store, credential, said)
    if said.install_id == credential.install_id:
        _tell_scope(store, credential, said.dseq)
    audit = _heads(store, credential, said, identity.signing, now) if identity else {}
    return {
        "server_id": store.server_id,
        "epoch": store.epoch,
        "tier": store.tier,
        "acked_dseq": store.acked(installs),
        "confirmed_dseq": store.confirmed(installs),
        "scope_version": scope_version(scope_of(credential)),
        "grants": msgspec.to_builtins(credential.grants),
        "time": _text(now),
        **audit,
        "keys": told(identity, store),
    }


def _note_compared(store: Store, credential: Credential, said: Hello) -> None:
    """Told at every hello until the next comparison, kept once."""
    told = compared_of(said)
    if told and store.compared().get(credential.install_id) != told[0]:
        store.note_compared(credential.install_id, *told)


def _heads(store: Store, credential: Credential, said: Hello, key: PrivateKey, now: datetime) -> dict[str, Any]:
    """A node and we show each other our heads; it is asked who it is by the head it sends."""
    if credential.kind != NODE or credential.revoked or not isinstance(said.audit, dict):
        return {}
    heads.take(store, key, said.audit, now)
    theirs = said.audit.get("head")
    other = theirs.get("server_id") if isinstance(theirs, dict) else ""
    return {"audit": heads.to_say(store, key, other if isinstance(other, str) else "", now)}


def _tell_scope(store: Store, credential: Credential, made: int) -> None:
    """From here on a device knows its areas: only what it had made by now may still be about others it had."""
    prefixes = scope_of(credential).area_prefixes
    if any(one.until is None and one.prefixes != prefixes for one in store.delivered(credential.install_id)):
        acked = store.acked([credential.install_id])[credential.install_id]
        store.note_told(credential.install_id, prefixes, max(acked, min(made, acked + MOST_UNSENT)))


def pull(
    store: Store, credential: Credential, cursor: str | None, limit: int, *, now: datetime, brief: bool = False
) -> dict[str, Any]:  # fmt: skip
    """The next page of what the caller may read. Raises Problem device_revoked, cursor_stale.

    A cursor is the caller's word that it has everything before it. brief: it reads dates as they are kept.
    """
    _not_revoked(credential)
    scope = scope_of(credential)
    known = _known_delivery(store, credential)
    if cursor and known and _days(known.seen_at, now) > AWAY_DAYS:
        raise Problem("cursor_stale", reason="away")
    page = (store.pull_as_kept if brief else store.pull)(scope, cursor, max(1, min(limit, MAX_PULL_LIMIT)))
    place = int(cursor.rsplit(".", 1)[1]) if cursor else 0
    if credential.kind == DEVICE and (known is None or known.place != place or known.until is not None
                                      or _days(known.seen_at, now) >= 1):  # fmt: skip
        store.note_delivered(credential.install_id, scope.area_prefixes, place, now=now)
    return {
        "server_id": store.server_id,
        "epoch": store.epoch,
        "scope_version": scope_version(scope),
        "cursor": page.cursor,
        "more": page.more,
        "records": page.records,
        "confirmed_dseq": store.confirmed([credential.install_id]),
        "time": _text(now),
    }


def digest(store: Store, credential: Credential, cursor: str | None, after: str) -> dict[str, Any]:
    """Sums of the caller's places past one, as many as are quickly worked out; ``moved`` when it has to pull first.

    Raises Problem device_revoked, cursor_stale.
    """
    _not_revoked(credential)
    scope = scope_of(credential)
    found: dict[str, Any] = {}
    counted, moved = 0, False
    waiting = sorted(store.places(scope, after).items())
    for place, count in waiting:
        if counted and counted + count > DIGEST_AT_ONCE:
            break
        records, moved = store.in_place(scope, place, cursor)
        if moved:
            break
        sums = compare.sums(records)
        found[place] = {"sum": compare.to_wire(compare.whole(sums)),
                        "buckets": {str(bucket): compare.to_wire(one) for bucket, one in sums.items()}}  # fmt: skip
        counted += count
    return {"server_id": store.server_id, "epoch": store.epoch, "places": found, "moved": moved,
            "more": not moved and len(found) < len(waiting)}  # fmt: skip


def bucket(store: Store, credential: Credential, cursor: str | None, place: str, buckets: Collection[int]) -> dict[str, Any]:
    """All records of some buckets of a place. Raises Problem device_revoked, cursor_stale."""
    _not_revoked(credential)
    records, moved = store.in_place(scope_of(credential), place, cursor)
    wanted = [one for one in records if not one.deleted and compare.bucket_of(one.kind, one.id) in buckets]
    return {"server_id": store.server_id, "epoch": store.epoch, "records": msgspec.to_builtins(wanted), "moved": moved}


def _known_delivery(store: Store, credential: Credential) -> Delivered | None:
    if credential.kind != DEVICE:
        return None
    prefixes = scope_of(credential).area_prefixes
    return next((one for one in store.delivered(credential.install_id) if one.prefixes == prefixes), None)


def _days(since: str, now: datetime) -> float:
    return (now - datetime.fromisoformat(since)).total_seconds() / 86_400


def receipts(
    store: Store, credential: Credential, install_id: str, after: int, *, now: datetime, lang: str = "zh",
    identity: Identity | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The centre's receipts for an install. A device asks for its own only, a node for any that it relays."""
    if credential.kind != NODE and install_id != credential.install_id:
        raise Problem("not_found")
    found = store.receipts(install_id, after)
    head = _centre_head(store, install_id, now, identity)
    if identity and store.tier == CENTRE:
        found = [_signed(one, identity) for one in found]
    return {"receipts": late_receipts_to_wire(found, lang), "heads": [msgspec.to_builtins(head)] if head else []}


def _centre_head(store: Store, install_id: str, now: datetime, identity: Identity | None) -> ServerHead | None:
    """The centre's word on an install's log: signed now where this is the centre, handed down elsewhere."""
    if store.tier != CENTRE:
        return store.centre_head(install_id)
    dseq = store.acked([install_id])[install_id]
    if not dseq or identity is None:
        return None
    return logs.sign_server_head(
        identity.signing,
        ServerHead(install_id=install_id, dseq=dseq, chain=store.chain_at(install_id, dseq), server_id=store.server_id,
                   epoch=store.epoch, tier=CENTRE, time=_text(now)),
    )  # fmt: skip


def blob_state(store: Store, credential: Credential, sha256: str) -> tuple[int, int]:
    """(bytes here, whole length) of a blob that the caller may know of. Raises Problem not_found."""
    _not_revoked(credential)
    state = store.blob_state(sha256)
    if state is None or not store.blob_is_named(sha256, _blob_scope(credential)):
        raise Problem("not_found")
    return state


def blob_places(store: Store, credential: Credential, names: Iterable[str]) -> dict[str, BlobPlace]:
    """How far up each blob is. One that nothing the caller may know of names is nowhere, like one that never came."""
    _not_revoked(credential)
    scope = _blob_scope(credential)
    return {name: store.blob_place(name) if store.blob_is_named(name, scope) else "" for name in names}


def blob_words(
    store: Store, places: Mapping[str, BlobPlace], *, identity: Identity | None = None
) -> dict[str, BlobWord]:
    """The centre's word on each blob that is there: signed now where this is the centre, handed down elsewhere."""
    there = [name for name, place in places.items() if place == CENTRE]
    if store.tier != CENTRE:
        return store.blob_words(there)
    if identity is None:
        return {}
    plain = (BlobWord(sha256=name, server_id=store.server_id, epoch=store.epoch) for name in there)
    return {word.sha256: logs.sign_blob_word(identity.signing, word) for word in plain}


def read_blob(store: Store, credential: Credential, sha256: str) -> bytes:
    """The whole blob. Raises Problem not_found also when no record the caller may read names it."""
    _not_revoked(credential)
    if not store.blob_is_named(sha256, _blob_scope(credential)):
        raise Problem("not_found")
    with store.open_blob(sha256) as body:
        return body.read()


def put_blob(store: Store, credential: Credential, sha256: str, offset: int, length: int, body: bytes) -> int:
    """Take in a part; answers the bytes now here. Only a blob that a received op names is taken.

    A length other than the op's is refused once the first part shows it: nobody fills a disk behind a small name.

    Raises Problem not_found, blob_offset, blob_digest, blob_size, too_large.
    """
    if not store.blob_is_named(sha256, _blob_scope(credential)):
        raise Problem("not_found")
    _, named = store.blob_state(sha256) or (0, 0)
    if named and named != length:
        raise Problem("blob_size", size=named)
    return store.put_blob_part(sha256, offset, length, body)


def _blob_scope(credential: Credential) -> Any:
    # Blobs hang on submissions, which a phone does not pull but does write.
    return msgspec.structs.replace(scope_of(credential), kinds=())


def _installs(store: Store, credential: Credential, asked: str) -> list[str]:
    if credential.kind == NODE:
        return sorted({asked or credential.install_id, credential.install_id})
    return [credential.install_id]


def _not_revoked(credential: Credential) -> None:
    if credential.revoked:
        raise Problem("device_revoked")


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
