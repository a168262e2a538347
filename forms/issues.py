"""A problem of a household until it is closed (整改事项 … 销号): its states, who may take which step, what a step writes, lateness.

The phone knows the same in ``static/js/core/issues.js``; tests/vectors/issues.json holds both together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

OPEN, FIXING, SUBMITTED, CLOSED = "open", "fixing", "submitted", "closed"
SOON_DAYS = 3
DAYS_TO_FIX = 15
"""The deadline of an issue for which nobody chose one."""
OVERDUE, SOON = "overdue", "soon"
STEPS = ("progress", "submit", "return", "close", "reopen")
NEEDS_NOTE = frozenset({"return", "reopen"})

_FIELD_STEPS = {OPEN: ("progress", "submit"), FIXING: ("progress", "submit")}
_OFFICE_STEPS = {SUBMITTED: ("return", "close"), CLOSED: ("reopen",)}
_KINDS = {"income": "income", "school": "school", "student": "school", "education": "school", "medical": "medical",
          "health": "medical", "housing": "housing", "water": "water", "work": "job", "labour": "job",
          "policies": "policy", "support": "policy"}  # fmt: skip


def lateness(issue: Mapping[str, str], today: str) -> str:
    """'overdue', 'soon' (today and the three days after) or ''. What waits for closing is no longer its owner's delay."""
    deadline = issue.get("deadline") or ""
    if not deadline or state_of(issue) in (SUBMITTED, CLOSED):
        return ""
    if deadline < today:
        return OVERDUE
    return SOON if deadline <= soon_until(today) else ""


def soon_until(today: str) -> str:
    """The last day that counts as soon."""
    return date.fromordinal(date.fromisoformat(today).toordinal() + SOON_DAYS).isoformat()


def state_of(issue: Mapping[str, str]) -> str:
    return issue.get("state") or OPEN


def steps(issue: Mapping[str, str], actor: str, *, office: bool) -> list[str]:
    """What this person may do next. office: a township or county answers for the place."""
    state = state_of(issue)
    found = list(_FIELD_STEPS.get(state, ()))
    if office:
        found += _OFFICE_STEPS.get(state, ())
    if "close" in found and not may_close(issue, actor):
        found.remove("close")
    return found


def may_close(issue: Mapping[str, str], actor: str) -> bool:
    """Another person than the one who owns it or handed it in, and only what was handed in."""
    return state_of(issue) == SUBMITTED and actor not in (issue.get("owner_id"), issue.get("submitted_by"))


def changes(
    step: str, issue: Mapping[str, str], *, actor: str, today: str, note: str = "", evidence: Sequence[str] = ()
) -> dict[str, str]:
    """The fields a step sets. note: what was done, or why it goes back. evidence: SHA-256 of new pictures and files."""
    result = {"result": note or issue.get("result") or "", "evidence": joined(issue.get("evidence") or "", evidence)}
    match step:
        case "progress":
            return {"state": FIXING, **result}
        case "submit":
            return {"state": SUBMITTED, **result, "submitted_by": actor, "submitted_on": today}
        case "return":
            return {"state": FIXING, "returned_why": note}
        case "close":
            return {"state": CLOSED, "closed_by": actor, "closed_on": today, "closing_note": note}
        case "reopen":
            return {"state": FIXING, "returned_why": note, "closed_by": "", "closed_on": "", "closing_note": ""}
    raise ValueError(step)


def joined(before: str, more: Iterable[str]) -> str:
    """The evidence so far and what is new, each once."""
    return " ".join(dict.fromkeys([*before.split(), *more]))


def kind_of(fields: Iterable[str]) -> str:
    """The problem kind that fields a check looked at speak of."""
    for name in fields:
        for part, kind in _KINDS.items():
            if part in name:
                return kind
    return "other"
