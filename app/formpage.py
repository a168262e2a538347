"""A form's page: rendered once per version and language from the WTForms classes of app/formfields.py.

The page is plain HTML that reads well without JavaScript. The phone's form
screen binds to its data-path attributes and brings it to life; the definition
it needs for that lies inside the page. There is no personal data in it, so
phones and proxies may keep it for ever. app/formwhole.py renders the same
templates filled, for a browser without JavaScript.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from flask import render_template
from markupsafe import Markup
from wtforms import Field, Form

from app.formfields import (
    Definition,
    Node,
    Option,
    file_in,
    form_class,
    is_select,
    is_silent,
    marked,
    options_of,
    parts,
    plain,
)

__all__ = ["embedded", "form_class", "marked", "pages_of", "parts", "plain", "render_fragment", "tree_of"]

NOTHING = Markup("")


@dataclass(frozen=True)
class Item:
    """A node with what stands below it, the field that answers it, and its words as HTML.

    path: with repeat indexes, when answers are shown. media: kind → file of the form.
    error, required, readonly: what is known of it now.
    """

    node: Node
    field: Field | None = None
    children: list[Item] = dataclasses.field(default_factory=list)
    path: str = ""
    label: Markup = NOTHING
    hint: Markup = NOTHING
    guidance: Markup = NOTHING
    media: Mapping[str, str] = dataclasses.field(default_factory=dict)
    options: Mapping[str, Option] = dataclasses.field(default_factory=dict)
    value: str = ""
    error: str = ""
    required: bool = False
    readonly: bool = False

    @property
    def slug(self) -> str:
        """The path as an element's id."""
        return self.path.strip("/").translate(str.maketrans("/[]", "--_"))

    @property
    def range(self) -> Mapping[str, str]:
        given = self.node.get("parameters") or {}
        return {name: str(given.get(name) or fallback) for name, fallback in (("start", "1"), ("end", "10"), ("step", "1"))}


@dataclass(frozen=True)
class Page:
    """What one screen shows: a top-level group, or the loose questions between two of them."""

    path: str
    name: str
    label: Any
    items: list[Item]


def words_of(definition: Definition, node: Node, lang: str) -> dict[str, Any]:
    """What an Item says, without any answers."""
    default = definition["default_language"]
    return {name: marked(node.get(name), lang, default) for name in ("label", "hint", "guidance")} | {
        "media": media_of(node, lang, default)
    }


def media_of(node: Node, lang: str, default: str) -> dict[str, str]:
    given = node.get("media") or {}
    return {kind: name for kind in given if (name := file_in(given[kind], lang, default))}


def tree_of(definition: Definition, form: Form, lang: str) -> list[Item]:
    """The shown nodes below the root, in order, each with its field."""
    fields = {bound.name: bound for bound in form}
    items: dict[str, Item] = {}
    top: list[Item] = []
    for node in definition["nodes"]:
        if node["kind"] == "question" and is_silent(node):
            continue
        options = {one.value: one for one in options_of(definition, node, lang)} if is_select(node) else {}
        item = items[node["path"]] = Item(
            node,
            fields.get(node["path"]),
            path=node["path"],
            options=options,
            readonly=node.get("readonly") is True,
            **words_of(definition, node, lang),
        )
        parent = items.get(node["parent"])
        (parent.children if parent else top).append(item)
    return [item for item in top if not is_empty(item)]


def is_empty(item: Item) -> bool:
    """Whether a group would show nothing; a repeat always shows its button."""
    return item.node["kind"] == "group" and all(is_empty(child) for child in item.children)


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
        yield Page(item.path, node["name"], item.label, inside)
    if loose:
        yield _loose_page(loose)


def _loose_page(items: list[Item]) -> Page:
    first = items[0]
    return Page(first.path, first.node["name"], None, items)


def embedded(definition: Definition) -> Markup:
    """The definition as JSON that may stand inside a <script> element whatever authors wrote in it."""
    text = json.dumps(definition, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    for char, escaped in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029")):
        text = text.replace(char, escaped)
    return Markup(text)


def file_address(definition: Definition, name: str) -> str:
    """Where a media file of a form's version is fetched."""
    form_id, version = (quote(str(definition[key]), safe="") for key in ("form_id", "version"))
    return f"/forms/{form_id}/{version}/files/{quote(name, safe='')}"


def render_fragment(definition: Definition, hash: str, lang: str) -> str:
    """The form's page as a fragment for the phone.

    hash: of the definition, for the answers to name what was asked.
    """
    form = form_class(definition, lang)()
    items = tree_of(definition, form, lang)
    return render_template(
        "form/form.html",
        definition=definition,
        hash=hash,
        pages=list(pages_of(definition, items)),
        embedded=embedded(definition),
        whole=False,
    )
