"""What a household is told before it is asked (告知), and what its answers say of that. Pure.

By name, as every shipped form has it: a note ``privacy_note`` with the words,
``notice_version`` and ``notice_at`` worked out when the form was opened, and
``authorised`` where a form rests on consent, with a signature for the
guardian of whoever is under fourteen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from forms.definition import Form, text_of

WORDS, VERSION, AT, CONSENT = "privacy_note", "notice_version", "notice_at", "authorised"


@dataclass(frozen=True)
class Told:
    """version and at are '' for a form or an answer from before there were any. consent: 'yes', 'no', or '' when none was asked."""

    version: str
    at: str
    consent: str


def words_of(form: Form, lang: str) -> str:
    """The notice as the form shows it; '' when it has none."""
    return next((text_of(node.get("label"), lang, form.definition["default_language"]) for node in _nodes(form, WORDS)), "")


def asks_consent(form: Form) -> bool:
    return any(True for _node in _nodes(form, CONSENT))


def is_missing(form: Form) -> bool:
    """Whether a form asks about a household and tells it nothing."""
    return form.about == "household" and not words_of(form, form.definition["default_language"])


def told(form: Form, answers: Any) -> Told:
    """What a submission says of the notice. Only what its form asks is looked at, so nobody's repeat can pass for it."""
    found = {name: next(iter(_answers(form, name, answers)), "") for name in (VERSION, AT, CONSENT)}
    asked = asks_consent(form) and any(_is_reached(node, answers) for node in _nodes(form, CONSENT))
    return Told(found[VERSION], found[AT], ("yes" if found[CONSENT] else "no") if asked else "")


def _nodes(form: Form, name: str) -> Iterator[Mapping[str, Any]]:
    return (node for node in form.definition["nodes"] if node["name"] == name and node["kind"] == "question")


def _answers(form: Form, name: str, answers: Any) -> Iterator[str]:
    for node in _nodes(form, name):
        here = _at(node["path"], answers)
        if isinstance(here, str) and here:
            yield here


def _is_reached(node: Mapping[str, Any], answers: Any) -> bool:
    """Whether the group that asks it was answered at all."""
    return isinstance(_at(node["parent"], answers), Mapping)


def _at(path: str, answers: Any) -> Any:
    here = answers
    for step in path.split("/")[2:]:
        here = here.get(step) if isinstance(here, Mapping) else None
    return here
