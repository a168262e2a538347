"""Lists that come as files beside a form: csv, xml and geojson, read into rows."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

Rows = list[dict[str, Any]]


def rows_of(name: str, text: str) -> Rows:
    """Rows of a list by its file name. Raises ValueError with what is wrong.

    csv by its header, ``,`` or ``;`` between; xml by the items under its root;
    geojson by its features, with ``geometry`` as points of a form have it.
    """
    text = text.removeprefix("\ufeff")
    if name.endswith(".csv"):
        return list(_csv(text))
    if name.endswith(".geojson"):
        return list(_features(text))
    if re.search(r"<!(?:DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise ValueError(f"{name}: a list may not declare entities")
    try:
        return [_element(item) for item in ElementTree.fromstring(text)]
    except ElementTree.ParseError as error:
        raise ValueError(f"{name}: {error}") from error


def _csv(text: str) -> Iterator[dict[str, str]]:
    header = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text), delimiter=";" if ";" in header and "," not in header else ",")
    try:
        columns = [column.strip() for column in next(reader, [])]
        for cells in reader:
            if cells:
                yield {name: cells[i] if i < len(cells) else "" for i, name in enumerate(columns) if name}
    except csv.Error as error:
        raise ValueError(str(error)) from error


def _element(item: ElementTree.Element) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for cell in item:
        name = str(cell.tag).rpartition("}")[2]
        value = _element(cell) if len(cell) else cell.text or ""
        if name in row:
            before = row[name] if isinstance(row[name], list) else [row[name]]
            row[name] = [*before, value]
        else:
            row[name] = value
    return row


def _features(text: str) -> Iterator[dict[str, str]]:
    try:
        collection = json.loads(text)
        features = collection["features"]
        assert collection["type"] == "FeatureCollection" and isinstance(features, list)
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise ValueError("not a FeatureCollection") from error
    for feature in features:
        properties = feature.get("properties") or {}
        row = {"geometry": _geometry(feature.get("geometry") or {})}
        row |= {str(key): _plain(value) for key, value in properties.items()}
        if feature.get("id") is not None:
            row["id"] = _plain(feature["id"])
        yield row


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _geometry(geometry: dict[str, Any]) -> str:
    places = geometry.get("coordinates") or []
    if geometry.get("type") == "Point":
        places = [places]
    elif geometry.get("type") == "Polygon":
        places = places[0] if places else []
    elif geometry.get("type") != "LineString":
        return ""
    return "; ".join(f"{_plain(place[1])} {_plain(place[0])} 0 0" for place in places if len(place) > 1)
