"""A change of codes carried out: every record under the old ones, in pieces, each once, however often it is begun anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from app import parting
from app.areas import Step, group_step, merged_steps, recoded, steps_for
from sync.author import Author
from sync.own import write_own
from sync.records import FieldChange, Op, Record, Scope
from sync.scope import prefix_of, within
from sync.store.base import Store

OWN_NAME = "areas"
PAGE = 1_000


def affected(store: Store, mapping: Mapping[str, str]) -> dict[str, int]:
    """How many records of each kind the change would touch."""
    found = (record.kind for record in _concerned(store, mapping) if not record.deleted and steps_for(record, mapping, ""))
    return dict(Counter(found))


def _concerned(store: Store, codes: Iterable[str]) -> Iterator[Record]:
    """What lies in these places, and every record of the kinds that a change of codes reaches wherever they lie."""
    prefixes = tuple(prefix_of(code) for code in codes)
    for record in _each(store, Scope(area_prefixes=prefixes)):
        if record.kind not in parting.WIDE and within(record.area, prefixes):
            yield record
    yield from _each(store, Scope(area_prefixes=("",), kinds=tuple(sorted(parting.WIDE))))


def _each(store: Store, scope: Scope) -> Iterator[Record]:
    cursor, more = None, True
    while more:
        page = store.pull(scope, cursor, PAGE)
        yield from page.records
        cursor, more = page.cursor, page.more


def carry_out(
    store: Store, mapping: Mapping[str, str], *, actor: str, day: str, clock: Callable[[], datetime],
    groups: Mapping[str, str] | None = None, merger: str = "",
    goes_on: Callable[[], bool] = lambda: True, note: Callable[[int, int], None] = lambda done, end: None,
) -> bool:  # fmt: skip
    """Move everything; False when told to stop before the end. note: (places of the log seen, how many there are).

    groups: old village → what is written in front of its households' groups. merger: its id, by which it can be taken back.

    People and areas go first: whoever works there must have the new place
    before its households arrive in it.
    """

    def stands(kind: str, id: str) -> bool:
        record = store.get(kind, id)
        return record is not None and not record.deleted

    for first in (True, False):
        seq, end = 0, store.latest_seq()
        while seq < end:
            if not goes_on():
                return False
            page = store.changes(seq, PAGE)
            steps = [
                step
                for record in page.records
                if (record.kind in ("area", "user")) is first
                for step in (*group_step(record, mapping, groups or {}), *steps_for(record, mapping, day))
            ]
            steps = merged_steps(steps, stands)
            if steps:
                write_own(store, OWN_NAME, actor, lambda author, steps=steps: _ops(author, steps, merger), clock=clock)  # type: ignore[misc]
            seq = page.seq
            note(seq, end)
    return True


def _ops(author: Author, steps: Sequence[Step], merger: str) -> list[Op]:
    made = []
    named = {"form_id": parting.MERGED, "form_version": merger} if merger else {}
    for step in steps:
        fields = {name: FieldChange(old, new) for name, (old, new) in step.fields.items()}
        made.append(author.op(step.kind, step.entity, step.id, step.area, fields, **named))
    return made


# --- and back -------------------------------------------------------------------------------------------------


def merger_of(store: Store, village: str) -> str:
    """The id of the merger that closed the village, as long as it was not taken back; ''."""
    return parting.merger_of(store.history("area", village))


def parting_of(store: Store, village: str) -> parting.Parting:
    """What would take the merger of that village back, as things are now."""
    merger = merger_of(store, village)
    closed = store.get("area", village)
    into = str(closed.fields.get("successor") or "") if closed else ""
    found = list(_concerned(store, [into])) if merger and into else []
    told = [(record, history) for at in range(0, len(found), PAGE)
            for record, history in _with_histories(store, found[at : at + PAGE])]
    return parting.parted(merger, told)


def _with_histories(store: Store, records: Sequence[Record]) -> Iterator[parting.Told]:
    """Asked for a kind at a time: one by one they are thousands of questions for a village."""
    kinds: dict[str, list[str]] = {}
    for record in records:
        kinds.setdefault(record.kind, []).append(record.id)
    found = {kind: store.histories(kind, ids) for kind, ids in kinds.items()}
    for record in records:
        yield record, found[record.kind].get(record.id, [])


def carry_back(store: Store, village: str, *, actor: str, clock: Callable[[], datetime]) -> parting.Parting:
    """Put everything back where the merger found it, in one commit (a very large village in several, the place itself last).

    Answers what was done.
    """
    done: list[parting.Parting] = []
    merger = merger_of(store, village)

    def ops(author: Author) -> list[Op]:
        done.append(parting_of(store, village))
        return [
            author.op(step.kind, step.entity, step.id, step.area, {n: FieldChange(*pair) for n, pair in step.fields.items()},
                      base_rev=step.base_rev, form_id=parting.PARTED, form_version=merger)
            for step in done[-1].steps
        ]  # fmt: skip

    write_own(store, OWN_NAME, actor, ops, clock=clock)
    return done[-1]


def wrong_with(mapping: Mapping[str, str], known: Mapping[str, str]) -> str:
    """Why a mapping cannot be carried out: '' or a code of the page's. known: code → name of the places in scope."""
    for old, new in mapping.items():
        if old == new or not old or not new:
            return "same"
        if len(old) != len(new):
            return "length"
        if new.startswith(old) or recoded(new, mapping) != new:
            return "circle"
        if old.ljust(12, "0") not in known:
            return "unknown"
    return ""
