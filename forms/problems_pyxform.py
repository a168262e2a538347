"""pyxform's complaints as problems of our catalogue."""

from __future__ import annotations

import re

from forms.outline import Outline
from forms.problems import Problem


def from_pyxform(error: Exception, file: str, outline: Outline) -> Problem:
    """The problem with the row, sheet and column it names."""
    text = str(error)
    row = re.search(r"\[row\s*:\s*(\d+)\]|[Rr]ow\s+(\d+)", text)
    return Problem("xlsform", file, "survey", int(row[1] or row[2]) if row else None, "", " ".join(text.split()))
