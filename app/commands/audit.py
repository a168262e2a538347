"""核对审计链:逐条看有没有被改过、删过 · verify the audit chain, naming each row that was edited or removed"""

from __future__ import annotations

import argparse
import sys
from itertools import islice
from pathlib import Path

from app.config import ROOT
from sync.audit import Fault

MOST = 50
_WORDS = {
    "entry_changed": "审计链第 {n} 条被改过 · entry edited",
    "entry_missing": "审计链第 {n} 条被删了 · entry removed",
    "op_changed": "第 {n} 条操作被改过({part};设备 {about} 的第 {dseq} 条)· op edited",
    "op_missing": "第 {n} 条操作被删了(设备 {about} 的第 {dseq} 条)· op removed",
    "op_unknown": "第 {n} 条操作不是从程序进来的(设备 {about} 的第 {dseq} 条)· op that was never taken in",
    "head_differs": "{about} 签过的链尾(第 {n} 条)与现在的不符,后面被重写过 · rewritten after that day's signature",
    "differs": "上下级保存的签名与本机不符:{about} · a neighbour's copy of our signature does not fit",
}


def main(arguments: list[str]) -> int:
    from app import keys
    from sync.audit import DIFFERS, Head, head_faults
    from sync.keys import public_text, signing_key
    from sync.problems import Problem
    from sync.store.opening import audit_of

    parser = argparse.ArgumentParser(prog="run.py audit", description="核对审计链 · verify the audit chain")
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "centre", help="数据文件夹 · data folder")
    parser.add_argument("--database", default="", help="PostgreSQL 网址 · address of the database")
    options = parser.parse_args(arguments)
    folder: Path = options.data.resolve()
    try:
        with audit_of(folder, options.database) as (server_id, ask, faults):
            found = list(islice(faults, MOST))
            heads = [Head(*row) for row in ask("SELECT server_id, day, epoch, n, link, public, sig FROM audit_head"
                                               " WHERE server_id = ? ORDER BY day", server_id)]  # fmt: skip
            if heads and (folder / keys.FILE).exists():
                public = public_text(signing_key(keys.secret(folder)))
                found += head_faults(heads, public, lambda n: _link(ask("SELECT link FROM audit WHERE n = ?", n)))
            found += [Fault(DIFFERS, 0, row[0]) for row in ask("SELECT about FROM audit WHERE what = ?", DIFFERS)]
            end = ask("SELECT n, at, link FROM audit ORDER BY n DESC LIMIT 1")
    except Problem as problem:
        print(f"✗ {problem.message()} {problem.next()}", file=sys.stderr)
        return 1
    for fault in found:
        print(f"✗ {_WORDS[fault.what].format(**fault._asdict())}", file=sys.stderr)
    if found:
        print("  请保留现场,不要再改数据库,并与上级核对 · change nothing, compare with the server above", file=sys.stderr)
        return 1
    n, at, link = end[0] if end else (0, "", b"")
    print(f"✓ 审计链完好:{n} 条,至 {at} · the audit chain is whole")
    print(f"  链尾 · its end: {bytes(link).hex()}")
    return 0


def _link(rows: list[tuple[bytes]]) -> bytes | None:
    return bytes(rows[0][0]) if rows else None
