"""Every setting of a node: type, default, meaning. Nothing else reads the environment or the command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Config:
    """How one node runs.

    data_dir: everything the node keeps; one process per folder.
    upstream: URL of the node above; '' makes this node the centre; postgresql://… makes
        it a web host of a centre that keeps its store there.
    area: area code the node answers for; published forms belong to it.
    public_url: address people and QR codes use; '' means derived from host and port.
    lang: language of pages whose reader asked for none.
    cert, key: PEM files; both given means the node speaks HTTPS itself.
    authority_names: names and addresses a local authority of the data folder certifies;
        given, cert and key are its files and are renewed by themselves.
    welcome_port: plain http port of the page where phones fetch that authority; 0 is none.
    proxies: trusted reverse proxies in front; their X-Forwarded-* are believed.
    background: follow the store and the upstream in threads; tests switch it off.
    threads: requests answered at once; a phone on a 2 kB/s line holds one for minutes.
    phone_passwords: phones may sign in with a password; off, they come by an invitation only.
    relay_seconds: pause between two looks at the upstream when nothing is waiting.
    """

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 8000
    upstream: str = ""
    area: str = "500000000000"
    public_url: str = ""
    lang: str = "zh"
    cert: Path | None = None
    key: Path | None = None
    authority_names: tuple[str, ...] = ()
    welcome_port: int = 0
    proxies: int = 0
    phone_passwords: bool = True
    background: bool = True
    relay_seconds: float = 5.0
    threads: int = 40
    debug: bool = False
    forms_dir: Path = field(default=ROOT / "forms" / "library")
    static_dir: Path = field(default=ROOT / "static")

    @property
    def follows(self) -> bool:
        """Whether a node is above this one."""
        return bool(self.upstream) and not self.upstream.startswith(("postgresql://", "postgres://"))

    @property
    def https(self) -> bool:
        return self.address.startswith("https://")

    @property
    def address(self) -> str:
        """The address to print and to put into QR codes, without a closing slash."""
        if self.public_url:
            return self.public_url.rstrip("/")
        scheme = "https" if self.cert else "http"
        if self.authority_names:
            return f"https://{_bracketed(self.authority_names[0])}:{self.port}"
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::", "") else self.host
        return f"{scheme}://{_bracketed(host)}:{self.port}"

    @property
    def welcome_address(self) -> str:
        """Where a phone that trusts nothing yet begins; '' without such a page."""
        if not self.welcome_port:
            return ""
        return f"http://{_bracketed(self.authority_names[0])}:{self.welcome_port}/"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
