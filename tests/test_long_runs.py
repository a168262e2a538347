"""The long runs in short: each bench of reliability plays a small part of itself, so that none is broken when it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.browser.servers import ROOT
from tests.postgres import Postgres

RUNS = {
    "late_commits": (["--rows", "1600"], "0 missed"),
    "soak": (["--ops", "1500", "--phones", "20", "--nodes", "4"], "0 lost, 0 doubled, all tiers agree"),
    "kills": (["--kills", "3", "--phones", "2"], "0 lost, 0 doubled"),
    "simulate": (["--sequences", "3"], "0 lost, 0 doubled, all tiers agree"),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_short_part_of(name: str, postgres: Postgres) -> None:
    arguments, wanted = RUNS[name]
    done = subprocess.run([sys.executable, "-m", "app.commands", "bench", name, *arguments],
                          cwd=ROOT, capture_output=True, text=True, timeout=600)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith(wanted)
