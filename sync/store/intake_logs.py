"""Logs of installs: how far each is, its chain, and whether the install itself signed what comes in its name."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from sync.logs import chain_next, chain_over, chain_start, promises_more, vouched
from sync.records import RETRY, LogHead, Op, Pushed, ServerHead
from sync.store.intake_round import Mark, Round
from sync.store.memory import KnownOp, Log


class Cover(NamedTuple):
    """The furthest head of a push that holds for a log, and what becomes of ops that it does not cover."""

    head: LogHead | None
    otherwise: str


class Logs(Round):
    """Of a round, what moves logs on."""

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
