"""Forms in the making: upload, errors beside the rows, small fixes in the text, download, delete."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from flask import Response, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from app.access import office
from app.auth import current_user
from app.designs import Deed, Design, kept
from app.errors import Problem
from app.formfiles import Gathered, gathered, media_names
from app.i18n import language
from app.node import node
from app.office import blueprint, form_rights, page
from app.office.answers import text_in
from app.office.form_sheets import Reading, marked, read_form
from app.office.form_upload import MOST_BYTES, Given, Upload, sorted_out
from forms.library import lists_of

TEXT_SUFFIXES = (".md", ".csv")


@blueprint.post("/forms/designs")
@office("county")
def design_new() -> AnyResponse:
    """A new design from uploaded files."""
    by = form_rights.doer()
    design = Design(form_rights.designs().new_id(), by.area)
    return _taken(design, sorted_out(_given()), "uploaded")


@blueprint.post("/forms/designs/<id>")
@office("county")
def design_again(id: str) -> AnyResponse:
    """Files that take the place of those before. Attachments not given again stay as they are."""
    design = form_rights.own_design(id)
    upload = sorted_out(_given())
    given = {one.name.lower() for one in upload.attachments}
    stay = [one for one in _attachments(design) if one.name.lower() not in given]
    return _taken(design, Upload(upload.source, (*upload.attachments, *stay)), "uploaded")


@blueprint.post("/forms/<form_id>/copy")
@office("county")
def form_copy(form_id: str) -> AnyResponse:
    """A design to work on, from the shipped file of a published form."""
    record = form_rights.managed_record(form_id)
    path = node().library.files.get(form_id)
    if path is None:
        raise Problem("not_found")
    design = Design(form_rights.designs().new_id(), record.area)
    return _taken(design, Upload(Given(path.name, path.read_bytes()), ()), "uploaded")


@blueprint.post("/forms/designs/<id>/text")
@office("county")
def design_text(id: str) -> AnyResponse:
    """A small fix in the text of a Markdown or CSV form."""
    design = form_rights.own_design(id)
    if not is_text(design):
        raise Problem("bad_request", message=_("这种文件不能在网页上改。"), next=_("请下载原件,改好后重新上传。"))
    text = request.form.get("text", "").replace("\r\n", "\n")
    if not text.strip():
        raise Problem("no_file", 422, _("内容是空的,没有保存。"), _("请返回,把表格内容填上再保存。"))
    source = Given(design.source.name, text.encode())
    return _taken(design, Upload(source, tuple(_attachments(design))), "edited")


@blueprint.post("/forms/designs/<id>/drop")
@office("county")
def design_drop_file(id: str) -> AnyResponse:
    """Take an attachment out."""
    design = form_rights.own_design(id)
    gone = request.form.get("name", "")
    source = Given(design.source.name, _body(design, design.source.sha256))
    left = tuple(one for one in _attachments(design) if one.name != gone)
    return _taken(design, Upload(source, left), "edited")


@blueprint.get("/forms/designs/<id>")
@office("county")
def design(id: str) -> str:
    found = form_rights.own_design(id)
    lang, whole = language(), request.args.get("all") == "1"
    sheets, loose = marked(
        form_rights.designs().document(found, "sheets") or [], found.problems, found.warnings, whole=whole
    )
    return page.show(
        "form_design.html",
        unmasked=True,  # a form's own words, which are edited here
        design=found,
        title=title_of(found, lang),
        sheets=sheets,
        loose=loose,
        whole=whole,
        record=node().store.get("form", found.form_id) if found.form_id else None,
        text=_body(found, found.source.sha256).decode("utf-8-sig", "replace") if is_text(found) else None,
        people=page.names([deed.by for deed in found.deeds]),
        deed_name=_deed_name,
        size=_size,
    )


@blueprint.get("/forms/designs/<id>/files/<sha256>")
@office("county")
def design_file(id: str, sha256: str) -> Response:
    """A file as it was uploaded, now or before."""
    found = form_rights.own_design(id)
    every = [*found.files, *(deed.file for deed in found.deeds if deed.file)]
    name = next((one.name for one in every if one.sha256 == sha256), "")
    return attachment(_body(found, sha256), name, "application/octet-stream")


@blueprint.route("/forms/designs/<id>/delete", methods=["GET", "POST"])
@office("county")
def design_delete(id: str) -> AnyResponse | str:
    found = form_rights.own_design(id)
    if request.method == "GET":
        return page.show("form_design_delete.html", design=found, title=title_of(found, language()))
    form_rights.designs().remove(found)
    return redirect(url_for("office.forms"), 303)


def is_text(design: Design) -> bool:
    return PurePosixPath(design.source.name.lower()).suffix in TEXT_SUFFIXES


def title_of(design: Design, lang: str) -> str:
    text = text_in(design.title, lang, {})
    return (text if isinstance(text, str) else "") or design.form_id or design.source.name


def attachment(body: bytes, name: str, mimetype: str) -> Response:
    """A file to keep, never one of our pages."""
    response = Response(body, mimetype=mimetype)
    response.headers.set("Content-Disposition", "attachment", filename=name)
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def _given() -> list[Given]:
    given = []
    for one in request.files.getlist("files"):
        # One byte more than is allowed is enough to refuse it.
        given.append(Given(one.filename or "", one.read(MOST_BYTES + 1)))
        one.close()
    return given


def _taken(design: Design, upload: Upload, what: str) -> AnyResponse:
    """Read the form, keep everything, and show what was found."""
    here = node()
    shared = lists_of(here.config.forms_dir)
    attachments = {one.name: one.body for one in upload.attachments}
    reading = read_form(upload.source.name, upload.source.body, attachments, shared, here.checker.compile)
    source = kept(upload.source.name, upload.source.body)
    deed = Deed(what, here.now().isoformat(timespec="milliseconds"), current_user().id, source,
                detail=str(len(reading.problems)))  # fmt: skip
    design = dataclasses.replace(
        design,
        **_named(reading),
        files=(source, *(kept(one.name, one.body) for one in upload.attachments)),
        problems=reading.problems,
        warnings=reading.warnings,
        deeds=(*design.deeds, deed),
    )
    form = reading.form
    form_rights.designs().keep(
        design,
        bodies=[(one.name, one.body) for one in (upload.source, *upload.attachments)],
        sheets=list(reading.sheets),
        definition=dict(form.definition) if form else None,
    )
    return redirect(url_for("office.design", id=design.id), 303)


def _named(reading: Reading) -> dict[str, Any]:
    """What the form is called: by its definition, or as far as its settings tell."""
    if reading.form:
        definition = reading.form.definition
        return {
            "form_id": reading.form.form_id,
            "version": reading.form.version,
            "title": dict(definition["title"]),
            "hash": reading.form.hash,
            "languages": tuple(definition["languages"]),
        }
    settings = next((sheet for sheet in reading.sheets if sheet["name"] == "settings" and sheet["rows"]), None)
    row = dict(zip(settings["columns"], settings["rows"][0][1], strict=True)) if settings else {}
    title = row.get("form_title") or row.get("title") or ""
    return {
        "form_id": row.get("form_id") or row.get("id_string") or "",
        "version": row.get("version", ""),
        "title": {"default": title} if title else {},
        "hash": "",
        "languages": (),
    }


def media_of_design(design: Design, definition: Mapping[str, Any]) -> Gathered:
    """The design's pictures, sounds and films, as they would go out with its form."""
    wanted = set(media_names(definition))
    return gathered(definition, {one.name: _body(design, one.sha256) for one in design.files[1:] if one.name in wanted})


def _attachments(design: Design) -> list[Given]:
    return [Given(one.name, _body(design, one.sha256)) for one in design.files[1:]]


def _body(design: Design, sha256: str) -> bytes:
    body = form_rights.designs().body(design, sha256)
    if body is None:
        raise Problem("not_found")
    return body


def _deed_name(deed: Deed) -> str:
    names = {"uploaded": _("上传"), "edited": _("在网页上修改"), "published": _("发布")}
    return names.get(deed.what, deed.what)


def _size(bytes_: int) -> str:
    return f"{bytes_ / 1024:.0f} KB" if bytes_ >= 1024 else f"{bytes_} B"
