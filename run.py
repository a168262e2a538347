#!/usr/bin/env python3
"""The front door of Ruhu: sets up what is missing, then runs one command.

This file needs nothing but Python 3.11. It makes the project's own virtual
environment, installs the locked packages, builds the phone app, and hands over
to ``app.commands`` inside that environment. Each finished step leaves a stamp
holding the hash of what it was made from, so that a second start does nothing
and an interrupted first start goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import ctypes.util
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - said before anything newer is used
    sys.exit("Ruhu 需要 Python 3.11 或更新版本 · needs Python 3.11 or newer, this is " + platform.python_version())

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
DIST = ROOT / "static" / "dist"
MOST_TEST_PROCESSES = 4
MOST_SECOND_TRIES = 3
ROOM_FOR_TESTS = 6 * 1024**3
ROOM_FOR_ONE_TEST = 3 * 1024**3 // 2
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PDF_PACKAGES = ("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0", "fonts-noto-cjk")

HELP = """\
入户 Ruhu · 入户走访采集 · household-visit survey collector

  python3 run.py                     准备缺少的东西,生成演示县,打开 http://127.0.0.1:8000
                                     set up what is missing, make a demo county, serve it
  python3 run.py test [选项]         运行全部测试(含浏览器测试) · run every test
  python3 run.py lint                代码检查与类型检查 · linters and type checkers
  python3 run.py setup               只做准备,不启动 · set up only

{commands}
  python3 run.py 命令 --help         某个命令的说明 · help for one command
"""


class SetupError(Exception):
    """One line: what is wrong, and what to do."""


def main(arguments: list[str]) -> int:
    command = arguments[0] if arguments and not arguments[0].startswith("-") else ""
    if "--help" in arguments[:1] or "-h" in arguments[:1] or command == "help":
        print(HELP.format(commands=_commands_help()))
        return 0
    for_tests = command in ("test", "lint", "bench")
    try:
        with _only_one_setup():
            set_up(for_tests=for_tests)
    except SetupError as problem:
        print(f"✗ {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\n✗ 准备工作中断了;再运行一次会接着做 · set-up interrupted; run it again to go on", file=sys.stderr)
        return 130
    if command == "setup":
        print("✓ 准备好了 · ready")
        return 0
    if command == "test":
        return run_tests(arguments[1:])
    if command == "lint":
        return run_checks()
    # Taking the process over (not a child) keeps Ctrl-C, exit codes and the terminal as a user expects.
    os.execve(PYTHON, [str(PYTHON), "-m", "app.commands", *arguments], _environment())


def set_up(*, for_tests: bool) -> None:
    """Do the steps that are not done yet, in order. Raises SetupError with one clear line."""
    _need_writable(ROOT)
    packages = "requirements-test.lock" if for_tests else "requirements.lock"
    _step(VENV / ".stamp-venv", [platform.python_version(), str(ROOT)], "准备 Python 环境 · virtual environment", make_venv)
    _step(
        VENV / f".stamp-{packages}",
        [ROOT / packages],
        "安装 Python 包 · Python packages",
        lambda: _pip_install(packages),
    )
    node = find_node()
    if node is None:
        lock = "requirements-node.lock"
        _step(VENV / f".stamp-{lock}", [ROOT / lock], "安装 Node(用于构建)· Node for the build", lambda: _pip_install(lock))
        node = find_node()
    if node is None:
        raise SetupError("没有找到 Node,也装不上;请安装 Node 18 以上再运行 · install Node 18+ and run again")
    _step(
        ROOT / "node_modules" / ".stamp",
        [ROOT / "package-lock.json"],
        "安装前端包 · npm packages",
        lambda: _npm_ci(node),
    )
    _step(
        DIST / ".stamp",
        [*_files_under(ROOT / "static"), ROOT / "package-lock.json", *_files_under(ROOT / "app" / "translations")],
        "构建手机端 · phone app",
        lambda: _run([node, "static/build.js"], "手机端构建失败 · the phone app did not build"),
    )
    _step(
        VENV / ".stamp-translations",
        _files_under(ROOT / "app" / "translations"),
        "编译译文 · translations",
        lambda: _run([str(PYTHON), "-m", "app.commands", "translations"], "译文编译失败 · translations did not compile"),
    )
    if not _pdf_ready():
        _system_packages(PDF_PACKAGES, "打印 PDF · PDF printing", "除打印外都可以用 · everything else works")
    if for_tests and chromium() is None:
        _system_packages(("chromium",), "浏览器测试 · browser tests", "浏览器测试会失败 · browser tests will fail")


def make_venv() -> None:
    shutil.rmtree(VENV, ignore_errors=True)
    made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True)
    if made.returncode and "ensurepip" in made.stdout + made.stderr:
        # Debian and Ubuntu keep venv's pip in a package of its own.
        package = f"python3.{sys.version_info.minor}-venv"
        if not _apt_install((package,)):
            raise SetupError(f"缺少 {package};请运行 · please run: sudo apt-get install {package}")
        shutil.rmtree(VENV, ignore_errors=True)
        made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True)
    if made.returncode:
        raise SetupError(f"建不了虚拟环境 · cannot make {VENV}: {_last_line(made.stdout + made.stderr)}")


def find_node() -> str | None:
    """A Node of version 18 or newer with its npm beside it or on the PATH."""
    for candidate in (shutil.which("node"), str(VENV / "bin" / "node")):
        if candidate and Path(candidate).exists() and (_npm_of(candidate) is not None):
            said = subprocess.run([candidate, "--version"], capture_output=True, text=True).stdout
            with contextlib.suppress(ValueError):
                if int(said.lstrip("v").split(".")[0]) >= 18:
                    return candidate
    return None


def chromium() -> str | None:
    return next((found for name in CHROMIUM_NAMES if (found := shutil.which(name))), None)


def run_tests(arguments: list[str]) -> int:
    """Every test: Python (browser tests included), then the phone's modules under Node."""
    # The whole runs on every core, a file at a time; a chosen part runs as it was asked for.
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    processes = str(test_processes(os.cpu_count() or 1, memory))
    whole = [] if arguments else ["-n", processes, "--dist", "loadfile", "--no-loadscope-reorder"]  # tests/conftest.py orders
    with _quick_folder() as temporary:
        # Every test of a server starts processes: their bytecode is kept, whatever the environment says.
        environment = _environment() | temporary | {"PYTHONDONTWRITEBYTECODE": ""}
        run = [str(PYTHON), "-m", "pytest"]
        python = subprocess.run([*run, *whole, *arguments], cwd=ROOT, env=environment)
        if whole and python.returncode == 1 and (again := worth_a_second_try(_failed_before())):
            # A page that a busy machine painted too late; what is broken fails again, now with the machine to itself.
            print(f"… 浏览器测试再试一次 · browser tests once more, alone: {' '.join(again)}", flush=True)
            python = subprocess.run([*run, *again], cwd=ROOT, env=environment)
    if arguments:  # a chosen part of the Python tests
        return python.returncode
    files = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "js").glob("*.test.js"))
    node = subprocess.run([find_node() or "node", "--test", *files], cwd=ROOT, env=_environment())
    return python.returncode or node.returncode


