"""The register as a workbook: 100,000 people by 40 columns, through the page that sends it.

    python3 run.py bench export_xlsx [--people 100000]

Loads people into a store once, then downloads as the office does (Flask's
client, so server time alone), as .xlsx and as CSV. Goal: 20 s for the workbook.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from datetime import datetime
from pathlib import Path

from app import create_app
from app.auth import hash_password
from app.config import Config
from app.node import open_node
from forms.register import FIELDS
from sync.author import Author

COUNTY, VILLAGE, PASSWORD, COLUMNS = "500156000000", "500156105203", "ruhu-bench", 40


def load(store: object, people: int) -> None:
    author = Author("i-bench", "u-bench", clock=lambda: datetime(2026, 11, 2, 9).astimezone())
    ops = [author.create("area", code, code, {"name": name}) for code, name in ((COUNTY, "武隆区"), (VILLAGE, "清水村"))]
    ops.append(author.create("user", "u-bench", COUNTY, {"username": "bench", "name": "量", "role": "county", "area": COUNTY,
                                                         "password_hash": hash_password(PASSWORD)}))  # fmt: skip
    store.load(ops)  # type: ignore[attr-defined]
    values = {"relation": "02", "sex": "1", "health": "01", "labour": "01", "education": "03", "work_months": "7"}

    def every() -> object:
        for n in range(people):
            if n % 4 == 0:
                home = f"h-{n}"
                yield author.create("household", home, VILLAGE, {"head_name": f"户主{n}", "group": f"{n % 9}组",
                                    "national_no": f"99{n:010d}", "status": "exited", "house_no": str(n)})  # fmt: skip
            fields = {field.name: f"{field.zh}{n % 97}" for field in FIELDS["member"] if field.type == "text"}
            yield author.create("member", f"m-{n}", VILLAGE, fields | values | {"household_id": home, "line": str(n % 4 + 1),
                                "id_no": f"5001561970{n:08d}", "birth_date": "1970-01-02"})  # fmt: skip

    store.load(every())  # type: ignore[attr-defined]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=100_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        here = open_node(Config(data_dir=Path(name) / "data", background=False))
        load(here.store, asked.people)
        here.tables.catch_up()
        app = create_app(here.config, here)
        browser = app.test_client()
        token = browser.get("/office/sign-in").text.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]
        browser.post("/office/sign-in", data={"username": "bench", "password": PASSWORD, "csrf_token": token})
        page = browser.get("/office/export/members").text
        token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        offered = [part.partition('"')[0] for part in page.split('name="column" value="')[1:]]
        columns = offered[:COLUMNS]
        for ending in ("xlsx", "csv"):
            began, cpu, size, first = time.perf_counter(), time.process_time(), 0, 0.0
            reply = browser.post(f"/office/export/members.{ending}", data={"column": columns, "csrf_token": token}, buffered=False)
            assert reply.status_code == 200, reply.text
            for piece in reply.response:
                first = first or time.perf_counter() - began
                size += len(piece)
            took = time.perf_counter() - began
            print(f"  {asked.people:,} × {len(columns)} .{ending:5} {took:6.1f} s, CPU {time.process_time() - cpu:5.1f} s, "
                  f"first byte {first:4.2f} s, {size / 1e6:5.1f} MB, "
                  f"process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")
        here.close()


if __name__ == "__main__":
    main()
