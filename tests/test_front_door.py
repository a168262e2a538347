"""The front door's first set-up, cut off as a power cut does it.

A copy of run.py in a tree of its own, with no packages to fetch: the virtual
environment, pip, npm, the build and the stamps between them are the real ones.

1. killed in the middle of a step, the next start goes on: what was done stays done, what was half is made anew
2. a start after that does nothing
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from app.config import ROOT

VENV, PIP, NPM, BUILD, WORDS = "virtual environment", "Python packages", "npm packages", "phone app", "translations"
# Waits, once, where the test wants to pull the plug.
SLOW = """
const { existsSync, mkdirSync, writeFileSync } = require('fs');
const name = process.argv[2];
if (process.env.CUT === name) { writeFileSync(`${name}.begun`, '');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60000); }
if (name === 'build') { mkdirSync('static/dist', { recursive: true }); writeFileSync('static/dist/manifest.json', '{}'); }
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "ruhu"
    files = {
        "requirements.lock": "", "package.json": json.dumps({"name": "t", "version": "1.0.0", "scripts": {
            "preinstall": "node slow.cjs npm"}}),
        "package-lock.json": json.dumps({"name": "t", "version": "1.0.0", "lockfileVersion": 3, "packages": {
            "": {"name": "t", "version": "1.0.0"}}}),
        "slow.cjs": SLOW, "static/build.js": "process.argv[2] = 'build'; require('../slow.cjs');",
        "app/translations/messages.po": "", "app/__init__.py": "", "app/commands/__init__.py": "",
        "app/commands/__main__.py": "",
    }  # fmt: skip
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text, "utf-8")
    shutil.copy(ROOT / "run.py", tree / "run.py")
    return tree


def start(tree: Path, cut: str = "") -> subprocess.Popen[str]:
    (tree / "home").mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys._base_executable, "run.py", "setup"], cwd=tree, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={"PATH": os.environ["PATH"], "HOME": str(tree / "home"), "CUT": cut}, start_new_session=True,
    )  # fmt: skip


def killed_when(tree: Path, sign: Path, cut: str = "") -> list[str]:
    """Start, and kill everything at once when the sign appears; the steps it had begun."""
    process = start(tree, cut)
    until = time.monotonic() + 120
    while not sign.exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < until, "the step was not reached"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    return steps(process.communicate()[0])


def finished(tree: Path) -> list[str]:
    process = start(tree)
    said = process.communicate(timeout=180)[0]
    assert process.returncode == 0, said
    assert "ready" in said
    return steps(said)


def steps(said: str) -> list[str]:
    known = (VENV, PIP, NPM, BUILD, WORDS)
    return [name for line in said.splitlines() if line.startswith("…") for name in known if name in line]


@pytest.mark.skipif(os.name != "posix" or shutil.which("npm") is None, reason="needs process groups and an npm")
def test_an_interrupted_set_up_goes_on_where_it_stopped(tree: Path) -> None:
    # In the middle of making the environment: half of one is there.
    assert killed_when(tree, tree / ".venv" / "pyvenv.cfg") == [VENV]
    assert not (tree / ".venv" / ".stamp-venv").exists()
    assert killed_when(tree, tree / "npm.begun", cut="npm") == [VENV, PIP, NPM]
    assert killed_when(tree, tree / "build.begun", cut="build") == [NPM, BUILD]
    assert not (tree / "static" / "dist" / ".stamp").exists()
    assert finished(tree) == [BUILD, WORDS]
    assert finished(tree) == []


@pytest.fixture(scope="module")
def door() -> Any:
    spec = importlib.util.spec_from_file_location("front_door", ROOT / "run.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_as_many_tests_at_once_as_cores_and_memory_bear(door: Any) -> None:
    gigabyte = 1024**3
    assert [door.test_processes(cores, 16 * gigabyte) for cores in (1, 2, 3, 16)] == [2, 3, 4, 4]
    assert [door.test_processes(2, memory * gigabyte) for memory in (1, 2, 4, 5)] == [1, 1, 2, 3]


def test_only_a_few_tests_in_a_browser_are_worth_a_second_try(door: Any) -> None:
    page = "tests/browser/test_one_visit.py::test_it"
    assert door.worth_a_second_try([page]) == [page]
    assert door.worth_a_second_try([]) == []
    assert door.worth_a_second_try([page, "tests/test_sync_two_hops.py::test_it"]) == []
    assert door.worth_a_second_try([f"{page}{n}" for n in range(4)]) == []
