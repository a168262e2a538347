"""Looking at submissions again, behind the receipt: what a phone may not send, and what it should have changed.

Nothing is refused or repaired here; a person decides. The register is taken
as it stood before the submission, so the outcome does not depend on when the
tables are built.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from app.tables.checks import checks_of, settings_by_county
from app.tables.follow import Tables
from app.tables.rows import text_of as _text
from app.tables.seen import Asked, History, Readable, Register
from app.tables.visit_facts import VisitFacts
from forms import entities
from forms.definition import Form
from forms.entities import EntityChange
from forms.review import ReviewProblem, looked_at, moment
from forms.rules.reading import FLAG, shipped
from forms.rules.running import Checks, Finding
from sync.records import Op

log = logging.getLogger("ruhu.tables")

UNREADABLE = {
    "path": "",
    "code": "unreadable",
    "message": {"zh": "重新检查没有做成,请人看原样", "en": "could not be checked again; please look at it as sent"},
}
Submission = Mapping[str, Any]
"""A row of the read tables."""
REGISTER = ("household", "member", "visit", "issue")
# The phone adds these to what the form says.
ADDED = frozenset({"last_visit", "household_id", "submission_id", "state"})


@dataclass(frozen=True)
class Findings:
    """What a person should look at: {path, code, label and message by language}, {entity, id, field, …}; JSON-able."""

    problems: list[dict[str, Any]] = field(default_factory=list)
    differences: list[dict[str, Any]] = field(default_factory=list)
    checks: list[dict[str, Any]] = field(default_factory=list)
    """What the checks say of how the visit was made and of the household as it leaves it: {rule, member, severity,
    reason, unexplained}."""


class Reviewer(Protocol):
    """Judges submissions, in their order; None for one that cannot be judged yet (its form version is not here)."""

    def many(self, rows: Sequence[Submission]) -> Iterable[Findings | None]: ...


class Shelf(Protocol):
    """Published forms by version."""

    def get(self, form_id: str, version: str) -> Form | None: ...


class FormReviewer:
    """Fills the form again with the answers as they were sent, over the register as its author saw it."""

    def __init__(self, tables: Readable, store: History, forms: Shelf, limits: Mapping[str, str] | None = None) -> None:
        self.tables, self.store, self.forms, self.limits = tables, store, forms, dict(limits or {})

    def __call__(self, row: Submission) -> Findings | None:
        return next(self.many([row]))

    def many(self, rows: Sequence[Submission]) -> Iterator[Findings | None]:
        """What several need is read at once; each is told as soon as it is known."""
        beside: Beside | None = None
        for row in rows:
            form = self.forms.get(row["form_id"], row["form_version"])
            if form is None:
                yield None
                continue
            try:
                beside = beside or Beside(self, rows)
                yield beside.findings(form, row)
            except Exception as error:  # whatever was sent: one bad submission must not stop the others
                yield self._alone(form, row) if len(rows) > 1 else _unreadable(error)

    def _alone(self, form: Form, row: Submission) -> Findings:
        """It may have been another one's fault."""
        try:
            return Beside(self, [row]).findings(form, row)
        except Exception as error:
            return _unreadable(error)


def _unreadable(error: Exception) -> Findings:
    log.warning("a submission could not be checked again: %s", type(error).__name__)
    return Findings([UNREADABLE])


class Beside:
    """What store and tables say beside some submissions."""

    def __init__(self, reviewer: FormReviewer, rows: Sequence[Submission]) -> None:
        self._limits = reviewer.limits
        changes = reviewer.store.ops_of_submissions([row["id"] for row in rows])
        self._asked = {
            row["id"]: Asked(row["household_id"], changes.get(row["id"], ()), "" if row["household_id"] else row["area"])
            for row in rows
        }
        self._register = Register(reviewer.tables, reviewer.store, list(self._asked.values()))
        db = reviewer.tables.reading()
        self._facts = VisitFacts(db, rows)
        self._settings = settings_by_county(db.conn)

    def findings(self, form: Form, row: Submission) -> Findings:
        asked = self._asked[row["id"]]
        seen = self._register.seen(asked)
        fields = {"answers": json.loads(row["answers"] or "{}"), "ended": row["ended"]}
        problems, filled = looked_at(form, fields, seen)
        # Without ops they went another way up; their own node compares them.
        derived = entities.changes(form, filled, _Base(seen)) if asked.changes else []
        return Findings(
            problems=[_told(problem, form) for problem in problems],
            differences=differences(derived, [change.op for change in asked.changes]) if asked.changes else [],
            checks=self._checks(row, _place(form, fields["answers"]), seen, derived),
        )

    def _checks(
        self, row: Submission, place: str, seen: Mapping[str, list[dict[str, str]]], derived: Sequence[EntityChange]
    ) -> list[dict[str, Any]]:
        """Each check that is raised, with the reason that came along."""
        ended = moment(row["ended"])
        checks = checks_of(row["area"][:6], self._settings, self._limits)
        facts = self._facts.of(row, place, datetime.now(UTC), _new_numbers(derived))
        reasons = _object(row.get("reasons"))
        found = [*checks.visit(facts, now=ended), *after_checks(checks, seen, derived, ended)]
        return [_check_told(one, _text(reasons.get(f"{one.rule}|{one.member}"))) for one in found]


