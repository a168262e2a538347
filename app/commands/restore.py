"""恢复备份,或确认使用旧数据(--confirm) · restore a backup, or confirm old data"""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from pathlib import Path

from app.config import ROOT


def main(arguments: list[str]) -> int:
    from app.commands.backup import asked_password
    from sync.problems import Problem
    from sync.store.backup import renew_epoch, restore, verify
    from sync.store.sealed_backup import is_sealed, needs_password, recovery_key, restore_sealed

    parser = argparse.ArgumentParser(prog="run.py restore", description="恢复备份 · restore a backup")
    parser.add_argument("backup", type=Path, nargs="?", help="备份文件 · the backup")
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "centre", help="数据文件夹 · data folder")
    parser.add_argument("--check", action="store_true", help="只校验备份 · verify the backup only")
    parser.add_argument("--key", type=Path, help="加密备份的恢复密钥 · recovery key of a sealed backup")
    parser.add_argument("--confirm", action="store_true", help="确认文件夹里的旧数据就是要用的 · the old data shall go on")
    parser.add_argument("--upstream", default="", help="与 --confirm 合用:恢复过的 postgresql://… · a database that was restored")
    options = parser.parse_args(arguments)
    if bool(options.backup) == options.confirm:
        parser.error("给出备份文件,或 --confirm · give a backup, or --confirm")
    folder: Path = options.data.resolve()
    try:
        if options.confirm and options.upstream:
            from sync.store.postgres_restored import renew_epoch as renew_database

            renew_database(options.upstream)
            print("✓ 数据库可以继续使用;下级节点会把缺少的重新上报 · the nodes below will offer again what is missing")
            return 0
        if options.confirm:
            renew_epoch(folder)
            print(f"✓ {folder}: 手机和下级节点会把缺少的重新上报 · phones and nodes will offer again what is missing")
            return 0
        now = datetime.now()
        if is_sealed(options.backup):
            password = asked_password(twice=False) if needs_password(options.backup) else ""
            key = recovery_key(options.key.read_text("ascii")) if options.key else None
            manifest = restore_sealed(options.backup, folder, now=now, key=key, password=password, check=options.check)
        else:
            manifest = verify(options.backup) if options.check else restore(options.backup, folder, now=now)
    except Problem as problem:
        print(f"✗ {problem.message()} {problem.next()}", file=sys.stderr)
        return 1
    except FileExistsError as error:
        print(f"✗ 上次恢复没有完成,请先删除 · an earlier restore was cut short, remove first: {error.filename}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"✗ 没有恢复成({error.strerror}),原数据没有改动: {folder} · not restored, the folder is as it was", file=sys.stderr)
        return 1
    print(f"✓ {manifest['made']} 的备份,{manifest['ops']} 条操作 · backup of that moment, ops")
    if not options.check:
        print(f"  已放到 {folder};之后的走访会由手机和下级节点重新上报 · what came later is offered again")
    return 0
