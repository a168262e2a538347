"""How a store keeps the dates of a record's fields: most of a record's fields were said on one day.

Spelled out, a household's dates are longer than its values. Kept is ``[day,
{field: other day}]`` when every field has a date; anything else, and what an
older version wrote, is the whole map.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

_json = msgspec.json.Encoder()
_kept: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def packed_dates(since: Mapping[str, str], fields: Mapping[str, Any]) -> str:
    """The dates as they are kept beside these fields."""
    if not since or since.keys() != fields.keys():
        return _json.encode(since).decode()
    days = list(since.values())
    if days.count(days[0]) == len(days):
        return _json.encode((days[0], {})).decode()
    usual = days[0]
    if days.count(usual) * 2 < len(days):
        usual = max(set(days), key=days.count)
    return _json.encode((usual, {name: day for name, day in since.items() if day != usual})).decode()


def dates_of(kept: str, fields: Mapping[str, Any]) -> dict[str, str]:
    """The dates of these fields, from what was kept beside them."""
    return dates_read(_kept.decode(kept), fields)


def dates_read(said: Any, fields: Mapping[str, Any]) -> dict[str, str]:
    """As `dates_of`, of what was read from JSON already."""
    if isinstance(said, dict):
        return said
    usual, others = said
    dates = dict.fromkeys(fields, usual)
    dates.update(others)
    return dates
