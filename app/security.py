"""Headers every response carries, and the log line of every request."""

from __future__ import annotations

import logging
import time

from flask import Flask, Response, g, request

log = logging.getLogger("ruhu.request")

# wasm is the QR decoder; blob: and data: are photos and signatures not yet sent.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(self), microphone=(self), payment=(), usb=()",
}


def init_app(app: Flask, *, https: bool) -> None:
    @app.before_request
    def _begin() -> None:
        g.began = time.monotonic()

    @app.after_request
    def _headers(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if https:
            response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        # Pages and answers hold personal data unless a view says otherwise: no copy may stay behind.
        response.headers.setdefault("Cache-Control", "no-store")
        _log(response)
        return response


def _log(response: Response) -> None:
    """Method, rule, status, size, time. No path, query, address or user: those can name a person."""
    rule = request.url_rule.rule if request.url_rule else "-"
    millis = (time.monotonic() - g.get("began", time.monotonic())) * 1000
    log.info("%s %s %d %sB %.0fms", request.method, rule, response.status_code, response.content_length, millis)
