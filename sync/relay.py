"""A node's client to the node above: offers what was pushed here, fetches what changed there.

`Relay.step` does one round and is what tests drive; `Relay.run` repeats it in
a thread. Being offline is normal: it ends a round, is said in `Relay.state`,
and loses nothing, since the store knows what the upstream has answered for.
"""

from __future__ import annotations

import json
import logging
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol

import msgspec
import urllib3

from sync import comparing, heads
from sync.devices import OWN_NAME, stop_told
from sync.failpoints import reach
from sync.identity import ABOVE_ALL, UPSTREAM, note, noted
from sync.keys import PrivateKey
from sync.logs import blob_word_holds, contradicted, receipt_holds, sign_head, trusted
from sync.problems import Problem
from sync.protocol import (
    BLOBS_ASKED,
    MAX_BYTES,
    encode,
    parse_results,
    parse_server_heads,
    push_body,
    push_headers,
)
from sync.records import CENTRE, NODE, BlobWord, Keys, LateReceipt, LogHead, Receipt, Record, ServerHead
from sync.scope import VOUCHED
from sync.store.base import Compared, Store, ToRelay
from sync.store.pages import moment_text

log = logging.getLogger("ruhu.relay")

REFUSED_FOR = timedelta(hours=1)
"""How long a refused blob waits: what it hangs on may have been taken up above by a person meanwhile."""

BATCH_OPS = 200
BATCH_BYTES = MAX_BYTES - 64 * 1024
PULL_LIMIT = 1000
BLOB_CHUNK = 256 * 1024
HEADS_ASKED = 50
NOTHING_NEW = 10**15 - 1
FIRST_PAUSE, LONGEST_PAUSE = 2, 900


class Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """Carries one request to the upstream. Raises Problem upstream_silent when nothing answered."""

    def __call__(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply: ...


class HttpTransport:
    """The real one: HTTP with the node's token; redirects are never followed."""

    def __init__(self, url: str, token: str, *, timeout: float = 30.0) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "gzip"}
        self._pool = urllib3.PoolManager(timeout=timeout, retries=False, maxsize=2)

    def __call__(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
        try:
            reply = self._pool.request(
                method,
                self._url + path,
                body=body or None,
                headers={**self._headers, **(headers or {})},
                redirect=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Problem("upstream_silent") from error
        return Reply(reply.status, reply.headers, reply.data)


@dataclass
class State:
    """How the link upward does, for the office's page. problem: code of the last failure, '' when it worked."""

    problem: str = ""
    sent: int = 0
    received: int = 0
    last_contact: str = ""


class Relay:
    """The link of one store to one upstream.

    key: what this server signs with. prepare: tells of installs that nobody above knows yet.
    carry: hands files up that only the centre can open, and answers whether any went.
    """

    def __init__(
        self, store: Store, url: str = "", token: str = "", *, transport: Transport | None = None,
        key: PrivateKey | None = None, compares: bool = True, clock: Callable[[], datetime] | None = None,
        prepare: Callable[[], object] = lambda: None, carry: Callable[[Transport], bool] = lambda ask: False,
    ) -> None:  # fmt: skip
        self._store = store
        self._key = key
        self._clock = clock or (lambda: datetime.now(UTC))
        self._prepare = prepare
        self._carry = carry
        self._ask = transport or HttpTransport(url, token)
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self.state = State()
        self._alarm = ""
        self._tier = ""
        self._compares = compares
        self._compare_now = False
        self._refused_blobs: dict[str, datetime] = {}
        store.follow_upstream()

    def step(self) -> bool:
        """One round: hello, ops up, blobs up, receipts down, records down, forms down.

        Answers whether anything moved. Raises Problem when the upstream did
        not answer, or answered strangely.
        """
        self._alarm = ""
        self._hello()
        moved = self._push()
        moved |= self._push_blobs()
        moved |= self._carry(self._ask)
        moved |= self._ask_blobs()
        moved |= self._receipts()
        moved |= self._pull()
        moved |= self._fetch_blobs()
        if self._compares and not moved and (self._compare_now or comparing.is_due(self._store, self._clock())):
            self.compare()
        self.state.problem = self._alarm
        return moved

    def compare(self) -> str:
        """Compare with the tier above and mend what differs; answers the result. A node does so once a day by itself."""
        self._compare_now = False
        now = self._clock()
        try:
            found = comparing.compare(self._store, self._digest, now)
        except (msgspec.ValidationError, KeyError) as error:
            raise Problem("upstream_strange") from error
        except Problem as problem:
            if problem.code != "not_found":
                raise
            found = Compared(moment_text(now), comparing.UNSUPPORTED, 0)  # it is of an older version
            self._store.note_compared("", found, {})
        if found.mended:
            log.error("upstream: %s records were not as it has them, and were mended", found.mended)
        return found.result

    def compare_soon(self) -> None:
        """At the end of the next quiet round, whenever the last one was."""
        self._compare_now = True
        self.soon()

    def _digest(self, path: str) -> dict[str, Any]:
        reply = self._ask("GET", f"/sync/v1/{path}")
        if reply.status == 404:
            raise Problem("not_found")
        if reply.status == 409:
            raise Problem("cursor_stale")
        return _object(reply)

    def run(self, *, pause: float = 5.0, jitter: Callable[[], float] = random.random) -> None:
        """Repeat `step` until `stop`; after a failure wait longer each time, up to 15 minutes."""
        wait = FIRST_PAUSE
        while not self._stopping.is_set():
            try:
                moved = self.step()
                wait = FIRST_PAUSE
                rest = 0.0 if moved else pause
            except Problem as problem:
                if self.state.problem != problem.code:
                    log.warning("upstream: %s", problem.code)
                self.state.problem = problem.code
                rest = wait * (0.5 + jitter())
                # What the upstream asked for is waited out, also when something new is to be told meanwhile.
                self._stopping.wait(float(problem.details.get("retry_after", 0)))
                wait = min(wait * 2, LONGEST_PAUSE)
            except Exception:
                # A fault of ours in one round must not end all later ones.
                log.exception("relay round failed")
                self.state.problem = "upstream_strange"
                rest = wait
                wait = min(wait * 2, LONGEST_PAUSE)
            self._wake.wait(rest)
            self._wake.clear()

    def soon(self) -> None:
        """Something was pushed here: do not wait out the pause."""
        self._wake.set()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()

    def _hello(self) -> None:
        said = self._json("POST", "/sync/v1/hello", encode(self._to_say()), {"Content-Type": "application/json"})
        self._note_keys(said.get("keys"))
        self._tier = str(said.get("tier", ""))
        self.state.last_contact = str(said.get("time", ""))
        _, source = self._store.upstream_cursor()
        here = (str(said["server_id"]), str(said["epoch"]))
        if source != here:
            if source is not None:
                self._store.forget_upstream()
                self._compare_now = True  # one of the two was put back to an earlier day
            # Noted before anything is offered: what this epoch answers must not be believed of the next.
            self._store.meet_upstream(here)
        if self._key and "audit" in said:
            heads.take(self._store, self._key, said["audit"], self._clock())

    def _to_say(self) -> dict[str, Any]:
        _, source = self._store.upstream_cursor()
        last = self._store.compared().get("")
        said: dict[str, Any] = {"time": moment_text(self._clock()), "compared": last._asdict() if last else None}
        if self._key is None:
            return said
        return said | {"audit": heads.to_say(self._store, self._key, source[0] if source else "", self._clock())}

    def _note_keys(self, said: Any) -> None:
        """The keys of the upstream and of the centre, noted at the first meeting and never changed by a reply.

        Raises Problem upstream_key_changed, upstream_unsigned when an upstream that had keys comes without.
        """
        if said is None:
            if noted(self._store, UPSTREAM):
                raise Problem("upstream_unsigned")
            return
        try:
            note(self._store, UPSTREAM, msgspec.convert(said["server"], Keys))
            if said.get("centre"):
                note(self._store, ABOVE_ALL, msgspec.convert(said["centre"], Keys))
        except (msgspec.ValidationError, KeyError, AttributeError) as error:
            raise Problem("upstream_strange") from error

    def _trusted(self, said: Mapping[str, Any]) -> dict[str, ServerHead] | None:
        """The centre's heads in a reply that agree with the logs here, kept to be handed down.

        None where the centre has no keys yet, being older: its receipts count by themselves.
        """
        centre = noted(self._store, ABOVE_ALL)
        if centre is None:
            return None
        try:
            sent = parse_server_heads(said.get("heads"))
        except msgspec.ValidationError as error:
            raise Problem("upstream_strange") from error
        found = trusted(sent, centre.sign, CENTRE, self._store.chain_at)
        lacking = [head for head in sent if head.install_id not in found]
        if contradicted(lacking, centre.sign, CENTRE, self._store.chain_at):
            self._alarm = "upstream_unsigned"
            log.warning("upstream: a head of the centre does not hold")
        self._store.take_heads(list(found.values()))
        return found

    def _counts(self, heads: Mapping[str, ServerHead] | None, install: str, dseq: int, receipt: Receipt) -> bool:
        """Whether a receipt of the centre is the centre's own word."""
        centre = noted(self._store, ABOVE_ALL)
        if heads is None or centre is None:
            return True
        head = heads.get(install)
        return (head is not None and dseq <= head.dseq) or receipt_holds(receipt, centre.sign)

    def _push(self) -> bool:
        moved = False
        while batch := self._next_batch():
            body = push_of(self._store, batch, self._key)
            headers = push_headers(body)
            said = self._json("POST", "/sync/v1/push", body, headers)
            try:
                results = parse_results(said["results"])
            except (msgspec.ValidationError, KeyError) as error:
                raise Problem("upstream_strange") from error
            sent = {one.op_id: one for one in batch}
            # An answer for an op that was not sent is not an answer to us.
            known = [(sent[result.op_id].install_id, result) for result in results if result.op_id in sent]
            heads = self._trusted(said) if self._tier == CENTRE else {}
            final = [(install, result) for install, result in known if self._tier == CENTRE and result.receipt
                     and self._counts(heads, install, sent[result.op_id].dseq, result.receipt)]  # fmt: skip
            reach("relay.answered")
            self._store.take_results(final, tier=CENTRE)
            # Answered for, but not in the centre's own word: it is asked for that again by _receipts.
            self._store.take_results([one for one in known if one not in final], tier=NODE)
            reach("relay.noted")
            for install, number in dict(said.get("expected") or {}).items():
                self._store.offer_again(install, int(number))
            settled = sum(1 for _, result in known if result.receipt is not None)
            self.state.sent += settled
            moved = moved or settled > 0
            if settled == 0:
                break
        return moved

    def _next_batch(self) -> list[ToRelay]:
        """What goes up next; whoever's ops they are was told of before, since ops of a stranger are set aside above."""
        batch = self._store.to_relay(BATCH_OPS, BATCH_BYTES)
        self._prepare()  # only now is every install known whose ops are in the batch
        return self._store.to_relay(BATCH_OPS, BATCH_BYTES, OWN_NAME) or batch

    def _push_blobs(self) -> bool:
        moved = False
        now = self._clock()
        self._refused_blobs = {sha256: since for sha256, since in self._refused_blobs.items() if now - since < REFUSED_FOR}
        # One that is refused above holds up no other.
        for sha256 in self._store.blobs_to_relay(20 + len(self._refused_blobs)):
            if sha256 in self._refused_blobs:
                continue
            with self._store.open_blob(sha256) as source:
                body = source.read()
            offset = 0
            while offset < len(body):
                part = body[offset : offset + BLOB_CHUNK]
                reply = self._ask(
                    "PUT",
                    f"/sync/v1/blob/{sha256}",
                    part,
                    {"Upload-Offset": str(offset), "Upload-Length": str(len(body))},
                )
                if reply.status == 409:
                    offset = _number(reply.headers.get("Upload-Offset"))
                    continue
                if reply.status == 429 or reply.status >= 500:
                    return moved  # no room or no time above: about none of them is anything said
                if reply.status not in (200, 201, 204):
                    self._refused_blobs[sha256] = now
                    break
                offset = _number(reply.headers.get("Upload-Offset"))
            if offset == len(body):
                self._store.blob_relayed(sha256, "here")
                moved = True
        return moved

    def _ask_blobs(self) -> bool:
        """Learn which blobs came to the centre. What the tier above has lost, it is brought again."""
        above = self._store.blobs_above(BLOBS_ASKED)
        if not above:
            return False
        reply = self._ask("POST", "/sync/v1/blobs", encode({"sha256": above}))
        if reply.status in (404, 405):
            # An older server cannot say. The centre itself has what it took.
            places = dict.fromkeys(above, "centre") if self._tier == CENTRE else {}
        else:
            places = _object(reply)["blobs"]
        words = self._blob_words(reply) if reply.status == 200 else {}
        centre = noted(self._store, ABOVE_ALL)
        moved = False
        for name in above:
            place = places.get(name, "here")
            word = words.get(name)
            if place == "centre" and centre is not None and not (word and blob_word_holds(word, centre.sign)):
                continue  # said, but not by the centre: it is asked again
            if place != "here":
                self._store.blob_relayed(name, "centre" if place == "centre" else "", word)
                moved = True
        return moved

    def _blob_words(self, reply: Reply) -> dict[str, BlobWord]:
        try:
            words = msgspec.convert(_object(reply).get("words") or {}, dict[str, BlobWord])
        except msgspec.ValidationError as error:
            raise Problem("upstream_strange") from error
        return {name: word for name, word in words.items() if word.sha256 == name}

    def _receipts(self) -> bool:
        moved = False
        wanted = self._store.awaiting_centre()
        if noted(self._store, ABOVE_ALL):
            wanted = dict.fromkeys(self._store.without_centre_head(HEADS_ASKED), NOTHING_NEW) | wanted
        for install, confirmed in wanted.items():
            said = self._json("GET", f"/sync/v1/receipts?install_id={install}&after={confirmed}")
            heads = self._trusted(said)
            found = [one for one in msgspec.convert(said["receipts"], list[LateReceipt], strict=False)
                     if self._counts(heads, install, one.dseq, one.receipt)]  # fmt: skip
            if found:
                self._store.take_receipts(install, found)
                moved = True
            if self._tier == CENTRE and heads is not None and confirmed != NOTHING_NEW:
                # The centre itself lacks what somebody in its name had answered for.
                if install in heads:
                    self._store.offer_again(install, heads[install].dseq + 1)
                elif not said.get("heads"):
                    self._store.offer_again(install, 1)
        return moved

    def _pull(self) -> bool:
        moved = False
        while not self._stopping.is_set():
            cursor, _ = self._store.upstream_cursor()
            path = f"/sync/v1/pull?limit={PULL_LIMIT}" + (f"&cursor={cursor}" if cursor else "")
            reply = self._ask("GET", path)
            if reply.status == 409:
                self._store.forget_upstream()
                return True
            said = _object(reply)
            try:
                records = msgspec.convert(said["records"], list[Record])
            except (msgspec.ValidationError, KeyError) as error:
                raise Problem("upstream_strange") from error
            stop_told(self._store, records)
            if records or cursor != said["cursor"]:
                self._store.take_page(records, said["cursor"], (said["server_id"], said["epoch"]))
            self.state.received += len(records)
            moved = moved or bool(records)
            if not said["more"]:
                # All that is there has come: a conflict it does not have was disputed here alone.
                return self._store.settle_conflicts() or moved
        return moved

    def _fetch_blobs(self) -> bool:
        moved = False
        for sha256, _size in self._store.missing_blobs(20):
            reply = self._ask("GET", f"/sync/v1/blob/{sha256}")
            if reply.status == 200 and reply.body:
                self._store.put_blob_part(sha256, 0, len(reply.body), reply.body)
                moved = True
        return moved

    def _json(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        return _object(self._ask(method, path, body, headers))


def push_of(store: Store, batch: Sequence[ToRelay], key: PrivateKey | None) -> bytes:
    """The push of a batch: its ops with what vouches for them, key being what our own logs are signed with."""
    marks = {one.op_id: one.mark for one in batch if one.mark in VOUCHED}
    return push_body((one.body for one in batch), server_id=None, epoch=None, marks=marks, heads=_heads_of(store, batch, key))


def _heads_of(store: Store, batch: Sequence[ToRelay], key: PrivateKey | None) -> list[LogHead]:
    """What covers the ops of a batch: the heads they came with, and our own over our own logs."""
    found = {(one.install_id, one.head.dseq): one.head for one in batch if one.head}
    last = {one.install_id: one.dseq for one in batch if one.own}
    if key:
        for install, dseq in last.items():
            found[install, dseq] = sign_head(key, install, dseq, store.chain_at(install, dseq))
    return list(found.values())


def _object(reply: Reply) -> dict[str, Any]:
    """The JSON object of a 200. Raises Problem: a portal's page or a redirect is no answer of a node."""
    if reply.status == 401:
        raise Problem("unknown_token")
    if reply.status != 200:
        if reply.status not in (429, 502, 503, 504, 507):
            raise Problem("upstream_strange")
        asked = reply.headers.get("Retry-After") or ""
        raise Problem("upstream_silent", retry_after=min(int(asked) if asked.isdigit() else 0, LONGEST_PAUSE))
    try:
        said = json.loads(reply.body)
    except ValueError as error:
        raise Problem("upstream_strange") from error
    if not isinstance(said, dict) or "error" in said:
        raise Problem("upstream_strange")
    return said


def _number(text: str | None) -> int:
    if text is None or not text.isdigit():
        raise Problem("upstream_strange")
    return int(text)
