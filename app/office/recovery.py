"""A forgotten unlock code: a county's manager opens a phone's data key for that phone only, and it stays written who did."""

from __future__ import annotations

import base64
import binascii

from flask import Response, request
from flask_babel import gettext as _

from app.access import office
from app.auth import current_user, in_scope
from app.errors import Problem
from app.node import node
from app.office import blueprint, page
from sync.own import write_own
from sync.records import CENTRE, Record
from sync.recovery import LARGEST, Request, answer, code_of, parse

OWN_NAME = "recovery"


@blueprint.get("/recovery")
@office("county")
def recovery() -> str:
    return page.show("recovery.html", asked=None, centre=node().tier == CENTRE)


@blueprint.post("/recovery")
@office("county")
def recovery_read() -> str:
    """Whose phone it is. The code stands on the phone only: whoever types it has spoken with its holder."""
    given = request.files.get("file")
    text = given.stream.read(LARGEST + 1) if given else b""
    asked, person = _asked(text)
    return page.show("recovery.html", asked=asked, person=person, centre=node().tier == CENTRE,
                     text=base64.b64encode(text).decode())  # fmt: skip


@blueprint.post("/recovery/open")
@office("county")
def recovery_open() -> Response:
    """The answer, for that phone only. Who let it open stands in the person's history before it leaves."""
    try:
        text = base64.b64decode(request.form.get("text", "")[: 2 * LARGEST], validate=True)
    except binascii.Error:
        raise Problem("bad_request") from None
    asked, person = _asked(text)
    if request.form.get("code", "").strip() != code_of(text):
        raise Problem("bad_code", 422, _("数字和手机上的不一样,没有打开。"),
                      _("请看手机上的六个数字,再填一次;不一样就让他重新导出申请。"))  # fmt: skip
    sealed = answer(asked, node().identity.sealing)
    told = f"{node().now():%Y-%m-%d %H:%M} {asked.install}"
    write_own(node().store, OWN_NAME, current_user().id, lambda author: [
        author.update("user", person.id, person.area, {"recovery": (person.fields.get("recovery"), told)}, base_rev=person.rev)],
        clock=node().now)  # fmt: skip
    response = Response(sealed, mimetype="application/octet-stream")
    response.headers["Content-Disposition"] = 'attachment; filename="ruhu-zhaohui.ruhu"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _asked(text: bytes) -> tuple[Request, Record]:
    asked = parse(text)
    person = node().store.get("user", asked.user)
    if person is None or not in_scope(person.area):
        raise Problem("not_found")
    if node().tier != CENTRE:
        raise Problem("forbidden", next=_("只有中心打得开。请到中心的办公端办理。"))
    return asked, person
