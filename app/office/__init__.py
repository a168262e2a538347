"""Office pages: the register, submissions, visits, issues and what waits for a person, under /office/.

One file per page. Every view says who may call it (app.access) and asks the
read tables with the reader's own scope.
"""

from __future__ import annotations

from flask import Blueprint

from app.node import node

blueprint = Blueprint("office", __name__, url_prefix="/office", template_folder="../templates")

# A first look at a big county must not hang until all of it is read; the page says what is missing.
CATCH_UP_AT_MOST = 20_000


@blueprint.before_request
def _catch_up() -> None:
    node().tables.catch_up(limit=CATCH_UP_AT_MOST)


from app.office import forms, home, household, lists, people, register, submission, submissions  # noqa: E402, F401
