"""Courier files at the office: made, brought, answered. For villages and phones without a network for weeks."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from typing import Any

from flask import Response, current_app, redirect, request, send_file, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as AnyResponse

from app.access import office
from app.auth import current_user, in_scope
from app.courier import CARRIED, DONE, FAILED, INTERRUPTED, KEEP_DAYS, MOST_BYTES, RUNNING, Desk, Errand
from app.errors import Problem
from app.i18n import language
from app.node import node
from app.office import blueprint, page
from app.office.history import short_time
from app.office.names import Names
from app.office.roll_files import Lines, roll
from sync.courier import ENDING
from sync.problems import CATALOGUE, message_of, next_of

MAY_CARRY = ("cadre", "township", "county")
STATES = {
    RUNNING: _l("正在收"), INTERRUPTED: _l("中断了"), FAILED: _l("没有收成"), CARRIED: _l("等着带到中心"), DONE: _l("已收下"),
}  # fmt: skip
_SHOWN = 40


def desk() -> Desk:
    return node().desk


@blueprint.get("/courier")
@office(*MAY_CARRY)
def courier() -> str:
    here = desk()
    here.sweep((node().now() - timedelta(days=KEEP_DAYS)).isoformat(timespec="seconds"))
    waiting = node().store.awaiting_centre()
    acked = node().store.acked(waiting)
    return page.show(
        "courier.html",
        centre=here.is_centre,
        waiting=sum(acked[install] - confirmed for install, confirmed in waiting.items()),
        photos=0 if here.is_centre else len(node().store.blobs_to_carry()),
        carried=sum(1 for errand in here.all() if errand.state == CARRIED),
        errands=[_told(errand) for errand in _errands()][:_SHOWN],
    )


def _errands() -> list[Errand]:
    return [errand for errand in desk().all() if _may_see(errand)]


@roll("courier", of=courier, title=_l("捎带文件"),
      head=(_l("时间"), _l("文件"), _l("编号"), _l("谁收的"), _l("大小"), _l("结果"), _l("新收"), _l("以前收过"), _l("待核对"),
            _l("问题"), _l("回执")))  # fmt: skip
def _lines() -> Lines:
    names = Names()
    return Lines.of(_cells(_told(errand), names) for errand in _errands())


def _cells(told: dict[str, Any], names: Names) -> list[str]:
    errand: Errand = told["errand"]
    kind = _("回执") if errand.kind == "receipts" else _("走访")
    asides = sum(count for count, _why in told["asides"])
    return [short_time(errand.at), kind, errand.file_id[:8], names.of(errand.by), told["size"], str(STATES.get(errand.state, "")),
            str(told["fresh"]), str(told["known"]), str(asides), told["message"], _("有") if errand.answered else ""]  # fmt: skip


@blueprint.post("/courier/out")
@office(*MAY_CARRY)
def courier_out() -> Response:
    """Everything the centre has not confirmed, as one closed file."""
    out = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it was sent
    try:
        desk().make(out)
    except BaseException:
        out.close()
        raise
    out.seek(0)
    name = f"ruhu-{node().now():%Y%m%d-%H%M}.{ENDING}"
    return send_file(out, mimetype="application/octet-stream", as_attachment=True, download_name=name, max_age=0)


@blueprint.post("/courier")
@office(*MAY_CARRY)
def courier_bring() -> AnyResponse:
    """A file from a stick or a phone; what it is stands in it."""
    # Before anything reads the form; the check of the token, which reads it, is therefore called here.
    request.max_content_length = MOST_BYTES + 1024 * 1024
    current_app.extensions["csrf"].protect()
    node().room.take_blobs()  # a file lies here until it was taken in
    given = request.files.get("file")
    if given is None or not given.filename:
        raise Problem("no_file", 422, _("还没有选文件。"), _("选好 .ruhu 文件,再点收下。"))
    errand = desk().bring(given.stream, by=current_user().id, now=node().now())
    return redirect(url_for("office.courier_errand", id=errand.id), 303)


@blueprint.get("/courier/<id>")
@office(*MAY_CARRY)
def courier_errand(id: str) -> AnyResponse:
    errand = _errand(id)
    response = current_app.make_response(page.show("courier_errand.html", one=_told(errand), centre=desk().is_centre))
    if errand.state == RUNNING:
        response.headers["Refresh"] = "1"
    return response


@blueprint.post("/courier/<id>/again")
@office(*MAY_CARRY)
def courier_again(id: str) -> AnyResponse:
    desk().again(_errand(id).id)
    return redirect(url_for("office.courier_errand", id=id), 303)


@blueprint.get("/courier/<id>/receipts")
@office(*MAY_CARRY)
def courier_receipts(id: str) -> Response:
    """The file that answers, for the phone or node that made the other one."""
    errand = _errand(id)
    path = desk().answer(errand)
    if not errand.answered or not path.exists():
        raise Problem("not_found")
    return send_file(path, mimetype="application/octet-stream", as_attachment=True,
                     download_name=f"huizhi-{errand.file_id[:8]}.{ENDING}", max_age=0)  # fmt: skip


def _errand(id: str) -> Errand:
    found = desk().get(id)
    if found is None or not _may_see(found):
        raise Problem("not_found")
    return found


def _may_see(errand: Errand) -> bool:
    """One's own, and those that people of one's place brought."""
    bringer = node().store.get("user", errand.by)
    return errand.by == current_user().id or (bringer is not None and in_scope(bringer.area))


def _told(errand: Errand) -> dict[str, Any]:
    """An errand with its problem in words."""
    lang = language()
    known = errand.problem in CATALOGUE
    asides = errand.found.get("asides", {})
    return {
        "errand": errand,
        "when": errand.at[5:16].replace("T", " "),
        "state": STATES.get(errand.state, errand.state),
        "message": message_of(errand.problem, lang) if known else "",
        "next": next_of(errand.problem, lang) if known else "",
        "asides": [(count, message_of(code, lang) if code in CATALOGUE else code) for code, count in asides.items()],
        "size": f"{errand.size / 1e6:.1f} MB" if errand.size >= 100_000 else f"{max(1, errand.size // 1000)} KB",
        "known": errand.found.get("results", {}).get("duplicate", 0),
        "fresh": sum(n for status, n in errand.found.get("results", {}).items() if status in ("applied", "conflict", "held")),
    }
