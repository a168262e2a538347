"""When more comes than can be taken: the queue at the writer, a disk that fills, and what is told to whom.

Nothing that is refused so is lost: the phone keeps it and comes again (tests/js/data_sync.test.js).
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import HOUSEHOLD, VILLAGE
from patience import until

from sync.problems import Problem
from sync.records import BlobRef
from sync.relay import Reply, _object
from sync.room import Room
from sync.store.group import GroupCommit


class Usage(NamedTuple):
    total: int
    free: int


class Disk:
    """A disk that a test fills; counts how often it is asked."""

    def __init__(self, free: int) -> None:
        self.free, self.asked, self.now = free, 0, 0.0

    def usage(self, _folder: Path) -> Usage:
        self.asked += 1
        return Usage(1000, self.free)

    def room(self) -> Room:
        return Room(Path("/"), usage=self.usage, clock=lambda: self.now)


@pytest.mark.parametrize(
    ("free", "blobs", "ops"), [(101, True, True), (100, True, True), (99, False, True), (30, False, True), (29, False, False)]
)
def test_photos_wait_first_ops_last(free: int, blobs: bool, ops: bool) -> None:
    room = Disk(free).room()
    for take, fine, code in ((room.take_blobs, blobs, "disk_low"), (room.take_ops, ops, "disk_full")):
        if fine:
            take()
        else:
            with pytest.raises(Problem) as refused:
                take()
            assert refused.value.code == code


def test_the_disk_is_asked_once_a_second() -> None:
    disk = Disk(500)
    room = disk.room()
    for _ in range(50):
        room.take_ops()
    assert disk.asked == 1
    disk.now, disk.free = 1.1, 5
    assert room.full and disk.asked == 2


def test_a_database_elsewhere_has_a_disk_of_its_own() -> None:
    assert Room(None).free() == 1.0


class Stuck:
    """A writer that is held up until it is let go."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        self.done: list[Any] = []

    def __call__(self, work: Any, _: Callable[[], None]) -> Any:
        self.begun.set()
        assert self.go.wait(20)
        self.done += work
        return work


def started(group: GroupCommit[str, str], work: str, told: dict[str, str]) -> threading.Thread:
    def run() -> None:
        try:
            told[work] = group(work)
        except Problem as problem:
            told[work] = problem.code

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_beyond_the_queue_one_is_told_at_once() -> None:
    stuck, told = Stuck(), {}
    group = GroupCommit[str, str](stuck, waiting=2)
    threads = [started(group, "first", told)]
    assert stuck.begun.wait(5)
    threads += [started(group, name, told) for name in ("second", "third")]
    while len(group._queue) < 2:
        time.sleep(0.001)
    with pytest.raises(Problem) as refused:
        group("fourth")
    assert refused.value.code == "busy"
    stuck.go.set()
    for thread in threads:
        thread.join(10)
    assert told == {name: name for name in ("first", "second", "third")}
    assert sorted(stuck.done) == ["first", "second", "third"], "what was refused was not done"


def test_nobody_waits_for_ever_and_what_was_begun_is_answered() -> None:
    stuck, told = Stuck(), {}
    group = GroupCommit[str, str](stuck, patience=0.05)
    first = started(group, "begun", told)
    assert stuck.begun.wait(5)
    second = started(group, "waits", told)
    second.join(10)
    assert told == {"waits": "busy"} and not group._queue
    time.sleep(0.1)  # longer than the patience: but its work is being done
    stuck.go.set()
    first.join(10)
    assert told["begun"] == "begun" and stuck.done == ["begun"]


def test_who_is_answered_does_not_wait_for_the_next_commit() -> None:
    gates = [threading.Event() for _ in range(3)]
    groups: list[list[str]] = []

    def together(work: Any, _: Callable[[], None]) -> Any:
        groups.append(list(work))
        assert gates[len(groups) - 1].wait(20)
        return work

    told: dict[str, str] = {}
    group = GroupCommit[str, str](together)
    threads = [started(group, "a", told)]
    until(lambda: len(groups) == 1)
    threads += [started(group, name, told) for name in "bcd"]
    until(lambda: len(group._queue) == 3)
    gates[0].set()
    until(lambda: len(groups) == 2)
    threads += [started(group, name, told) for name in "ef"]
    until(lambda: len(group._queue) == 2)
    gates[1].set()
    until(lambda: len(groups) == 3 and len(told) == 4)
    assert told == {name: name for name in "abcd"} and sorted(groups[2]) == ["e", "f"]
    gates[2].set()
    for thread in threads:
        thread.join(10)
    assert told == {name: name for name in "abcdef"}


def test_a_round_that_passes_the_lead_on_is_answered_after_its_own_commit() -> None:
    decided, gates = [threading.Event() for _ in "ab"], [threading.Event() for _ in "ab"]
    groups: list[list[str]] = []
    told: dict[str, str] = {}

    def together(work: Any, pass_on: Callable[[], None]) -> Any:
        number = len(groups)
        groups.append(list(work))
        pass_on()
        pass_on()  # twice is once: else two would lead
        decided[number].set()
        assert gates[number].wait(20)
        return work

    group = GroupCommit[str, str](together)
    threads = [started(group, "a", told)]
    assert decided[0].wait(20)
    threads += [started(group, "b", told)]
    assert decided[1].wait(20), "the second began while the first was being written"
    assert not told
    gates[1].set()
    threads[1].join(10)
    assert told == {"b": "b"}
    gates[0].set()
    threads[0].join(10)
    assert told == {"a": "a", "b": "b"}


