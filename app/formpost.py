"""Filling a form on a page without JavaScript: the server keeps nothing until it is finished.

Every post brings the whole form back: the answers in its fields, the rest in
a signed state (``app/fillstate.py``). What is finished goes into the store as
a phone's work would, by an install of the office in the person's name.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_wtf.csrf import generate_csrf
from itsdangerous import BadData, URLSafeSerializer
from markupsafe import Markup
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response

from app import fillops, fillstate, formpage
from app.access import office
from app.auth import current_user
from app.errors import Problem
from app.filekinds import HEAD, kind_of
from app.fillstate import State
from app.formwhole import render_whole
from app.i18n import language
from app.node import node
from app.office import eyes, page, sights
from app.pictures import Unreadable, bare
from app.pwa import styles
from app.tables import households
from forms.definition import Form
from forms.entities import changes
from forms.instance import Instance
from sync.author import Author
from sync.ids import new_id
from sync.own import write_own
from sync.records import BlobRef, Op
from sync.scope import refusal

blueprint = Blueprint("formpost", __name__, url_prefix="/office/fill")

MAY_FILL = ("cadre", "township", "county")
OWN_NAME = "fill"
MOST_PARTS = 20_000
"""Fields of one post: fifty members with sixty questions each are 3,000."""
MOST_MEMORY = 4 * 1024 * 1024
LARGEST_FILE = 12 * 1024 * 1024
MOST_INSTANCES = 200
"""Of a repeat, on one page; more are filled on the phone."""
ENDINGS = {"picture": ("image", "photo", "draw", "signature", "annotate"), "sound": ("audio",), "film": ("video",)}



@blueprint.get("/")
@office(*MAY_FILL)
def index() -> str:
    """The forms to choose from: about one household, or about a village."""
    node().tables.catch_up()
    id = request.args.get("household", "")
    row = households.household(page.tables(), page.scope(), id) if id else None
    if id and row is None:
        raise Problem("not_found")
    wanted = "household" if row else "village"
    forms = [form for form in node().forms.current().values() if form.about == wanted]
    forms.sort(key=lambda form: form.form_id != "visit")
    return page.show("fill_index.html", row=row, forms=[(form.form_id, form.title(language())) for form in forms])


@blueprint.get("/<form_id>")
@office(*MAY_FILL)
def fill(form_id: str) -> str:
    """The form, filled with what the register knows of the household or village."""
    here = node()
    here.tables.catch_up()
    form = here.forms.newest(form_id)
    if form is None:
        raise Problem("unknown_form")
    now = _now()
    state = State(
        form.form_id, form.version, current_user().id, new_id(), now.isoformat(timespec="milliseconds"),
        household_id=request.args.get("household", ""), village_id=request.args.get("village", ""),
    )  # fmt: skip
    if form.about == "village":
        state.household_id, state.village_id = "", state.village_id or _own_village()
        if not state.village_id:
            return _choose_village(form)
        _require_village(state.village_id)
    elif form.about == "household" and not state.household_id:
        raise Problem("no_household", 422, _("这张表要先选一户。"), _("从户册打开那一户,再点“在网页上填表”。"))
    state.base = _base(state)
    _note_sight(state)
    instance = _instance(form, state, now, fresh=True)
    state.carried = fillstate.carried_at_opening(form, instance, state.base)
    return _page(form, state, instance, {})


@blueprint.post("/<form_id>")
@office(*MAY_FILL)
def post(form_id: str) -> Response | str | tuple[str, int]:
    """One post: update, add or remove an instance, or finish."""
    # Before anything reads the form; the check of the token, which reads it, is therefore called here.
    request.max_form_parts, request.max_form_memory_size = MOST_PARTS, MOST_MEMORY
    current_app.extensions["csrf"].protect()
    here = node()
    here.tables.catch_up()
    state = _returned(form_id)
    form = here.forms.get(state.form_id, state.version)
    if form is None:
        raise Problem("unknown_form")
    _require_rights(state)
    if here.store.get("submission", state.submission_id) is not None:
        return _finished(state)  # pressed twice: it is safe already
    instance = _instance(form, state, _now())
    wrong = fillstate.take(instance, {name: request.form.getlist(name) for name in request.form})
    errors = {path: _told(code) for path, code in wrong.items()} | _take_files(instance)
    action, _colon, path = request.form.get("_do", "update").partition(":")
    if action == "add" and instance.count(path) < MOST_INSTANCES:
        instance.add_repeat(path)
    elif action == "remove":
        _remove(instance, state, path)
    elif action == "finish":
        confirmed = request.form.get("_confirmed") == "yes"
        errors = _violations(instance) | errors
        if not errors:
            _write(form, state, instance, confirmed)
            return _finished(state)
    if action != "finish":
        errors = {path: text for path, text in errors.items() if instance.find(path) is not None}
    state.answers = instance.answers(hidden=True)
    return _page(form, state, instance, errors), 422 if errors else 200


# --- the page ---------------------------------------------------------------------------------------------


def _page(form: Form, state: State, instance: Instance, errors: dict[str, str]) -> str:
    state.answers = instance.answers(hidden=True)
    eyes.shows_whole(True)  # what is masked could not be confirmed
    lang = language() if language() in form.definition["languages"] else form.definition["default_language"]
    hidden = {"csrf_token": generate_csrf(), "_state": _serializer().dumps(state.packed())}
    fragment = render_whole(form, instance, errors, lang, action=url_for("formpost.post", form_id=form.form_id), hidden=hidden)
    confirm = render_template("fill_confirm.html", carried=len(state.carried), confirmed=request.form.get("_confirmed") == "yes")
    # The box belongs into the form, beside the button that finishes it.
    fragment = fragment.replace('<div class="whole-foot">', f'<div class="whole-foot">{confirm}', 1)
    house = next(iter(state.base.get("household", [])), None)
    return render_template(
        "fill.html",
        form_id=form.form_id,
        title=formpage.plain(form.definition["title"], lang, form.definition["default_language"]),
        fragment=Markup(fragment),
        styles=styles(node().config.static_dir),
        filling=True,
        household=house,
        place=page.places().path(house["area"] if house else state.village_id) if house or state.village_id else "",
    )


def _note_sight(state: State) -> None:
    """The page shows what the register has of the household: for whoever would not see it whole, that is written down."""
    house = next(iter(state.base.get("household", [])), None)
    if house and not eyes.sight_of(house["area"], state.household_id).numbers:
        sights.note(sights.FILL, house["area"], reason=str(_("在网页上填表")), household=state.household_id, whole=True)


def _choose_village(form: Form) -> str:
    return page.show("fill_village.html", form=form, title=form.title(language()), villages=page.villages())


def _finished(state: State) -> Response:
    return redirect(url_for("office.submission", id=state.submission_id), 303)


# --- what comes back --------------------------------------------------------------------------------------


def _serializer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.secret_key or "", salt="fill-state")


def _returned(form_id: str) -> State:
    """The state of the page, whole and of this person. Raises Problem bad_request."""
    try:
        packed = _serializer().loads(request.form.get("_state", ""))
        state = State(**packed)
    except (BadData, TypeError) as error:
        raise Problem("bad_request") from error
    if state.form_id != form_id or state.user_id != current_user().id:
        raise Problem("bad_request")
    return state


def _take_files(instance: Instance) -> dict[str, str]:
    """Put uploads into the store; errors by path. An empty chooser keeps the file that was chosen before."""
    errors = {}
    for answer in fillstate.shown(instance):
        path = instance.path_of(answer)
        sent = request.files.get(path)
        if answer.definition["type"] not in fillstate.FILES or sent is None or not sent.filename:
            continue
        name, problem = _kept(answer.definition["type"], sent)
        if problem:
            errors[path] = problem
        else:
            instance.set_value(path, name)
    for file in request.files.values():
        file.close()  # large ones lie in a file of the system's
    return errors


def _kept(kind: str, sent: FileStorage) -> tuple[str, str]:
    """The name of the stored file, or what is wrong with it."""
    data = sent.stream.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        return "", _("文件太大,最多 %(n)s MB。请换小一些的再选。", n=LARGEST_FILE // 1024 // 1024)
    if not data:
        return "", _("文件是空的,请重新选。")
    found = kind_of(data[:HEAD], (sent.filename or "").rpartition(".")[2].lower())
    wanted = next((family for family, kinds in ENDINGS.items() if kind in kinds), "")
    if wanted and found.family != wanted:
        told = {
            "picture": _("这不是照片,请选 JPG 或 PNG 图片。"),
            "sound": _("这不是录音,请重新选。"),
            "film": _("这不是录像,请重新选。"),
        }
        return "", told[wanted]
    if found.family == "picture":
        try:
            data = bare(data)
        except Unreadable:
            return "", _("这张照片打不开,可能没有传完整,请重新选。")
    sha256, store = hashlib.sha256(data).hexdigest(), node().store
    if not store.has_blob(sha256):
        store.put_blob_part(sha256, 0, len(data), data)
    return f"{sha256}.{found.ending}", ""


def _remove(instance: Instance, state: State, path: str) -> None:
    """Take an instance out; the carried answers of those behind it move up."""
    repeat, _bracket, place = path.rpartition("[")
    if not place[:-1].isdigit() or not instance.remove_repeat(path):
        return
    gone, moved = int(place[:-1]), {}
    for known, entry in state.carried.items():
        rest = known.removeprefix(f"{repeat}[")
        if rest == known:
            moved[known] = entry
            continue
        index, _end, tail = rest.partition("]")
        if int(index) != gone:
            moved[f"{repeat}[{int(index) - (int(index) > gone)}]{tail}"] = entry
    state.carried = moved


def _violations(instance: Instance) -> dict[str, str]:
    return {
        found.path: found.message or (_("这题必须答。") if found.code == "required" else _("这个答案不符合要求,请核对。"))
        for found in instance.finalize().violations
    }


def _told(code: str) -> str:
    return {
        "whole_number": _("请填整数,例如 3。"),
        "number": _("请填数字,例如 3.5。"),
        "date": _("日期要写成 2026-01-31 这样。"),
        "place": _("位置要写成“纬度 经度”,例如 29.32 107.76。"),
        "choice": _("这个答案不在选项里,请重新选。"),
    }[code]


# --- finishing --------------------------------------------------------------------------------------------


def _write(form: Form, state: State, instance: Instance, confirmed: bool) -> None:
    """The submission and what follows from it, in one step. Raises Problem forbidden."""
    here, now, user = node(), _now(), current_user()
    finished = instance.finalize()
    carried = fillstate.carried_now(state, instance, confirmed)
    blobs = _blobs(instance)
    filler = fillops.Filler(user.id, user.name, user.area)
    derived, visit_id = changes(form, instance, state.base), new_id()

    def visit(author: Author) -> list[Op]:
        if here.store.get("submission", state.submission_id) is not None:
            return []  # sent twice
        ops = fillops.ops_of(author, form, state, instance, finished, derived, carried, blobs, filler, now, visit_id)
        _require_allowed(ops)
        return ops

    write_own(here.store, OWN_NAME, user.id, visit, clock=lambda: now)
    here.tables.catch_up()
    if here.relay:
        here.relay.soon()


def _blobs(instance: Instance) -> list[BlobRef]:
    """The files the answers name, all of which are here."""
    store, found = node().store, {}
    for answer in instance.questions():
        if answer.relevant and answer.definition["type"] in fillstate.FILES and answer.text:
            sha256 = answer.text.partition(".")[0]
            known = store.blob_state(sha256)
            if known:
                found[sha256] = BlobRef(sha256, known[1])
    return list(found.values())


def _require_allowed(ops: list[Op]) -> None:
    """The same rights as a phone's push is asked for."""
    for op in ops:
        if refusal(op, current_user().grants, node().store.get(op.entity, op.id)):
            raise Problem("forbidden")


