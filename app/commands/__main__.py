"""Finds the command named first and runs it; without a name, serves with the demo county."""

import importlib
import sys
from pathlib import Path

NAMES = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0].startswith("-"):
        arguments = ["serve", "--demo", *arguments]
    name, rest = arguments[0], arguments[1:]
    if name not in NAMES:
        known = " ".join(NAMES)
        print(f"✗ 没有“{name}”这个命令;有 · no such command; there are: {known} test lint setup", file=sys.stderr)
        return 2
    command = importlib.import_module(f"app.commands.{name}")
    result: int = command.main(rest)
    return result


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
