"""The courier desk of an office: who may use it, what it refuses, what it tells.

1. a phone's file is taken in, told, and answered with receipts
2. without the page's token, by the wrong role, with a foreign file or too large a one nothing is kept
3. errands are found by their id only, and an id is no path
"""

from __future__ import annotations

import io
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import app.office.courier as courier_page
from sync import keys
from sync.courier import SENDER, Head, Reader, Writer
from sync.logs import chain_over, chain_start, sign_head
from sync.protocol import encode, push_body
from tests.conftest import HOUSEHOLD, VILLAGE


def token_of(page: str) -> str:
    return page.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]


def phones_file(here: Any, cast: Any) -> bytes:
    from sync.author import Author

    key = ec.generate_private_key(ec.SECP256R1())
    given = here.store.add_install(cast.cadre.id, kind="device", name="手机", key=keys.public_text(key))
    author = Author(given.install_id, cast.cadre.id, clock=here.now)
    ops = [author.update("household", HOUSEHOLD, VILLAGE, {"head_name": ("冉光荣", "冉光亮")}),
           author.update("household", HOUSEHOLD, "500110103201", {"head_name": ("冉光亮", "x")})]  # fmt: skip
    head = sign_head(key, given.install_id, 2, chain_over(chain_start(given.install_id), (op.hash for op in ops)))
    out = io.BytesIO()
    writer = Writer(out, Head(kind="ops", id="file-of-a-phone", sender=given.install_id, by=SENDER),
                    seal_to=here.identity.public.seal, sign_with=key)  # fmt: skip
    writer.write("push", push_body([encode(op) for op in ops], server_id=None, epoch=None, heads=[head]))
    writer.close()
    return out.getvalue()


def bring(browser: Any, body: bytes, token: str | None = None) -> Any:
    token = token_of(browser.get("/office/courier").text) if token is None else token
    return browser.post("/office/courier", data={"csrf_token": token, "file": (io.BytesIO(body), "../../x.ruhu")},
                        content_type="multipart/form-data")  # fmt: skip


def finished(browser: Any, address: str) -> Any:
    import time

    for _ in range(100):
        page = browser.get(address)
        if "Refresh" not in page.headers:
            return page
        time.sleep(0.05)
    raise AssertionError("never finished")


def test_a_phones_file_is_taken_in_and_answered(office: Any, cast: Any, here: Any) -> None:
    browser = office(cast.county)
    body = phones_file(here, cast)
    reply = bring(browser, body)
    assert reply.status_code == 303
    page = finished(browser, reply.location).text
    assert "新收 1 条" in page and "待核对" in page and "不在该人员负责的区域" in page
    assert "冉光" not in page
    assert here.store.get("household", HOUSEHOLD).fields["head_name"] == "冉光亮"
    receipts = browser.get(f"{reply.location}/receipts")
    assert receipts.status_code == 200 and receipts.headers["Content-Disposition"].startswith("attachment")
    head = Reader(io.BytesIO(receipts.data)).head
    receipts.close()
    assert (head.kind, head.about) == ("receipts", "file-of-a-phone")
    # The same file once more: known, and answered again.
    page = finished(browser, bring(browser, body).location).text
    assert "新收 0 条" in page and "以前收过 2 条" in page
    assert "以前收过" in browser.get("/office/courier").text
    assert "Taken in before" in browser.get(f"{reply.location}?lang=en").text


def test_what_is_no_file_for_us_is_told_and_not_kept(office: Any, cast: Any, here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = office(cast.county)
    folder = here.config.data_dir / "courier"
    for body in (b"", b"PK\x03\x04", b"\x89RUHU\r\n\x1a\xff\xff\xff\xff"):
        reply = bring(browser, body)
        assert reply.status_code == 422 and "捎带文件" in reply.text
    good = phones_file(here, cast)
    assert bring(browser, good, token="").status_code == 400
    monkeypatch.setattr(courier_page, "MOST_BYTES", -1024 * 1024 + 300)
    assert bring(browser, good).status_code == 413
    assert browser.post("/office/courier/out", data={"csrf_token": "x"}).status_code == 400
    assert not folder.exists() or list(folder.iterdir()) == []
    assert here.store.get("household", HOUSEHOLD).fields["head_name"] == "冉光荣"


def test_who_may(office: Any, cast: Any, here: Any, client: Any) -> None:
    assert client.get("/office/courier").status_code == 303
    assert office(cast.auditor).get("/office/courier").status_code == 403
    browser = office(cast.cadre)
    assert browser.get("/office/courier").status_code == 200
    for id in ("nothing", "..%2f..%2fsecret.key", "0190"):
        assert browser.get(f"/office/courier/{id}").status_code == 404
        assert browser.get(f"/office/courier/{id}/receipts").status_code == 404


def test_a_centre_makes_no_file_for_anybody_above(office: Any, cast: Any) -> None:
    browser = office(cast.county)
    page = browser.get("/office/courier").text
    assert "带出" not in page
    reply = browser.post("/office/courier/out", data={"csrf_token": token_of(page)})
    assert reply.status_code == 409 and "封装钥匙" in reply.text
