"""Printing a published form, blank, and a submission, filled: choose the language, watch the job, fetch the PDF."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from flask import request, url_for
from flask_babel import gettext as _
from werkzeug.utils import redirect
from werkzeug.wrappers import Response as AnyResponse

from app.access import OFFICE_ROLES, office
from app.auth import current_user
from app.errors import Problem
from app.filekinds import HEAD, kind_of
from app.i18n import language
from app.node import node
from app.office import page
from app.office.answers import FILE_NAME
from app.office.eyes import sight_of
from app.office.history import short_time
from app.office.mask import Sight
from app.office.printing import blueprint, jobs_here, missing_here
from app.office.submissions import answers_of
from app.print import numbers, pages
from app.print.jobs import KEEP_DAYS, Job, new_job
from app.tables import households, submissions
from forms import notice
from forms.definition import Form

MOST_ROWS = 40
MOST_PICTURES = 60
LARGEST_PICTURE = 6 * 1024 * 1024

Row = dict[str, Any]


@blueprint.get("/forms/<form_id>/<version>")
@office(*OFFICE_ROLES)
def blank_form(form_id: str, version: str) -> str:
    """What will be printed, and the button."""
    form = _form(form_id, version)
    return page.show("printing_form.html", form=form, row=None, title=form.title(_lang(form)), form_lang=_lang(form),
                     langs=form.definition["languages"], missing=missing_here())  # fmt: skip


@blueprint.post("/forms/<form_id>/<version>")
@office(*OFFICE_ROLES)
def print_blank(form_id: str, version: str) -> AnyResponse:
    form, lang = _form(form_id, version), _wished_lang()
    now = datetime.now().astimezone()
    html = _blank_html(form, lang)
    areas = [prefix for prefix in current_user().area_prefixes if prefix]
    title = _("%(form)s · 空白表", form=form.title(lang))
    return _started(new_job("form", title, current_user().id, areas, 1, now.isoformat(timespec="seconds"),
                            form_id=form.form_id, form_version=form.version), [html], now)  # fmt: skip


@blueprint.post("/forms/<form_id>/<version>/page.html")
@office(*OFFICE_ROLES)
def browser_blank(form_id: str, version: str) -> str:
    """The same paper for the browser's own printing, where this machine cannot make PDFs."""
    return _blank_html(_form(form_id, version), _wished_lang(), style="/static/css/print.css")


@blueprint.get("/submissions/<id>")
@office(*OFFICE_ROLES)
def filled_form(id: str) -> str:
    row = _submission(id)
    form = _form(row["form_id"], row["form_version"])
    return page.show("printing_form.html", form=form, row=row, title=form.title(_lang(form)), form_lang=_lang(form),
                     langs=form.definition["languages"], missing=missing_here())  # fmt: skip


@blueprint.post("/submissions/<id>")
@office(*OFFICE_ROLES)
def print_filled(id: str) -> AnyResponse:
    row = _submission(id)
    form, lang, now = _form(row["form_id"], row["form_version"]), _wished_lang(), datetime.now().astimezone()
    html = _filled_html(form, row, lang, now)
    title = f"{form.title(lang)} · {row['instance_name'] or row['id'][:8]}"
    return _started(new_job("answers", title, current_user().id, [row["area"]], 1, now.isoformat(timespec="seconds"),
                            form_id=form.form_id, form_version=form.version, whole=_sight(row).numbers,
                            households=(row["household_id"],)), [html], now)  # fmt: skip


@blueprint.post("/submissions/<id>/page.html")
@office(*OFFICE_ROLES)
def browser_filled(id: str) -> str:
    row = _submission(id)
    form = _form(row["form_id"], row["form_version"])
    return _filled_html(form, row, _wished_lang(), datetime.now().astimezone(), style="/static/css/print.css")


def _blank_html(form: Form, lang: str, style: str = "") -> str:
    printed = datetime.now().astimezone().date().isoformat()
    return pages.blank_html(form, lang, rows=_rows(), printed=printed, style=style, own=_own_pictures(form))


