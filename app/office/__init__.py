"""Office pages: the register, submissions, visits, issues and what waits for a person, under /office/.

One file per page. Every view says who may call it (app.access) and asks the
read tables with the reader's own scope.
"""

from __future__ import annotations

import logging
import sqlite3

from flask import Blueprint

from app.errors import is_disk_full
from app.node import node

blueprint = Blueprint("office", __name__, url_prefix="/office", template_folder="../templates")

log = logging.getLogger("ruhu.office")


@blueprint.before_request
def _catch_up() -> None:
    try:
        node().freshen_tables()
    except sqlite3.Error as error:
        if not is_disk_full(error):
            raise
        log.error("read tables are behind: the disk is full")  # the page shows what was read so far


from app.office import (  # noqa: E402
    adding,  # noqa: F401
    areas,  # noqa: F401
    checks,  # noqa: F401
    connect,  # noqa: F401
    courier,  # noqa: F401
    devices,  # noqa: F401
    duplicates,  # noqa: F401
    erase,  # noqa: F401
    exemptions,  # noqa: F401
    exporting,  # noqa: F401
    form_designs,  # noqa: F401
    form_preview,  # noqa: F401
    form_publish,  # noqa: F401
    form_table,  # noqa: F401
    forms,  # noqa: F401
    handover,  # noqa: F401
    helpers,  # noqa: F401
    home,  # noqa: F401
    household,  # noqa: F401
    importing,  # noqa: F401
    issues,  # noqa: F401
    issues_files,  # noqa: F401
    lists,  # noqa: F401
    lives,  # noqa: F401
    moving,  # noqa: F401
    people,  # noqa: F401
    recovery,  # noqa: F401
    register,  # noqa: F401
    retention,  # noqa: F401
    roll_files,  # noqa: F401
    sight_list,  # noqa: F401
    sights,  # noqa: F401
    staff,  # noqa: F401
    submission,  # noqa: F401
    submissions,  # noqa: F401
    tray,  # noqa: F401
)
