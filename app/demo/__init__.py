"""The demo county: fictional households at real places, made from a seed, for trying out and measuring.

Everything in it is marked: numbers of households and people begin with 演示,
units end with (演示), and ``NOTICE`` is shown beside the sign-ins. ID numbers
are impossible (``id_numbers``), and so are phone numbers (``family.phone``).
Same seed, size, day and key: same county, byte for byte.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec

from app.demo.history import Demo, ops
from app.demo.people import NODE_USER, PASSWORD
from sync.records import Op

if TYPE_CHECKING:
    from sync.store.base import Store

NOTICE = "虚构演示数据:地名和区划代码真实,人、户、号码和数字全是编造的。"
NOTICE_EN = "Fictional data: places and area codes are real; people, households, numbers and figures are made up."
SHOWN = 6
"""Accounts offered to a visitor: a cadre, the levels above, and the auditor."""

__all__ = ["NOTICE", "NOTICE_EN", "Demo", "build", "ops", "sign_ins"]


def build(store: Store, *, households: int, seed: int, today: date, key: bytes) -> dict[str, Any]:
    """Load a county into an empty store and answer how to sign in, for ``demo.json``.

    key signs the household codes; it must be the data folder's own.
    """
    demo = Demo(households, seed, today, key)
    store.load(msgspec.convert(op, Op) for op in ops(demo))
    return sign_ins(demo)


def sign_ins(demo: Demo) -> dict[str, Any]:
    """The accounts worth showing, and the one a village node joins with."""
    users = demo.users
    cadre = next(user for user in users.values() if user.role == "cadre")
    above = [user for user in users.values() if cadre.area.code.startswith(user.area.code) and user != cadre]
    levels = ("township", "county", "auditor")
    shown = sorted((user for user in above if user.role in levels), key=lambda user: levels.index(user.role))
    node = users[NODE_USER]
    return {
        "notice": NOTICE,
        "notice_en": NOTICE_EN,
        "households": demo.households,
        "seed": demo.seed,
        "today": demo.today.isoformat(),
        "sign_ins": [
            {"username": user.username, "password": PASSWORD, "role": user.role, "title": user.title}
            for user in [cadre, *shown][:SHOWN]
        ],
        "node": {"username": node.username, "password": PASSWORD, "area": node.area.code12, "title": node.title},
    }
