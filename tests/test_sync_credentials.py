"""Tokens remembered between requests: rights change at once, whoever changes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.author import Author
from sync.records import Credential, Grant
from sync.store.credential_memory import CredentialMemory
from sync.store.sqlite import SqliteStore
from tests.store_contract import VILLAGE, clock


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path, clock=clock)
    yield store
    store.close()


def test_a_person_s_rights_change_with_the_next_request(store: SqliteStore) -> None:
    own = Author(store.add_install("", kind="node", name="own").install_id, "", clock=clock)
    fields = {"username": "c", "role": "cadre", "area": VILLAGE, "state": "active"}
    store.load([own.create("user", "u", VILLAGE, fields)])
    given = store.add_install("u", kind="device", name="")

    def now() -> Credential:
        found = store.credential(given.token)
        assert found is not None
        return found

    assert now().grants == (Grant("cadre", VILLAGE),)
    assert now() is now()  # remembered
    store.seen(given.install_id, made_dseq=3, now=clock())
    assert now() is now()
    store.load([own.update("user", "u", VILLAGE, {"state": ("active", "disabled")})])
    assert now().grants == ()
    store.revoke(given.install_id)
    assert now().revoked
    with store._writing() as write:
        write.execute("DELETE FROM install")
    assert store.credential(given.token) is None


def test_a_change_that_was_rolled_back_changes_nothing(store: SqliteStore) -> None:
    given = store.add_install("u", kind="device", name="")
    before = store.credential(given.token)
    with pytest.raises(ZeroDivisionError), store._writing() as write:
        write.execute("UPDATE install SET revoked_at = 'x'")
        raise ZeroDivisionError
    assert store.credential(given.token) == before


def test_what_was_looked_up_before_a_change_is_not_remembered_after_it() -> None:
    memory = CredentialMemory()
    old, new = (Credential(install_id="i", user_id="u", kind="device", grants=(), revoked=gone) for gone in (False, True))

    def slow_look() -> Credential:
        memory._note()
        memory.committed()  # meanwhile
        return old

    assert memory.get("t", slow_look) == old
    assert memory.get("t", lambda: new) == new


def test_unknown_tokens_are_not_remembered() -> None:
    memory = CredentialMemory()
    assert memory.get("t", lambda: None) is None
    known = Credential(install_id="i", user_id="u", kind="device", grants=())
    assert memory.get("t", lambda: known) == known
