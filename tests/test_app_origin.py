"""The secure address: a local authority that can speak for little, its page for phones, renewal while serving.

1. the authority is name-constrained; a TLS client refuses what lies outside
2. certificates are renewed by themselves, also when an address is new, and phones need nothing new
3. a server takes in a renewed pair without a restart, and never a half-written one
4. the welcome page leads each kind of phone on, and serves nothing else
5. browsers inside other apps and plain http are led on before anything is typed
"""

from __future__ import annotations

import contextlib
import http.client
import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.config import ROOT, Config
from app.origin.authority import LEAF_DAYS, Files, NotPermitted, ensure, fingerprint, fingerprint_of, permits
from app.origin.expiry import CertificateWatch, days_left
from app.origin.inapp import app_of
from app.origin.welcome import phone_kind, welcome_app

NOW = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
NAMES = ("192.168.3.7", "v0123.field.example.cn", "localhost")


def loaded(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


# --- the authority ----------------------------------------------------------------------------------------


def test_it_makes_an_authority_and_a_certificate_that_openssl_trusts(tmp_path: Path) -> None:
    files = ensure(tmp_path, NAMES, datetime.now(UTC))
    for name in NAMES:
        assert a_phone_says(files, files.cert, files.key, name) == "OK"
    assert files.key.stat().st_mode & 0o777 == 0o600
    assert files.ca_key.stat().st_mode & 0o777 == 0o600
    assert fingerprint_of(tmp_path) == fingerprint(loaded(files.ca))
    assert len(fingerprint_of(tmp_path).replace(" ", "")) == 32


@pytest.mark.parametrize("name", ["bank.example.com", "example.cn", "8.8.8.8", "172.32.0.1", "evilv0123.field.example.cn"])
def test_outside_its_names_it_certifies_nothing(tmp_path: Path, name: str) -> None:
    ensure(tmp_path, NAMES, NOW)
    with pytest.raises(NotPermitted):
        ensure(tmp_path, (name,), NOW)


def test_a_stolen_key_cannot_imitate_a_bank(tmp_path: Path) -> None:
    """Whoever holds the key signs what they like; a verifier must still say no."""
    files = ensure(tmp_path, NAMES, datetime.now(UTC))
    forged, key = tmp_path / "forged.crt", tmp_path / "forged.key"
    for name, verdict in (("bank.example.com", "permitted subtree violation"), ("a.v0123.field.example.cn", "OK")):
        forge(files, name, forged, key)
        assert verdict in a_phone_says(files, forged, key, name)


def forge(files: Files, name: str, certificate: Path, key_file: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    signer = serialization.load_pem_private_key(files.ca_key.read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(loaded(files.ca).subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def a_phone_says(files: Files, certificate: Path, key: Path, name: str) -> str:
    """A TLS handshake in memory, by a client that trusts the authority: OK, or why not."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    phone = ssl.create_default_context(cafile=str(files.ca)).wrap_bio(back, there, server_hostname=name)
    node = server.wrap_bio(there, back, server_side=True)
    try:
        for _ in range(4):
            for side in (phone, node):
                with contextlib.suppress(ssl.SSLWantReadError):
                    side.do_handshake()
    except ssl.SSLError as error:
        return str(error)
    return "OK" if phone.cipher() else "unfinished"


def test_nothing_changes_without_need(tmp_path: Path) -> None:
    files = ensure(tmp_path, NAMES, NOW)
    before = files.cert.read_bytes()
    assert ensure(tmp_path, NAMES, NOW + timedelta(days=30)).cert.read_bytes() == before


def test_it_is_renewed_at_a_third_left_under_the_same_authority(tmp_path: Path) -> None:
    files = ensure(tmp_path, NAMES, NOW)
    authority, before = files.ca.read_bytes(), loaded(files.cert)
    ensure(tmp_path, NAMES, NOW + timedelta(days=LEAF_DAYS * 2 // 3 + 2))
    after = loaded(files.cert)
    assert after.serial_number != before.serial_number
    assert files.ca.read_bytes() == authority
    assert permits(loaded(files.ca), "192.168.3.7")


def test_a_new_address_of_the_machine_gets_a_new_certificate(tmp_path: Path) -> None:
    files = ensure(tmp_path, NAMES, NOW)
    authority = files.ca.read_bytes()
    ensure(tmp_path, (*NAMES, "10.0.0.9"), NOW)
    named = loaded(files.cert).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "10.0.0.9" in [str(one) for one in named.get_values_for_type(x509.IPAddress)]
    assert files.ca.read_bytes() == authority


def test_a_lost_or_torn_file_is_made_anew(tmp_path: Path) -> None:
    files = ensure(tmp_path, NAMES, NOW)
    files.cert.write_bytes(b"-----BEGIN")
    ensure(tmp_path, NAMES, NOW)
    assert days_left(files.cert, NOW) == LEAF_DAYS - 1


# --- renewal while serving --------------------------------------------------------------------------------


def test_a_watch_takes_in_a_renewed_pair_and_no_half_written_one(tmp_path: Path) -> None:
    files = ensure(tmp_path, NAMES, NOW)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.cert, files.key)
    watch = CertificateWatch(context, files.cert, files.key, clock=lambda: NOW)
    assert not watch.look()
    key = files.key.read_bytes()
    files.cert.unlink()
    ensure(tmp_path, NAMES, NOW)
    new_key = files.key.read_bytes()
    files.key.write_bytes(key)  # the certificate is there, its key is not yet
    assert not watch.look()
    files.key.write_bytes(new_key)
    assert watch.look()
    assert not watch.look()


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[tuple[Any, Files]]:
    """A village's server process with its own authority, by the command a user types."""
    from browser.servers import NodeProcess, free_port

    welcome = free_port()
    node = NodeProcess(tmp_path / "node", "--https", "--name", "127.0.0.1", "--welcome-port", str(welcome))
    ensure(tmp_path / "node", ("127.0.0.1", "localhost"), datetime.now(UTC))
    node.url = f"http://127.0.0.1:{welcome}"  # what its start is asked at
    try:
        yield node.start(), Files(*(tmp_path / "node" / "https" / name for name in ("ca.crt", "ca.key", "node.crt", "node.key")))
    finally:
        node.stop()


def test_a_phone_that_trusts_the_authority_gets_in_and_another_does_not(serving: tuple[Any, Files]) -> None:
    node, files = serving
    trusting = ssl.create_default_context(cafile=str(files.ca))
    line = http.client.HTTPSConnection("127.0.0.1", node.port, timeout=10, context=trusting)
    line.request("GET", "/trusted.txt")
    reply = line.getresponse()
    assert (reply.status, reply.read()) == (200, b"ok\n")
    assert reply.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "Strict-Transport-Security" not in reply.headers
    line.close()
    stranger = http.client.HTTPSConnection("127.0.0.1", node.port, timeout=10)
    with pytest.raises(ssl.SSLCertVerificationError):
        stranger.request("GET", "/trusted.txt")
    plain = http.client.HTTPConnection("127.0.0.1", int(node.url.rsplit(":", 1)[1]), timeout=10)
    plain.request("GET", "/ruhu.crt")
    assert plain.getresponse().read() == files.ca.read_bytes()
    plain.close()


def test_the_serving_process_says_where_phones_begin(serving: tuple[Any, Files]) -> None:
    node, files = serving
    said = node.log.read_text(encoding="utf-8")
    assert node.url in said
    assert fingerprint(loaded(files.ca)) in said


@pytest.mark.parametrize(
    "arguments, word",
    [(("--https", "--name", "8.8.8.8"), "8.8.8.8"), (("--https", "--cert", "x.pem"), "--cert")],
)
def test_what_cannot_be_certified_is_one_clear_line(tmp_path: Path, arguments: tuple[str, ...], word: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app.commands", "serve", "--data", str(tmp_path / "d"), *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert word in done.stderr
    assert done.stderr.count("\n") == 1


# --- the page where phones begin --------------------------------------------------------------------------

AGENTS = {
    "ios": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1",
    "huawei": "Mozilla/5.0 (Linux; Android 12; HarmonyOS; NOH-AN00) AppleWebKit/537.36 HuaweiBrowser/15",
    "xiaomi": "Mozilla/5.0 (Linux; U; Android 14; Redmi Note 12) AppleWebKit/537.36 MiuiBrowser/18",
    "android": "Mozilla/5.0 (Linux; Android 11; SM-A107F) AppleWebKit/537.36 Chrome/96.0",
    "desk": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0",
}
WECHAT = AGENTS["android"] + " MicroMessenger/8.0.50"


@pytest.fixture
def welcome(tmp_path: Path) -> Any:
    files = ensure(tmp_path, NAMES, NOW)
    return welcome_app(files.ca, "https://192.168.3.7:8000", ROOT / "static", "zh").test_client()


@pytest.mark.parametrize("kind", AGENTS)
def test_it_names_the_settings_of_each_kind_of_phone(welcome: Any, kind: str) -> None:
    assert phone_kind(AGENTS[kind]) == kind
    page = welcome.get("/", headers={"User-Agent": AGENTS[kind]}).text
    assert "https://192.168.3.7:8000" in page
    assert page.count("<li>") >= 2


def test_it_serves_nothing_but_itself(welcome: Any) -> None:
    for path in ("/office/", "/welcome/../config.py", "/welcome/pages.js", "/api/sign-in", "/static/js/main.js"):
        assert welcome.get(path).status_code in (303, 404)
    assert welcome.post("/", data=b"x").status_code == 405
    assert "script-src" not in welcome.get("/").headers["Content-Security-Policy"].replace("default-src 'self'", "")
    assert welcome.get("/welcome/welcome.js").mimetype == "text/javascript"


# --- browsers that are none, addresses that are not secure ------------------------------------------------


@pytest.mark.parametrize(
    "agent, name",
    [(WECHAT, "微信"), (WECHAT + " wxwork/4.1", "企业微信"), (AGENTS["android"] + " DingTalk/7", "钉钉"),
     (AGENTS["android"] + " QQ/9.0", "QQ"), (AGENTS["android"] + " MQQBrowser/14", ""), (AGENTS["desk"], "")],
)  # fmt: skip
def test_it_knows_a_browser_from_an_app_that_shows_pages(agent: str, name: str) -> None:
    assert app_of(agent) == name


def test_wechat_is_led_to_a_browser_with_the_whole_address(here: Any, client: Any) -> None:
    page = client.get("/H/ABC123", headers={"User-Agent": WECHAT})
    assert page.status_code == 200
    assert "/H/ABC123" in page.text
    assert "在浏览器打开" in page.text
    assert "no-store" in page.headers["Cache-Control"]


def test_plain_http_in_a_village_is_led_to_https(client: Any) -> None:
    warned = client.get("/", headers={"Host": "192.168.3.7:8000"})
    assert "--https" in warned.text
    assert "--https" not in client.get("/?anyway", headers={"Host": "192.168.3.7:8000"}).text
    assert "--https" not in client.get("/", headers={"Host": "localhost:8000"}).text
    assert "--https" not in client.get("/", headers={"Host": "192.168.3.7"}, base_url="https://192.168.3.7").text


def test_the_office_is_told_before_the_certificate_ends(tmp_path: Path) -> None:
    files = ensure(tmp_path, NAMES, NOW)
    assert days_left(files.cert, NOW + timedelta(days=LEAF_DAYS - 11)) == 10
    assert days_left(files.cert, NOW + timedelta(days=LEAF_DAYS + 3)) == -4
    assert days_left(None, NOW) is None
    assert days_left(tmp_path / "none", NOW) is None


def test_addresses_are_made_of_names(tmp_path: Path) -> None:
    config = Config(data_dir=tmp_path, host="0.0.0.0", port=8443, authority_names=NAMES, welcome_port=8080)
    assert config.address == "https://192.168.3.7:8443"
    assert config.welcome_address == "http://192.168.3.7:8080/"
