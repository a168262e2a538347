"""Who is asking: passwords, sign-in for phones and for the office, and the check before every view.

Phones and nodes carry a Bearer token. Office pages carry a cookie that holds
the token of an install of kind "browser", so signing out, stopping a device
and changing a grant work the same way for both, and at once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask import Blueprint, Flask, Response, g, jsonify, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response as AnyResponse
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from app.access import declared, device, office, public
from app.errors import Problem
from app.node import Node, node
from sync.keys import is_public_key
from sync.problems import Problem as SyncProblem
from sync.records import Credential, Grant, Record
from sync.scope import OFFICE_ROLES, ROLES, grants_of, prefixes_of, within
from sync.store.base import NewInstall

__all__ = ["User", "current_user", "device", "hash_password", "in_scope", "office", "public", "require_scope"]

log = logging.getLogger("ruhu.auth")
blueprint = Blueprint("auth", __name__)

# OWASP's second choice for argon2id; the first takes 46 MB a try, too much for a 2 GB office PC.
HASHER = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$Cgl0mvG1VoeVr/eWBMTUIN1pGSgVlYKTy0Ly2uFc0R0"
SIGNED_IN_HOURS = 12
LARGEST_SIGN_IN = 4096


@dataclass(frozen=True)
class User:
    """A person as the pages need them. The first grant is the one shown."""

    id: str
    username: str
    name: str
    unit: str
    grants: tuple[Grant, ...]
    must_change: bool = False
    """Their password was made for them and shown to somebody else."""

    @property
    def roles(self) -> frozenset[str]:
        return frozenset(grant.role for grant in self.grants)

    @property
    def role(self) -> str:
        return self.grants[0].role if self.grants else ""

    @property
    def area(self) -> str:
        return self.grants[0].area if self.grants else ""

    @property
    def area_prefixes(self) -> tuple[str, ...]:
        """Digits every record's area must start with one of; () sees nothing."""
        return prefixes_of(self.grants)

    prefixes = area_prefixes


def hash_password(password: str) -> str:
    """The argon2id text to keep in a user record's password_hash."""
    return HASHER.hash(password)


def password_fits(kept: str, password: str) -> bool:
    """Whether the password is the one; takes as long when there is nobody to compare with."""
    try:
        return HASHER.verify(kept or NOBODY, password) and bool(kept)
    except (VerificationError, InvalidHashError):
        return False


def user_of(record: Record) -> User:
    """The person of a user record, with the grants sync gives them; a disabled one has none."""
    texts = {name: str(record.fields.get(name) or "") for name in ("username", "name", "unit")}
    grants = grants_of(record)
    # Whoever joins a node has no page to change it on; they use it once.
    once = record.fields.get("password_once") == "1" and any(ROLES[grant.role].office for grant in grants)
    return User(id=record.id, grants=grants, must_change=once, **texts)


def sign_in(here: Node, username: str, password: str, address: str) -> User:
    """The person with that name and password, as far as tries are left.

    Raises Problem bad_sign_in, the same for an unknown name, a wrong password
    and a disabled account, and too_many_tries with Retry-After.
    """
    account = username.casefold()
    wait = here.throttle.wait(account, address, time.time())
    if wait:
        words = _("试错次数太多,%(n)s 秒内不能登录。", n=wait)
        raise Problem("too_many_tries", message=words, headers={"Retry-After": str(wait)})
    record = here.people.find(account)
    fits = password_fits(record.fields.get("password_hash", "") if record else "", password)
    user = user_of(record) if record and fits else None
    if user is None or not user.grants:
        here.throttle.failed(account, address, time.time())
        log.warning("a sign-in was refused")
        raise Problem("bad_sign_in")
    here.throttle.succeeded(account, address)
    return user


# --- phones and nodes -------------------------------------------------------------------------------------


