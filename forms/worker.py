"""The child process that compiles: one request a line on standard input, one answer a line on standard output.

What takes too long or eats the memory is ended from outside (`forms/isolated.py`) and takes nothing else with it.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from forms.attached import SUFFIXES, check_attached, read_attachments, with_tables
from forms.compile import compile_form, in_order
from forms.library import lists_of
from forms.limits import MAX_BYTES
from forms.problems import FormProblems, Problem

MEMORY = 1024 * 1024 * 1024
"""What a file may take beyond what the program takes by itself."""
NEAR = 2_000
"""Files looked at beside a form for its attachments."""


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """``{"definition", "warnings", "problems"}``. Never raises: what nobody thought of is the problem ``crashed``."""
    name = Path(request.get("path") or request["name"]).name
    try:
        return _compiled(request, name)
    except FormProblems as found:
        return {"definition": None, "warnings": [], "problems": _told(in_order(found.problems))}
    except OSError as error:
        return _failed("unreadable", name, error.strerror or str(error))
    except MemoryError:
        return _failed("bomb", name, "memory")
    except RecursionError:
        return _failed("crashed", name, "RecursionError")
    except Exception as error:  # the last resort: the other files go on
        return _failed("crashed", name, f"{type(error).__name__}: {error}"[:200])


def _compiled(request: dict[str, Any], name: str) -> dict[str, Any]:
    if "path" in request:
        path = Path(request["path"])
        body, shared = _body(path), lists_of(path.parent)
        files: dict[str, Path | bytes] = {one.name: one for one in sorted(path.parent.iterdir())[:NEAR] if one.is_file()}
    else:
        body, shared = base64.b64decode(request["data"]), request.get("shared") or []
        files = {key: base64.b64decode(value) for key, value in (request.get("files") or {}).items()}
    form = compile_form(body, f"{name}.zip" if "path" in request and Path(request["path"]).is_dir() else name, shared)
    wanted = set(form.definition.get("attachments", ()))
    given = {key: _start(one) for key, one in files.items() if key in wanted and Path(key).suffix.lower() in SUFFIXES}
    attached = read_attachments(given)
    warnings = [*form.warnings, *check_attached(form, name, list(files), attached)]
    form = with_tables(form, attached)
    return {"definition": form.definition, "warnings": _told(in_order(warnings)), "problems": []}


def _body(path: Path) -> bytes:
    """A folder of sheets stands for a zip of them."""
    if not path.is_dir():
        return _start(path)
    import io
    import zipfile

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for sheet in sorted(path.glob("*.csv")):
            archive.write(sheet, sheet.name)
    return packed.getvalue()


def _start(file: Path | bytes) -> bytes:
    """A file up to one byte more than any limit: what is longer is refused by its length."""
    if isinstance(file, bytes):
        return file
    with file.open("rb") as stream:
        return stream.read(MAX_BYTES + 1)


def _told(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    return [asdict(problem) for problem in problems]


def _failed(code: str, name: str, detail: str) -> dict[str, Any]:
    return {"definition": None, "warnings": [], "problems": _told([Problem(code, name, detail=detail)])}


def main() -> None:
    with suppress(ImportError, ValueError, OSError):  # not on Windows
        import resource

        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a library that prints must not spoil an answer
    for line in sys.stdin.buffer:
        out.write(json.dumps(answer(json.loads(line)), ensure_ascii=False) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
