"""What our own loggers say goes to standard error, one line each."""

from __future__ import annotations

import logging


def log_to_stderr() -> None:
    """Warnings and worse of our own loggers, one line each."""
    ours = logging.getLogger("ruhu")
    if not ours.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(OneLine("%(asctime)s %(levelname)s %(name)s %(message)s"))
        ours.addHandler(handler)
        ours.setLevel(logging.WARNING)
        ours.propagate = False


# Whatever some reader of a log takes for the end of a line, or a terminal for a command.
_BREAKS = {code: ascii(chr(code))[1:-1] for code in (*range(9), *range(10, 32), *range(127, 160), 0x2028, 0x2029)}


class OneLine(logging.Formatter):
    """A record is one line whatever a value holds, so that nobody can forge a second one."""

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).translate(_BREAKS)
