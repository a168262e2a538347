"""Who may call a view. Every view says so; one that does not is never reached.

    @blueprint.get("/office/register")
    @office("cadre", "township", "county")
    def register(): ...
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from sync.scope import OFFICE_ROLES

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Access:
    """kind: public = anyone; device = a Bearer token; office = a signed-in person with one of the roles."""

    kind: Literal["public", "device", "office"]
    roles: tuple[str, ...] = ()


def declared(view: Callable[..., Any] | None) -> Access | None:
    """What a view declared, or None."""
    return getattr(view, "access", None)


def _declare(view: View, access: Access) -> View:
    view.access = access  # type: ignore[attr-defined]
    return view


def public(view: View) -> View:
    """Anyone may call it; it must not show personal data."""
    return _declare(view, Access("public"))


def device(view: View) -> View:
    """Phones and nodes with a valid token; ``g.credential`` tells which."""
    return _declare(view, Access("device"))


def office(*roles: str) -> Callable[[View], View]:
    """People signed in at the office pages with one of the roles; no role named means all of them."""
    unknown = set(roles) - set(OFFICE_ROLES)
    if unknown:
        raise ValueError(f"no such role: {sorted(unknown)}")
    return lambda view: _declare(view, Access("office", roles or OFFICE_ROLES))
