"""Rosters that come in: upload, say which column is what, look at what would happen, take in, take back."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NoReturn

from flask import Response, current_app, make_response, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as AnyResponse

from app.access import office
from app.auth import current_user
from app.errors import Problem
from app.i18n import language
from app.keys import code_key
from app.node import node
from app.office import blueprint, page, words
from app.office.history import short_time
from app.office.names import Names
from app.office.roll_files import Lines, roll
from app.office.workbooks import text_sheet, workbook_sent
from app.roster import headings, jobs, reading, unpacked
from app.roster.cells import ASK, ERROR, Finding
from app.roster.compare import FILL, NEW, OVERWRITE, SAME
from app.roster.jobs import Import, Imports
from app.roster.plan import DONE, KEPT, Noted, Plan
from app.roster.taking import Taker
from app.roster.words import FILES, MAPPINGS, line_words
from app.tables import households, others
from app.tables.scope import area_clause
from forms.register import FIELDS
from sync.records import Scope
from sync.scope import EVERYTHING, within

MAY_IMPORT = ("cadre", "township", "county")
SHOWN = 50
SAMPLE = 5
_starting = threading.Lock()
_OFFERED = [
    *headings.PLACES,
    *(f"household.{field.name}" for field in FIELDS["household"]),
    *(f"member.{field.name}" for field in FIELDS["member"]),
]
OFFERED = [target for target in _OFFERED if target not in headings.NOT_IMPORTED]
STATES = {
    jobs.LOOKING: _l("正在读取"), jobs.MAPPING: _l("等您确认各列"), jobs.CHECKING: _l("正在核对"),
    jobs.CHECKED: _l("已核对,等您导入"), jobs.RUNNING: _l("正在导入"), jobs.DONE: _l("已导入"),
    jobs.UNDOING: _l("正在撤销"), jobs.UNDONE: _l("已撤销"),
    jobs.STOPPED: _l("导入到一半停了"), jobs.UNDO_STOPPED: _l("撤销到一半停了"), jobs.FAILED: _l("没有读成"),
}  # fmt: skip
GROUPS = {"place": _l("住在哪里"), "household": _l("户"), "member": _l("家庭成员")}


@blueprint.get("/imports")
@office(*MAY_IMPORT)
def imports() -> str:
    seen = _seen()
    return page.show("imports.html", imports=seen, people=page.names([job.owner for job in seen]), state_words=STATES)


def _seen() -> list[Import]:
    return [job for job in imports_here().all() if _may_see(job)]


@roll("imports", of=imports, title=_l("导入记录"),
      head=(_l("文件"), _l("谁"), _l("什么时候"), _l("到哪一步"), _l("完成时间")))  # fmt: skip
def _history() -> Lines:
    names = Names()
    return Lines.of(
        [job.name, names.of(job.owner), short_time(job.created), str(STATES.get(job.state, job.state)), short_time(job.finished)]
        for job in _seen()
    )


@blueprint.post("/imports")
@office(*MAY_IMPORT)
def import_new() -> AnyResponse:
    """Take the file, streamed to disk; its first rows are looked at in another process."""
    # Before anything reads the form; the check of the token, which reads it, is therefore called here.
    request.max_content_length = reading.MOST_BYTES + 64 * 1024
    current_app.extensions["csrf"].protect()
    given = request.files.get("file")
    if given is None or not given.filename:
        raise Problem("no_file", 422, _("还没有选文件。"), _("选好花名册(.xlsx、.xls 或 .csv),再点上传。"))
    name = given.filename.replace("\\", "/").rsplit("/", 1)[-1][:100]
    kind = reading.suffix_of(name)
    if kind not in reading.KINDS:
        raise Problem("unknown_file", 422, _("不认识的文件:%(name)s", name=name), _("请用 .xlsx、.xls 或 .csv。"))
    here, now = imports_here(), datetime.now().astimezone()
    here.sweep((now - timedelta(days=jobs.KEEP_DAYS)).isoformat(timespec="seconds"))
    job = here.new(name, kind, current_user().id, page.scope().area_prefixes, now.isoformat(timespec="seconds"))
    target = here.path(job) / job.file
    given.save(target)
    os.chmod(target, 0o600)
    if target.stat().st_size > reading.MOST_BYTES:
        here.remove(job)
        raise Problem("too_large", 413, *FILES["too_large"])
    here.start(job, jobs.LOOKING, _look)
    return _to(job)


def _look(here: Imports, job: Import) -> Import:
    wrong = here.in_worker("look", job, {})
    if wrong:
        return replace(job, state=jobs.FAILED, error=wrong)
    first = max(here.look(job), key=lambda sheet: sheet["header"] > 0)
    return _with_sheet(here, replace(job, state=jobs.MAPPING), first["name"], first["header"])


def _with_sheet(here: Imports, job: Import, sheet: str, header: int) -> Import:
    """The import on that sheet, with a guess at what its columns are."""
    names = _names(here, replace(job, sheet=sheet, header=header))
    targets = tuple(headings.guess(names, here.remembered()))
    return replace(job, sheet=sheet, header=header, targets=targets, by_person=headings.is_by_person(targets), decisions=())


@blueprint.get("/imports/<id>")
@office(*MAY_IMPORT)
def import_one(id: str) -> Response:
    """The import as far as it is: mapping, progress, what would happen, what happened."""
    job = _job(id)
    here = imports_here()
    plan = here.plan(job) if job.state in (jobs.CHECKED, *_AFTER) else None
    response = make_response(
        page.show(
            "import.html",
            job=job,
            states=jobs,
            state_words=STATES,
            error=FILES.get(job.error),
            person=page.names([job.owner]).get(job.owner, ""),
            progress=here.progress(job),
            mapping=_mapping(here, job) if job.state == jobs.MAPPING else None,
            result=_result(plan) if plan else None,
            heads=_names(here, job) if job.sheet else (),
            told=line_words_here,
            refresh=job.state in jobs.BUSY,
        )
    )
    if job.state in jobs.BUSY:
        response.headers["Refresh"] = "1"
    return response


_AFTER = (jobs.RUNNING, jobs.STOPPED, jobs.DONE, jobs.UNDOING, jobs.UNDO_STOPPED, jobs.UNDONE)


@blueprint.post("/imports/<id>/sheet")
@office(*MAY_IMPORT)
def import_sheet(id: str) -> AnyResponse:
    """Another sheet, or another line as the header."""
    job = _job(id, jobs.MAPPING)
    here = imports_here()
    sheet = next((one for one in here.look(job) if one["name"] == request.form.get("sheet")), None)
    if sheet is None:
        raise Problem("bad_request")
    asked = request.form.get("header", type=int) or 0
    header = asked if sheet["name"] == job.sheet and 0 < asked <= len(sheet["first"]) else sheet["header"]
    here.put(_with_sheet(here, job, sheet["name"], header))
    return _to(job)


@blueprint.post("/imports/<id>/check")
@office(*MAY_IMPORT)
def import_check(id: str) -> AnyResponse:
    """Keep the mapping and compare the whole file with the register; nothing is changed by it."""
    job = _job(id, jobs.MAPPING)
    here = imports_here()
    names = _names(here, job)
    asked = [request.form.get(f"column{at}", "") for at in range(len(names))]
    targets = tuple(target if target in OFFERED else "" for target in asked)
    village = request.form.get("village", "")
    job = replace(
        job, targets=targets, by_person=headings.is_by_person(targets),
        mode=OVERWRITE if request.form.get("mode") == OVERWRITE else FILL,
        village=village if within(village, job.prefixes) else "", decisions=(),
    )  # fmt: skip
    here.put(job)
    lacking = headings.missing(targets) if job.header else ["no_header"]
    if lacking:
        raise Problem("mapping", 422, str(MAPPINGS[lacking[0]]), _("返回上一页,改好对应关系再核对。"))
    here.remember(names, targets)
    _start_check(here, job)
    return _to(job)


@blueprint.post("/imports/<id>/decide")
@office(*MAY_IMPORT)
def import_decide(id: str) -> AnyResponse:
    """Which of the look-alikes are the same household; then compare anew with that."""
    job = _job(id, jobs.CHECKED)
    here = imports_here()
    plan = here.plan(job)
    asked = [_first_of(line) for line in plan.asked()] if plan else []
    said = dict(job.decisions)
    everything = request.form.get("all", "")
    for first in asked:
        wish = request.form.get(f"line{first}", "") or everything
        if wish in (SAME, NEW):
            said[first] = wish
    _start_check(here, replace(job, decisions=tuple(sorted(said.items()))))
    return _to(job)


@blueprint.post("/imports/<id>/back")
@office(*MAY_IMPORT)
def import_back(id: str) -> AnyResponse:
    """Back to the columns."""
    job = _job(id, jobs.CHECKED)
    imports_here().put(replace(job, state=jobs.MAPPING))
    return _to(job)


@blueprint.post("/imports/<id>/run")
@office(*MAY_IMPORT)
def import_run(id: str) -> AnyResponse:
    job = _job(id, jobs.CHECKED, jobs.STOPPED)
    work = _run_of(current_app._get_current_object())  # type: ignore[attr-defined]
    imports_here().start(job, jobs.RUNNING, work)
    return _to(job)


@blueprint.post("/imports/<id>/undo")
@office(*MAY_IMPORT)
def import_undo(id: str) -> AnyResponse:
    job = _job(id, jobs.DONE, jobs.STOPPED, jobs.UNDO_STOPPED)
    if request.form.get("sure") != "1":
        raise Problem("not_sure", 422, _("还没有勾选确认。"), _("勾选“我确定要撤销”,再点一次。"))
    work = _undo_of(current_app._get_current_object())  # type: ignore[attr-defined]
    imports_here().start(job, jobs.UNDOING, work)
    return _to(job)


@blueprint.post("/imports/<id>/remove")
@office(*MAY_IMPORT)
def import_remove(id: str) -> AnyResponse:
    """Remove the file and what was worked out from it. The register stays as it is."""
    job = _job(id)
    if job.state in jobs.BUSY:
        raise Problem("busy")
    imports_here().remove(job)
    return redirect(url_for("office.imports"), 303)


@blueprint.get("/imports/<id>/lines.xlsx")
@office(*MAY_IMPORT)
def import_lines(id: str) -> Response:
    """The lines with something to mend, as they came, with the reason behind them: to hand back to whoever made the file."""
    job = _job(id)
    here = imports_here()
    plan = here.plan(job)
    if plan is None:
        raise Problem("not_found")
    names = list(_names(here, job))
    head = [_("行号"), *names, _("原因"), _("有没有导入")]
    stem = job.name.rpartition(".")[0] or job.name
    title = _("要改的行")
    return workbook_sent(f"{stem}-{title}.xlsx", [text_sheet(title, head)], _handed_back(plan, len(names)))


def _handed_back(plan: Plan, width: int) -> Iterator[tuple[int, list[str]]]:
    taken = {ERROR: _("没有导入"), ASK: _("等您决定"), "warning": _("已导入,这一格除外")}
    for line in plan.each_line():
        cells = [*line.cells, *[""] * width][:width]
        reason = "\n".join(line_words_here(finding) for finding in line.findings)
        yield 0, [str(line.number), *cells, reason, taken[line.severity]]


def line_words_here(finding: Finding) -> str:
    """A finding in the reader's language; field values in words."""
    values, lang = dict(finding.values), language()
    if finding.code == "differs":
        for side in ("old", "new"):
            values[side] = words.value_in_words(values["entity"], values["field"], values[side], lang)
        values["field"] = words.field_label(values["entity"], values["field"], lang)
    elif finding.code == "unknown_place" and values.get("near"):
        values["near"] = _("您要找的是不是:%(near)s", near=values["near"])
    return line_words(finding.code, values)


