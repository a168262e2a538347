"""The tree of places: lists that come in, places added and renamed, codes that change, small areas."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import current_app, flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as AnyResponse

from app import areas, parting, recode
from app.access import office
from app.auth import current_user
from app.errors import Problem
from app.node import node
from app.office import blueprint, page
from app.office.eyes import in_lists
from app.office.roll_files import Lines, roll
from app.office.small_files import capped, read_by_worker
from app.roster.places import bare
from app.tables import households, others
from sync.author import Author
from sync.ids import new_id
from sync.own import write_own
from sync.records import CENTRE, Op, Record
from sync.scope import prefix_of, within

MAY_CHANGE = ("township", "county")
MOST_LIST = 8 * 1024 * 1024
PIECE = 1_000
MOST_NAMED = 100
_LEVELS = {
    "province": _l("省"), "city": _l("市"), "county": _l("区县"), "township": _l("乡镇"), "village": _l("村"), "group": _l("组"),
}  # fmt: skip
_WHY = {
    "gone": _l("后来注销了"), "merged": _l("后来和另一户合并了"), "changed": _l("后来改过组或地方,以后来的为准"),
}  # fmt: skip
_CALLED = {"household": "head_name"}
_WRONG = {
    "same": _l("新旧代码都要填,而且不能一样。"),
    "length": _l("新旧代码要一样长:区县 6 位,乡镇 9 位,村 12 位。"),
    "circle": _l("新代码在旧代码里面,会绕回去。"),
    "unknown": _l("您的范围里没有这个旧代码。"),
}


@dataclass
class Change:
    """A change of codes under way in this process."""

    mapping: dict[str, str]
    seen: int = 0
    end: int = 1
    state: str = "running"
    thread: threading.Thread | None = field(default=None, repr=False)


@blueprint.get("/areas")
@office(*MAY_CHANGE)
def areas_list() -> str:
    top = _inside(request.args.get("in", ""))
    rows = _rows(top)
    if not top:  # the whole of a county's villages at once is too long to read
        rows = [row for row in rows if row["level"] <= 9] if len(rows) > 300 else rows
    return page.show(
        "areas.html",
        rows=rows,
        top=top,
        parents=[row for row in rows if row["level"] in (6, 9, 12) and not row["successor"]],
        small=others.small_areas(page.tables(), page.scope()),
        to_merge=_villages() if current_user().role == "county" else [],
        change=_changes().get("change"),
        merged={row["code"] for row in rows if row["successor"] and row["level"] == 12 and _may_part(row["code"])},
        level_name=lambda code: _LEVELS.get(areas.level_of(code), ""),
    )


def _rows(top: str) -> list[dict[str, Any]]:
    start = len(prefix_of(top)) if top else 0
    known = others.areas_within(page.tables(), page.scope(), top)
    return [row | {"kind": _LEVELS.get(areas.level_of(row["code"]), "")} for row in known if len(prefix_of(row["code"])) >= start]


@roll("areas", of=areas_list, title=_l("区划"),
      head=(_l("代码"), _l("名称"), _l("级别"), _l("上级"), _l("户"), _l("用到哪天"), _l("现在的代码")))  # fmt: skip
def _area_lines() -> Lines:
    """All levels, whatever the screen leaves out."""
    return Lines.of(
        [row["code"], row["name"] or "", str(row["kind"]), page.places().path(areas.parent_of(row["code"])), str(row["households"]),
         row["until"] or "", row["successor"] or ""]
        for row in _rows(_inside(request.args.get("in", "")))
    )  # fmt: skip


@roll("small_areas", of=areas_list, title=_l("小片区"), head=(_l("小片区"), _l("乡镇"), _l("村"), _l("区划代码")))
def _small_lines() -> Lines:
    """A line for each of their villages that the reader may see."""
    prefixes = page.scope().area_prefixes
    return Lines.of(
        [row["name"], page.places().level(code, 9) or "", page.places().name(code), code]
        for row in others.small_areas(page.tables(), page.scope()) for code in row["villages"].split() if within(code, prefixes)
    )  # fmt: skip


@blueprint.post("/areas/new")
@office(*MAY_CHANGE)
def area_new() -> AnyResponse:
    """A township, village or group by hand. Without a code it gets a free one of our own."""
    parent, name = _inside(request.form.get("parent", "")), _name()
    known = {row["code"] for row in others.areas_within(page.tables(), page.scope(), parent)}
    asked = request.form.get("code", "").strip()
    code = asked.ljust(12, "0") if asked else areas.next_code(parent, known)
    digits = code.isdigit() and len(asked or code) in (9, 12, 14)
    if not parent or not digits or not code.startswith(prefix_of(parent)) or prefix_of(code) == prefix_of(parent):
        raise Problem("bad_code", 422, _("代码不对。"), _("乡镇 9 位、村 12 位,以上级的代码开头;不知道就空着,会自动编。"))
    if node().store.get("area", code):
        raise Problem("taken", 422, _("这个代码已经有了。"), _("在列表里找到它改名,或换一个代码。"))
    _write(lambda author: [author.create("area", code, code, areas.fields_of(code, name, page.today()))])
    return _back(parent)


@blueprint.post("/areas/<code>/rename")
@office(*MAY_CHANGE)
def area_rename(code: str) -> AnyResponse:
    record = node().store.get("area", _inside(code))
    if record is None or record.deleted:
        raise Problem("not_found")
    name, old = _name(), str(record.fields.get("name") or "")
    if name != old:
        _write(lambda author: [author.update("area", record.id, record.area, {"name": (old, name)}, base_rev=record.rev)])
    return _back(areas.parent_of(record.id))


@blueprint.post("/areas/list")
@office("county")
def area_list() -> AnyResponse | str:
    """The official list from a spreadsheet: first shown, and with ``sure`` taken in."""
    capped(MOST_LIST)
    places, faults, outside = _listed()
    have = {row["code"]: row["name"] for row in others.areas_within(page.tables(), page.scope(), "")}
    new = [one for one in places if one[0] not in have]
    renamed = [(code, have[code], name) for code, name in places if code in have and have[code] != name]
    if request.form.get("sure") == "1":
        _take_list(new, renamed)
        return _back("")
    return page.show("areas_preview.html", new=new, renamed=renamed, same=len(places) - len(new) - len(renamed), faults=faults,
                     outside=outside, rows="\n".join(f"{code} {name}" for code, name in places))  # fmt: skip


def _listed() -> tuple[list[tuple[str, str]], list[Any], int]:
    """Places of the list in the reader's area, lines that are wrong, and how many lie outside."""
    given = request.files.get("file")
    if given is not None and given.filename:
        found = read_by_worker(given, "areas")
        if not found.get("places"):
            raise Problem("no_codes", 422, _("这个表里没有区划代码。"), _("表里要有一列 6、9 或 12 位的代码,后面一列是名称。"))
    else:  # the preview hands its rows back
        rows = (line.partition(" ") for line in request.form.get("rows", "").splitlines())
        listed = areas.read_list([[code, name] for code, _space, name in rows])
        found = {"places": listed.places, "faults": listed.faults}
    prefixes = page.scope().area_prefixes
    inside = [(code, name) for code, name in found["places"] if within(prefix_of(code), prefixes)]
    return inside, list(found["faults"]), len(found["places"]) - len(inside)


