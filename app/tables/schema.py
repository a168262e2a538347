"""The read tables: their columns, indexes and the full-text index.

They hold nothing that the store does not: change anything here, raise
VERSION, and every node rebuilds them at its next start.
"""

from __future__ import annotations

import sqlite_utils

from forms.register import FIELDS

VERSION = 18

# Columns of every record, beside its own fields. since: the dates as the store keeps them (`app.tables.rows.dates_in`).
RECORD: dict[str, type] = {"id": str, "area": str, "rev": int, "seq": int, "pending": int, "since": str}

TABLES: dict[str, dict[str, type]] = {
    "households": {
        "n": int,
        **RECORD,
        **{field.name: str for field in FIELDS["household"]},
        "place_key": str,
        "head_key": str,
        "people": int,
        "open_issues": int,
    },
    "members": {**RECORD, **{field.name: str for field in FIELDS["member"]}},
    "visits": {**RECORD, **{field.name: str for field in FIELDS["visit"]}},
    "issues": {**RECORD, **{field.name: str for field in FIELDS["issue"]}},
    "pairings": {**RECORD, **{field.name: str for field in FIELDS["pairing"]}},
    "events": {**RECORD, **{field.name: str for field in FIELDS["event"]}},
    "submissions": {
        **RECORD,
        "form_id": str,
        "form_version": str,
        "form_hash": str,
        "household_id": str,
        "sheet": str,
        "started": str,
        "ended": str,
        "day": str,
        "instance_name": str,
        "answers": str,
        "carried": str,
        "sender": str,
        "cadre": str,
        "cadre_name": str,
        "received": str,
        "reviewed": int,
        "problems": str,
        "problem_count": int,
        "differences": str,
        "difference_count": int,
        "answers_digest": str,
        "reasons": str,
        "visit_checks": str,
        "visit_check_count": int,
    },
    "areas": {"code": str, "name": str, "level": int, "seq": int, "until": str, "successor": str},
    # Households that were found to be another one; their rows are not in households.
    "merged": {"id": str, "area": str, "into_id": str},
    "small_areas": {"id": str, "area": str, "name": str, "villages": str, "seq": int},
    "users": {
        "id": str,
        "area": str,
        "username": str,
        "name": str,
        "role": str,
        "unit": str,
        "phone": str,
        "state": str,
        "batch": str,
        "seq": int,
    },
    "forms": {
        "id": str,
        "area": str,
        "form_id": str,
        "version": str,
        "hash": str,
        "title": str,
        "state": str,
        "versions": str,
        "seq": int,
    },
    "conflicts": {
        "id": str,
        "area": str,
        "seq": int,
        "entity": str,
        "entity_id": str,
        "state": str,
        "actor": str,
        "device_time": str,
        "submission": str,
        "fields": str,
    },
    "decisions": {
        "id": str,
        "area": str,
        "seq": int,
        "verdict": str,
        "reason": str,
        "code": str,
        "entity": str,
        "entity_id": str,
        "kind": str,
        "author": str,
        "said_at": str,
        "by": str,
        "at": str,
    },
    "exemptions": {
        "id": str,
        "area": str,
        "seq": int,
        "household_id": str,
        "member_id": str,
        "rule": str,
        "reason": str,
        "state": str,
        "asked_by": str,
        "asked_on": str,
        "approver": str,
        "answer": str,
        "valid_until": str,
        "evidence": str,
    },
    # Who saw a household whole, and which files left.
    "sights": {
        "id": str,
        "area": str,
        "seq": int,
        "what": str,
        "who": str,
        "at": str,
        "day": str,
        "household_id": str,
        "name": str,
        "rows": str,
        "whole": str,
        "reason": str,
    },
    "devices": {
        "id": str,
        "area": str,
        "seq": int,
        "user_id": str,
        "name": str,
        "kind": str,
        "key": str,
        "enrolled_at": str,
    },
    "rule_settings": {"id": str, "area": str, "seq": int, "off": str, "limits": str},
    # What the checks found of the register; key is household|member|rule. since: the day it was first seen here.
    "findings": {
        "key": str,
        "area": str,
        "household_id": str,
        "member_id": str,
        "rule": str,
        "severity": str,
        "since": str,
        "exempt": int,
    },
    # Households that need a helper, with what the register says of theirs; as of the day of the checks.
    "helped": {"household_id": str, "area": str, "why": str, "helper": str},
    # Households the checks have not looked at since something changed.
    "check_due": {"household_id": str},
    "photos": {"sha256": str, "submission_id": str, "household_id": str},
    "meta": {"name": str, "value": str},
    # What has to be worked out of several records again (`app.tables.settling`); empty between two catch-ups.
    "unsettled": {"mark": str, "id": str},
}

