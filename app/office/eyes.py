"""What the reader at a page may see of a person's data: by their role, and by what they opened with a reason.

Rows of the read tables come masked, whoever asks (`masked_row`). A page that
may show more asks for `sight_of` the household and reads the tables as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import g, has_request_context, request
from markupsafe import Markup

from app.auth import current_user
from app.node import node
from app.office.mask import NAMES, PERSONAL, Sight, without_numbers
from app.tables import sights
from sync.records import Scope
from sync.scope import ROLES, Role, prefixes_of, within

OPEN_FOR = timedelta(minutes=10)


def scope() -> Scope:
    """What the person at the page may see."""
    return Scope(area_prefixes=tuple(prefix for prefix in current_user().area_prefixes if prefix))


def sight_of(area: str, household: str = "") -> Sight:
    """On the page of a household, or on that of a record that is about it."""
    whole = within(area, _prefixes(lambda role: role.whole)) or bool(household and household in opened())
    return Sight(numbers=whole, names=sees_names(area))


def in_lists(area: str) -> Sight:
    """Where many households stand side by side."""
    return Sight(numbers=False, names=sees_names(area))


def sees_names(area: str) -> bool:
    """Whoever works with the households does; who only looks sees names in part."""
    return within(area, _prefixes(lambda role: bool(role.writes)))


def may_open(area: str) -> bool:
    """Whether the reader may open a household of this place for a while, with a reason."""
    return within(area, _prefixes(lambda role: "sight" in role.writes))


def _prefixes(able: Callable[[Role], bool]) -> tuple[str, ...]:
    return prefixes_of([grant for grant in current_user().grants if able(ROLES[grant.role])])


def opened() -> dict[str, str]:
    """Households the reader opened and when, as far as they are still open."""
    if "opened" not in g:
        since = (node().now() - OPEN_FOR).isoformat(timespec="seconds")
        g.opened = sights.opened(node().tables, scope(), current_user().id, since)
    found: dict[str, str] = g.opened
    return found


def masked_row(row: dict[str, Any]) -> dict[str, Any]:
    """A row as it stands in a list; one that does not say where it lies is for nobody's eyes."""
    hidden = [name for name in row if name in PERSONAL or name in NAMES]
    if not hidden:
        return row
    sight = in_lists(str(row.get("area") or ""))
    return row | {name: sight.value(name, row[name]) for name in hidden if isinstance(row[name], str)}


class Own(str):
    """What the reader typed before and gets back to look for again: the gate lets it pass."""


def printed(value: Any) -> Any:
    """Whatever a template of the office prints: numbers of people in it are masked, unless `shows_whole` was said.

    The last gate, for what people type into any text. Set as Jinja's ``finalize``.
    """
    if type(value) not in (str, Markup) or not has_request_context() or not request.path.startswith("/office/"):
        return value
    if g.get("whole_page"):
        return value
    shown = without_numbers(str(value))
    # What was typed and posted just now comes back as it was, to be corrected.
    if shown == value or str(value) in request.form.values():
        return value
    return Markup(shown) if type(value) is Markup else shown


def shows_whole(whole: bool) -> None:
    """Say that the page about to be made may show numbers whole: it is one household's that is open, or a form to edit."""
    g.whole_page = whole
