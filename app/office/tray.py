"""待核对: what was kept but not applied, and what a person of the office decides about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from flask import g, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as AnyResponse

from app.access import office
from app.auth import current_user
from app.errors import Problem
from app.i18n import language
from app.node import node
from app.office import blueprint, page, words
from app.office.eyes import in_lists, sight_of
from app.office.history import short_time
from app.office.mask import Sight
from app.office.names import Names
from app.office.roll_files import PLACE, Lines, place_of, roll
from app.tables import households, others
from app.tables.clock import local_time
from app.tables.query import Listing, Row
from sync import tray
from sync.author import Author
from sync.conflict import equal, plain
from sync.own import write_own
from sync.problems import CATALOGUE, message_of
from sync.problems import Problem as SyncProblem
from sync.records import Change, Op, Record
from sync.scope import within

OWN_NAME = "office"
DECIDERS = ("cadre", "township", "county")
MOST_SHOWN = 200
LONGEST_REASON = 500
TABS = ("due", "waiting", "decided")


@blueprint.get("/quarantined")
@office()
def quarantined() -> str:
    """What to decide; what only waits for its record; what was decided."""
    tab, shown = _tab(), _shown()
    told = [_told(item) for item in shown[:MOST_SHOWN]]
    found = _decisions().page(page.page_number()) if tab == "decided" else None
    decided = [row | {"why": _why(row["code"])} for row in found.rows] if found else []
    people = page.names([one["actor"] for one in told] + [row[name] for row in decided for name in ("author", "by")])
    return page.show(
        "quarantined.html", tab=tab, items=told, found=found, decided=decided, people=people, more=len(shown) > MOST_SHOWN,
        counts={"due": len(_there(due_items())), "waiting": len(_there(waiting_items()))}, area=page.area_wish(),
        villages=page.villages(),
    )  # fmt: skip


def _tab() -> str:
    tab = request.args.get("tab", "")
    return tab if tab in TABS else "due"


def _shown() -> list[tray.Item]:
    """What the tab lists, of the places asked for; [] under what was decided, which the read tables hold."""
    return _there({"due": due_items, "waiting": waiting_items}.get(_tab(), list)())


def _there(items: list[tray.Item]) -> list[tray.Item]:
    places = page.places_wish().split()
    return [one for one in items if within(area_of(one.changes[0]), places)] if places else items


def _decisions() -> Listing:
    return others.decisions_asked(page.tables(), page.scope(), page.places_wish())


@roll("tray", of=quarantined, title=_l("待核对"),
      head=(*PLACE, _l("内容"), _l("谁写的"), _l("手机时间"), _l("收到"), _l("为什么没写入"), _l("处理"), _l("理由"), _l("处理人"),
            _l("处理时间")))  # fmt: skip
def _lines() -> Lines:
    """What waits, or what was decided, as the tab says."""
    if _tab() != "decided":
        shown = _shown()
        return Lines(len(shown), map(_cells, shown))
    decisions = _decisions()
    return Lines(decisions.total(), _decided(decisions.each()))


def _cells(item: tray.Item) -> list[str]:
    one = _told(item)
    home = one["about"] or {"area": one["area"], "group": "", "house_no": "", "head_name": one["head"]}
    state = _("等前一条") if one["held"] else _("要核对")
    return [*place_of(home), _entities(one["entities"]), page.names([one["actor"]]).get(one["actor"], ""), one["when"],
            one["received"], " ".join(one["reasons"]), state, "", "", ""]  # fmt: skip


def _decided(rows: Iterator[Row]) -> Iterator[list[str]]:
    names = Names()
    for row in rows:
        place = place_of({"area": row["area"], "group": "", "house_no": "", "head_name": ""})
        verdict = _("已采纳") if row["verdict"] == tray.ACCEPT else _("不采纳")
        yield [*place, _entities([row["entity"]]), names.of(row["author"]), short_time(row["said_at"]), "", _why(row["code"]),
               verdict, row["reason"] or "", names.of(row["by"]), short_time(row["at"])]  # fmt: skip


def _entities(kinds: Iterable[str]) -> str:
    return _("、").join(words.pick(words.ENTITIES.get(one, (one, one)), language()) for one in kinds)


@blueprint.get("/quarantined/<key>")
@office()
def quarantined_one(key: str) -> str:
    return _page_of(_item(key))


@blueprint.post("/quarantined/<key>")
@office(*DECIDERS)
def decide(key: str) -> str | AnyResponse:
    """Take it up or turn it down. Decided by somebody else meanwhile: that decision stands, and is shown."""
    verdict, reason = request.form.get("verdict", ""), request.form.get("reason", "").strip()
    if verdict not in (tray.ACCEPT, tray.REJECT):
        raise Problem("bad_request")
    item = next((one for one in open_items() if one.key == key), None)
    if item is None:
        if (decision := node().store.get("decision", key)) and within(decision.area, page.scope().area_prefixes):
            return redirect(url_for("office.quarantined", tab="decided"), 303)
        raise Problem("not_found")
    if len(reason) > LONGEST_REASON:
        return _page_of(item, fault=_("理由太长,请写在 %(n)s 字以内。", n=LONGEST_REASON))
    if verdict == tray.REJECT and not reason:
        return _page_of(item, fault=_("不采纳要写明理由,填表的人会问。"))
    try:
        write_own(node().store, OWN_NAME, current_user().id, lambda author: _ops(item, verdict, reason, author), clock=node().now)
    except SyncProblem as problem:
        if problem.code not in CATALOGUE or problem.code == "busy":
            raise
        return _page_of(item, fault=f"{problem.message(language())}{problem.next(language())}")
    here = node()
    if here.relay:
        here.relay.soon()
    return redirect(url_for("office.quarantined"), 303)


def _ops(item: tray.Item, verdict: str, reason: str, author: Author) -> Sequence[Op]:
    """Asked again under the writer's lock: what somebody decided meanwhile is not decided twice."""
    left = tuple(change for change in item.changes if node().store.get("decision", change.hash) is None)
    if not left:
        return ()
    records = {(c.op.entity, c.op.id): node().store.get(c.op.entity, c.op.id) for c in left}
    areas = {change.hash: area_of(change) for change in left}
    return tray.decide(item._replace(changes=left), verdict, reason, records, areas, current_user().grants, author)


