"""Checks over a form, a family a module. Over the outline alone when pyxform has refused the form, else over both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forms.outline import Outline
from forms.problems import Problem

if TYPE_CHECKING:
    from forms.compiling import Compilation
    from forms.dependencies import Graph


def check_refused(outline: Outline, file: str, complaint: Problem) -> list[Problem]:
    """Everything found in a form that pyxform refuses; its own complaint unless one of ours says the same."""
    return [complaint]


def check_finished(made: Compilation, graph: Graph) -> list[Problem]:
    """What is wrong with a form that pyxform accepts; doubts go to its warnings."""
    from forms.checks.graph import check_graph

    check_graph(made, graph)
    return made.problems
