"""Places, lines and areas of answers: in words, and as a sketch without any map. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from forms.expression.geometry import Point, area, length, points
from forms.expression.values import EvaluationError

MU = 666.6667
WIDTH, HEIGHT, MARGIN = 320, 200, 16
METRES_A_DEGREE = 111_320.0


@dataclass(frozen=True)
class Sketch:
    """dots: the points on a paper of WIDTH by HEIGHT, north up; closed: an area, not a line."""

    dots: tuple[tuple[float, float], ...]
    closed: bool

    @property
    def line(self) -> str:
        return " ".join(f"{x},{y}" for x, y in self.dots)


def in_words(kind: str, value: str, lang: str) -> str:
    """A geo answer for a reader; what is no coordinates stays as it was sent."""
    try:
        found = points(value)
    except EvaluationError:
        return value
    zh = lang != "en"
    if kind == "geopoint" and len(found) == 1:
        numbers = value.split()
        accuracy = numbers[3] if len(numbers) > 3 else "0"
        place = f"{_degrees(found[0][0])}, {_degrees(found[0][1])}"
        if not _positive(accuracy):
            return place
        return f"{place}(误差约 {float(accuracy):.0f} 米)" if zh else f"{place} (±{float(accuracy):.0f} m)"
    if kind not in ("geotrace", "geoshape") or not found:
        return value
    closed = kind == "geoshape"
    corners = found[:-1] if closed and len(found) > 3 and found[0] == found[-1] else found
    ring = [*corners, corners[0]] if closed else corners
    words = [f"{len(corners)} 个点" if zh else f"{len(corners)} points", _length(length(ring), zh)]
    if closed and len(corners) > 2:
        square = area(corners)
        words.append(f"{square / MU:.2f} 亩({square:.0f} 平方米)" if zh else f"{square / MU:.2f} mu ({square:.0f} m²)")
    return " · ".join(words)


def sketch(kind: str, value: str) -> Sketch | None:
    """None for what has no shape."""
    try:
        found = points(value) if kind in ("geotrace", "geoshape") else []
    except EvaluationError:
        return None
    return Sketch(_laid_out(found), kind == "geoshape") if len(found) > 1 else None


def _laid_out(found: Sequence[Point]) -> tuple[tuple[float, float], ...]:
    middle = math.radians(sum(lat for lat, _ in found) / len(found))
    across = [lon * METRES_A_DEGREE * math.cos(middle) for _, lon in found]
    up = [lat * METRES_A_DEGREE for lat, _ in found]
    left, right, low, high = min(across), max(across), min(up), max(up)
    scale = min((WIDTH - 2 * MARGIN) / max(right - left, 1.0), (HEIGHT - 2 * MARGIN) / max(high - low, 1.0))
    return tuple(
        (
            round(WIDTH / 2 + (x - (left + right) / 2) * scale, 1),
            round(HEIGHT / 2 - (y - (low + high) / 2) * scale, 1),
        )
        for x, y in zip(across, up, strict=True)
    )


def _degrees(number: float) -> str:
    return f"{number:.6f}".rstrip("0").rstrip(".")


def _positive(text: str) -> bool:
    try:
        return float(text) > 0
    except ValueError:
        return False


def _length(metres: float, zh: bool) -> str:
    if metres < 1000:
        return f"{metres:.0f} {'米' if zh else 'm'}"
    return f"{metres / 1000:.2f} {'公里' if zh else 'km'}"
