"""People of the reader's place: who may do what, one-time passwords, their devices, and letting a phone in."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from flask import flash, g, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as AnyResponse

from app.access import office
from app.auth import current_user, hash_password, in_scope, password_fits
from app.enrol import invite
from app.errors import Problem
from app.i18n import language
from app.node import node
from app.office import blueprint, page
from app.office.devices import phone_name
from app.office.eyes import Own
from app.office.roll_files import Lines, roll
from app.office.typed import Typed
from app.office.words import ROLES as ROLE_WORDS
from app.office.words import pick
from app.qr import qr_svg
from app.tables import others
from app.tables.clock import local_time
from app.tables.query import Listing, Row
from sync import enrolling
from sync.author import Author
from sync.ids import new_id
from sync.own import write_own
from sync.records import BROWSER, Grant, Op, Record
from sync.scope import ROLES, grants_in, may_give, prefix_of, refusal

OWN_NAME = "people"
typed = Typed()
MANAGERS = ("township", "county")
SHORTEST = 8
_TEXTS = {"name": 40, "unit": 80, "phone": 20}
_REFUSED = (_l("您不能这样改:角色不能高于您自己,区域要在您的范围内。"), _l("请改选角色或区域,或请上级办理。"))


@blueprint.get("/users")
@office("township", "county", "cadre")
def users() -> str:
    text = _text_asked()
    found = _asked(text or "").page(page.page_number())
    return page.show("users.html", found=found, manages=_manages(), text=Own(text or ""), lost=text is None, area=page.area_wish(),
                     role=request.args.get("role", ""), roles=list(ROLES), villages=page.villages())  # fmt: skip


def _text_asked() -> str | None:
    """What was typed to search for; None when it was not kept."""
    number = request.args.get("s", "")
    return typed.text(current_user().id, number) if number else ""


def _asked(text: str) -> Listing:
    return others.users_asked(page.tables(), page.scope(), text, page.places_wish(), request.args.get("role", ""))


@roll("people", of=users, title=_l("人员名册"),
      head=(_l("姓名"), _l("用户名"), _l("角色"), _l("区域"), _l("区划代码"), _l("单位"), _l("电话"), _l("状态")))  # fmt: skip
def _lines() -> Lines:
    text = _text_asked()
    if text is None:  # all of them would not be what was on the screen
        raise Problem("bad_request", message=_("搜索的字没有保留下来,请重新输入。"), next=_("退回上一页,再查一次,然后下载。"))
    asked = _asked(text)
    return Lines(asked.total(), _cells(asked.each()))


def _cells(rows: Iterator[Row]) -> Iterator[list[str]]:
    for row in rows:
        role = pick(ROLE_WORDS[row["role"]], language()) if row["role"] in ROLE_WORDS else row["role"]
        yield [row["name"] or "", row["username"] or "", role or "", page.places().path(row["area"]), row["area"],
               row["unit"] or "", row["phone"] or "", _("已停用") if row["state"] == "disabled" else ""]  # fmt: skip


@blueprint.post("/users")
@office("township", "county", "cadre")
def search_users() -> AnyResponse:
    """Take the typed name out of the form, so that it never stands in an address."""
    kept = {name: request.form.get(name, "") for name in ("village", "small", "role")}
    number = typed.keep(current_user().id, request.form.get("text", ""))
    return redirect(url_for("office.users", **{name: value for name, value in (kept | {"s": number}).items() if value}), 303)


def _manages() -> bool:
    return bool(current_user().roles & set(MANAGERS))


@blueprint.get("/users/<id>")
@office(*MANAGERS)
def person(id: str) -> str:
    """One person; ``new`` for one to be added."""
    return _page(_person(id) if id != "new" else None)


@blueprint.post("/users/<id>")
@office(*MANAGERS)
def person_save(id: str) -> AnyResponse | str:
    """Everything but the password. A new person gets a one-time password, shown on the page that answers."""
    record = _person(id) if id != "new" else None
    wished: dict[str, Any] = {name: " ".join(request.form.get(name, "").split())[:most] for name, most in _TEXTS.items()}
    role, area = request.form.get("role", ""), request.form.get("area", "")
    if role not in ROLES or not area.isdigit() or not wished["name"]:
        raise Problem("bad_person", 422, _("姓名、角色和区域都要填。"), _("补齐再保存。"))
    wished |= {"role": role, "area": area, "grants": _grants(record)}
    if record is None:
        return _add(wished)
    _change(record, wished)
    flash(_("已保存。"))
    return _to(id)


def _add(wished: dict[str, Any]) -> str:
    username = request.form.get("username", "").strip()
    if not 2 <= len(username) <= 40 or any(letter.isspace() for letter in username):
        raise Problem("bad_username", 422, _("用户名要 2 到 40 个字,中间不能有空格。"), _("换一个再保存。"))
    if node().people.find(username.casefold()):
        raise Problem("taken", 422, _("这个用户名已经有人用了。"), _("换一个再保存。"))
    password = one_time()
    fields = wished | {"username": username, "password_hash": hash_password(password), "password_once": "1", "state": ""}
    id = new_id()
    _write(lambda author: [author.create("user", id, wished["area"], fields)], None)
    return _page(_person(id), password=password)


@blueprint.post("/users/<id>/password")
@office(*MANAGERS)
def person_password(id: str) -> str:
    """A new one-time password, shown once; whoever is signed in with the old one is out."""
    record, password = _person(id), one_time()
    _change(record, {"password_hash": hash_password(password), "password_once": "1"})
    _end_sessions(id)
    return _page(_person(id), password=password)


@blueprint.post("/users/<id>/state")
@office(*MANAGERS)
def person_state(id: str) -> AnyResponse:
    record = _person(id)
    if id == current_user().id:
        raise Problem("forbidden", next=_("自己的账号请另一位管理员停用。"))
    _change(record, {"state": "" if record.fields.get("state") == "disabled" else "disabled"})
    return _to(id)


# --- devices ------------------------------------------------------------------------------------------------


@blueprint.post("/users/<id>/enrol")
@office(*MANAGERS)
def person_enrol(id: str) -> str:
    """An invitation for a phone of this person; its secret is on this page only."""
    record = _person(id)
    if not _may_manage(record) or not any(ROLES[one.role].phone for one in _held(record)):
        raise Problem("not_enrolled", 403, _("不能给这个人登记手机。"), _("要是您能管理的、在手机上工作的人,而且没有停用。"))
    invitation, secret = invite(node(), id, current_user().id)
    address = f"{node().config.address}/#/enrol/{secret}"
    return page.show("enrol.html", person=record.fields, id=invitation, user_id=id, code=qr_svg(address), fault="",
                     secret=enrolling.spoken(secret), origin=node().config.address)  # fmt: skip


@blueprint.post("/enrolments/<id>")
@office(*MANAGERS)
def enrolment_confirm(id: str) -> AnyResponse | str:
    """The code as it stands on the phone in front of the one who types it."""
    store = node().store
    one = store.enrolment(id=id)
    record = _person(one.user_id) if one else None
    if one is None or record is None or not _may_manage(record):
        raise Problem("not_found")
    after = enrolling.answered(one, request.form.get("code", "").strip(), node().now())
    if after is None or not store.change_enrolment(one, after):
        waits = one.state == enrolling.OFFERED and enrolling.is_open(one, node().now())
        fault = _("还没有手机扫这个码。请先用手机扫,手机上出现号码再填。") if waits else _("这个码已经用过或过期了,请重新出一个。")
        return _again(one, record, fault, open=waits)
    if after.state == enrolling.CONFIRMED:
        flash(_("已确认,手机会自动登录。"))
        return _to(one.user_id)
    stopped = after.state == enrolling.STOPPED
    fault = _("号码连续不对,这个码已作废。请重新出一个,只扫一次。") if stopped else _("号码不对。请照着这部手机上的四位数字填。")
    return _again(one, record, fault, open=not stopped)


def _again(one: enrolling.Enrolment, record: Record, fault: str, *, open: bool) -> str:
    return page.show("enrol.html", person=record.fields, id=one.id if open else "", user_id=one.user_id, code=None, secret="",
                     origin="", fault=fault)  # fmt: skip


@blueprint.post("/devices/<id>/stop")
@office(*MANAGERS)
def device_stop(id: str) -> AnyResponse:
    """It pulls nothing from now on; what it still sends waits for a person."""
    install = next((one for one in node().store.installs() if one.install_id == id and one.kind != BROWSER), None)
    if install is None or not install.user_id:
        raise Problem("not_found")
    if not _may_manage(_person(install.user_id)):
        raise Problem("forbidden")
    node().store.revoke(id)
    _stop_everywhere(node().store.get("device", id))
    flash(_("已停用这部设备。它还没送出的内容送来后,会放进待核对。"))
    return _to(install.user_id)


@blueprint.post("/devices/<id>/stop-below")
@office(*MANAGERS)
def told_device_stop(id: str) -> AnyResponse:
    """A device that signed in at a server below: that server ends its token at its next link."""
    device = node().store.get("device", id)
    if device is None or device.deleted or not in_scope(device.area):
        raise Problem("not_found")
    if not _may_manage(_person(str(device.fields.get("user_id") or ""))):
        raise Problem("forbidden")
    _stop_everywhere(device)
    flash(_("已停用。村里的服务器下次联网时,这部设备就不能再下载;它还没送出的内容会放进待核对。"))
    return redirect(url_for("office.devices"), 303)


def _stop_everywhere(device: Record | None) -> None:
    """Void what the servers know of a device, which ends it at every one of them (decision 0011)."""
    if device is not None and not device.deleted:
        seen = {name: device.fields.get(name) for name in ("user_id", "name")}
        void = ("device", device.id, device.area, seen, "停用设备")
        write_people(lambda author: [author.void(*void, base_rev=device.rev)], [device])


# --- one's own password -------------------------------------------------------------------------------------


@blueprint.route("/password", methods=["GET", "POST"])
@office()
def own_password() -> AnyResponse | str:
    fault = ""
    if request.method == "POST":
        me = node().store.get("user", current_user().id)
        old, new, again = (request.form.get(name, "") for name in ("old", "new", "again"))
        fault = _wrong_with(me, old, new, again)
        if me is not None and not fault:
            kept = {"password_hash": hash_password(new), "password_once": ""}
            _write(lambda author: [_update(author, me, kept)], me, own=True)
            _end_sessions(me.id, but=_this_session())
            flash(_("密码已改。其他电脑上的登录都已退出。"))
            return redirect(url_for("office.home"), 303)
    return page.show("password.html", fault=fault, shortest=SHORTEST)


@blueprint.post("/sign-out-everywhere")
@office()
def sign_out_everywhere() -> AnyResponse:
    _end_sessions(current_user().id, but=_this_session())
    flash(_("其他电脑上的登录都已退出。"))
    return redirect(url_for("office.own_password"), 303)


def _wrong_with(me: Record | None, old: str, new: str, again: str) -> str:
    if not SHORTEST <= len(new) <= 200:
        return _("新密码至少 %(n)s 位。", n=SHORTEST)
    if new != again:
        return _("两次填的新密码不一样。")
    if new == old or (me is not None and new == me.fields.get("username")):
        return _("新密码不能和旧密码或用户名一样。")
    return _wrong_password(str(me.fields.get("password_hash") or "") if me else "", old)


def _wrong_password(kept: str, old: str) -> str:
    """Guessing at a page that somebody left open is slowed down as at the sign-in."""
    throttle, account, address = node().throttle, f"#own {current_user().id}", request.remote_addr or ""
    wait = throttle.wait(account, address, time.time(), pair_only=True)
    if wait:
        return _("试错次数太多,%(n)s 秒后再试。", n=wait)
    if password_fits(kept, old):
        throttle.succeeded(account, address)
        return ""
    throttle.failed(account, address, time.time())
    return _("现在的密码不对。")


def _this_session() -> str:
    return str(g.credential.install_id)


def _end_sessions(user_id: str, but: str = "") -> None:
    store = node().store
    for install in store.installs():
        if install.user_id == user_id and install.kind == BROWSER and not install.revoked and install.install_id != but:
            store.revoke(install.install_id)


# --- shared -------------------------------------------------------------------------------------------------


def _person(id: str) -> Record:
    """404 for somebody of another place."""
    record = node().store.get("user", id)
    if record is None or record.deleted or not in_scope(record.area):
        raise Problem("not_found")
    return record


def _held(record: Record) -> tuple[Grant, ...]:
    return grants_in(record.fields, record.area) if record.fields.get("state") != "disabled" else ()


def _may_manage(record: Record) -> bool:
    """Everything they hold is the reader's to give."""
    return may_give(grants_in(record.fields, record.area), current_user().grants)


