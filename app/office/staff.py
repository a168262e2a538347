"""People from a spreadsheet: what each line would give, accounts with one-time passwords on a list to print, and taking it back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from typing import Any

from flask import Response, flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as AnyResponse

from app.access import office
from app.auth import current_user, hash_password
from app.errors import Problem
from app.node import node
from app.office import blueprint, page
from app.office.people import MANAGERS, one_time, write_people
from app.office.small_files import capped, read_by_worker
from app.office.words import ROLES as ROLE_WORDS
from app.office.workbooks import text_sheet, workbook_sent
from app.roster import staff
from app.roster.headings import bare
from app.roster.staff import Areas, Wished
from app.tables import others
from sync.author import Author
from sync.ids import new_id
from sync.records import Grant, Op, Record
from sync.scope import may_give, within

LARGEST = 4 * 1024 * 1024
HEAD = (_l("姓名"), _l("用户名"), _l("手机号"), _l("角色"), _l("区域"), _l("单位"))
GIVEN = ("cadre", "township", "county", "auditor")
"""Roles that a list may give; a node joins by somebody's own hand."""
SAID = {
    "cadre": "村 村级 驻村干部 驻村工作队", "township": "乡镇管理员 乡镇干部 镇干部 街道",
    "county": "区县管理员 县 县级 县管理员", "auditor": "督查 核查员 核查",
}  # fmt: skip
WORDS = {
    "no_name": _l("没有姓名。"),
    "bad_phone": _l("手机号不是 11 位:%(gap)s。改对,或另填用户名。"),
    "bad_username": _l("没有用户名也没有手机号,或者用户名不是 2 到 40 个字、中间有空格。"),
    "twice": _l("和第 %(gap)s 行是同一个用户名或手机号。"),
    "unknown_role": _l("不认识的角色:%(gap)s。请写:村干部、乡镇、区县或核查人员。"),
    "no_area": _l("没有写负责哪里。写区划代码,或“乡镇 村”。"),
    "unknown_code": _l("您的范围里没有这个区划代码:%(gap)s。"),
    "unknown_area": _l("您的范围里没有这个地方:%(gap)s。写区划代码最稳当。"),
    "many_areas": _l("有几个地方都叫这个名:%(gap)s。请写成“乡镇 村”,或写区划代码。"),
    "not_yours": _l("角色比您的高,或这个地方不归您管。请上级添加。"),
}


@blueprint.get("/users/list")
@office(*MANAGERS)
def staff_new() -> str:
    """Where a list is uploaded, with those taken in before."""
    return page.show("staff.html", most=staff.MOST, lists=others.staff_lists(page.tables(), page.scope()))


@blueprint.get("/users/list/empty.xlsx")
@office(*MANAGERS)
def staff_empty() -> Response:
    """A sheet to fill in, with the heads and two examples of a place here."""
    place = next((row["code"] for row in _areas() if row["level"] == 12), "")
    examples = [["王小明", "", "13800000000", _("村干部"), page.places().path(place), _("村委会")],
                ["李大山", "lidashan", "", _("乡镇"), place[:9], _("镇政府")]]  # fmt: skip
    return _workbook([str(one) for one in HEAD], examples, _("人员名单"))


@blueprint.post("/users/list")
@office(*MANAGERS)
def staff_check() -> str:
    """What each line would give; nothing is changed by it."""
    capped(LARGEST)
    given = request.files.get("file")
    if given is None or not given.filename:
        raise Problem("no_file", 422, _("还没有选文件。"), _("选好名单(.xlsx、.xls 或 .csv),再点上传。"))
    text = read_by_worker(given, "staff").get("lines")
    if text is None:
        todo = _("表里要有“姓名”,还要有“用户名”或“手机号”一列。可以下载空白表照着填。")
        raise Problem("no_heads", 422, _("没有认出表头。"), todo)
    return _preview(_understood(text))


@blueprint.post("/users/list/wrong.xlsx")
@office(*MANAGERS)
def staff_wrong() -> Response:
    """The lines that cannot be taken, as they came, with the reason: to hand back to whoever made the list."""
    capped(LARGEST)
    wrong = [one for one in _understood(request.form.get("lines", "")) if one.fault]
    rows = [[str(one.of.line), *astuple(one.of)[1:], reason(one)] for one in wrong]
    return _workbook([_("行号"), *(str(one) for one in HEAD), _("原因")], rows, _("要改的行"))


