"""A TCP proxy that harms what passes: the faults of a village network, from one seed."""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from types import TracebackType
from typing import Self


class FaultyProxy:
    """Listens on ``port`` and passes to ``target`` on this machine.

    toxic: lost_answers (the request arrives, its answer never does), resets
    (the connection breaks at any byte), slices (a few bytes at a time), delays
    (every piece waits), slow (2 kB/s, and 3 s on the way), flaps (five seconds
    there, five seconds gone). harmed counts what was done; an empty toxic harms nothing.
    """

    TOXICS = ("lost_answers", "resets", "slices", "delays", "slow", "flaps", "")
    SLOW_BYTES, SLOW_SECONDS, FLAP_SECONDS = 2000, 3.0, 5.0

    def __init__(self, target: int, toxic: str, *, seed: int) -> None:
        self.target, self.toxic = target, toxic
        self.chance = random.Random(seed)
        self.harmed = 0
        self._begun = time.monotonic()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._listener.close()
        for line in self._open:
            line.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:  # killed
                self._reset(client)
                continue
            self._open = [line for line in self._open if line.fileno() >= 0] + [client, server]
            if self._is_gone():
                self.harmed += 1
                self._reset(client)
                self._reset(server)
                continue
            unlucky = self.chance.random() < 0.4
            threading.Thread(target=self._pass, args=(client, server, False, unlucky), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, True, unlucky), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, answering: bool, unlucky: bool) -> None:
        left = self.chance.randrange(1, 4000)  # bytes until a reset
        try:
            while piece := source.recv(4096):
                if self._is_gone():
                    self.harmed += 1
                    self._reset(source)
                    self._reset(target)
                    return
                if self.toxic == "lost_answers" and answering and unlucky:
                    self.harmed += 1
                    self._reset(target)
                    return
                if self.toxic == "resets" and unlucky:
                    if left <= len(piece):
                        self.harmed += 1
                        target.sendall(piece[:left])
                        self._reset(source)
                        self._reset(target)
                        return
                    left -= len(piece)
                for part in self._parts(piece):
                    target.sendall(part)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            target.close()

    def _is_gone(self) -> bool:
        return self.toxic == "flaps" and (time.monotonic() - self._begun) % (2 * self.FLAP_SECONDS) > self.FLAP_SECONDS

    def _parts(self, piece: bytes) -> list[bytes]:
        if self.toxic == "slow":
            self.harmed += 1
            time.sleep(self.SLOW_SECONDS + len(piece) / self.SLOW_BYTES)
        if self.toxic == "delays":
            self.harmed += 1
            time.sleep(self.chance.uniform(0.01, 0.08))
        if self.toxic != "slices":
            return [piece]
        self.harmed += 1
        time.sleep(0.001)
        return [piece[at : at + 700] for at in range(0, len(piece), 700)]

    @staticmethod
    def _reset(line: socket.socket) -> None:
        """Closed with RST, not with a goodbye."""
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.close()