def _grants(record: Record | None) -> list[dict[str, Any]]:
    """The further grants as the page gave them: role by role, each with an area or a small area."""
    known = {row["id"]: row for row in others.small_areas(page.tables(), page.scope())}
    found: list[dict[str, Any]] = []
    for role, place in zip(request.form.getlist("more_role"), request.form.getlist("more_place"), strict=False):
        if role and place in known:
            found.append({"role": role, "small_area": place, "villages": known[place]["villages"].split()})
        elif role and place:
            found.append({"role": role, "area": place})
    return found


def _change(record: Record, wished: Mapping[str, Any]) -> None:
    changes = {name: value for name, value in wished.items() if (record.fields.get(name) or "") != (value or "")}
    moved = changes.get("area", record.area) != record.area

    def make(author: Author) -> list[Op]:
        ops = [_update(author, record, changes)] if changes else []
        # Filed where they work: that place's office is in charge of them from now on.
        return [*ops, author.move("user", record.id, record.area, changes["area"])] if moved else ops

    _write(make, record)


def _update(author: Author, record: Record, changes: Mapping[str, Any]) -> Op:
    steps = {name: (record.fields.get(name), value) for name, value in changes.items()}
    return author.update("user", record.id, record.area, steps, base_rev=record.rev)


def _write(make: Callable[[Author], Sequence[Op]], current: Record | None, *, own: bool = False) -> None:
    write_people(make, [current] if current else None, own=own)