def _take_list(new: Sequence[tuple[str, str]], renamed: Sequence[tuple[str, str, str]]) -> None:
    day = page.today()
    for start in range(0, len(new), PIECE):
        piece = new[start : start + PIECE]
        _write(lambda author, piece=piece: [author.create("area", c, c, areas.fields_of(c, n, day)) for c, n in piece])  # type: ignore[misc]
    for code, old, name in renamed:
        record = node().store.get("area", code) or node().store.get("area", prefix_of(code))
        if record is not None:
            _write(lambda author, r=record, old=old, name=name: [author.update("area", r.id, r.area, {"name": (old, name)})])  # type: ignore[misc]


# --- codes that change ------------------------------------------------------------------------------------


@blueprint.post("/areas/recode")
@office("county")
def area_recode() -> AnyResponse | str:
    """Old codes and what they become, line by line: first counted, and with ``sure`` carried out."""
    if node().tier != CENTRE:
        raise Problem("forbidden", message=_("代码变更要在中心办。"), next=_("请登录中心的网址,再做一次。"))
    lines = [line.replace("→", " ").split() for line in request.form.get("mapping", "").splitlines() if line.strip()]
    mapping = {line[0]: line[1] for line in lines if len(line) >= 2 and line[0].isdigit() and line[1].isdigit()}
    known = others.area_names(page.tables(), page.scope())
    wrong = "same" if len(mapping) != len(lines) or not mapping else recode.wrong_with(mapping, known)
    if not wrong and not all(_may_recode(old, new) for old, new in mapping.items()):
        wrong = "unknown"
    if wrong:
        raise Problem("bad_mapping", 422, str(_WRONG[wrong]), _("一行写一个:旧代码 空格 新代码。比如 500232 500156"))
    if (running := _changes().get("change")) and running.state == "running":
        raise Problem("busy", message=_("上一次变更还没有做完。"), next=_("等它做完再改。"))
    if request.form.get("sure") != "1":
        counts = recode.affected(node().store, mapping)
        return page.show("areas_recode.html", mapping=mapping, counts=counts, names=known,
                         text="\n".join(f"{old} {new}" for old, new in mapping.items()))  # fmt: skip
    _begin(mapping)
    return _back("")


