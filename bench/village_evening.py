"""The evening: 50 phones come back to the village with 20 visits each, until the centre has confirmed every one (②).

    python3 run.py bench village_evening [--phones 50] [--visits 20]

A village's node and the centre are processes of their own, joined over HTTP.
Each phone sends its 60 ops as phones do, at most 50 a request, then asks for
receipts every half second until all of its ops have the centre's word. The
clock runs from the first byte sent to the last receipt ②; beside it when the
node had everything on disk (①), and how far behind the read tables were.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import _load
from _lag import Lag, of_folder
from _phones import Phone, confirm, phones_at
from browser.servers import NodeProcess, make_demo

OPS_A_PUSH = 50
LOOK_SECONDS = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(prog="run.py bench village_evening")
    parser.add_argument("--phones", type=int, default=50)
    parser.add_argument("--visits", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_demo(folder / "centre", households=900)
        account = json.loads((folder / "centre" / "demo.json").read_text("utf-8"))["node"]
        centre = NodeProcess(folder / "centre").start()
        join = ("--upstream", centre.url, "--join", f"{account['username']}:{account['password']}")
        village = NodeProcess(folder / "village", *join)
        try:
            village.start()
            wait_for_register(village.url)
            evening(village, folder / "village", options.phones, options.visits)
        finally:
            village.stop()
            centre.stop()


def wait_for_register(url: str) -> None:
    """Until the node has its own people, whom it needs to let anybody in."""
    for _ in range(600):
        try:
            phones_at(url, 1)
            return
        except (RuntimeError, ZeroDivisionError):
            time.sleep(0.5)
    raise RuntimeError("the node did not get its register")


def evening(village: NodeProcess, folder: Path, count: int, visits: int) -> None:
    phones = phones_at(village.url, count)
    work = [phone.requests(visits, OPS_A_PUSH) for phone in phones]
    began = time.perf_counter()
    with Lag(of_folder(folder), folder / "read.db") as lag:
        run = _load.in_own_process(village.url, [one.requests for one in work])
        at_node = time.perf_counter() - began
        for replies, sent in zip(run.replies, work, strict=True):
            confirm(replies, sent.hashes)
        open_phones = {phone.install_id: (phone, set(sent.hashes)) for phone, sent in zip(phones, work, strict=True)}
        while open_phones:
            for id, (phone, left) in list(open_phones.items()):
                left -= receipts(phone)
                if not left:
                    del open_phones[id]
            if open_phones:
                time.sleep(LOOK_SECONDS)
        at_centre = time.perf_counter() - began
    total = count * visits
    print(
        f"{count} phones × {visits} visits: at the village ① after {at_node:.1f} s, every one confirmed by the centre ② "
        f"after {at_centre:.1f} s ({total / at_centre:.0f} visits/s)   goal ≤ 10 s\n"
        f"  a push took p50 {run.quantile(0.5):.2f} s, p95 {run.quantile(0.95):.2f} s; "
        f"the village's read tables were at most {lag.worst:.1f} s behind   goal ≤ 2 s"
    )


def receipts(phone: Phone) -> set[str]:
    """The ops of the phone that the centre has confirmed."""
    found: set[str] = set()
    after = 0
    while True:
        page = phone.asked("GET", f"/sync/v1/receipts?install_id={phone.install_id}&after={after}")["receipts"]
        if not page:
            return found
        found |= {one["op_id"] for one in page if one["receipt"]["tier"] == "centre"}
        after = page[-1]["dseq"]


if __name__ == "__main__":
    main()
