"""启动一个节点(--upstream 指明上级即为村级节点) · serve a node"""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import qrcode

from app.commands.demo import ensure_demo, read_demo
from app.config import ROOT, Config
from app.origin.addresses import private_addresses
from app.origin.authority import Files, NotPermitted, ensure, files_in, fingerprint_of


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    demo = options.demo and not options.upstream
    names: tuple[str, ...] = ()
    cert, key = options.cert, options.key
    if options.https:
        try:
            names, files = _own_certificate(options)
        except ValueError as problem:
            print(f"✗ {problem}", file=sys.stderr)
            return 1
        cert, key = files.cert, files.key
    config = Config(
        data_dir=options.data.resolve(),
        host=options.host,
        port=options.port,
        upstream=options.upstream.rstrip("/"),
        public_url=options.public_url,
        lang=options.lang,
        phone_passwords=not options.no_phone_passwords,
        cert=cert,
        key=key,
        authority_names=names,
        welcome_port=options.welcome_port if names else 0,
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


def _own_certificate(options: argparse.Namespace) -> tuple[tuple[str, ...], Files]:
    """The names to serve under and the local authority's files. Raises ValueError with one clear line."""
    if options.cert or options.key:
        raise ValueError("--https 会自己做证书,不要再给 --cert · --https makes its own certificate, leave --cert away")
    found = tuple(options.name) or tuple(private_addresses())
    if not found:
        raise ValueError("没有找到局域网地址。请用 --name 写明手机要用的名称或地址 · no LAN address found, give --name")
    names = tuple(dict.fromkeys((*found, "localhost", "127.0.0.1")))
    try:
        return names, ensure(options.data.resolve(), names, datetime.now(UTC))
    except NotPermitted as name:
        raise ValueError(
            f"{name} 不在本机证书机构允许的范围内(只能是建立时给的域名和局域网地址)。公网名称请用正式证书;"
            f"要换机构,请删除 {files_in(options.data.resolve()).ca.parent} 并让每部手机重装 · "
            "outside what the local authority may certify"
        ) from name
    except OSError as error:
        raise ValueError(f"写不了证书文件({error.strerror})。请检查数据文件夹 · cannot write the certificate") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="run.py serve", description="启动一个节点 · serve a node")
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "centre", help="数据文件夹 · data folder")
    parser.add_argument("--host", default="127.0.0.1", help="监听地址 · address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="端口 · port (default %(default)s)")
    parser.add_argument("--upstream", default="", help="上级网址,或中心的 postgresql://…;不填就是中心 · node above, or database")
    parser.add_argument("--join", default="", metavar="USER:PASSWORD", help="第一次连接上级时的节点账号 · node account")
    parser.add_argument("--public-url", default="", help="手机和二维码用的网址 · address for phones and QR codes")
    parser.add_argument("--lang", default="zh", choices=("zh", "en"))
    parser.add_argument("--no-phone-passwords", action="store_true",
                        help="手机只凭办公室出的登记码登录 · phones enrol by invitation only")
    parser.add_argument("--cert", type=Path, help="HTTPS 证书 · certificate (PEM)")
    parser.add_argument("--key", type=Path, help="HTTPS 私钥 · private key (PEM)")
    parser.add_argument("--https", action="store_true",
                        help="用本机自己的证书机构提供 HTTPS · HTTPS by a local authority that this machine makes")  # fmt: skip
    parser.add_argument("--name", action="append", default=[], metavar="NAME",
                        help="--https 的名称或地址,可多次;不填用局域网地址 · name or address for --https")  # fmt: skip
    parser.add_argument("--welcome-port", type=int, default=8080,
                        help="说明页端口,0 为不要 · port of the page phones open first (%(default)s)")  # fmt: skip
    parser.add_argument("--demo", action="store_true", help="数据为空时生成演示县 · make the demo county if empty")
    parser.add_argument("--households", type=int, default=900, help="演示户数 · households in the demo county")
    return parser


def _welcome(config: Config) -> None:
    """What a new user needs next: the address, its QR, who may sign in, how to start a village node."""
    address = config.address
    code = qrcode.QRCode(border=1)
    code.add_data(config.welcome_address or address)
    code.print_ascii(invert=sys.stdout.isatty())
    print(f"入户 Ruhu  {address}   (停止按 Ctrl-C · stop with Ctrl-C)")
    if config.welcome_address:
        print(f"  手机先扫上面的码装证书 · phones begin here   {config.welcome_address}")
        print(f"  证书指纹 · fingerprint   {fingerprint_of(config.data_dir)}")
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
