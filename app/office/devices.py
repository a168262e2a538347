"""The devices page: for each phone and node what it promised, what arrived, what is missing, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from flask import redirect, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as AnyResponse

from app.access import office
from app.auth import current_user
from app.node import node
from app.office import blueprint, page
from app.office.device_trouble import Device, Trouble, troubles_of
from app.office.device_words import said
from app.office.roll_files import Lines, roll
from app.pwa import current_build
from app.tables import others
from app.tables.clock import local_time
from sync.digest import place_of
from sync.scope import within

MENDED_SHOWN = 20


@blueprint.get("/devices")
@office("township", "county", "cadre")
def devices() -> str:
    """Installs of people in scope, by village. An office browser is not a device: it holds nothing."""
    here = node()
    found = sorted(_devices(), key=_worst_first)
    groups: dict[str, list[dict[str, Any]]] = {}
    for one in found:
        groups.setdefault(place_of(one["person"]["area"]), []).append(one)
    return page.show(
        "devices.html",
        groups=list(groups.items()),
        bad=[one for one in found if one["level"] >= 2],
        total=len(found),
        audited=here.audited,
        link=here.store.compared().get("") if here.relay else None,
        relays=here.relay is not None,
        mended=_mended(),
        told_here=_told_by_nodes(),
        manages=bool(current_user().roles & {"township", "county"}),
        when=_when,
        day=lambda moment: _when(moment)[5:] if _when(moment)[:4] == page.today()[:4] else _when(moment),
        span=span,
        phone_name=phone_name,
        area=page.area_wish(),
        villages=page.villages(),
    )


@roll("devices", of=devices, title=_l("设备"),
      head=(_l("使用人"), _l("区域"), _l("设备"), _l("登录"), _l("上次联系"), _l("手机上做了"), _l("这里收到"), _l("中心确认"),
            _l("还缺"), _l("缺照片"), _l("时间差(秒)"), _l("长期保存"), _l("剩余 MB"), _l("版本"), _l("签名"), _l("上次核对"),
            _l("核对结果"), _l("问题"), _l("怎么办"), _l("登记在")))  # fmt: skip
def _lines() -> Lines:
    """Those of this server, the worst first, then those that servers below told of."""
    here = [[*_line(one), _("这台服务器")] for one in sorted(_devices(), key=_worst_first)]
    return Lines.of([*here, *map(_told_line, _told_by_nodes())])


def _told_line(one: dict[str, Any]) -> list[str]:
    known = [_called(one["person"]), page.places().path(one["area"]), phone_name(one["name"]), _when(one["enrolled_at"])]
    return [*known, *[""] * 10, _signed(one["key"]), *[""] * 4, _("村级节点")]


@blueprint.post("/devices/compare")
@office("township", "county", "cadre")
def compare_now() -> AnyResponse:
    """Compare this node with the one above at the end of its next quiet round, not tomorrow."""
    relay = node().relay
    if relay:
        relay.compare_soon()
    return redirect(url_for("office.devices"), 303)


def _devices() -> list[dict[str, Any]]:
    here = node()
    people = _people()
    photos, compared, now = here.store.photos_missing(), here.store.compared(), datetime.now(UTC)
    found = []
    for install in here.store.installs():
        if install.user_id not in people or install.kind == "browser":
            continue
        id = install.install_id
        device = Device(install, photos.get(id, 0), compared.get(id), current_build() if install.kind == "device" else "")
        troubles = troubles_of(device, now)
        # Stopped, and nothing is missing: nobody has to look at it, so it comes last.
        level = troubles[0].level if troubles else -1 if install.revoked else 0
        found.append({"device": device, "install": install, "person": people[install.user_id], "level": level,
                      "troubles": [(one, *said(one)) for one in troubles]})  # fmt: skip
    return found


def _people() -> dict[str, dict[str, Any]]:
    """By id, those of the places asked for: a device is where its person is."""
    places = page.places_wish().split()
    people = others.users_by_id(page.tables(), page.scope())
    return {id: one for id, one in people.items() if not places or within(one["area"], places)}


def _told_by_nodes() -> list[dict[str, Any]]:
    """Devices that signed in at a node below, as that node told of them; those without a signature first."""
    here = {install.install_id for install in node().store.installs()}
    people = _people()
    found = [one for one in others.told_devices(page.tables(), page.scope()) if one["id"] not in here and one["user_id"] in people]
    return [{**one, "person": people[one["user_id"]]} for one in sorted(found, key=lambda one: bool(one["key"]))]


def _worst_first(one: dict[str, Any]) -> tuple[int, str]:
    """Among equals the one heard of longest ago."""
    return (-one["level"], one["install"].last_seen)


def _mended() -> list[dict[str, str]]:
    """What comparing had to put right, of this node and of devices in scope."""
    store, prefixes, places = node().store, page.scope().area_prefixes, page.places_wish().split() or [""]
    found = []
    for one in store.mended(MENDED_SHOWN):
        record = store.get(one.kind, one.id)
        if record is not None and within(record.area, prefixes) and within(record.area, places):
            found.append({**one._asdict(), "when": _when(one.at), "area": record.area,
                          "head": str(record.fields.get("head_name") or record.fields.get("full_name") or "")})  # fmt: skip
    return found


def _line(one: dict[str, Any]) -> list[str]:
    device, install, told = one["device"], one["install"], one["install"].told
    kept = {True: _("是"), False: _("否")}.get(told.get("persisted"), "")
    troubles: Iterable[tuple[Trouble, str, str]] = one["troubles"]
    wrong, todo = (" ".join(texts) for texts in ([t[1] for t in troubles], [t[2] for t in troubles]))
    compared = device.compared
    return [
        _called(one["person"]), page.places().path(one["person"]["area"]),
        _("节点") if install.kind == "node" else install.name, _when(install.created_at), _when(install.last_seen),
        str(install.made_dseq), str(install.acked_dseq), str(install.confirmed_dseq), span(device.missing),
        str(device.photos_missing), _seconds(told.get("clock_ms")), kept, str(told.get("free_mb", "")), str(told.get("app", "")),
        _signed(install.key),
        _when(compared.at) if compared else "", compared.result if compared else "", wrong, todo,
    ]  # fmt: skip


def _called(person: dict[str, Any]) -> str:
    return str(person["name"] or person["username"])


def _signed(key: str) -> str:
    return _("已签名") if key else _("未签名")


def span(missing: tuple[int, int] | None) -> str:
    """第 8 至 12 条 as numbers: 8–12."""
    if missing is None:
        return ""
    first, last = missing
    return str(first) if first == last else f"{first}–{last}"


KINDS = ("Android", "HarmonyOS", "iPhone", "iPad", "Windows", "Macintosh", "Linux")
"""A phone calls itself Linux as well: that comes last."""


def phone_name(name: str) -> str:
    """A phone's own words for itself (its browser's), short enough to be told from others."""
    found = re.search(r"\(([^()]*)\)", name)
    parts = [part.strip() for part in found[1].split(";")] if found else []
    kind = next((part for mark in KINDS for part in parts if part.startswith(mark)), "")
    model = parts[-1] if kind.startswith(("Android", "HarmonyOS")) and len(parts) > 2 and parts[-1] != kind else ""
    return f"{kind} {model}".strip() or name[:40] or _("手机")


def _seconds(clock_ms: object) -> str:
    return str(round(clock_ms / 1000)) if isinstance(clock_ms, int) else ""


def _when(moment: str) -> str:
    return local_time(moment)[:16].replace("T", " ") if moment else ""
