"""The four XPath types in Python, and how one becomes another.

string is ``str``, number ``float``, boolean ``bool``, node-set a list of
elements. A node's value is text. Dates are text too; what they are as numbers
is decided here (docs/form-language.md, "Dates").
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Protocol

SHORT = 40
"""Texts up to this length are remembered with what they are as dates: the same birthdays and days of visits come again."""
NAN = math.nan
DAY = 86_400.0
EPOCH = date(1970, 1, 1).toordinal()
EPOCH_INSTANT = datetime(1970, 1, 1, tzinfo=UTC)


class EvaluationError(ValueError):
    """An expression that has no value for these answers.

    code: stable; detail: what was at fault, never an answer's text.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class Element(Protocol):
    """What an expression sees of a node: of the answers or of an external list.

    value: text as expressions read it, '' while not relevant. position:
    1-based among the siblings of the same name.
    """

    @property
    def name(self) -> str: ...
    @property
    def value(self) -> str: ...
    @property
    def relevant(self) -> bool: ...
    @property
    def position(self) -> int: ...
    @property
    def parent(self) -> Element | None: ...
    def named(self, name: str) -> Sequence[Element]: ...
    def all(self) -> Sequence[Element]: ...


NodeSet = Sequence[Element]
Value = str | float | bool | NodeSet

_NUMBER = re.compile(r"\s*-?(?:\d+(?:\.\d*)?|\.\d+)\s*", re.ASCII)
_TEMPORAL = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?", re.ASCII
)
_TIME = re.compile(r"(\d{2}):(\d{2})(?::(\d{2})(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?", re.ASCII)


# ---- to number -------------------------------------------------------------


def number_of_text(text: str) -> float:
    """Plain decimal notation, or days since 1970-01-01 for a date or dateTime; else NaN.

    A date counts whole calendar days, whatever the zone; a dateTime counts
    days in UTC, with fraction.
    """
    if text == "":
        return NAN
    if (text.isdigit() and text.isascii()) or _NUMBER.fullmatch(text):
        return float(text)
    if len(text) >= 10 and "-" in text:
        stripped = text.strip()
        if is_date(stripped):
            return float(date.fromisoformat(stripped).toordinal() - EPOCH)
        if "T" in stripped:
            moment = instant_of_text(stripped, UTC)
            return NAN if moment is None else days_of_instant(moment)
    return NAN


def to_number(value: Value) -> float:
    if isinstance(value, float):
        return value
    if isinstance(value, str):
        return number_of_text(value)
    if isinstance(value, bool):
        return 1.0 if value else 0.0
    return number_of_text(value[0].value) if value else NAN


# ---- to string -------------------------------------------------------------


def text_of_number(number: float) -> str:
    """No exponent, no trailing zeros; integers without point."""
    if number != number:
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    if number == int(number):
        return str(int(number)) if abs(number) < 1e15 else format(Decimal(repr(number)), "f").split(".")[0]
    text = repr(number)
    return format(Decimal(text), "f") if "e" in text else text


def to_string(value: Value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return text_of_number(value)
    return value[0].value if value else ""


def stored_text(value: Value) -> str:
    """As a calculation writes it: NaN is blank."""
    if isinstance(value, float) and value != value:
        return ""
    return well_formed(to_string(value))


def well_formed(text: str) -> str:
    """Half characters (of a text cut inside 🎃) become U+FFFD: they could not be stored or sent."""
    if text.isascii() or text.isprintable():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


# ---- to boolean ------------------------------------------------------------


def to_boolean(value: Value) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, float):
        return value == value and value != 0
    if isinstance(value, str):
        return value != ""
    return any(node.relevant for node in value)


def type_of(value: Value) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, float) else "string"


# ---- dates -----------------------------------------------------------------


@lru_cache(maxsize=4096)
def is_date(text: str) -> bool:
    """A date of the calendar, without time: 2024-02-29."""
    if len(text) != 10 or text[4] != "-" or text[7] != "-":
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def is_temporal(text: str) -> bool:
    return is_date(text) or ("T" in text and instant_of_text(text, UTC) is not None)


