"""Phones that make visits, and the centre they send them to, for the benches of sync."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import sqlite3
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import _load
from _lag import LogEnd, of_database, of_folder
from browser.servers import ROOT, NodeProcess, make_demo
from postgres import Postgres

from forms.definition import Form
from forms.instance import Instance
from forms.library import load_library
from forms.register import FIELDS
from sync import keys, logs, protocol
from sync.author import Author
from sync.records import Op

LIBRARY = ROOT / "forms" / "library"


class Phone:
    """One install of the demo's village cadre, and households of its own to visit."""

    def __init__(self, url: str, form: VisitForm, username: str = "qingshui") -> None:
        self.parts = urlsplit(url)
        self.form = form
        self.connection = http.client.HTTPConnection(self.parts.hostname or "", self.parts.port, timeout=120)
        self.key = keys.signing_key(os.urandom(32))
        public = keys.public_text(self.key)
        signed = json.dumps({"username": username, "password": "ruhu-demo", "key": public}).encode()
        given = self.asked("POST", "/api/sign-in", signed, {"Content-Type": "application/json"})
        self.token, self.user, self.install_id = given["token"], given["user"], given["install_id"]
        self.author = Author(self.install_id, self.user["id"], clock=lambda: datetime.now(UTC))
        self.chain = logs.chain_start(self.install_id)
        self.households: list[dict[str, Any]] = []
        self.made = 0

    def asked(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
        headers = headers or {"Authorization": f"Bearer {self.token}"}
        try:
            self.connection.request(method, path, body, headers)
            reply = self.connection.getresponse()
        except http.client.RemoteDisconnected:  # the server gave up an idle connection
            self.connection.close()
            self.connection.request(method, path, body, headers)
            reply = self.connection.getresponse()
        text = reply.read()
        if reply.status != 200:
            raise RuntimeError(f"{path}: {reply.status} {text[:200]!r}")
        if reply.headers.get("Content-Encoding") == "gzip":
            text = zlib.decompress(text, _load.GZIP)
        return json.loads(text)

    def pulled(self, kind: str) -> list[dict[str, Any]]:
        found, cursor, more = [], "", True
        while more:
            page = self.asked("GET", f"/sync/v1/pull?limit=500{f'&cursor={cursor}' if cursor else ''}")
            found += [record for record in page["records"] if record["kind"] == kind]
            cursor, more = page["cursor"], page["more"]
        return found

    def visit(self) -> list[Op]:
        """The ops of one visit, of the next household of this phone's."""
        number, form, author = self.made, self.form, self.author
        self.made += 1
        household = self.households[number % len(self.households)]
        fields, area = household["fields"], household["area"]
        day, submission = f"2026-{number % 12 + 1:02}-{number // 12 % 28 + 1:02}", author.ids()
        sent = {
            **form.named, "form_hash": form.form.hash,
            "household_id": household["id"], "sheet": "", "started": f"{day}T19:00:00", "ended": f"{day}T19:12:00",
            "instance_name": fields["head_name"], "answers": household["answers"], "carried": {},
        }  # fmt: skip
        visit = {
            "household_id": household["id"], "submission_id": submission, "form_id": form.form.form_id, "date": day,
            "outcome": "met", "cadre": self.user["id"], "cadre_name": self.user["name"], "note": "家中一切正常。",
        }  # fmt: skip
        change = {"last_visit": (fields.get("last_visit", ""), day)}
        fields["last_visit"] = day
        named = {"submission": submission, **form.named}
        return [
            author.create("submission", submission, area, sent, **named),
            author.create("visit", author.ids(), area, visit, **named),
            author.update("household", household["id"], area, change, base_rev=household["rev"], **named),
        ]

    def requests(self, visits: int, ops_a_push: int) -> Pushes:
        """That many visits as prepared pushes."""
        ops = [op for _ in range(visits) for op in self.visit()]
        plain = [self.signed(ops[at : at + ops_a_push]) for at in range(0, len(ops), ops_a_push)]
        return Pushes(
            [_load.push_request(self.parts.netloc, self.token, one) for one in plain],
            plain, {op.op_id: op.hash for op in ops},
        )  # fmt: skip

    def signed(self, ops: list[Op]) -> bytes:
        """A push body with the head that covers it."""
        self.chain = logs.chain_over(self.chain, (op.hash for op in ops))
        head = logs.sign_head(self.key, self.install_id, ops[-1].dseq, self.chain)
        return protocol.encode({"format": 1, "ops": ops, "heads": [head]})


@dataclass
class Pushes:
    """requests: whole, in order; bodies: the same unpacked; hashes: by op_id, for the receipts."""

    requests: list[bytes]
    bodies: list[bytes]
    hashes: dict[str, str]


def confirm(replies: Sequence[bytes], hashes: dict[str, str]) -> None:
    """Every op applied, with a receipt over the very content that was sent."""
    given = {}
    for reply in replies:
        for result in _load.results(reply):
            if result["status"] != "applied":
                raise RuntimeError(f"not applied: {result}")
            given[result["op_id"]] = result["receipt"]["hash"]
    if given != hashes:
        raise RuntimeError("the receipts are not for what was sent")


@dataclass
class VisitForm:
    """The shipped visit form, as a cadre fills it where nothing but the day is new."""

    form: Form

    @property
    def named(self) -> dict[str, str]:
        return {"form_id": self.form.form_id, "form_version": self.form.version}

    def answers(self, household: dict[str, Any], members: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """What the form sends for a household, all that is known of its people carried over."""
        known = {kind: [_row(kind, one) for one in of_kind] for kind, of_kind in (("household", [household]), ("member", members))}
        filled = Instance(self.form, now=datetime.now().astimezone(), external=known, prefill={"household_id": household["id"]},
                          ids=lambda: "0-0-1")  # fmt: skip
        for path, answer in ANSWERED.items():
            filled.set_value(f"/data/{path}", answer)
        return filled.finalize().answers


ANSWERED = {"meet/outcome": "met", "meet/respondent": "head", "problems/has_problem": "no", "close/satisfaction": "5"}


def _row(kind: str, record: dict[str, Any]) -> dict[str, str]:
    fields = {name: "" if value is None else str(value) for name, value in record["fields"].items()}
    label = fields.get("head_name" if kind == "household" else "full_name", "")
    return {field.name: "" for field in FIELDS[kind]} | fields | {"name": record["id"], "label": label}


def visit_form() -> VisitForm:
    return VisitForm(load_library(LIBRARY).forms["visit"])


def phones_at(url: str, count: int, username: str = "qingshui") -> list[Phone]:
    """That many installs, each with its share of the village's households."""
    form = visit_form()
    phones = [Phone(url, form, username) for _ in range(count)]
    people: dict[str, list[dict[str, Any]]] = {}
    for member in phones[0].pulled("member"):
        people.setdefault(member["fields"].get("household_id", ""), []).append(member)
    households = sorted(phones[0].pulled("household"), key=lambda one: one["id"])
    for household in households:
        household["answers"] = form.answers(household, people.get(household["id"], []))
    share(phones, households)
    return phones


def share(phones: Sequence[Phone], households: Sequence[dict[str, Any]]) -> None:
    """Every household is one phone's."""
    for place, phone in enumerate(phones):
        phone.households = list(households[place :: len(phones)])


@dataclass
class Centre:
    """A running centre; database: its PostgreSQL, if it has one. read_tables: the file of what its pages show.
    log_end: opens a look at where its log ends.
    """

    node: NodeProcess
    database: Postgres | None
    read_tables: Path
    log_end: Callable[[], AbstractContextManager[LogEnd]]

    def cpu(self) -> float:
        """Seconds of processor that the server and its database have used."""
        assert self.node.process is not None
        used = _load.cpu_of_tree(self.node.process.pid)
        return used + (_load.cpu_of_tree(self.database.pid) if self.database else 0.0)

    def seen(self) -> tuple[int, int]:
        """Submissions in the read tables: all of them, and those that wait for their second look."""
        with contextlib.closing(sqlite3.connect(f"file:{self.read_tables}?mode=ro", uri=True, timeout=10)) as tables:
            return tables.execute("SELECT count(*), count(*) FILTER (WHERE reviewed = 0) FROM submissions").fetchone()

    def wait_until_seen(self, count: int = 0, *, patience: float = 600.0) -> int:
        """Until at least so many submissions are in the read tables and all of them were looked at again; answers how many."""
        end = time.monotonic() + patience
        while (seen := self.seen())[0] < count or seen[1]:
            if time.monotonic() > end:
                raise RuntimeError(f"{count} submissions were expected to be looked at again: {seen}")
            time.sleep(0.1)
        return seen[0]


@contextlib.contextmanager
def centre(folder: Path, *, households: int, postgres: bool, arguments: Sequence[str] = ()) -> Iterator[Centre]:
    """The demo county served by a process of its own, from one SQLite file or from a PostgreSQL of its own."""
    make_demo(folder / "centre", households=households)
    database = Postgres() if postgres else None
    try:
        upstream: list[str] = []
        url = ""
        if database:
            url = database.database()
            subprocess.run([sys.executable, "-m", "app.commands", "move", "--data", str(folder / "centre"), "--to", url],
                           cwd=ROOT, check=True, stdout=subprocess.DEVNULL)  # fmt: skip
            upstream = ["--upstream", url]
        data = folder / ("host" if database else "centre")
        node = NodeProcess(data, *upstream, *arguments).start()
        try:
            yield Centre(node, database, data / "read.db", partial(of_database, url) if database else partial(of_folder, data))
        finally:
            node.stop()
    finally:
        if database:
            database.close()
