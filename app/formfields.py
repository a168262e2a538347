"""The WTForms fields of a form: which control answers which question, in the page and without JavaScript."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from flask_babel import lazy_gettext
from markupsafe import Markup
from wtforms import FileField as BaseFileField
from wtforms import Form, RadioField, SelectField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.widgets import (
    CheckboxInput,
    DateInput,
    DateTimeLocalInput,
    ListWidget,
    MonthInput,
    NumberInput,
    TextArea,
    TextInput,
    TimeInput,
)

from app import markup

Definition = Mapping[str, Any]
Node = Mapping[str, Any]

# Types without a control of their own; they show only when a label says something.
SILENT = {
    "calculate", "hidden", "start", "end", "today", "deviceid", "username", "email", "phonenumber",
    "audit", "start-geopoint", "background-audio", "background-geopoint", "simserial", "subscriberid",
    "instanceID", "instanceName",
}  # fmt: skip
DRAWN = {"signature", "draw", "annotate"}
SEARCHED = {"autocomplete", "search"}
SPREAD = {"likert", "label", "list-nolabel", "list", "columns", "columns-pack", "no-buttons", "horizontal", "horizontal-compact",
          "compact", "quickcompact"}  # fmt: skip
# What a phone shows at once: a longer list is searched, not scrolled.
LONG = 25
# A filtered list longer than this is left to the phone, which knows the answers it depends on.
LONGEST_FILTERED = 100
# Without JavaScript a list is a drop-down up to here; above it the value is typed.
LONGEST_MENU = 2000
# More steps than this are a slider and a number, never a list of them.
MOST_STEPS = 200
_STAR = Markup('<span class="star" aria-hidden="true">★</span><span class="number">{}</span>')


@dataclass(frozen=True)
class Option:
    """One choice as it is shown. image: the name of a file of the form."""

    value: str
    label: Markup
    words: str
    image: str = ""
    audio: str = ""


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


class Range(StringField):
    """A number between two ends; the phone adds the slider."""


class Dated(StringField):
    """A date, month, time or both, kept as the text that is stored. cut: how much of it the control shows."""

    cut = 0

    def _value(self) -> str:
        text = str(self.data or "")
        return text[: self.cut] if self.cut else text


class Moment(Dated):
    """A time, stored with seconds and zone, shown in minutes."""

    cut = 5


class DayAndTime(Dated):
    cut = 16


class Finder(StringField):
    """A choice from a list too long to show: the phone searches in it."""


class Coded(StringField):
    """A choice from such a list without JavaScript: its code is typed."""

    written = lazy_gettext("选项太多,请填选项的编号")


class Ranking(StringField):
    """Choices in order; the answer lists them, the first first."""


class Header(StringField):
    """The head of a table of choices: names for the columns below it, nothing to answer."""


def form_class(definition: Definition, lang: str) -> type[Form]:
    """The WTForms class of a definition: one field per question, named by its path."""
    fields: dict[str, Any] = {}
    for number, node in enumerate(definition["nodes"]):
        if node["kind"] == "question" and not is_silent(node):
            fields[f"q{number}"] = field_of(node, node["path"], label_of(definition, node, lang),
                                           options_of(definition, node, lang), longest=longest_of(definition, node))  # fmt: skip
    return type("FilledForm", (Form,), fields)


def is_silent(node: Node) -> bool:
    """Whether nothing of the node is shown."""
    return node["type"] in SILENT and not node.get("label")


def is_select(node: Node) -> bool:
    return node["type"].startswith("select_") or node["type"] == "rank"


def is_multiple(node: Node) -> bool:
    return str(node["type"]).startswith("select_multiple")


def label_of(definition: Definition, node: Node, lang: str) -> str:
    return plain(node.get("label"), lang, definition["default_language"])


def is_searched(node: Node, count: int) -> bool:
    """Whether a select is a search field on the phone, for a list of that many choices."""
    looks = _looks(node)
    if node["type"] == "rank" or "label" in looks or "list-nolabel" in looks:
        return False
    return bool(looks & SEARCHED) or count > (LONGEST_FILTERED if _spread(looks) else LONG) or _of_file(node)


def _of_file(node: Node) -> bool:
    return "instance" in (node.get("items") or {})


def _spread(looks: set[str]) -> bool:
    return bool(looks & SPREAD) or any(look.startswith(("columns-", "compact-")) for look in looks)


def _looks(node: Node) -> set[str]:
    return set(node.get("appearance") or ())


def field_of(node: Node, name: str, label: str, options: Sequence[Option] = (), *, whole: bool = False, longest: int = 0) -> Any:
    """The unbound field of a question.

    longest: how many choices the list has, when options leaves some out.
    whole: what works without JavaScript.
    """
    kind, looks = node["type"], _looks(node)
    common: dict[str, Any] = {"name": name, "label": label}
    if is_select(node):
        return _select(node, looks, common, options, max(longest, len(options)), whole)
    if kind in ("acknowledge", "trigger"):
        return SelectMultipleField(**common, choices=[SelectChoice("OK", lazy_gettext("好的,知道了"))], validate_choice=False,
                                   option_widget=CheckboxInput())  # fmt: skip
    if kind == "note" or kind in SILENT:
        return Note(**common)
    if kind == "range":
        return _range(node, looks, common, whole)
    if kind in ("signature", "draw") or (kind == "image" and looks & DRAWN):
        return Drawing(**common, render_kw={"accept": "image/*"})
    if kind in ("image", "photo", "audio", "video", "file"):
        return Files(**common, render_kw=_file_attributes(kind, node, looks))
    if kind in ("date", "time", "dateTime", "datetime"):
        return _dated(kind, looks, common, whole)
    if kind in ("geopoint", "geotrace", "geoshape"):
        return (Place if kind == "geopoint" else Places)(**common, render_kw={"autocomplete": "off"})
    if kind == "barcode":
        return Scanned(**common, render_kw={"autocomplete": "off"})
    return StringField(**common, widget=_text_widget(node, looks), render_kw=_text_attributes(kind, node, looks))


def _select(node: Node, looks: set[str], common: dict[str, Any], options: Sequence[Option], count: int, whole: bool) -> Any:
    if "label" in looks:
        return Header(**common)
    if node["type"] == "rank":
        return Ranking(**common)
    words = [SelectChoice(one.value, one.words) for one in options]
    rows = [SelectChoice(one.value, one.label) for one in options]
    many = is_multiple(node)
    if is_searched(node, count):
        if not whole:
            return Finder(**common)
        if count > LONGEST_MENU:
            return Coded(**common, render_kw={"autocomplete": "off"})
        if not many:
            return SelectField(**common, choices=[SelectChoice("", lazy_gettext("请选择")), *words], validate_choice=False)
    if not many:
        if looks & {"minimal", "picker"}:
            return SelectField(**common, choices=[SelectChoice("", lazy_gettext("请选择")), *words], validate_choice=False)
        return RadioField(**common, choices=rows, validate_choice=False)
    return SelectMultipleField(**common, choices=rows, validate_choice=False, option_widget=CheckboxInput(),
                               widget=ListWidget(prefix_label=False))  # fmt: skip


def _range(node: Node, looks: set[str], common: dict[str, Any], whole: bool) -> Any:
    given = node.get("parameters") or {}
    steps = range_steps(given)
    if "rating" in looks and 0 < len(steps) <= 10:
        stars = [SelectChoice(step, _STAR.format(step)) for step in steps]
        return RadioField(**common, choices=stars, validate_choice=False)
    if "picker" in looks and 0 < len(steps) <= MOST_STEPS:
        menu = [SelectChoice("", lazy_gettext("请选择")), *(SelectChoice(step, step) for step in steps)]
        return SelectField(**common, choices=menu, validate_choice=False)
    start, end, step = _ends(given)
    if whole:
        attributes = {"min": min(start, end, key=float), "max": max(start, end, key=float), "step": step}
        return Range(**common, widget=NumberInput(), render_kw=attributes)
    return Range(**common, widget=TextInput(), render_kw={"inputmode": "decimal", "autocomplete": "off"})


def _ends(given: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(given.get("start") or "1"), str(given.get("end") or "10"), str(given.get("step") or "1")


def range_steps(given: Mapping[str, Any]) -> list[str]:
    """Every value of a range as it is stored; [] when its parameters are no numbers, or it has too many."""
    try:
        start, end, step = (Decimal(one) for one in _ends(given))
    except InvalidOperation:
        return []
    if not step or not (start.is_finite() and end.is_finite() and step.is_finite()):
        return []
    count = int(abs(end - start) / abs(step)) + 1
    if count > MOST_STEPS:
        return []
    way = abs(step) if end >= start else -abs(step)
    return [format((start + way * number).normalize(), "f") for number in range(count)]


def _dated(kind: str, looks: set[str], common: dict[str, Any], whole: bool) -> Any:
    if kind == "time":
        return Moment(**common, widget=TimeInput())
    if kind != "date":
        return DayAndTime(**common, widget=DateTimeLocalInput())
    if whole and "year" in looks:
        return _cut(4)(**common, widget=NumberInput(), render_kw={"min": "1800", "max": "2200"})
    if whole and "month-year" in looks:
        return _cut(7)(**common, widget=MonthInput())
    return Dated(**common, widget=DateInput())


def _cut(length: int) -> type[Dated]:
    return type("Dated", (Dated,), {"cut": length})


def _text_widget(node: Node, looks: set[str]) -> Any:
    return TextArea() if "multiline" in looks or node.get("rows") else TextInput()


def _text_attributes(kind: str, node: Node, looks: set[str]) -> dict[str, Any]:
    # Not type=number: it hides what it cannot read, and a thumb on the page changes it.
    attributes: dict[str, Any] = {"autocomplete": "off"}
    modes: list[tuple[bool, str]] = [
        (kind == "integer" or "numbers" in looks, "numeric"),
        (kind == "decimal", "decimal"),
        ("tel" in looks, "tel"),
        ("url" in looks, "url"),
        ("email" in looks, "email"),
    ]
    mode = next((mode for holds, mode in modes if holds), "")
    if mode:
        attributes["inputmode"] = mode
    if "multiline" in looks or node.get("rows"):
        attributes["rows"] = node.get("rows") or 3
    if "masked" in looks:
        attributes["class"] = "masked"
    return attributes


def _file_attributes(kind: str, node: Node, looks: set[str]) -> dict[str, Any]:
    """What the chooser offers; capture opens the camera or recorder at once, without the album."""
    if kind == "file":
        accept = (node.get("body") or {}).get("accept")
        return {"accept": accept} if accept else {}
    attributes: dict[str, Any] = {"accept": "image/*" if kind == "photo" else f"{kind}/*"}
    if looks & {"new-front", "front", "selfie"}:
        attributes["capture"] = "user"
    elif looks & {"new", "new-rear"}:
        attributes["capture"] = "environment"
    return attributes


def options_of(definition: Definition, node: Node, lang: str) -> list[Option]:
    """The choices that stand in the page; a long or filtered list is left to the phone."""
    listed: Sequence[Mapping[str, Any]] = definition["lists"].get(node.get("list"), ())
    if "rating" not in _looks(node) and is_searched(node, len(listed)):
        return []
    if node.get("choice_filter") and len(listed) > LONGEST_FILTERED:
        return []
    return [option_of(definition, choice, lang) for choice in listed]


def option_of(definition: Definition, choice: Mapping[str, Any], lang: str) -> Option:
    default = definition["default_language"]
    media = choice.get("media") or {}
    found = markup.pieces(parts(choice.get("label"), lang, default))
    name = choice["name"]
    return Option(
        name,
        markup.html(found) or Markup.escape("" if media.get("image") else name),
        markup.words(found) or name,
        file_in(media.get("image"), lang, default),
        file_in(media.get("audio"), lang, default),
    )


def longest_of(definition: Definition, node: Node) -> int:
    return len(definition["lists"].get(node.get("list"), ()))


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
    """A text as one string without marks; values it would show are left out as an ellipsis."""
    return markup.words(markup.pieces(parts(text, lang, default)))


def marked(text: Any, lang: str, default: str, value: Callable[[int, Any], str] | None = None) -> Markup:
    """A text as HTML: marks are honoured, everything else an author wrote is text, every value an <output>.

    value: gives the value of a part, by the part's place and its tree; without it they stay empty.
    """
    found = parts(text, lang, default)
    values = [value(number, part["tree"]) for number, part in enumerate(found) if not isinstance(part, str)] if value else []
    return markup.html(markup.pieces(found), values)


def file_in(names: Any, lang: str, default: str) -> str:
    """The name of a media file in the wished language; '' for none."""
    if isinstance(names, str):
        return names
    if not names:
        return ""
    for wish in (lang, default, "default"):
        for key, name in names.items():
            if key == wish or str(key).endswith(f"({wish})"):
                return str(name)
    return str(next(iter(names.values())))
