"""Real node processes and a real Chromium for browser tests, benches and screenshots."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120.0
"""A busy machine starts a server slowly."""
PATIENCE_MS = 60_000
"""How long a page may take on a busy machine; only a test that fails waits so long."""
CHROMIUM = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True,
         "locale": "zh-CN"}  # fmt: skip
DESK = {"viewport": {"width": 1280, "height": 800}, "locale": "zh-CN"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class NodeProcess:
    """One ``run.py serve`` in a process of its own. Its output is kept in ``<data>.log``."""

    def __init__(self, data: Path, *arguments: str, port: int | None = None, env: dict[str, str] | None = None) -> None:
        self.env = env or {}
        self.data = data
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.arguments = arguments
        self.log = data.with_name(data.name + ".log")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> NodeProcess:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **self.env},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(self.url + "/manifest.webmanifest", timeout=2):
                    return self
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        if self.process.poll() is None:
            self.process.kill()
        raise RuntimeError(f"the node did not start: {self.log.read_text()[-2000:]}")

    def command(self) -> list[str]:
        return [sys.executable, "-m", "app.commands", "serve", "--data", str(self.data), "--port", str(self.port),
                *self.arguments]  # fmt: skip

    def stop(self, how: int = signal.SIGTERM) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None


def make_demo(data: Path, households: int = 240) -> None:
    """A small demo county in ``data``, by the same command a user would run; made once in a process, then copied."""
    shutil.copytree(_demo(households), data)


@functools.cache
def _demo(households: int) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="ruhu-demo-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    data = folder / "centre"
    subprocess.run(
        [sys.executable, "-m", "app.commands", "demo", "--data", str(data), "--households", str(households)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return data
