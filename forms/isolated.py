"""Compiling in a child process with a time limit: for files that come from outside.

One child does one file after another; after a file it could not manage it is replaced.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock, Timer
from types import TracebackType
from typing import TYPE_CHECKING, Any

from forms.definition import Form
from forms.problems import FormProblems, Problem

if TYPE_CHECKING:
    from forms.workbook import Row

SECONDS = 60.0
HOME = Path(__file__).parent.parent


class Checker:
    """compile and check may be called from several threads; they wait for each other. Close it, or use it as a context."""

    def __init__(self, seconds: float = SECONDS, command: Sequence[str] | None = None) -> None:
        self.seconds = seconds
        self._command = list(command or (sys.executable, "-m", "forms.worker"))
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = Lock()

    def check(self, path: Path) -> tuple[Form | None, list[Problem], list[Problem]]:
        """(form, warnings, problems) of a file, with the lists and attachments beside it."""
        return self._ask({"path": str(path)}, path.name)

    def compile(
        self, data: bytes, name: str, shared: Sequence[Row] = (), files: Mapping[str, bytes] | None = None
    ) -> Form:
        """An uploaded form with its attached files; ``warnings`` are set. Raises FormProblems."""
        encoded = {key: base64.b64encode(body).decode() for key, body in (files or {}).items()}
        request = {"name": name, "data": base64.b64encode(data).decode(), "shared": list(shared), "files": encoded}
        form, _, problems = self._ask(request, name)
        if form is None:
            raise FormProblems(problems)
        return form

    def _ask(self, request: dict[str, Any], name: str) -> tuple[Form | None, list[Problem], list[Problem]]:
        with self._lock:
            answer, late = self._exchange(json.dumps(request).encode() + b"\n")
        if answer is None:
            code, detail = ("too_slow", f"{self.seconds:g}") if late else ("crashed", "worker")
            return None, [], [Problem(code, name, detail=detail)]
        warnings = [Problem(**one) for one in answer["warnings"]]
        problems = [Problem(**one) for one in answer["problems"]]
        form = Form(answer["definition"], warnings) if answer["definition"] else None
        return form, warnings, problems

    def _exchange(self, line: bytes) -> tuple[dict[str, Any] | None, bool]:
        child = self._child or self._start()
        late: list[bool] = []

        def end() -> None:
            late.append(True)
            child.kill()

        timer = Timer(self.seconds, end)
        timer.start()
        try:
            assert child.stdin and child.stdout
            child.stdin.write(line)
            child.stdin.flush()
            told = child.stdout.readline()
        except (BrokenPipeError, OSError):
            told = b""
        finally:
            timer.cancel()
        if told.endswith(b"\n"):
            return json.loads(told), False
        self.close()
        return None, bool(late)

    def _start(self) -> subprocess.Popen[bytes]:
        path = os.pathsep.join([str(HOME), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._child = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}
        )
        return self._child

    def close(self) -> None:
        child, self._child = self._child, None
        if child:
            end(child)

    def __enter__(self) -> Checker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def end(child: subprocess.Popen[bytes]) -> None:
    """Kill a child that is spoken to by pipes, and let go of them."""
    child.kill()
    child.wait()
    for stream in (child.stdin, child.stdout):
        if stream:
            with suppress(BrokenPipeError):
                stream.close()
