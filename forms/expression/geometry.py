"""Geometry of points given as ``lat lon alt acc``, joined by ``;``. Metres, on a sphere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from forms.expression.values import EvaluationError

RADIUS = 6_378_100.0
Point = tuple[float, float]
"""Latitude and longitude in degrees."""


def points(text: str) -> list[Point]:
    """Raises EvaluationError for a text that is not coordinates; blank has no points."""
    found = []
    for part in text.split(";"):
        numbers = part.split()
        if not numbers:
            continue
        try:
            latitude, longitude = float(numbers[0]), float(numbers[1])
        except (ValueError, IndexError) as error:
            raise EvaluationError("not_coordinates") from error
        if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
            raise EvaluationError("not_coordinates")
        found.append((latitude, longitude))
    return found


def length(line: Sequence[Point]) -> float:
    """Of the line through the points; 0 for fewer than two."""
    total = 0.0
    for (lat1, lon1), (lat2, lon2) in pairwise(line):
        a, b = math.radians(lat1), math.radians(lat2)
        cosine = math.sin(a) * math.sin(b) + math.cos(a) * math.cos(b) * math.cos(math.radians(lon2 - lon1))
        total += math.acos(max(-1.0, min(1.0, cosine))) * RADIUS
    return total


def area(shape: Sequence[Point]) -> float:
    """Of the polygon; 0 for fewer than three points. It is closed if it is not."""
    if len(shape) < 3:
        return 0.0
    ring = [*shape, shape[0]]
    total = 0.0
    for (lat1, lon1), (lat2, lon2) in pairwise(ring):
        turn = math.radians(lon2 - lon1)
        total += turn * (2 + math.sin(math.radians(lat1)) + math.sin(math.radians(lat2)))
    return abs(total) * RADIUS * RADIUS / 2


def inside(point: Point, shape: Sequence[Point]) -> bool:
    """Ray casting; the shape is closed if it is not."""
    y, x = point
    within = False
    for (y1, x1), (y2, x2) in zip(shape, [*shape[1:], *shape[:1]], strict=True):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            within = not within
    return within


def crosses_itself(line: Sequence[Point]) -> bool:
    """Whether two legs that do not follow each other meet."""
    legs = list(pairwise(line))
    closed = len(line) > 2 and line[0] == line[-1]
    for i, (a, b) in enumerate(legs):
        for j in range(i + 2, len(legs)):
            if closed and i == 0 and j == len(legs) - 1:
                continue
            if _meet(a, b, *legs[j]):
                return True
    return False


def _side(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _meet(a: Point, b: Point, c: Point, d: Point) -> bool:
    return (
        _side(a, b, c) * _side(a, b, d) <= 0
        and _side(c, d, a) * _side(c, d, b) <= 0
        and not (
            _side(a, b, c) == 0 and _side(a, b, d) == 0 and (max(a, b) < min(c, d) or max(c, d) < min(a, b))
        )
    )