@blueprint.post("/users/list/take")
@office(*MANAGERS)
def staff_take() -> str:
    """Make the accounts of all lines without a fault; the passwords are on the page that answers, and nowhere else."""
    capped(LARGEST)
    good = [one for one in _understood(request.form.get("lines", "")) if not one.fault and not one.skipped]
    if not good:
        raise Problem("nothing_chosen", 422, _("没有可以添加的人。"), _("改好名单再上传。"))
    passwords = [one_time() for _one in good]
    with ThreadPoolExecutor(2) as pool:  # argon2 works outside Python's lock
        hashes = list(pool.map(hash_password, passwords))
    batch = new_id()

    def make(author: Author) -> list[Op]:
        made = zip(good, hashes, strict=True)
        return [author.create("user", new_id(), one.area, _fields(one, kept, batch)) for one, kept in made]

    write_people(make, None)
    rows = [{"name": one.of.name, "username": one.username, "role": one.role, "area": one.area, "password": password}
            for one, password in zip(good, passwords, strict=True)]  # fmt: skip
    return page.show("staff_taken.html", unmasked=True, rows=rows, batch=batch, site=node().config.address)


def _fields(one: Wished, password_hash: str, batch: str) -> dict[str, Any]:
    told = {"name": one.of.name, "username": one.username, "phone": one.of.phone, "unit": one.of.unit}
    given = {"role": one.role, "area": one.area, "grants": [], "state": "", "batch": batch}
    return told | given | {"password_hash": password_hash, "password_once": "1"}


@blueprint.post("/users/list/<batch>/undo")
@office(*MANAGERS)
def staff_undo(batch: str) -> AnyResponse:
    """Remove the accounts of a list that nobody has used yet; who signed in or was changed since stays."""
    people = [node().store.get("user", id) for id in others.people_of_list(page.tables(), page.scope(), batch)]
    there = [one for one in people if one and not one.deleted and one.id != current_user().id]
    if not there:
        raise Problem("not_found")
    if request.form.get("sure") != "1":
        raise Problem("not_sure", 422, _("还没有勾选确认。"), _("勾选“我确定要撤销”,再点一次。"))
    used = {install.user_id for install in node().store.installs()}
    unused = [one for one in there if one.id not in used and one.fields.get("password_once") == "1"]
    if unused:
        write_people(lambda author: [_removed(author, one) for one in unused], unused)
    kept = len(there) - len(unused)
    flash(_("已撤销 %(n)s 个账号。", n=len(unused)) + (_("%(n)s 个已经登录过或改过密码,没有动。", n=kept) if kept else ""))
    return redirect(url_for("office.staff_new"), 303)


def _removed(author: Author, one: Record) -> Op:
    seen = {name: one.fields.get(name) for name in ("username", "role", "area")}
    return author.void("user", one.id, one.area, seen, "撤销名单", base_rev=one.rev)


# --- shared -------------------------------------------------------------------------------------------------


def reason(one: Wished) -> str:
    return str(WORDS[one.fault]) % {"gap": one.gap} if one.fault else ""


def _preview(people: Sequence[Wished]) -> str:
    if len(people) > staff.MOST:
        raise Problem("too_many", 422, _("一次最多 %(n)s 人。", n=staff.MOST), _("请分成几个文件。"))
    good = [one for one in people if not one.fault and not one.skipped]
    return page.show("staff_check.html", unmasked=True, good=good, wrong=[one for one in people if one.fault],
                     skipped=[one for one in people if one.skipped], reason=reason,
                     lines=staff.to_text(one.of for one in people))  # fmt: skip


def _understood(text: str) -> list[Wished]:
    """The lines as this person may have them; the same question before and after they said yes."""
    try:
        lines = staff.from_text(text)
    except ValueError:
        raise Problem("bad_request") from None
    own, find = current_user().grants, node().people.find
    roles = {"": "cadre"} | {bare(word): role for role in GIVEN for word in (role, *ROLE_WORDS[role], *SAID[role].split())}
    names = {row["code"]: row["name"] for row in _areas()}
    above = others.area_names(page.tables(), page.scope())
    return staff.understood(
        lines, Areas(above, set(names)), roles, taken=lambda name: find(name) is not None,
        may_give=lambda role, area: role in GIVEN and may_give([Grant(role, area)], own),
    )  # fmt: skip


def _areas() -> Iterable[dict[str, Any]]:
    prefixes = page.scope().area_prefixes
    rows = others.areas_within(page.tables(), page.scope(), "")
    return [row for row in rows if not row["successor"] and len(row["code"]) == 12 and within(row["code"], prefixes)]


def _workbook(head: Sequence[str], rows: Iterable[Sequence[str]], name: str) -> Response:
    return workbook_sent(f"{name}.xlsx", [text_sheet(name, head)], ((0, row) for row in rows))
