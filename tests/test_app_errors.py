"""Every failure shows one cause and one next step, and nothing of the inside.

1. programs get JSON, people get a page, by the place they asked at
2. a bug becomes an incident number; its text stays out of the answer and the log
3. every response carries the safety headers; nothing personal is kept by caches
4. log lines name rules, not addresses
"""

from __future__ import annotations

import logging
from typing import Any

import pytest

from app.access import public
from app.errors import BY_STATUS, CATALOGUE, SYNC_STATUS
from app.logs import OneLine
from sync import problems

SECRET = "冉光荣 500231199001011234"


@pytest.fixture
def broken(app: Any) -> Any:
    @public
    def fail(code: str = "") -> str:
        raise RuntimeError(SECRET)

    app.add_url_rule("/broken", "broken", fail)
    app.add_url_rule("/api/broken/<code>", "api_broken", fail)
    return app.test_client()


def test_a_bug_shows_a_number_and_keeps_quiet(broken: Any, caplog: pytest.LogCaptureFixture) -> None:
    page = broken.get("/broken")
    assert page.status_code == 500
    assert "出错编号" in page.text
    error = broken.get("/api/broken/SECRETCODE").json["error"]
    assert error["code"] == "server_error"
    assert len(error["incident"]) == 8
    assert error["incident"] in caplog.text
    assert "RuntimeError" in caplog.text
    for told in (page.text, str(error), caplog.text):
        assert SECRET not in told
        assert "Traceback" not in told
    assert "SECRETCODE" not in caplog.text


def test_programs_get_json_and_people_a_page(client: Any) -> None:
    api = client.get("/api/nothing")
    assert api.status_code == 404
    assert set(api.json["error"]) == {"code", "message", "next"}
    page = client.get("/nothing")
    assert page.status_code == 404
    assert page.mimetype == "text/html"
    assert "没有这一页" in page.text
    assert "No such page" in client.get("/nothing?lang=en").text


def test_a_wrong_method_names_the_right_ones(client: Any) -> None:
    reply = client.get("/api/sign-in")
    assert reply.status_code == 405
    assert "POST" in reply.headers["Allow"]
    assert reply.json["error"]["next"]


@pytest.mark.parametrize("path", ["/", "/office/sign-in", "/nothing", "/api/nothing", "/sync/v1/pull"])
def test_every_response_is_careful(client: Any, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] in ("no-store", "no-cache")


def test_hostile_addresses_come_back_as_text(client: Any) -> None:
    for path in ("/<script>alert(1)</script>", "/F/<script>", "/office/sign-in?next=\"><script>"):
        assert "<script>alert" not in client.get(path).text
        assert '"><script>' not in client.get(path).text


def test_requests_are_logged_by_rule(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "ruhu.request"):
        client.get("/H/0123456789ABCDEFGHJKMNPQRS?name=冉光荣")
    assert "/H/<code>" in caplog.text
    assert "0123456789ABCDEFGHJKMNPQRS" not in caplog.text
    assert "冉光荣" not in caplog.text


def test_a_log_record_is_one_line() -> None:
    record = logging.LogRecord("ruhu", logging.WARNING, "", 0, "a\r\nFAKE line", (), None)
    assert OneLine("%(message)s").format(record) == "a\\r\\nFAKE line"


def test_the_catalogue_is_whole() -> None:
    assert set(BY_STATUS.values()) <= set(CATALOGUE)
    assert set(SYNC_STATUS) <= set(problems.CATALOGUE)
    for code, (status, _message, _next) in CATALOGUE.items():
        assert 400 <= status < 600, code
