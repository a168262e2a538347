"""What happened to a household, in the order of the days: dated entries, members, helpers, and changes of status in visits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flask_babel import gettext as _

from app.i18n import language
from app.node import node
from app.office import page, words
from app.tables.lives import events_of
from forms.lives import LEFT, MOVED_IN, MOVED_OUT, SPLIT_FROM, SPLIT_OFF, STATUS_EVENTS, gone_to
from sync.conflict import plain

Entry = dict[str, Any]


def lived(row: Mapping[str, Any], members: Sequence[Mapping[str, Any]], history: Sequence[Any]) -> dict[str, Any]:
    """The timeline, the latest first; who left for another household; and where all of it went, for whoever still sees it here."""
    events = events_of(page.tables(), page.scope(), row["id"])
    makers = node().store.makers("event", [one["id"] for one in events])
    told = [*(_of_event(one, makers) for one in events), *_of_members(members, events), *_of_status(history, events)]
    people = page.names({one["actor"] for one in told})
    ids_here = {one["id"] for one in members}
    return {
        "timeline": sorted(told, key=lambda one: (one["date"], one["seq"]), reverse=True),
        "told_by": people,
        "left_for": [one for one in events if one["what"] == LEFT and one["member_id"] not in ids_here],
        "gone": gone_to(events, row["area"]),
    }


def _of_event(one: Mapping[str, Any], makers: Mapping[str, Any]) -> Entry:
    lang, maker = language(), makers.get(one["id"])
    what, link, where = one["what"], one["other_id"], ""
    if what in ("joined", LEFT):
        reason = words.label_of("join_reason" if what == "joined" else "member_state", one["reason"], lang)
        text = f"{one['member_name']} · {reason}"
        where = one["other_name"]
    elif what in (SPLIT_OFF, SPLIT_FROM):
        text, where = one["member_name"], one["other_name"]
    elif what in (MOVED_OUT, MOVED_IN):
        place, link = one["place_name"], ""
        text = _("迁往 %(place)s", place=place) if what == MOVED_OUT else _("从 %(place)s 迁来", place=place)
    else:
        text = words.label_of("household_status", one["status"], lang)
    return {"date": one["date"], "seq": one["seq"], "what": words.label_of("household_event", what, lang), "text": text,
            "note": one["note"], "actor": maker.actor if maker else "", "submission": "", "link": link, "where": where,
            "strong": what in STATUS_EVENTS}  # fmt: skip


def _of_members(members: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]]) -> Iterator[Entry]:
    """Who came and went as a visit wrote it down, where no entry tells it."""
    told = {(one["member_id"], one["date"]) for one in events}
    lang = language()
    for one in members:
        day = one["change_date"]
        if not day or (one["id"], day) in told:
            continue
        here = one["state"] in ("", "active")
        reason = words.label_of(*(("join_reason", one["join_reason"]) if here else ("member_state", one["state"])), lang)
        yield _plain(day, words.label_of("household_event", "joined" if here else "left", lang), f"{one['full_name']} · {reason}")


def _of_status(history: Sequence[Any], events: Sequence[Mapping[str, Any]]) -> Iterator[Entry]:
    """Changes of status that forms made: the day is that of the visit."""
    written, lang = any(one["what"] in STATUS_EVENTS for one in events), language()
    for change in history:
        said = change.op.fields.get("status")
        if said is None or change.op.form_id == "status" or change.status not in ("applied", "conflict"):
            continue
        old, new = str(plain(said.old) or ""), str(plain(said.new) or "")
        if old == new or not new or (change.op.kind == "create" and written):
            continue
        labels = [words.label_of("household_status", one, lang) for one in (old, new) if one]
        yield _plain(change.op.device_time[:10], _("户类型"), " → ".join(labels), change.op.actor, change.op.submission or "")


def _plain(date: str, what: str, text: str, actor: str = "", submission: str = "") -> Entry:
    return {"date": date, "seq": 0, "what": what, "text": text, "note": "", "actor": actor, "submission": submission,
            "link": "", "where": "", "strong": False}  # fmt: skip
