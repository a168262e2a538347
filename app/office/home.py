"""The office's first page: what came in, what needs a person, how the households stand."""

from __future__ import annotations

from app.access import office
from app.node import node
from app.office import blueprint, page, retention, sights
from app.office.connect import certificate_left
from app.office.tray import due_items, waiting_items
from app.origin.expiry import ALARM_DAYS
from app.tables import checks, households, issues, others, submissions
from app.tables.submissions import SubmissionWish, find_submissions


@blueprint.get("/")
@office()
def home() -> str:
    tables, scope = page.tables(), page.scope()
    left = certificate_left()
    return page.show(
        "home.html",
        today=page.today(),
        arrived=submissions.arrived_on(tables, scope, page.today()),
        flagged=submissions.flagged(tables, scope),
        conflicts=others.open_conflicts(tables, scope),
        quarantined=len(due_items()),
        held=len(waiting_items()),
        findings=checks.open_findings(tables, scope),
        exemptions=checks.waiting_exemptions(tables, scope),
        issues=issues.counts(tables, scope, page.today()),
        taken=sights.alerts(),
        over_time=retention.due_in_all(),
        room=node().room,
        library_problems=len(node().library.problems),
        certificate_ends=left if left is not None and left <= ALARM_DAYS else None,
        statuses=households.by_status(tables, scope),
        latest=find_submissions(tables, scope, SubmissionWish()).rows[:8],
    )
