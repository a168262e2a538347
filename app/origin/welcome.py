"""The page a phone opens first, over plain http: fetch the village's certificate, trust it, check, go on.

It is a server of its own on a port of its own, because the node's address does
not work on a phone that does not trust it yet. It knows nothing of any
household: three files and one page.
"""

from __future__ import annotations

import threading
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from flask import Flask, Response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from app import i18n
from app.accepting import Server
from app.origin.authority import fingerprint
from app.origin.inapp import app_of

ASSETS = {"pages.css": ("css/pages.css", "text/css"), "welcome.js": ("js/welcome.js", "text/javascript")}


def welcome_app(ca: Path, address: str, static_dir: Path, lang: str) -> Flask:
    """address: the node's https address, where the page leads."""
    app = Flask("app", static_folder=None)
    i18n.init_app(app, lang)
    origin = address.rstrip("/")

    @app.get("/")
    def page() -> Response:
        certificate = x509.load_pem_x509_certificate(ca.read_bytes())
        agent = request.headers.get("User-Agent", "")
        response = Response(
            render_template("welcome.html", address=origin, host=urlsplit(origin).netloc, kind=phone_kind(agent),
                            inside=app_of(agent), fingerprint=fingerprint(certificate)),
            mimetype="text/html",
        )  # fmt: skip
        response.headers["Content-Security-Policy"] = (
            f"default-src 'self'; connect-src {origin}; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
        )
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    @app.get("/ruhu.crt")
    def certificate_file() -> Response:
        response = Response(ca.read_bytes(), mimetype="application/x-x509-ca-cert")
        response.headers["Content-Disposition"] = 'attachment; filename="ruhu.crt"'
        response.headers["Cache-Control"] = "no-store"
        return response

    @app.get("/welcome/<name>")
    def asset(name: str) -> Response:
        path, kind = ASSETS.get(name, ("", ""))
        if not path:
            return Response(status=404)
        return Response((static_dir / path).read_bytes(), mimetype=kind)

    @app.errorhandler(404)
    def elsewhere(_error: object) -> AnyResponse:
        return redirect("/", 303)

    return app


def phone_kind(user_agent: str) -> str:
    """Which settings the steps must name: ios, huawei, xiaomi, android or desk."""
    agent = user_agent.lower()
    if "iphone" in agent or "ipad" in agent:
        return "ios"
    if any(mark in agent for mark in ("harmony", "huawei", "honor")):
        return "huawei"
    if any(mark in agent for mark in ("xiaomi", "redmi", "miui", "hyperos")):
        return "xiaomi"
    return "android" if "android" in agent else "desk"


class WelcomeServer:
    """The listener in a thread. Raises OSError when its port cannot be had."""

    def __init__(self, host: str, port: int, app: Flask) -> None:
        self._server = Server(bind_addr=(host, port), wsgi_app=app, numthreads=4, server_name="ruhu", timeout=10)
        self._server.max_request_body_size = 1024
        self._server.max_request_header_size = 16 * 1024
        self._server.prepare()

    def start(self) -> None:
        threading.Thread(target=self._server.serve, name="welcome", daemon=True).start()

    def stop(self) -> None:
        self._server.stop()
