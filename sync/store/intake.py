"""How ops enter a store: order, rights, effect and result, the same on every database.

An `Intake` lives inside one write transaction. It asks a `Memory` what is
there, decides in plain Python, and gathers what has to be written; the store
writes it in bulk and commits. Places of the log are not known before the
store hands them out, so an intake numbers what it made -1, -2, … and
`Intake.placed` puts the real numbers in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from sync.apply import conflict_id, disputed, effect_of
from sync.audit import BEGINNING, Chain
from sync.conflict import plain
from sync.erasing import ERASE, FIELD, erased_conflict, is_erased
from sync.logs import chain_next, chain_over, chain_start, promises_more, vouched
from sync.overlay import is_pending, visible
from sync.problems import Problem
from sync.records import (
    APPLIED,
    CENTRE,
    DUPLICATE,
    HELD,
    NODE,
    QUARANTINED,
    RETRY,
    Arrival,
    Credential,
    Delivered,
    LogHead,
    Op,
    PushReply,
    Receipt,
    Record,
    Result,
    ServerHead,
)
from sync.scope import (
    ABOUT_PEOPLE,
    LATE,
    VOUCHED,
    grants_of,
    refusal,
    told_device_refusal,
    vouched_places,
    within,
    writes,
)
from sync.store.memory import Key, KnownOp, Log, Memory, Stored, Unsettled, Waiting

MARK_EVERY = 50
"""So many ops of a server's own log lie between two noted chains, as between two heads of a phone."""


class Cover(NamedTuple):
    """The furthest head of a push that holds for a log, and what becomes of ops that it does not cover."""

    head: LogHead | None
    otherwise: str


class Mark(NamedTuple):
    """The chain of a log at a number, with the install's signature where it came with one."""

    install_id: str
    dseq: int
    chain: str
    sig: str = ""


class Pushed(NamedTuple):
    """One push body as it came. marks: op_id → what the node that sends it says of the op."""

    arrivals: Sequence[Arrival]
    raw: bytes
    credential: Credential
    heads: Sequence[LogHead] = ()
    marks: Mapping[str, str] = {}


class Kept(msgspec.Struct, gc=False):
    """An op to write down. n is negative until placed."""

    arrival: Arrival
    n: int
    status: str = APPLIED
    code: str = ""
    rev: int = 0
    seq: int = 0
    variant: bool = False


class Taken(msgspec.Struct, frozen=True, gc=False):
    """What became of an op of a push. known: None when it has to come again. again: it was here before."""

    op_id: str
    known: KnownOp | None
    again: bool = False


class Draft(NamedTuple):
    """A push's reply before its ops have their places."""

    taken: list[Taken]
    acked_dseq: dict[str, int]
    expected: dict[str, int]
    heads: tuple[ServerHead, ...]


class Put(msgspec.Struct, gc=False):
    """The visible record at a new place of the log. fresh: also what came from above."""

    record: Record
    op_n: int | None
    fresh: Record | None