def _zone(text: str | None, local: tzinfo) -> tzinfo | None:
    """None for an offset that no clock has."""
    if not text:
        return local
    if text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    if hours > 23 or minutes > 59:
        return None
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def instant_of_text(text: str, local: tzinfo) -> datetime | None:
    """The moment of a date (its local midnight) or dateTime; None when it is neither."""
    return _instant(text, local) if len(text) <= SHORT else _read_instant(text, local)


def _read_instant(text: str, local: tzinfo) -> datetime | None:
    found = _TEMPORAL.fullmatch(text)
    if not found:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    offset = _zone(zone, local)
    if offset is None:
        return None
    try:
        return datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            int((fraction or ".0")[1:4].ljust(3, "0")) * 1000,
            tzinfo=offset,
        )
    except ValueError:
        return None


_instant = lru_cache(maxsize=4096)(_read_instant)


def days_of_instant(moment: datetime) -> float:
    difference = moment - EPOCH_INSTANT
    return difference.days + difference.seconds / DAY + difference.microseconds / (DAY * 1_000_000)


def moment_of_days(days: float, local: tzinfo) -> datetime | None:
    """A whole number is that calendar day's local midnight, a fraction an instant; None beyond the calendar."""
    try:
        if days == math.floor(days):
            return datetime.combine(date.fromordinal(int(days) + EPOCH), time(), tzinfo=local)
        milliseconds = math.floor(days * DAY * 1000 + 0.5)
        return (EPOCH_INSTANT + timedelta(milliseconds=milliseconds)).astimezone(local)
    except (ValueError, OverflowError):
        return None


def day_fraction_of_time(text: str, now: datetime) -> float:
    """Of the local day, 0 to below 1; NaN when the text is no time. A zone is brought to the local one."""
    found = _TIME.fullmatch(text)
    if not found:
        moment = instant_of_text(text, now.tzinfo or UTC)
        if moment is None or is_date(text):
            return NAN
        local = moment.astimezone(now.tzinfo)
        return (local.hour * 3600 + local.minute * 60 + local.second + local.microsecond / 1e6) / DAY
    hour, minute, second, fraction, zone = found.groups()
    seconds = int(hour) * 3600 + int(minute) * 60 + int(second or 0) + float(fraction or 0)
    if int(hour) > 23 or int(minute) > 59 or int(second or 0) > 59:
        return NAN
    if zone:
        offset = _zone(zone, UTC)
        if offset is None:
            return NAN
        there = offset.utcoffset(None) or timedelta()
        here = now.utcoffset() or timedelta()
        seconds += (here - there).total_seconds()
    return (seconds % DAY) / DAY


def text_of_moment(moment: datetime) -> str:
    """``2024-06-15T10:30:00.000+08:00``, in the zone the moment bears."""
    offset = moment.utcoffset() or timedelta()
    minutes = int(offset.total_seconds() // 60)
    sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
    return (
        f"{moment.year:04d}-{moment.month:02d}-{moment.day:02d}T{moment.hour:02d}:{moment.minute:02d}:"
        f"{moment.second:02d}.{moment.microsecond // 1000:03d}{sign}{minutes // 60:02d}:{minutes % 60:02d}"
    )


def text_of_date(moment: datetime | date) -> str:
    return f"{moment.year:04d}-{moment.month:02d}-{moment.day:02d}"


# ---- comparison ------------------------------------------------------------


def pair_as_numbers(a: Value, b: Value, local: tzinfo) -> tuple[float, float]:
    """Two scalars for an ordering or a difference.

    Two date-like texts are both taken as calendar days, or, when one has a
    time, both as instants: mixing the two would be off by the zone.
    """
    if isinstance(a, str) and isinstance(b, str) and ("T" in a or "T" in b):
        left, right = instant_of_text(a.strip(), local), instant_of_text(b.strip(), local)
        if left is not None and right is not None:
            return days_of_instant(left), days_of_instant(right)
    return to_number(a), to_number(b)


def equal(a: Value, b: Value) -> bool:
    """Two scalars by the rule of ``=``."""
    if isinstance(a, bool) or isinstance(b, bool):
        return to_boolean(a) == to_boolean(b)
    if isinstance(a, float) or isinstance(b, float):
        return to_number(a) == to_number(b)
    return a == b
