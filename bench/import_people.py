"""A roster of 200,000 people: reading and comparing it, taking it in, and how much memory each part needs.

    python3 run.py bench import_people [--people 200000] [--kind xlsx]

Real worker processes read a real file against an empty register and against
the register it has just filled; taking in writes through the store as the
office does. Goal: all of it in 60 s and 600 MB. Memory is that of this process
and of all that it started, together, as often as it was looked at.
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import sys
import tempfile
import threading
import time
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import xlsxwriter

from app.codelists import code_lists
from app.demo.areas import places, plan
from app.demo.id_numbers import id_number
from app.roster import headings, jobs
from app.roster.jobs import Imports
from app.roster.plan import Plan
from app.roster.taking import Taker
from app.serve import COLLECT_EVERY
from app.tables import Tables
from sync.author import Author
from sync.store.opening import open_store

HEAD = [
    *("序号", "县", "乡镇", "村", "组", "户编号", "人口编号", "姓名", "与户主关系", "性别", "证件号码", "民族", "文化程度"),
    *("健康状况", "劳动技能", "务工区域", "务工时间(月)", "医疗保险", "养老保险", "政治面貌", "户类型", "联系电话"),
    "人均纯收入(元)",
]
HOME_SIZE = 4


def rows(people: int, villages: list[Any]) -> Any:
    random = Random(7)
    labels = {name: [pair[0] for pair in code_lists()[name].values()] for name in code_lists()}
    given = "明华国建秀英桂兰玉珍志强丽军平芳"
    for number in range(people):
        home, place = divmod(number, HOME_SIZE)
        village = villages[home * len(villages) // (people // HOME_SIZE + 1)]
        born = date(1940, 1, 1) + timedelta(days=random.randrange(29_000))
        of_home = Random(home)
        relation = ("户主", "配偶", "之子", "之女")[place]
        yield [
            str(number + 1), village.county.name, village.township.name, village.name, f"{home % 9 + 1}组",
            f"99{home:010d}", f"98{number:011d}", "冉田谭向李王"[home % 6] + random.choice(given) + random.choice(given),
            relation, "男" if number % 2 else "女", id_number("500156", born, (number % 499) * 2 + number % 2), "土家族",
            random.choice(labels["education"]), "健康", random.choice(labels["labour"]), random.choice(labels["work_area"]),
            str(random.randrange(13)), "城乡居民医保", "城乡居民养老", "群众", of_home.choice(labels["household_status"]),
            f"139{of_home.randrange(10**8):08d}", str(of_home.randrange(6_000, 30_000)),
        ]  # fmt: skip


def write_xlsx(path: Path, people: int, villages: list[Any]) -> None:
    book = xlsxwriter.Workbook(path, {"constant_memory": True})
    sheet = book.add_worksheet("花名册")
    sheet.write_string(0, 0, "某县农户花名册")
    sheet.write_row(1, 0, HEAD)
    for number, row in enumerate(rows(people, villages), 2):
        for column, cell in enumerate(row):
            sheet.write_string(number, column, cell)
    book.close()


class Memory:
    """The most that processes started from here have held together, and this one alone, since `begin`."""

    def __init__(self) -> None:
        self.begin()
        threading.Thread(target=self._look, daemon=True).start()

    def begin(self) -> None:
        self.started = self.own = 0

    def _look(self) -> None:
        while True:
            own = os.getpid()
            self.own = max(self.own, _held(own))
            self.started = max(self.started, sum(map(_held, _below(own))))
            time.sleep(0.1)


def _below(pid: int) -> list[int]:
    """The processes that this one started, and what those started."""
    try:
        children = [int(one) for path in Path(f"/proc/{pid}/task").glob("*/children") for one in path.read_text().split()]
    except OSError:
        return []
    return children + [one for child in children for one in _below(child)]


def _held(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() // 1_000_000
    except OSError:
        return 0


def cpu_seconds() -> float:
    """Of this process and of the workers that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=200_000)
    asked = parser.parse_args()
    villages = plan(60_000)
    gc.set_threshold(COLLECT_EVERY)  # as where a node is served
    now = datetime.now().astimezone()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = open_store(folder / "data", "")
        author = Author("i-areas", "u", clock=lambda: now)
        store.load([author.create("area", a.code12, a.code12, {"name": a.name}) for a in places(villages)])
        tables = Tables(folder / "data" / "read.db", store)
        tables.catch_up()
        here = Imports(folder / "imports")
        job = here.new("roster.xlsx", ".xlsx", "u", ["50"], now.isoformat())
        write_xlsx(here.path(job) / job.file, asked.people, villages)
        size = (here.path(job) / job.file).stat().st_size / 1e6
        print(f"{asked.people:,} people, {len(HEAD)} columns, {size:.1f} MB")

        memory = Memory()

        def step(words: str, what: Any) -> float:
            memory.begin()
            began, cpu = time.perf_counter(), cpu_seconds()
            said = what()
            took = time.perf_counter() - began
            used = f"{memory.own} MB here, {memory.started} MB in what it started"
            print(f"  {words:44} {took:6.1f} s, CPU {cpu_seconds() - cpu:5.1f} s, {used}   {said}")
            return took

        step("look at the first rows, when it comes", lambda: here.in_worker("look", job, {}))
        targets = headings.guess(here.look(job)[0]["first"][1], {})
        task = {
            "read_db": tables.path, "scope": ("1", []), "prefixes": ["50"], "today": now.date().isoformat(),
            "sheet": "花名册", "header": 2, "targets": targets, "by_person": True, "mode": "fill", "village": "",
            "decisions": {},
        }  # fmt: skip

        def compare() -> Any:
            wrong = here.in_worker("compare", job, task)
            assert not wrong, wrong
            return Plan(here.path(job)).meta()["counts"]

        total = step("read and compare with an empty register", compare)
        taker = Taker(store, Plan(here.path(job)), job.id, "u", b"k" * 32, lambda: now, lambda: True, lambda done: None)
        total += step("take in", lambda: taker.take_in())
        print(f"  {'together':44} {total:6.1f} s")
        step("read tables catch up", lambda: tables.catch_up())
        here.put(replace(job, state=jobs.DONE))
        step("the same file again: all of it is there", compare)
        tables.close()
        store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
