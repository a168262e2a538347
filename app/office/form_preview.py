"""A design on a phone-sized frame: the real form screen over the draft's definition, with nothing kept or sent."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, make_response, request, url_for
from flask import render_template as render
from flask_babel import force_locale

from app import formpage
from app.access import office
from app.errors import Problem
from app.formfiles import mime_of
from app.i18n import language
from app.node import node
from app.office import blueprint, form_rights, page
from app.office.eyes import sight_of
from app.office.form_designs import title_of
from app.office.form_publish import form_of
from app.pwa import built, styles
from app.security import CONTENT_SECURITY_POLICY
from app.tables import households
from app.tables.households import HouseholdWish, find_households

TO_CHOOSE_FROM = 60
KINDS = ("household", "member", "visit", "issue")


@blueprint.get("/forms/designs/<id>/preview")
@office("county")
def design_preview(id: str) -> str:
    """The frame, and what it may be tried with: a language, a household for the prefill."""
    design = form_rights.own_design(id)
    form = form_of(design)
    languages = list(form.definition["languages"])
    wish = request.args.get("form_lang", "")
    area = page.area_wish()
    found = find_households(page.tables(), page.scope(), HouseholdWish(area=area)) if area else None
    return page.show(
        "form_preview.html",
        design=design,
        title=title_of(design, language()),
        languages=languages,
        form_lang=wish if wish in languages else form.definition["default_language"],
        villages=page.villages(),
        area=area,
        households=found.rows[:TO_CHOOSE_FROM] if found else [],
        household=_household(),
        not_built="preview.js" not in built(node().config.static_dir),
    )


@blueprint.get("/forms/designs/<id>/phone")
@office("county")
def design_phone(id: str) -> Response:
    """What the frame shows. The only page of ours that may stand in a frame, and only in one of our own."""
    design = form_rights.own_design(id)
    form = form_of(design)
    static = node().config.static_dir
    script = built(static).get("preview.js")
    if not script:
        raise Problem("not_built")
    lang = request.args.get("form_lang", "")
    household = _household()
    app_lang = "en" if lang == "en" else "zh"
    with force_locale(app_lang):
        response = make_response(render(
            "office/form_phone.html",
            form=form,
            app_lang=app_lang,
            form_lang=lang if lang in form.definition["languages"] else form.definition["default_language"],
            page_url=url_for("office.design_page", id=id, form_lang=lang),
            household=household,
            household_url=url_for("office.design_household", id=id, household=household) if household else "",
            styles=styles(static),
            script=script,
        ))  # fmt: skip
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY.replace(
        "frame-ancestors 'none'", "frame-ancestors 'self'"
    )
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


@blueprint.get("/forms/designs/<id>/page.html")
@office("county")
def design_page(id: str) -> str:
    """The form's page, as a phone would fetch it once published."""
    form = form_of(form_rights.own_design(id))
    lang = request.args.get("form_lang", "")
    if lang not in form.definition["languages"]:
        lang = form.definition["default_language"]
    with force_locale("en" if lang == "en" else "zh"):
        return formpage.render_fragment(form.definition, form.hash, lang)


@blueprint.get("/forms/designs/<id>/media/<name>")
@office("county")
def design_media(id: str, name: str) -> Response:
    """A picture, sound or film of the draft, for the frame."""
    design = form_rights.own_design(id)
    found = next((one for one in design.files[1:] if one.name == name), None)
    body = form_rights.designs().body(design, found.sha256) if found else None
    kind = mime_of(body) if body else ""
    if not body or not kind:
        raise Problem("not_found")
    response = Response(body, mimetype=kind)
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


@blueprint.get("/forms/designs/<id>/household.json")
@office("county")
def design_household(id: str) -> Response:
    """The records a phone would prefill from, of a household in the person's scope."""
    form_rights.own_design(id)
    household = _household()
    if not household:
        raise Problem("not_found")
    tables, scope = page.tables(), page.scope()
    rows = {
        "household": [{"id": household}],
        "member": households.members(tables, scope, [household]),
        "visit": households.visits(tables, scope, [household]),
        "issue": households.issues(tables, scope, [household]),
    }
    return jsonify({kind: [_record(kind, row["id"], household) for row in rows[kind]] for kind in KINDS})


def _record(kind: str, id: str, household: str) -> dict[str, Any] | None:
    record = node().store.get(kind, id)
    if record is None:
        return None
    fields = {name: value for name, value in record.fields.items() if isinstance(value, str)}
    since = dict(record.since)
    fields = sight_of(record.area, household).fields(fields)
    return {"kind": kind, "id": id, "area": record.area, "rev": record.rev, "fields": fields, "since": since}


def _household() -> str:
    """The household asked for, when the person may see it."""
    wish = request.args.get("household", "")
    return wish if wish and households.household(page.tables(), page.scope(), wish) else ""