# --- the steps --------------------------------------------------------------------------------------------


def _start_check(here: Imports, job: Import) -> None:
    node().tables.catch_up()
    read_db, today = node().tables.path, page.today()

    def check(here: Imports, job: Import) -> Import:
        task = {
            "read_db": read_db, "scope": area_clause(Scope(area_prefixes=job.prefixes)), "prefixes": job.prefixes,
            "today": today, "sheet": job.sheet, "header": job.header,
            "targets": job.targets, "by_person": job.by_person, "mode": job.mode, "village": job.village,
            "decisions": dict(job.decisions),
        }  # fmt: skip
        wrong = here.in_worker("compare", job, task)
        return replace(job, state=jobs.MAPPING if wrong else jobs.CHECKED, error=wrong)

    here.start(job, jobs.CHECKING, check)


def _taker(app: Any, here: Imports, job: Import) -> Taker:
    ruhu = app.extensions["ruhu"]
    return Taker(
        store=ruhu.store, plan=Plan(here.path(job)), run=job.id, actor=job.owner,
        code_key=code_key(ruhu.config.data_dir), clock=ruhu.now,
        goes_on=lambda: not here.stopping.is_set(), note=here.noting(job),
    )  # fmt: skip


def _run_of(app: Any) -> jobs.Work:
    def run(here: Imports, job: Import) -> Import:
        whole = _taker(app, here, job).take_in()
        if whole:
            unpacked.forget(here.path(job))
        return replace(job, state=jobs.DONE if whole else jobs.STOPPED, finished=_now())

    return run


