"""Numbers, and node-sets to numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from forms.expression.evaluate import Compiled, Shape, compile_tree
from forms.expression.functions.registry import (
    MANY,
    clocked,
    plain,
    present,
    special,
)
from forms.expression.parse import Tree
from forms.expression.values import (
    NAN,
    Element,
    Value,
    number_of_text,
    to_number,
)

plain("number", "n", "number")(lambda n: n)
plain("string", "s", "string")(lambda s: s)


def _truncated(number: float) -> float:
    return number if number != number or math.isinf(number) else float(math.trunc(number))


plain("int", "n", "number")(_truncated)
plain("abs", "n", "number")(abs)
plain("ceiling", "n", "number")(lambda n: n if n != n or math.isinf(n) else float(math.ceil(n)))
plain("floor", "n", "number")(lambda n: n if n != n or math.isinf(n) else float(math.floor(n)))


def half_up(number: float) -> float:
    """To the nearest whole number, halves toward +Infinity."""
    below = math.floor(number)
    return float(below + 1 if number - below >= 0.5 else below)


@plain("round", "nn", "number", fewest=1)
def _round(number: float, places: float = 0.0) -> float:
    if number != number or math.isinf(number) or places != places:
        return number if places == places else NAN
    digits = int(max(-308, min(308, places)))
    factor = 10.0 ** abs(digits)
    scaled = number / factor if digits < 0 else number * factor
    if math.isinf(scaled):
        return number
    return half_up(scaled) * factor if digits < 0 else half_up(scaled) / factor


def _guarded(function: Callable[..., float]) -> Callable[..., float]:
    """Where Python raises, IEEE has NaN or Infinity."""

    def run(*numbers: float) -> float:
        try:
            return float(function(*numbers))
        except OverflowError:
            return math.inf
        except ValueError:
            return NAN

    return run


def _power(base: float, exponent: float) -> float:
    if exponent != exponent or (base != base and exponent != 0):
        return NAN
    if base == 0 and exponent < 0:
        return math.inf
    if abs(base) == 1 and math.isinf(exponent):
        return NAN
    return math.pow(base, exponent)


def _logarithm(function: Callable[[float], float]) -> Callable[[float], float]:
    return lambda n: -math.inf if n == 0 else function(n)


plain("pow", "nn", "number")(_guarded(_power))
plain("sqrt", "n", "number")(_guarded(math.sqrt))
plain("exp", "n", "number")(_guarded(math.exp))
plain("exp10", "n", "number")(_guarded(lambda n: math.pow(10.0, n)))
plain("log", "n", "number")(_guarded(_logarithm(math.log)))
plain("log10", "n", "number")(_guarded(_logarithm(math.log10)))
for _name in ("sin", "cos", "tan", "asin", "acos", "atan"):
    plain(_name, "n", "number")(_guarded(getattr(math, _name)))
plain("atan2", "nn", "number")(_guarded(math.atan2))
plain("pi", "", "number")(lambda: math.pi)
clocked("random", "", "number")(lambda c: c.runtime.random())


def _over_nodes(name: str, result: str, function: Callable[[list[Element]], Any]) -> None:
    def build(trees: list[Tree], shape: Shape) -> Compiled:
        nodes = compile_tree(trees[0], shape).nodes()
        return Compiled(result, lambda c: function(present(nodes(c))))

    special(name, 1, 1)(build)


_over_nodes("count", "number", lambda nodes: float(len(nodes)))
_over_nodes("count-non-empty", "number", lambda nodes: float(sum(1 for node in nodes if node.value != "")))
_over_nodes(
    "sum", "number", lambda nodes: math.fsum(_filled(nodes)) if len(nodes) > 8 else float(sum(_filled(nodes)))
)


def _filled(nodes: Sequence[Element]) -> list[float]:
    """Blanks are skipped: a person not asked about adds nothing."""
    return [number_of_text(node.value) for node in nodes if node.value != ""]


def _extreme(pick: Callable[[Sequence[float]], float]) -> Callable[..., float]:
    def run(*values: Value) -> float:
        if len(values) == 1 and not isinstance(values[0], str | float | bool):
            numbers = _filled(present(values[0]))
        else:
            numbers = [
                number
                for value in values
                for number in (
                    [to_number(value)]
                    if isinstance(value, str | float | bool)
                    else [number_of_text(node.value) for node in value if node.relevant and node.value != ""]
                )
            ]
        return NAN if not numbers or any(n != n for n in numbers) else pick(numbers)

    return run


plain("min", "v", "number", fewest=0, most=MANY)(_extreme(min))
plain("max", "v", "number", fewest=0, most=MANY)(_extreme(max))