def _filled_html(form: Form, row: Row, lang: str, now: datetime, style: str = "") -> str:
    """Everything is read now, in the reader's scope; the work happens elsewhere."""
    here = node()
    house = households.household(page.tables(), page.scope(), row["household_id"]) or {}
    code = str(house.get("code") or "")
    number = row["sheet"]
    if code and not number:
        number = numbers.issue(here.store, form, [(row["household_id"], row["area"])], current_user().id, now)[0]
    place = page.places().path(row["area"]).replace(" ", "")
    told = notice.told(form, _answers(row))
    filling = pages.Filling(
        id=row["id"],
        answers=_answers(row),
        ended=row["ended"],
        visitor=page.names([row["cadre"]]).get(row["cadre"], "") or row["cadre_name"],
        head=str(house.get("head_name") or ""),
        place=f"{place}{house.get('group') or ''}{house.get('house_no') or ''}",
        code=code,
        number=number,
        notice=f"{told.version} {short_time(told.at)}".strip(),
    )
    return pages.filled_html(
        form, lang, filling, address=here.config.address, printed=now.date().isoformat(), picture=_pictures(),
        seen=_sight(row).value, style=style,
    )  # fmt: skip


def _sight(row: Row) -> Sight:
    """What the reader sees of a submission; a page of paper shows it as the screen does."""
    return sight_of(row["area"], households.current_id(page.tables(), page.scope(), row["household_id"]))


def _answers(row: Row) -> dict[str, Any]:
    answers = answers_of(row)
    return answers if isinstance(answers, dict) else {}


def _pictures() -> Callable[[str], str]:
    """From a file name in an answer to the picture."""
    show = _shower()

    def picture(name: str) -> str:
        found = FILE_NAME.match(name)
        return show(found.group(1)) if found else ""

    return picture


def _own_pictures(form: Form) -> Callable[[str], str]:
    """From the name of a form's own file to the picture."""
    show = _shower()

    def picture(name: str) -> str:
        found = node().forms.file(form.form_id, form.version, name)
        return show(found[0]) if found else ""

    return picture


def _shower() -> Callable[[str], str]:
    """Pictures as ``data:`` addresses: the renderer opens no file. Too many or too large ones are left out."""
    shown: set[str] = set()

    def show(sha256: str) -> str:
        if not node().store.has_blob(sha256) or (len(shown) >= MOST_PICTURES and sha256 not in shown):
            return ""
        with node().store.open_blob(sha256) as body:
            data = body.read(LARGEST_PICTURE + 1)
        kind = kind_of(data[:HEAD])
        if kind.family != "picture" or len(data) > LARGEST_PICTURE:
            return ""
        shown.add(sha256)
        return f"data:{kind.mime};base64,{base64.b64encode(data).decode()}"

    return show


def _started(job: Job, html: list[str], now: datetime) -> AnyResponse:
    jobs = jobs_here()
    jobs.sweep((now - timedelta(days=KEEP_DAYS)).isoformat(timespec="seconds"))
    jobs.start(job, lambda: html)
    return redirect(url_for("printing.job", id=job.id), 303)


def _form(form_id: str, version: str) -> Form:
    form = node().forms.get(form_id, version)
    if form is None:
        raise Problem("unknown_form")
    return form


def _submission(id: str) -> Row:
    node().tables.catch_up()
    row = submissions.submission(page.tables(), page.scope(), id)
    if row is None:
        raise Problem("not_found")
    return row


def _lang(form: Form) -> str:
    """The reader's language, where the form has it."""
    return language() if language() in form.definition["languages"] else str(form.definition["default_language"])


def _wished_lang() -> str:
    return request.form.get("form_lang", "zh")[:40]


def _rows() -> int:
    wish = request.form.get("rows", "")
    return max(1, min(MOST_ROWS, int(wish))) if wish.isdigit() and len(wish) < 4 else 6
