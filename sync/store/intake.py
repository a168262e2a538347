"""How ops enter a store: order, rights, effect and result, the same on every database.

An `Intake` lives inside one write transaction. It asks a `Memory` what is
there, decides in plain Python, and gathers what has to be written; the store
writes it in bulk and commits. Places of the log are not known before the
store hands them out, so an intake numbers what it made -1, -2, … and
`Intake.placed` puts the real numbers in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from sync.conflict import plain
from sync.erasing import ERASE, FIELD, is_erased
from sync.problems import Problem
from sync.records import (
    APPLIED,
    CENTRE,
    DUPLICATE,
    NODE,
    QUARANTINED,
    RETRY,
    Arrival,
    Credential,
    Delivered,
    Op,
    Pushed,
    PushReply,
    Receipt,
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
from sync.store.intake_effects import Effects
from sync.store.intake_logs import Cover, Logs
from sync.store.intake_round import Kept, Taken
from sync.store.memory import Key, KnownOp, Log

MARK_EVERY = 50
"""So many ops of a server's own log lie between two noted chains, as between two heads of a phone."""


class Draft(NamedTuple):
    """A push's reply before its ops have their places."""

    taken: list[Taken]
    acked_dseq: dict[str, int]
    expected: dict[str, int]
    heads: tuple[ServerHead, ...]


class Intake(Logs, Effects):
    """One round of taking ops in."""

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

    # --- results ------------------------------------------------------------------------------------------

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
