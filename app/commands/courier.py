"""捎带文件:courier out|in 文件,没有网络时用 U 盘同步 · sync by a file on a stick"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from app.config import ROOT


def main(arguments: list[str]) -> int:
    from sync.problems import Problem

    parser = argparse.ArgumentParser(prog="run.py courier", description="捎带文件 · courier files")
    parser.add_argument("what", choices=("out", "in"), help="out 做一个带走;in 收下一个 · make one, or take one in")
    parser.add_argument("file", type=Path, help=".ruhu 文件 · the file")
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "centre", help="数据文件夹 · data folder")
    parser.add_argument("--receipts", type=Path, help="回执写到哪里(默认在文件旁边) · where the receipts go")
    options = parser.parse_args(arguments)
    try:
        return _out(options) if options.what == "out" else _in(options)
    except Problem as problem:
        print(f"✗ {problem.message()} {problem.next()}", file=sys.stderr)
        if problem.code == "folder_in_use":
            print("  节点正在运行:请用办公端的“捎带”页 · it is serving: use the office page /office/courier", file=sys.stderr)
    except OSError as error:
        print(f"✗ {error.strerror}: {error.filename}", file=sys.stderr)
    return 1


def _out(options: argparse.Namespace) -> int:
    with _desk(options.data) as desk:
        part = options.file.with_name(options.file.name + ".part")
        try:
            with part.open("wb") as out:
                _, held = desk.make(out)
                out.flush()
                os.fsync(out.fileno())  # the stick may be pulled out at once
            os.replace(part, options.file)
        finally:
            part.unlink(missing_ok=True)
    print(f"✓ {options.file}: {held.ops} 条操作 · ops, {held.blobs} 个附件 · files, {options.file.stat().st_size / 1e6:.1f} MB")
    print("  已封好,只有中心能打开;这里的内容没有删 · closed for the centre; nothing was deleted here")
    return 0


def _in(options: argparse.Namespace) -> int:
    with _desk(options.data) as desk, options.file.open("rb") as source:
        errand = desk.bring(source, by="", now=datetime.now().astimezone(), wait=True)
        if errand.answered:
            target = options.receipts or options.file.with_suffix(".receipts.ruhu")
            target.write_bytes(desk.answer(errand).read_bytes())
            print(f"  回执 · receipts: {target}")
    for line in _told(errand.kind, errand.found):
        print(f"  {line}")
    if errand.problem:
        from sync.problems import message_of, next_of

        print(f"✗ {message_of(errand.problem)} {next_of(errand.problem)}", file=sys.stderr)
        return 1
    waits = "等着带到中心 · waits to be carried to the centre" if errand.state == "carried" else "收下了 · taken in"
    print(f"✓ {options.file}: {waits}")
    return 0


def _told(kind: str, found: dict[str, Any]) -> Iterator[str]:
    """What was in the file, a line each."""
    if kind == "receipts" and found:
        yield f"中心确认 {found['receipts']} 条 · confirmed, 新资料 {found['records']} 条 · news"
        if found["differing"]:
            yield f"对不上 {found['differing']} 条,请告诉管理员 · differ from this node's log: tell the administrator"
    elif found:
        results = dict(found["results"])
        yield f"一共 {found['ops']} 条 · ops, 以前收过 {results.pop('duplicate', 0)} · known, 其余 · others {results}"
        yield f"照片等附件 · files {found['blobs'] - found['missing']} / {found['blobs']}"
        for install, first in found["gaps"].items():
            yield f"设备 {install[:8]} 缺第 {first} 条起的内容 · ops are missing from that number on"


@contextlib.contextmanager
def _desk(data: Path) -> Iterator[Any]:
    """The desk of a folder that nobody serves at the moment."""
    from app.courier import Desk
    from sync.problems import Problem
    from sync.store.sqlite import SqliteStore

    if not (data / "store.db").exists():
        raise Problem("not_found", where=str(data))
    store = SqliteStore(data.resolve())
    try:
        yield Desk(store, data.resolve(), lambda: datetime.now().astimezone())
    finally:
        store.close()
