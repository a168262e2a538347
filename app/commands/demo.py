"""生成演示县(虚构数据),--households N 可到 500000 · make the demo county"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

from app.config import ROOT

SEED = 20170601
"""The month of the news report the project grew from."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="run.py demo", description="生成演示县(虚构数据) · make the demo county")
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "centre")
    parser.add_argument("--households", type=int, default=900)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(arguments)
    if not 1 <= options.households <= 500_000:
        parser.error("--households: 1 … 500000")
    if (options.data / "store.db").exists():
        print(
            f"✗ {options.data} 里已有数据;换一个文件夹(--data),或先移走它 · already holds data; choose another folder",
            file=sys.stderr,
        )
        return 1
    started = time.perf_counter()
    ensure_demo(options.data.resolve(), households=options.households, seed=options.seed)
    print(f"✓ {options.data}: {options.households} 户 · households, {time.perf_counter() - started:.1f} s")
    return 0


def ensure_demo(data_dir: Path, *, households: int, seed: int = SEED) -> None:
    """Make the demo county in data_dir unless a store is there already.

    It is built beside the folder and moved in whole, so that an interrupted
    build never leaves half a county to serve.
    """
    from app import demo
    from app.keys import code_key
    from app.node import NodeProblem
    from sync.store.sqlite import SqliteStore

    if (data_dir / "store.db").exists():
        return
    print(f"… 生成演示县(虚构数据),{households} 户 · making the demo county", flush=True)
    part = data_dir.with_name(data_dir.name + ".part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        store = SqliteStore(part)
        try:
            made = demo.build(store, households=households, seed=seed, today=date.today(), key=code_key(part))
        finally:
            store.close()
        (part / "demo.json").write_text(json.dumps(made, ensure_ascii=False, indent=1), encoding="utf-8")
        data_dir.mkdir(parents=True, exist_ok=True)
        for item in part.iterdir():
            item.rename(data_dir / item.name)
        part.rmdir()
    except PermissionError as error:
        raise NodeProblem(
            f"不能写入数据文件夹 {data_dir}({error.strerror});请换一个可写的(--data)· the data folder cannot be written"
        ) from error


def read_demo(data_dir: Path) -> dict[str, Any] | None:
    """What the demo generator wrote: {"sign_ins": [{username, password, title}], "node": {username, password}}."""
    path = data_dir / "demo.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
