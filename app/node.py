"""One node: its configuration, its store, what follows the store, and the link upward."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import current_app

from app import keys
from app.auditor import EVERY, FIRST_AFTER, Audited, audit
from app.checks import amounts, publish_rules
from app.config import Config
from app.courier import Desk
from app.designs import Designs
from app.outside import refresh_views
from app.people import People
from app.publish import FormShelf, publish_library
from app.tables.elsewhere import FAR_BEHIND, TablesElsewhere
from app.tables.follow import Tables
from app.tables.one_writer import AnotherWriter
from app.tables.review import FormReviewer
from app.tables.upkeep import look_for_a_page
from app.throttle import NOTE, Throttle
from app.upstream import UPSTREAM_FILE, read_upstream
from forms.isolated import Checker
from forms.library import Library, load_library
from sync.devices import register
from sync.identity import Identity, note_joined, told
from sync.keys import PrivateKey
from sync.problems import Problem as SyncProblem
from sync.records import CENTRE, NODE
from sync.relay import Relay
from sync.room import Room
from sync.store.base import Store
from sync.store.opening import is_database, open_store
from sync.store.tombstones import KEEP_DAYS

log = logging.getLogger("ruhu.node")

TIDY_SECONDS = 3600.0


class NodeProblem(Exception):
    """Why a node cannot start: one line with what is wrong and what to do."""


@dataclass
class Node:
    """What the views work with.

    tables: written by this process until it starts, and by one of their own from then on.
    complaints: lines to show whoever started it. on_close: called before the
    store closes, by parts that run something of their own (print jobs).
    """

    config: Config
    store: Store
    forms: FormShelf
    library: Library
    tables: Tables | TablesElsewhere
    people: People
    designs: Designs
    identity: Identity
    checker: Checker = field(default_factory=Checker)
    relay: Relay | None = None
    desk: Desk = field(init=False)
    throttle: Throttle = field(default_factory=Throttle)
    room: Room = field(default_factory=lambda: Room(None))
    complaints: list[str] = field(default_factory=list)
    on_close: list[Callable[[], None]] = field(default_factory=list)
    audited: Audited | None = None
    """How the last reading of the audit chain went; None until there was one."""
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.desk = Desk(self.store, self.config.data_dir, self.now)

    @property
    def tier(self) -> str:
        return NODE if self.config.follows else CENTRE

    @property
    def key(self) -> PrivateKey:
        """What this server signs with."""
        return self.identity.signing

    def told_keys(self) -> dict[str, Any] | None:
        """What a device is told of keys when it signs in."""
        return told(self.identity, self.store)

    def register_devices(self) -> None:
        """Below the centre: tell the tiers above of installs let in here, before their first op goes up."""
        known = read_upstream(self.config.data_dir) if self.config.follows else None
        if known:
            register(self.store, self.identity.public.sign, known["area"], clock=self.now)

    @staticmethod
    def now() -> datetime:
        return datetime.now().astimezone()

    @staticmethod
    def now_text() -> str:
        """The server's time as sync's replies spell it."""
        return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def start(self) -> None:
        """Begin what goes on beside the requests: a thread each, and the writer of the read tables."""
        if not self.config.background:
            return
        self._hand_over_tables()
        jobs = {"audit": self._audit, "tombstones": self._tidy}
        if self.relay:
            jobs["relay"] = self._relay
        for name, job in jobs.items():
            thread = threading.Thread(target=job, name=f"ruhu-{name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """Stop the threads, wait for what they are doing, close the store."""
        self._stopping.set()
        for close in self.on_close:
            close()
        if self.relay:
            self.relay.stop()
        for thread in self._threads:
            thread.join(timeout=15)
        self.desk.close()
        self.checker.close()
        self.tables.close()
        self.store.close()

    def freshen_tables(self) -> None:
        """For a page: have what is stored in the read tables, with what follows from the latest of it."""
        if isinstance(self.tables, TablesElsewhere):
            self.tables.catch_up_and_look()
            return
        self.tables.catch_up(limit=FAR_BEHIND)
        look_for_a_page(self.tables, FormReviewer(self.tables, self.store, self.forms, amounts()), self.now())

    def _hand_over_tables(self) -> None:
        """From here on a process of its own is their one writer, and this one only reads them."""
        path, on_erased = self.tables.path, self.tables.on_erased
        self.tables.close()
        database = self.config.upstream if is_database(self.config.upstream) else ""
        work = {"folder": str(self.config.data_dir), "database": database, "checked": True}
        self.tables = TablesElsewhere(path, self.store, work)
        self.tables.on_erased = on_erased
        self.tables.start()

    def _audit(self) -> None:
        wait = FIRST_AFTER
        while not self._stopping.wait(wait):
            try:
                self.audited = audit(self.store, self.key, self.now())
                for fault in self.audited.faults:
                    log.error("audit: %s %s", fault.what, fault.n)
            except Exception as error:  # tomorrow is another day; the command tells more
                log.error("audit failed: %s", type(error).__name__)
            wait = EVERY

    def _tidy(self) -> None:
        while True:
            try:
                self.store.age_tombstones(now=self.now(), keep_days=KEEP_DAYS)
            except Exception as error:  # tomorrow is another day
                log.error("tombstones were not looked at: %s", type(error).__name__)
            if self._stopping.wait(TIDY_SECONDS):
                return

    def _relay(self) -> None:
        assert self.relay is not None
        self.relay.run(pause=self.config.relay_seconds)


def node() -> Node:
    """The node this app serves."""
    here: Node = current_app.extensions["ruhu"]
    return here


def open_node(config: Config) -> Node:
    """Open the data folder and everything above it. Raises NodeProblem with one clear line."""
    if config.debug:
        raise NodeProblem("不能在调试模式下提供服务 · refusing to serve in debug mode")
    _usable(config.data_dir)
    try:
        store = open_store(config.data_dir, config.upstream)
    except SyncProblem as problem:
        raise NodeProblem(f"{problem.message(config.lang)}{problem.next(config.lang)}({config.data_dir})") from problem
    tables = None
    try:
        if is_database(config.upstream):
            # Printed codes and sign-ins must hold on every web host of the centre.
            keys.adopt(config.data_dir, store.agree("secret", keys.secret(config.data_dir).hex()))
        library = load_library(config.forms_dir)
        if not config.follows:
            library.problems += publish_library(store, library, Node.now)
            publish_rules(store, Node.now)
        shelf = FormShelf(store)
        if is_database(config.upstream):
            refresh_views(store, shelf)
        tables = _tables(config.data_dir / "read.db", store)
        return Node(
            config=config,
            store=store,
            forms=shelf,
            library=library,
            tables=tables,
            people=People(store),
            designs=Designs(config.data_dir / "designs"),
            identity=keys.identity(config.data_dir),
            relay=_relay_of(config, store),
            throttle=Throttle(config.data_dir / NOTE, keys.tries_key(config.data_dir), store.tries),
            # A database keeps its own disk, and says so when it is full.
            room=Room(None if is_database(config.upstream) else config.data_dir),
            complaints=[library_line(problem, config.lang) for problem in library.problems],
        )
    except BaseException:
        if tables:
            tables.close()
        store.close()
        raise


def _tables(path: Path, store: Store) -> Tables:
    try:
        return Tables(path, store)
    except AnotherWriter as error:
        raise NodeProblem(
            f"页面用的查询表 {path} 正被另一个进程写入({error.by})。请结束它,或稍等片刻再启动 · "
            "another process is writing the read tables; end it, or start again in a moment"
        ) from error
    except sqlite3.Error as error:
        raise NodeProblem(
            f"页面用的查询表 {path} 打不开({error})。请检查磁盘空间;这个文件可以删除,会自动重建 · "
            "the read tables cannot be opened; check the room on the disk, the file may be deleted and is made anew"
        ) from error


def _usable(folder: Path) -> None:
    """Make the folder; raise NodeProblem when it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = folder / f".probe-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise NodeProblem(
            f"数据文件夹 {folder} 不能写入({os.strerror(error.errno or 0)})。请检查权限或磁盘,或用 --data 换一个 · "
            "the data folder cannot be written; check it or choose another with --data"
        ) from error


