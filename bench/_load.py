"""A cheap load generator: requests prepared beforehand, one thread, raw sockets.

What a bench measures should be the server, so the client must cost little:
bodies, digests and headers are made before the clock starts, replies are only
looked at for their status while it runs, and read with care once it stopped.
It runs in a process of its own (`in_own_process`), so that it and the server
compete for the machine's cores as two programs would, not for one Python lock.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import selectors
import socket
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from sync import protocol

GZIP = 31


@dataclass
class Run:
    """What came of it. replies: per connection, in the order of its requests; moments: seconds each took."""

    seconds: float
    cpu: float
    replies: list[list[bytes]] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        ordered = sorted(self.moments)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def push_request(host: str, token: str, plain: bytes, *, level: int = 6) -> bytes:
    """The whole request of a push as a phone packs it."""
    packer = zlib.compressobj(level, zlib.DEFLATED, GZIP)
    body = packer.compress(plain) + packer.flush()
    headers = {**protocol.push_headers(body, gzipped=True), "Host": host, "Authorization": f"Bearer {token}",
               "Accept-Encoding": "gzip", "Accept-Language": "zh-CN", "Content-Length": str(len(body))}  # fmt: skip
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /sync/v1/push HTTP/1.1\r\n{lines}\r\n".encode() + body


class _Line:
    """One keep-alive connection working through its requests, one after the other."""

    def __init__(self, address: tuple[str, int], requests: Sequence[bytes]) -> None:
        self.socket = socket.create_connection(address, timeout=120)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.requests = requests
        self.replies: list[bytes] = []
        self.moments: list[float] = []
        self._got = bytearray()
        self._wanted = 0

    def send(self) -> None:
        self._began = time.perf_counter()
        self.socket.sendall(self.requests[len(self.replies)])

    def receive(self) -> bool:
        """Read what is there; sends the next request after a whole reply. False when all is answered."""
        data = self.socket.recv(1 << 18)
        if not data:
            raise RuntimeError("the server hung up")
        self._got += data
        if not self._wanted:
            end = self._got.find(b"\r\n\r\n")
            if end < 0:
                return True
            head = bytes(self._got[:end]).lower()
            self._wanted = end + 4 + int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        if len(self._got) < self._wanted:
            return True
        self.moments.append(time.perf_counter() - self._began)
        self.replies.append(bytes(self._got))
        self._got.clear()
        self._wanted = 0
        if len(self.replies) == len(self.requests):
            return False
        self.send()
        return True


def drive(url: str, work: Sequence[Sequence[bytes]]) -> Run:
    """Send every list of requests over a connection of its own, all at once; the clock ends with the last reply."""
    parts = urlsplit(url)
    lines = [_Line((parts.hostname or "", parts.port or 80), requests) for requests in work if requests]
    with selectors.DefaultSelector() as waiting:
        for line in lines:
            waiting.register(line.socket, selectors.EVENT_READ, line)
        began, cpu = time.perf_counter(), time.process_time()
        for line in lines:
            line.send()
        left = len(lines)
        while left:
            for key, _ in waiting.select(120) or _silent():
                if not key.data.receive():
                    waiting.unregister(key.fileobj)
                    left -= 1
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    for line in lines:
        line.socket.close()
    return Run(seconds, cpu, [line.replies for line in lines], [one for line in lines for one in line.moments])


def _silent() -> Any:
    raise RuntimeError("no answer for two minutes")


def in_own_process(url: str, work: Sequence[Sequence[bytes]]) -> Run:
    """As `drive`, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        asked, told = Path(folder) / "work", Path(folder) / "run"
        asked.write_bytes(pickle.dumps((url, [list(one) for one in work])))
        root = Path(__file__).parents[1]
        paths = os.pathsep.join([str(root), str(root / "bench")])
        subprocess.run([sys.executable, __file__, str(asked), str(told)], check=True,
                       env={**os.environ, "PYTHONPATH": paths})  # fmt: skip
        run: Run = pickle.loads(told.read_bytes())
        return run


def results(reply: bytes) -> list[dict[str, Any]]:
    """The results of a push, from the whole reply. Raises RuntimeError for any other answer."""
    head, _, body = reply.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0]:
        raise RuntimeError(f"{head.splitlines()[0]!r} {body[:300]!r}")
    if b"content-encoding: gzip" in head.lower():
        body = zlib.decompress(body, GZIP)
    found: list[dict[str, Any]] = msgspec.json.decode(body)["results"]
    return found


def cpu_seconds(pid: int) -> float:
    """What a process and its threads have used so far."""
    cells = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(cells[11]) + int(cells[12])) / os.sysconf("SC_CLK_TCK")


def cpu_of_tree(pid: int) -> float:
    """As `cpu_seconds`, with the processes it and those started, also those that have ended; 0 of one that just has."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return _cpu_of_tree(pid)
    return 0.0


def _cpu_of_tree(pid: int) -> float:
    cells = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    ended = (int(cells[13]) + int(cells[14])) / os.sysconf("SC_CLK_TCK")
    # A child is listed under the thread that started it.
    children = [child for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()]
    return cpu_seconds(pid) + ended + sum(cpu_of_tree(int(child)) for child in children)


def main() -> None:
    url, work = pickle.loads(Path(sys.argv[1]).read_bytes())
    Path(sys.argv[2]).write_bytes(pickle.dumps(drive(url, work)))


if __name__ == "__main__":
    import _load  # under its own name: the run is read by the process that asked

    _load.main()
