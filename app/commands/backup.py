"""备份一个节点(可在运行中做),写完即校验 · back up a node while it runs, verified"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
import time
from datetime import datetime
from pathlib import Path

from app.config import ROOT

_STEPS = {"snapshot": "复制数据库 · copying the database", "writing": "写入备份文件 · writing the backup",
          "verifying": "逐个校验 · reading everything again", "sealing": "加密 · sealing"}  # fmt: skip


def main(arguments: list[str]) -> int:
    from sync.problems import Problem
    from sync.store.backup import back_up
    from sync.store.sealed_backup import back_up_sealed

    parser = argparse.ArgumentParser(prog="run.py backup", description="备份一个节点 · back up a node")
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "centre", help="数据文件夹 · data folder")
    parser.add_argument("--to", type=Path, help="备份文件或文件夹 · file, or folder for a dated file")
    parser.add_argument("--seal", metavar="KEY.pub", type=Path, help="用恢复公钥加密 · seal to this recovery key")
    parser.add_argument("--password", action="store_true", help="用密码加密(会问,或取 RUHU_BACKUP_PASSWORD) · seal by a password")
    parser.add_argument("--new-key", metavar="KEY", type=Path, help="只生成恢复密钥 KEY 和 KEY.pub · only make a recovery key")
    options = parser.parse_args(arguments)
    if options.new_key:
        return _new_key(options.new_key)
    if options.seal and options.password:
        parser.error("--seal 和 --password 只用一个 · one of --seal and --password")
    sealing = {"public": options.seal.read_text("ascii").strip() if options.seal else "",
               "password": asked_password(twice=True) if options.password else ""}  # fmt: skip
    now = datetime.now().astimezone()
    target: Path = (options.to or options.data.parent).resolve()
    if target.is_dir():
        target = target / f"{options.data.resolve().name}-{now:%Y%m%d-%H%M%S}.ruhu-backup"
    started = time.perf_counter()
    try:
        folder = options.data.resolve()
        made = (back_up_sealed(folder, target, now=now, say=_say, **sealing) if any(sealing.values())
                else back_up(folder, target, now=now, say=_say))  # fmt: skip
    except Problem as problem:
        print(f"✗ 备份没有做成 · no backup was made: {problem.message()} {problem.next()}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"✗ 备份没有写成({error.strerror}): {target} · the backup was not written", file=sys.stderr)
        return 1
    size = target.stat().st_size / 1e6
    took = time.perf_counter() - started
    print(f"✓ {target}\n  {made['ops']} 条操作 · ops, {len(made['files'])} 个文件 · files, {size:.1f} MB, {took:.1f} s")
    if any(sealing.values()):
        print("  已加密;恢复密钥或密码丢了就打不开,请另处保管 · sealed: without the key or password it stays closed")
    else:
        print("  里面有个人信息和密钥,请妥善保管,或加 --password 加密 · it holds personal data: store it safely, or use --password")
    return 0


def _say(step: str) -> None:
    print(f"… {_STEPS[step]}", flush=True)


def asked_password(*, twice: bool) -> str:
    """From the terminal, or from the environment for a timer's job. Ends the command when the two differ or are short."""
    given = os.environ.get("RUHU_BACKUP_PASSWORD") or getpass.getpass("备份密码(至少 12 位) · backup password: ")
    if twice and "RUHU_BACKUP_PASSWORD" not in os.environ and getpass.getpass("再输一次 · again: ") != given:
        sys.exit("✗ 两次输入不同 · the two differ")
    if len(given) < 12:
        sys.exit("✗ 密码至少 12 位 · at least 12 characters")
    return given


def _new_key(path: Path) -> int:
    from sync.store.sealed_backup import new_recovery_key

    secret, public = new_recovery_key()
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as out:
            out.write(secret + "\n")
        path.with_name(path.name + ".pub").write_text(public + "\n", "ascii")
    except OSError as error:
        print(f"✗ {error.strerror}: {path}", file=sys.stderr)
        return 1
    print(f"✓ {path}: 锁起来,不要和备份放在一起 · lock it away, apart from the backups")
    print(f"  {path}.pub: 备份时用 · for backups: python3 run.py backup --seal {path}.pub")
    return 0
