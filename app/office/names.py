"""Names of people for a list that is read row by row: each is looked up once."""

from __future__ import annotations

from app.office import page


class Names:
    def __init__(self) -> None:
        self._known: dict[str, str] = {"": ""}

    def of(self, id: str | None) -> str:
        """'' for nobody and for whoever is not known here."""
        asked = id or ""
        if asked not in self._known:
            self._known[asked] = page.names([asked]).get(asked, "")
        return self._known[asked]
