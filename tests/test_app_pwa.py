"""The phone app as served: shell, worker, manifest, built files.

1. one shell for every screen; its headers name what it needs, and /F/… the form's page
2. hashed files may be kept for ever, the others are asked for again
3. the packed twin goes to those who can read it
4. nothing outside the folders is served
5. without a build there is one clear page
"""

from __future__ import annotations

import shutil
from typing import Any

import pytest


@pytest.mark.parametrize("path", ["/", "/H/0123456789ABCDEFGHJKMNPQRS", "/S/0123456789ABCDEFGHJKMNPQRS/MINI/00000001"])
def test_one_shell_for_every_screen(client: Any, path: str) -> None:
    reply = client.get(path)
    assert reply.status_code == 200
    assert reply.data == client.get("/").data
    assert reply.headers["Cache-Control"] == "no-cache"
    assert reply.headers["Content-Security-Policy"].startswith("default-src 'self'; script-src 'self' 'wasm-unsafe-eval'")
    assert "unsafe-inline" not in reply.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in reply.headers["Content-Security-Policy"]


def test_an_unchanged_shell_is_not_sent_again(client: Any) -> None:
    tag = client.get("/").headers["ETag"]
    assert client.get("/", headers={"If-None-Match": tag}).status_code == 304


def test_a_form_s_address_names_its_page_ahead(client: Any) -> None:
    reply = client.get("/F/mini")
    assert '<body data-form="/forms/mini/1.html">' in reply.text
    assert reply.headers["Link"].endswith("</forms/mini/1.html>; rel=preload; as=fetch; crossorigin=anonymous")
    assert client.get("/forms/mini/1.html").status_code == 200
    assert '<script async src="/static/dist/early-0A1B2C3D.js">' in reply.text
    unknown = client.get("/F/unknown")
    assert unknown.data == client.get("/").data
    assert "/forms/" not in unknown.headers["Link"]


@pytest.mark.parametrize("path", ["/", "/F/mini"])
def test_what_the_first_screen_needs_is_named_ahead(client: Any, path: str) -> None:
    links = client.get(path).headers["Link"].split(", ")
    assert links[:2] == ["</static/dist/app-0A1B2C3D.css>; rel=preload; as=style",
                         "</static/dist/main-0A1B2C3D.js>; rel=preload; as=script"]  # fmt: skip
    for link in links:
        assert client.get(link[1:].split(">")[0]).status_code == 200


def test_hashed_files_are_kept_for_ever(client: Any) -> None:
    reply = client.get("/static/dist/main-0A1B2C3D.js")
    assert reply.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert reply.mimetype == "text/javascript"
    assert client.get("/static/dist/manifest.json").headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(("accepts", "coding"), [("br, gzip", "br"), ("gzip", "gzip"), ("", None), ("br;q=0", None)])
def test_the_packed_twin(client: Any, accepts: str, coding: str | None) -> None:
    reply = client.get("/static/dist/main-0A1B2C3D.js", headers={"Accept-Encoding": accepts})
    assert reply.headers.get("Content-Encoding") == coding
    assert reply.headers["Vary"] == "Accept-Encoding"
    form = client.get("/forms/mini/1.html", headers={"Accept-Encoding": accepts})
    assert form.headers.get("Content-Encoding") == coding


def test_the_worker_rules_the_whole_origin_and_is_never_stale(client: Any) -> None:
    reply = client.get("/sw.js")
    assert reply.headers["Service-Worker-Allowed"] == "/"
    assert reply.headers["Cache-Control"] == "no-cache"
    assert reply.mimetype == "text/javascript"


def test_the_app_can_be_installed(client: Any) -> None:
    reply = client.get("/manifest.webmanifest")
    assert reply.mimetype == "application/manifest+json"
    assert reply.json["start_url"] == "/"
    assert {icon["purpose"] for icon in reply.json["icons"]} == {"any", "maskable"}


@pytest.mark.parametrize(
    "path",
    ["/static/secret.txt", "/static/dist/../secret.txt", "/static/dist/%2e%2e/secret.txt", "/static/..%2fconfig.js",
     "/static/dist/nothing-0A1B2C3D.js", "/static/"],
)  # fmt: skip
def test_nothing_else_is_served(client: Any, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/", "/F/mini", "/sw.js"])
def test_without_a_build_there_is_one_clear_page(client: Any, static_dir: Any, path: str) -> None:
    shutil.rmtree(static_dir / "dist")
    reply = client.get(path)
    assert reply.status_code == 503
    assert "python3 run.py setup" in reply.text


def test_form_pages_never_change_and_know_no_one(client: Any) -> None:
    reply = client.get("/forms/mini/1.html")
    assert reply.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "Set-Cookie" not in reply.headers
    assert "饮水安全吗" in reply.text.split("<script")[0]
    assert "Is the water safe" in client.get("/forms/mini/1.html?lang=en").text.split("<script")[0]
    assert client.get("/forms/mini/9.html").status_code == 404
    assert client.get("/forms/none/1.html").status_code == 404


def test_the_list_of_forms(client: Any) -> None:
    (form,) = client.get("/forms/index.json").json["forms"]
    assert form["form_id"] == "mini"
    assert client.get(form["page"]).status_code == 200
    assert client.get("/forms/mini/1.json").json["form_id"] == "mini"


def test_a_form_can_be_read_without_javascript(client: Any) -> None:
    page = client.get("/fill/mini").text
    assert "饮水安全吗" in page
    assert 'type="submit"' not in page
    assert "<script" not in page
    assert client.get("/fill/none").status_code == 404
