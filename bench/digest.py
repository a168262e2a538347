"""What comparing by digest costs a server and a phone: python3 run.py bench digest [--households 100000]

Records are written into the table directly (three members a household, 800 households a village). CPU seconds of this process,
which neighbours on the machine disturb least; the phone's half runs in Node without throttling.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sync import service
from sync.records import DEVICE, NODE, Credential, Grant
from sync.scope import scope_of
from sync.store.base import Store
from sync.store.sqlite import SqliteStore

VILLAGE_HOUSEHOLDS, MEMBERS = 800, 3
COUNTY = "500156"
FIELDS = {f"field_{n}": f"值{n}" for n in range(20)}
ROOT = Path(__file__).parents[1]
PHONE = """
import { createSums } from './static/js/core/digest.js';
const fields = JSON.parse(process.argv[1]);
const sums = createSums();
const start = process.cpuUsage();
for (let n = 0; n < 15000; n++) {
  sums.add({ kind: 'member', id: `m${n}`, area: '500156101201', rev: 1, fields: { ...fields, id: `m${n}` }, since: fields });
}
console.log(process.cpuUsage(start).user / 1e6);
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="run.py bench digest")
    parser.add_argument("--households", type=int, default=100_000)
    households = parser.parse_args().households
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "centre")
        count = fill(store, households)
        print(f"{households} households, {count} records")
        county = Credential(install_id="n", user_id="u", kind=NODE, grants=(Grant("node", COUNTY),))
        village = Credential(install_id="p", user_id="u", kind=DEVICE, grants=(Grant("cadre", area_of(0)),))
        for name, credential in (("a phone's village", village), ("a node of the whole county", county)):
            started, answers, longest = time.process_time(), 0, 0.0
            for took in pages(store, credential):
                answers, longest = answers + 1, max(longest, took)
            print(f"{name}: {time.process_time() - started:.2f} s CPU in {answers} answers, the longest {longest:.2f} s")
        store.close()
    said = subprocess.run(["node", "--input-type=module", "-e", PHONE, json.dumps(FIELDS)], cwd=ROOT, capture_output=True,
                          text=True, check=True)  # fmt: skip
    print(f"the phone's half of 15,000 records: {float(said.stdout):.2f} s CPU")


def pages(store: Store, credential: Credential) -> Iterator[float]:
    """Every answer of one comparison, by its CPU seconds."""
    prefix = store.pull(scope_of(credential), None, 1).cursor.rsplit(".", 1)[0]
    cursor, after = f"{prefix}.{store.latest_seq()}", ""
    while True:
        started = time.process_time()
        said = service.digest(store, credential, cursor, after)
        yield time.process_time() - started
        if not said["more"]:
            return
        after = max(said["places"])


def area_of(household: int) -> str:
    village = household // VILLAGE_HOUSEHOLDS
    return f"{COUNTY}{101 + village // 100}{201 + village % 100}"


def fill(store: SqliteStore, households: int) -> int:
    fields, since = json.dumps(FIELDS, ensure_ascii=False), json.dumps(dict.fromkeys(FIELDS, "2026-11-01"))

    def rows() -> Iterator[tuple[str, str, str, int, int, str, str]]:
        seq = 0
        for household in range(households):
            for member in range(MEMBERS + 1):
                seq += 1
                kind, id = ("household", f"h{household}") if member == 0 else ("member", f"m{household}-{member}")
                yield kind, id, area_of(household), 1, seq, fields, since

    with store._writing() as write:
        write.executemany("INSERT INTO record (kind, id, area, rev, seq, fields, since) VALUES (?, ?, ?, ?, ?, ?, ?)", rows())
        count: int = write.execute("SELECT count(*) FROM record").fetchone()[0]
        write.execute("INSERT INTO change (seq, kind, id) VALUES (?, '', '')", (count,))
    store._latest = count
    return count


if __name__ == "__main__":
    main()
