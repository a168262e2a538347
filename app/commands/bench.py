"""量一量速度和大小:bench 列出有哪些,如 bench first_load、push · measure speed and size; bench lists what there is"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from app.config import ROOT


def main(arguments: list[str]) -> int:
    names = sorted(path.stem for path in (ROOT / "bench").glob("[a-z]*.py"))
    if not arguments or arguments[0] not in names:
        for name in names:
            print(f"  python3 run.py bench {name:<16} {_summary(ROOT / 'bench' / f'{name}.py')}")
        return 0 if arguments[:1] in ([], ["--help"]) else 2
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "bench")]
    sys.argv = arguments
    runpy.run_path(str(ROOT / "bench" / f"{arguments[0]}.py"), run_name="__main__")
    return 0


def _summary(path: Path) -> str:
    """The first line of a bench's docstring."""
    return next((line for line in path.read_text("utf-8").splitlines() if line.startswith('"""')), "").strip('"')
