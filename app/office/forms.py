"""Published forms and their versions, and what is wrong in the forms folder."""

from __future__ import annotations

import json

from app.access import office
from app.i18n import language
from app.node import node
from app.office import blueprint, page
from app.office.answers import text_in
from app.tables import others, submissions


@blueprint.get("/forms")
@office()
def forms() -> str:
    lang = language()
    counts = submissions.form_counts(page.tables(), page.scope())
    told = []
    for row in others.published_forms(page.tables(), page.scope()):
        versions = json.loads(row["versions"] or "{}")
        told.append(
            {
                "row": row,
                "title": title(row["title"], lang) or row["form_id"],
                "versions": sorted(versions, reverse=True),
                "counts": {c["form_version"]: c["submissions"] for c in counts if c["form_id"] == row["form_id"]},
            }
        )
    problems = [_problem(problem, lang) for problem in node().library.problems]
    return page.show("forms.html", forms=told, problems=problems)


def title(kept: str, lang: str) -> str:
    """A form's title, kept as text or as JSON by language."""
    if not kept.startswith("{"):
        return kept
    text = text_in(json.loads(kept), lang, {})
    return text if isinstance(text, str) else ""


def _problem(problem: object, lang: str) -> dict[str, str]:
    """A problem of the library in words, whether its texts are by language or one."""
    if isinstance(problem, str):
        return {"file": "", "sheet": "", "row": "", "column": "", "message": problem, "next": ""}

    def text(name: str) -> str:
        value = getattr(problem, name, "")
        return str(value(lang) if callable(value) else value or "")

    place = {name: str(getattr(problem, name, "") or "") for name in ("file", "sheet", "row", "column")}
    return place | {"message": text("message"), "next": text("next")}
