"""``form check|eval|play``: forms from the command line.

check FILE… [--json] [--lists FILE]: one line a file. eval and play read cases
on standard input and write one line a case; ``--engine js`` hands the prepared
cases to Node.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from forms.compile import compile_form
from forms.library import lists_of
from forms.problems import FormProblems
from forms.vectors import prepare_expression, prepare_scenario, run_expression, run_scenario

LIBRARY = Path(__file__).parent / "library"
CORE_CLI = Path(__file__).parent.parent / "static" / "js" / "core-cli.js"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="run.py form", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="检查表单 · check forms")
    check.add_argument("files", nargs="+", type=Path)
    check.add_argument("--json", action="store_true", help="one JSON object a file")
    check.add_argument("--lang", default="zh", choices=["zh", "en"])
    for name in ("eval", "play"):
        command = commands.add_parser(name, help="试算 · run cases from standard input")
        command.add_argument("--engine", default="python", choices=["python", "js"])
    differ = commands.add_parser("differ", help="两个引擎对照 · hold both engines against each other (needs the test packages)")
    differ.add_argument("--examples", type=int, default=1000)
    options = parser.parse_args(argv)
    if options.command == "differ":
        sys.path.insert(0, str(CORE_CLI.parents[2] / "tests"))
        import_module("differential").main(options.examples)
        return 0
    if options.command == "check":
        return _check(options.files, options.json, options.lang)
    return _run(options.command, options.engine)


# ---- check -----------------------------------------------------------------


def _check(files: Sequence[Path], as_json: bool, lang: str) -> int:
    shared = lists_of(LIBRARY)
    faulty = 0
    for file in files:
        report = check_file(file, shared, lang)
        faulty += not report["ok"]
        if as_json:
            print(json.dumps(report, ensure_ascii=False))
        else:
            _print_report(report)
    return 1 if faulty else 0


def check_file(file: Path, shared: Any = None, lang: str = "zh") -> dict[str, Any]:
    """``{"file", "ok", "errors", "warnings", "questions"}``."""
    report: dict[str, Any] = {"file": str(file), "ok": False, "errors": [], "warnings": [], "questions": []}
    try:
        form = compile_form(file.read_bytes(), file.name, shared)
    except OSError as error:
        report["errors"] = [_error("unreadable", "", None, "", error.strerror or "?", "")]
    except FormProblems as error:
        report["errors"] = [
            _error(p.code, p.sheet, p.row, p.column, p.message(lang), p.next(lang)) for p in error.problems
        ]
    else:
        report["ok"] = True
        report["warnings"] = [
            _error(p.code, p.sheet, p.row, p.column, p.message(lang), p.next(lang)) for p in form.warnings
        ]
        report["form_id"], report["version"] = form.form_id, form.version
        report["questions"] = form.questions()
    return report


def _error(code: str, sheet: str, row: int | None, column: str, message: str, follow: str) -> dict[str, Any]:
    return {"code": code, "sheet": sheet, "row": row, "column": column, "message": message, "next": follow}


def _print_report(report: dict[str, Any]) -> None:
    if report["ok"]:
        print(f"{report['file']}: 可用 · ok, {len(report['questions'])} 题")
    for error in report["errors"]:
        place = " ".join(str(part) for part in (error["sheet"], error["row"] or "", error["column"]) if part)
        print(f"{report['file']}: {place}: {error['message']} {error['next']}".strip())


# ---- eval and play ---------------------------------------------------------


def _run(command: str, engine: str) -> int:
    prepare, run = {"eval": (prepare_expression, run_expression), "play": (prepare_scenario, run_scenario)}[
        command
    ]
    now = datetime.now(UTC).isoformat()
    key = "error" if command == "eval" else "load_error"
    prepared = [_guarded(prepare, line, key, now) for line in sys.stdin if line.strip()]
    if engine == "js":
        answers: Iterable[dict[str, Any]] = run_js(command, prepared)
    else:
        answers = (_guarded(run, case, key) for case in prepared)
    for answer in answers:
        text = json.dumps(answer, ensure_ascii=False)
        # Half of a character cannot be written as UTF-8, only escaped.
        print(text if text.isprintable() else json.dumps(answer), flush=True)
    return 0


def _guarded(do: Callable[..., dict[str, Any]], case: Any, key: str, *more: str) -> dict[str, Any]:
    """Every case gets its line: whatever is wrong with one must not take the others along."""
    identity = case.get("id") if isinstance(case, dict) else None
    try:
        if isinstance(case, str):
            case = json.loads(case)
            identity = case.get("id") if isinstance(case, dict) else None
        return do(case, *more)
    except Exception as error:
        return {"id": identity, key: f"{type(error).__name__}: {error}", "error": str(error)}


def run_js(command: str, prepared: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same cases through the phone's engine; what did not compile is answered here."""
    node = shutil.which("node")
    if node is None:
        raise SystemExit("node 没有安装 · node is not installed")
    lines = "".join(json.dumps(case) + "\n" for case in prepared if "error" not in case)
    done = subprocess.run(
        [node, str(CORE_CLI), command],
        input=lines,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr.strip())
    answers = map(json.loads, done.stdout.splitlines())
    key = "error" if command == "eval" else "load_error"
    return [{"id": case["id"], key: case["error"]} if "error" in case else next(answers) for case in prepared]