def test_processes(cores: int, memory: int) -> int:
    """One more than there are cores, where memory allows: who drives a browser or a server waits a third of the time."""
    return max(1, min(cores + 1, MOST_TEST_PROCESSES, memory // ROOM_FOR_ONE_TEST))


def worth_a_second_try(failed: list[str]) -> list[str]:
    """The failed tests, where they are few and every one drives a browser; else none."""
    few = 0 < len(failed) <= MOST_SECOND_TRIES
    return failed if few and all(one.startswith("tests/browser/") for one in failed) else []


def _failed_before() -> list[str]:
    try:
        failed: dict[str, bool] = json.loads((ROOT / ".pytest_cache/v/cache/lastfailed").read_text("utf-8"))
    except (OSError, ValueError):
        return []
    return sorted(failed)


@contextlib.contextmanager
def _quick_folder() -> Iterator[dict[str, str]]:
    """Where tests keep their thousands of small databases: in memory where there is room, else where the system says.

    What they prove of flushing they prove by killing processes and by failing calls, which needs no disk.
    """
    shared = Path("/dev/shm")
    roomy = "TMPDIR" not in os.environ and os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > ROOM_FOR_TESTS
    if not roomy:
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="ruhu-tests-", dir=shared, ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o711)  # PostgreSQL runs as somebody else where we are root
        yield {"TMPDIR": folder}


def run_checks() -> int:
    """Linters and type checkers; every one runs, so that one visit shows all that is wrong."""
    bin_ = VENV / "bin"
    checks = [
        [str(bin_ / "ruff"), "check", "."],
        [str(PYTHON), "-m", "mypy"],
        [str(bin_ / "lint-imports")],
        [find_node() or "node", "node_modules/typescript/bin/tsc", "-p", "tsconfig.json"],
    ]
    failed = [check for check in checks if subprocess.run(check, cwd=ROOT, env=_environment()).returncode]
    for check in failed:
        print(f"✗ {Path(check[0]).name} {' '.join(check[1:])}", file=sys.stderr)
    return 1 if failed else 0


def _step(stamp: Path, made_from: Iterable[Path | str], name: str, work: Callable[[], None]) -> None:
    wanted = _hash_of(made_from)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"… {name}", flush=True)
    work()
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(wanted)


