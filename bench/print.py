"""What printing costs: milliseconds and kilobytes a sheet, one household and a village of 100.

    python bench/print.py [households]

Sheets of the demo county, through the same jobs and worker processes as the office uses.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import defaultdict
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.config import ROOT
from app.demo.history import Demo, ops
from app.print import fonts, pages, render
from app.print.jobs import Jobs, new_job
from app.print.sheet import Subject
from forms.library import load_library


def sheets(count: int) -> list[str]:
    form = load_library(ROOT / "forms" / "library").forms["visit"]
    records: dict[str, dict[str, dict[str, str]]] = defaultdict(dict)
    since: dict[str, dict[str, str]] = defaultdict(dict)
    for op in ops(Demo(count, 7, date(2026, 11, 24), b"k" * 32)):
        for name, change in op.fields.items():
            records[op.entity].setdefault(op.id, {})[name] = change.new
            since[op.id][name] = op.device_time[:10]
    members: dict[str, list[dict[str, str]]] = defaultdict(list)
    for member in records["member"].values():
        members[member["household_id"]].append(member)
    words = {"status": "脱贫户", "support": ""}
    return [
        pages.sheet_html(form, Subject(household, members[id], since[id], "武隆区土坎镇清水村"), number="XZH6R1YQ",
                         address="https://ruhu.example.cn", printed="2026-11-24", words=words)
        for id, household in records["household"].items()
    ]  # fmt: skip


def main(count: int) -> None:
    font_folder = ROOT / ".tools" / "fonts"
    fonts.prepare(font_folder)
    started = time.perf_counter()
    made = sheets(count)
    print(f"HTML          {(time.perf_counter() - started) * 1000 / count:8.1f} ms a sheet")
    renderer = render.Renderer(fonts.prepare(font_folder))
    renderer.pdf(made[:1])
    started = time.process_time()
    one = renderer.pdf(made[:1])
    print(f"one sheet     {(time.process_time() - started) * 1000:8.0f} ms CPU, {len(one) / 1024:.0f} KB")
    with tempfile.TemporaryDirectory() as folder:
        jobs = Jobs(Path(folder), font_folder)
        started = time.perf_counter()
        job = jobs.start(new_job("sheet", "bench", "", ["5"], count, "now"), lambda: made)
        job = jobs.wait(job.id, 3600)
        seconds = time.perf_counter() - started
        size = jobs.result(job.id).stat().st_size / 1024
        print(f"{count} sheets   {seconds:8.1f} s, {seconds * 1000 / count:.0f} ms and {size / count:.0f} KB a sheet, "
              f"{jobs.workers} workers, {job.state}")  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
