"""量一量速度和大小:bench first_load|print|screenshots · measure speed and size"""

from __future__ import annotations

import runpy
import sys

from app.config import ROOT


def main(arguments: list[str]) -> int:
    names = sorted(path.stem for path in (ROOT / "bench").glob("[a-z]*.py"))
    if not arguments or arguments[0] not in names:
        print("python3 run.py bench " + " | ".join(names))
        return 0 if arguments[:1] in ([], ["--help"]) else 2
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "bench")]
    sys.argv = arguments
    runpy.run_path(str(ROOT / "bench" / f"{arguments[0]}.py"), run_name="__main__")
    return 0
