"""Published forms over HTTP: the list, a version's page for the phone, its definition, and a page to read it."""

from __future__ import annotations

import json
from collections import OrderedDict
from threading import Lock

from flask import Blueprint, Response, current_app, jsonify, render_template, request
from flask_babel import force_locale
from markupsafe import Markup

from app import formpage
from app.access import public
from app.compress import Packed
from app.errors import Problem
from app.formwhole import render_whole
from app.i18n import language
from app.node import node
from app.publish import page_address
from app.pwa import styles
from forms.definition import Form

blueprint = Blueprint("forms_api", __name__)

FOR_EVER = "public, max-age=31536000, immutable"
KEPT_PAGES = 64


class Pages:
    """Rendered and packed answers, by what they are of. A form's content never changes, so neither do they."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, ...], Packed] = OrderedDict()
        self._lock = Lock()

    def get(self, key: tuple[str, ...]) -> Packed | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: tuple[str, ...], page: Packed) -> Packed:
        with self._lock:
            self._kept[key] = page
            while len(self._kept) > KEPT_PAGES:
                self._kept.popitem(last=False)
        return page


def _pages() -> Pages:
    pages: Pages = current_app.extensions.setdefault("ruhu-pages", Pages())
    return pages


@blueprint.get("/forms/index.json")
@public
def index() -> Response:
    """The newest version of every published form."""
    listed = [
        {
            "form_id": form.form_id,
            "version": form.version,
            "title": form.definition["title"],
            "about": form.about,
            "hash": form.hash,
            "page": page_address(form),
        }
        for form in node().forms.current().values()
    ]
    response = jsonify({"forms": listed})
    response.headers["Cache-Control"] = "no-cache"
    return response


@blueprint.get("/forms/<form_id>/<version>.html")
@public
def page(form_id: str, version: str) -> Response:
    """The form's page as the phone keeps it. ``?lang=`` chooses among the form's languages."""
    form = _published(form_id, version)
    lang = request.args.get("lang") or form.definition["default_language"]
    if lang not in form.definition["languages"]:
        lang = form.definition["default_language"]
    key = ("html", form_id, form.hash, lang)
    kept = _pages().get(key)
    if kept is None:
        with force_locale("en" if lang == "en" else "zh"):
            text = formpage.render_fragment(form.definition, form.hash, lang)
        kept = _pages().put(key, Packed(text.encode(), "text/html"))
    return kept.response(FOR_EVER)


@blueprint.get("/forms/<form_id>/<version>.json")
@public
def definition(form_id: str, version: str) -> Response:
    form = _published(form_id, version)
    key = ("json", form_id, form.hash)
    kept = _pages().get(key)
    if kept is None:
        text = json.dumps(form.definition, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        kept = _pages().put(key, Packed(text.encode(), "application/json"))
    return kept.response(FOR_EVER)


@blueprint.get("/forms/<form_id>/<version>/files/<name>")
@public
def form_file(form_id: str, version: str, name: str) -> Response:
    """A picture, sound or film of a version; parts of it too, as players ask for them."""
    found = node().forms.file(form_id, version, name)
    if found is None:
        raise Problem("not_found")
    sha256, kind = found
    with node().store.open_blob(sha256) as file:
        body = file.read()
    response = Response(body, mimetype=kind)
    response.set_etag(sha256)
    response.make_conditional(request, accept_ranges=True, complete_length=len(body))
    response.headers["Cache-Control"] = FOR_EVER
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


@blueprint.get("/fill/<form_id>")
@public
def fill(form_id: str) -> str:
    """The whole form as one plain page, for reading: nothing can be sent from it."""
    form = node().forms.newest(form_id)
    if form is None:
        raise Problem("unknown_form")
    fragment = render_whole(form, {}, {}, language(), action=None)
    title = formpage.plain(form.definition["title"], language(), form.definition["default_language"])
    return render_template(
        "fill.html",
        form_id=form_id,
        title=title,
        fragment=Markup(fragment),
        styles=styles(node().config.static_dir),
    )


def _published(form_id: str, version: str) -> Form:
    form = node().forms.get(form_id, version)
    if form is None:
        raise Problem("unknown_form")
    return form
