"""The words of XLSForm: type names, column names and their old spellings, each led back to one word.

What pyxform takes as a spelling is taken from pyxform; the words themselves are ours (XFORMS reference, section 8).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from pyxform import aliases
from pyxform.entities.entities_parsing import EC
from pyxform.parsing.sheet_headers import process_header, to_snake_case
from pyxform.question import MultipleChoiceQuestion, Option
from pyxform.question_type_dictionary import QUESTION_TYPE_DICT
from pyxform.survey import Survey

SHEETS = ("survey", "choices", "settings", "external_choices", "entities", "osm")

TYPES = {
    "select one": "select_one", "select all that apply": "select_multiple", "select one external": "select_one_external",
    "add select one prompt using": "select_one", "select one using": "select_one", "q select1": "select_one",
    "add select multiple prompt using": "select_multiple", "select all that apply from": "select_multiple",
    "select multiple from": "select_multiple", "select multiple using": "select_multiple", "q select": "select_multiple",
    "photo": "image", "q picture": "image", "q image": "image", "add image prompt": "image", "add photo prompt": "image",
    "add audio prompt": "audio", "q audio": "audio", "add video prompt": "video", "q video": "video",
    "add file prompt": "file",
    "string": "text", "q string": "text", "add text prompt": "text",
    "int": "integer", "q int": "integer", "add integer prompt": "integer", "percentage": "integer",
    "number of days in last month": "integer", "number of days in last six months": "integer",
    "number of days in last year": "integer",
    "q decimal": "decimal", "add decimal prompt": "decimal",
    "location": "geopoint", "gps": "geopoint", "q geopoint": "geopoint", "q location": "geopoint",
    "add location prompt": "geopoint", "q geoshape": "geoshape", "q geotrace": "geotrace",
    "trigger": "acknowledge", "q acknowledge": "acknowledge", "add acknowledge prompt": "acknowledge",
    "q note": "note", "add note prompt": "note",
    "q date": "date", "add date prompt": "date",
    "datetime": "dateTime", "date time": "dateTime", "q date time": "dateTime", "q dateTime": "dateTime",
    "add date time prompt": "dateTime", "add dateTime prompt": "dateTime",
    "q barcode": "barcode", "add barcode prompt": "barcode",
    "q calculate": "calculate", "add calculate prompt": "calculate",
    "start time": "start", "get start time": "start", "end time": "end", "get end time": "end", "get today": "today",
    "device id": "deviceid", "get device id": "deviceid", "imei": "deviceid", "uri:deviceid": "deviceid",
    "phone number": "phonenumber", "get phone number": "phonenumber", "uri:phonenumber": "phonenumber",
    "subscriber id": "subscriberid", "get subscriber id": "subscriberid", "uri:subscriberid": "subscriberid",
    "sim id": "simserial", "get sim id": "simserial", "uri:simserial": "simserial",
    "uri:username": "username", "uri:email": "email",
}  # fmt: skip
"""pyxform's names and old spellings → the name a definition bears. What is not here stands for itself."""

FROM_FILE = re.compile(r"\.(csv|xml|geojson)$")
COMMANDS = tuple(aliases.select)
PLAIN_TYPES = (
    "text", "integer", "decimal", "range", "date", "time", "dateTime", "geopoint", "geotrace", "geoshape", "image", "audio",
    "video", "file", "barcode", "acknowledge", "note", "calculate", "hidden", "csv-external", "xml-external", "start", "end",
    "today", "deviceid", "username", "email", "phonenumber", "audit", "start-geopoint", "background-audio",
    "background-geopoint", "begin group", "end group", "begin repeat", "end repeat", "begin_group", "end_group",
    "begin_repeat", "end_repeat", "osm",
)  # fmt: skip
"""Types as an author writes them today; for suggestions."""

_BEGIN = re.compile(rf"begin[\s_]({'|'.join(aliases.control)})(?: (?:over )?(\S+))?")
_END = re.compile(rf"end[\s_]({'|'.join(aliases.control)})")
_SELECT = re.compile(rf"({'|'.join(aliases.select)}) (\S+)(?: (or specify other|or_other|or other))?")
_OSM = re.compile(r"osm (\S+)")


class Type(NamedTuple):
    """What a cell of the type column says. kind: question, begin, end, setting, or '' when it is not understood.

    name: the canonical type; of a begin or end: group, repeat or loop. list: choice list, file or ``${repeat}``.
    """

    kind: str
    name: str
    list: str = ""
    other: bool = False


