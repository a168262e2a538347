"""The register's search over half a million households: what a page's query takes, p50 and p95.

    python3 run.py bench register_search [--households 500000]

The read tables are filled from a stream of made-up records, as they follow a
store, for a tenth of the households; nine copies of it in other counties are
made inside the tables. Then names, pinyin, tails of ID numbers, places and codes are looked
for, county-wide and in one village, with the page's own function. Goal:
p95 of 100 ms.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from random import Random

from _copies import COPIES, multiply

from app.demo.areas import plan
from app.tables import Tables
from app.tables.duplicates import likely_pairs
from app.tables.households import HouseholdWish, find_households
from sync.records import Record, Scope, UnreadPage
from sync.store.kept import unread_of

SURNAMES = "冉田谭向李王张杨陈罗刘黄周吴徐孙马朱胡郭何高林郑"
GIVEN = "明华国建秀英桂兰玉珍志强丽军平芳伟勇艳杰娟涛超霞飞红梅春林"
HOME_SIZE = 4


class Made:
    """A store's log that is made up while it is read."""

    server_id, epoch = "bench", "1"

    def __init__(self, households: int) -> None:
        self.households = households
        self.villages = plan(households)

    def latest_seq(self) -> int:
        return self.households * (HOME_SIZE + 1)

    def history(self, kind: str, id: str, since: int = 0) -> list[object]:
        return []

    def makers(self, kind: str, ids: object) -> dict[str, object]:
        return {}

    def get(self, kind: str, id: str) -> None:
        return None

    def changes_unread(self, after_seq: int, limit: int) -> UnreadPage:
        end = min(after_seq + limit, self.latest_seq())
        records = [unread_of(self._record(seq)) for seq in range(after_seq + 1, end + 1)]
        return UnreadPage(end, end < self.latest_seq(), records)

    def _record(self, seq: int) -> Record:
        home, place = divmod(seq - 1, HOME_SIZE + 1)
        area = self.villages[home * len(self.villages) // self.households].code12
        random = Random(home * 10 + max(place, 1))
        name = random.choice(SURNAMES) + random.choice(GIVEN) + random.choice(GIVEN)
        if place == 0:
            fields = {"head_name": name, "group": f"{home % 9 + 1}组", "house_no": str(home % 300), "code": f"{home:026d}",
                      "national_no": f"99{home:010d}", "status": "ordinary"}  # fmt: skip
            return Record(kind="household", id=f"h{home}", area=area, rev=1, seq=seq, fields=fields, since={})
        fields = {"household_id": f"h{home}", "line": str(place), "full_name": name, "state": "active",
                  "id_no": f"500156{1940 + random.randrange(80)}{random.randrange(1, 13):02d}15{home * 7 % 10000:04d}",
                  "relation": "01" if place == 1 else "03"}  # fmt: skip
        return Record(kind="member", id=f"m{home}-{place}", area=area, rev=1, seq=seq, fields=fields, since={})


def p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--households", type=int, default=500_000)
    parser.add_argument("--searches", type=int, default=300)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        made = Made(asked.households // COPIES)
        tables = Tables(Path(name) / "read.db", made)  # type: ignore[arg-type]
        began = time.perf_counter()
        tables.catch_up()
        took = time.perf_counter() - began
        print(f"{made.latest_seq():,} records read in {took:.0f} s ({made.latest_seq() / took:,.0f} a second)", flush=True)
        began = time.perf_counter()
        with tables.writing() as db:
            multiply(db.conn, code="printf('%026d', code + ?1 * 1000000)")
        homes = tables.reading()["households"].count
        print(f"copied to {homes:,} households in {time.perf_counter() - began:.0f} s", flush=True)
        random = Random(3)
        scope, village = Scope(area_prefixes=("50",)), made.villages[len(made.villages) // 2].code12
        kinds = {
            "whole name": lambda: random.choice(SURNAMES) + random.choice(GIVEN) + random.choice(GIVEN),
            "part of a name": lambda: random.choice(GIVEN) + random.choice(GIVEN),
            "initials": lambda: "".join(random.choice("rtxlwzyc") for _ in range(3)),
            "tail of an ID number": lambda: f"{random.randrange(10_000):04d}",
            "group and house": lambda: f"{random.randrange(1, 10)}组 {random.randrange(300)}",
            "household code": lambda: f"{random.randrange(made.households) + random.randrange(COPIES) * 1_000_000:026d}",
            "nothing typed": lambda: "",
        }
        for words, make in kinds.items():
            for where, area in (("all", ""), ("one village", village)):
                times, cpu = [], []
                for _ in range(asked.searches):
                    text = make()
                    began, used = time.perf_counter(), time.thread_time()
                    find_households(tables, scope, HouseholdWish(text=text, area=area))
                    times.append((time.perf_counter() - began) * 1000)
                    cpu.append((time.thread_time() - used) * 1000)
                print(f"  {words:22} {where:12} p50 {statistics.median(times):7.1f} ms  p95 {p95(times):7.1f} ms   "
                      f"CPU p95 {p95(cpu):7.1f} ms", flush=True)
        for where, area in (("all", ""), ("one village", village)):
            began = time.perf_counter()
            pairs = likely_pairs(tables, scope, area)
            print(f"  likely duplicates, {where}: {len(pairs)} in {time.perf_counter() - began:.1f} s", flush=True)
        tables.close()


if __name__ == "__main__":
    main()
