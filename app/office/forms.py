"""Published forms and their versions, and what is wrong in the forms folder."""

from __future__ import annotations

import json
from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app import publish
from app.access import office
from app.errors import Problem
from app.i18n import language
from app.node import node
from app.office import blueprint, form_rights, page
from app.office.answers import text_in
from app.office.form_designs import title_of
from app.office.form_publish import changes_between, node_title
from app.office.roll_files import Lines, roll
from app.tables import others, submissions
from forms import notice
from sync.conflict import plain
from sync.records import Change

DEEDS_SHOWN = 40


@blueprint.get("/forms")
@office()
def forms() -> str:
    lang = language()
    problems = [_problem(problem, lang) for problem in node().library.problems]
    return page.show(
        "forms.html",
        forms=_published(lang),
        problems=problems,
        manages=form_rights.manages(),
        designs=[(one, title_of(one, lang)) for one in form_rights.own_designs()],
    )


def _published(lang: str) -> list[dict[str, Any]]:
    counts = submissions.form_counts(page.tables(), page.scope())
    told = []
    for row in others.published_forms(page.tables(), page.scope()):
        record = node().store.get("form", row["form_id"])
        versions = publish.versions_of(record.fields) if record else []
        told.append(
            {
                "row": row,
                "title": title(row["title"], lang) or row["form_id"],
                "versions": versions,
                "submissions": sum(c["submissions"] for c in counts if c["form_id"] == row["form_id"]),
                "dates": (record.fields.get("dates") or {}) if record else {},
            }
        )
    return told


@roll("forms", of=forms, title=_l("表单"),
      head=(_l("表单"), _l("代码"), _l("现在用的版本"), _l("发布日期"), _l("版本数"), _l("收到的答卷"), _l("状态")))  # fmt: skip
def _lines() -> Lines:
    return Lines.of(
        [one["title"], one["row"]["form_id"], one["row"]["version"] or "", str(one["dates"].get(one["row"]["version"]) or "")[:10],
         str(len(one["versions"])), str(one["submissions"]), _("已停用") if one["row"]["state"] == publish.RETIRED else _("在用")]
        for one in _published(language())
    )  # fmt: skip


@blueprint.get("/forms/<form_id>")
@office()
def form(form_id: str) -> str:
    """One published form: its versions, what each changed, and who did what."""
    record, lang, here = form_rights.form_record(form_id), language(), node()
    counts = submissions.form_counts(page.tables(), page.scope())
    versions = publish.versions_of(record.fields)
    deeds = [deed for change in reversed(here.store.history("form", form_id)) for deed in _deeds(change)]
    newest = here.forms.newest(form_id)
    return page.show(
        "form.html",
        record=record,
        notice_words=notice.words_of(newest, lang) if newest else "",
        asks_consent=bool(newest) and notice.asks_consent(newest),
        untold=bool(newest) and notice.is_missing(newest),
        title=node_title(record, lang),
        versions=versions,
        offered=publish.offered_version(record.fields) if record.fields.get("state") == publish.PUBLISHED else "",
        retired=record.fields.get("retired") or {},
        dates=record.fields.get("dates") or {},
        counts={row["form_version"]: row["submissions"] for row in counts if row["form_id"] == form_id},
        manages=form_rights.may_manage(record.area),
        done=request.args.get("done", ""),
        designs=[(one, title_of(one, lang)) for one in form_rights.own_designs() if one.form_id == form_id],
        shipped=form_id in here.library.files,
        deeds=deeds[:DEEDS_SHOWN],
        people=page.names([deed["by"] for deed in deeds]),
        here={version: here.forms.get(form_id, version) is not None for version in versions},
    )


@blueprint.get("/forms/<form_id>/changes")
@office()
def form_changes(form_id: str) -> str:
    """What a published version changed against the one before it."""
    record, lang, here = form_rights.form_record(form_id), language(), node()
    versions = publish.versions_of(record.fields)
    version = request.args.get("version", "")
    if version not in versions or versions.index(version) + 1 == len(versions):
        raise Problem("not_found")
    after, before = (here.forms.get(form_id, one) for one in (version, versions[versions.index(version) + 1]))
    if after is None or before is None:
        raise Problem("unknown_form")
    renames = (record.fields.get("renames") or {}).get(version) or {}
    found, parts = changes_between(form_id, before, after, lang, renames)
    return page.show(
        "form_versions.html",
        record=record,
        title=node_title(record, lang),
        before=before.version,
        after=after.version,
        change_parts=parts,
        found=found,
        renames=renames,
    )


def _deeds(change: Change) -> list[dict[str, str]]:
    """What one op did to the form, in words."""
    fields = {name: plain(one.new) for name, one in change.op.fields.items()}
    told = []
    if "versions" in fields:
        before = plain(change.op.fields["versions"].old) or {}
        told += [_("发布版本 %(version)s", version=version) for version in fields["versions"] if version not in before]
    if "retired" in fields:
        before, after = plain(change.op.fields["retired"].old) or {}, fields["retired"] or {}
        told += [_("停用版本 %(version)s", version=version) for version in after if version not in before]
        told += [_("重新启用版本 %(version)s", version=version) for version in before if version not in after]
    elif "state" in fields and "versions" not in fields:
        told.append(_("停用这张表单") if fields["state"] == publish.RETIRED else _("重新启用这张表单"))
    return [{"what": what, "by": change.op.actor, "when": change.op.device_time} for what in told]


def title(kept: str, lang: str) -> str:
    """A form's title, kept as text or as JSON by language."""
    if not kept.startswith("{"):
        return kept
    text = text_in(json.loads(kept), lang, {})
    return text if isinstance(text, str) else ""


def _problem(problem: object, lang: str) -> dict[str, str]:
    """A problem of the library in words, whether its texts are by language or one."""
    if isinstance(problem, str):
        return {"file": "", "sheet": "", "row": "", "column": "", "message": problem, "next": ""}

    def text(name: str) -> str:
        value = getattr(problem, name, "")
        return str(value(lang) if callable(value) else value or "")

    place = {name: str(getattr(problem, name, "") or "") for name in ("file", "sheet", "row", "column")}
    return place | {"message": text("message"), "next": text("next")}
