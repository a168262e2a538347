"""What ops do to records: at the centre at once, below it over what came from above."""

from __future__ import annotations

import msgspec

from sync.apply import conflict_id, disputed, effect_of
from sync.erasing import ERASE, FIELD, erased_conflict, is_erased
from sync.overlay import is_pending, visible
from sync.records import APPLIED, CENTRE, HELD, QUARANTINED, Arrival, Op, Record
from sync.store.intake_round import Kept, Round
from sync.store.memory import Key, Stored, Unsettled


class Effects(Round):
    """Of a round, what becomes of records."""

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

    # --- below the centre ---------------------------------------------------------------------------------

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
