"""Publishing a design: what it changes, whom that touches, and the act itself; retiring and putting back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from flask import redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from app import publish
from app.access import office
from app.designs import Deed, Design
from app.errors import Problem
from app.i18n import language
from app.node import node
from app.office import blueprint, form_rights, page
from app.office.form_changes import Part, parts_of
from app.office.form_designs import media_of_design, title_of
from app.tables import others, submissions
from forms import notice
from forms.definition import Form
from forms.diff import Diff, Pair, diff, retyped_since
from sync.records import Record


@blueprint.get("/forms/designs/<id>/publish")
@office("county")
def design_publish(id: str) -> str:
    """Everything somebody should know before saying yes."""
    design = form_rights.own_design(id)
    form, record = form_of(design), node().store.get("form", design.form_id)
    lang, here = language(), node()
    own = others.users_by_id(page.tables(), page.scope())
    before = _latest(record)
    found = diff(before.definition, form.definition) if before else None
    media = media_of_design(design, form.definition)
    return page.show(
        "form_publish.html",
        design=design,
        title=title_of(design, lang),
        form=form,
        record=record,
        before=before,
        refusals=[*_refusals(record, form, design), *media.refusals],
        media=media,
        untold=notice.is_missing(form),
        change_parts=_parts(found, form, design.form_id, lang, _asked(found)) if found else [],
        renamed=_renamed(found, form, design.form_id, lang) if found else [],
        nothing=found.nothing if found else False,
        reordered=found.reordered if found else False,
        counts=_counts(design.form_id),
        phones=sum(one.kind == "device" and not one.revoked and one.user_id in own for one in here.store.installs()),
        questions=sum(node["kind"] == "question" and bool(node.get("label")) for node in form.definition["nodes"]),
    )


@blueprint.post("/forms/designs/<id>/publish")
@office("county")
def design_publish_now(id: str) -> AnyResponse:
    design = form_rights.own_design(id)
    form, record = form_of(design), node().store.get("form", design.form_id)
    if request.form.get("hash") != form.hash:
        raise Problem("changed", 409, _("这份草稿刚被换过,没有发布。"), _("请回到发布页,看过新的内容再发布。"))
    media = media_of_design(design, form.definition)
    refusals = [*_refusals(record, form, design), *media.refusals]
    if refusals:
        raise Problem("refused", 409, refusals[0][0], refusals[0][1])
    before = _latest(record)
    offered = diff(before.definition, form.definition).renamed if before else ()
    wished = set(request.form.getlist("same"))
    renames = {pair.after.name: pair.before.name for pair in offered if pair.after.name in wished}
    by = form_rights.doer()
    refused = publish.publish_form(node().store, form, by, renames=renames, files=media.files)
    if refused:
        raise Problem("refused", 409, refused.message(language()), _other_version())
    deed = Deed("published", by.now.isoformat(timespec="milliseconds"), by.user_id, detail=form.version)
    form_rights.designs().keep(dataclasses.replace(design, deeds=(*design.deeds, deed)))
    return redirect(url_for("office.form", form_id=form.form_id, done="published"), 303)


@blueprint.get("/forms/<form_id>/retire")
@office("county")
def form_retire(form_id: str) -> str:
    """What retiring means, and the button. version: only that one."""
    record = form_rights.managed_record(form_id)
    version = _version(record, request.args.get("version", ""))
    left = [one for one in publish.versions_of(record.fields)
            if one != version and one not in (record.fields.get("retired") or {})]  # fmt: skip
    counts = _counts(form_id)
    return page.show(
        "form_retire.html",
        record=record,
        title=node_title(record, language()),
        version=version,
        left=left if version else [],
        submissions=counts.get(version, 0) if version else sum(counts.values()),
    )


@blueprint.post("/forms/<form_id>/retire")
@office("county")
def form_retire_now(form_id: str) -> AnyResponse:
    """Take a form or a version off the phones, or put it back."""
    record, by = form_rights.managed_record(form_id), form_rights.doer()
    version, back = _version(record, request.form.get("version", "")), request.form.get("back") == "1"
    here = node()
    if version:
        publish.retire_version(here.store, here.forms, form_id, version, by, back=back)
    else:
        publish.retire_form(here.store, form_id, by, back=back)
    return redirect(url_for("office.form", form_id=form_id, done="back" if back else "retired"), 303)


def node_title(record: Record, lang: str) -> str:
    title = record.fields.get("title")
    text = title.get(lang) or next(iter(title.values()), "") if isinstance(title, dict) else title
    return str(text or record.id)


def changes_between(
    form_id: str, before: Form, after: Form, lang: str, renames: Mapping[str, str]
) -> tuple[Diff, list[Part]]:
    """renames: new → old name, as confirmed; those are not told as removed and added."""
    found = diff(before.definition, after.definition)
    return found, _parts(found, after, form_id, lang, {*renames, *renames.values()})


def form_of(design: Design) -> Form:
    """The compiled form of a design without errors."""
    definition = form_rights.designs().document(design, "definition") if design.hash else None
    if not definition:
        raise Problem("not_ready", 409, _("表单还有错误,不能发布或预览。"), _("请先改好标出的错误,重新上传。"))
    return Form(definition)


def _latest(record: Record | None) -> Form | None:
    """The version published last, retired or not."""
    if record is None:
        return None
    versions = publish.versions_of(record.fields)
    return node().forms.get(record.id, versions[0]) if versions else None


def _refusals(record: Record | None, form: Form, design: Design) -> list[tuple[str, str]]:
    """Why this may not be published as it is: (what is wrong, what to do)."""
    if record is None:
        return []
    if not form_rights.may_manage(record.area):
        return [(_("form_id %(id)s 已经被别的单位用了。", id=form.form_id),
                 _("请在 settings 表把 form_id 改成自己的,例如加上区县的拼音,再重新上传。"))]  # fmt: skip
    known = (record.fields.get("versions") or {}).get(form.version)
    if known == form.hash:
        return [(_("版本 %(version)s 已经发布,内容一样,不用再发。", version=form.version), _other_version())]
    if known is not None:
        return [(_("版本 %(version)s 已经发布,内容却不一样。发布过的版本不能改。", version=form.version), _other_version())]
    return [_retyped(version, pair) for version, pair in retyped_since(_published(record), form.definition)]


def _other_version() -> str:
    return _("请在 settings 表把 version 改成新的版本号(例如今天的日期),再重新上传。")


def _retyped(version: str, pair: Pair) -> tuple[str, str]:
    names = {"name": pair.after.name, "before": pair.before.type or pair.before.kind,
             "after": pair.after.type or pair.after.kind, "version": version}  # fmt: skip
    return (
        _("题目 %(name)s 在版本 %(version)s 里是 %(before)s,现在变成了 %(after)s。题目不能换类型。", **names),
        _("请给新题换一个 name,例如 %(name)s_2;旧的答案会留在原来的一列。", name=pair.after.name),
    )


def _published(record: Record) -> list[tuple[str, Mapping[str, Any]]]:
    found = [(version, node().forms.get(record.id, version)) for version in publish.versions_of(record.fields)]
    return [(version, form.definition) for version, form in found if form]


def _asked(found: Diff) -> set[str]:
    """Pairs that may be one question under a new name are asked about in one place, not told in two."""
    return {question.key for pair in found.renamed for question in (pair.before, pair.after)}


def _parts(found: Diff, form: Form, form_id: str, lang: str, told: set[str]) -> list[Part]:
    touched = [*found.removed, *(pair.before for pair in found.left_table), *(one.question for one in found.labels)]
    tables, scope = page.tables(), page.scope()
    answered = submissions.answered(tables, scope, form_id, sorted({one.name for one in touched}))
    listed = sorted({one.question.name for one in found.choices if one.removed or one.relabelled})
    return parts_of(found, form.definition, lang, answered, submissions.chosen(tables, scope, form_id, listed), told)


def _renamed(found: Diff, form: Form, form_id: str, lang: str) -> list[dict[str, Any]]:
    names = sorted({pair.before.name for pair in found.renamed})
    answered = submissions.answered(page.tables(), page.scope(), form_id, names)
    default = form.definition["default_language"]
    return [
        {
            "before": pair.before.name,
            "after": pair.after.name,
            "label": pair.after.words(lang, default),
            "answers": sum(answered.get(pair.before.name, {}).values()),
        }
        for pair in found.renamed
    ]


def _counts(form_id: str) -> dict[str, int]:
    """Submissions in the person's scope, by version."""
    rows = submissions.form_counts(page.tables(), page.scope())
    return {row["form_version"]: row["submissions"] for row in rows if row["form_id"] == form_id}


def _version(record: Record, wish: str) -> str:
    if wish and wish not in (record.fields.get("versions") or {}):
        raise Problem("not_found")
    return wish
