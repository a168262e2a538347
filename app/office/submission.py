"""One submission: its answers in the form's words, what is doubtful, and what it changed in the register."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any

from flask import Response, request

from app.access import office
from app.errors import Problem
from app.filekinds import HEAD, Kind, kind_of
from app.i18n import language
from app.node import node
from app.office import blueprint, page, sights, words
from app.office.answers import answers_in_words, files_in
from app.office.checks import told
from app.office.eyes import may_open, sight_of
from app.office.history import IN_EFFECT, Step, steps
from app.office.mask import Sight, masked
from app.office.submissions import answers_of, form_titles
from app.tables import households, submissions
from forms import notice
from sync.store.base import Store


@blueprint.get("/submissions/<id>")
@office()
def submission(id: str) -> str:
    row = _row(id)
    lang, answers = language(), answers_of(row)
    endings = files_in(answers)
    form = node().forms.get(row["form_id"], row["form_version"])
    household = households.household(page.tables(), page.scope(), row["household_id"])
    sight = sight_of(row["area"], household["id"] if household else "")
    found, differences = json.loads(row["problems"]), json.loads(row["differences"])
    layout = answers_in_words(
        form.definition if form else {"nodes": []},
        answers if isinstance(answers, dict) else {"answers": row["answers"]},
        lang,
        carried=_object(row["carried"]),
        problems=_by_path(found, lang),
        sight=sight,
    )
    effects = [step for step in steps(node().store.ops_of_submission(id)) if step.entity != "submission"]
    effects.reverse()
    people = page.names([step.actor for step in effects] + [row["cadre"]])
    return page.show(
        "submission.html",
        unmasked=sight.numbers,
        full=sight.numbers,
        may_open=bool(household) and may_open(row["area"]),
        open_until=sights.until(household["id"]) if household else "",
        row=row,
        form=form,
        title=form_titles(lang).get(row["form_id"], row["form_id"]),
        layout=layout,
        told_of=notice.told(form, answers) if form else None,
        shown_as=lambda sha256: _shown_as(sha256, endings),
        problems=[_with_label(problem, lang) for problem in found],
        differences=[_difference(one, sight) for one in differences],
        checks=[_check(one, row, sight) for one in json.loads(row["visit_checks"] or "[]")],
        effects=[_effect(step, sight, people) for step in effects],
        household=household,
        unplaced=_unplaced(id, sight),
    )


def _check(one: dict[str, Any], row: Any, sight: Sight) -> dict[str, Any]:
    """What the checks said of the visit and of the household as it leaves it, with the collector's reason."""
    said = told({"rule": one["rule"], "severity": one["severity"]})
    member = node().store.get("member", one["member"]) if one["member"] else None
    mine = member is not None and member.fields.get("household_id") == row["household_id"]
    name = str(member.fields.get("full_name") or "") if member and mine else ""
    return one | said | {"who": sight.value("full_name", name)}


def _unplaced(id: str, sight: Sight) -> list[dict[str, str]]:
    """Answers to an older version that had no place in the one it was finished with, in the words of the phone."""
    record = node().store.get("submission", id)
    kept = record.fields.get("unplaced") if record else None
    told = [one for one in kept if isinstance(one, dict)] if isinstance(kept, list) else []
    return [
        {
            "label": str(one.get("label") or one.get("name") or ""),
            # Nobody knows which register field it was for, so all of it is masked.
            "words": str(one.get("words") or "") if sight.numbers else masked("", str(one.get("words") or "")),
            "version": str(one.get("version") or ""),
        }
        for one in told
    ]