def test_who_comes_back_at_once_shares_the_next_commit() -> None:
    commits: list[int] = []

    def together(work: Any, _: Callable[[], None]) -> Any:
        time.sleep(0.02)  # a slow flush
        commits.append(len(work))
        return work

    group = GroupCommit[int, int](together)
    threads = [threading.Thread(target=lambda: [group(n) for n in range(1, 7)]) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(commits) == 16 * 6
    # Were the answered to wait behind the next flush, a commit would hold two or three.
    assert len(commits) <= 24


def test_what_one_brings_together_is_in_one_round_with_what_still_fits() -> None:
    groups: list[list[str]] = []
    stuck, told = Stuck(), {}

    def together(work: Any, _: Callable[[], None]) -> Any:
        groups.append(list(work))
        return [one.upper() for one in (work if len(groups) > 1 else stuck(work, _))]

    def bring(works: str) -> None:
        told[works] = "".join(group.all(works))

    group = GroupCommit[str, str](together, most=4, waiting=6)
    threads = [threading.Thread(target=bring, args=(works,)) for works in ("abcdef", "ghi", "j", "kl")]
    for count, thread in enumerate(threads):
        thread.start()
        assert stuck.begun.wait(5)
        while len(group._queue) < count:
            time.sleep(0.001)
    with pytest.raises(Problem) as refused:
        group.all("mn")
    assert refused.value.code == "busy"
    stuck.go.set()
    for thread in threads:
        thread.join(10)
    assert told == {"abcdef": "ABCDEF", "ghi": "GHI", "j": "J", "kl": "KL"}
    assert groups == [list("abcdef"), list("ghij"), list("kl")]


def test_a_round_with_an_answer_too_few_tells_nobody_it_went_well() -> None:
    group = GroupCommit[str, str](lambda work, _: work[:-1])
    with pytest.raises(ValueError, match="shorter"):
        group.all("ab")


def test_a_full_disk_refuses_ops_and_keeps_what_is_there(here: Any, cast: Any, phone: Any, office: Any) -> None:
    disk = Disk(20)
    cadre = phone(cast.cadre)
    op = cadre.author.update("household", HOUSEHOLD, VILLAGE, {"water_safe": ("no", "yes")})
    here.room = disk.room()
    refused = cadre.push([op])
    assert (refused.status_code, refused.json["error"]["code"]) == (507, "disk_full")
    assert 600 <= int(refused.headers["Retry-After"]) <= 900
    assert refused.json["error"]["message"] and refused.json["error"]["next"]
    assert cadre.get("/sync/v1/pull").status_code == 200, "reading goes on"
    page = office(cast.township).get("/office/").text
    assert 'role="alert"' in page and "磁盘只剩 2.0%" in page
    disk.free, disk.now = 500, 5.0
    assert cadre.push([op]).json["results"][0]["status"] == "applied"
    assert "磁盘只剩" not in office(cast.township).get("/office/").text


def test_a_low_disk_takes_answers_but_no_photos(here: Any, cast: Any, phone: Any) -> None:
    disk = Disk(80)
    here.room = disk.room()
    cadre, photo = phone(cast.cadre), b"a photo"
    name = hashlib.sha256(photo).hexdigest()
    op = cadre.author.create("submission", "s-1", VILLAGE, {"answers": {}}, blobs=[BlobRef(name, len(photo))])
    assert cadre.push([op]).json["results"][0]["status"] == "applied"

    def put() -> Any:
        headers = cadre.headers | {"Upload-Offset": "0", "Upload-Length": str(len(photo))}
        return cadre.client.put(f"/sync/v1/blob/{name}", data=photo, headers=headers)

    refused = put()
    assert (refused.status_code, refused.json["error"]["code"]) == (507, "disk_low")
    assert int(refused.headers["Retry-After"]) >= 600
    disk.free, disk.now = 500, 5.0
    assert put().status_code == 201


def test_a_busy_writer_is_503_with_a_time_to_come_again(here: Any, cast: Any, phone: Any) -> None:
    cadre = phone(cast.cadre)
    op = cadre.author.update("household", HOUSEHOLD, VILLAGE, {"water_safe": ("no", "yes")})
    here.store._push_together.waiting = 0
    refused = cadre.push([op])
    assert (refused.status_code, refused.json["error"]["code"]) == (503, "busy")
    assert 10 <= int(refused.headers["Retry-After"]) <= 15
    here.store._push_together.waiting = 10
    assert cadre.push([op]).json["results"][0]["status"] == "applied"


@pytest.mark.parametrize(
    ("status", "headers", "wait"), [(503, {"Retry-After": "12"}, 12), (507, {"Retry-After": "99999"}, 900), (429, {}, 0)]
)
def test_a_node_waits_as_long_as_its_upstream_asks(status: int, headers: dict[str, str], wait: int) -> None:
    with pytest.raises(Problem) as silent:
        _object(Reply(status, headers, b"{}"))
    assert (silent.value.code, silent.value.details["retry_after"]) == ("upstream_silent", wait)
