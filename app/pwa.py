"""The phone app as files: the shell page, the service worker, the manifest, the built styles and scripts.

The build (static/build.js) writes static/dist with a manifest.json; names in it
carry their content's hash and never change meaning, so phones may keep them
for ever. Everything else here is asked for again each time.
"""

from __future__ import annotations

import json
import mimetypes
import re
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, make_response, render_template, request
from flask_babel import gettext as _
from markupsafe import Markup

from app.access import public
from app.compress import Packed, best_encoding
from app.errors import Problem
from app.node import node
from app.origin.inapp import app_of
from app.publish import page_address

blueprint = Blueprint("pwa", __name__)

FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
HASHED = re.compile(r"[-.][0-9A-Za-z_]{6,}\.[a-z0-9]+$")
# Registries differ between machines; a wrong type here stops a worker or a decoder from starting.
TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".wasm": "application/wasm",
    ".json": "application/json",
    ".html": "text/html",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}
# Browsers take these for secure without a certificate.
LOOPBACK = ("localhost", "127.0.0.1", "::1")
PLAIN = (".css", ".js", ".svg", ".png", ".woff2")


def _static() -> Path:
    return node().config.static_dir


def built(static_dir: Path) -> dict[str, Any]:
    """The build's manifest: logical name → file in static/dist; {} when the phone app is not built here."""
    try:
        found = json.loads((static_dir / "dist" / "manifest.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _built_file(name: str) -> Path:
    """A file of the build by its logical name. Raises Problem not_built."""
    path = _static() / "dist" / str(built(_static()).get(name, ""))
    if not path.is_file():
        raise Problem("not_built")
    return path


def styles(static_dir: Path) -> list[str]:
    """The built style sheets, for the pages that show a form outside the phone app."""
    return [str(file) for name, file in sorted(built(static_dir).items()) if name.endswith(".css")]


@blueprint.get("/")
@blueprint.get("/H/<code>")
@blueprint.get("/S/<code>/<form_id>/<sheet>")
@blueprint.get("/F/<form_id>")
@public
def shell(code: str = "", form_id: str = "", sheet: str = "") -> Response:
    """The same page for every screen, so that one kept copy serves them all offline.

    A stranger who opens a household's code sees this page too: it knows nothing
    of the household. The headers name what the page needs, so that a phone asks
    for it before it has read the page; /F/… names its form page as well, which
    saves a round trip on the first visit, and lets a small script make the phone's
    databases while the app's own is still on its way.
    """
    if elsewhere := _not_here():
        return elsewhere
    path = _built_file("shell.html")
    form = node().forms.newest(form_id) if request.path.startswith("/F/") else None
    if form is None:
        response = _file(path, ASK_AGAIN)
        response.headers["Link"] = ", ".join(_needed_first())
        return response
    address = page_address(form)
    early = Markup('<script async src="/static/dist/{}"></script>\n<body data-form="{}"')
    begun = early.format(built(_static()).get("early.js", ""), address)
    page = path.read_text("utf-8").replace("<body", str(begun), 1)
    cache: dict[str, Packed] = current_app.extensions.setdefault("ruhu-shell", {})
    if page not in cache:
        cache.clear()
        cache[page] = Packed(page.encode(), "text/html")
    response = cache[page].response(ASK_AGAIN)
    response.headers["Link"] = ", ".join([*_needed_first(), f"<{address}>; rel=preload; as=fetch; crossorigin=anonymous"])
    return response


def _not_here() -> Response | None:
    """A page that leads on, for browsers and addresses where nothing typed would be kept."""
    here = node().config.address
    inside = app_of(request.headers.get("User-Agent", ""))
    if inside:
        wish = f"{here if here.startswith('https') else request.host_url.rstrip('/')}{request.path}"
        return _leading_on(render_template("outside.html", inside=inside, address=wish))
    trusted = request.is_secure or here.startswith("https://") or "anyway" in request.args
    if trusted or request.host.rsplit(":", 1)[0].strip("[]") in LOOPBACK:
        return None
    return _leading_on(render_template("insecure.html", here=f"{request.path}?anyway"))


def _leading_on(page: str) -> Response:
    response = make_response(page)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "User-Agent"
    return response


@blueprint.get("/trusted.txt")
@public
def trusted() -> Response:
    """Answered to a phone that trusts this node's certificate; the welcome page, on another origin, asks."""
    response = Response("ok\n", mimetype="text/plain")
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def current_build() -> str:
    """The build of the phone app that is given out, as its file is named; '' when none was made."""
    found = re.search(r"main-(\w+)\.js", built(_static()).get("main.js", ""))
    return found[1] if found else ""


def _needed_first() -> list[str]:
    """The styles and the one script of the first screen, as preload links."""
    names = built(_static())
    return [
        f"</static/dist/{names[name]}>; rel={rel}"
        for name, rel in (("app.css", "preload; as=style"), ("main.js", "preload; as=script"))
        if name in names
    ]


@blueprint.get("/sw.js")
@public
def service_worker() -> Response:
    response = _file(_built_file("sw.js"), ASK_AGAIN)
    response.headers["Service-Worker-Allowed"] = "/"
    return response


@blueprint.get("/manifest.webmanifest")
@public
def webmanifest() -> Response:
    icons = [
        {"src": f"/static/icons/{name}", "sizes": size, "type": "image/png", "purpose": purpose}
        for name, size, purpose in (
            ("icon-192.png", "192x192", "any"),
            ("icon-512.png", "512x512", "any"),
            ("maskable-512.png", "512x512", "maskable"),
        )
    ]
    response = jsonify(
        {
            "id": "/",
            "name": _("入户走访采集"),
            "short_name": _("入户"),
            "lang": "zh-CN",
            "start_url": "/",
            "scope": "/",
            "display": "standalone",
            "orientation": "portrait",
            "background_color": "#ffffff",
            "theme_color": "#14532d",
            "icons": icons,
        }
    )
    response.mimetype = "application/manifest+json"
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response


@blueprint.get("/favicon.ico")
@public
def favicon() -> Response:
    return _file(_static() / "icons" / "icon-192.png", "public, max-age=86400")


@blueprint.get("/robots.txt")
@public
def robots() -> Response:
    return Response("User-agent: *\nDisallow: /\n", mimetype="text/plain")


@blueprint.get("/static/dist/<path:name>")
@public
def dist(name: str) -> Response:
    return _file(_inside(_static() / "dist", name), FOR_EVER if HASHED.search(name) else ASK_AGAIN)


@blueprint.get("/static/<path:name>")
@public
def plain(name: str) -> Response:
    """Styles, scripts and pictures of the office pages, and the icons."""
    if not name.endswith(PLAIN):
        raise Problem("not_found")
    return _file(_inside(_static(), name), ASK_AGAIN)


def _inside(folder: Path, name: str) -> Path:
    """The file of that name in the folder; 404 for anything that would leave it."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise Problem("not_found")
    return path


def _file(path: Path, cache: str) -> Response:
    """A file, or the packed twin the build put beside it."""
    if not path.is_file():
        raise Problem("not_found")
    coding, sent = "", path
    for name, suffix in (("br", ".br"), ("gzip", ".gz")):
        twin = path.with_name(path.name + suffix)
        if best_encoding((name,)) and twin.is_file():
            coding, sent = name, twin
            break
    response = make_response(sent.read_bytes())
    response.mimetype = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if coding:
        response.headers["Content-Encoding"] = coding
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = cache
    if cache == ASK_AGAIN:
        response.add_etag()
        response.make_conditional(request)
    return response
