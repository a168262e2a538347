"""Dates and times."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime

from forms.expression.evaluate import Context
from forms.expression.functions.registry import (
    clocked,
    scalar,
)
from forms.expression.values import (
    NAN,
    EvaluationError,
    Value,
    day_fraction_of_time,
    days_of_instant,
    instant_of_text,
    moment_of_days,
    text_of_date,
    text_of_moment,
)

_LOOSE_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(T.*)?", re.ASCII)
_PLAIN_NUMBER = re.compile(r"-?\d+(?:\.\d*)?|-?\.\d+", re.ASCII)


def moment_of(c: Context, value: Value) -> datetime | float | None:
    """A date argument: a moment in the local zone; None for blank, NaN for NaN.

    Raises EvaluationError for a boolean, a text that is no date, an impossible date.
    """
    value = scalar(value)
    if isinstance(value, bool):
        raise EvaluationError("not_a_date")
    local = c.runtime.local
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        if not _PLAIN_NUMBER.fullmatch(text):
            return _moment_of_text(text, c)
        value = float(text)
    if value != value or math.isinf(value):
        return NAN
    moment = moment_of_days(value, local)
    if moment is None:
        raise EvaluationError("not_a_date")
    return moment


def _moment_of_text(text: str, c: Context) -> datetime:
    found = _LOOSE_DATE.fullmatch(text)
    if found:
        year, month, day, rest = found.groups()
        text = f"{year}-{month:0>2}-{day:0>2}{rest or ''}"
    moment = instant_of_text(text, c.runtime.local)
    if moment is None:
        raise EvaluationError("not_a_date")
    return moment.astimezone(c.runtime.local) if "T" in text else moment


@clocked("today", "", "string")
def _today(c: Context) -> str:
    return text_of_date(c.runtime.now)


@clocked("now", "", "string")
def _now(c: Context) -> str:
    return text_of_moment(c.runtime.now)


@clocked("date", "v", "any")
def _date(c: Context, value: Value) -> Value:
    moment = moment_of(c, value)
    if moment is None:
        return ""
    return moment if isinstance(moment, float) else text_of_date(moment)


@clocked("date-time", "v", "any")
def _date_time(c: Context, value: Value) -> Value:
    value = scalar(value)
    if isinstance(value, float) and value == value and value == math.floor(value):
        # Here a whole number is an instant too: date-time(0) is 1970-01-01T00:00Z in local time.
        moment: datetime | float | None = instant_of_text("1970-01-01T00:00:00Z", c.runtime.local)
        shifted = moment_of_days(value + 0.5, c.runtime.local)
        if shifted is None or not isinstance(moment, datetime):
            raise EvaluationError("not_a_date")
        from datetime import timedelta

        moment = (moment + timedelta(days=value)).astimezone(c.runtime.local)
    else:
        moment = moment_of(c, value)
    if moment is None:
        return ""
    if isinstance(moment, float):
        return moment
    midnight = not (moment.hour or moment.minute or moment.second or moment.microsecond)
    return text_of_date(moment) if midnight else text_of_moment(moment)


@clocked("decimal-date-time", "v", "number")
def _decimal_date_time(c: Context, value: Value) -> float:
    value = scalar(value)
    if isinstance(value, float):
        return value
    if isinstance(value, bool):
        return NAN
    moment = instant_of_text(value.strip(), c.runtime.local)
    return NAN if moment is None else days_of_instant(moment)


@clocked("decimal-time", "s", "number")
def _decimal_time(c: Context, text: str) -> float:
    return day_fraction_of_time(text.strip(), c.runtime.now)


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAYS_ZH = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")

_TOKENS: dict[str, Callable[[datetime, bool], str]] = {
    "Y": lambda m, zh: f"{m.year:04d}",
    "y": lambda m, zh: f"{m.year % 100:02d}",
    "m": lambda m, zh: f"{m.month:02d}",
    "n": lambda m, zh: str(m.month),
    "b": lambda m, zh: f"{m.month}月" if zh else _MONTHS[m.month - 1],
    "d": lambda m, zh: f"{m.day:02d}",
    "e": lambda m, zh: str(m.day),
    "a": lambda m, zh: (_DAYS_ZH if zh else _DAYS)[m.weekday()],
    "H": lambda m, zh: f"{m.hour:02d}",
    "h": lambda m, zh: str(m.hour),
    "M": lambda m, zh: f"{m.minute:02d}",
    "S": lambda m, zh: f"{m.second:02d}",
    "3": lambda m, zh: f"{m.microsecond // 1000:03d}",
    "%": lambda m, zh: "%",
}


def _format_date(c: Context, value: Value, pattern: str) -> str:
    """'' for a blank or for what is no date. Raises EvaluationError for a token that does not exist."""
    chinese = (c.runtime.lang or "").startswith("zh")
    unknown = re.search(r"%(?![YymnbdeaHhMS3%]).?", re.sub("%%", "", pattern))
    if unknown:
        raise EvaluationError("format", unknown.group())
    try:
        moment = moment_of(c, value)
    except EvaluationError:
        return ""
    if not isinstance(moment, datetime):
        return ""
    return re.sub(r"%(.)", lambda found: _TOKENS[found.group(1)](moment, chinese), pattern)


clocked("format-date", "vs", "string")(_format_date)
clocked("format-date-time", "vs", "string")(_format_date)
clocked("version", "", "string")(lambda c: c.runtime.labels.version)