# --- whom it is about -------------------------------------------------------------------------------------


def _base(state: State) -> fillstate.Rows:
    """The register's records as they stand, in the reader's scope. Raises Problem not_found."""
    store = node().store
    rows: fillstate.Rows = {"household": [], "member": [], "visit": [], "issue": [], "village": []}
    if state.village_id:
        record = store.get("village", state.village_id)
        rows["village"] = [fillstate.row_of(record)] if record and not record.deleted else []
    if not state.household_id:
        return rows
    _require_household(state.household_id)
    id = [state.household_id]
    members = [one["id"] for one in households.members(page.tables(), page.scope(), id) if one["state"] in ("", "active")]
    wanted: dict[str, list[str]] = {
        "household": id,
        "member": members,
        "visit": [one["id"] for one in households.visits(page.tables(), page.scope(), id)],
        "issue": [one["id"] for one in households.issues(page.tables(), page.scope(), id)],
    }
    for kind, ids in wanted.items():
        rows[kind] = [fillstate.row_of(record) for one in ids if (record := store.get(kind, one)) and not record.deleted]
    return rows


def _require_rights(state: State) -> None:
    if state.household_id:
        _require_household(state.household_id)
    if state.village_id:
        _require_village(state.village_id)


def _require_household(id: str) -> None:
    if households.household(page.tables(), page.scope(), id) is None:
        raise Problem("not_found")


def _require_village(code: str) -> None:
    if code not in {one["code"] for one in page.villages()} and code != _own_village():
        raise Problem("not_found")


def _own_village() -> str:
    area = current_user().area
    return area if len(area) == 12 and area[9:] != "000" else ""


def _instance(form: Form, state: State, now: datetime, *, fresh: bool = False) -> Instance:
    return fillstate.instance_of(form, state, now, new_id, language(), fresh=fresh)


def _now() -> datetime:
    return datetime.now().astimezone()

