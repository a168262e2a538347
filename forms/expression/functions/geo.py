"""Places."""

from __future__ import annotations

from collections.abc import Sequence

from forms.expression import geometry
from forms.expression.functions.registry import (
    MANY,
    plain,
    spread,
)
from forms.expression.values import (
    Value,
)


def _shapes(values: Sequence[Value]) -> list[str]:
    return spread(values)


@plain("area", "v", "number")
def _area(value: Value) -> float:
    return geometry.area(geometry.points(";".join(t for t in _shapes([value]) if t)))


@plain("distance", "v", "number", most=MANY)
def _distance(*values: Value) -> float:
    return geometry.length(geometry.points(";".join(t for t in _shapes(values) if t)))


@plain("geofence", "ss", "boolean")
def _geofence(point: str, shape: str) -> bool:
    corner = geometry.points(point)
    return bool(corner) and geometry.inside(corner[0], geometry.points(shape))


plain("intersects", "s", "boolean")(lambda s: geometry.crosses_itself(geometry.points(s)))
