"""The codebook of a form: every column of its table, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flask_babel import gettext as _

from app.office.answers import Definition, text_in
from forms.definition import text_of
from forms.diff import merged_tables

Renames = Mapping[str, Mapping[str, str]]


def question_lines(definitions: Mapping[str, Definition], renames: Renames, lang: str) -> list[list[str]]:
    """Head and one line a column. definitions: by version, newest first."""
    languages = _languages(definitions)
    head = [_("表"), _("题目 name"), _("以前的 name"), *(f"{_('题目')} ({one})" for one in languages), _("类型"),
            _("必填"), _("选项表"), _("选项"), _("写回户册"), _("问过它的版本")]  # fmt: skip
    lines = []
    for table in merged_tables(list(definitions.items()), renames).values():
        for column in table.columns.values():
            node, definition = column.node, definitions[column.version]
            before = dict.fromkeys(path.rpartition("/")[2] for path in column.paths.values())
            label = node.get("label") or {}
            lines.append(
                [
                    table.key or _("答卷"),
                    node["name"],
                    " ".join(name for name in before if name != node["name"]),
                    *(text_of({one: label[one]}, one, one) if label.get(one) else "" for one in languages),
                    str(node.get("type", "")),
                    _required(node.get("required")),
                    str(node.get("list", "")),
                    " | ".join(_choices(definition, node.get("list", ""), lang)),
                    str(node.get("save_to", "")),
                    " ".join(column.paths),
                ]
            )
    return [head, *lines]


def choice_lines(definitions: Mapping[str, Definition], lang: str) -> list[list[str]]:
    """Head and one line a choice of any list of any version, with its newest label."""
    languages = _languages(definitions)
    head = [_("选项表"), _("代码"), *(f"{_('选项')} ({one})" for one in languages), _("有它的版本")]
    found: dict[tuple[str, str], tuple[Mapping[str, object], list[str]]] = {}
    for version, definition in definitions.items():
        for name, choices in definition.get("lists", {}).items():
            for choice in choices:
                found.setdefault((name, choice["name"]), (choice.get("label") or {}, []))[1].append(version)
    lines = [
        [name, value, *(text_of({one: label[one]}, one, one) if label.get(one) else "" for one in languages),
         " ".join(versions)]
        for (name, value), (label, versions) in found.items()
    ]  # fmt: skip
    return [head, *lines]


def _languages(definitions: Mapping[str, Definition]) -> list[str]:
    return list(dict.fromkeys(one for definition in definitions.values() for one in definition.get("languages", ())))


def _choices(definition: Definition, name: str, lang: str) -> Iterator[str]:
    for choice in definition.get("lists", {}).get(name, ()):
        text = text_in(choice.get("label"), lang, definition)
        yield f"{choice['name']} = {text if isinstance(text, str) and text else choice['name']}"


def _required(given: object) -> str:
    if not given:
        return ""
    return _("是") if given is True else _("看情况")
