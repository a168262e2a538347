"""A form's page: WTForms classes built from the definition, rendered once per version and language.

The page is plain HTML that reads well without JavaScript. The phone's form
screen binds to its data-path attributes and brings it to life; the definition
it needs for that lies inside the page. There is no personal data in it, so
phones and proxies may keep it for ever.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import render_template
from flask_babel import lazy_gettext
from markupsafe import Markup, escape
from wtforms import DateField, Field, Form, RadioField, SelectField, SelectMultipleField, StringField
from wtforms import FileField as BaseFileField
from wtforms.fields import DateTimeLocalField, TimeField
from wtforms.fields.choices import SelectChoice
from wtforms.widgets import CheckboxInput, ListWidget, TextArea, TextInput

Definition = Mapping[str, Any]
Node = Mapping[str, Any]

# Types without a control of their own; they show only when a label says something.
SILENT = {
    "calculate", "hidden", "start", "end", "today", "deviceid", "username", "email", "phonenumber",
    "audit", "start-geopoint", "background-audio", "background-geopoint", "simserial", "subscriberid",
    "instanceID", "instanceName",
}  # fmt: skip
DRAWN = {"signature", "draw", "annotate"}
# A filtered list longer than this is left to the phone, which knows the answers it depends on.
LONGEST_FILTERED = 100


class Files(BaseFileField):
    """A photo, a recording or another file; the answer is the file's name. written: how to type it, for a reader."""

    written = ""


class Drawing(Files):
    """A picture drawn with the finger; without JavaScript one from elsewhere."""


class Place(StringField):
    """A position; the answer is "latitude longitude altitude accuracy"."""

    written = lazy_gettext("纬度 经度,如 30.1234 108.5678")


class Places(Place):
    """A line or an area: positions joined by semicolons."""

    written = lazy_gettext("每个点写 纬度 经度,点与点用分号隔开")


class Scanned(StringField):
    """A code read with the camera, or typed."""

    written = ""


class Note(StringField):
    """A text to read, without an answer."""


@dataclass(frozen=True)
class Item:
    """A node with what stands below it, and the field that answers it."""

    node: Node
    field: Field | None = None
    children: list[Item] = dataclasses.field(default_factory=list)


@dataclass(frozen=True)
class Page:
    """What one screen shows: a top-level group, or the loose questions between two of them."""

    path: str
    name: str
    label: Any
    items: list[Item]


def form_class(definition: Definition, lang: str) -> type[Form]:
    """The WTForms class of a definition: one field per question, named by its path."""
    fields: dict[str, Any] = {}
    for number, node in enumerate(definition["nodes"]):
        if node["kind"] == "question" and not is_silent(node):
            fields[f"q{number}"] = _field(definition, node, lang)
    return type("FilledForm", (Form,), fields)


def is_silent(node: Node) -> bool:
    """Whether nothing of the node is shown."""
    return node["type"] in SILENT and not node.get("label")


def _field(definition: Definition, node: Node, lang: str) -> Any:
    kind = node["type"]
    looks = set(node.get("appearance") or ())
    label = plain(node.get("label"), lang, definition["default_language"])
    common: dict[str, Any] = {"name": node["path"], "label": label}
    if kind.startswith("select_one"):
        choices = _choices(definition, node, lang)
        if looks & {"minimal", "autocomplete", "search"}:
            return SelectField(**common, choices=[SelectChoice("", ""), *choices], validate_choice=False)
        return RadioField(**common, choices=choices, validate_choice=False)
    if kind.startswith("select_multiple") or kind == "rank":
        return SelectMultipleField(
            **common,
            choices=_choices(definition, node, lang),
            validate_choice=False,
            option_widget=CheckboxInput(),
            widget=ListWidget(prefix_label=False),
        )
    if kind in ("acknowledge", "trigger"):
        return SelectMultipleField(**common, choices=[SelectChoice("OK", "OK")], validate_choice=False,
                                   option_widget=CheckboxInput())  # fmt: skip
    if kind == "note" or kind in SILENT:
        return Note(**common)
    if kind in ("signature", "draw") or (kind == "image" and looks & DRAWN):
        return Drawing(**common, render_kw={"accept": "image/*"})
    if kind in ("image", "photo", "audio", "video", "file"):
        return Files(**common, render_kw=_file_attributes(kind, node, looks))
    if kind == "date":
        return DateField(**common)
    if kind == "time":
        return TimeField(**common)
    if kind in ("dateTime", "datetime"):
        return DateTimeLocalField(**common)
    if kind in ("geopoint", "geotrace", "geoshape"):
        return (Place if kind == "geopoint" else Places)(**common, render_kw={"autocomplete": "off"})
    if kind == "barcode":
        return Scanned(**common, render_kw={"autocomplete": "off"})
    return StringField(**common, widget=_text_widget(node, looks), render_kw=_text_attributes(kind, node, looks))