@blueprint.post("/api/sign-in")
@public
def api_sign_in() -> Response:
    """Give a phone or a node its install and token; the password goes no further than here."""
    here = node()
    wishes = _sign_in_json()
    user = sign_in(here, wishes["username"].strip(), wishes["password"], request.remote_addr or "")
    kind = "node" if user.role == "node" else "device"
    if kind == "device" and not any(ROLES[role].phone for role in user.roles):
        raise Problem("not_on_a_phone")
    if kind == "device" and not here.config.phone_passwords:
        raise Problem("no_phone_passwords")
    if user.must_change:
        raise Problem("change_password_first")
    given = here.store.add_install(user.id, kind=kind, name=wishes["device"][:100], key=wishes["key"])
    return jsonify(signed_in(here, user, given, lost_install=wishes["lost_install"][:100]))


def signed_in(here: Node, user: User, given: NewInstall, *, lost_install: str = "") -> dict[str, Any]:
    """What an install that was just let in is told."""
    if lost_install:
        here.store.note_lost(lost_install, given.install_id)
    here.register_devices()
    return {
        "token": given.token,
        "install_id": given.install_id,
        "user": {
            "id": user.id,
            "username": user.username,
            "name": user.name,
            "unit": user.unit,
            "grants": [{"role": grant.role, "area": grant.area} for grant in user.grants],
        },
        "server_id": here.store.server_id,
        "epoch": here.store.epoch,
        "tier": here.tier,
        "time": here.now_text(),
        "keys": here.told_keys(),
    }


def _sign_in_json() -> dict[str, str]:
    sent = json_sent("username", "password")
    key = sent.get("key") or ""
    if key and not is_public_key(key):
        raise Problem("bad_request")
    return {"username": sent["username"], "password": sent["password"], "device": str(sent.get("device") or ""), "key": key,
            "lost_install": str(sent.get("lost_install") or "")}  # fmt: skip


def json_sent(*texts: str) -> dict[str, Any]:
    """The small JSON body of somebody not yet known, which holds these texts. Raises Problem."""
    if request.mimetype != "application/json":
        raise Problem("unsupported_type")  # a form on another site cannot send this type
    if request.content_length is None:
        raise Problem("length_required")
    if request.content_length > LARGEST_SIGN_IN:
        raise Problem("too_large")
    try:
        sent = request.get_json(silent=True)
    except RecursionError:  # brackets within brackets without end
        sent = None
    if not isinstance(sent, dict) or not all(isinstance(sent.get(name), str) for name in texts):
        raise Problem("bad_request")
    return sent


@blueprint.post("/api/sign-out")
@device
def api_sign_out() -> Response:
    """End this install's token. What it has not sent stays on the phone for the next sign-in."""
    node().store.revoke(g.credential.install_id)
    return jsonify({"signed_out": True})


# --- office pages -----------------------------------------------------------------------------------------


class SignInForm(FlaskForm):  # type: ignore[misc]
    username = StringField(_l("用户名"), [InputRequired(), Length(max=100)])
    password = PasswordField(_l("密码"), [InputRequired(), Length(max=200)])


@blueprint.route("/office/sign-in", methods=["GET", "POST"])
@public
def office_sign_in() -> AnyResponse | str | tuple[str, int]:
    form = SignInForm()
    problem = None
    if form.validate_on_submit():
        try:
            return _office_session(form)
        except Problem as raised:
            problem = raised
    page = render_template("signin.html", form=form, problem=problem, after=_inside(request.args.get("next", "")))
    return (page, problem.status) if problem else page


def _office_session(form: SignInForm) -> AnyResponse:
    here = node()
    user = sign_in(here, (form.username.data or "").strip(), form.password.data or "", request.remote_addr or "")
    if not user.roles & set(OFFICE_ROLES):  # the password was right, so this tells nobody anything new
        raise Problem("bad_sign_in", message=_("这是村级节点联网用的账号,不能登录办公端。"), next=_("请用您自己的账号登录。"))
    given = here.store.add_install(user.id, kind="browser", name="")
    session.clear()  # nothing of the visitor before signing in may live on
    session["token"] = given.token
    session["since"] = int(time.time())
    return redirect(_inside(request.args.get("next", "")), 303)


