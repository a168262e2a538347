"""A fixed cast at a small centre: a cadre of the village, a supervisor of its township, and strangers.

``here`` is an opened node with that cast, two households and one small form;
``app`` its Flask app; ``phone(person)`` a signed-in device speaking the sync
protocol; ``office(person)`` a signed-in browser. Nothing runs in the
background: ``here.tables.catch_up()`` brings the read tables up.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "清水村-2026"
VILLAGE = "500156105203"
NEXT_VILLAGE = "500156105204"
TOWNSHIP = "500156105000"
COUNTY = "500156000000"
OTHER_VILLAGE = "500110103201"
OTHER_COUNTY = "500110000000"

AREAS = {
    COUNTY: "武隆区",
    TOWNSHIP: "土坎镇",
    VILLAGE: "清水村",
    NEXT_VILLAGE: "关滩村",
    OTHER_COUNTY: "綦江区",
    OTHER_VILLAGE: "石角村",
}


@dataclass(frozen=True)
class Person:
    id: str
    username: str
    name: str
    role: str
    area: str
    password: str = PASSWORD


@dataclass(frozen=True)
class Cast:
    """cadre visits the village, township and county stand above it, neighbour and stranger must see nothing of it."""

    cadre: Person = Person("u-cadre", "cadre", "冉村干", "cadre", VILLAGE)
    township: Person = Person("u-township", "township", "田镇管", "township", TOWNSHIP)
    county: Person = Person("u-county", "county", "谭县管", "county", COUNTY)
    auditor: Person = Person("u-auditor", "auditor", "向督查", "auditor", COUNTY)
    neighbour: Person = Person("u-neighbour", "neighbour", "邻村干", "cadre", NEXT_VILLAGE)
    stranger: Person = Person("u-stranger", "stranger", "外县人", "county", OTHER_COUNTY)
    node: Person = Person("u-node", "village-node", "清水村节点", "node", VILLAGE)

    def everyone(self) -> tuple[Person, ...]:
        return (self.cadre, self.township, self.county, self.auditor, self.neighbour, self.stranger, self.node)


HOUSEHOLD = "h-ran"
OTHER_HOUSEHOLD = "h-far"

LISTS = """
| choices |
| | list_name | name | label::中文 (zh) | label::English (en) |
| | yes_no | yes | 是 | Yes |
| | yes_no | no | 否 | No |
"""

MINI_FORM = """
| survey |
| | type | name | label::中文 (zh) | label::English (en) |
| | hidden | household_id | | |
| | begin_group | living | 生活 | Living |
| | select_one yes_no | water | 饮水安全吗 | Is the water safe |
| | text | remark | 备注 | Remark |
| | end_group | | | |
| choices |
| | list_name | name | label::中文 (zh) | label::English (en) |
| | yes_no | yes | 是 | Yes |
| | yes_no | no | 否 | No |
| settings |
| | form_title | form_id | version | default_language | style |
| | 小表 | mini | 1 | 中文 (zh) | pages |
"""


LONG = ("test_phone_faults", "test_sync_kill", "test_form_media", "test_form_screen", "test_sync_disk", "test_phone_lock",
        "test_courier", "test_one_visit", "test_access_matrix", "test_form_types", "test_sync_store", "test_hostile",
        "test_phone_offline", "test_tables_writer", "test_sync_postgres", "test_long_runs", "test_form_design")  # fmt: skip
"""Files of a minute and more, the longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, then those with a browser: a run on several cores must not wait for one of them at its end."""

    def place(item: pytest.Item) -> int:
        path = Path(str(item.path))
        if path.stem in LONG:
            return LONG.index(path.stem)
        return len(LONG) + ("browser" not in path.parts)

    items.sort(key=place)


@pytest.fixture(scope="session", autouse=True)
def made_once() -> None:
    from tests.once import make_once

    make_once()


@cache
def password_hash(password: str = PASSWORD) -> str:
    from app.auth import hash_password

    return hash_password(password)


@pytest.fixture
def cast() -> Cast:
    return Cast()


@pytest.fixture
def forms_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "forms"
    folder.mkdir()
    (folder / "lists.md").write_text(LISTS, "utf-8")
    (folder / "mini.md").write_text(MINI_FORM, "utf-8")
    return folder


@pytest.fixture
def static_dir(tmp_path: Path) -> Path:
    """A built phone app, as small as one can be."""
    import brotli

    dist = tmp_path / "static" / "dist"
    dist.mkdir(parents=True)
    files = {
        "main-0A1B2C3D.js": "console.log('ruhu')",
        "early-0A1B2C3D.js": "indexedDB.open('ruhu-data')",
        "app-0A1B2C3D.css": "body{margin:0}",
        "sw.js": "self.addEventListener('install', () => {})",
        "shell.html": "<!doctype html><title>入户</title><body><main id=app></main>",
        "manifest.json": json.dumps(
            {"main.js": "main-0A1B2C3D.js", "early.js": "early-0A1B2C3D.js", "app.css": "app-0A1B2C3D.css",
             "shell.html": "shell.html", "sw.js": "sw.js"}
        ),
    }
    for name, text in files.items():
        (dist / name).write_text(text, "utf-8")
        (dist / f"{name}.br").write_bytes(brotli.compress(text.encode()))
        (dist / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "static" / "secret.txt").write_text("not for the web")
    return tmp_path / "static"


@pytest.fixture
def config(tmp_path: Path, forms_dir: Path, static_dir: Path) -> Any:
    from app.config import Config

    return Config(data_dir=tmp_path / "data", forms_dir=forms_dir, static_dir=static_dir, background=False)


def people_and_places(store: Any, cast: Cast) -> None:
    """Load the cast, their places and two households into an empty store."""
    from sync.author import Author

    author = Author("i-cast", "u-county", clock=lambda: datetime(2026, 11, 1, 9, tzinfo=UTC))
    ops = [author.create("area", code, code, {"name": name}) for code, name in AREAS.items()]
    for person in cast.everyone():
        fields = {"username": person.username, "name": person.name, "role": person.role, "area": person.area,
                  "unit": "村委会", "password_hash": password_hash(person.password)}  # fmt: skip
        ops.append(author.create("user", person.id, person.area, fields))
    ops += [
        author.create("household", HOUSEHOLD, VILLAGE, {"head_name": "冉光荣", "group": "1", "water_safe": "no"}),
        author.create("household", OTHER_HOUSEHOLD, OTHER_VILLAGE, {"head_name": "綦江人", "group": "9"}),
    ]
    store.load(ops)


@pytest.fixture
def here(config: Any, cast: Cast) -> Iterator[Any]:
    from app.node import open_node

    opened = open_node(config)
    people_and_places(opened.store, cast)
    yield opened
    opened.close()


@pytest.fixture
def app(config: Any, here: Any) -> Any:
    from app import create_app

    return create_app(config, here)


@pytest.fixture
def client(app: Any) -> Any:
    return app.test_client()


class Phone:
    """A device that is signed in, with its numbered ops."""

    def __init__(self, client: Any, person: Person) -> None:
        from sync.author import Author

        self.client = client
        self.person = person
        reply = client.post(
            "/api/sign-in", json={"username": person.username, "password": person.password, "device": "测试手机"}
        )
        assert reply.status_code == 200, reply.json
        self.signed_in: dict[str, Any] = reply.json
        self.token: str = reply.json["token"]
        self.install_id: str = reply.json["install_id"]
        self.author = Author(self.install_id, person.id, clock=lambda: datetime.now().astimezone())

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def body(self, ops: Sequence[Any]) -> bytes:
        import msgspec

        known = self.signed_in
        return msgspec.json.encode(
            {"format": 1, "server_id": known["server_id"], "epoch": known["epoch"], "ops": list(ops)}
        )

    def push(self, ops: Sequence[Any], *, packed: bool = False) -> Any:
        from sync import protocol

        body = self.body(ops)
        if packed:
            body = gzip.compress(body)
        headers = self.headers | protocol.push_headers(body, gzipped=packed)
        return self.client.post("/sync/v1/push", data=body, headers=headers)

    def get(self, path: str, **more: Any) -> Any:
        return self.client.get(path, headers=self.headers, **more)

    def pull_all(self) -> list[dict[str, Any]]:
        records, cursor = [], ""
        while True:
            page = self.get(f"/sync/v1/pull?cursor={cursor}" if cursor else "/sync/v1/pull").json
            records += page["records"]
            cursor = page["cursor"]
            if not page["more"]:
                return records


@pytest.fixture
def phone(client: Any) -> Callable[[Person], Phone]:
    return lambda person: Phone(client, person)


@pytest.fixture
def office(app: Any) -> Callable[[Person], Any]:
    """A browser of its own for each person, signed in at the office pages."""

    def sign_in(person: Person) -> Any:
        browser = app.test_client()
        page = browser.get("/office/sign-in").text
        token = page.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]
        reply = browser.post(
            "/office/sign-in",
            data={"username": person.username, "password": person.password, "csrf_token": token},
        )
        assert reply.status_code == 303, reply.text
        return browser

    return sign_in


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    """A real PostgreSQL of our own, one for all tests; each takes a new database of it. Skips, visibly, where none is."""
    from tests.postgres import NoPostgres, Postgres

    try:
        server = Postgres()
    except NoPostgres as missing:
        pytest.skip(f"no PostgreSQL here: {missing}")
    yield server
    server.close()
