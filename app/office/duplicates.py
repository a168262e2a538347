"""Households that may be the same: the list of likely pairs, side by side, merged by a person, parted again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from flask import redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as AnyResponse

from app import merging
from app.access import office
from app.auth import current_user
from app.errors import Problem
from app.i18n import language
from app.node import node
from app.office import blueprint, page, words
from app.office.eyes import sight_of
from app.office.mask import PERSONAL, Sight
from app.office.roll_files import PLACE, Lines, place_of, roll
from app.steps import Step
from app.tables import households
from app.tables.checks import exemptions_of
from app.tables.duplicates import MOST, NAME, NUMBER, PERSON, SOUND, likely_pairs
from app.tables.lives import events_of
from app.tables.pairings import pairings_of
from app.tables.query import Row
from sync.author import Author
from sync.ids import new_id
from sync.own import write_own
from sync.records import Change, FieldChange, Op, Record
from sync.scope import within

MAY_MERGE = ("cadre", "township", "county")
OWN_NAME = "merge"
MOST_IN_FILE = 5_000
"""Pairs; the list on the screen is shorter."""
REASONS = {
    NUMBER: _l("户编号相同"), PERSON: _l("有同一证件号码的人"), NAME: _l("同村同组,户主同名"), SOUND: _l("同一门牌,户主同音"),
}  # fmt: skip


@blueprint.get("/duplicates")
@office(*MAY_MERGE)
def duplicates() -> str:
    shown = list(_told(likely_pairs(page.tables(), page.scope(), page.places_wish())))
    return page.show("duplicates.html", pairs=shown, villages=page.villages(), area=page.area_wish(), most=MOST)


def _told(pairs: Iterable[Row]) -> Iterator[dict[str, Any]]:
    for pair in pairs:
        one, other = (households.household(page.tables(), page.scope(), pair[side]) for side in ("a", "b"))
        if one and other:
            yield {"a": one, "b": other, "reasons": [REASONS[reason] for reason in pair["reasons"]]}


_SIDE = (*PLACE, _l("人数"))


@roll("duplicates", of=duplicates, title=_l("疑似重复的户"),
      head=(_l("为什么"), *_SIDE, *(_l("另一户:%(name)s", name=one) for one in _SIDE), _l("核查结果"), _l("核查人")))  # fmt: skip
def _lines() -> Lines:
    pairs = likely_pairs(page.tables(), page.scope(), page.places_wish(), MOST_IN_FILE + 1)
    cells = _cells(pairs[:MOST_IN_FILE])
    more = [[_("只列了前 %(n)s 对。处理以后再下载,或选一个村。", n=MOST_IN_FILE)]] if len(pairs) > MOST_IN_FILE else []
    return Lines(min(len(pairs), MOST_IN_FILE), chain(cells, more))


def _cells(pairs: Sequence[Row]) -> Iterator[list[str]]:
    """The last two columns are for the hand that checks."""
    for one in _told(pairs):
        sides = [[*place_of(one[side]), str(one[side]["people"] or 0)] for side in ("a", "b")]
        yield [_("、").join(map(str, one["reasons"])), *sides[0], *sides[1], "", ""]


@blueprint.get("/merge")
@office(*MAY_MERGE)
def merge() -> str:
    """The two side by side: which stays, and which value of each field."""
    kept, gone = _pair(request.args)
    lang, both = language(), [sight_of(one.area, one.id) for one in (kept, gone)]
    sight = Sight(all(one.numbers for one in both), all(one.names for one in both))
    sides = [sight.fields({n: str(v or "") for n, v in one.fields.items()}) for one in (kept, gone)]
    members = {one.id: households.members(page.tables(), page.scope(), [one.id]) for one in (kept, gone)}
    return page.show(
        "merge.html",
        unmasked=sight.numbers,
        hidden=not sight.numbers and bool(PERSONAL & set(merging.differing(kept.fields, gone.fields))),
        kept=kept,
        gone=gone,
        fields=[
            (name, words.field_label("household", name, lang),
             *(words.value_in_words("household", name, side.get(name, ""), lang) for side in sides))
            for name in merging.differing(kept.fields, gone.fields)
        ],
        members=members,
        twice=_same_people(kept.id, gone.id),
        visits={one.id: len(households.visits(page.tables(), page.scope(), [one.id])) for one in (kept, gone)},
    )  # fmt: skip


@blueprint.post("/merge")
@office(*MAY_MERGE)
def merge_now() -> AnyResponse:
    kept, gone = _pair(request.form)
    store = node().store
    belonging = [record for row in _belonging(gone.id) if (record := store.get(*row))]
    stay = _same_people(kept.id, gone.id)
    chosen = [name for name in merging.differing(kept.fields, gone.fields) if request.form.get(f"field-{name}") == "gone"]
    _write(merging.steps_of_merge(kept, gone, chosen, belonging, stay), new_id())
    return redirect(url_for("office.household", id=kept.id), 303)


@blueprint.post("/merge/undo")
@office(*MAY_MERGE)
def merge_undo() -> AnyResponse:
    """Part a household from the one it was merged into."""
    store, prefixes = node().store, page.scope()
    gone = store.get("household", request.form.get("gone", ""))
    into = str(gone.fields.get("merged_into") or "") if gone else ""
    kept = store.get("household", into) if into else None
    if gone is None or kept is None or not _mine(gone, prefixes) or not _mine(kept, prefixes):
        raise Problem("not_found")
    merge_id = merging.merge_of(store.history("household", gone.id), kept.id)
    records = [kept, gone, *(record for row in _belonging(kept.id) if (record := store.get(*row)))]
    told: list[tuple[Record, Sequence[Change]]] = [(one, store.history(one.kind, one.id)) for one in records]
    steps, _left = merging.steps_back(merge_id, told)
    _write(steps, new_id())
    return redirect(url_for("office.household", id=gone.id), 303)


def merged_into(id: str) -> list[dict[str, Any]]:
    """Households that were merged into this one, for its page."""
    found = [node().store.get("household", one) for one in households.merged_ids(page.tables(), page.scope(), [id])]
    return [{"id": one.id, "name": one.fields.get("head_name", ""), "area": one.area} for one in found if one]


def _pair(asked: Any) -> tuple[Record, Record]:
    """The household that stays and the one that goes; 404 unless both are the reader's and stand for themselves."""
    found = []
    for name in ("kept", "gone"):
        record = node().store.get("household", asked.get(name, ""))
        if record is None or record.deleted or record.fields.get("merged_into") or not _mine(record, page.scope()):
            raise Problem("not_found")
        found.append(record)
    if found[0].id == found[1].id:
        raise Problem("bad_request", message=_("这是同一户。"), next=_("从“疑似重复”里选两户。"))
    return found[0], found[1]


