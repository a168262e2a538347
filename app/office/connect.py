"""How a phone gets here: the code to scan, the certificate to compare, and how long it still serves."""

from __future__ import annotations

from datetime import UTC, datetime

from app.access import office
from app.node import node
from app.office import blueprint, page
from app.origin.authority import fingerprint_of
from app.origin.expiry import ALARM_DAYS, days_left
from app.pwa import LOOPBACK
from app.qr import qr_svg


@blueprint.get("/connect")
@office()
def connect() -> str:
    config = node().config
    begin = config.welcome_address or config.address + "/"
    host = config.address.split("://", 1)[-1].rsplit(":", 1)[0].strip("[]")
    return page.show(
        "connect.html",
        begin=begin,
        code=qr_svg(begin),
        first=bool(config.welcome_address),
        fingerprint=fingerprint_of(config.data_dir) if config.authority_names else "",
        left=certificate_left(),
        alarm=ALARM_DAYS,
        secure=config.https,
        only_here=host in LOOPBACK,
    )


def certificate_left() -> int | None:
    """Days the node's own certificate still serves; None when a proxy or nobody has one."""
    return days_left(node().config.cert, datetime.now(UTC))
