"""What of XLSForm phone, server and paper honour: the one place that says so.

``docs/form-support.md`` is made from here (``run.py form support``), and `forms/checks/support.py` tells the author of
a form what of it cannot be honoured. To change what is supported, change the table with the code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

YES, PART, NO = "yes", "part", "no"


class Support(NamedTuple):
    """How far each place goes; zh and en say what is missing where one of them is not ``yes``."""

    phone: str = YES
    server: str = YES
    paper: str = YES
    zh: str = ""
    en: str = ""
    told: bool = False
    """Whether an author is warned. What differs on paper only goes without saying."""


FULL = Support()
_SHOWN = Support(paper=PART, zh="纸上留空格,用手写或另附", en="paper leaves a space to write or to attach")
_SILENT = Support(paper=NO, zh="自动记录,纸上没有", en="recorded by itself, not on paper")
_UNKNOWN = Support(NO, YES, NO, "网页应用读不到,答案是空的", "a web app cannot read it; the answer stays blank", True)

TYPES: dict[str, Support] = {
    **dict.fromkeys(("text", "integer", "decimal", "date", "time", "dateTime", "select_one", "select_multiple", "note",
                     "acknowledge", "range", "rank", "select_one_external"), FULL),
    **dict.fromkeys(("geopoint", "image", "audio", "video", "file", "barcode"), _SHOWN),
    **dict.fromkeys(("geotrace", "geoshape"),
                    Support(paper=NO, zh="纸上没有;没有底图,沿路走或手填坐标",
                            en="not on paper; no map tiles: walked, or typed in")),
    **dict.fromkeys(("calculate", "hidden", "start", "end", "today", "deviceid", "username", "start-geopoint"), _SILENT),
    "email": Support(PART, YES, NO, "账号里没有邮箱就是空的", "blank unless the account has one"),
    "phonenumber": Support(PART, YES, NO, "网页应用读不到本机号码,用账号里的,没有就空",
                           "the account's number, as a web app cannot read the SIM; else blank"),
    "audit": Support(YES, YES, NO, "自动记录,纸上没有", "recorded by itself, not on paper"),
    "background-audio": Support(PART, YES, NO, "征得同意后才录;分几次填的,只录第一次",
                                "recorded after a yes; of several sittings only the first", True),
    "background-geopoint": _SILENT,
    "simserial": _UNKNOWN, "subscriberid": _UNKNOWN,
    "osm": Support(NO, YES, NO, "要用别的应用测绘,这里不显示", "needs another app; not shown here", True),
    "csv-external": FULL, "xml-external": FULL,
}  # fmt: skip
"""By canonical type; begin group and begin repeat are always there."""

_TEXT = ("text", "integer", "decimal")
_CHOICE = ("select_one", "select_multiple", "rank", "select_one_external")
_ONE, _MANY = ("select_one", "select_one_external"), ("select_multiple",)
_DATE = ("date", "dateTime")
_GROUP = ("group", "repeat")
_PLACE = ("geopoint", "geotrace", "geoshape")
_PLAIN = Support(PART, YES, YES, "按默认样子显示", "shown as by default", True)
_OUTSIDE = Support(NO, YES, NO, "不能打开别的应用,按普通题填", "no other app is opened; filled as a plain question", True)
_WIDE = Support(PART, YES, PART, "宽屏上并排,手机上一题一行", "side by side on wide screens, else a line each")
_CALENDAR = Support(NO, YES, NO, "只有公历", "Gregorian calendar only", True)

APPEARANCES: dict[str, tuple[tuple[str, ...], Support]] = {
    "multiline": (("text",), FULL), "numbers": (("text",), FULL), "url": (("text",), FULL), "masked": (("text",), FULL),
    "thousands-sep": (("integer", "decimal"), FULL), "counter": (("integer",), FULL), "bearing": (("decimal",), _PLAIN),
    "hidden-answer": (("barcode", "text"), FULL), "hide-input": (("barcode", "text"), FULL),
    "minimal": (_CHOICE, FULL), "autocomplete": (_CHOICE, FULL), "search": (_CHOICE, FULL), "quick": (_ONE, FULL),
    "quickcompact": (_ONE, FULL), "compact": (_CHOICE, FULL), "compact-N": (_CHOICE, FULL), "columns": (_CHOICE, FULL),
    "columns-N": (_CHOICE, FULL), "columns-pack": (_CHOICE, FULL), "no-buttons": (_CHOICE, FULL), "horizontal": (_CHOICE, FULL),
    "horizontal-compact": (_CHOICE, FULL), "likert": (_ONE, FULL), "label": (_CHOICE, FULL),
    "image-map": (_CHOICE, Support(PART, YES, PART, "不显示图,列出选项", "the choices are listed, not the picture", True)),
    "list-nolabel": (_CHOICE, FULL), "list": (_CHOICE, FULL), "picker": ((*_CHOICE, "range"), FULL),
    "map": (_CHOICE, Support(PART, YES, NO, "没有地图,列出选项", "no map; the choices are listed", True)),
    "vertical": (("range",), FULL), "no-ticks": (("range",), FULL), "rating": (("range",), FULL),
    "analog-scale": (("integer", "decimal", "range"), _PLAIN), "distress": (("integer", "range"), _PLAIN),
    "no-calendar": (_DATE, FULL), "month-year": (_DATE, FULL), "year": (_DATE, FULL),
    **dict.fromkeys(("ethiopian", "coptic", "islamic", "bikram-sambat", "myanmar", "persian", "buddhist"), (_DATE, _CALENDAR)),
    "maps": (_PLACE, Support(PART, YES, NO, "没有底图,可手填坐标", "no map tiles; coordinates can be typed in", True)),
    "placement-map": (_PLACE, Support(PART, YES, NO, "没有底图,可手填坐标", "no map tiles; coordinates can be typed in", True)),
    "hide-accuracy": (_PLACE, _PLAIN),
    "draw": (("image",), FULL), "signature": (("image",), FULL), "annotate": (("image",), FULL),
    "new": (("image", "audio", "video", "file"), FULL),
    "new-front": (("image", "video"), FULL), "front": (("image", "video", "barcode"), FULL),
    "new-rear": (("image", "video"), _PLAIN),
    "selfie": (("image", "video"), _PLAIN), "textonly": (("image", "file"), _PLAIN), "no-manual": (("barcode",), _PLAIN),
    "field-list": (_GROUP, FULL), "table-list": (("group",), FULL), "accordion": (_GROUP, _PLAIN), "compact ": (_GROUP, _PLAIN),
    "w1–w12": ((*_GROUP, "text"), _WIDE),
    "ex:": (("text", "integer", "decimal", "group", "image", "file"), _OUTSIDE), "printer:": (("text",), _OUTSIDE),
    "intent:": (("group",), _OUTSIDE),
    "comment": (("text",), _PLAIN), "kobo-disclaimer": (("note",), _PLAIN), "hxl": (("text",), _PLAIN),
}  # fmt: skip
"""appearance → (types it goes with, how far). A name ending in ``-N`` or ``:`` stands for all that begin so."""

COLUMNS: dict[str, Support] = {
    **dict.fromkeys(("type", "name", "label", "hint", "guidance_hint", "required", "required_message", "constraint",
                     "constraint_message", "relevant", "read_only", "default", "calculation", "trigger", "choice_filter",
                     "parameters", "appearance", "repeat_count", "rows", "save_to", "disabled"), FULL),
    "image": Support(paper=PART, zh="印在空白表上,填好的表上没有", en="on blank paper, not on filled"),
    **dict.fromkeys(("big-image", "audio", "video", "autoplay"), Support(paper=NO, zh="纸上没有", en="not on paper")),
    "intent": _OUTSIDE,
    "bind::": Support(PART, YES, YES, "存下来,除已知的以外不起作用", "kept; does nothing but for the known ones", True),
    "body::": Support(PART, YES, YES, "存下来,除已知的以外不起作用", "kept; does nothing but for the known ones", True),
    "instance::": Support(PART, YES, YES, "存下来,不起作用", "kept, does nothing", True),
    "compact_tag": Support(NO, YES, NO, "短信上报用的,不起作用", "for reports by text message, does nothing", True),
    "sms_": Support(NO, YES, NO, "短信上报用的,不起作用", "for reports by text message, does nothing", True),
    "no_app_error_string": Support(NO, YES, NO, "不能打开别的应用", "no other app is opened", True),
}  # fmt: skip

KNOWN_EXTRAS = {
    "body::accuracyThreshold", "body::unacceptableAccuracyThreshold", "body::intent", "body::rows", "body::accept",
    "bind::orx:max-pixels", "bind::odk:quality", "bind::odk:allow-mock-accuracy", "bind::jr:preload",
    "bind::jr:preloadParams", "bind::jr:constraintMsg", "bind::jr:requiredMsg", "bind::type", "bind::odk:length",
}  # fmt: skip
"""``bind::`` and ``body::`` columns that do something, or are written by other tools without being meant."""

PARAMETERS: dict[tuple[str, str], Support] = {
    **{("range", name): FULL for name in ("start", "end", "step", "tick_interval", "placeholder")},
    ("range", "tick_labelset"): Support(PART, YES, YES, "刻度旁不显示文字", "no words beside the ticks", True),
    ("text", "rows"): FULL, ("image", "max-pixels"): FULL,
    ("image", "app"): _OUTSIDE,
    ("audio", "quality"): Support(PART, YES, YES, "按同样的码率录成 Opus", "recorded as Opus at the same bit rate"),
    **{
        (kind, name): FULL
        for kind in ("select_one", "select_multiple", "rank")
        for name in ("randomize", "seed", "value", "label")
    },
    ("geopoint", "capture-accuracy"): FULL, ("geopoint", "warning-accuracy"): FULL,
    **{(kind, "allow-mock-accuracy"): Support(NO, YES, YES, "浏览器分不出模拟位置", "a browser cannot tell mock locations", True)
       for kind in _PLACE},
    **{(kind, "reference-geometry"): Support(NO, YES, YES, "没有地图,不显示参照", "no map to show it on", True)
       for kind in _PLACE},
    ("geotrace", "incremental"): FULL, ("geoshape", "incremental"): FULL,
    **dict.fromkeys((("audit", name) for name in ("location-priority", "location-min-interval", "location-max-age")), FULL),
    ("audit", "track-changes"): FULL,
    ("audit", "track-changes-reasons"): Support(NO, YES, YES, "不问改动原因", "no reasons are asked for", True),
    ("audit", "identify-user"): Support(PART, YES, YES, "不再询问:登录的账号就是填表人",
                                        "not asked: the account signed in is the user"),
}  # fmt: skip

SETTINGS: dict[str, Support] = {
    **dict.fromkeys(("form_title", "form_id", "version", "instance_name", "default_language", "allow_choice_duplicates",
                     "style", "name", "clean_text_values"), FULL),
    "public_key": Support(NO, NO, YES, "表单不用自己的密钥加密;传输和备份另行加密",
                          "answers are not encrypted with the form's own key; transfer and backups are encrypted apart", True),
    **dict.fromkeys(("submission_url", "auto_send", "auto_delete", "client_editable"),
                    Support(NO, NO, YES, "不起作用:按本系统的同步规则上报",
                            "does nothing: answers go by this system's sync", True)),
    **dict.fromkeys(("namespaces", "instance_xmlns", "instance_id", "omit_instanceID", "attribute", "prefix", "delimiter"),
                    Support(PART, PART, YES, "存下来,不起作用", "kept, does nothing")),
    **dict.fromkeys(("sms_keyword", "sms_separator", "sms_allow_media", "sms_date_format", "sms_datetime_format", "sms_response"),
                    Support(NO, NO, YES, "短信上报用的,不起作用", "for reports by text message, does nothing", True)),
    "flat": Support(NO, NO, NO, "答案仍按分组存", "answers stay grouped", True),
    "add_none_option": FULL,
}  # fmt: skip

STYLES = {
    "pages": FULL, "theme-grid": _WIDE,
    "theme-formhub": _PLAIN,
}  # fmt: skip


def appearance(word: str) -> tuple[tuple[str, ...], Support] | None:
    """What is known of one word of an appearance cell; None for a word nobody knows."""
    known = APPEARANCES.get(word)
    if known or word.startswith("search("):
        return known or APPEARANCES["search"]
    head, _, tail = word.rpartition("-")
    if tail.isdigit() and f"{head}-N" in APPEARANCES:
        return APPEARANCES[f"{head}-N"]
    if word[:1] == "w" and word[1:].isdigit():
        return APPEARANCES["w1–w12"]
    return next((APPEARANCES[start] for start in ("ex:", "printer:", "intent:") if word.startswith(start)), None)


# ---- the page in docs ---------------------------------------------------------

_MARKS = {YES: "✓", PART: "◐", NO: "–"}


def page() -> str:
    """``docs/form-support.md``."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield "# What of XLSForm is supported"
    yield ""
    yield "Made by `python3 run.py form support` from `forms/support.py`; a test holds the two equal. ✓ done, ◐ in part, – not."
    yield "A form that asks for something marked *told* is accepted, and `form check` says what will not happen."
    yield ""
    yield from _table("Types", "type", TYPES)
    yield "Every old spelling that pyxform takes is led to one of these (`forms/vocabulary.py`)."
    yield ""
    words = {f"{name} ({', '.join(types)})": how for name, (types, how) in APPEARANCES.items()}
    yield from _table("Appearances", "appearance (types)", words)
    yield from _table("Survey columns", "column", COLUMNS)
    yield f"`bind::` and `body::` columns that do something: {', '.join(f'`{one}`' for one in sorted(KNOWN_EXTRAS))}."
    yield ""
    yield from _table("Parameters", "parameter", {f"{kind}: {name}": how for (kind, name), how in PARAMETERS.items()})
    yield from _table("Settings", "setting", SETTINGS)
    yield from _table("Styles", "style", STYLES)


def _table(title: str, first: str, rows: Mapping[str, Support]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    yield f"| {first} | phone | server | paper | | |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name, how in rows.items():
        marks = " | ".join(_MARKS[one] for one in (how.phone, how.server, how.paper))
        yield f"| {name.strip()} | {marks} | {how.en} | {'told' if how.told else ''} |"
    yield ""
