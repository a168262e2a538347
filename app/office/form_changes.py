"""What a new version changes, as rows for a page, with how many answers each change touches. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext as _

from app.office.answers import text_in
from forms.diff import ChoicesChanged, Diff, Question

Counts = Mapping[str, Mapping[str, int]]

COLUMNS = {
    "relevant": ("relevant(何时显示)", "relevant (when it shows)"),
    "constraint": ("constraint(限制)", "constraint"),
    "constraint_message": ("constraint_message(限制的提示)", "constraint message"),
    "required": ("required(必填)", "required"),
    "required_message": ("required_message(必填的提示)", "required message"),
    "readonly": ("readonly(只读)", "read-only"),
    "calculation": ("calculation(计算)", "calculation"),
    "default": ("default(默认值)", "default"),
    "dynamic_default": ("default(默认值)", "default"),
    "choice_filter": ("choice_filter(选项筛选)", "choice filter"),
    "count": ("repeat_count(重复次数)", "repeat count"),
    "trigger": ("trigger(触发)", "trigger"),
    "appearance": ("appearance(外观)", "appearance"),
    "parameters": ("parameters(参数)", "parameters"),
    "hint": ("hint(说明)", "hint"),
    "guidance": ("guidance_hint(填写指导)", "guidance"),
    "media": ("media(图片、声音)", "media"),
    "save_to": ("save_to(写回户册)", "save_to (register field)"),
    "items": ("选项的来源", "where choices come from"),
    "rows": ("rows(行数)", "rows"),
}
KINDS = {"group": ("组", "group"), "repeat": ("重复组", "repeat")}


@dataclass(frozen=True)
class Row:
    """One change. answers: how many submissions hold an answer it touches, None where none can be touched."""

    label: str
    name: str
    type: str = ""
    before: str = ""
    after: str = ""
    answers: int | None = None
    note: str = ""


@dataclass(frozen=True)
class Part:
    """Changes of one kind. grave: something is lost or has to be decided."""

    id: str
    title: str
    hint: str
    rows: list[Row] = field(default_factory=list)
    grave: bool = False


def parts_of(
    found: Diff, after: Mapping[str, Any], lang: str, answered: Counts, chosen: Counts, told: Collection[str] = ()
) -> list[Part]:
    """The diff as parts, those that cost something first; empty parts are left out.

    answered: question → version → submissions; chosen: question → answer → submissions.
    told: keys of renamed questions, which the page tells in another place.
    """
    words = _Words(after, lang, answered, chosen)
    removed = [one for one in found.removed if one.key not in told]
    added = [one for one in found.added if one.key not in told]
    parts = [
        Part("removed", _("去掉的题"), _("收到的答案都保留,在总表里仍有一列。"),
             [words.row(one, answers=words.holds(one)) for one in removed], grave=True),
        Part("moved", _("移进或移出重复组的题"), _("新旧答案会落在两张不同的表里。"),
             [words.row(one.after, answers=words.holds(one.before)) for one in found.left_table], grave=True),
        Part("choices", _("选项的变化"), _("用旧选项答过的答卷不变;旧选项不再能选。"),
             [row for one in found.choices for row in words.choices(one)],
             grave=any(one.removed for one in found.choices)),
        Part("added", _("新增的题"), _("以前的答卷里这一列是空的。"), [words.row(one) for one in added]),
        Part("labels", _("题目文字的变化"), _("意思变了就该用新的 name,否则前后答案不能比较。"),
             [Row(one.question.words(lang, words.default), one.question.name, one.lang, one.before, one.after,
                  words.holds(one.question)) for one in found.labels]),
        Part("logic", _("逻辑和外观的变化"), "",
             [words.row(one.question, note=words.columns(one.columns)) for one in found.logic]),
        Part("settings", _("整张表的变化"), "",
             [Row(words.setting(name), name) for name in found.settings]),
    ]  # fmt: skip
    return [part for part in parts if part.rows]


class _Words:
    def __init__(self, definition: Mapping[str, Any], lang: str, answered: Counts, chosen: Counts) -> None:
        self.lang, self.default = lang, str(definition.get("default_language", "default"))
        self.answered, self.chosen = answered, chosen

    def row(self, question: Question, *, answers: int | None = None, note: str = "") -> Row:
        return Row(question.words(self.lang, self.default), question.name, self.kind(question), answers=answers, note=note)

    def kind(self, question: Question) -> str:
        return self.pick(KINDS[question.kind]) if question.kind in KINDS else question.type

    def holds(self, question: Question) -> int | None:
        return sum(self.answered.get(question.name, {}).values()) if question.holds_answers else None

    def choices(self, one: ChoicesChanged) -> list[Row]:
        label, name = one.question.words(self.lang, self.default), one.question.name
        sent = self.chosen.get(name, {})
        gone = [Row(label, name, _("去掉"), before=self.choice(value, text), answers=_chose(sent, value))
                for value, text in one.removed]  # fmt: skip
        new = [Row(label, name, _("新增"), after=self.choice(value, text)) for value, text in one.added]
        said = [Row(label, name, _("改文字"), self.choice(value, old), self.choice(value, text), _chose(sent, value))
                for value, old, text in one.relabelled]  # fmt: skip
        return gone + new + said

    def choice(self, value: str, label: Mapping[str, Any]) -> str:
        text = text_in(label, self.lang, {"default_language": self.default})
        return f"{text} ({value})" if isinstance(text, str) and text else value

    def columns(self, names: tuple[str, ...]) -> str:
        told = dict.fromkeys(self.pick(COLUMNS.get(name, (name, name))) for name in names)
        return (", " if self.lang == "en" else "、").join(told)

    def setting(self, name: str) -> str:
        names = {
            "title": _("表单标题"), "languages": _("语言"), "default_language": _("默认语言"), "style": _("分页方式"),
            "instance_name": _("答卷的名字"), "entities": _("写回户册的规则"),
            "tables": _("附带的列表"),
        }  # fmt: skip
        return names.get(name, name)

    def pick(self, pair: tuple[str, str]) -> str:
        return pair[1] if self.lang == "en" else pair[0]


def _chose(sent: Mapping[str, int], value: str) -> int:
    """How many submissions hold the choice, alone or among several."""
    return sum(count for answer, count in sent.items() if value in answer.split())
