"""The register of functions; what each does is beside this, by family (docs/form-language.md).

Most are plain: their arguments are converted by a letter each (n number,
s string, b boolean, v any scalar or node-set) and handed over. The others
compile their arguments themselves, because they are lazy or need node-sets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from forms.expression.evaluate import Compiled, Context, Run, Shape, compile_tree
from forms.expression.parse import Tree
from forms.expression.values import (
    Element,
    EvaluationError,
    NodeSet,
    Value,
    to_string,
)

MANY = 1000
Builder = Callable[[list[Tree], Shape], Compiled]
Register = Callable[[Callable[..., Any]], Callable[..., Any]]

_PLAIN: dict[str, tuple[str, int, int, str, Callable[..., Any]]] = {}
_SPECIAL: dict[str, tuple[int, int, Builder]] = {}
_CLOCKED: set[str] = set()


def arity(name: str) -> tuple[int, int] | None:
    """(fewest, most) arguments; None for a function that does not exist."""
    if name in _PLAIN:
        return _PLAIN[name][1:3]
    return _SPECIAL[name][:2] if name in _SPECIAL else None


def names() -> list[str]:
    """Of all functions."""
    return [*_PLAIN, *_SPECIAL]


def call(tree: Tree, shape: Shape) -> Compiled:
    """An unknown function or a wrong number of arguments fails when it is reached: ``true() or oops()`` is true.

    Forms never come so far: what they call is checked when they are loaded.
    """
    name, trees = str(tree[1]), tree[2:]
    expected = arity(name)
    if expected is None:
        return _failing("unknown_function", name)
    if not expected[0] <= len(trees) <= expected[1]:
        return _failing("argument_count", name)
    if name in _SPECIAL:
        return _SPECIAL[name][2](trees, shape)
    kinds, _, _, result, function = _PLAIN[name]
    arguments = [
        _converted(compile_tree(t, shape), kinds[min(i, len(kinds) - 1)]) for i, t in enumerate(trees)
    ]
    return Compiled(result, _applied(function, arguments, name in _CLOCKED))


def _failing(code: str, detail: str) -> Compiled:
    def run(c: Context) -> Value:
        raise EvaluationError(code, detail)

    return Compiled("any", run)


def _converted(compiled: Compiled, kind: str) -> Run:
    if kind == "n":
        return compiled.number()
    if kind == "s":
        return compiled.string()
    return compiled.boolean() if kind == "b" else compiled.run


def _applied(function: Callable[..., Any], arguments: list[Run], clocked: bool) -> Run:
    if clocked:
        return lambda c: function(c, *[argument(c) for argument in arguments])
    if len(arguments) == 1:
        (one,) = arguments
        return lambda c: function(one(c))
    if len(arguments) == 2:
        first, second = arguments
        return lambda c: function(first(c), second(c))
    return lambda c: function(*[argument(c) for argument in arguments])


def plain(
    name: str, kinds: str, result: str, *, fewest: int | None = None, most: int | None = None
) -> Register:
    """Registers a function. kinds: one letter an argument, the last repeats where most allows more."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        low = len(kinds) if fewest is None else fewest
        _PLAIN[name] = (kinds or "v", low, len(kinds) if most is None else most, result, function)
        return function

    return register


def clocked(name: str, kinds: str, result: str, *, fewest: int | None = None) -> Register:
    """As plain, for a function that also gets the context."""
    _CLOCKED.add(name)
    return plain(name, kinds, result, fewest=fewest)


def special(name: str, fewest: int, most: int) -> Callable[[Builder], Builder]:
    def register(builder: Builder) -> Builder:
        _SPECIAL[name] = (fewest, most, builder)
        return builder

    return register


def scalar(value: Value) -> str | float | bool:
    return value if isinstance(value, str | float | bool) else to_string(value)


def present(nodes: NodeSet) -> list[Element]:
    return [node for node in nodes if node.relevant]


def spread(values: Sequence[Value]) -> list[str]:
    texts = []
    for value in values:
        if isinstance(value, str | float | bool):
            texts.append(to_string(value))
        else:
            texts += [node.value for node in value if node.relevant]
    return texts
