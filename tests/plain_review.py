"""The second look and the checks of a visit in the plainest way: one visit at a time, everything read anew, nothing remembered.

What `app.tables.review` does for many at once has to find the same.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.tables.checks import settings_by_county
from app.tables.names import natural_key
from app.tables.review import UNREADABLE, Findings, differences
from app.tables.rows import text_of
from app.tables.seen import KINDS, as_seen, fields_before
from app.tables.visit_facts import metres_between, minutes_between
from forms import entities
from forms.instance import Instance
from forms.register import FIELDS
from forms.review import evaluate, moment
from forms.rules.reading import FLAG, shipped
from forms.rules.running import Checks

LABEL = {"household": "head_name", "member": "full_name", "issue": "description", "village": "village_title"}


class PlainReviewer:
    def __init__(self, tables: Any, store: Any, forms: Any, limits: Mapping[str, str]) -> None:
        self.tables, self.store, self.forms, self.limits = tables, store, forms, dict(limits)

    def __call__(self, row: Mapping[str, Any]) -> Findings | None:
        form = self.forms.get(row["form_id"], row["form_version"])
        if form is None:
            return None
        try:
            return self._findings(form, row)
        except Exception:
            return Findings([UNREADABLE])

    def _findings(self, form: Any, row: Mapping[str, Any]) -> Findings:
        changes = self.store.ops_of_submissions([row["id"]]).get(row["id"], [])
        seen = self._seen(row, changes)
        answers = json.loads(row["answers"] or "{}")
        problems = [
            {
                "path": one.path, "code": one.code,
                "label": {lang: form.label(one.path, lang) or one.path.rsplit("/", 1)[-1] for lang in ("zh", "en")},
                "message": {lang: one.message(lang) for lang in ("zh", "en")},
            }
            for one in evaluate(form, {"answers": answers, "ended": row["ended"]}, external=seen)
        ]  # fmt: skip
        if not changes:
            return Findings(problems, checks=self._checks(form, row, answers, seen, []))
        base = {kind: [{"id": one["name"], "fields": one} for one in rows] for kind, rows in seen.items()}
        filled = Instance(form, now=moment(row["ended"]), external=seen, answers=answers, ids=lambda: "0", as_sent=True)
        derived = entities.changes(form, filled, base)
        different = differences(derived, [change.op for change in changes])
        return Findings(problems, different, self._checks(form, row, answers, seen, derived))

    def _seen(self, row: Mapping[str, Any], changes: Any) -> dict[str, list[dict[str, str]]]:
        seq, household = changes[0].seq if changes else sys.maxsize, row["household_id"]
        ids = {"household": [household] if household else [], "village": [] if household else [row["area"]]}
        for kind, table in (("member", "members"), ("visit", "visits"), ("issue", "issues")):
            sql = f"SELECT id FROM [{table}] WHERE household_id = ? AND household_id <> '' ORDER BY id"  # noqa: S608 - names of ours
            ids[kind] = [id for (id,) in self.tables.reading().execute(sql, [household]).fetchall()]
        seen: dict[str, list[dict[str, str]]] = {}
        for kind in KINDS:
            seen[kind] = []
            for id in ids[kind]:
                record = self.store.get(kind, id)
                before = fields_before(record.fields, self.store.history(kind, id), seq) if record else None
                if before is not None:
                    own = [change.op for change in changes if (change.op.entity, change.op.id) == (kind, id)]
                    fields = as_seen(before, own)
                    blank = {field.name: "" for field in FIELDS[kind]}
                    seen[kind].append(blank | fields | {"name": id, "label": fields.get(LABEL.get(kind, ""), "")})
        active = [one for one in seen["member"] if one["state"] in ("", "active")]
        return seen | {"member": sorted(active, key=lambda one: natural_key(one["line"]))}

    def _checks(self, form: Any, row: Any, answers: Any, seen: Any, derived: Any) -> list[dict[str, Any]]:
        db, ended = self.tables.reading(), moment(row["ended"])
        own = settings_by_county(db.conn).get(row["area"][:6])
        checks = Checks(shipped(), limits={**self.limits, **(own.limits if own else {})}, off=own.off if own else ())
        found = [*checks.visit(self._facts(db, form, row, answers, derived), now=ended)]
        checks = Checks(shipped(), limits={**self.limits, **(own.limits if own else {})}, off=own.off if own else ())
        households = {one["name"]: dict(one) for one in seen["household"]}
        members = {one["name"]: dict(one) for one in seen["member"]}
        before = dict(next(iter(households.values()), {}))
        for change in derived:
            if change.entity in ("household", "member"):
                kept = households if change.entity == "household" else members
                kept.setdefault(change.id, {}).update({name: text_of(step["new"]) for name, step in change.fields.items()})
        if households:
            people = [{**fields, "id": id} for id, fields in members.items()]
            found += checks.household(next(iter(households.values())), people, now=ended, last=before)
        reasons = json.loads(row["reasons"] or "{}")
        told = []
        for one in found:
            severity = shipped().rules[one.rule].severity
            reason = text_of(reasons.get(f"{one.rule}|{one.member}"))
            told.append({"rule": one.rule, "member": one.member, "severity": severity, "reason": reason,
                         "unexplained": severity != FLAG and not reason})  # fmt: skip
        return told

    def _facts(self, db: Any, form: Any, row: Any, answers: Any, derived: Any) -> dict[str, str]:
        def asked(sql: str, *values: Any) -> Any:
            return db.execute(sql, values).fetchone()[0]

        place = ""
        for node in form.definition["nodes"]:
            if node.get("type") == "geopoint" and not place:
                found = answers
                for name in node["path"].split("/")[2:]:
                    found = found.get(name) if isinstance(found, dict) else None
                place = found if isinstance(found, str) else ""
        home = db.execute("SELECT location FROM households WHERE id = ?", [row["household_id"]]).fetchone()
        usual = db.execute(
            "SELECT started, ended FROM submissions WHERE form_id = ? AND substr(area, 1, 9) = ? AND id <> ?"
            " ORDER BY ended DESC LIMIT 60", [row["form_id"], row["area"][:9], row["id"]],
        ).fetchall()  # fmt: skip
        known = sorted(float(minutes) for minutes in (minutes_between(*pair) for pair in usual) if minutes)
        numbers = [
            str(change.fields["id_no"]["new"] or "") for change in derived
            if change.entity == "member" and "id_no" in change.fields
            and change.fields["id_no"]["new"] != change.fields["id_no"]["old"]
        ]  # fmt: skip
        minute = row["ended"][:16]
        try:
            ended = datetime.fromisoformat(row["ended"])
            late = ended.tzinfo is not None and (ended - datetime.now(UTC)).total_seconds() > 300
        except ValueError:
            late = False
        return {
            "people_elsewhere": str(asked(
                "SELECT count(DISTINCT id_no) FROM members WHERE id_no IN (SELECT value FROM json_each(?)) AND id_no <> ''"
                " AND household_id <> ? AND state IN ('', 'active')", json.dumps(numbers), row["household_id"])),
            "minutes": minutes_between(row["started"], row["ended"]),
            "usual_minutes": f"{known[len(known) // 2]:.1f}" if len(known) >= 10 else "",
            "metres": metres_between(place, home[0] or "" if home else ""),
            "photos_again": str(asked(
                "SELECT count(DISTINCT p.sha256) FROM photos p JOIN photos o ON o.sha256 = p.sha256"
                " AND o.household_id <> p.household_id WHERE p.submission_id = ?", row["id"])),
            "same_minute": str(asked(
                "SELECT count(DISTINCT household_id) FROM submissions WHERE sender = ? AND sender <> ''"
                " AND ended >= ? AND ended < ?", row["sender"], minute, minute + "~")) if minute else "",
            "same_answers": str(asked(
                "SELECT count(*) FROM submissions WHERE answers_digest = ? AND answers_digest <> '' AND household_id <> ?",
                row["answers_digest"], row["household_id"])),
            "future": "yes" if late else "",
        }  # fmt: skip
