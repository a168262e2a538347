"""Printing from the office: choose whom, watch the job, fetch the PDF."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from flask import (
    Blueprint,
    Response,
    current_app,
    jsonify,
    make_response,
    redirect,
    request,
    send_file,
    url_for,
)
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as AnyResponse

from app.access import office
from app.auth import current_user
from app.errors import Problem
from app.node import node
from app.office import page, words
from app.office.chosen import Chosen
from app.office.eyes import sight_of
from app.office.history import short_time
from app.office.names import Names
from app.office.roll_files import Lines, roll
from app.print import fonts, numbers, pages
from app.print.jobs import (
    CANCELLED,
    DONE,
    FAILED,
    INTERRUPTED,
    KEEP_DAYS,
    QUEUED,
    RUNNING,
    UNFINISHED,
    Job,
    Jobs,
    new_job,
)
from app.print.sheet import Subject
from app.tables import households
from app.tables.households import HouseholdWish
from app.tables.rows import dates_in
from forms.definition import Form
from sync.scope import within

blueprint = Blueprint("printing", __name__, url_prefix="/office/print", template_folder="../templates")

MAY_PRINT = ("cadre", "township", "county")
MOST = 2000
"""Households in one job. A larger place is printed village by village."""
DEFAULT_FORM = "visit"
JOBS_SHOWN = 20
STATES = {
    QUEUED: _l("排队中"), RUNNING: _l("正在排版"), DONE: _l("已完成"), CANCELLED: _l("已取消"), INTERRUPTED: _l("中断了"),
    FAILED: _l("没有成功"),
}  # fmt: skip
_starting = threading.Lock()
chosen = Chosen(MOST)

Row = dict[str, Any]


@blueprint.get("/")
@office(*MAY_PRINT)
def index() -> str:
    node().tables.catch_up()
    area = page.area_wish()
    groups = households.groups(page.tables(), page.scope(), area) if area else []
    return page.show(
        "printing.html",
        villages=page.villages(),
        area=area,
        whole_small=() if area else page.small_villages(),
        groups=[(name, name) for name in groups],
        group=request.args.get("group", ""),
        status=request.args.get("status", ""),
        forms=_forms(),
        jobs=_jobs()[:JOBS_SHOWN],
        state_words=STATES,
        missing=missing_here(),
        chosen=_chosen_rows(),
    )


def _jobs() -> list[Job]:
    return [job for job in jobs_here().all() if _may_see(job)]


@roll("print_jobs", of=index, title=_l("打印记录"),
      head=(_l("时间"), _l("谁"), _l("打印了什么"), _l("份数"), _l("完整号码"), _l("结果")))  # fmt: skip
def _lines() -> Lines:
    names = Names()
    return Lines.of(
        [short_time(job.created), names.of(job.owner), job.title, str(job.total), _("是") if job.whole else "",
         str(STATES.get(job.state, job.state))]
        for job in _jobs()
    )  # fmt: skip


@blueprint.post("/chosen")
@office(*MAY_PRINT)
def choose() -> AnyResponse:
    """Take the register's ticks into the reader's list, or empty the list; back to the page they came from."""
    reader = current_user().id
    if request.form.get("clear"):
        chosen.clear(reader)
        return redirect(url_for("printing.index"), 303)
    shown = request.form.getlist("shown")
    ticked = shown if request.form.get("all") else request.form.getlist("household")
    seen = [id for id in ticked if households.household(page.tables(), page.scope(), id)]
    if not chosen.change(reader, shown=shown, ticked=seen):
        raise Problem("too_many", 422, _("一次最多打印 %(n)s 户。", n=MOST), _("请分村、分组打印。"))
    kept = ("village", "small", "group", "status", "sort", "s", "page")
    back = {name: value for name, value in request.args.items() if name in kept}
    return redirect(url_for("office.register", **back), 303)


@blueprint.post("/")
@office(*MAY_PRINT)
def start() -> AnyResponse:
    """Start a job for the ticked list, for named households (repeated) or for a village, a group, a status."""
    node().tables.catch_up()
    named = [row["id"] for row in _chosen_rows()] if request.form.get("chosen") else request.form.getlist("household")
    wish = HouseholdWish(
        area=request.form.get("village", ""),
        group=request.form.get("group", ""),
        status=request.form.get("status", ""),
        areas=page.small_villages(),
    )
    if not named and not wish.area and not wish.areas:
        raise Problem("nothing_chosen", 422, _("还没有选要打印的户。"), _("选一个村或一个小片区,再点打印。"))
    ids = named or households.household_ids(page.tables(), page.scope(), wish)
    if not ids:
        raise Problem("nothing_chosen", 422, _("这里没有户。"), _("换一个村或去掉筛选再试。"))
    if len(ids) > MOST:
        raise Problem("too_many", 422, _("一次最多打印 %(n)s 户。", n=MOST), _("请分村、分组打印。"))
    job = _start(request.form.get("what", "sheet"), [_household(id) for id in ids])
    return redirect(url_for("printing.job", id=job.id), 303)


@blueprint.get("/household/<id>/<any('sheet', 'door-card'):what>")
@office(*MAY_PRINT)
def household(id: str, what: str) -> str:
    """One household: what will be printed, and the button."""
    return page.show("printing_one.html", row=_household(id), what=what, forms=_forms(), missing=missing_here())


@blueprint.post("/household/<id>/sheet.html")
@office(*MAY_PRINT)
def browser_sheet(id: str) -> str:
    """The same sheet for the browser's own printing, where this machine cannot make PDFs."""
    row, form = _household(id), _form()
    return next(iter(_sheet_pages([row], form, style="/static/css/print.css")()))


