"""A stranger's spreadsheet that is read whole, in the worker's process, and not kept."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any

from flask import current_app, request
from flask_babel import gettext as _

from app.auth import current_user
from app.errors import Problem
from app.office import page
from app.office.importing import imports_here
from app.roster import reading
from app.roster.words import FILES


def capped(most: int) -> None:
    """Before anything reads the form; the check of the token, which reads it, is therefore called here."""
    request.max_content_length = most + 64 * 1024
    current_app.extensions["csrf"].protect()


def read_by_worker(given: Any, step: str) -> dict[str, Any]:
    """What the worker's step of that name left of the uploaded file. Raises Problem."""
    kind = reading.suffix_of(given.filename)
    if kind not in reading.KINDS:
        raise Problem("unknown_file", 422, _("不认识的文件:%(name)s", name=given.filename[:60]), _("请用 .xlsx、.xls 或 .csv。"))
    here = imports_here()
    job = here.new(step, kind, current_user().id, page.scope().area_prefixes, datetime.now().astimezone().isoformat())
    try:
        target = here.path(job) / job.file
        given.save(target)
        os.chmod(target, 0o600)
        wrong = here.in_worker(step, job, {})
        if wrong:
            raise Problem(wrong, 422, *FILES.get(wrong, FILES["worker"]))
        return here.read(job, f"{step}.json")
    finally:
        here.remove(job)
