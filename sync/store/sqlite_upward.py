"""The hop upward of a SQLite store: what a node still has to offer, what was answered, what came from above."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from sync.apply import KEPT_BOTH
from sync.failpoints import reach
from sync.overlay import is_pending
from sync.protocol import op_of_body
from sync.records import (
    BLOB_PLACES,
    CENTRE,
    CONFLICT,
    NODE,
    RETRY,
    BlobPlace,
    BlobWord,
    LateReceipt,
    LogHead,
    Receipt,
    Record,
    Result,
    ServerHead,
)
from sync.store.base import ToRelay
from sync.store.batches import whole_batch
from sync.store.memory import Key
from sync.store.pages import moment_text
from sync.store.sqlite_file import set_meta
from sync.store.sqlite_taking import SqliteTaking

_json = msgspec.json.Encoder()

UNSHARED_CONFLICTS = """
SELECT id FROM record INDEXED BY record_conflicts
WHERE kind = 'conflict' AND deleted = 0 AND (upstream IS NULL OR json_extract(upstream, '$.seq') = 0)
  AND NOT EXISTS (SELECT 1 FROM op WHERE op_id = json_extract(record.fields, '$.op_id') AND variant = 0 AND up_status IS NULL)
"""


class SqliteUpward(SqliteTaking):
    """What a relay asks of a node's store."""

    def follow_upstream(self) -> None:
        if self._tier == NODE:
            return
        with self._writing() as write:
            set_meta(write, "tier", NODE)
        self._tier = NODE

    def to_relay(self, limit: int, max_bytes: int, own: str = "") -> list[ToRelay]:
        mine, names = _made_by(own)
        return [one for _, one in self._offered(f"o.up_status IS NULL{mine}", names, limit, max_bytes)]

    def _offered(self, where: str, values: tuple[Any, ...], limit: int, max_bytes: int) -> list[tuple[int, ToRelay]]:
        """The first of these ops with their places, cut where heads cover them all."""
        while True:
            rows = self._all(
                "SELECT o.n, o.install_id, o.dseq, o.op_id, o.body, o.code, h.dseq, h.chain, h.sig, i.user_id = '' FROM op o"  # noqa: S608 - our own
                " LEFT JOIN install i ON i.install_id = o.install_id"
                " LEFT JOIN log_head h ON h.install_id = o.install_id AND h.dseq = (SELECT min(dseq) FROM log_head"
                " WHERE install_id = o.install_id AND dseq >= o.dseq AND sig <> '')"
                f" WHERE {where} AND o.variant = 0 ORDER BY o.n LIMIT ?",
                *values, limit,
            )  # fmt: skip
            batch = whole_batch([_to_relay(*row[1:]) for row in rows], max_bytes)
            if batch or len(rows) < limit:
                return [(row[0], one) for row, one in zip(rows, batch, strict=False)]
            limit *= 2

    def take_results(self, results: Sequence[tuple[str, Result]], *, tier: str) -> None:
        with self._taking_in(moment_text(self._clock())) as (write, intake):
            touched: dict[Key, None] = {}
            for _install, result in results:
                if result.status == RETRY or result.receipt is None:
                    continue
                status = result.first or result.status
                row = write.execute(
                    "SELECT entity, id, status, body, up_status, up_code FROM op WHERE op_id = ? AND variant = 0", (result.op_id,)
                ).fetchone()
                write.execute(
                    "UPDATE op SET up_status = ?, up_code = ?, up_rev = ?, up_seq = ? WHERE op_id = ? AND variant = 0",
                    (status, result.code, result.rev, result.seq, result.op_id),
                )
                if tier == CENTRE:
                    self._confirm(write, result.op_id, status, result.rev, result.code, result.receipt)
                if row is None:
                    continue
                # Here, or above before the store there was put back.
                withdrawn = status != CONFLICT and (row[2] == CONFLICT or row[5] == KEPT_BOTH)
                # Most answers change nothing that is seen: the op stays laid over until the record that has it is pulled.
                if withdrawn or row[4] is not None or self._shows(write, row[0], row[1], (status, result.seq or 0)):
                    touched[row[0], row[1]] = None
                if withdrawn:
                    intake.withdraw_conflicts(op_of_body(row[3]))
            for key in touched:
                intake.rebuild(key)
            intake.placed((), self._last_n, self._latest)
            self._move_confirmed(write, {install for install, _ in results})

    @staticmethod
    def _shows(write: sqlite3.Connection, kind: str, id: str, result: tuple[str, int]) -> bool:
        """Whether what is seen of a record changes when an op that was laid over it is answered so."""
        sql = "SELECT json_extract(upstream, '$.seq'), json_extract(upstream, '$.deleted') FROM record WHERE kind = ? AND id = ?"
        place, deleted = write.execute(sql, (kind, id)).fetchone() or (0, 0)
        # Of an erased record an answered op is wiped too.
        return bool(deleted) or not is_pending(result, place or 0)

    def take_receipts(self, install_id: str, receipts: Sequence[LateReceipt]) -> None:
        with self._writing() as write:
            for one in receipts:
                self._confirm(write, one.op_id, one.status, one.rev, one.code, one.receipt)
            self._move_confirmed(write, {install_id})

    def take_heads(self, heads: Sequence[ServerHead]) -> None:
        with self._writing() as write:
            for head in heads:
                write.execute(
                    "INSERT INTO centre_head (install_id, head) VALUES (?, ?) ON CONFLICT (install_id) DO UPDATE SET"
                    " head = excluded.head WHERE json_extract(excluded.head, '$.dseq') >= json_extract(head, '$.dseq')"
                    " OR json_extract(excluded.head, '$.epoch') <> json_extract(head, '$.epoch')",
                    (head.install_id, _json.encode(head).decode()),
                )

    def centre_head(self, install_id: str) -> ServerHead | None:
        found = self._one("SELECT head FROM centre_head WHERE install_id = ?", install_id)
        return msgspec.json.decode(found[0], type=ServerHead) if found else None

    def without_centre_head(self, limit: int) -> list[str]:
        rows = self._all(
            "SELECT install_id FROM log WHERE acked > 0 AND install_id NOT IN (SELECT install_id FROM centre_head)"
            " ORDER BY install_id LIMIT ?",
            limit,
        )
        return [row[0] for row in rows]

    def _confirm(self, write: sqlite3.Connection, op_id: str, status: str, rev: int, code: str, receipt: Receipt) -> None:
        write.execute(
            "UPDATE op SET centre_status = ?, centre_rev = ?, centre_code = ?, centre_receipt = ?"
            " WHERE op_id = ? AND hash = ? AND variant = 0",
            (status, rev, code, _json.encode(receipt).decode(), op_id, receipt.hash),
        )

    def _move_confirmed(self, write: sqlite3.Connection, installs: Iterable[str]) -> None:
        for install in installs:
            # The first op without the centre's word ends the confirmed prefix.
            first = write.execute(
                "SELECT min(dseq) FROM op WHERE install_id = ? AND variant = 0 AND centre_receipt IS NULL AND dseq >"
                " (SELECT confirmed FROM log WHERE install_id = ?)",
                (install, install),
            ).fetchone()[0]
            write.execute(
                "UPDATE log SET confirmed = max(confirmed, coalesce(? - 1, acked)) WHERE install_id = ?", (first, install)
            )

    def offer_again(self, install_id: str, from_dseq: int) -> None:
        """The upstream lacks the install's ops from that dseq on."""
        with self._writing() as write:
            write.execute(
                "UPDATE op SET up_status = NULL WHERE install_id = ? AND dseq >= ? AND variant = 0", (install_id, from_dseq)
            )

    def take_page(self, records: Sequence[Record], cursor: str, source: tuple[str, str]) -> None:
        with self._taking_in(moment_text(self._clock())) as (write, intake):
            for record in records:
                intake.take_upstream(record)
            intake.placed((), self._last_n, self._latest)
            reach("page.taken")
            set_meta(write, "upstream_cursor", cursor)
            set_meta(write, "upstream_source", " ".join(source))

    def settle_conflicts(self) -> bool:
        gone = [row[0] for row in self._all(UNSHARED_CONFLICTS)]
        if gone:
            with self._taking_in(moment_text(self._clock())) as (_, intake):
                for id in gone:
                    intake.withdraw_conflict(id)
                intake.placed((), self._last_n, self._latest)
        return bool(gone)

    def upstream_cursor(self) -> tuple[str | None, tuple[str, str] | None]:
        found = dict(self._all("SELECT key, value FROM meta WHERE key IN ('upstream_cursor', 'upstream_source')"))
        source = found.get("upstream_source", "").split(" ")
        return found.get("upstream_cursor") or None, (source[0], source[1]) if len(source) == 2 else None

    def meet_upstream(self, source: tuple[str, str]) -> None:
        self.mark("upstream_source", " ".join(source))

    def forget_upstream(self) -> None:
        with self._writing() as write:
            write.execute("DELETE FROM meta WHERE key IN ('upstream_cursor', 'upstream_source')")
            write.execute("UPDATE record SET upstream = json_set(upstream, '$.seq', 0) WHERE upstream IS NOT NULL")
            write.execute("UPDATE op SET up_status = NULL, up_seq = NULL WHERE variant = 0")
            write.execute("UPDATE blob SET relayed = 0, word = ''")
            write.execute("DELETE FROM centre_head")

    def awaiting_centre(self) -> dict[str, int]:
        return dict(self._all("SELECT install_id, confirmed FROM log WHERE confirmed < acked"))

    def blobs_to_relay(self, limit: int) -> list[str]:
        return [
            row[0]
            for row in self._all(
                "SELECT DISTINCT b.sha256 FROM blob b JOIN blob_named m USING (sha256) JOIN op o"
                " ON o.entity = m.kind AND o.id = m.id WHERE b.relayed = 0 AND o.up_status IS NOT NULL LIMIT ?",
                limit,
            )
        ]

    def blob_relayed(self, sha256: str, place: BlobPlace, word: BlobWord | None = None) -> None:
        said = _json.encode(word).decode() if word else ""
        with self._writing() as write:
            write.execute("UPDATE blob SET relayed = ?, word = ? WHERE sha256 = ?", (BLOB_PLACES.index(place), said, sha256))

    def blob_words(self, names: Sequence[str]) -> dict[str, BlobWord]:
        rows = self._all("SELECT word FROM blob WHERE sha256 IN (SELECT value FROM json_each(?)) AND word <> ''",
                         _json.encode(list(names)).decode())  # fmt: skip
        words = [msgspec.json.decode(row[0], type=BlobWord) for row in rows]
        return {word.sha256: word for word in words}

    def blobs_above(self, limit: int) -> list[str]:
        return [row[0] for row in self._all("SELECT sha256 FROM blob WHERE relayed = 1 LIMIT ?", limit)]

    def unconfirmed_ops(self, after: int, limit: int, max_bytes: int, own: str = "") -> list[tuple[int, ToRelay]]:
        # Where the centre is directly above and was restored, every op is offered anew: old receipts count no more.
        _, source = self.upstream_cursor()
        lost = "o.up_status IS NULL AND json_extract(o.centre_receipt, '$.server_id') = ?"
        mine, names = _made_by(own)
        where = f"o.n > ? AND (o.centre_receipt IS NULL OR ({lost})){mine}"
        return self._offered(where, (after, source[0] if source else "", *names), limit, max_bytes)

    def blobs_to_carry(self) -> list[str]:
        return [
            row[0]
            for row in self._all(
                "SELECT DISTINCT b.sha256 FROM blob b JOIN blob_named m USING (sha256) JOIN op o"
                " ON o.entity = m.kind AND o.id = m.id WHERE b.relayed = 0 ORDER BY b.sha256"
            )
        ]


def _made_by(own: str) -> tuple[str, tuple[str, ...]]:
    """Only ops of our own install of that name, also of what it was called before a restore."""
    return (" AND i.user_id = '' AND (i.name = ? OR i.name GLOB ? || ' *')", (own, own)) if own else ("", ())


def _to_relay(
    install_id: str, dseq: int, op_id: str, body: bytes, code: str, upto: int | None, chain: str, sig: str, own: int | None
) -> ToRelay:
    head = LogHead(install_id=install_id, dseq=upto, chain=chain, sig=sig) if upto else None
    return ToRelay(install_id, dseq, op_id, body, code, head, bool(own))