# --- which items ------------------------------------------------------------------------------------------


def open_items() -> list[tray.Item]:
    """What waits for a person in the reader's area."""
    if "tray_items" not in g:
        prefixes = page.scope().area_prefixes
        mine = [change for change in node().store.undecided() if within(area_of(change), prefixes)]
        g.tray_items = tray.items(mine)
    found: list[tray.Item] = g.tray_items
    return found


def due_items() -> list[tray.Item]:
    """Those to look at now, the latest first."""
    now = node().now()
    return [item for item in reversed(open_items()) if tray.is_due(item, now)]


def waiting_items() -> list[tray.Item]:
    """Those that only wait for their record, the oldest first."""
    return [item for item in open_items() if item.held]


def _item(key: str) -> tray.Item:
    found = next((item for item in open_items() if item.key == key), None)
    if found is None:
        raise Problem("not_found")
    return found


def area_of(change: Change) -> str:
    op, store = change.op, node().store
    household = _household_id(op)
    area = tray.area_of(op, store.get(op.entity, op.id), store.get("household", household) if household else None)
    if len(area) > 2:
        return area
    # It names no place: whoever the device belongs to says where it is.
    user = store.get("user", op.actor)
    return str(user.fields.get("area") or user.area) if user else area


def _household_id(op: Op) -> str:
    if op.entity == "household":
        return op.id
    change = op.fields.get("household_id")
    if change and isinstance(change.new, str):
        return change.new
    record = node().store.get(op.entity, op.id)
    return str(record.fields.get("household_id", "")) if record else ""


# --- in words ---------------------------------------------------------------------------------------------


def _told(item: tray.Item) -> dict[str, Any]:
    first = item.changes[0]
    household = next((id for id in map(_household_id, _ops_of(item)) if id), "")
    return {
        "key": item.key,
        "held": item.held,
        "actor": first.op.actor,
        "own": first.op.actor == current_user().id,
        "when": short_time(first.op.device_time),
        "received": local_time(first.received_at)[:16].replace("T", " "),
        "area": area_of(first),
        "household": household,
        "about": households.household(page.tables(), page.scope(), household) if household else None,
        "head": in_lists(area_of(first)).value(
            "head_name", next((_text(op.fields["head_name"].new) for op in _ops_of(item) if "head_name" in op.fields), "")),
        "entities": list(dict.fromkeys(op.entity for op in _ops_of(item))),
        "reasons": [_why(code) for code in dict.fromkeys(change.code for change in item.changes)],
    }


def _page_of(item: tray.Item, fault: str = "") -> str:
    told = _told(item)
    sight = sight_of(told["area"], told["household"])
    return page.show(
        "quarantined_one.html", unmasked=sight.numbers, one=told, fault=fault,
        parts_of_item=[_part(change, sight) for change in item.changes],
        people=page.names([told["actor"]]), may_decide=bool(current_user().roles & set(DECIDERS)) and not told["own"],
        longest=LONGEST_REASON,
    )  # fmt: skip


def _part(change: Change, sight: Sight) -> dict[str, Any]:
    """One op in words: per field what its author saw, what stands now, what they said."""
    op, lang = change.op, language()
    current = node().store.get(op.entity, op.id)

    def shown(name: str, value: Any) -> str:
        return words.value_in_words(op.entity, name, sight.value(name, _text(value)), lang)

    lines = [] if op.entity == "submission" else [
        (words.field_label(op.entity, name, lang), shown(name, step.old), _now(current, name, shown), shown(name, step.new))
        for name, step in op.fields.items()
        if not equal(step.old, step.new) and name not in ("household_id", "submission_id", "code")
    ]
    return {
        "entity": op.entity,
        "kind": op.kind,
        "name": sight.value("full_name", _name(op, current)),
        "gone": current is not None and current.deleted,
        "missing": current is None,
        "lines": lines,
        "confirmed": sum(equal(step.old, step.new) for step in op.fields.values()),
    }


def _name(op: Op, current: Record | None) -> str:
    """Whom or what it is about, as far as a heading needs it."""
    if op.entity == "submission":
        form, answers = op.fields.get("form_id"), op.fields.get("answers")
        return f"{_text(form.new) if form else ''} {_text(answers.new) if answers else ''}".strip()
    said = op.fields.get("full_name")
    return _text(said.new if said else current.fields.get("full_name") if current else "")


def _now(current: Record | None, name: str, shown: Any) -> str:
    return shown(name, current.fields.get(name)) if current else ""


def _ops_of(item: tray.Item) -> Iterable[Op]:
    return [change.op for change in item.changes]


def _text(value: Any) -> str:
    value = plain(value)
    if isinstance(value, dict):
        return _("%(n)s 项回答", n=len(value))
    return value if isinstance(value, str) else "…"


def _why(code: str) -> str:
    """The reason in words; what the catalogue says to do next is for whoever holds the phone."""
    return message_of(code, language()) if code in CATALOGUE else code
