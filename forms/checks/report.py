"""Where the checks over an outline put what they find."""

from __future__ import annotations

from forms.outline import Line, Outline
from forms.problems import Problem


class Report:
    """problems refuse the form, warnings do not."""

    def __init__(self, outline: Outline, file: str) -> None:
        self.outline, self.file = outline, file
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def problem(self, code: str, line: Line, column: str, detail: str = "", *, position: int = 0, **values: str) -> None:
        """column: canonical; told as the author wrote it."""
        self.problems.append(self._made(code, line, column, detail, position, values))

    def warn(self, code: str, line: Line, column: str, detail: str = "", **values: str) -> None:
        self.warnings.append(self._made(code, line, column, detail, 0, values))

    def warn_sheet(self, code: str, sheet: str, row: int | None, column: str, detail: str, **values: str) -> None:
        """Of a header or a whole sheet. column: as written."""
        self.warnings.append(Problem(code, self.file, sheet, row, column, detail, 0, values))

    def _made(self, code: str, line: Line, column: str, detail: str, position: int, values: dict[str, str]) -> Problem:
        written = self.outline.header(line.sheet, column) if column else ""
        return Problem(code, self.file, line.sheet, line.row, written, detail, position, values)
