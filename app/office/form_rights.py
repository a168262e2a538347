"""Who manages which forms: county managers, at the centre, those of their own area."""

from __future__ import annotations

from flask_babel import gettext as _

from app.auth import current_user
from app.designs import Design, Designs
from app.errors import Problem
from app.node import node
from app.office import page
from app.publish import EVERYWHERE, Doer
from app.tables import others
from sync.records import CENTRE, Grant, Record, Scope
from sync.scope import ancestors_of, prefixes_of, within

MANAGER = "county"


def manages() -> bool:
    """Whether the person at the page may work on forms here at all."""
    return MANAGER in current_user().roles and node().tier == CENTRE


def may_manage(area: str) -> bool:
    """A form for everywhere is managed by whoever answers for every place this centre knows."""
    if not manages():
        return False
    prefixes = prefixes_of(_grants())
    if within(area, prefixes):
        return True
    return area == EVERYWHERE and others.reaches_everything(page.tables(), Scope(area_prefixes=prefixes))


def doer() -> Doer:
    """Who acts. Raises Problem when this is not the place or the person."""
    need_centre()
    return Doer(current_user().id, _grants()[0].area, node().now())


def need_centre() -> None:
    if node().tier != CENTRE:
        raise Problem(
            "not_the_centre", 403, _("表单在中心统一发布,这台是下级节点。"), _("请打开中心的办公端,在“表单”页上传和发布。")
        )
    if MANAGER not in current_user().roles:
        raise Problem("forbidden")


def form_record(form_id: str) -> Record:
    """A published form that the person may see: of their area, or of a place above. 404 otherwise."""
    record = node().store.get("form", form_id)
    if record is None or record.deleted or not _may_see(record.area):
        raise Problem("not_found")
    return record


def managed_record(form_id: str) -> Record:
    """A published form that the person may change. Raises Problem."""
    need_centre()
    record = form_record(form_id)
    if not may_manage(record.area):
        raise Problem("forbidden", next=_("这张表单由上级发布,请联系发布它的单位。"))
    return record


def designs() -> Designs:
    return node().designs


def own_designs() -> list[Design]:
    """The designs of the person's area, the latest first."""
    return [one for one in designs().all() if may_manage(one.area)] if manages() else []


def own_design(id: str) -> Design:
    """A design the person may work on. 404 otherwise."""
    need_centre()
    found = designs().get(id)
    if found is None or not may_manage(found.area):
        raise Problem("not_found")
    return found


def _grants() -> list[Grant]:
    return [grant for grant in current_user().grants if grant.role == MANAGER]


def _may_see(area: str) -> bool:
    prefixes = page.scope().area_prefixes
    return within(area, prefixes) or any(area in ancestors_of(prefix) for prefix in prefixes)
