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

    headers = headers_of(https)

    @app.after_request
    def _headers(response: Response) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        _log(response)
        return response


def headers_of(https: bool) -> dict[str, str]:
    """What every response carries unless its view says otherwise."""
    strict = {"Strict-Transport-Security": "max-age=31536000"} if https else {}
    # Pages and answers hold personal data: no copy may stay behind.
    return HEADERS | strict | {"Cache-Control": "no-store"}


def _log(response: Response) -> None:
    """Method, rule, status, size, time. No path, query, address or user: those can name a person."""
    rule = request.url_rule.rule if request.url_rule else "-"
    log_line(request.method, rule, response.status_code, response.content_length, g.get("began", time.monotonic()))


def log_line(method: str, rule: str, status: int, size: int | None, began: float) -> None:
    log.info("%s %s %d %sB %.0fms", method, rule, status, size, (time.monotonic() - began) * 1000)
