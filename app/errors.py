"""The problems a client or a reader can be told of, and the one place with status codes.

A Problem always carries one cause (message) and one next step (next). Phones
and nodes get them as JSON, people get a page; nobody gets a stack trace.
"""

from __future__ import annotations

import errno
import logging
import secrets
import sqlite3
from collections.abc import Mapping

from flask import Flask, Response, g, jsonify, make_response, render_template, request
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from app.i18n import language
from sync.problems import Problem as SyncProblem

Words = str | LazyString

log = logging.getLogger("ruhu")

CATALOGUE: dict[str, tuple[int, Words, Words]] = {
    "bad_request": (400, _l("请求不完整或格式不对。"), _l("刷新页面再试一次。")),
    "bad_csrf": (400, _l("页面停留太久,提交没有生效。"), _l("刷新页面,再提交一次。")),
    "bad_sign_in": (401, _l("用户名或密码不对"), _l("检查大小写再试;忘了密码请找乡镇管理员重设。")),
    "sign_in_first": (401, _l("请先登录。"), _l("登录后再打开这一页。")),
    "forbidden": (403, _l("您的账号不能做这件事。"), _l("如确需办理,请找上级管理员开通。")),
    "invitation_gone": (410, _l("这个登记码已经用过或过期了。"), _l("请办公室重新出一个码;每个码 15 分钟有效,只能用一次。")),
    "no_phone_passwords": (403, _l("这里的手机不用密码登录。"), _l("请找办公室出一个登记二维码,用这部手机扫。")),
    "change_password_first": (403, _l("这个密码是别人替您设的,要先改。"), _l("打开办公端网页登录一次,改成自己的密码。")),
    "not_on_a_phone": (403, _l("这个账号只能看,不在手机上用。"), _l("请在电脑上打开办公端登录。")),
    "not_found": (404, _l("没有这一页,或者不在您的范围内。"), _l("检查地址,或回到首页查找。")),
    "unknown_form": (404, _l("没有这张表单,或没有这个版本。"), _l("同步一次,再从首页打开表单。")),
    "wrong_method": (405, _l("这个地址不接受这种请求。"), _l("从页面上的按钮操作。")),
    "length_required": (411, _l("请求没有写明长度。"), _l("请更新应用后再同步。")),
    "too_large": (413, _l("一次发送的内容太大。"), _l("应用会分小批重传。")),
    "unsupported_type": (415, _l("内容类型或压缩方式不认识。"), _l("请更新应用后再同步。")),
    "too_many_tries": (429, _l("试错次数太多,暂时不能登录。"), _l("请过一会儿再试。")),
    "server_error": (500, _l("服务器出错了,没有改动任何数据。"), _l("稍后再试;如果还是这样,把出错编号告诉管理员。")),
    "busy": (503, _l("服务器正忙。"), _l("稍等片刻会自动再试。")),
    "not_built": (
        503,
        _l("手机应用还没有构建。"),
        _l("在程序文件夹运行 python3 run.py setup,再刷新这一页。"),
    ),
}

# sync's own problems bring their texts along; they meet HTTP here.
SYNC_STATUS = {
    "length_mismatch": 400,
    "digest_mismatch": 400,
    "bad_json": 400,
    "format_unknown": 400,
    "bad_op": 400,
    "bad_request": 400,
    "blob_digest": 400,
    "blob_size": 400,
    "unknown_token": 401,
    "device_revoked": 401,
    "not_found": 404,
    "epoch_changed": 409,
    "cursor_stale": 409,
    "blob_offset": 409,
    "too_large": 413,
    "courier_foreign": 422,
    "courier_version": 422,
    "courier_cut": 422,
    "courier_altered": 422,
    "courier_not_for_us": 422,
    "courier_not_signed": 422,
    "courier_other_device": 422,
    "courier_for_a_phone": 422,
    "courier_unknown_device": 422,
    "courier_no_centre_key": 409,
    "store_failed": 503,
    "busy": 503,
    "disk_low": 507,
    "disk_full": 507,
}
RETRY_AFTER = {503: 10, 507: 600}

BY_STATUS = {
    400: "bad_request",
    401: "sign_in_first",
    403: "forbidden",
    404: "not_found",
    405: "wrong_method",
    411: "length_required",
    413: "too_large",
    415: "unsupported_type",
    429: "too_many_tries",
    503: "busy",
}