@blueprint.get("/jobs/<id>")
@office(*MAY_PRINT)
def job(id: str) -> Response:
    found = _job(id)
    response = make_response(page.show("printing_job.html", job=found, state_words=STATES))
    if found.state in UNFINISHED:
        response.headers["Refresh"] = "1"
    return response


@blueprint.get("/jobs/<id>/status.json")
@office(*MAY_PRINT)
def status(id: str) -> Response:
    found = _job(id)
    return jsonify(state=found.state, done=found.done, total=found.total, error=found.error)


@blueprint.post("/jobs/<id>/cancel")
@office(*MAY_PRINT)
def cancel(id: str) -> AnyResponse:
    jobs_here().cancel(_job(id).id)
    return redirect(url_for("printing.job", id=id), 303)


@blueprint.get("/jobs/<id>/result.pdf")
@office(*MAY_PRINT)
def result(id: str) -> Response:
    found = _job(id)
    path = jobs_here().result(found.id)
    if found.state != "done" or not path.exists():
        raise Problem("not_found")
    response = send_file(path, mimetype="application/pdf", download_name=f"{found.kind}-{found.created[:10]}.pdf")
    response.headers["Cache-Control"] = "no-store"
    return response


def jobs_here() -> Jobs:
    """The jobs of this node, opened at the first use."""
    with _starting:
        found: Jobs | None = current_app.extensions.get("ruhu_print")
        if found is None:
            folder = node().config.data_dir
            found = Jobs(folder / "jobs", current_app.config.get("FONT_FOLDER") or folder / "tools")
            current_app.extensions["ruhu_print"] = found
        return found


def _job(id: str) -> Job:
    """A job all of whose villages the reader may see; 404 otherwise."""
    found = jobs_here().get(id)
    if found is None or not _may_see(found):
        raise Problem("not_found")
    return found


def _may_see(job: Job) -> bool:
    prefixes = [prefix for prefix in current_user().area_prefixes if prefix]
    if not job.areas or not all(within(area, prefixes) for area in job.areas):
        return False
    # Paper with whole numbers is for whoever sees them whole, and for whoever had it printed.
    return not job.whole or job.owner == current_user().id or all(sight_of(area).numbers for area in job.areas)


def _household(id: str) -> Row:
    found = households.household(node().tables, page.scope(), id)
    if found is None:
        raise Problem("not_found")
    return found


def _chosen_rows() -> list[Row]:
    """The ticked households the reader may still see, village by village as a bundle is handed out."""
    found = [households.household(page.tables(), page.scope(), id) for id in chosen.ids(current_user().id)]
    return sorted((row for row in found if row), key=lambda row: (row["area"], row["group"], _number(row["house_no"])))