@blueprint.post("/areas/merge")
@office("county")
def area_merge() -> AnyResponse | str:
    """A village joins another 并村: first counted, and carried out when its name was typed."""
    if node().tier != CENTRE:
        raise Problem("forbidden", message=_("并村要在中心办。"), next=_("请登录中心的网址,再做一次。"))
    mine = {row["code"]: row for row in _villages()}
    old, new = request.form.get("from", ""), request.form.get("into", "")
    if old not in mine or new not in mine:
        raise Problem("not_found")
    if old == new:
        raise Problem("bad_mapping", 422, _("请选两个不同的村。"), _("退回上一页另选。"))
    if (running := _changes().get("change")) and running.state == "running":
        raise Problem("busy", message=_("上一次变更还没有做完。"), next=_("等它做完再改。"))
    name, mapping = mine[old]["name"], {old: new}
    groups = {old: bare(name)} if request.form.get("groups") == "1" else {}
    if request.form.get("sure") != "1" or request.form.get("name", "").strip() != name:
        fault = _("村名和要并掉的村不一样,还没有合并。") if request.form.get("sure") == "1" else ""
        return page.show("areas_merge.html", old=mine[old], new=mine[new], counts=recode.affected(node().store, mapping),
                         same=_same_groups(old, new), groups=groups, prefix=bare(name), fault=fault)  # fmt: skip
    _begin(mapping, groups, merger=new_id())
    return _back("")


@blueprint.get("/areas/<code>/part")
@office("county")
def area_part(code: str) -> str:
    """What taking a merger back would do: how many households go home, and which stay because they were changed since."""
    old, into = _merged(code)
    return _parting_page(old, into, recode.parting_of(node().store, old.id), "")


@blueprint.post("/areas/<code>/part")
@office("county")
def area_part_now(code: str) -> AnyResponse | str:
    """Carried out when the village's name was typed."""
    old, into = _merged(code)
    if (running := _changes().get("change")) and running.state == "running":
        raise Problem("busy", message=_("上一次变更还没有做完。"), next=_("等它做完再改。"))
    if request.form.get("sure") != "1" or request.form.get("name", "").strip() != old.fields.get("name"):
        return _parting_page(old, into, recode.parting_of(node().store, old.id), _("村名不一样,还没有拆开。"))
    done = recode.carry_back(node().store, old.id, actor=current_user().id, clock=node().now)
    _changes().pop("change", None)
    node().tables.catch_up()
    flash(_("已把 %(n)s 户还给 %(name)s。", n=done.homes, name=old.fields.get("name", "")))
    if done.stay:
        flash(_("%(n)s 项后来改过,没有动。", n=len(done.stay)))
    return _back("")


def _merged(code: str) -> tuple[Record, Record]:
    """A village that was merged, and the one it was merged into; both the reader's. Raises Problem."""
    if node().tier != CENTRE:
        raise Problem("forbidden", message=_("拆开合并的村要在中心办。"), next=_("请登录中心的网址,再做一次。"))
    old = node().store.get("area", _inside(code))
    into = node().store.get("area", str(old.fields.get("successor") or "")) if old else None
    if old is None or into is None or not recode.merger_of(node().store, old.id):
        raise Problem("not_found")
    if not within(into.id, page.scope().area_prefixes):
        raise Problem("not_found")
    if into.fields.get("successor"):
        words_ = _("%(name)s 后来也并掉或改了代码,不能直接拆开。", name=into.fields.get("name", ""))
        raise Problem("bad_mapping", 422, words_, _("先把后来的合并拆开。"))
    return old, into


def _parting_page(old: Record, into: Record, found: parting.Parting, fault: str) -> str:
    stay = [(one.kind, one.id, sight.value("full_name", str(one.fields.get(_CALLED.get(one.kind, "name")) or "")), _WHY[why])
            for one, why in found.stay[:MOST_NAMED] if (sight := in_lists(one.area))]  # fmt: skip
    return page.show("areas_part.html", old=old, into=into, homes=found.homes, stay=stay, more=len(found.stay) - len(stay),
                     fault=fault)  # fmt: skip


def _may_part(code: str) -> bool:
    return node().tier == CENTRE and current_user().role == "county" and bool(recode.merger_of(node().store, code))


def _same_groups(old: str, new: str) -> list[str]:
    """Groups of the same name in both: their households would be mixed up."""
    here = households.groups(page.tables(), page.scope(), new)
    return [one for one in households.groups(page.tables(), page.scope(), old) if one in here]