IN_NEED = "status IN ('poor', 'exited', 'monitored')"
"""Households that need a helper."""

KEYS = {"households": "n", "areas": "code", "meta": "name", "unsettled": ("mark", "id"),
        "findings": "key", "check_due": "household_id", "helped": "household_id",
        "photos": ("sha256", "submission_id")}  # fmt: skip

FIRST_INDEX = "CREATE UNIQUE INDEX households_id ON households(id)"
"""The one that taking in needs; the others are made once the first records are in, which costs less than keeping them up."""

INDEXES = (
    "CREATE INDEX IF NOT EXISTS merged_into ON merged(into_id)",
    "CREATE INDEX IF NOT EXISTS households_place ON households(area, place_key)",
    "CREATE INDEX IF NOT EXISTS households_code ON households(code)",
    "CREATE INDEX IF NOT EXISTS households_national ON households(national_no) WHERE national_no <> ''",
    "CREATE INDEX IF NOT EXISTS members_id_no ON members(id_no) WHERE id_no <> ''",
    "CREATE INDEX IF NOT EXISTS members_national ON members(national_no) WHERE national_no <> ''",
    "CREATE INDEX IF NOT EXISTS members_household ON members(household_id)",
    "CREATE INDEX IF NOT EXISTS visits_household ON visits(household_id)",
    "CREATE INDEX IF NOT EXISTS visits_submission ON visits(submission_id)",
    "CREATE INDEX IF NOT EXISTS visits_date ON visits(date)",
    "CREATE INDEX IF NOT EXISTS issues_household ON issues(household_id)",
    "CREATE INDEX IF NOT EXISTS pairings_household ON pairings(household_id)",
    "CREATE INDEX IF NOT EXISTS pairings_helper ON pairings(helper)",
    "CREATE INDEX IF NOT EXISTS pairings_handover ON pairings(handover) WHERE handover <> ''",
    "CREATE INDEX IF NOT EXISTS events_household ON events(household_id)",
    "CREATE INDEX IF NOT EXISTS events_other ON events(other_id)",
    "CREATE INDEX IF NOT EXISTS households_helper ON households(helper, area) WHERE helper <> ''",
    "CREATE INDEX IF NOT EXISTS helped_area ON helped(area, why, helper, household_id)",
    "CREATE INDEX IF NOT EXISTS households_split ON households(split_from) WHERE split_from <> ''",
    "CREATE INDEX IF NOT EXISTS submissions_household ON submissions(household_id)",
    "CREATE INDEX IF NOT EXISTS submissions_form ON submissions(form_id, seq)",
    "CREATE INDEX IF NOT EXISTS submissions_reviewed ON submissions(reviewed, seq) WHERE reviewed < 1",
    "CREATE INDEX IF NOT EXISTS findings_household ON findings(household_id)",
    "CREATE INDEX IF NOT EXISTS findings_rule ON findings(rule, area)",
    "CREATE INDEX IF NOT EXISTS findings_area ON findings(area, rule)",
    "CREATE INDEX IF NOT EXISTS exemptions_household ON exemptions(household_id)",
    "CREATE INDEX IF NOT EXISTS photos_submission ON photos(submission_id)",
    "CREATE INDEX IF NOT EXISTS submissions_digest ON submissions(answers_digest, household_id)",
    # A township's latest: its villages' visits would else all be sorted for each new one.
    "CREATE INDEX IF NOT EXISTS submissions_usual ON submissions(form_id, substr(area, 1, 9), ended)",
    "CREATE INDEX IF NOT EXISTS submissions_sender ON submissions(sender, ended, household_id)",
    "CREATE INDEX IF NOT EXISTS sights_who ON sights(who, day)",
    "CREATE INDEX IF NOT EXISTS conflicts_entity ON conflicts(entity, entity_id)",
)

# names: members' names character by character; place: group and house number;
# tails: ID numbers backwards, so that a tail is a prefix.
SEARCH = (
    "CREATE VIRTUAL TABLE household_search USING fts5("
    "names, initials, tails, place, code, tokenize = 'unicode61 remove_diacritics 0', prefix = '2 3 4')"
)


def create(db: sqlite_utils.Database) -> None:
    """Make every table anew, inside whatever transaction is open; `index` has to follow."""
    for name, columns in TABLES.items():
        db.execute(f"DROP TABLE IF EXISTS [{name}]")
        db.execute(db.create_table_sql(name, columns, pk=KEYS.get(name, "id")))
    db.execute("DROP TABLE IF EXISTS household_search")
    for statement in (FIRST_INDEX, SEARCH):
        db.execute(statement)


def index(db: sqlite_utils.Database) -> None:
    """Make the indexes that are missing."""
    for statement in INDEXES:
        db.execute(statement)
