"""One act of the office that changes many records: planned from the store as it stands, allowed op by op, written in one commit.

An act has an id, which the page that offers it makes and the form brings
along. What it creates takes its ids from that, so an act that is sent twice,
or was cut off before the answer, makes nothing twice.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence
from datetime import date

from flask import request
from flask_babel import gettext as _

from app.auth import current_user
from app.errors import Problem
from app.node import node
from app.office import page
from app.steps import Step
from sync.author import Author
from sync.ids import new_id
from sync.own import write_own
from sync.records import FieldChange, Op, Record
from sync.scope import refusal
from sync.store.base import LOAD_CHUNK

OWN_NAME = "lives"
_IDS = uuid.UUID("5b0f3b0e-7c56-5d0a-9a55-7275687500c2")
_ACT = re.compile(r"[0-9a-f-]{36}")

Plan = Callable[[], Sequence[Step]]


def new_act() -> str:
    """The id of an act that a page offers."""
    return new_id()


def asked_act() -> str:
    """The act a form was made for. Raises Problem bad_request."""
    act = request.form.get("act", "")
    if not _ACT.fullmatch(act):
        raise Problem("bad_request")
    return act


def asked_day(name: str = "date") -> str:
    """A day that was typed, today at the latest. Raises Problem bad_request."""
    try:
        day = date.fromisoformat(request.form.get(name, "")).isoformat()
    except ValueError:
        raise Problem("bad_request", message=_("请填日期。"), next=_("退回上一页补好再保存。")) from None
    if day > page.today():
        raise Problem("bad_request", message=_("日期不能在今天以后。"), next=_("退回上一页改好再保存。"))
    return day


def id_in(act: str, what: str) -> str:
    """The id of what an act creates: always the same for the same act."""
    return str(uuid.uuid5(_IDS, f"{act}/{what}"))


def carry_out(kind: str, act: str, plan: Plan) -> int:
    """Write everything the plan says, or nothing; answers how many ops. plan is asked when the pen is in our hand, and asked
    again when another host was quicker.

    Raises Problem not_given for an op that the reader's grants do not allow, too_much for more than one commit holds.
    """
    here, grants = node(), current_user().grants

    def make(author: Author) -> list[Op]:
        steps = plan()
        if len(steps) > LOAD_CHUNK:
            raise Problem("too_much", 422, _("一次改动太多,没有保存。"), _("请按村分几次办理。"))
        seen: dict[tuple[str, str], Record | None] = {}
        ops = []
        for step in steps:
            op = author.op(
                step.kind, step.entity, step.id, step.area, {n: FieldChange(old, new) for n, (old, new) in step.fields.items()},
                base_rev=step.base_rev, form_id=kind, form_version=act,
            )  # fmt: skip
            current = seen.setdefault((step.entity, step.id), here.store.get(step.entity, step.id))
            if refusal(op, grants, current):
                raise Problem("not_given", 403, _("这件事超出了您的区域或权限,没有保存。"), _("请上级办理。"))
            ops.append(op)
        return ops

    ops = write_own(here.store, OWN_NAME, current_user().id, make, clock=here.now)
    here.tables.catch_up()
    if here.relay:
        here.relay.soon()
    return len(ops)