class Problem(Exception):
    """One thing that went wrong, told in one line with one next step.

    code names an entry of CATALOGUE; status, message and next override it, and
    headers are sent along (Retry-After, Upload-Offset).
    """

    def __init__(
        self,
        code: str,
        status: int | None = None,
        message: Words | None = None,
        next: Words | None = None,
        headers: dict[str, str] | None = None,
        details: Mapping[str, int | str] | None = None,
    ) -> None:
        known = CATALOGUE.get(code, CATALOGUE["server_error"])
        self.code = code
        self.status = status or known[0]
        self.message: Words = known[1] if message is None else message
        self.next: Words = known[2] if next is None else next
        self.headers = headers or {}
        self.details = dict(details or {})
        super().__init__(code)


def wants_json() -> bool:
    """Whether the asker is a program: by the place it asked at, so that a proxy's headers cannot matter."""
    path = request.path
    return path.startswith(("/api/", "/sync/")) or path.endswith(".json")


def answer(problem: Problem, incident: str = "") -> Response:
    """The response that tells the problem to whoever asked."""
    if wants_json():
        error = {"code": problem.code, "message": str(problem.message), "next": str(problem.next)}
        more = ({"details": problem.details} if problem.details else {}) | ({"incident": incident} if incident else {})
        response = jsonify({"error": error | more})
    else:
        response = make_response(render_template("error.html", problem=problem, incident=incident))
    response.status_code = problem.status
    response.headers.update(problem.headers)
    response.headers["Cache-Control"] = "no-store"
    return response


def of_sync(problem: SyncProblem) -> Problem:
    """A refusal of sync as one with a status."""
    status = SYNC_STATUS.get(problem.code, 500)
    lang = language()
    headers = {"Retry-After": _retry_after(status)} if status in RETRY_AFTER else {}
    if problem.code == "blob_offset":
        headers["Upload-Offset"] = str(problem.details.get("offset", 0))
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Problem(problem.code, status, problem.message(lang), problem.next(lang), headers, problem.details)


def _retry_after(status: int) -> str:
    """Seconds, spread by half, so that a village's phones do not come back in step."""
    least = RETRY_AFTER[status]
    return str(least + secrets.randbelow(least // 2 + 1))


def init_app(app: Flask) -> None:
    """Register the handlers; everything that is not a Problem becomes one here."""

    @app.errorhandler(Problem)
    def _problem(problem: Problem) -> Response:
        return answer(problem)

    @app.errorhandler(SyncProblem)
    def _sync(problem: SyncProblem) -> Response:
        return answer(of_sync(problem))

    @app.errorhandler(CSRFError)
    def _csrf(_error: CSRFError) -> Response:
        return answer(Problem("bad_csrf"))

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        status = error.code or 500
        if 300 <= status < 400:
            return error.get_response()  # type: ignore[return-value]
        problem = Problem(BY_STATUS.get(status, "bad_request" if status < 500 else "server_error"), status)
        if status == 413 and request.path.startswith("/office/"):
            problem.next = _l("请把文件分开、压小,或拿掉用不到的附件,再上传。")
        if status == 405 and getattr(error, "valid_methods", None):
            problem.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))  # type: ignore[attr-defined]
        return answer(problem)

    @app.errorhandler(Exception)
    def _unexpected(error: Exception) -> Response:
        if is_disk_full(error):
            return answer(of_sync(SyncProblem("disk_full")))
        incident = secrets.token_hex(4)
        # The rule, not the path: a path may hold a household's code. Where, not what:
        # the text of an exception may quote somebody's answers.
        rule = request.url_rule.rule if request.url_rule else "?"
        log.error("incident %s %s %s: %s", incident, request.method, rule, _where(error))
        g.incident = incident
        return answer(Problem("server_error"), incident)


def is_disk_full(error: BaseException) -> bool:
    """Whether a disk without room is what stopped it, wherever that was met."""
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or (
        isinstance(error, sqlite3.Error) and error.sqlite_errorcode == sqlite3.SQLITE_FULL
    )


def _where(error: BaseException) -> str:
    """The kind of an error and the lines it passed through, innermost last, without values."""
    steps = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        steps.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return f"{type(error).__name__} at " + " > ".join(steps[-6:])