def _undo_of(app: Any) -> jobs.Work:
    def undo(here: Imports, job: Import) -> Import:
        tables = app.extensions["ruhu"].tables
        tables.catch_up()
        made = Plan(here.path(job)).made()

        def used(entity: str, id: str) -> str:
            if entity != "household":
                return ""
            if households.visits(tables, EVERYTHING, [id]) or households.submissions(tables, EVERYTHING, [id]):
                return "visited"
            others = [one for one in households.members(tables, EVERYTHING, [id]) if one["id"] not in made]
            return "others_live_there" if others or households.issues(tables, EVERYTHING, [id]) else ""

        whole = _taker(app, here, job).take_back(used)
        return replace(job, state=jobs.UNDONE if whole else jobs.UNDO_STOPPED, finished=_now())

    return undo


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


# --- what the page shows ----------------------------------------------------------------------------------


def _names(here: Imports, job: Import) -> tuple[str, ...]:
    """The headings of the chosen sheet; columns without one are called by their letter."""
    sheet = next((one for one in here.look(job) if one["name"] == job.sheet), None)
    if sheet is None:
        return ()
    width = max(len(row) for row in sheet["first"])
    header = headings.header_at(sheet["first"], job.header).names if job.header else ()
    return tuple((header[at] if at < len(header) else "") or _letter(at) for at in range(min(width, 200)))