@blueprint.get("/submissions/<id>/files/<sha256>")
@office()
def submission_file(id: str, sha256: str) -> Response:
    """A photo or signature: only one that a submission in the reader's scope names."""
    row = _row(id)
    endings = files_in(answers_of(row))
    if sha256 not in endings or not node().store.has_blob(sha256):
        raise Problem("not_found")
    kind = _kind(sha256, endings[sha256])
    with node().store.open_blob(sha256) as content:
        size = content.seek(0, os.SEEK_END)
    response = Response(_pieces(node().store, sha256), mimetype=kind.mime)
    response.content_length = size
    response.headers["X-Content-Type-Options"] = "nosniff"
    # Whatever was uploaded, it is never a page of ours.
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    if not kind.family:
        name = "audit.csv" if sha256 == _audit_of(row) else f"{sha256[:12]}.{kind.ending}"
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "private, no-store"
    # A player asks for the part it needs.
    return response.make_conditional(request.environ, accept_ranges=True, complete_length=size)


def _pieces(store: Store, sha256: str) -> Iterator[bytes]:
    with store.open_blob(sha256) as content:
        while piece := content.read(64 * 1024):
            yield piece


def _kind(sha256: str, ending: str) -> Kind:
    with node().store.open_blob(sha256) as content:
        return kind_of(content.read(HEAD), ending)


def _shown_as(sha256: str, endings: dict[str, str]) -> str:
    """picture, sound, film; file to download; missing: named by the answers, and not here yet."""
    if not node().store.has_blob(sha256):
        return "missing"
    return _kind(sha256, endings.get(sha256, "")).family or "file"


def _audit_of(row: dict[str, Any]) -> str:
    answers = answers_of(row)
    meta = answers.get("meta") if isinstance(answers, dict) else None
    return str(meta.get("audit", "")).split(".")[0] if isinstance(meta, dict) else ""


def _row(id: str) -> dict[str, Any]:
    row = submissions.submission(page.tables(), page.scope(), id)
    if row is None:
        raise Problem("not_found")
    return row


def _effect(step: Step, sight: Sight, people: dict[str, str]) -> dict[str, Any]:
    """What one op of the submission did, in the register's words."""
    lang = language()

    def shown(name: str, value: str) -> str:
        return words.value_in_words(step.entity, name, sight.value(name, value), lang, people)

    left_out = ("household_id", "submission_id", "form_id", "cadre", "code")
    lines = [line for line in step.lines if line.name not in left_out]
    return {
        "step": step,
        "waits": step.status not in IN_EFFECT,
        "about": sight.value("full_name", _name_of(step)),
        "changed": [
            (words.field_label(step.entity, line.name, lang), shown(line.name, line.old), shown(line.name, line.new))
            for line in lines
            if not line.confirmed
        ],
        "confirmed": [words.field_label(step.entity, line.name, lang) for line in lines if line.confirmed],
    }


def _name_of(step: Step) -> str:
    record = node().store.get(step.entity, step.id) if step.entity == "member" else None
    return str(record.fields.get("full_name", "")) if record else ""


def _difference(one: dict[str, Any], sight: Sight) -> dict[str, str]:
    """Where what came differs from what the answers lead to, in the register's words."""
    entity, name, lang = str(one.get("entity", "")), str(one.get("field", "")), language()
    sides = {
        side: words.value_in_words(entity, name, sight.value(name, str(one.get(side) or "")), lang)
        for side in ("wanted", "came")
    }
    return {"entity": entity, "field": words.field_label(entity, name, lang), **sides}


def _by_path(problems: list[dict[str, Any]], lang: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for problem in problems:
        if problem.get("path"):
            found.setdefault(str(problem["path"]), []).append(_text(problem, lang))
    return found


def _with_label(problem: dict[str, Any], lang: str) -> str:
    """A problem where its question does not stand beside it: which question, in which instance of a repeat."""
    label = (problem.get("label") or {}).get(lang, "")
    numbers = re.findall(r"\[(\d+)\]", str(problem.get("path", "")))
    place = f"{label} ({'.'.join(numbers)})" if numbers else label
    return f"{place}:{_text(problem, lang)}" if place else _text(problem, lang)


def _text(problem: dict[str, Any], lang: str) -> str:
    message = problem.get("message", "")
    if isinstance(message, dict):
        message = message.get(lang) or message.get("zh") or ""
    return str(message or problem.get("code", ""))


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