def _hash_of(things: Iterable[Path | str]) -> str:
    digest = hashlib.sha256()
    for thing in things:
        if isinstance(thing, Path):
            digest.update(str(thing.relative_to(ROOT)).encode() + b"\0" + thing.read_bytes())
        else:
            digest.update(thing.encode() + b"\0")
    return digest.hexdigest()


def _files_under(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and DIST not in path.parents and "__pycache__" not in path.parts and path.suffix != ".mo"
    )


def _pip_install(lock: str) -> None:
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    _run(
        [*command, "-r", lock],
        "Python 包没有装上,请检查网络后再运行一次 · Python packages did not install; check the network, run again",
    )


def _npm_ci(node: str) -> None:
    _run(
        [*(_npm_of(node) or ["npm"]), "ci", "--no-audit", "--no-fund", "--loglevel=error"],
        "前端包没有装上,请检查网络后再运行一次 · npm packages did not install; check the network, run again",
        path_first=Path(node).parent,
    )


def _npm_of(node: str) -> list[str] | None:
    beside = Path(node).parent / "npm"
    found = str(beside) if beside.exists() else shutil.which("npm")
    return [found] if found else None


def _run(command: list[str], problem: str, path_first: Path | None = None) -> None:
    environment = _environment()
    if path_first is not None:
        environment["PATH"] = f"{path_first}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        log = ROOT / ".setup.log"
        log.write_text(done.stdout + done.stderr)
        raise SetupError(f"{problem}\n  {_last_line(done.stderr or done.stdout)}\n  详见 · details in {log.name}")


def _pdf_ready() -> bool:
    libraries = ("pango-1.0", "pangoft2-1.0", "harfbuzz-subset")
    fonts = any(True for _ in Path("/usr/share/fonts").rglob("Noto*CJK*"))
    return fonts and all(ctypes.util.find_library(name) for name in libraries)


def _system_packages(packages: tuple[str, ...], purpose: str, otherwise: str) -> None:
    print(f"… {purpose}: {' '.join(packages)}", flush=True)
    if not _apt_install(packages):
        line = f"sudo apt-get install {' '.join(packages)}"
        print(f"! {purpose} 还缺系统包,请运行 · needs system packages: {line}({otherwise})", file=sys.stderr)


def _apt_install(packages: tuple[str, ...]) -> bool:
    """True when the packages were installed: as root, or by sudo where it asks no password."""
    if shutil.which("apt-get") is None:
        return False
    if os.geteuid() == 0:
        before: list[str] = []
    elif shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        before = ["sudo", "-n"]
    else:
        return False
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = [*before, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    for attempt in (install, [*before, "apt-get", "update", "-qq"], install):
        done = subprocess.run(attempt, env=environment, capture_output=True)
        if attempt is install and done.returncode == 0:
            return True
    return False


@contextlib.contextmanager
def _only_one_setup() -> Iterator[None]:
    """Two first starts at once must not build the same environment over each other."""
    try:
        import fcntl
    except ImportError:  # not a Unix: one person, one start
        yield
        return
    try:
        handle = open(ROOT / ".setup.lock", "w")  # noqa: SIM115 - closed by the with below
    except OSError as error:
        if VENV.exists():  # set up before; a read-only tree can still serve
            yield
            return
        raise SetupError(
            f"不能写入程序所在的文件夹 {ROOT}({error.strerror});请换一个可写的位置 · the folder cannot be written"
        ) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("… 另一个准备工作正在进行,等它完成 · waiting for another set-up", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _need_writable(folder: Path) -> None:
    if not os.access(folder, os.W_OK) and not PYTHON.exists():
        raise SetupError(f"不能写入程序所在的文件夹 {folder};请换一个可写的位置 · the folder cannot be written")


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "VIRTUAL_ENV": str(VENV)}


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "?"


def _commands_help() -> str:
    """The commands' first lines, read from their files so that this works before any set-up."""
    lines = []
    for path in sorted((ROOT / "app" / "commands").glob("[a-z]*.py")):
        first = next((line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith('"""')), "")
        summary = first.strip('"')
        lines.append(f"  python3 run.py {path.stem:<18} {summary}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
