"""One table of all versions: page, downloads and the count before publishing, over many submissions.

    python3 run.py bench form_table [--submissions 100000]

Two versions of a form with 40 questions and a repeat of two rows, submissions
half and half. Prints seconds, sizes, rows a second and the memory the process
came to. Loading and reading in are printed too; they happen once.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from app import create_app
from app.auth import hash_password
from app.config import Config
from app.node import open_node
from app.office.form_table import MOST_IN_A_WORKBOOK
from app.publish import Doer, publish_form
from forms.compile import compile_form
from sync.author import Author
from sync.records import Op

COUNTY, VILLAGE, PASSWORD = "500156000000", "500156105203", "ruhu-bench"
QUESTIONS = 40


def form_text(version: int) -> str:
    """Version 2 renames one question, drops one and adds one."""
    lines = ["| survey |", "| | type | name | label::中文 (zh) |"]
    kinds = ("text", "integer", "select_one yes_no", "date")
    for n in range(QUESTIONS):
        name = f"q{n}" if version == 1 or n > 1 else f"r{n}"
        label = f"第 {n} 题" if n != 1 or version == 1 else "新的一题"
        lines.append(f"| | {kinds[n % 4]} | {name} | {label} |")
    lines += ["| | begin_repeat | plot | 地块 |", "| | text | crop | 作物 |", "| | integer | mu | 亩 |", "| | end_repeat | | |"]
    lines += ["| choices |", "| | list_name | name | label::中文 (zh) |", "| | yes_no | yes | 是 |", "| | yes_no | no | 否 |"]
    lines += ["| settings |", "| | form_title | form_id | version |", f"| | 量一量 | bench | {version} |"]
    return "\n".join(lines)


def answers(version: int, n: int) -> dict[str, Any]:
    values = (f"答案 {n}", str(n % 97), "yes" if n % 3 else "no", "2026-11-02")
    own = {f"q{q}" if version == 1 or q > 1 else f"r{q}": values[q % 4] for q in range(QUESTIONS)}
    return {**own, "plot": [{"crop": "玉米", "mu": "3"}, {"crop": "水稻", "mu": "1.5"}]}


def submissions(count: int) -> Iterator[Op]:
    author = Author("i-bench", "u-bench", clock=lambda: datetime(2026, 11, 2, 9).astimezone())
    for n in range(count):
        version = 1 + n % 2
        fields = {"form_id": "bench", "form_version": str(version), "household_id": "h", "answers": answers(version, n),
                  "started": "2026-11-02T09:00:00+08:00", "ended": f"2026-11-02T10:{n % 60:02}:00+08:00"}  # fmt: skip
        yield author.create("submission", f"s{n:07}", VILLAGE, fields)


def timed(name: str, work: Callable[[], Any], rows: int = 0) -> Any:
    begun = time.perf_counter()
    made = work()
    spent = time.perf_counter() - begun
    size = f"  {len(made) / 1024 / 1024:6.1f} MB" if isinstance(made, bytes) else ""
    print(f"{name:<46}{spent:8.2f} s{f'  {rows / spent:9.0f} rows/s' if rows else ''}{size}", flush=True)
    return made


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--submissions", type=int, default=100_000)
    count = parser.parse_args().submissions
    with tempfile.TemporaryDirectory() as folder:
        forms = Path(folder) / "forms"
        forms.mkdir()
        here = open_node(Config(data_dir=Path(folder) / "data", forms_dir=forms, background=False))
        author = Author("i-county", "u-county", clock=lambda: datetime(2026, 11, 1, 9).astimezone())
        user = {"username": "county", "name": "谭县管", "role": "county", "area": COUNTY, "password_hash": hash_password(PASSWORD)}
        here.store.load([
            author.create("area", VILLAGE, VILLAGE, {"name": "清水村"}),
            author.create("user", "u-county", COUNTY, user),
        ])  # fmt: skip
        for version in (1, 2):
            form = compile_form(form_text(version), f"{version}.md")
            publish_form(here.store, form, Doer("u-county", COUNTY, here.now()), renames={"r0": "q0"} if version == 2 else None)
        timed(f"load {count} submissions", lambda: here.store.load(submissions(count)), count)
        timed("read tables", here.tables.catch_up, count)
        browser = signed_in(create_app(here.config, here))

        def get(path: str) -> bytes:
            with browser.get(f"/office{path}") as reply:
                assert reply.status_code == 200, reply.text
                return bytes(reply.data)

        get("/forms/bench/table")
        timed("page of the table, first", lambda: get("/forms/bench/table"))
        timed("page of the table, last", lambda: get(f"/forms/bench/table?page={count // 50}"))
        timed("CSV, main table", lambda: get("/submissions.csv?form=bench"), count)
        timed("CSV, the repeat", lambda: get("/submissions.csv?form=bench&repeat=/data/plot"), 2 * count)
        timed("what version 2 changed, with counts", lambda: get("/forms/bench/changes?version=2"), count)
        if count <= MOST_IN_A_WORKBOOK:
            timed("workbook, both tables and codebook", lambda: get("/forms/bench/table.xlsx"), 3 * count)
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"memory at most {most:.0f} MB, replies held whole by this bench")
        here.close()


def signed_in(app: Any) -> Any:
    browser = app.test_client()
    page = browser.get("/office/sign-in").text
    token = page.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]
    data = {"username": "county", "password": PASSWORD, "csrf_token": token}
    assert browser.post("/office/sign-in", data=data).status_code == 303
    return browser


if __name__ == "__main__":
    main()
