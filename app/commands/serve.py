"""启动一个节点(--upstream 指明上级即为村级节点) · serve a node"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import qrcode

from app.commands.demo import ensure_demo, read_demo
from app.config import ROOT, Config


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    demo = options.demo and not options.upstream
    config = Config(
        data_dir=options.data.resolve(),
        host=options.host,
        port=options.port,
        upstream=options.upstream.rstrip("/"),
        public_url=options.public_url,
        lang=options.lang,
        cert=options.cert,
        key=options.key,
    )
    # Imported late: everything above answers --help at once.
    from app.node import NodeProblem, join
    from app.serve import serve

    try:
        if demo:
            ensure_demo(config.data_dir, households=options.households)
        if options.join:
            username, _, password = options.join.partition(":")
            join(config, username, password or os.environ.get("RUHU_JOIN_PASSWORD", ""))
        return serve(config, say=print, ready=lambda: _welcome(config))
    except NodeProblem as problem:
        print(f"✗ {problem}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="run.py serve", description="启动一个节点 · serve a node")
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "centre", help="数据文件夹 · data folder")
    parser.add_argument("--host", default="127.0.0.1", help="监听地址 · address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="端口 · port (default %(default)s)")
    parser.add_argument("--upstream", default="", help="上级网址,或中心的 postgresql://…;不填就是中心 · node above, or database")
    parser.add_argument("--join", default="", metavar="USER:PASSWORD", help="第一次连接上级时的节点账号 · node account")
    parser.add_argument("--public-url", default="", help="手机和二维码用的网址 · address for phones and QR codes")
    parser.add_argument("--lang", default="zh", choices=("zh", "en"))
    parser.add_argument("--cert", type=Path, help="HTTPS 证书 · certificate (PEM)")
    parser.add_argument("--key", type=Path, help="HTTPS 私钥 · private key (PEM)")
    parser.add_argument("--demo", action="store_true", help="数据为空时生成演示县 · make the demo county if empty")
    parser.add_argument("--households", type=int, default=900, help="演示户数 · households in the demo county")
    return parser


def _welcome(config: Config) -> None:
    """What a new user needs next: the address, its QR, who may sign in, how to start a village node."""
    address = config.address
    code = qrcode.QRCode(border=1)
    code.add_data(address)
    code.print_ascii(invert=sys.stdout.isatty())
    print(f"入户 Ruhu  {address}   (停止按 Ctrl-C · stop with Ctrl-C)")
    print(f"  手机端 · phone app   {address}/")
    print(f"  办公端 · office      {address}/office/")
    demo = read_demo(config.data_dir)
    if demo:
        print("演示账号(虚构数据) · demo sign-ins (fictional data):")
        for sign_in in demo["sign_ins"]:
            print(f"  {sign_in['username']:<12} {sign_in['password']:<12} {sign_in['title']}")
        node = demo["node"]
        print("再开一个村级节点 · start a village node beside it:")
        print(
            f"  python3 run.py serve --data data/village --port {config.port + 10} --upstream {address} "
            f"--join {node['username']}:{node['password']}"
        )
    sys.stdout.flush()