class _Base(Mapping[str, Sequence[Mapping[str, Any]]]):
    """The register that was seen, as deriving changes takes it."""

    def __init__(self, seen: Mapping[str, list[dict[str, str]]]) -> None:
        self._seen = seen
        self._made: dict[str, list[Mapping[str, Any]]] = {}

    def __getitem__(self, kind: str) -> list[Mapping[str, Any]]:
        found = self._made.get(kind)
        if found is None:
            found = self._made[kind] = [{"id": one["name"], "fields": one} for one in self._seen[kind]]
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._seen)

    def __len__(self) -> int:
        return len(self._seen)


def _new_numbers(derived: Sequence[EntityChange]) -> list[str]:
    """ID numbers that a visit wrote down for somebody."""
    said = [change.fields["id_no"] for change in derived if change.entity == "member" and "id_no" in change.fields]
    return [str(step["new"] or "") for step in said if step["new"] != step["old"]]


def _told(problem: ReviewProblem, form: Form) -> dict[str, Any]:
    """The problem with its question's name; a calculation without a label goes by its own."""
    name = problem.path.rsplit("/", 1)[-1]
    label = {lang: form.label(problem.path, lang) or name for lang in ("zh", "en")}
    message = {lang: problem.message(lang) for lang in ("zh", "en")}
    return {"path": problem.path, "code": problem.code, "label": label, "message": message}


def review_some(tables: Tables, reviewer: Reviewer, limit: int) -> int:
    """Review submissions that have not been, oldest first; answers how many were.

    All are written down at the end: what is lost to a killed process is looked at again.
    """
    with tables.writing() as db:
        waiting = list(db.query("SELECT * FROM submissions WHERE reviewed = 0 ORDER BY seq LIMIT ?", [limit]))
    if not waiting:
        return 0
    found = list(zip(waiting, reviewer.many(waiting), strict=True))
    judged = [(row, findings) for row, findings in found if findings is not None]
    with tables.writing() as db:
        db.conn.executemany(
            # Again when something new has come in, which may be the form.
            "UPDATE submissions SET reviewed = -1 WHERE id = ? AND seq = ?",
            [(row["id"], row["seq"]) for row, findings in found if findings is None],
        )
        db.conn.executemany(
            "UPDATE submissions SET reviewed = 1, problems = ?, problem_count = ?, differences = ?, "
            "difference_count = ?, visit_checks = ?, visit_check_count = ? WHERE id = ? AND seq = ?",
            [
                (_json(findings.problems), len(findings.problems),
                 _json(findings.differences), len(findings.differences), _json(findings.checks),
                 sum(1 for one in findings.checks if one["unexplained"]), row["id"], row["seq"])
                for row, findings in judged
            ],
        )  # fmt: skip
    return len(judged)


def after_checks(
    checks: Checks, seen: Mapping[str, list[dict[str, str]]], derived: Iterable[EntityChange], now: datetime
) -> list[Finding]:
    """The checks over the household as it is once the derived changes are made; ``last`` is how it was before."""
    households = {row["name"]: dict(row) for row in seen.get("household", ())}
    members = {row["name"]: dict(row) for row in seen.get("member", ())}
    before = next((dict(row) for row in households.values()), {})
    for change in derived:
        kept = {"household": households, "member": members}.get(change.entity)
        if kept is not None:
            kept.setdefault(change.id, {}).update({name: _text(step["new"]) for name, step in change.fields.items()})
    if not households:
        return []
    household = next(iter(households.values()))
    people = [{**fields, "id": id_} for id_, fields in members.items()]
    return checks.household(household, people, now=now, last=before)


def _check_told(found: Finding, reason: str) -> dict[str, Any]:
    """unexplained: the phone asks for a reason, and none came."""
    severity = shipped().rules[found.rule].severity
    return {"rule": found.rule, "member": found.member, "severity": severity, "reason": reason,
            "unexplained": severity != FLAG and not reason}  # fmt: skip


def _place(form: Form, answers: Any) -> str:
    """Where the form was filled, as a geopoint; '' when it does not say."""
    return next((found for path in form.paths_of("geopoint") if (found := _answer_at(answers, path))), "")


def _answer_at(answers: Any, path: str) -> str:
    for name in path.split("/")[2:]:
        answers = answers.get(name) if isinstance(answers, dict) else None
    return answers if isinstance(answers, str) else ""


def _object(text: Any) -> dict[str, Any]:
    try:
        read = json.loads(text or "{}")
    except (TypeError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def differences(derived: Iterable[Any], ops: Iterable[Op]) -> list[dict[str, Any]]:
    """Where the register changes that came differ from those the answers lead to.

    derived: changes with entity, id, kind and fields {name: {old, new}}.
    Confirmations are nobody's duty and are not compared.
    """
    expected = {(one.entity, one.id, name): new for one in derived for name, new in _changed(one.fields)}
    told = {
        (op.entity, op.id, name): new
        for op in ops
        if op.entity in REGISTER and op.entity != "visit"
        for name, new in _changed(op.fields)
    }
    found = []
    for entity, id, name in sorted({*expected, *told}):
        wanted, came = expected.get((entity, id, name)), told.get((entity, id, name))
        if wanted == came or (wanted is None and name in ADDED):
            continue
        code = "missing" if came is None else "unasked" if wanted is None else "other"
        found.append({"entity": entity, "id": id, "field": name, "code": code, "wanted": wanted, "came": came})
    return found


def _changed(fields: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """(name, new value) of every field that really changes."""
    for name, step in fields.items():
        # Of a dict, not a Mapping: to ask that of hundreds of fields takes as long as all the rest.
        old, new = (step["old"], step["new"]) if isinstance(step, dict) else (step.old, step.new)
        before, after = _text(old), _text(new)
        if before != after:
            yield name, after


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
