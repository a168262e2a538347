"""备份一个节点(可在运行中做),写完即校验 · back up a node while it runs, verified"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import datetime
from pathlib import Path

from app.config import ROOT

_STEPS = {"snapshot": "复制数据库 · copying the database", "writing": "写入备份文件 · writing the backup",
          "verifying": "逐个校验 · reading everything again"}  # fmt: skip


def main(arguments: list[str]) -> int:
    from sync.problems import Problem
    from sync.store.backup import back_up

    parser = argparse.ArgumentParser(prog="run.py backup", description="备份一个节点 · back up a node")
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "centre", help="数据文件夹 · data folder")
    parser.add_argument("--to", type=Path, help="备份文件或文件夹 · file, or folder for a dated file")
    options = parser.parse_args(arguments)
    now = datetime.now().astimezone()
    target: Path = (options.to or options.data.parent).resolve()
    if target.is_dir():
        target = target / f"{options.data.resolve().name}-{now:%Y%m%d-%H%M%S}.ruhu-backup"
    started = time.perf_counter()
    try:
        made = back_up(options.data.resolve(), target, now=now, say=lambda step: print(f"… {_STEPS[step]}", flush=True))
    except Problem as problem:
        print(f"✗ {problem.message()} {problem.next()}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"✗ 备份没有写成({error.strerror}): {target} · the backup was not written", file=sys.stderr)
        return 1
    size = target.stat().st_size / 1e6
    took = time.perf_counter() - started
    print(f"✓ {target}\n  {made['ops']} 条操作 · ops, {len(made['files'])} 个文件 · files, {size:.1f} MB, {took:.1f} s")
    print("  里面有个人信息和密钥,请妥善保管 · it holds personal data and keys: store it safely")
    return 0
