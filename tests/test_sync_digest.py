"""The net under the pull: what somebody or something changed in a node's database is found and mended.

Rows are corrupted, removed and put in by hand; one comparison later the node is as the centre says, nothing
unconfirmed is gone, and the office can read that there was a fault.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sync import comparing, service
from sync.digest import bucket_of, differing, fingerprint, mending, sums, whole
from sync.records import NODE, Credential, Grant, Record
from sync.scope import EVERYTHING, scope_of
from sync.store.base import Store
from sync.store.postgres import PostgresStore
from tests.postgres import Postgres
from tests.store_contract import Phone
from tests.test_sync_two_hops import VILLAGE, County

VECTORS = json.loads((Path(__file__).parent / "vectors" / "digest.json").read_text("utf-8"))


@pytest.fixture
def county(tmp_path: Path) -> Iterator[County]:
    made = County(tmp_path)
    phone = Phone(made.centre, "u-cadre")
    for n in range(40):
        phone.push(phone.author.create("household", f"h{n:03}", VILLAGE, {"head_name": f"户{n}", "group": str(n % 7)}))
    settle(made)
    yield made
    made.close()


def tamper(county: County, statement: str, *values: Any) -> None:
    with sqlite3.connect(county.village.folder / "store.db") as shell:
        shell.execute(statement, values)


def settle(county: County) -> None:
    while county.relay.step():
        pass


def compare(county: County) -> str:
    return county.relay.compare()


def seen(store: Store) -> dict[tuple[str, str], dict[str, Any]]:
    records = store.changes(0, 10_000).records
    return {(r.kind, r.id): r.fields for r in records if r.area == VILLAGE and not r.deleted and r.kind != "user"}


def mended(county: County) -> dict[str, str]:
    return {one.id: one.why for one in county.village.mended(100)}


def test_tiers_that_agree_have_nothing_to_mend(county: County) -> None:
    assert compare(county) == "same"
    assert county.village.mended(10) == [] and county.village.compared()[""].result == "same"


@pytest.mark.parametrize(("statement", "why"), [
    ("UPDATE record SET fields = json_set(fields, '$.head_name', '假'), upstream = json_set(upstream, '$.fields.head_name', '假')"
     " WHERE id = 'h007'", "differs"),
    ("UPDATE record SET fields = json_set(fields, '$.head_name', '假') WHERE id = 'h007'", "view"),
    ("UPDATE record SET upstream = json_set(upstream, '$.rev', 99) WHERE id = 'h007'", "differs"),
    ("UPDATE record SET deleted = 1 WHERE id = 'h007'", "view"),
    ("UPDATE record SET area = '500156103999' WHERE id = 'h007'", None),
    ("DELETE FROM record WHERE id = 'h007'", "missing"),
])  # fmt: skip
def test_a_row_corrupted_or_removed_is_put_right(county: County, statement: str, why: str | None) -> None:
    before = seen(county.village)
    tamper(county, statement)
    assert compare(county) == "mended"
    assert seen(county.village) == before == seen(county.centre)
    record = county.village.get("household", "h007")
    assert record is not None and record.area == VILLAGE and not record.deleted
    assert "h007" in mended(county) and (why is None or mended(county) == {"h007": why})
    assert compare(county) == "same"


def test_a_ghost_is_dropped_and_whoever_follows_the_log_drops_it_too(county: County) -> None:
    before = county.village.latest_seq()
    tamper(county, "INSERT INTO record (kind, id, area, rev, seq, fields, since, upstream) SELECT kind, 'ghost', area, rev, 99999,"
                   " fields, since, upstream FROM record WHERE id = 'h003'")  # fmt: skip
    tamper(county, "INSERT INTO record (kind, id, area, rev, seq, fields, since) SELECT kind, 'local', area, rev, 99998,"
                   " fields, since FROM record WHERE id = 'h004'")  # fmt: skip
    assert compare(county) == "mended"
    assert mended(county) == {"ghost": "extra", "local": "extra"}
    dropped = {one.id: one.deleted for one in county.village.changes(before, 10).records}
    assert dropped == {"ghost": True, "local": True}
    assert compare(county) == "same"


def test_what_the_centre_has_not_confirmed_is_never_dropped(county: County) -> None:
    """A household made on a phone of the village while the centre is out of reach."""
    phone = Phone(county.village, "u-cadre")
    phone.push(phone.author.create("household", "new", VILLAGE, {"head_name": "新户"}))
    phone.push(phone.author.update("household", "h001", VILLAGE, {"head_name": ("户1", "改")}))
    assert compare(county) == "same"
    assert county.village.get("household", "new") is not None
    # Even where the whole table of records is gone by hand, the ops bring it back.
    tamper(county, "UPDATE record SET upstream = json_set(upstream, '$.fields.head_name', '假') WHERE id = 'h001'")
    assert compare(county) == "mended"
    record = county.village.get("household", "h001")
    assert record is not None and record.fields["head_name"] == "改" and record.pending == 1
    settle(county)
    assert compare(county) == "same"
    assert county.village.get("household", "new") is not None and county.centre.get("household", "new") is not None


def test_without_the_guard_unconfirmed_work_would_be_dropped(county: County, monkeypatch: pytest.MonkeyPatch) -> None:
    from sync.store import sqlite_compare

    phone = Phone(county.village, "u-cadre")
    phone.push(phone.author.create("household", "new", VILLAGE, {"head_name": "新户"}))
    county.village.mend([], [("household", "new")], [])
    assert county.village.get("household", "new").deleted is False  # type: ignore[union-attr]
    monkeypatch.setattr(sqlite_compare, "has_open_op", lambda ask, key: False)
    county.village.mend([], [("household", "new")], [])
    assert county.village.get("household", "new").deleted is True  # type: ignore[union-attr]


def test_while_the_centre_is_ahead_nothing_is_touched(county: County) -> None:
    phone = Phone(county.centre, "u-cadre")
    phone.push(phone.author.update("household", "h001", VILLAGE, {"head_name": ("户1", "二")}))
    tamper(county, "DELETE FROM record WHERE id = 'h007'")
    assert compare(county) == "moved"
    assert county.village.get("household", "h007") is None
    settle(county)
    assert compare(county) == "mended"


def test_a_node_compares_once_a_day_by_itself(county: County) -> None:
    now = [datetime.fromisoformat("2026-11-24T12:00:00+00:00")]
    county.relay._clock = lambda: now[0]
    county.relay.compare()
    asked: list[str] = []
    real = county.relay._digest
    county.relay._digest = lambda path: asked.append(path) or real(path)  # type: ignore[func-returns-value, method-assign]
    for hours, due in ((1, False), (20, False), (4, True), (1, False), (-30, True)):
        now[0] += timedelta(hours=hours)
        asked.clear()
        county.relay.step()
        assert bool(asked) is due, hours
    asked.clear()
    county.relay.compare_soon()
    county.relay.step()
    assert asked


def test_after_a_restore_above_the_node_compares_soon(county: County) -> None:
    compare(county)
    county.centre._epoch = "another"
    county.relay.step()
    assert county.relay._compare_now
    settle(county)
    assert not county.relay._compare_now


def test_an_older_server_above_is_no_trouble(county: County) -> None:
    real = county.wire._answer

    def old(method: str, path: str, body: bytes, headers: Any) -> Any:
        if "/digest" in path:
            raise service.Problem("not_found")
        return real(method, path, body, headers)

    county.wire._answer = old  # type: ignore[method-assign]
    county.relay.compare_soon()
    county.relay.step()
    assert county.village.compared()[""].result == "unsupported"


# --- the question on both stores, and who may ask ---------------------------------------------------------


def test_a_device_gets_sums_of_its_own_kinds_and_places_only(county: County) -> None:
    phone = Phone(county.centre, "u-cadre")
    cursor = county.centre.pull(scope_of(phone.credential), None, 9999).cursor
    said = service.digest(county.centre, phone.credential, cursor, "")
    readable = county.centre.pull(scope_of(phone.credential), None, 9999).records
    assert sum(place["sum"][0] for place in said["places"].values()) == len([one for one in readable if not one.deleted])
    foreign = service.bucket(county.centre, phone.credential, cursor, "500240103201", set(range(256)))
    assert foreign["records"] == []
    revoked = msgspec.structs.replace(phone.credential, revoked=True)
    for ask in (lambda: service.digest(county.centre, revoked, cursor, ""),
                lambda: service.bucket(county.centre, revoked, cursor, VILLAGE, {1})):  # fmt: skip
        with pytest.raises(service.Problem) as refused:
            ask()
        assert refused.value.code == "device_revoked"


def test_many_places_come_in_several_answers(county: County, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "DIGEST_AT_ONCE", 5)
    assert compare(county) == "same"
    tamper(county, "DELETE FROM record WHERE id = 'h007'")
    assert compare(county) == "mended"


def test_postgresql_answers_the_same_sums(postgres: Postgres, tmp_path: Path, county: County) -> None:
    from sync.store.copying import move_to_postgres

    credential = Credential(install_id="n", user_id="u-node", kind=NODE, grants=(Grant("node", VILLAGE),))
    cursor = county.centre.pull(scope_of(credential), None, 1).cursor.rsplit(".", 1)[0] + f".{county.centre.latest_seq()}"
    before = service.digest(county.centre, credential, cursor, "")
    target = PostgresStore(postgres.database())
    move_to_postgres(county.centre, target, lambda table, rows: None)  # type: ignore[arg-type]
    assert service.digest(target, credential, cursor, "")["places"] == before["places"]
    buckets = set(range(256))
    found = [service.bucket(store, credential, cursor, VILLAGE, buckets)["records"] for store in (county.centre, target)]
    order: Callable[[Any], Any] = lambda one: (one["kind"], one["id"])  # noqa: E731
    assert sorted(found[0], key=order) == sorted(found[1], key=order) and found[0]
    assert target.places(EVERYTHING) == county.centre.places(EVERYTHING)
    target.close()


# --- the rule -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", VECTORS["records"], ids=lambda case: case["record"]["id"])
def test_fingerprints_are_those_of_the_vectors(case: dict[str, Any]) -> None:
    record = msgspec.convert(case["record"], Record)
    assert f"{fingerprint(record):064x}" == case["fingerprint"]
    assert bucket_of(record.kind, record.id) == case["bucket"]


def test_the_sum_of_the_vectors() -> None:
    found = whole(sums(msgspec.convert([case["record"] for case in VECTORS["records"]], list[Record])))
    assert [found.number, f"{found.xor:064x}"] == VECTORS["sum"]


def test_seq_and_pending_are_each_tiers_own() -> None:
    record = msgspec.convert(VECTORS["records"][0]["record"], Record)
    assert fingerprint(msgspec.structs.replace(record, seq=77, pending=3)) == fingerprint(record)


def test_two_records_that_swap_their_values_are_noticed() -> None:
    one, two = (Record(kind="household", id=f"h{n}", area=VILLAGE, rev=1, seq=n, fields={"a": str(n)}, since={}) for n in (1, 2))
    swapped = [msgspec.structs.replace(one, fields=two.fields), msgspec.structs.replace(two, fields=one.fields)]
    assert differing(sums([one, two]), sums(swapped))


def test_what_is_above_is_never_dropped() -> None:
    record = Record(kind="household", id="h1", area=VILLAGE, rev=1, seq=1, fields={}, since={})
    plan = mending({}, [record], extra=[("household", "h1"), ("household", "h2")])
    assert plan.drop == [("household", "h2")] and plan.take == [record]


@pytest.mark.parametrize("said", [{}, {"places": {"x": {}}}, {"places": {VILLAGE: {"buckets": {"1": [1, "zz"]}}}}, {"places": 5}])
def test_a_strange_answer_is_told_and_changes_nothing(county: County, said: dict[str, Any]) -> None:
    with pytest.raises((msgspec.ValidationError, KeyError)):
        comparing.compare(county.village, lambda path: said, datetime.fromisoformat("2026-11-24T12:00:00+00:00"))
    assert county.village.compared().get("") is None or county.village.compared()[""].result == "same"


@pytest.mark.parametrize("kind", [NODE, "device"])
def test_sqlite_reads_only_the_place(county: County, kind: str) -> None:
    """Without naming the index SQLite reads all of the scope for each place."""
    plans: list[str] = []
    store = county.centre
    connection = store._file.reader()
    scope = scope_of(Credential(install_id="n", user_id="u", kind=kind, grants=(Grant("node", VILLAGE),)))
    cursor = store.pull(scope, None, 5).cursor
    connection.set_trace_callback(lambda sql: plans.append(sql) if "FROM record" in sql else None)
    store.in_place(scope, VILLAGE, cursor)
    connection.set_trace_callback(None)
    told = [" ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")) for sql in plans]
    assert len(told) == 2 and "record_by_seq (seq>?" in told[0] and "record_by_area (area>? AND area<?" in told[1], told