def _text_widget(node: Node, looks: set[str]) -> Any:
    return TextArea() if "multiline" in looks or node.get("rows") else TextInput()


def _text_attributes(kind: str, node: Node, looks: set[str]) -> dict[str, Any]:
    # Not type=number: it hides what it cannot read, and a thumb on the page changes it.
    attributes: dict[str, Any] = {"autocomplete": "off"}
    if kind == "integer" or "numbers" in looks:
        attributes["inputmode"] = "numeric"
    elif kind in ("decimal", "range"):
        attributes["inputmode"] = "decimal"
    elif "tel" in looks:
        attributes["inputmode"] = "tel"
    if node.get("rows"):
        attributes["rows"] = node["rows"]
    return attributes


def _file_attributes(kind: str, node: Node, looks: set[str]) -> dict[str, Any]:
    """What the chooser offers; capture opens the camera or recorder at once, without the album."""
    if kind == "file":
        accept = (node.get("body") or {}).get("accept")
        return {"accept": accept} if accept else {}
    attributes: dict[str, Any] = {"accept": "image/*" if kind == "photo" else f"{kind}/*"}
    if "new-front" in looks:
        attributes["capture"] = "user"
    elif "new" in looks:
        attributes["capture"] = "environment"
    return attributes


def _choices(definition: Definition, node: Node, lang: str) -> list[SelectChoice]:
    listed: Sequence[Mapping[str, Any]] = definition["lists"].get(node.get("list"), ())
    if node.get("choice_filter") and len(listed) > LONGEST_FILTERED:
        return []
    default = definition["default_language"]
    return [
        SelectChoice(choice["name"], plain(choice.get("label"), lang, default) or choice["name"]) for choice in listed
    ]


def parts(text: Any, lang: str, default: str) -> list[Any]:
    """A text in the wished language as a list of strings and {"tree"} parts; [] when there is none."""
    if not text:
        return []
    if isinstance(text, str):
        return [text]
    for language in (lang, default, "default", *text):
        if text.get(language):
            found = text[language]
            return [found] if isinstance(found, str) else list(found)
    return []


def plain(text: Any, lang: str, default: str) -> str:
    """A text as one string; values it would show are left out as an ellipsis."""
    return "".join(part if isinstance(part, str) else "…" for part in parts(text, lang, default))


def marked(text: Any, lang: str, default: str) -> Markup:
    """A text as HTML: everything an author wrote is text, every value an empty <output>."""
    pieces = parts(text, lang, default)
    return Markup("").join(escape(p) if isinstance(p, str) else Markup("<output></output>") for p in pieces)


def tree_of(definition: Definition, form: Form) -> list[Item]:
    """The shown nodes below the root, in order, each with its field."""
    fields = {bound.name: bound for bound in form}
    items: dict[str, Item] = {}
    top: list[Item] = []
    for node in definition["nodes"]:
        if node["kind"] == "question" and is_silent(node):
            continue
        item = items[node["path"]] = Item(node, fields.get(node["path"]))
        parent = items.get(node["parent"])
        (parent.children if parent else top).append(item)
    return [item for item in top if not _is_empty(item)]


def _is_empty(item: Item) -> bool:
    """Whether a group would show nothing; a repeat always shows its button."""
    return item.node["kind"] == "group" and all(_is_empty(child) for child in item.children)


def pages_of(definition: Definition, items: Sequence[Item]) -> Iterator[Page]:
    """The screens of a form: with style "pages" one per top-level group, otherwise a single one."""
    if "pages" not in definition.get("style", ()):
        yield Page(definition["root"], "data", None, list(items))
        return
    loose: list[Item] = []
    for item in items:
        if item.node["kind"] == "question":
            loose.append(item)
            continue
        if loose:
            yield _loose_page(loose)
            loose = []
        node = item.node
        inside = item.children if node["kind"] == "group" else [item]
        yield Page(node["path"], node["name"], node.get("label"), inside)
    if loose:
        yield _loose_page(loose)


def _loose_page(items: list[Item]) -> Page:
    first = items[0].node
    return Page(first["path"], first["name"], None, items)


def embedded(definition: Definition) -> Markup:
    """The definition as JSON that may stand inside a <script> element whatever authors wrote in it."""
    text = json.dumps(definition, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    for char, escaped in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029")):
        text = text.replace(char, escaped)
    return Markup(text)


def render_fragment(definition: Definition, hash: str, lang: str, *, whole: bool = False) -> str:
    """The form's page as a fragment.

    hash: of the definition, for the answers to name what was asked.
    whole: for reading without JavaScript: a repeat shows one instance in the
    open, and the definition is left out.
    """
    default = definition["default_language"]
    form = form_class(definition, lang)()
    items = tree_of(definition, form)
    return render_template(
        "form/form.html",
        definition=definition,
        hash=hash,
        pages=list(pages_of(definition, items)),
        embedded=None if whole else embedded(definition),
        whole=whole,
        text=lambda value: marked(value, lang, default),
    )
