"""What happens to a household over time: what it counts as, who comes and goes. Pure.

A dated entry is a record of kind ``event``: its status and its date stand in one record, so that no merge can part them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

IDENTIFIED, EXITED, RETURNED, MONITORED, RISK_REMOVED = "identified", "exited", "returned", "monitored", "risk_removed"
STATUS_EVENTS = (IDENTIFIED, EXITED, RETURNED, MONITORED, RISK_REMOVED)
"""识别, 脱贫, 返贫, 纳入监测, 风险消除."""
JOINED, LEFT, SPLIT_OFF, SPLIT_FROM, MOVED_OUT, MOVED_IN = "joined", "left", "split_off", "split_from", "moved_out", "moved_in"

JOIN_REASONS = ("born", "married_in", "moved_in")
LEAVE_REASONS = ("dead", "married_out", "abroad", "prison", "moved_out")
"""变更原因 of those who come and of those who go: codes of join_reason and of member_state."""
TO_ANOTHER = ("married_out", "moved_out")
"""Whoever goes for one of these may live in another household of the register from that day."""

_LEADS_TO = {IDENTIFIED: "poor", EXITED: "exited", RETURNED: "poor", MONITORED: "monitored"}
_FOLLOWS = {
    "": STATUS_EVENTS,
    "ordinary": (IDENTIFIED, MONITORED),
    "poor": (EXITED,),
    "exited": (RETURNED, MONITORED),
    "monitored": (RISK_REMOVED, RETURNED, IDENTIFIED),
}


def may_follow(status: str) -> tuple[str, ...]:
    """What may happen next to a household of this status."""
    return _FOLLOWS.get(status, STATUS_EVENTS)


def status_after(what: str, household: Mapping[str, str]) -> str:
    """What the household counts as from then on. Whose risk is gone is again what it was: exited once it had an exit."""
    if what == RISK_REMOVED:
        return "exited" if household.get("exit_year") else "ordinary"
    return _LEADS_TO[what]


def is_past(date: str, known: Iterable[Mapping[str, str]]) -> bool:
    """Whether a later status entry is known: then this one is written down and changes nothing of today."""
    return any(one["date"] > date for one in known if one["what"] in STATUS_EVENTS)


def fields_of_status(what: str, date: str, household: Mapping[str, str]) -> dict[str, str]:
    """What the household's own fields become by a status entry that is the latest."""
    fields = {"status": status_after(what, household)}
    if what == EXITED:
        fields["exit_year"] = date[:4]
    if what == MONITORED:
        fields["monitored_since"] = date
    return fields


def is_running(pairing: Mapping[str, str], today: str) -> bool:
    """Whether a pairing holds on that day. The day it ended is the first without it."""
    ended = pairing.get("ended") or ""
    return (pairing.get("started") or "") <= today and (not ended or ended > today)


def gone_to(entries: Iterable[Mapping[str, Any]], area: str) -> Mapping[str, Any] | None:
    """The entry that says where a household went from this area; None when it never left it, or is back.

    For those who still see it there, and for those who only have its entries. The phone asks the same in
    ``static/js/core/lives.js``; tests/vectors/lives.json holds both together. entries have an area and a seq.
    """
    here = [one for one in entries if one["area"] == area and one["what"] in (MOVED_OUT, MOVED_IN)]
    last = max(here, key=lambda one: (one["date"], one["seq"]), default=None)
    return last if last is not None and last["what"] == MOVED_OUT else None
