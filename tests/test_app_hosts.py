"""Two web hosts of one centre in PostgreSQL: signed in at one, seen at the other; a SQLite centre moved there by command."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app import create_app
from app.config import ROOT, Config
from app.node import open_node
from app.publish import publish_library
from forms.library import load_library
from sync.store.postgres import PostgresStore
from tests.postgres import Postgres


@pytest.fixture(scope="module")
def moved(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a demo county that `run.py move` brought into PostgreSQL."""
    folder = tmp_path_factory.mktemp("centre") / "data"
    url = postgres.database()

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "app.commands", *command], cwd=ROOT, capture_output=True, text=True)

    assert run("demo", "--data", str(folder), "--households", "40").returncode == 0
    done = run("move", "--data", str(folder), "--to", url)
    assert done.returncode == 0, done.stderr
    again = run("serve", "--data", str(folder), "--port", "0")
    assert again.returncode == 1 and "PostgreSQL" in again.stderr + again.stdout
    return url


@pytest.fixture
def hosts(moved: str, tmp_path: Path) -> Iterator[list[Any]]:
    made = []
    for name in ("a", "b"):
        config = Config(data_dir=tmp_path / name, upstream=moved, background=False)
        here = open_node(config)
        made.append((here, create_app(config, here).test_client()))
    yield made
    for here, _ in made:
        here.close()


def sign_in(client: Any, username: str) -> str:
    reply = client.post("/api/sign-in", json={"username": username, "password": "ruhu-demo", "device": "phone"})
    assert reply.status_code == 200, reply.get_data(as_text=True)
    return str(reply.get_json()["token"])


def test_a_token_of_one_host_is_good_at_the_other(hosts: list[Any]) -> None:
    (first, one), (second, two) = hosts
    assert first.tier == second.tier == "centre" and first.store.server_id == second.store.server_id
    token = sign_in(one, "qingshui")
    page = two.get("/sync/v1/pull?limit=1000", headers={"Authorization": f"Bearer {token}"}).get_json()
    assert {"household", "member", "form"} <= {record["kind"] for record in page["records"]}


def test_wrong_tries_count_at_every_host(hosts: list[Any]) -> None:
    """Otherwise two hosts let in twice the tries."""
    (first, one), (second, two) = hosts
    wrong = {"username": "qingshui", "password": "wrong", "device": "phone"}
    answers = [client.post("/api/sign-in", json=wrong).status_code for client in (one, two) * 3]
    assert answers == [401] * 5 + [429]
    with psycopg.connect(first.config.upstream) as db:
        (kept,) = db.execute("SELECT string_agg(account || address, '') FROM ruhu.wrong_try").fetchone() or ("",)
    assert "qingshui" not in kept and "127.0.0.1" not in kept
    # The right password at another address goes on, and forgives that address only.
    there = {"environ_base": {"REMOTE_ADDR": "10.0.0.7"}}
    right = {**wrong, "password": "ruhu-demo"}
    assert two.post("/api/sign-in", json=wrong, **there).status_code == 401
    assert two.post("/api/sign-in", json=right, **there).status_code == 200
    assert second.throttle.wait("qingshui", "127.0.0.1", time.time()) > 0
    assert len([1 for *_try, forgiven in second.store.tries.ages(*_hashed(second), 900.0) if forgiven]) == 1


def _hashed(here: Any) -> tuple[str, str]:
    return here.throttle._hash("qingshui"), here.throttle._hash("10.0.0.7")


def test_two_hosts_publish_a_library_at_once_as_one(postgres: Postgres) -> None:
    url = postgres.database()
    stores = [PostgresStore(url) for _ in range(2)]
    library = load_library(ROOT / "forms" / "library")
    start = threading.Barrier(2)

    def publish(store: PostgresStore) -> None:
        start.wait()
        assert publish_library(store, library, lambda: datetime.now(UTC)) == []

    threads = [threading.Thread(target=publish, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    records = stores[0].changes(0, 1000).records
    assert sorted(record.kind for record in records) == ["form"] * len(library.forms)
    assert all(record.rev == 1 for record in records) and stores[1].quarantined() == []
    for store in stores:
        store.close()


def test_codes_printed_by_one_host_are_known_to_the_other(hosts: list[Any]) -> None:
    assert (hosts[0][0].config.data_dir / "secret.key").read_text() == (hosts[1][0].config.data_dir / "secret.key").read_text()


def test_each_host_has_read_tables_of_its_own(hosts: list[Any]) -> None:
    for here, _ in hosts:
        here.tables.catch_up()
        count = here.tables.reading().execute("SELECT count(*) FROM households").fetchone()[0]
        assert count == 40 and here.tables.behind() == 0


def test_reports_read_views(hosts: list[Any], moved: str) -> None:
    with psycopg.connect(moved, options="-c search_path=ruhu") as db:
        assert db.execute("SELECT count(*) FROM households WHERE NOT deleted").fetchone() == (40,)
        names = {row[0] for row in db.execute("SELECT table_name FROM information_schema.views WHERE table_schema = 'ruhu'")}
    assert {"households", "members", "visits", "issues", "submissions", "answers_visit"} <= names
