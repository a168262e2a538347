"""Push throughput: visits a second that a real server process takes in over HTTP and has on disk.

    python3 run.py bench push

One visit is what a phone sends for one: the submission with its answers, the
visit, and what it changes of the household. Phones are threads of this process,
each with its own install and connection, bodies packed as phones pack them.
Batches of 50 visits from one phone (in as many requests as the protocol's 50
ops a push need); one visit a request from 1 phone and from 32. Beside them
what the disk alone (the same bodies, one synchronous commit each) and reading
the JSON alone (length, digest, unpacking, parsing, hashes) would allow, on
the same machine. Clients and server share its cores.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from browser.servers import NodeProcess, make_demo

from forms.library import load_library
from sync import protocol
from sync.author import Author
from sync.records import Op

OPS_A_PUSH = 50
BATCH_VISITS = 50
MANY = 32
LIBRARY = Path(__file__).parents[1] / "forms" / "library"


class Phone:
    """One install with a connection that stays open, and households of its own to visit."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
        given = self._post("/api/sign-in", json.dumps({"username": "qingshui", "password": "ruhu-demo"}).encode(), {})
        self.token, self.user = given["token"], given["user"]
        self.author = Author(given["install_id"], self.user["id"], clock=lambda: datetime.now(UTC))
        self.households: list[dict[str, Any]] = []

    def _post(self, path: str, body: bytes, headers: dict[str, str]) -> Any:
        self.connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
        reply = self.connection.getresponse()
        text = reply.read()
        if reply.status != 200:
            raise RuntimeError(f"{path}: {reply.status} {text[:200]!r}")
        return json.loads(text)

    def pulled(self, kind: str) -> list[dict[str, Any]]:
        found, cursor, more = [], "", True
        while more:
            asked = f"/sync/v1/pull?limit=500{f'&cursor={cursor}' if cursor else ''}"
            self.connection.request("GET", asked, headers={"Authorization": f"Bearer {self.token}"})
            page = json.loads(self.connection.getresponse().read())
            found += [record for record in page["records"] if record["kind"] == kind]
            cursor, more = page["cursor"], page["more"]
        return found

    def visit(self, number: int, form: dict[str, Any], answers: dict[str, Any]) -> list[Op]:
        """The ops of one visit; the household is the next of this phone's."""
        household = self.households[number % len(self.households)]
        fields, author = household["fields"], self.author
        area = household["area"]
        day, submission = f"2026-{number % 12 + 1:02}-{number // 12 % 28 + 1:02}", author.ids()
        sent = {
            "form_id": form["form_id"], "form_version": form["version"], "form_hash": form["hash"],
            "household_id": household["id"], "sheet": "", "started": f"{day}T19:00:00", "ended": f"{day}T19:12:00",
            "instance_name": fields["head_name"], "answers": answers, "carried": {},
        }  # fmt: skip
        visit = {
            "household_id": household["id"], "submission_id": submission, "form_id": form["form_id"], "date": day,
            "outcome": "met", "cadre": self.user["id"], "cadre_name": self.user["name"], "note": "家中一切正常。",
        }  # fmt: skip
        change = {"last_visit": (fields.get("last_visit", ""), day)}
        fields["last_visit"] = day
        named = {"submission": submission, "form_id": form["form_id"], "form_version": form["version"]}
        return [
            author.create("submission", submission, area, sent, **named),
            author.create("visit", author.ids(), area, visit, **named),
            author.update("household", household["id"], area, change, base_rev=household["rev"], **named),
        ]

    def push(self, body: bytes) -> list[str]:
        """Send one packed body; the status of each op."""
        reply = self._post(
            "/sync/v1/push", body, {**protocol.push_headers(body, gzipped=True), "Authorization": f"Bearer {self.token}"}
        )
        return [result["status"] for result in reply["results"]]


def bodies(ops: list[Op], size: int) -> Iterator[bytes]:
    for start in range(0, len(ops), size):
        plain = protocol.encode({"format": 1, "ops": ops[start : start + size]})
        yield gzip.compress(plain, 6, mtime=0)


