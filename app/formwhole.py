"""A form with its answers as one page that fills and posts without JavaScript.

Every control is named by the path of its answer, repeats with 1-based indexes
(`/data/member[2]/age`). Buttons are named ``_do``: ``finish``, ``update`` (show
what has become relevant), ``add:/data/member``, ``remove:/data/member[2]``. A
list of values (choices of several, a ranking) is posted under one name, in order.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import render_template
from wtforms import Form as WTForm

from app import formfields as fields
from app.formpage import Item, file_address, is_empty, media_of, pages_of
from forms.definition import Form
from forms.expression.values import to_string
from forms.instance import Instance
from forms.instance import Node as Answer

ANSWERLESS = (fields.Note, fields.Header)


def render_whole(
    definition: Form | Mapping[str, Any],
    answers: Mapping[str, Any] | Instance,
    errors: Mapping[str, str],
    lang: str,
    *,
    action: str | None = "",
    hidden: Mapping[str, str] | None = None,
    external: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    now: datetime | None = None,
) -> str:
    """The form as a fragment of HTML with a form element that posts to ``action`` (None: it can only be read).

    answers: as an instance gives them with ``answers(hidden=True)``, or that
    instance itself. errors: message by path, with indexes. hidden: further
    fields to post along, the CSRF token among them.
    """
    form = definition if isinstance(definition, Form) else Form(definition)
    if isinstance(answers, Instance):
        instance = answers
        instance.set_language(lang)
    else:
        instance = Instance(
            form,
            now=now or datetime.now().astimezone(),
            answers=answers,
            external=external,
            ids=lambda: str(uuid.uuid4()),
            lang=lang,
        )
    tree = _Tree(form, instance, errors, lang)
    items = tree.items()
    return render_template(
        "form/form.html",
        definition=form.definition,
        hash=form.hash,
        pages=list(pages_of(form.definition, items)),
        embedded=None,
        whole=True,
        action=action,
        hidden=hidden or {},
        wrong=tree.wrong,
        multipart=tree.multipart,
        file_of=lambda name: file_address(form.definition, name),
    )


class _Tree:
    """The items of an instance; ``wrong`` gathers those with an error, in the form's order."""

    def __init__(self, form: Form, instance: Instance, errors: Mapping[str, str], lang: str) -> None:
        self.form, self.instance, self.errors, self.lang = form, instance, errors, lang
        self.default = form.definition["default_language"]
        self.unbound: dict[str, Any] = {}
        self.data: dict[str, Any] = {}
        self.longest: dict[str, int] = {}
        self.options: dict[str, dict[str, fields.Option]] = {}
        self.wrong: list[Item] = []
        self.multipart = False

    def items(self) -> list[Item]:
        self._declare(self.instance.root)
        self.bound = {one.name: one for one in type("FilledForm", (WTForm,), self.unbound)(data=self.data)}
        found = [self._item(kid) for kid in self.instance.root.kids.values() if self._shown(kid)]
        return [item for item in found if not is_empty(item)]

    @staticmethod
    def _shown(answer: Answer) -> bool:
        question = answer.definition["kind"] == "question"
        return answer.relevant and not (question and fields.is_silent(answer.definition))

    def _declare(self, parent: Answer) -> None:
        for answer in parent.instances if parent.instances is not None else parent.kids.values():
            if not self._shown(answer):
                continue
            if answer.definition["kind"] == "question":
                self._declare_question(answer)
            self._declare(answer)

    def _declare_question(self, answer: Answer) -> None:
        node, path, key = answer.definition, self.instance.path_of(answer), f"q{len(self.unbound)}"
        label = fields.plain(node.get("label"), self.lang, self.default)
        offered = self._offered(answer, path)
        options = list(offered.values())
        unbound = fields.field_of(node, path, label, options, whole=True, longest=self.longest.get(path, 0))
        self.unbound[key] = unbound
        kind = unbound.field_class
        several = issubclass(kind, fields.SelectMultipleField)
        self.multipart = self.multipart or issubclass(kind, fields.Files)
        self.data[key] = answer.text.split() if several else answer.text

    def _offered(self, answer: Answer, path: str) -> dict[str, fields.Option]:
        """What is offered now, in the words of the list when it is one of the form's own; {} when it is too much to show."""
        node = answer.definition
        if not fields.is_select(node):
            return {}
        choices = self.instance.choices(path)
        self.longest[path] = len(choices)
        if len(choices) > fields.LONGEST_MENU:
            return {}
        listed = {one["name"]: one for one in self.form.definition["lists"].get(node.get("list"), ())}
        offered = self.options[path] = {}
        for choice in choices:
            own = listed.get(choice.name) or {"name": choice.name, "label": choice.label}
            offered[choice.name] = fields.option_of(self.form.definition, own, self.lang)
        return offered

    def _item(self, answer: Answer) -> Item:
        node, path = answer.definition, self.instance.path_of(answer)
        below = answer.instances if answer.instances is not None else answer.kids.values()
        item = Item(
            node,
            self.bound.get(path) if node["kind"] == "question" else None,
            [self._item(one) for one in below if self._shown(one)],
            path=path,
            **{name: self._words(answer, name) for name in ("label", "hint", "guidance")},
            media=media_of(node, self.lang, self.default),
            options=self.options.get(path, {}),
            value=answer.text,
            error=self.errors.get(path, ""),
            required=answer.required,
            readonly=self.instance.locked(answer),
        )
        if item.error:
            self.wrong.append(item)
        return item

    def _words(self, answer: Answer, which: str) -> Any:
        def value(number: int, tree: Any) -> str:
            found = self.instance.compute(answer, f"{which} {self.lang} {number}", tree)
            return "" if found is None else to_string(found)

        return fields.marked(answer.definition.get(which), self.lang, self.default, value)
