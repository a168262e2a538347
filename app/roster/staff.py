"""A list of people who are to get accounts: which column is what, and what is wrong with each line. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from app.roster.headings import bare
from app.roster.places import bare as bare_place

COLUMNS = ("name", "username", "phone", "role", "area", "unit")
SYNONYMS = {
    "name": "姓名 名字 人员姓名 干部姓名 name",
    "username": "用户名 账号 帐号 登录名 登录账号 username account",
    "phone": "手机号 手机 电话 联系电话 手机号码 电话号码 联系方式 账号/手机号 phone mobile",
    "role": "角色 权限 身份 用户角色 role",
    "area": "区域 所在区域 负责区域 辖区 管理区域 区划 区划代码 行政区划代码 区域代码 area",
    "county": "县 区县 县区 所在县",
    "township": "乡镇 乡镇街道 镇 乡 所在乡镇",
    "village": "村 村居 行政村 所在村 村社区",
    "unit": "单位 工作单位 所在单位 部门 unit",
}
PARTS = ("county", "township", "village")
LOOKED_AT = 20
MOST = 500
"""People of one file: a password is made slow to guess, and so takes a moment to make."""
_HEADINGS = {bare(word): column for column, words in SYNONYMS.items() for word in words.split()}
_PHONE = re.compile(r"1\d{10}")
LONGEST = {"name": 40, "unit": 80, "phone": 20, "username": 40, "role": 20, "area": 120}


@dataclass(frozen=True)
class Listed:
    """A line as it was read."""

    line: int
    name: str = ""
    username: str = ""
    phone: str = ""
    role: str = ""
    area: str = ""
    unit: str = ""


@dataclass(frozen=True)
class Wished:
    """A line as it is understood. fault: a code of the page's words, with its gap; skipped: the account is there already."""

    of: Listed
    username: str = ""
    role: str = ""
    area: str = ""
    fault: str = ""
    gap: str = ""
    skipped: bool = False


def read_list(rows: Sequence[Sequence[str]]) -> list[Listed] | None:
    """The people of a sheet; None when no line among the first names a column for the name and one for the account."""
    for number, row in enumerate(rows[:LOOKED_AT]):
        columns = [_HEADINGS.get(bare(cell), "") for cell in row]
        if "name" in columns and {"username", "phone"} & set(columns):
            read = (_line(at, columns, cells) for at, cells in enumerate(rows[number + 1 :], number + 2))
            return [one for one in read if one.name or one.username or one.phone]
    return None


def _line(number: int, columns: Sequence[str], cells: Sequence[str]) -> Listed:
    found: dict[str, str] = {}
    for column, cell in zip(columns, cells, strict=False):
        text = " ".join(cell.split())
        if column and text:
            found.setdefault(column, text[: LONGEST.get(column, 60)])
    path = " ".join(found[part] for part in PARTS if part in found)
    area = found.get("area", "") or path
    return Listed(number, **{name: found.get(name, "") for name in COLUMNS if name != "area"}, area=area)


# --- what is wrong with it ------------------------------------------------------------------------------------


class Areas:
    """Places by code, and by name as people write them: 村, 乡镇 村, 县 乡镇 村."""

    def __init__(self, names: Mapping[str, str], given: Collection[str]) -> None:
        """names: 12-digit code → name, places above included. given: those that may be found."""
        self._given = given
        self._codes: dict[str, set[str]] = {}
        for code in given:
            path = [names[part] for end in (6, 9, 12) if (part := code[:end].ljust(12, "0")) in names and part <= code]
            path = list(dict.fromkeys(path))
            for start in range(len(path)):
                for spelling in {"".join(path[start:]), "".join(map(bare_place, path[start:]))}:
                    self._codes.setdefault(_tight(spelling), set()).add(code)

    def find(self, text: str) -> tuple[str, str]:
        """(code, '') or ('', why)."""
        digits = _tight(text)
        if digits.isdigit():
            code = digits.ljust(12, "0")
            return (code, "") if code in self._given else ("", "unknown_code")
        found = self._codes.get(digits) or self._codes.get("".join(bare_place(part) for part in text.split()), set())
        if len(found) == 1:
            return next(iter(found)), ""
        return "", "many_areas" if found else "unknown_area"


def _tight(text: str) -> str:
    return re.sub(r"[\s/,,、>›·-]", "", text)


def understood(
    lines: Iterable[Listed], areas: Areas, roles: Mapping[str, str], *,
    taken: Callable[[str], bool], may_give: Callable[[str, str], bool],
) -> list[Wished]:  # fmt: skip
    """Every line with what it asks for or why it cannot be had.

    roles: word → role. taken: whether an account is there. may_give: (role, area) → whether it is this person's to give.
    """
    seen: dict[str, int] = {}
    return [_understood(one, areas, roles, taken, may_give, seen) for one in lines]


def _understood(
    one: Listed, areas: Areas, roles: Mapping[str, str], taken: Callable[[str], bool],
    may_give: Callable[[str, str], bool], seen: dict[str, int],
) -> Wished:  # fmt: skip
    username = one.username or re.sub(r"[\s-]", "", one.phone)
    found = Wished(one, username)
    if not one.name:
        return replace(found, fault="no_name")
    if not one.username and one.phone and not _PHONE.fullmatch(username):
        return replace(found, fault="bad_phone", gap=one.phone)
    if not 2 <= len(username) <= 40 or any(letter.isspace() for letter in username):
        return replace(found, fault="bad_username", gap=username)
    before = seen.setdefault(username.casefold(), one.line)
    if before != one.line:
        return replace(found, fault="twice", gap=str(before))
    if taken(username.casefold()):
        return replace(found, skipped=True)
    role = roles.get(bare(one.role), "") or roles.get(bare(one.role).casefold(), "") if one.role else roles[""]
    if not role:
        return replace(found, fault="unknown_role", gap=one.role)
    area, why = areas.find(one.area) if one.area else ("", "no_area")
    if why:
        return replace(found, fault=why, gap=one.area)
    if not may_give(role, area):
        return replace(found, fault="not_yours")
    return replace(found, role=role, area=area)


# --- between two pages --------------------------------------------------------------------------------------


def to_text(lines: Iterable[Listed]) -> str:
    """The lines for the page that asks once more; nothing of the file stays on the server."""
    return "\n".join("\t".join([str(one.line), *(getattr(one, name) for name in COLUMNS)]) for one in lines)


def from_text(text: str) -> list[Listed]:
    """Raises ValueError for what `to_text` did not write."""
    found = []
    for row in text.splitlines():
        number, *cells = row.split("\t")
        if len(cells) != len(COLUMNS):
            raise ValueError("not a list")
        cut = {name: cell[: LONGEST[name]] for name, cell in zip(COLUMNS, cells, strict=True)}
        found.append(Listed(int(number), **cut))
    return found
