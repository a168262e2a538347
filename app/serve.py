"""Serving a node with cheroot: bind, run, stop; and one clear line for what can go wrong before that."""

from __future__ import annotations

import contextlib
import errno
import gc
import logging
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from flask import Flask

from app import create_app, rounds
from app.accepting import Server, TlsAdapter
from app.config import Config
from app.connections import Connection
from app.logs import log_to_stderr
from app.node import NodeProblem, open_node
from app.origin.authority import ensure, files_in
from app.origin.expiry import CertificateWatch
from app.origin.welcome import WelcomeServer, welcome_app
from app.push_lane import LANE
from sync.store.opening import is_database

# The largest thing anybody sends whole is a workbook to import; pushes and blobs have smaller caps of their own.
LARGEST_BODY = 32 * 1024 * 1024
LARGEST_HEADERS = 32 * 1024
# A sleeping phone's connection must not hold a thread's slot for long, but a 400 ms line likes to keep it.
KEEP_ALIVE_SECONDS = 30
COLLECT_EVERY = 10_000
"""Objects made between two looks for circles. At Python's own 700 the looking is a third of what taking ops in costs."""
DESKS = 2
"""Rounds of pushes at once where PostgreSQL keeps the store."""

log = logging.getLogger("ruhu.serve")


def serve(config: Config, say: Callable[[str], None], ready: Callable[[], None] | None = None) -> int:
    """Run the node until it is told to stop; answers the exit code.

    ready is called once connections are accepted. SIGTERM and Ctrl-C stop it:
    requests under way are finished, then the store is closed.
    """
    log_to_stderr()
    here = None
    beside: list[Beside] = []
    try:
        check_port(config.host, config.port)
        check_certificate(config)
        here = open_node(config)
        server = _server(config, create_app(config, here))
        _prepare(server, config)
        beside = _beside(server, config)
    except NodeProblem as problem:
        if here:
            here.close()
        say(f"✗ {problem}")
        return 1
    try:
        here.start()
        for one in beside:
            one.start()
        for line in here.complaints:
            say(f"! {line}")
        if ready:
            ready()
        # What is there now stays: the collector need not look through it again and again while requests wait.
        gc.collect()
        gc.freeze()
        gc.set_threshold(COLLECT_EVERY)
        with _interrupted_by_sigterm():
            server.serve()
    except KeyboardInterrupt:
        pass
    finally:
        for one in beside:
            one.stop()
        server.stop()
        here.close()
    return 0


class Beside(Protocol):
    """What runs in a thread of its own as long as the server does."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


def _beside(server: Server, config: Config) -> list[Beside]:
    """The watch over the certificate, and the page where phones fetch the local authority. Raises NodeProblem."""
    found: list[Beside] = []
    if config.cert and config.key:
        renew = None
        if config.authority_names:
            renew = partial(_renew, config)
        context = server.ssl_adapter.context
        found.append(CertificateWatch(context, config.cert, config.key, clock=lambda: datetime.now(UTC), renew=renew))
    if config.welcome_port:
        check_port(config.host, config.welcome_port)
        app = welcome_app(files_in(config.data_dir).ca, config.address, config.static_dir, config.lang)
        try:
            found.append(WelcomeServer(config.host, config.welcome_port, app))
        except OSError as error:
            raise NodeProblem(port_trouble(config.host, config.welcome_port, error)) from error
    return found


def _renew(config: Config) -> None:
    ensure(config.data_dir, config.authority_names, datetime.now(UTC))


def _server(config: Config, app: Flask) -> Server:
    server = Server(
        bind_addr=(config.host, config.port),
        wsgi_app=app,
        numthreads=config.threads,
        server_name="ruhu",
        request_queue_size=128,
        timeout=KEEP_ALIVE_SECONDS,
        shutdown_timeout=10,
    )
    server.ConnectionClass = Connection
    server.max_request_body_size = LARGEST_BODY
    server.max_request_header_size = LARGEST_HEADERS
    # An idle connection costs a descriptor and no thread; cheroot's default of 10 would make
    # the phones of a village shake hands anew for every request.
    server.keep_alive_conn_limit = 200
    server.error_log = _server_error
    if rounds.USABLE:
        desks = DESKS if is_database(config.upstream) else 1
        server.rounds = rounds.Desks([rounds.Rounds(server, app.extensions[LANE].together) for _ in range(desks)])
    if config.cert and config.key:
        server.ssl_adapter = TlsAdapter(str(config.cert), str(config.key))
    return server


def _prepare(server: Server, config: Config) -> None:
    try:
        server.prepare()
    except OSError as error:
        raise NodeProblem(port_trouble(config.host, config.port, error)) from error


def check_port(host: str, port: int) -> None:
    """Raise NodeProblem when nobody can listen there now; asked before the store is opened."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if os.name == "posix":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen(1)
    except (OSError, OverflowError) as error:
        raise NodeProblem(port_trouble(host, port, error)) from error


def port_trouble(host: str, port: int, error: BaseException) -> str:
    """Why the port cannot be had and what to do, in one line."""
    code = getattr(error, "errno", None)
    if "No socket could be created" in str(error) or code == errno.EADDRINUSE:
        by = listener_of(port)
        who = f",占用它的是 {by} · in use by {by}" if by else " · in use"
        return f"端口 {port} 已被占用{who}。请关掉它,或换一个端口 · stop it or choose another: --port {port + 1}"
    if code == errno.EACCES:
        return f"没有权限使用端口 {port}。请用 1024 以上的端口 · not permitted, try: --port 8000"
    if code == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"本机没有地址 {host}。请改 --host,如 127.0.0.1 或 0.0.0.0 · no such address here, change --host"
    return f"不能监听 {host}:{port}。请检查 --host 和 --port · cannot listen there, check --host and --port"


def listener_of(port: int) -> str:
    """The program listening on a TCP port, as "name (pid n)", or '' where that cannot be seen."""
    wanted = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                cells = line.split()
                if cells[3] == "0A" and int(cells[1].rsplit(":", 1)[1], 16) == port:
                    wanted.add(f"socket:[{cells[9]}]")
    if not wanted:
        return ""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(os.readlink(handle) in wanted for handle in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
    return ""


def check_certificate(config: Config) -> None:
    """Raise NodeProblem when HTTPS is asked for with files that cannot serve it."""
    if not config.cert and not config.key:
        return
    if not config.cert or not config.key:
        raise NodeProblem("HTTPS 需要 --cert 和 --key 两个文件 · HTTPS needs both --cert and --key")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(config.cert, config.key)
    except (OSError, ssl.SSLError) as error:
        raise NodeProblem(
            f"证书或私钥不能用({config.cert}, {config.key})。请检查文件是否存在、是否配对 · "
            "certificate or key unusable, check that they exist and belong together"
        ) from error


@contextlib.contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """Let SIGTERM stop the server as Ctrl-C does. Only the main thread may set signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _server_error(msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
    # cheroot's own lines may quote request lines, which may hold a household's code: keep the kind only.
    kind = sys.exc_info()[0]
    if level >= logging.ERROR:
        log.error("server: %s", kind.__name__ if kind else "error")
