"""How long the certificate still serves, and taking in a renewed one while the server runs.

An expired certificate stops syncing, not filling in; the office is told twenty days before.
"""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cryptography import x509

ALARM_DAYS = 20
LOOK_SECONDS = 60.0

log = logging.getLogger("ruhu.https")


def days_left(cert: Path | None, now: datetime) -> int | None:
    """Whole days the certificate is still good for, negative once it is over; None without one or when unreadable."""
    if cert is None:
        return None
    try:
        found = x509.load_pem_x509_certificate(cert.read_bytes())
    except (OSError, ValueError):
        return None
    return (found.not_valid_after_utc - now).days


class CertificateWatch:
    """Looks at the files now and then; a renewed pair is used for every connection from then on.

    renew: called before each look, may rewrite the files. A pair that does not
    fit (a renewal caught half-written) is left alone until the next look.
    """

    def __init__(self, context: ssl.SSLContext, cert: Path, key: Path, *, clock: Callable[[], datetime],
                 renew: Callable[[], object] | None = None) -> None:  # fmt: skip
        self._context, self._cert, self._key = context, cert, key
        self._clock, self._renew = clock, renew
        self._seen = self._stamp()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def look(self) -> bool:
        """One look; answers whether a renewed certificate was taken in."""
        if self._renew:
            self._renew()
        left = days_left(self._cert, self._clock())
        if left is not None and left <= ALARM_DAYS:
            log.warning("the HTTPS certificate ends in %d days", left)
        stamp = self._stamp()
        if stamp == self._seen:
            return False
        try:
            # Tried on a context of its own first: a half-written pair must not reach the serving one.
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(self._cert, self._key)
            self._context.load_cert_chain(self._cert, self._key)
        except (OSError, ssl.SSLError):
            return False
        self._seen = stamp
        return True

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="certificate", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                self.look()
            except Exception:
                log.exception("looking at the certificate failed")

    def _stamp(self) -> tuple[int, ...]:
        try:
            return (self._cert.stat().st_mtime_ns, self._key.stat().st_mtime_ns)
        except OSError:
            return ()
