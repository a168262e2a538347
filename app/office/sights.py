"""Opening a household's numbers for a while, files with whole numbers, and the record of both.

Lists, files and pages show them masked. Whoever works with the households of
a village sees one household's page whole; an office opens one for ten minutes
with a reason. Every opening, and every file that leaves, is a record of kind
``sight`` that nobody changes; the county and its auditors read them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import g, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as AnyResponse

from app.access import office
from app.areas import common_area
from app.auth import current_user
from app.errors import Problem
from app.node import node
from app.office import blueprint, page
from app.office.eyes import OPEN_FOR, may_open, opened
from app.tables import households, sights
from app.tables.clock import local_time
from sync.author import Author
from sync.ids import new_id
from sync.own import write_own
from sync.records import Op
from sync.scope import writes

OWN_NAME = "sight"
SHORTEST_REASON, LONGEST_REASON = 4, 200
MOST_ROWS = 2_000
"""Of one file with whole numbers."""
MOST_FILES = 5
"""With whole numbers, of one person, in a day."""
MANY_FILES = 20
"""Of any kind, of one person, in a day: more is told on the first page."""
ALERT_DAYS = 7

RECORD, FILL, FILE = "record", "fill", "file"


@blueprint.post("/households/<id>/open")
@office("cadre", "township", "county")
def open_household(id: str) -> AnyResponse:
    """The whole numbers of this household for ten minutes, with a reason that stays in the record."""
    row = households.household(page.tables(), page.scope(), id)
    if row is None or not may_open(row["area"]):
        raise Problem("not_found")
    note(RECORD, row["area"], reason=reason_asked(), household=row["id"], whole=True)
    submission = request.form.get("submission", "")
    if submission:
        return redirect(url_for("office.submission", id=submission), 303)
    return redirect(url_for("office.household", id=row["id"]), 303)


def reason_asked() -> str:
    """The reason that was typed. Raises Problem when it is none."""
    reason = " ".join(request.form.get("reason", "").split())
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        lengths = {"least": SHORTEST_REASON, "most": LONGEST_REASON}
        raise Problem("no_reason", 422, _("请写明为什么要看完整号码(%(least)s 到 %(most)s 字)。", **lengths),
                      _("退回上一页写好理由再点。理由会记入查看记录。"))  # fmt: skip
    return reason


def note(
    what: str, area: str, *, reason: str = "", household: str = "", name: str = "", rows: int = 0, whole: bool = False
) -> None:
    """Write down that the reader saw it. Kept before anything is shown."""
    here, moment = node(), node().now()
    fields = {
        "what": what, "who": current_user().id, "at": moment.isoformat(timespec="seconds"), "day": local_time(moment)[:10],
        "household_id": household, "name": name, "rows": str(rows), "whole": "yes" if whole else "", "reason": reason,
    }  # fmt: skip

    def make(author: Author) -> list[Op]:
        return [author.create("sight", new_id(), area, fields)]

    write_own(here.store, OWN_NAME, current_user().id, make, clock=here.now)
    here.tables.catch_up()
    g.pop("opened", None)
    if here.relay:
        here.relay.soon()


def may_take_whole() -> bool:
    """Whether the reader may take a file with whole numbers along, of all they may read."""
    return writes(current_user().grants, "sight") and all(map(may_open, page.scope().area_prefixes))


def take_whole(name: str, rows: int, area: str) -> None:
    """Ask for a reason and write down a file with whole numbers. Raises Problem when it is too much or not theirs to take."""
    if not may_take_whole():
        raise Problem("forbidden", next=_("去掉“完整号码”再导出,或请区县管理员办理。"))
    reason = reason_asked()
    if rows > MOST_ROWS:
        raise Problem("too_many", 422, _("带完整号码的文件一次最多 %(n)s 行,这里有 %(rows)s 行。", n=MOST_ROWS, rows=rows),
                      _("请按村、组筛选后分次导出,或导出脱敏的。"))  # fmt: skip
    since = (node().now() - timedelta(days=1)).isoformat(timespec="seconds")
    if sights.files_of(page.tables(), current_user().id, since, whole=True) >= MOST_FILES:
        raise Problem("too_many", 429, _("一天最多导出 %(n)s 个带完整号码的文件,今天已经满了。", n=MOST_FILES),
                      _("明天再导出,或导出脱敏的。"))  # fmt: skip
    note(FILE, area, reason=reason, name=name, rows=rows, whole=True)


def took(name: str, rows: int, area: str) -> None:
    """Write down a masked file: nobody needs a reason for it, but twenty in a day are told."""
    note(FILE, area, name=name, rows=rows)


def place_asked() -> str:
    """The area a file is about: what the list was filtered by, else all of the reader's."""
    return (page.area_wish() or common_area(page.small_villages()) or current_user().area).ljust(12, "0")


# --- who reads the records ----------------------------------------------------------------------------------

READERS = ("county", "auditor")
TITLES: dict[str, Any] = {
    "households": _l("户册"), "members": _l("家庭成员"), "visits": _l("走访"), "issues": _l("整改事项"), "submissions": _l("答卷"),
    "sheet": _l("入户表"), "answers": _l("已填的表"), "table": _l("答卷总表"),
}  # fmt: skip
"""What a file is called in the list; the lists with fixed columns add theirs (`roll_files`)."""


def alerts() -> list[dict[str, Any]]:
    """People whose files of the last days somebody should ask about; for those who read the records."""
    if not current_user().roles & set(READERS):
        return []
    since = (node().now() - timedelta(days=ALERT_DAYS)).isoformat(timespec="seconds")
    found = sights.busiest(page.tables(), page.scope(), since)
    return [row for row in found if row["whole"] or row["most_in_a_day"] >= MANY_FILES]


def until(household: str) -> str:
    """When the opening of this household ends, as a clock shows it; '' when it is not open by a reason."""
    at = opened().get(household, "")
    return local_time((datetime.fromisoformat(at) + OPEN_FOR).isoformat())[11:16] if at else ""