def library_line(problem: Any, lang: str = "zh") -> str:
    """One problem of the forms folder as one line: where, what, what next."""
    place = " ".join(str(part) for part in (problem.file, problem.sheet, problem.row and f"第{problem.row}行") if part)
    line = f"表单 {place}:{problem.message(lang)} {problem.next(lang)}"
    return " ".join(line.split())


# --- the node above ---------------------------------------------------------------------------------------


def join(config: Config, username: str, password: str) -> None:
    """Sign in at the upstream with a node account and keep the token in the data folder.

    Done once; a folder that has joined this upstream already is left as it is.
    Raises NodeProblem.
    """
    known = read_upstream(config.data_dir)
    if known and known["url"] == config.upstream:
        return
    _usable(config.data_dir)
    answer = _ask_sign_in(config, username, password)
    kept = {"url": config.upstream, "token": answer["token"], "install_id": answer["install_id"],
            "area": answer["user"]["grants"][0]["area"], "server_id": answer["server_id"],
            "keys": answer.get("keys")}  # fmt: skip
    path = config.data_dir / UPSTREAM_FILE
    part = path.with_suffix(".part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        json.dump(kept, out)
        out.flush()
        os.fsync(out.fileno())
    os.replace(part, path)


def _ask_sign_in(config: Config, username: str, password: str) -> dict[str, Any]:
    import urllib3

    silent = NodeProblem(
        f"连不上上级节点 {config.upstream}。请检查网址和网络,并确认它已启动 · the node above cannot be reached"
    )
    public = keys.identity(config.data_dir).public.sign
    body = {"username": username, "password": password, "device": "node", "key": public}
    try:
        reply = urllib3.request(
            "POST", f"{config.upstream}/api/sign-in", json=body, timeout=20, retries=False, redirect=False
        )
    except urllib3.exceptions.HTTPError as error:
        raise silent from error
    try:
        answer = json.loads(reply.data)
    except ValueError as error:
        raise silent from error
    if reply.status != 200:
        told = answer.get("error", {}) if isinstance(answer, dict) else {}
        raise NodeProblem(f"上级节点没有接受这个账号:{told.get('message', reply.status)} {told.get('next', '')}")
    if not any(grant.get("role") == "node" for grant in answer["user"]["grants"]):
        raise NodeProblem(f"{username} 不是节点账号。请用节点账号(角色 node)· not a node account")
    return dict(answer)


def _relay_of(config: Config, store: Store) -> Relay | None:
    if not config.follows:
        return None
    known = read_upstream(config.data_dir)
    if known is None or known["url"] != config.upstream:
        raise NodeProblem(
            f"还没有用节点账号登录过上级 {config.upstream}。请加上 --join 用户名:密码 · "
            "not joined yet, add --join USER:PASSWORD"
        )
    note_joined(store, known.get("keys"))
    mine = keys.identity(config.data_dir)
    return Relay(
        store, known["url"], known["token"], key=mine.signing,
        prepare=lambda: register(store, mine.public.sign, known["area"], clock=Node.now),
        carry=Desk(store, config.data_dir, Node.now).send_up,
    )  # fmt: skip


def session_key(config: Config) -> bytes:
    return keys.session_key(config.data_dir)
