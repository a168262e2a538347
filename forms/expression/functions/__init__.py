"""The functions of the form language; importing this registers them all."""

from forms.expression.functions import dates, geo, logic, nodes, numbers, text
from forms.expression.functions.nodes import seed_of, shuffled
from forms.expression.functions.registry import arity, call, names
from forms.expression.functions.text import pattern_of, runs_away

__all__ = [
    "arity", "call", "dates", "geo", "logic", "names", "nodes", "numbers", "pattern_of", "runs_away", "seed_of",
    "shuffled", "text",
]  # fmt: skip
