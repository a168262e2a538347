"""把 SQLite 中心搬到 PostgreSQL 并逐行比对 · move a SQLite centre into PostgreSQL, compared"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from app.config import ROOT


def main(arguments: list[str]) -> int:
    from app import keys
    from sync.problems import Problem
    from sync.store.copying import move_to_postgres
    from sync.store.postgres import PostgresStore
    from sync.store.sqlite import SqliteStore

    parser = argparse.ArgumentParser(prog="run.py move", description="搬到 PostgreSQL · move into PostgreSQL")
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "centre", help="SQLite 中心的文件夹 · the folder")
    parser.add_argument("--to", required=True, help="postgresql://…(空的数据库 · an empty database)")
    options = parser.parse_args(arguments)
    folder: Path = options.data.resolve()
    started = time.perf_counter()
    try:
        source = SqliteStore(folder)
        try:
            target = PostgresStore(options.to)
            try:
                counts = move_to_postgres(source, target, lambda table, rows: print(f"… {table} {rows}", flush=True))
                target.agree("secret", keys.secret(folder).hex())
            finally:
                target.close()
        finally:
            source.close()
    except Problem as problem:
        print(f"✗ {problem.message()} {problem.next()}", file=sys.stderr)
        return 1
    print(f"✓ {sum(counts.values())} 行,逐行比对一致 · rows, all compared, {time.perf_counter() - started:.1f} s")
    print(f"  以后这样启动 · serve from now on: python3 run.py serve --data {options.data} --upstream postgresql://…")
    return 0
