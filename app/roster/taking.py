"""Taking a checked roster into the register, and taking a whole import back: in pieces, each once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from app.roster.making import FORM_ID, Maker, Piece, making
from app.roster.plan import BEGINNING, DONE, KEPT, OPEN, UNDONE, Plan, PlannedOp
from sync.author import Author, spelled
from sync.conflict import plain
from sync.own import own_install, write_own
from sync.records import Arrival, Op, Record
from sync.store.base import Store

PIECE = 2_000
OWN_NAME = "import"


@dataclass(frozen=True)
class Taker:
    """actor: who answers for the import. goes_on: False when the program is stopping. note: how many are done."""

    store: Store
    plan: Plan
    run: str
    actor: str
    code_key: bytes
    clock: Callable[[], datetime]
    goes_on: Callable[[], bool]
    note: Callable[[int], None]

    def take_in(self) -> bool:
        """Make every op that is still to be made; False when stopped before the end."""
        done = self._note_what_is_in()
        install = own_install(self.store, OWN_NAME)
        with making(self.plan, self._maker(), self.clock, PIECE) as ahead, _Marks(self.plan) as marks:
            ahead.begin(BEGINNING, install, self.store.acked([install])[install] + 1)
            while self.goes_on():
                piece = ahead.piece()
                if not piece.planned:
                    return True
                ahead.begin(piece.last, install, piece.ops[-1].op.dseq + 1)
                self._write(lambda author, piece=piece: piece.ops if piece.fit(author) else self._anew(author, piece))  # type: ignore[misc]
                marks.done(piece.planned)
                done += len(piece.planned)
                self.note(done)
        return False

    def _note_what_is_in(self) -> int:
        """A kill may have come between the store's commits and our marks. Answers how many are done."""
        while here := self.plan.left(OPEN, PIECE):
            found = [one for one in here if self._is_in(one)]
            self.plan.mark((one.n, DONE, "") for one in found)
            if len(found) < len(here):
                break
        return self.plan.counted().get(DONE, 0)

    def _maker(self) -> Maker:
        return Maker(self.run, self.actor, self.code_key)

    def _anew(self, author: Author, piece: Piece) -> list[Arrival]:
        maker = self._maker()
        return [spelled(maker.op(author, one)) for one in self.plan.some(piece.planned)]

    def take_back(self, used: Callable[[str, str], str]) -> bool:
        """Void what this import made and put old values back, except where somebody changed or used it since.

        used: (entity, id) → why a record made here must stay, '' when nothing hangs on it.
        """
        done = 0
        while self.goes_on():
            piece = self.plan.left_backwards(PIECE)
            if not piece:
                return True
            back: list[tuple[PlannedOp, Record]] = []
            marks: list[tuple[int, int, str]] = []
            for one in piece:
                record = self.store.get(one.entity, one.id)
                why = self._why_kept(one, record, used)
                if record is None or (one.kind == "create" and record.deleted):
                    marks.append((one.n, UNDONE, ""))
                elif why:
                    marks.append((one.n, KEPT, why))
                else:
                    back.append((one, record))
                    marks.append((one.n, UNDONE, self._partly(one, record)))
            if back:
                self._write(lambda author, back=back: [op for one, r in back for op in self._back(author, one, r)])  # type: ignore[misc]
            self.plan.mark(marks)
            done += len(piece)
            self.note(done)
        return False

    def _write(self, make: Callable[[Author], Sequence[Op]]) -> None:
        write_own(self.store, OWN_NAME, self.actor, make, clock=self.clock)

    def _is_in(self, one: PlannedOp) -> bool:
        record = self.store.get(one.entity, one.id)
        return record is not None and all(
            plain(record.fields.get(name, "")) == new for name, (_old, new) in one.fields.items()
        )

    def _why_kept(self, one: PlannedOp, record: Record | None, used: Callable[[str, str], str]) -> str:
        if record is None or one.kind != "create":
            if record is not None and record.deleted:
                return "removed"
            return "changed" if record is not None and not self._still(one, record) else ""
        if len(self._still(one, record)) < len(one.fields) or self._more(one, record):
            return "changed"
        return used(one.entity, one.id)

    def _still(self, one: PlannedOp, record: Record) -> list[str]:
        """The fields that hold what the import put there."""
        return [name for name, (_old, new) in one.fields.items() if plain(record.fields.get(name, "")) == new]

    def _more(self, one: PlannedOp, record: Record) -> bool:
        """Whether the record made here has got values since."""
        own = set(one.fields) | {"code"}
        return any(value not in ("", None) for name, value in record.fields.items() if name not in own)

    def _partly(self, one: PlannedOp, record: Record) -> str:
        return "" if one.kind == "create" or len(self._still(one, record)) == len(one.fields) else "changed"

    def _back(self, author: Author, one: PlannedOp, record: Record) -> list[Op]:
        marked = {"form_id": FORM_ID, "form_version": self.run, "base_rev": record.rev}
        if one.kind == "create":
            seen = {name: plain(record.fields.get(name)) for name in one.fields}
            return [author.void(one.entity, one.id, record.area, seen, "撤销导入", **marked)]
        fields = {name: (one.fields[name][1], one.fields[name][0] or "") for name in self._still(one, record)}
        return [author.update(one.entity, one.id, record.area, fields, **marked)] if fields else []


class _Marks:
    """Marks a piece as done on disk while the store takes in the next one, and no later than that."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ruhu-import-marks")
        self._last: Future[None] | None = None

    def done(self, planned: Sequence[int]) -> None:
        """Raises what marking the piece before raised."""
        self._settle()
        self._last = self._thread.submit(self._plan.mark, [(n, DONE, "") for n in planned])

    def _settle(self) -> None:
        if self._last is not None:
            self._last.result()

    def __enter__(self) -> _Marks:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._thread.shutdown(wait=True)
        self._settle()
