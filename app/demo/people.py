"""The demo's users: who signs in where. All share one password, which the start page may show.

One cadre a village, one supervisor a township, one manager a county, an
account over all three counties, an auditor, and an account for the node of
清水村 to join with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from argon2 import PasswordHasher
from pypinyin import lazy_pinyin

from app.demo import names
from app.demo.areas import CENTRE_AREA, CENTRE_NAME, Area, Village
from app.demo.family import phone

PASSWORD = "ruhu-demo"
NODE_VILLAGE = "清水村"
NODE_USER = "node"


@dataclass(frozen=True)
class User:
    """An account. area is the prefix its holder may see."""

    username: str
    name: str
    role: str
    area: Area
    title: str
    unit: str
    phone: str


def users(seed: int, villages: list[Village]) -> dict[str, User]:
    """All accounts by username, the usual demo's first."""
    random = Random(f"{seed}:users")
    found: dict[str, User] = {}

    def add(username: str, role: str, area: Area, title: str, unit: str) -> None:
        name = names.surname(random) + names.given_name(random, random.choice("12"), 1985)
        found[username] = User(username, name, role, area, title, unit, phone(random))

    centre = Area(CENTRE_AREA, CENTRE_NAME, CENTRE_NAME, "centre")
    add("centre", "county", centre, "演示中心 · 三个区县", CENTRE_NAME)
    add("audit", "auditor", centre, "演示中心 · 只读检查", CENTRE_NAME)
    for village in villages:
        county, township = village.county, village.township
        if (username := pinyin(county.name)) not in found:
            add(username, "county", county, f"{county.name} · 管理", f"{county.name}乡村振兴服务中心(演示)")
        if (username := pinyin(township.name)) not in found or found[username].area != township:
            add(_free(found, username), "township", township, f"{township.name} · 审核", f"{township.name}(演示)")
        username = _free(found, pinyin(village.name))
        title = f"{township.name}{village.name} · 村干部"
        add(username, "cadre", village, title, f"{village.name}驻村工作队(演示)")
        if village.name == NODE_VILLAGE and NODE_USER not in found:
            add(NODE_USER, "node", village, f"{village.name} · 村节点", f"{village.name}(演示)")
    return found


def cadre_of(accounts: dict[str, User]) -> dict[str, User]:
    """The cadre of each village, by village code."""
    return {user.area.code: user for user in accounts.values() if user.role == "cadre"}


def password_hash(seed: int) -> str:
    """One hash for all accounts. Its salt comes from the seed, so that a demo can be made twice alike."""
    return PasswordHasher().hash(PASSWORD, salt=Random(f"{seed}:salt").randbytes(16))


def pinyin(name: str) -> str:
    """A username from a place's name without its last word: 清水村 → qingshui, 石柱土家族自治县 → shizhu."""
    for ending in ("土家族自治县", "苗族土家族乡", "苗族仡佬族乡", "自治县"):
        name = name.removesuffix(ending)
    if len(name) > 2 and name[-1] in "村镇乡区县":
        name = name[:-1]
    return "".join(lazy_pinyin(name))


def _free(found: dict[str, User], username: str) -> str:
    return next(name for name in _numbered(username) if name not in found)


def _numbered(username: str) -> Iterator[str]:
    yield username
    number = 2
    while True:
        yield f"{username}{number}"
        number += 1