def _number(text: str) -> tuple[int, str]:
    digits = "".join(letter for letter in text if letter.isdigit())
    return int(digits or 0), text


def _form() -> Form:
    form = node().forms.newest(request.form.get("form_id", DEFAULT_FORM))
    if form is None:
        raise Problem("unknown_form")
    return form


def _forms() -> list[tuple[str, str]]:
    """Forms to choose from, the visit first."""
    found = [(form.form_id, form.title(words.pick(("zh", "en"), "zh"))) for form in node().forms.current().values()]
    return sorted(found, key=lambda one: one[0] != DEFAULT_FORM)


def missing_here() -> str:
    try:
        fonts.check()
    except fonts.PrintingMissing as missing:
        return str(missing)
    return ""


def _start(what: str, rows: Sequence[Row]) -> Job:
    now, user = datetime.now().astimezone(), current_user()
    jobs_here().sweep((now - timedelta(days=KEEP_DAYS)).isoformat(timespec="seconds"))
    place, ids = page.places().name(rows[0]["area"]), tuple(row["id"] for row in rows)
    whom = f"{place} {rows[0]['group']}{rows[0]['house_no']}" if len(rows) == 1 else f"{place} {len(rows)} 户"
    areas, created = {row["area"] for row in rows}, now.isoformat(timespec="seconds")
    if what == "sheet":
        form = _form()
        job = new_job("sheet", f"{form.title('zh')} · {whom}", user.id, areas, len(rows), created,
                      form_id=form.form_id, form_version=form.version, households=ids,
                      whole=any(sight_of(row["area"], row["id"]).numbers for row in rows))  # fmt: skip
        return jobs_here().start(job, _sheet_pages(rows, form))
    sheets = -(-len(rows) // pages.CARDS_A_PAGE)
    job = new_job("door-card", f"门牌卡 · {whom}", user.id, areas, sheets, created, households=ids)
    return jobs_here().start(job, _card_pages(rows))


def _sheet_pages(rows: Sequence[Row], form: Form, style: str = "") -> Callable[[], Iterable[str]]:
    """What makes the sheets. Everything is read now, in the reader's scope; the work happens elsewhere."""
    here, now = node(), datetime.now().astimezone()
    everybody: dict[str, list[Row]] = {row["id"]: [] for row in rows}
    for member in households.members(node().tables, page.scope(), list(everybody)):
        if member["state"] in ("", "active"):
            everybody[member["household_id"]].append(member)
    drawn = numbers.issue(here.store, form, [(row["id"], row["area"]) for row in rows], current_user().id, now)
    place = {row["area"]: page.places().path(row["area"]).replace(" ", "") for row in rows}
    address, printed = here.config.address, now.date().isoformat()
    sights = {row["id"]: sight_of(row["area"], row["id"]) for row in rows}

    def made() -> Iterable[str]:
        for row, number in zip(rows, drawn, strict=True):
            members = sorted(everybody[row["id"]], key=lambda member: _number(member["line"] or ""))
            sight = sights[row["id"]]
            shown = [sight.fields(member) for member in members]
            subject = Subject(sight.fields(row), shown, dates_in(row), place[row["area"]])
            coded = {name: words.value_in_words("household", name, row[name], "zh") for name in ("status", "support")}
            if row["support"] in ("", "none"):
                coded["support"] = ""
            yield pages.sheet_html(
                form, subject, number=number, address=address, printed=printed, words=coded, style=style
            )

    return made


def _card_pages(rows: Sequence[Row]) -> Callable[[], Iterable[str]]:
    if not any(row["code"] for row in rows):
        raise Problem("no_codes", 422, _("这些户还没有入户码。"), _("先在户册里给它们发码。"))
    cards = [
        {
            "place": page.places().level(row["area"], 12),
            "group": row["group"],
            "house_no": row["house_no"],
            "code": row["code"],
            "helper": row["helper_name"],
            "phone": row["helper_phone"],
        }
        for row in rows
    ]
    address = node().config.address
    return lambda: pages.card_pages(cards, address)


from app.office import printing_forms  # noqa: E402, F401
