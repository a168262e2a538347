"""A household that nobody had written down: added at the office with its head, once it is not one that is there already."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from app import codes as household_codes
from app import lives as pure
from app.access import office
from app.errors import Problem
from app.keys import code_key
from app.node import node
from app.office import acts, blueprint, page
from app.office.lives import WORKERS, candidate, code, ids_of, may_work, standing, typed_member
from app.steps import Step
from app.tables import others
from app.tables.duplicates import likely_households, likely_people

_TEXTS = {"group": 40, "house_no": 40, "national_no": 40}


@blueprint.get("/add-household")
@office(*WORKERS)
def add_household() -> str:
    return _page({"village": page.area_wish()})


@blueprint.post("/add-household")
@office(*WORKERS)
def added_household() -> AnyResponse | str:
    """Likely ones are shown first; a person says that it is none of them."""
    village = request.form.get("village", "")
    if village not in {one["code"] for one in _villages()}:
        raise Problem("bad_request", message=_("请选村。"), next=_("退回上一页补好再保存。"))
    act, head = acts.asked_act(), typed_member()
    home = {name: " ".join(request.form.get(name, "").split())[:most] for name, most in _TEXTS.items()}
    home |= {"head_name": head["full_name"], "phone": head["phone"], "status": code("household_status", "status")}
    if request.form.get("sure") != "1":
        alike = likely_households(page.tables(), page.scope(), home, village)
        people = [candidate(one, "") for one in likely_people(node().tables, page.scope(), head, village)]
        if alike or people:
            return _page(dict(request.form), alike, people)
    made = household_codes.make_code(code_key(node().config.data_dir), os.urandom(household_codes.SHORT_BYTES))

    def plan() -> list[Step]:
        if standing("household", acts.id_in(act, "household")):
            return []
        return pure.is_new(village, home | {"code": made}, head, ids_of(act))

    acts.carry_out("add", act, plan)
    flash(_("已登记。请打印门牌卡,其他成员在“成员增减”里加。"))
    return redirect(url_for("office.household", id=acts.id_in(act, "household")), 303)


def _page(typed: Mapping[str, str], alike: Any = (), people: Any = ()) -> str:
    return page.show("household_add.html", typed=typed, alike=alike, people=people, targets=_villages(), act=acts.new_act(),
                     today=page.today())  # fmt: skip


def _villages() -> list[dict[str, Any]]:
    found = [one for one in others.areas_within(page.tables(), page.scope(), "") if one["level"] == 12 and not one["successor"]]
    return [one | {"township": page.places().level(one["code"], 9)} for one in found if may_work(one["code"], WORKERS)]