def write_people(make: Callable[[Author], Sequence[Op]], current: Sequence[Record] | None, *, own: bool = False) -> None:
    """The ops, if the rule that holds for everybody's ops lets each pass. current: the people as they are."""
    here, grants = node(), current_user().grants
    known = {one.id: one for one in current or ()}

    def ops(author: Author) -> Sequence[Op]:
        made = make(author)
        if any(refusal(op, grants, known.get(op.id), at_office=own) for op in made):
            raise Problem("not_given", 403, *_REFUSED)
        return made

    write_own(here.store, OWN_NAME, current_user().id, ops, clock=here.now)
    here.tables.catch_up()
    if here.relay:
        here.relay.soon()


def one_time() -> str:
    """Eight letters and digits that cannot be mixed up when read out."""
    return "".join(secrets.choice("23456789abcdefghjkmnpqrstuvwxyz") for _ in range(8))


def _page(record: Record | None, password: str = "") -> str:
    own = current_user().grants
    roles = [role for role in ROLES if any(may_give([Grant(role, grant.area)], own) for grant in own)]
    installs = node().store.installs() if record else []
    mine = [one for one in installs if record and one.user_id == record.id]
    more = record.fields.get("grants") if record else None
    small = others.small_areas(page.tables(), page.scope())
    now = {row["id"]: sorted(row["villages"].split()) for row in small}
    return page.show(
        "person.html", unmasked=True, record=record, fields=record.fields if record else {}, password=password, roles=roles,
        areas=_areas(record), more=[*(more if isinstance(more, list) else ()), {}],
        small=[row for row in small if all(map(in_scope, row["villages"].split()))],
        may=record is None or _may_manage(record), own=record is not None and record.id == current_user().id,
        on_phone=record is not None and any(ROLES[one.role].phone for one in _held(record)),
        devices=sorted((one for one in mine if one.kind != BROWSER), key=lambda one: one.created_at, reverse=True),
        last=_day(max((one.created_at for one in mine), default="")), day=_day, phone_name=phone_name,
        enrolled=node().store.enrolled(), changed=lambda one: sorted(one["villages"]) != now.get(one["small_area"]),
    )  # fmt: skip


def _areas(record: Record | None) -> list[dict[str, Any]]:
    """Places to choose from, those the person has in the spelling they have them in, known here or not."""
    rows = [row for row in others.areas_within(page.tables(), page.scope(), "") if not row["successor"]]
    held = {prefix_of(one.area): one.area for one in (grants_in(record.fields, record.area) if record else ())}
    listed = [row | {"code": held.pop(prefix_of(row["code"]), row["code"])} for row in rows]
    return [*({"code": area, "name": page.places().path(area) or area} for area in held.values()), *listed]


def _day(moment: str) -> str:
    return local_time(moment)[:16].replace("T", " ") if moment else ""


def _to(id: str) -> AnyResponse:
    return redirect(url_for("office.person", id=id), 303)