def _mine(record: Record, scope: Any) -> bool:
    return within(record.area, scope.area_prefixes)


def _belonging(id: str) -> list[tuple[str, str]]:
    """(kind, id) of what the read tables say belongs to a household."""
    lists = {"member": households.members, "visit": households.visits, "issue": households.issues}
    found = [(kind, row["id"]) for kind, of in lists.items() for row in of(page.tables(), page.scope(), [id])]
    found += [("pairing", row["id"]) for row in pairings_of(page.tables(), page.scope(), id)]
    found += [("exemption", row["id"]) for row in exemptions_of(page.tables(), page.scope(), id)]
    return [*found, *(("event", row["id"]) for row in events_of(page.tables(), page.scope(), id))]


def _same_people(kept_id: str, gone_id: str) -> set[str]:
    """Ids of those of the household that goes whom the other one has as well: by their whole numbers, which are not shown."""
    kept, gone = (households.members(node().tables, page.scope(), [id]) for id in (kept_id, gone_id))
    return {other["id"] for other in gone if any(merging.same_person(one, other) for one in kept)}


def _write(steps: Sequence[Step], merge_id: str) -> None:
    def ops(author: Author) -> list[Op]:
        return [
            author.op(
                step.kind, step.entity, step.id, step.area, {n: FieldChange(old, new) for n, (old, new) in step.fields.items()},
                base_rev=step.base_rev, form_id=merging.FORM_ID, form_version=merge_id,
            )
            for step in steps
        ]  # fmt: skip

    here = node()
    write_own(here.store, OWN_NAME, current_user().id, ops, clock=here.now)
    here.tables.catch_up()