def _may_recode(old: str, new: str) -> bool:
    """The old place is the reader's own; the new one as well, or it is what their own whole place is called from now on."""
    prefixes = page.scope().area_prefixes
    if not within(old, prefixes):
        return False
    return within(new, prefixes) or (old in prefixes and node().store.get("area", new.ljust(12, "0")) is None)


def _begin(mapping: dict[str, str], groups: dict[str, str] | None = None, merger: str = "") -> None:
    """merger: its id; one that was stopped and is begun anew goes on under its own."""
    merger = next((id for old in mapping if (id := recode.merger_of(node().store, old))), "") or merger
    here, actor, day = node(), current_user().id, page.today()
    change = Change(mapping)
    stopping = threading.Event()
    here.on_close.append(stopping.set)

    def note(seen: int, end: int) -> None:
        change.seen, change.end = seen, max(1, end)

    def work() -> None:
        try:
            whole = recode.carry_out(here.store, mapping, groups=groups, merger=merger, actor=actor, day=day, clock=here.now,
                                     goes_on=lambda: not stopping.is_set(), note=note)  # fmt: skip
            change.state = "done" if whole else "stopped"
        except Exception:
            change.state = "stopped"
            raise

    change.thread = threading.Thread(target=work, name="ruhu-recode", daemon=True)
    _changes()["change"] = change
    change.thread.start()


def _changes() -> dict[str, Change]:
    found: dict[str, Change] = current_app.extensions.setdefault("ruhu_area_changes", {})
    return found


# --- small areas ------------------------------------------------------------------------------------------


@blueprint.get("/small-areas/<id>")
@office(*MAY_CHANGE)
def small_area(id: str) -> str:
    """A small area's villages; ``new`` for one to be made."""
    row = _small(id) if id != "new" else None
    chosen = set(row["villages"].split()) if row else set()
    return page.show("small_area.html", row=row, villages=_villages(), chosen=chosen)


@blueprint.post("/small-areas/<id>")
@office(*MAY_CHANGE)
def small_area_save(id: str) -> AnyResponse:
    name, mine = _name(), {row["code"] for row in _villages()}
    asked = [code for code in dict.fromkeys(request.form.getlist("village")) if code in mine]
    row = _small(id) if id != "new" else None
    # Villages of others stay in it: it lies across borders, and nobody takes out what they cannot see.
    kept = [code for code in row["villages"].split() if code not in mine] if row else []
    villages = " ".join(sorted([*kept, *asked]))
    if not asked and not kept:
        raise Problem("no_villages", 422, _("还没有勾选村。"), _("至少勾选一个村。"))
    if row is None:
        filed = areas.common_area(asked)
        _write(lambda author: [author.create("small_area", new_id(), filed, {"name": name, "villages": villages})])
    else:
        changes = {"name": (row["name"], name), "villages": (row["villages"], villages)}
        changed = {key: pair for key, pair in changes.items() if pair[0] != pair[1]}
        if changed:
            _write(lambda author: [author.update("small_area", row["id"], row["area"], changed)])
    return _back("")


@blueprint.post("/small-areas/<id>/remove")
@office(*MAY_CHANGE)
def small_area_remove(id: str) -> AnyResponse:
    row = _small(id)
    if not all(within(code, page.scope().area_prefixes) for code in row["villages"].split()):
        raise Problem("forbidden")
    seen = {"name": row["name"], "villages": row["villages"]}
    _write(lambda author: [author.void("small_area", row["id"], row["area"], seen, "删除小片区")])
    return _back("")


def _small(id: str) -> dict[str, Any]:
    found = next((row for row in others.small_areas(page.tables(), page.scope()) if row["id"] == id), None)
    if found is None:
        raise Problem("not_found")
    return found


def _villages() -> list[dict[str, Any]]:
    rows = others.areas_within(page.tables(), page.scope(), "")
    return [row | {"township": page.places().level(row["code"], 9)} for row in rows if row["level"] == 12 and not row["successor"]]


# --- shared -----------------------------------------------------------------------------------------------


def _name() -> str:
    name = " ".join(request.form.get("name", "").split())[:60]
    if not name:
        raise Problem("no_name", 422, _("还没有写名称。"), _("写上名称再保存。"))
    return name


def _inside(code: str) -> str:
    """The code when it is one of the reader's places; '' for none asked. 404 for somebody else's."""
    if code and not (code.isdigit() and within(prefix_of(code), page.scope().area_prefixes)):
        raise Problem("not_found")
    return code


def _write(make: Callable[[Author], Sequence[Op]]) -> None:
    here = node()
    write_own(here.store, recode.OWN_NAME, current_user().id, make, clock=here.now)
    here.tables.catch_up()


def _back(top: str) -> AnyResponse:
    return redirect(url_for("office.areas_list", **({"in": top} if top else {})), 303)
