"""Labels and translations."""

from __future__ import annotations

from forms.checks.report import Report
from forms.compile_texts import UNNAMED
from forms.outline import Line
from forms.vocabulary import MEDIA, TEXTS

UNSHOWN = {
    "calculate", "hidden", "start", "end", "today", "deviceid", "username", "email", "phonenumber", "simserial",
    "subscriberid", "audit", "csv-external", "xml-external", "start-geopoint", "background-audio", "background-geopoint",
}  # fmt: skip


def check_labels(report: Report) -> None:
    for line in report.outline.questions():
        if not line.type.kind or line.type.name in UNSHOWN:
            continue
        if line.get("calculation") or line.get("trigger"):
            continue
        shown = any(line.texts(column) for column in ("label", "hint", *MEDIA))
        if not shown:
            report.problem("missing_label", line, "label", line.name)
        if line.texts("big-image") and not line.texts("image"):
            report.problem("big_image_alone", line, "big-image", line.name)


def check_doubts(report: Report) -> None:
    """Languages that a column or some rows lack; settings that are not there."""
    outline = report.outline
    languages: dict[str, None] = {}
    for sheet in ("survey", "choices"):
        for _, column in outline.columns[sheet]:
            if column.name in (*TEXTS, *MEDIA) and column.language:
                languages.setdefault(column.language)
    if len(languages) > 0:
        for sheet in ("survey", "choices"):
            _translations(report, sheet, list(languages))
    default = outline.settings.get("default_language")
    if default and languages and default not in languages and default != UNNAMED:
        report.warn("unknown_default_language", outline.settings, "default_language", default)
    if not outline.settings.get("form_id"):
        report.warn("no_form_id", outline.settings, "form_id", report.file.rpartition(".")[0] or report.file)
    if not outline.settings.get("version"):
        report.warn("no_version", outline.settings, "version")


def _translations(report: Report, sheet: str, languages: list[str]) -> None:
    outline = report.outline
    columns: dict[str, set[str]] = {}
    for _, column in outline.columns[sheet]:
        if column.name in TEXTS:
            columns.setdefault(column.name, set()).add(column.language)
    lines: list[Line] = outline.survey if sheet == "survey" else [one for rows in outline.choices.values() for one in rows]
    for language in languages:
        lacking = [name for name, given in columns.items() if language not in given and given - {""}]
        if lacking:
            report.warn_sheet("missing_translation", sheet, 1, "", language, where=sheet, columns=", ".join(lacking))
        if language in columns.get("label", ()):
            blank = [one for one in lines if one.texts("label") and not one.get(f"label::{language}")]
            if blank:
                report.warn("blank_translation", blank[0], f"label::{language}", language, count=str(len(blank)))