def answers_of(definition: dict[str, Any]) -> dict[str, Any]:
    """An answer to every question, as deep as the form is."""
    answers: dict[str, Any] = {}
    for node in definition["nodes"]:
        if node["kind"] != "question":
            continue
        *groups, name = node["path"].split("/")[2:]
        inside = answers
        for group in groups:
            inside = inside.setdefault(group, {})
        inside[name] = "1200" if node["type"] in ("integer", "decimal") else "yes"
    return answers


def sent_at_once(phones: list[Phone], work: list[list[bytes]]) -> float:
    """Seconds until every phone has its answers; each op must be applied."""
    wrong: list[str] = []

    def run(phone: Phone, mine: list[bytes]) -> None:
        for body in mine:
            wrong.extend(status for status in phone.push(body) if status != "applied")

    threads = [threading.Thread(target=run, args=pair) for pair in zip(phones, work, strict=True)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    if wrong:
        raise RuntimeError(f"not applied: {wrong[:5]}")
    return seconds


def disk_alone(work: list[bytes], folder: Path) -> float:
    """Seconds to have the bodies in SQLite, one synchronous commit each, as the store commits."""
    folder.mkdir()
    db = sqlite3.connect(folder / "bodies.db", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE body (n INTEGER PRIMARY KEY, bytes BLOB)")
    began = time.perf_counter()
    for body in work:
        db.execute("INSERT INTO body (bytes) VALUES (?)", (body,))
    seconds = time.perf_counter() - began
    db.close()
    return seconds


def reading_alone(work: list[bytes]) -> float:
    """Seconds to compare, unpack, parse and hash the bodies."""
    began = time.perf_counter()
    for body in work:
        protocol.parse_push(protocol.checked_body(body, protocol.push_headers(body, gzipped=True)))
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--batches", type=int, default=10, help="batches of 50 visits (default %(default)s)")
    parser.add_argument("--visits", type=int, default=320, help="visits sent one a request (default %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_demo(folder / "centre", households=900)
        node = NodeProcess(folder / "centre").start()
        try:
            measure(node.url, folder, options.batches, options.visits)
        finally:
            node.stop()


def measure(url: str, folder: Path, batches: int, visits: int) -> None:
    compiled = load_library(LIBRARY).forms["visit"]
    form = {"form_id": "visit", "version": compiled.version, "hash": compiled.hash}
    answers = answers_of(dict(compiled.definition))
    phones = [Phone(url) for _ in range(MANY)]
    for place, household in enumerate(sorted(phones[0].pulled("household"), key=lambda one: one["id"])):
        phones[place % MANY].households.append(household)

    def made(phone: Phone, count: int, ops_a_push: int) -> list[bytes]:
        return list(bodies([op for n in range(count) for op in phone.visit(n, form, answers)], ops_a_push))

    one = phones[0].visit(0, form, answers)
    phones[0].push(next(bodies(one, len(one))))  # the first request opens what later ones find open
    print(f"one visit: {len(one)} ops, {len(protocol.encode({'ops': one})) / 1000:.1f} KB of JSON")
    runs: list[tuple[str, int, list[Phone], Callable[[], list[list[bytes]]]]] = [
        (f"batches of {BATCH_VISITS}, 1 phone", batches * BATCH_VISITS, phones[:1],
         lambda: [[body for _ in range(batches) for body in made(phones[0], BATCH_VISITS, OPS_A_PUSH)]]),
        ("one a request, 1 phone", visits, phones[:1], lambda: [made(phones[0], visits, len(one))]),
        (f"one a request, {MANY} phones", visits // MANY * MANY, phones,
         lambda: [made(phone, visits // MANY, len(one)) for phone in phones]),
    ]  # fmt: skip
    for place, (what, count, senders, make) in enumerate(runs):
        work = make()
        seconds = sent_at_once(senders, work)
        flat = [body for mine in work for body in mine]
        disk, reading = disk_alone(flat, folder / str(place)), reading_alone(flat)
        print(
            f"  {what:26} {count / seconds:7.0f} visits/s   {len(flat) / seconds:6.0f} requests/s   "
            f"disk alone {count / disk:7.0f}, reading alone {count / reading:7.0f} visits/s   "
            f"= {seconds / (disk + reading):.1f}× both together"
        )


if __name__ == "__main__":
    main()