@blueprint.post("/office/sign-out")
@office()
def office_sign_out() -> AnyResponse:
    node().store.revoke(g.credential.install_id)
    session.clear()
    return redirect(url_for("auth.office_sign_in"), 303)


def _inside(wish: str) -> str:
    """The page to open after signing in: one of ours, whatever the address asked for."""
    parts = urlsplit(wish)
    if parts.scheme or parts.netloc or not wish.startswith("/office/") or "\\" in wish:
        return "/office/"
    return wish


# --- before every view ------------------------------------------------------------------------------------


def init_app(app: Flask) -> None:
    app.register_blueprint(blueprint)
    app.context_processor(lambda: {"user": g.get("user")})

    @app.before_request
    def _guard() -> AnyResponse | None:
        if request.endpoint is None:
            return None  # Flask answers 404 or 405
        access = declared(app.view_functions[request.endpoint])
        if access is None:
            log.error("%s declares no access", request.endpoint)
            raise Problem("not_found")
        if access.kind == "device":
            g.credential = bearer(node(), request.headers.get("Authorization", ""))
        elif access.kind == "office":
            return _office_guard(access.roles)
        return None


def bearer(here: Node, authorization: str) -> Credential:
    """Whom the header's token speaks for. Raises Problem unknown_token."""
    found = bearers(here, [authorization])[0]
    if isinstance(found, SyncProblem):
        raise found
    return found


def bearers(here: Node, authorizations: Sequence[str]) -> list[Credential | SyncProblem]:
    """As `bearer`, for many headers with one question: for each whom it speaks for, or what it is refused for."""
    tokens = [_token(one) for one in authorizations]
    known = here.store.credentials({token for token in tokens if token})
    # A revoked phone may still push: what it holds goes to the tray. The service decides that.
    return [
        known[token] if token in known and known[token].kind != "browser" else SyncProblem("unknown_token")
        for token in tokens
    ]


def _token(authorization: str) -> str:
    scheme, _space, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _office_guard(roles: tuple[str, ...]) -> AnyResponse | None:
    user = _session_user()
    if user is None:
        if request.method == "GET":
            after = request.full_path.rstrip("?")
            return redirect(url_for("auth.office_sign_in", next=after), 303)
        raise Problem("sign_in_first")
    # Who may change one place and only look at another changes nothing there: a view gets the grants it is for.
    fitting = tuple(grant for grant in user.grants if grant.role in roles)
    if not fitting:
        raise Problem("forbidden")
    g.user = replace(user, grants=fitting)
    if user.must_change and request.endpoint not in ("office.own_password", "auth.office_sign_out"):
        if request.method == "GET":
            return redirect(url_for("office.own_password"), 303)
        raise Problem("change_password_first")
    return None


def _session_user() -> User | None:
    """The person of the cookie, with the grants they hold now."""
    token, since = session.get("token"), session.get("since", 0)
    if not token or not 0 <= time.time() - since < SIGNED_IN_HOURS * 3600:
        return None
    here = node()
    credential = here.store.credential(token)
    if credential is None or credential.revoked or credential.kind != "browser":
        return None
    record = here.store.get("user", credential.user_id)
    user = user_of(record) if record else None
    g.credential = credential
    return user if user and user.grants else None


def current_user() -> User:
    """The person at the office page. Only in views declared with `office`."""
    user: User = g.user
    return user


def in_scope(area: str) -> bool:
    """Whether the current person may see records of this area."""
    return within(area, current_user().area_prefixes)


def require_scope(area: str) -> None:
    """404 for a record outside: whether it exists is not told either."""
    if not in_scope(area):
        raise Problem("not_found")
