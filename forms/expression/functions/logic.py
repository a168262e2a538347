"""Booleans, and choosing between values."""

from __future__ import annotations

from forms.expression.evaluate import Compiled, Context, Shape, compile_tree
from forms.expression.functions.registry import (
    MANY,
    plain,
    scalar,
    special,
)
from forms.expression.parse import Tree
from forms.expression.values import (
    EvaluationError,
    Value,
    number_of_text,
    to_boolean,
    to_number,
)

plain("true", "", "boolean")(lambda: True)
plain("false", "", "boolean")(lambda: False)
plain("boolean", "b", "boolean")(lambda b: b)
plain("not", "b", "boolean")(lambda b: not b)
plain("boolean-from-string", "s", "boolean")(lambda s: s in ("1", "true"))


@special("if", 3, 3)
def _if(trees: list[Tree], shape: Shape) -> Compiled:
    test = compile_tree(trees[0], shape).boolean()
    yes, no = compile_tree(trees[1], shape), compile_tree(trees[2], shape)
    a, b = yes.run, no.run
    return Compiled(yes.kind if yes.kind == no.kind else "any", lambda c: a(c) if test(c) else b(c))


def is_blank(value: Value) -> bool:
    value = scalar(value)
    return value == "" or value != value


@special("coalesce", 2, 2)
def _coalesce(trees: list[Tree], shape: Shape) -> Compiled:
    first, second = compile_tree(trees[0], shape), compile_tree(trees[1], shape)
    a, b = first.run, second.run

    def run(c: Context) -> Value:
        value: Value = a(c)
        if is_blank(value):
            value = b(c)
        return value

    return Compiled(first.kind if first.kind == second.kind else "any", run)


@special("once", 1, 1)
def _once(trees: list[Tree], shape: Shape) -> Compiled:
    argument = compile_tree(trees[0], shape).run

    def run(c: Context) -> Value:
        # What it holds, hidden or not: a hidden answer is kept.
        value: Value = getattr(c.current, "text", "") or argument(c)
        return value

    return Compiled("any", run)


def _truths(value: Value) -> list[bool]:
    if isinstance(value, str | float | bool):
        return [to_boolean(value)]
    return [node.value != "" for node in value]


@plain("checklist", "nnv", "boolean", fewest=2, most=MANY)
def _checklist(least: float, most: float, *values: Value) -> bool:
    return _within(least, most, sum(truth for value in values for truth in _truths(value)))


@plain("weighted-checklist", "nnv", "boolean", fewest=2, most=MANY)
def _weighted(least: float, most: float, *values: Value) -> bool:
    if len(values) % 2:
        raise EvaluationError("argument_count", "weighted-checklist")
    total = 0.0
    for value, weight in zip(values[::2], values[1::2], strict=True):
        truths = _truths(value)
        weights = [to_number(weight)] if isinstance(weight, str | float | bool) else [
            number_of_text(node.value) for node in weight
        ]  # fmt: skip
        total += sum(w for truth, w in zip(truths, weights, strict=False) if truth)
    return _within(least, most, total)


def _within(least: float, most: float, total: float) -> bool:
    return (least == -1 or total >= least) and (most == -1 or total <= most)