def _letter(at: int) -> str:
    return (chr(64 + at // 26) if at >= 26 else "") + chr(65 + at % 26)


def _mapping(here: Imports, job: Import) -> dict[str, Any]:
    sheets = here.look(job)
    chosen = next(one for one in sheets if one["name"] == job.sheet)
    names, body = _names(here, job), chosen["first"][job.header :]
    columns = []
    for at, name in enumerate(names):
        seen = [row[at] for row in body if at < len(row) and row[at]]
        if seen or job.targets[at]:
            columns.append({"at": at, "name": name, "target": job.targets[at], "seen": seen[:3]})
    return {
        "sheets": sheets,
        "chosen": chosen,
        "columns": columns,
        "known": sum(bool(one["target"]) for one in columns),
        "lacking": [MAPPINGS[code] for code in (headings.missing(job.targets) if job.header else ["no_header"])],
        "offered": _offered(),
        "villages": _villages(),
        "needs_village": not any(target.startswith("place.") for target in job.targets),
    }


def _offered() -> list[tuple[str, list[tuple[str, str]]]]:
    """Targets for the drop-downs, in three groups."""
    lang = language()
    return [
        (str(GROUPS[group]), [(one, _target_name(one, lang)) for one in OFFERED if _group_of(one) == group])
        for group in GROUPS
    ]


def _group_of(target: str) -> str:
    return "place" if target in headings.PLACES else target.partition(".")[0]


def _target_name(target: str, lang: str) -> str:
    if target in headings.PLACES:
        return words.pick(headings.PLACES[target], lang)
    entity, _dot, name = target.partition(".")
    return words.field_label(entity, name, lang)


def _villages() -> list[dict[str, Any]]:
    """Every village in scope, also one without a household yet."""
    found = others.area_names(page.tables(), page.scope())
    gone, prefixes = others.successors(page.tables(), page.scope()), page.scope().area_prefixes
    in_use = (code for code in sorted(found) if len(code) == 12 and code[9:] != "000" and code not in gone)
    inside = [code for code in in_use if within(code, prefixes)]
    return [{"code": c, "name": found[c], "township": page.places().level(c, 9) or c[:9]} for c in inside]


def _result(plan: Plan) -> dict[str, Any]:
    counts = {"lines": 0} | plan.meta()["counts"]
    severities = plan.severities()
    shown = request.args.get("show", "")
    wanted = shown if shown in severities else next(iter(sorted(severities)), "")
    return {
        "counts": counts,
        "severities": severities,
        "wanted": wanted,
        "lines": plan.lines(wanted, SHOWN) if wanted else [],
        "asked": [{"first": _first_of(line), "line": line} for line in plan.asked()[:SHOWN]],
        "changes": [_change(one) for kind in ("household", "member") for one in plan.sample("update", kind, SAMPLE)],
        "new": [_change(one) for kind in ("household", "member") for one in plan.sample("create", kind, SAMPLE)],
        "total": sum(plan.counted().values()),
        "done": plan.counted().get(DONE, 0),
        "kept": plan.counted().get(KEPT, 0),
        "kept_some": [{"op": one, "why": KEPT_WORDS.get(one.why, one.why), "home": _home_of(one)} for one in plan.kept(SHOWN)],
    }


KEPT_WORDS = {
    "changed": _l("导入以后有人改过"),
    "visited": _l("已经走访过"),
    "others_live_there": _l("户里有别处登记的人或事项"),
    "removed": _l("已经不在册里"),
}


def _first_of(line: Noted) -> int:
    return next(int(one.values["first"]) for one in line.findings if one.severity == ASK)


def _home_of(op: Any) -> str:
    """The household a planned op is about, for a link."""
    return str(op.id if op.entity == "household" else op.fields.get("household_id", ("", ""))[1])


def _change(op: Any) -> dict[str, Any]:
    lang = language()
    hidden = ("household_id", "line", "state")
    return {
        "op": op,
        "entity": op.entity,
        "title": next((op.fields[name][1] for name in ("head_name", "full_name") if name in op.fields), ""),
        "fields": [
            (
                words.field_label(op.entity, name, lang),
                words.value_in_words(op.entity, name, old or "", lang),
                words.value_in_words(op.entity, name, new, lang),
            )
            for name, (old, new) in op.fields.items()
            if name not in hidden
        ],
    }


# --- whose import -----------------------------------------------------------------------------------------


def imports_here() -> Imports:
    """The imports of this node, opened at the first use."""
    with _starting:
        found: Imports | None = current_app.extensions.get("ruhu_imports")
        if found is None:
            found = Imports(node().config.data_dir / "imports")
            node().on_close.append(found.close)
            current_app.extensions["ruhu_imports"] = found
        return found


def _job(id: str, *states: str) -> Import:
    """An import all of whose places the reader may see; 404 otherwise. In another state than asked: where it is now."""
    found = imports_here().get(id)
    if found is None or not _may_see(found):
        raise Problem("not_found")
    if states and found.state not in states:
        _moved_on()
    return found


def _moved_on() -> NoReturn:
    raise Problem("moved_on", 409, _("这次导入已经到了下一步。"), _("刷新页面,看看现在到哪一步。"))


def _may_see(job: Import) -> bool:
    prefixes = page.scope().area_prefixes
    return bool(job.prefixes) and all(within(prefix, prefixes) for prefix in job.prefixes)


def _to(job: Import) -> AnyResponse:
    return redirect(url_for("office.import_one", id=job.id), 303)
