"""A certificate authority of the node's own, that can speak for nothing but this village's addresses.

Phones trust it by hand (the fallback of docs/https.md), so it is name-constrained
(RFC 5280 section 4.2.1.10): whoever steals its key can imitate the given names
and private addresses, and no bank.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

FOLDER = "https"
CA_YEARS = 10
# Apple refuses longer ones also from authorities that were installed by hand.
LEAF_DAYS = 397
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "fc00::/7", "fe80::/10")
LOCAL_NAMES = ("localhost", "local")


class NotPermitted(ValueError):
    """A name or address that this authority may not speak for."""


@dataclass(frozen=True)
class Files:
    """Where an authority and the node's certificate lie."""

    ca: Path
    ca_key: Path
    cert: Path
    key: Path


def files_in(data_dir: Path) -> Files:
    folder = data_dir / FOLDER
    return Files(folder / "ca.crt", folder / "ca.key", folder / "node.crt", folder / "node.key")


def ensure(data_dir: Path, names: Sequence[str], now: datetime) -> Files:
    """Make what is missing, renew the certificate when a third of its life is left or a name is new.

    names: DNS names and addresses, the first is the one shown. Raises NotPermitted.
    """
    files = files_in(data_dir)
    files.ca.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not files.ca.exists() or not files.ca_key.exists():
        _make_authority(files, names, now)
    authority = x509.load_pem_x509_certificate(files.ca.read_bytes())
    for name in names:
        if not permits(authority, name):
            raise NotPermitted(name)
    if not _serves(files, names, now):
        _make_certificate(files, authority, names, now)
    return files


def permits(authority: x509.Certificate, name: str) -> bool:
    """Whether the authority's constraints let it speak for a name or address."""
    allowed = authority.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    wanted = _general(name)
    if isinstance(wanted, x509.IPAddress):
        return any(isinstance(one, x509.IPAddress) and _inside(wanted.value, one.value) for one in allowed)
    names = [one.value for one in allowed if isinstance(one, x509.DNSName)]
    return any(wanted.value == one or wanted.value.endswith("." + one) for one in names)


def fingerprint(certificate: x509.Certificate) -> str:
    """What a person compares on two screens: the first half of the SHA-256, in fours."""
    digest = certificate.fingerprint(hashes.SHA256()).hex().upper()[:32]
    return " ".join(digest[at : at + 4] for at in range(0, len(digest), 4))


def fingerprint_of(data_dir: Path) -> str:
    """The fingerprint of the folder's authority; '' when it has none."""
    try:
        return fingerprint(x509.load_pem_x509_certificate(files_in(data_dir).ca.read_bytes()))
    except (OSError, ValueError):
        return ""


def _inside(address: object, network: object) -> bool:
    inner, outer = ipaddress.ip_network(str(address)), ipaddress.ip_network(str(network))
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]


def _general(name: str) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name.lower())


def _make_authority(files: Files, names: Sequence[str], now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    title = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"入户 Ruhu {names[0] if names else ''}".strip()[:64])])
    dns = [name for name in names if isinstance(_general(name), x509.DNSName)]
    permitted: list[x509.GeneralName] = [x509.DNSName(name.lower()) for name in dict.fromkeys((*dns, *LOCAL_NAMES))]
    permitted += [x509.IPAddress(ipaddress.ip_network(net)) for net in PRIVATE]
    made = (
        x509.CertificateBuilder()
        .subject_name(title)
        .issuer_name(title)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365 * CA_YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    # The key first: a certificate without its key would be taken for a whole authority.
    _write(files.ca_key, _pem(key), 0o600)
    _write(files.ca, made.public_bytes(serialization.Encoding.PEM), 0o644)


def _make_certificate(files: Files, authority: x509.Certificate, names: Sequence[str], now: datetime) -> None:
    signer = serialization.load_pem_private_key(files.ca_key.read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A phone whose clock is a day behind must still get in.
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=LEAF_DAYS - 1))
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    _write(files.key, _pem(key), 0o600)
    _write(files.cert, made.public_bytes(serialization.Encoding.PEM) + files.ca.read_bytes(), 0o644)


def _serves(files: Files, names: Sequence[str], now: datetime) -> bool:
    """Whether the certificate that is there belongs to its key and this authority, names all, and lives long enough."""
    try:
        found = x509.load_pem_x509_certificate(files.cert.read_bytes())
        key = serialization.load_pem_private_key(files.key.read_bytes(), None)
        found.verify_directly_issued_by(x509.load_pem_x509_certificate(files.ca.read_bytes()))
    except Exception:
        return False
    if found.public_key() != key.public_key():  # type: ignore[union-attr]
        return False
    named = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    if not {_general(name) for name in names} <= set(named):
        return False
    return found.not_valid_after_utc - now > timedelta(days=LEAF_DAYS) / 3


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=signs_certificates, crl_sign=signs_certificates,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    part = path.with_name(path.name + ".part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    os.replace(part, path)