@dataclass
class Intake:
    """One round of taking ops in. ``received`` is the server's time as text."""

    memory: Memory
    tier: str
    server_id: str
    epoch: str
    received: str
    kept: list[Kept] = field(default_factory=list)
    released: list[Kept] = field(default_factory=list)
    """Ops that were held before this round and have a new result; their arrival's body is empty."""
    puts: list[Put] = field(default_factory=list)
    upstreams: dict[Key, Record] = field(default_factory=dict)
    """What came from above without changing what is seen."""
    advanced: dict[str, Log] = field(default_factory=dict)
    noted: list[Mark] = field(default_factory=list)
    dropped: list[Key] = field(default_factory=list)
    """Put as tombstones; nothing came from above for them any more."""
    chain: Chain = BEGINNING
    """Where the audit chain stands; the store binds what was decided behind it."""
    erased: dict[Key, str] = field(default_factory=dict)
    """Records whose values the store has to wipe wherever it keeps them → the reason."""

    def __post_init__(self) -> None:
        self._known: dict[str, KnownOp] = {}
        self._asked: set[str] = set()
        self._contents: set[tuple[str, str]] = set()
        self._logs: dict[str, Log] = {}
        self._links: dict[tuple[str, str], str] = {}
        """Steps of chains that were worked out to check a head: (chain, claimed hash) → the chain after it."""
        self._stored: dict[Key, Stored] = {}
        self._areas: dict[Key, str] = {}
        """Of what was asked for: where it lay before this round, '' for nowhere."""
        self._waiting: dict[Key, list[Waiting | Kept]] = {}
        self._unsettled: dict[Key, list[Unsettled]] = {}
        self._makers: dict[Key, str] = {}
        self._placed = 0

    # --- asking ahead -------------------------------------------------------------------------------------

    def expect(self, pushes: Sequence[Pushed]) -> None:
        """Fetch in a few questions what these pushes will need."""
        ops = [arrival.op for pushed in pushes for arrival in pushed.arrivals]
        installs = {op.install_id for op in ops} | {pushed.credential.install_id for pushed in pushes}
        wanted = {(op.entity, op.id): op.area for op in ops}
        for pushed in pushes:
            if pushed.credential.kind == NODE:
                wanted |= {("user", a.op.actor): a.op.area for a in pushed.arrivals if a.op.actor}
                wanted |= {("device", a.op.install_id): a.op.area for a in pushed.arrivals}
        keys = [(kind, id, area) for (kind, id), area in wanted.items()]
        self.memory.foresee(sorted(installs), ops, keys)
        # The logs come first: whoever holds them decides about their ops, on every host.
        self._logs |= dict.fromkeys(installs, Log()) | self.memory.logs(sorted(installs))
        self._known |= self.memory.known_ops(ops)
        self._asked |= {op.op_id for op in ops}
        self._fetch(keys)
        self._expect_waiting([(op.entity, op.id) for op in ops])

    def _expect_waiting(self, keys: Iterable[Key]) -> None:
        """Only what is not there yet can be waited for."""
        new = sorted({key for key in keys if self._stored[key].record is None})
        if new:
            found = self.memory.waiting(new)
            self._waiting |= {key: list(found.get(key, ())) for key in new}

    def _fetch(self, keys: Sequence[tuple[str, str, str]]) -> None:
        missing = [key for key in keys if key[:2] not in self._stored]
        if missing:
            found = self.memory.stored(sorted(missing))
            self._stored |= {key[:2]: found.get(key[:2], Stored(None)) for key in missing}
            self._areas |= {key[:2]: record.area if (record := self._stored[key[:2]].record) else "" for key in missing}

    def _record(self, kind: str, id: str, area: str) -> Record | None:
        if (kind, id) not in self._stored:
            self._fetch([(kind, id, area)])
        return self._stored[kind, id].record

    # --- one push -----------------------------------------------------------------------------------------

    def push(self, pushed: Pushed) -> Draft:
        """Every op of the push with its own result; places still negative."""
        taken: list[Taken] = []
        expected: dict[str, int] = {}
        before = {arrival.op.install_id: self._log_of(arrival.op.install_id).acked for arrival in pushed.arrivals}
        under: dict[str, Cover] = {}
        for arrival in pushed.arrivals:
            one = self._take(arrival, pushed, under)
            if one.known is None:
                expected[arrival.op.install_id] = self._log_of(arrival.op.install_id).acked + 1
            taken.append(one)
        for install, acked in before.items():
            if self._log_of(install).acked > acked:
                self._mark(install, under[install].head if install in under else None)
        installs = sorted({*before, pushed.credential.install_id})
        acked_dseq = {install: self._log_of(install).acked for install in installs}
        heads = tuple(self._head(install) for install in installs if acked_dseq[install])
        return Draft(taken, acked_dseq, expected, heads)

    def _take(self, arrival: Arrival, pushed: Pushed, under: dict[str, Cover]) -> Taken:
        """under: by install the head that covers its ops of this push, found when the first of them is taken."""
        op, credential = arrival.op, pushed.credential
        known = self._known_op(op)
        if known:
            if known.hash == arrival.hash:
                return Taken(op.op_id, known, again=True)
            return self._set_aside(arrival, "same_id_other_content", variant=True)
        if credential.kind != NODE and op.install_id != credential.install_id:
            # Another phone's log must not be moved on by a guess at its next number.
            return self._set_aside(arrival, "wrong_install", variant=True)
        acked = self._log_of(op.install_id).acked
        if op.dseq > acked + 1:
            return Taken(op.op_id, None)
        if op.dseq <= acked:
            return self._set_aside(arrival, "forked_log")
        code = self._unsigned(op, pushed, under)
        if code == RETRY:
            return Taken(op.op_id, None)
        self._advance(op)
        mark = pushed.marks.get(op.op_id, "")
        said = mark if credential.kind == NODE and mark in VOUCHED else ""
        code = code or arrival.fault or (said if said != LATE else "") or self._refusal(op, credential)
        late = code == "outside_area" and self._is_late(op, credential, said)
        if code and not late:
            return self._set_aside(arrival, code)
        kept = self._keep(arrival)
        self._apply_or_set_aside(op, kept)
        if late and kept.status == APPLIED:
            kept.code = LATE
            self._makers.setdefault((op.entity, op.id), op.install_id)  # it had the record, also for its next op
        return self._settled(kept)

    def load(self, made: Sequence[Arrival]) -> int:
        """Take in ops of this server's own making; answers how many were new."""
        self.expect_own([one.op for one in made])
        count = sum(self.own(one) for one in made)
        self.own_ended()
        return count

    def expect_own(self, ops: Sequence[Op]) -> None:
        """As `expect`, for ops of this server's own making."""
        installs = sorted({op.install_id for op in ops})
        keys = [(op.entity, op.id, op.area) for op in {(op.entity, op.id): op for op in ops}.values()]
        self.memory.foresee(installs, (), keys)
        self._logs |= dict.fromkeys(installs, Log()) | self.memory.logs(installs)
        again = [op for op in ops if op.dseq <= self._logs[op.install_id].acked]
        self._known |= self.memory.known_ops(again)
        self._asked |= {op.op_id for op in again}
        self._fetch(keys)
        self._expect_waiting((op.entity, op.id) for op in ops)

    def own(self, made: Arrival) -> bool:
        """Take in an op of this server's own making: rights are not asked. False when it was here before.

        Raises Problem forked_log or out_of_order when its number is not the next one: somebody else
        wrote under the same install meanwhile, and the caller has to make the op anew.
        """
        op = made.op
        acked = self._log_of(op.install_id).acked
        if op.dseq <= acked:
            known = self._known_op(op)
            if known is None or known.hash != op.hash:
                raise Problem("forked_log")
            return False
        if op.dseq > acked + 1:
            raise Problem("out_of_order")
        self._advance(op)
        if op.dseq % MARK_EVERY == 0:
            self._mark(op.install_id)
        kept = self._keep(made)
        self._apply(op, kept)
        return True

    def own_ended(self) -> None:
        """Note the chains where this round's ops of our own making ended."""
        for install in self.advanced:
            self._mark(install)

    def _refusal(self, op: Op, credential: Credential) -> str:
        """Why the op may not be applied: '' or a problem code."""
        if credential.revoked:
            return "device_revoked"
        current = self._record(op.entity, op.id, op.area)
        if credential.kind != NODE:
            if op.actor != credential.user_id:
                return "wrong_install"
            return refusal(op, credential.grants, current)
        # A node vouches for its place only; the person's own rights are asked as well.
        if not within(op.area, vouched_places(credential)):
            return "outside_area"
        device = self._record("device", op.install_id, op.area)
        if op.entity == "device" and op.kind == "create":
            return told_device_refusal(op, current, device)
        if device is None and self._must_register(op, credential):
            return "unregistered_device"
        if device and device.deleted:
            return "device_revoked"
        if device and device.fields.get("user_id") and device.fields["user_id"] != op.actor:
            return "wrong_install"
        actor = self._record("user", op.actor, op.area)
        office = device is not None and not device.fields.get("user_id")
        return refusal(op, grants_of(actor), current, at_office=office) if actor else "unknown_actor"

    def _must_register(self, op: Op, credential: Credential) -> bool:
        """Whether the op's install should have been told of: nobody here let it in, and the node is one that tells.

        A node without a key is of a version that told nothing.
        """
        return self._log_of(op.install_id).key is None and bool(self._log_of(credential.install_id).key)

    def _is_late(self, op: Op, credential: Credential, said: str) -> bool:
        """Whether the op is of the time when its person still had the area: about what was on the device by then.

        A node tells it of its devices. Where it cannot be told, a person decides.
        """
        actor = self._record("user", op.actor, op.area)
        if op.entity not in ABOUT_PEOPLE or op.kind == ERASE or not writes(grants_of(actor), op.entity):
            return False
        if credential.kind == NODE:
            return said == LATE and within(op.area, vouched_places(credential)) and self._inside(op, credential)
        key = (op.entity, op.id)
        if self._record(*key, op.area) is None:
            named = op.fields.get("household_id")
            key = ("household", str(plain(named.new)) if named else "")
        return any(
            self._was_delivered(key, op, one)
            for one in self.memory.delivered(op.install_id)
            if (one.until is None or op.dseq <= one.until) and within(op.area, one.prefixes)
        )

    def _inside(self, op: Op, credential: Credential) -> bool:
        current = self._record(op.entity, op.id, op.area)
        return current is None or within(current.area, vouched_places(credential))

    def _was_delivered(self, key: Key, op: Op, one: Delivered) -> bool:
        """Whether the device had the record: pulled, or made by itself."""
        record = self._record(*key, op.area)
        if record is None or not within(record.area, one.prefixes):
            return False
        if 0 < record.seq <= one.place:
            return True
        install_id, first = (self._makers[key], 0) if key in self._makers else self.memory.maker(key)
        return install_id == op.install_id or 0 < first <= one.place

    # --- the log ------------------------------------------------------------------------------------------

    def _known_op(self, op: Op) -> KnownOp | None:
        id = op.op_id
        if id not in self._asked:
            self._asked.add(id)
            self._known |= self.memory.known_ops([op])
        return self._known.get(id)

    def _log_of(self, install_id: str) -> Log:
        if install_id not in self._logs:
            self._logs |= {install_id: Log()} | self.memory.logs([install_id])
        return self._logs[install_id]

    def _chain_of(self, install_id: str) -> str:
        log = self._log_of(install_id)
        if not log.chain:
            hashes = self.memory.claimed(install_id, log.acked) if log.acked else ()
            log = msgspec.structs.replace(log, chain=chain_over(chain_start(install_id), hashes))
            self._logs[install_id] = log
        return log.chain

    def _advance(self, op: Op) -> None:
        install, before = op.install_id, self._chain_of(op.install_id)
        chain = self._links.get((before, op.hash)) or chain_next(before, op.hash)
        self._logs[install] = self.advanced[install] = Log(op.dseq, chain, self._logs[install].key)

    def _mark(self, install_id: str, head: LogHead | None = None) -> None:
        """Note the chain where a log stands now, or the head that covers it."""
        log = self._logs[install_id]
        if head is None or head.dseq != log.acked:
            self.noted.append(Mark(install_id, log.acked, log.chain))
        if head is not None:
            self.noted.append(Mark(install_id, head.dseq, head.chain, head.sig))

    def _head(self, install_id: str) -> ServerHead:
        chain = self._chain_of(install_id)
        return ServerHead(install_id=install_id, dseq=self._logs[install_id].acked, chain=chain, server_id=self.server_id,
                          epoch=self.epoch, tier=self.tier, time=self.received)  # fmt: skip

    # --- signatures ---------------------------------------------------------------------------------------

    def _key_of(self, op: Op) -> str:
        """What the op's install signs with, '' for one that never said."""
        key = self._log_of(op.install_id).key
        if key is not None:
            return key
        device = self._record("device", op.install_id, op.area)
        return str(device.fields.get("key") or "") if device else ""

    def _unsigned(self, op: Op, pushed: Pushed, under: dict[str, Cover]) -> str:
        """'' unless the op's install has a key and no head of the push, signed with it, covers the op.

        RETRY where such a head covers ops that are missing from the push.
        """
        key = self._key_of(op)
        if not key:
            return ""
        if op.install_id not in under:
            under[op.install_id] = self._cover_of(op.install_id, key, pushed)
        head, otherwise = under[op.install_id]
        return "" if head is not None and op.dseq <= head.dseq else otherwise

    def _cover_of(self, install_id: str, key: str, pushed: Pushed) -> Cover:
        heads = [head for head in pushed.heads if head.install_id == install_id]
        if not heads:
            return Cover(None, "bad_signature")
        chains = self._chains(install_id, pushed)
        return Cover(vouched(heads, key, chains), RETRY if promises_more(heads, key, chains) else "bad_signature")

    def _chains(self, install_id: str, pushed: Pushed) -> dict[int, str]:
        """The chain of a log after each op with which the push would continue it."""
        dseq, chain = self._log_of(install_id).acked, self._chain_of(install_id)
        found = {dseq: chain}
        for arrival in pushed.arrivals:
            if arrival.op.install_id == install_id and arrival.op.dseq == dseq + 1:
                link = (chain, arrival.op.hash)
                dseq, chain = dseq + 1, chain_next(*link)
                found[dseq] = self._links[link] = chain
        return found

    def _keep(self, arrival: Arrival, *, variant: bool = False) -> Kept:
        kept = Kept(arrival, -1 - len(self.kept), variant=variant)
        self.kept.append(kept)
        known = self._stored.get((arrival.op.entity, arrival.op.id))
        record = known.record if known else None
        if record is not None and record.deleted and is_erased(record) and self.tier == CENTRE:
            self.erased[arrival.op.entity, arrival.op.id] = str(record.fields[FIELD])
        return kept

    def _set_aside(self, arrival: Arrival, code: str, *, variant: bool = False) -> Taken:
        content = (arrival.op.op_id, arrival.hash)
        kept = Kept(arrival, 0, QUARANTINED, code, variant=variant)
        if content not in self._contents and not self.memory.has_content(arrival.op, arrival.hash):
            kept = self._keep(arrival, variant=variant)
            kept.status, kept.code = QUARANTINED, code
        return self._settled(kept)

    def _settled(self, kept: Kept) -> Taken:
        """Remember the op's result for a repeat in this very round."""
        id, hash = kept.arrival.op.op_id, kept.arrival.hash
        self._contents.add((id, hash))
        known = KnownOp(hash, kept.status, kept.code, kept.rev, kept.seq, self.received)
        if not kept.variant:
            self._known[id] = known
        return Taken(id, known)

    # --- effects ------------------------------------------------------------------------------------------

    def _apply(self, op: Op, kept: Kept, *, waited: bool = False) -> None:
        """Give the op its effect on the records, and its result. Raises before anything is changed.

        waited: it was held, so it is among its record's unsettled ops already.
        """
        key = (op.entity, op.id)
        current = self._record(op.entity, op.id, op.area)
        effect = effect_of(op, current)
        if op.cites and effect.changed and self._turned_down(op.cites, op.area):
            effect = disputed(op, current)
        if self.tier == CENTRE:
            if op.kind == ERASE and effect.record is not None:
                self._erase(key, str(effect.record.fields[FIELD]))
            record = effect.record
            if effect.changed and record is not None:
                record = self._put(record, kept.n, rev=record.rev + 1)
        else:
            unsettled = self._unsettled_of(key)
            if not waited:
                unsettled.append(Unsettled(op, None, None))
            record = self._rebuild(key, kept.n)
        kept.status, kept.code = effect.status, effect.code
        for conflict in effect.conflicts:
            if self._record("conflict", conflict.id, conflict.area) is None:
                self._put(msgspec.structs.replace(conflict, rev=1 if self.tier == CENTRE else 0), kept.n)
        if effect.status == HELD:
            self._waiting_of(key).append(kept)
        elif current is None and effect.status == APPLIED:
            self._makers[key] = op.install_id
            self._release(key)
            record = self._stored[key].record
        kept.rev, kept.seq = (record.rev, record.seq) if record else (0, 0)

    def _release(self, key: Key) -> None:
        """Apply what waited for this record, in the order it came."""
        held = self._waiting_of(key)
        if not held:
            return
        self._waiting[key] = []
        for one in held:
            op, hash = (one.arrival.op, one.arrival.hash) if isinstance(one, Kept) else (one.op, one.op.hash)
            if self._turned_down(hash, op.area):
                again = one if isinstance(one, Kept) else Kept(Arrival(one.op, b"", ""), one.n)
                again.status, again.code, again.rev, again.seq = QUARANTINED, "turned_down", 0, 0
                if again is not one:
                    self.released.append(again)
            elif isinstance(one, Kept):
                self._apply_or_set_aside(one.arrival.op, one, waited=True)
            else:
                again = Kept(Arrival(one.op, b"", ""), one.n)
                self._apply_or_set_aside(one.op, again, waited=True)
                self.released.append(again)

    def _apply_or_set_aside(self, op: Op, kept: Kept, *, waited: bool = False) -> None:
        """A poison op is set aside with its bytes; the rest of the batch flows."""
        try:
            self._apply(op, kept, waited=waited)
        except Exception:
            kept.status, kept.code, kept.rev, kept.seq = QUARANTINED, "cannot_apply", 0, 0

    def _turned_down(self, hash: str, area: str) -> bool:
        """Whether a person of the office decided that the op with this content shall have no effect."""
        decision = self._record("decision", hash, area)
        return decision is not None and decision.fields.get("verdict") == "reject"

    def _erase(self, key: Key, reason: str) -> None:
        """Have the store wipe the record's ops; questions about it end without the values they were about."""
        self.erased[key] = reason
        about = {stored.record.id: stored for stored in self.memory.conflicts_about(key) if stored.record}
        about |= {
            id: stored
            for (kind, id), stored in self._stored.items()
            if kind == "conflict" and stored.record and stored.record.fields.get("id") == key[1]
        }
        for id, stored in about.items():
            self._stored.setdefault(("conflict", id), stored)
            # Below the centre only what it does not know; the others come from above.
            if stored.record and not is_erased(stored.record) and (self.tier == CENTRE or stored.upstream is None):
                wiped = erased_conflict(stored.record)
                self._put(msgspec.structs.replace(wiped, rev=wiped.rev + (self.tier == CENTRE)), None)

    def _waiting_of(self, key: Key) -> list[Waiting | Kept]:
        if key not in self._waiting:
            self._waiting[key] = list(self.memory.waiting([key]).get(key, ()))
        return self._waiting[key]

    # --- records ------------------------------------------------------------------------------------------

    def take_upstream(self, record: Record) -> None:
        """A record as the node above has it."""
        self._rebuild((record.kind, record.id), None, record)
        if is_erased(record):
            self._erase((record.kind, record.id), str(record.fields[FIELD]))

    def withdraw_conflicts(self, op: Op) -> None:
        """The node above took the op without a conflict: what was noted here is no question for a person any more."""
        for name in ("", *op.fields):
            self.withdraw_conflict(conflict_id(op.op_id, name))

    def withdraw_conflict(self, id: str) -> None:
        """A note that the node above has not got, or had before its store was put back (its place is 0 again), goes."""
        key = ("conflict", id)
        self._fetch([(*key, "")])
        record, upstream = self._stored[key].record, self._stored[key].upstream
        if record is not None and not record.deleted and (upstream is None or not upstream.seq):
            self.dropped.append(key)
            self._stored[key] = Stored(self._put(msgspec.structs.replace(record, rev=0, deleted=True), None))

    def drop(self, key: Key) -> None:
        """The node above does not have it: a tombstone here, so that whoever follows this log drops it as well."""
        self._fetch([(*key, "")])
        record = self._stored[key].record
        if record is not None and not record.deleted:
            self.dropped.append(key)
            self._stored[key] = Stored(self._put(msgspec.structs.replace(record, deleted=True), None))

    def rebuild(self, key: Key) -> None:
        """What is seen of a record, after the node above answered for some of its ops."""
        record = self._rebuild(key, None)
        if record is not None and is_erased(record) and (upstream := self._stored[key].upstream) and is_erased(upstream):
            self.erased[key] = str(record.fields[FIELD])

    def _rebuild(self, key: Key, op_n: int | None, fresh: Record | None = None) -> Record | None:
        """Below the centre: the visible record from what is above and what is pending; written when it differs."""
        self._fetch([(*key, fresh.area if fresh else "")])
        before, known = self._stored[key].record, self._stored[key].upstream
        upstream = fresh or known
        place = upstream.seq if upstream else 0
        pending = [
            one.op
            for one in self._unsettled_of(key, place)
            if is_pending((one.up_status, one.up_seq or 0) if one.up_status else None, place)
        ]
        record = visible(upstream, pending)
        if record is None:
            if before is None or before.deleted:
                return before
            # The node above set aside what had made it here: it goes, until somebody takes it up.
            record = msgspec.structs.replace(before, deleted=True, pending=0)
        if before is not None and msgspec.structs.replace(record, seq=before.seq) == before:
            if fresh:
                self.upstreams[key] = fresh
                self._stored[key] = Stored(before, fresh)
            return before
        return self._put(record, op_n, fresh)

    def _unsettled_of(self, key: Key, place: int | None = None) -> list[Unsettled]:
        if key not in self._unsettled:
            if place is None:
                upstream = self._stored[key].upstream
                place = upstream.seq if upstream else 0
            self._unsettled[key] = list(self.memory.unsettled(key, place))
        return self._unsettled[key]

    def _put(self, record: Record, op_n: int | None, fresh: Record | None = None, *, rev: int | None = None) -> Record:
        """Note the visible record at a new place of the log, and as that revision."""
        record = msgspec.structs.replace(record, rev=record.rev if rev is None else rev, seq=-1 - len(self.puts))
        self.puts.append(Put(record, op_n, fresh))
        key = (record.kind, record.id)
        known = self._stored.get(key)
        self._stored[key] = Stored(record, fresh or (known.upstream if known else None))
        return record

    # --- real numbers -------------------------------------------------------------------------------------

    def placed(self, drafts: Iterable[Draft], last_n: int, last_seq: int) -> list[PushReply]:
        """Number what this round made on from the store's last op and last place; answers the replies."""

        for kept in (*self.kept, *self.released):
            if kept.n < 0:
                kept.n = last_n - kept.n
            if kept.seq < 0:
                kept.seq = last_seq - kept.seq
        for put in self.puts:
            msgspec.structs.force_setattr(put.record, "seq", last_seq - put.record.seq)  # made by `_put`, and here only
            if put.op_n is not None and put.op_n < 0:
                put.op_n = last_n - put.op_n
        self._placed = last_seq
        return [
            PushReply(server_id=self.server_id, epoch=self.epoch, time=self.received,
                      results=tuple([self._result(one) for one in draft.taken]),
                      acked_dseq=draft.acked_dseq, expected=draft.expected, heads=draft.heads)
            for draft in drafts
        ]  # fmt: skip

    def _result(self, taken: Taken) -> Result:
        op_id, known = taken.op_id, taken.known
        if known is None:
            return Result(op_id=op_id, status=RETRY, rev=0, seq=0, receipt=None, code="out_of_order")
        seq = known.seq if known.seq >= 0 else self._placed - known.seq
        receipt = Receipt(server_id=self.server_id, epoch=self.epoch, tier=self.tier, op_id=op_id, hash=known.hash, seq=seq,
                          time=known.received_at)  # fmt: skip
        if taken.again:
            return Result(op_id=op_id, status=DUPLICATE, rev=known.rev, seq=seq, code=known.code, receipt=receipt,
                          first=known.status)  # fmt: skip
        return Result(op_id=op_id, status=known.status, rev=known.rev, seq=seq, code=known.code, receipt=receipt)

    def stubs(self) -> list[int]:
        """Rows of ops that came without their values, which a node below had erased."""
        return [kept.n for kept in self.kept if kept.arrival.fault == "erased"]

    def area_before(self, record: Record) -> str | None:
        """Where a put record lay before this round: '' for nowhere, None where nobody asked."""
        return self._areas.get((record.kind, record.id))

    def nowhere(self) -> set[Key]:
        """What was asked for and not found: whoever else makes it meanwhile takes the ground from under what was decided."""
        return {key for key, area in self._areas.items() if area == ""}

    def newest(self) -> list[Put]:
        """The last put of each record: what the table of records holds afterwards, with all that came from above."""
        found: dict[Key, Put] = {}
        for put in self.puts:
            key = (put.record.kind, put.record.id)
            earlier = found.get(key)
            found[key] = put if put.fresh or not earlier else msgspec.structs.replace(put, fresh=earlier.fresh)
        return list(found.values())