@lru_cache(maxsize=4096)
def type_of(text: str) -> Type:
    """The type a cell asks for; case and spelling count, as they do for pyxform."""
    if begin := _BEGIN.fullmatch(text):
        return Type("begin", aliases.control[begin[1]], begin[2] or "")
    if end := _END.fullmatch(text):
        return Type("end", aliases.control[end[1]])
    if text in aliases.settings_header:
        return Type("setting", aliases.settings_header[text])
    if select := _SELECT.fullmatch(text):
        name = aliases.select[select[1]]
        return Type("question", TYPES.get(name, name), select[2], bool(select[3]))
    if osm := _OSM.match(text):
        return Type("question", "osm", osm[1])
    if text in QUESTION_TYPE_DICT and not text.startswith(("select ", "add select", "q select")) and text != "rank":
        return Type("question", TYPES.get(text, text))
    return Type("", text)


_NAMES = {
    ("bind", "relevant"): "relevant", ("bind", "required"): "required", ("bind", "readonly"): "read_only",
    ("bind", "constraint"): "constraint", ("bind", "calculate"): "calculation",
    ("bind", "jr:constraintMsg"): "constraint_message", ("bind", "jr:requiredMsg"): "required_message",
    ("bind", "jr:noAppErrorString"): "no_app_error_string", ("bind", "entities:saveto"): "save_to",
    ("control", "appearance"): "appearance", ("control", "jr:count"): "repeat_count",
    ("control", "autoplay"): "autoplay", ("control", "rows"): "rows",
    ("media", "image"): "image", ("media", "big-image"): "big-image", ("media", "audio"): "audio",
    ("media", "video"): "video", ("list name",): "list_name", ("dataset",): "list_name",
    ("id_string",): "form_id", ("title",): "form_title", ("instance", "odk:tag"): "compact_tag",
}  # fmt: skip

_COLUMNS = {
    "survey": (aliases.survey_header, set(MultipleChoiceQuestion.get_slot_names())),
    "choices": (aliases.list_header, set(Option.get_slot_names())),
    "external_choices": (aliases.list_header, set(Option.get_slot_names())),
    "settings": (aliases.settings_header, set(Survey.get_slot_names())),
    "entities": (aliases.entities_header, {one.value for one in EC.value_list()}),
    "osm": (aliases.list_header, set(Option.get_slot_names())),
}  # fmt: skip

TEXTS = ("label", "hint", "guidance_hint", "constraint_message", "required_message")
MEDIA = ("image", "big-image", "audio", "video")
EXPRESSIONS = ("relevant", "constraint", "calculation", "required", "read_only", "repeat_count", "choice_filter", "default")
SURVEY = {
    "type", "name", *TEXTS, *MEDIA, *EXPRESSIONS, "trigger", "parameters", "appearance", "autoplay", "rows", "save_to",
    "disabled", "intent", "no_app_error_string", "compact_tag", "sms_field", "sms_option", "sms_separator",
    "sms_allow_media", "sms_date_format", "sms_datetime_format", "sms_response", "query",
}  # fmt: skip
"""Columns of the survey sheet that mean something, besides ``bind::``, ``body::`` and ``instance::``."""

SETTINGS = {
    "form_title", "form_id", "version", "instance_name", "default_language", "style", "public_key", "submission_url",
    "auto_send", "auto_delete", "allow_choice_duplicates", "namespaces", "name", "clean_text_values", "omit_instanceID",
    "instance_id", "instance_xmlns", "sms_keyword", "sms_separator", "sms_allow_media", "sms_date_format",
    "sms_datetime_format", "sms_response", "prefix", "delimiter", "client_editable", "add_none_option", "flat", "attribute",
    "id_string",
}  # fmt: skip


class Column(NamedTuple):
    """name: canonical, ``bind::x`` for extras. language: '' when the header names none."""

    name: str
    language: str = ""

    @property
    def key(self) -> str:
        return f"{self.name}::{self.language}" if self.language else self.name


def column_of(sheet: str, header: str, double_colon: bool) -> Column:
    """The column a header stands for, by pyxform's rules. double_colon: whether any header of the sheet has ``::``."""
    known, slots = _COLUMNS[sheet]
    _, tokens = process_header(header, double_colon, known, slots)
    for length in (2, 1):
        name = _NAMES.get(tokens[:length])
        if name:
            return Column(name, "::".join(tokens[length:]))
    if tokens[0] in ("bind", "control", "instance") and len(tokens) > 1:
        group = "body" if tokens[0] == "control" else tokens[0]
        return Column(f"{group}::{'::'.join(tokens[1:])}")
    if tokens[0] == "media" and len(tokens) > 1:
        return Column(tokens[1], "::".join(tokens[2:]))
    if tokens[0] in TEXTS and len(tokens) > 1:
        return Column(tokens[0], "::".join(tokens[1:]))
    return Column("::".join(tokens))


__all__ = ["Column", "Type", "column_of", "to_snake_case", "type_of"]
