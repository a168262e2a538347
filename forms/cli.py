"""``form check|support|eval|play``: forms from the command line.

check FILE… [--json] [--lang zh|en]: one line a file, an .xlsx, .xls, .csv, .md, a .zip or folder of
.csv sheets. eval and play read cases
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

from forms.isolated import Checker
from forms.problems import Problem
from forms.support import page
from forms.vectors import prepare_expression, prepare_scenario, run_expression, run_scenario

SUPPORT_PAGE = Path(__file__).parent.parent / "docs" / "form-support.md"
CORE_CLI = Path(__file__).parent.parent / "static" / "js" / "core-cli.js"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="run.py form", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="检查表单 · check forms")
    check.add_argument("files", nargs="+", type=Path)
    check.add_argument("--json", action="store_true", help="one JSON object a file")
    check.add_argument("--lang", default="zh", choices=["zh", "en"])
    commands.add_parser("support", help="写支持表 · write docs/form-support.md").add_argument(
        "--out", type=Path, default=SUPPORT_PAGE
    )
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
    if options.command == "support":
        options.out.write_text(page(), "utf-8")
        return 0
    return _run(options.command, options.engine)


# ---- check -----------------------------------------------------------------


def _check(files: Sequence[Path], as_json: bool, lang: str) -> int:
    faulty = 0
    with Checker() as checker:
        for file in files:
            report = check_file(file, checker, lang)
            faulty += not report["ok"]
            if as_json:
                print(json.dumps(report, ensure_ascii=False), flush=True)
            else:
                _print_report(report)
    return 1 if faulty else 0


def check_file(file: Path, checker: Checker, lang: str = "zh") -> dict[str, Any]:
    """``{"file", "ok", "errors", "warnings", "questions"}``, and what the form is called.

    The choice lists of a ``lists.md`` beside the form are its own too, as in the library; attached files are looked for
    beside it.
    """
    form, warnings, problems = checker.check(file)
    report: dict[str, Any] = {
        "file": str(file),
        "ok": form is not None,
        "errors": [_told(problem, lang) for problem in problems],
        "warnings": [_told(problem, lang) for problem in warnings],
        "questions": form.questions() if form else [],
    }
    if form:
        report |= {
            "form_id": form.form_id, "version": form.version, "title": form.title(lang),
            "languages": form.definition["languages"],
        }  # fmt: skip
    return report


def _told(problem: Problem, lang: str) -> dict[str, Any]:
    return {
        "code": problem.code, "sheet": problem.sheet, "row": problem.row, "column": problem.column,
        "message": problem.message(lang), "next": problem.next(lang),
        **({"position": problem.position} if problem.position else {}),
    }  # fmt: skip


def _print_report(report: dict[str, Any]) -> None:
    if report["ok"]:
        print(f"{report['file']}: 可用 · ok, {len(report['questions'])} 题")
    for kind, mark in (("errors", ""), ("warnings", "(提醒 · warning) ")):
        for told in report[kind]:
            place = " ".join(str(part) for part in (told["sheet"], told["row"] or "", told["column"]) if part)
            print(f"{report['file']}: {place}: {mark}{told['message']} {told['next']}".strip())


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
