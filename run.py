#!/usr/bin/env python3
"""Set up and run Tollbooth: `python3 run.py serve`, `python3 run.py test`; without a verb, the menu.

Whichever Python starts this file (3.6 or newer) finds a Python 3.11 or newer, makes `.venv` with it, installs the
locked requirements there and hands over. So this file keeps to the standard library and to old syntax.
"""

import contextlib
import fcntl
import glob
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator

ROOT = os.path.dirname(os.path.realpath(__file__))
VENV = os.path.join(ROOT, ".venv")
VENV_PYTHON = os.path.join(VENV, "bin", "python")
STAMP = os.path.join(VENV, "tollbooth.stamp")  # written last, removed first: without it the folder is half made
SERVING = "requirements.txt"
DEVELOPING = "requirements-dev.txt"  # contains everything of SERVING
OLDEST = (3, 11)
INTERRUPTED = 130
NOTHING_COLLECTED = 5  # pytest's exit code

CHECKS = (
    ("format", ("ruff", "format", "--check", ".")),
    ("lint", ("ruff", "check", ".")),
    ("types", ("mypy",)),
    ("imports", ("lint-imports",)),
    ("migrations", ("python", "manage.py", "makemigrations", "--check", "--dry-run")),
    ("project", ("python", "manage.py", "check", "--fail-level", "WARNING")),
    ("templates", ("djlint", "--lint", "--quiet", "templates")),
)
CACHES = (".pytest_cache", ".mypy_cache", ".ruff_cache", ".import_linter_cache", ".hypothesis", "htmlcov")


class Trouble(Exception):
    """What keeps us from going on, in words for the person at the terminal."""


# ── The verbs ────────────────────────────────────────────────────────────────


def serve(arguments: "list[str]") -> int:
    """set up and start the product: web, worker, beat and the sandbox upstream"""
    ensure(SERVING)
    return become("python", "manage.py", "serve", *arguments)


def test(arguments: "list[str]") -> int:
    """all checks and tests; further arguments go to pytest (-m soak: the long ones); --only-tests: no checks"""
    ensure(DEVELOPING)
    pytest_arguments = [argument for argument in arguments if argument != "--only-tests"]
    checks = start_checks() if pytest_arguments == arguments else []
    code = run_money_tests(pytest_arguments)
    failed = report(checks)
    code = code or run_all_tests(pytest_arguments)
    if failed:
        print("Checks that failed: " + ", ".join(failed), file=sys.stderr)
    return code or bool(failed)


def check(arguments: "list[str]") -> int:
    """format, lint, types, imports, migrations, project and template checks"""
    ensure(DEVELOPING)
    return bool(report(start_checks()))


def format_code(arguments: "list[str]") -> int:
    """rewrite the Python files in the house format"""
    ensure(DEVELOPING)
    return run(tool("ruff", "check", "--fix", ".")) | run(tool("ruff", "format", "."))


def coverage(arguments: "list[str]") -> int:
    """the tests with a report of the lines and branches they reach (htmlcov/index.html)"""
    ensure(DEVELOPING)
    run(tool("coverage", "erase"))
    code = run(tool("coverage", "run", "-m", "pytest", *parallel(arguments), *arguments))
    run(tool("coverage", "combine", "--quiet"))
    return code or run(tool("coverage", "html", "--quiet")) or run(tool("coverage", "report"))


def manage(arguments: "list[str]") -> int:
    """any command of manage.py, for example: manage migrate"""
    ensure(SERVING)
    return become("python", "manage.py", *arguments)


def lock(arguments: "list[str]") -> int:
    """resolve pyproject.toml again into the two locked requirement files; --upgrade takes newer versions"""
    ensure(DEVELOPING)
    resolve = tool("uv", "pip", "compile", "--universal", "--python-version", "3.11", "--fork-strategy", "fewest")
    resolve += ["--generate-hashes", "--no-header", "--quiet", "pyproject.toml", *arguments]
    return run([*resolve, "-o", SERVING]) or run([*resolve, "--extra", "dev", "-o", DEVELOPING])


def screenshots(arguments: "list[str]") -> int:
    """draw the pages for docs/screenshots with Chromium"""
    ensure(DEVELOPING)
    return become("python", "-m", "tests.tools.screenshots", *arguments)


def clean(arguments: "list[str]") -> int:
    """remove .venv and the tools' caches; var/, with your data, stays"""
    for name in (VENV, *CACHES, *glob.glob(os.path.join(ROOT, ".coverage*"))):
        remove(os.path.join(ROOT, name))
    return 0


def menu(arguments: "list[str]") -> int:
    """this list"""
    print("Usage: python3 run.py VERB [arguments]\n")
    for name, verb in VERBS.items():
        print("  {:<12} {}".format(name, verb.__doc__))
    return 0


VERBS = {
    "serve": serve,
    "test": test,
    "check": check,
    "format": format_code,
    "coverage": coverage,
    "manage": manage,
    "lock": lock,
    "screenshots": screenshots,
    "clean": clean,
    "help": menu,
}


def main(arguments: "list[str]") -> int:
    os.chdir(ROOT)
    # Nothing is compiled when it is installed. Where no Python may keep what it compiles, each would do it all again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    name = arguments[0] if arguments else "help"
    verb = VERBS.get(name.lstrip("-"))
    if verb is None:
        menu([])
        print("\nThere is no verb {!r}.".format(name), file=sys.stderr)
        return 2
    try:
        return verb(arguments[1:])
    except Trouble as trouble:
        print("\n{}".format(trouble), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


# ── Checks and tests ─────────────────────────────────────────────────────────


class Check:
    """A check that runs beside whatever else there is to do; what it prints waits in a file."""

    def __init__(self, name: str, command: "tuple[str, ...]") -> None:
        self.name = name
        self.output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by passes()
        # A database of its own in memory: no check reads, makes or waits for the one you work with.
        environment = dict(os.environ, DATABASE_URL="sqlite://:memory:", REDIS_URL="")
        self.process = subprocess.Popen(tool(*command), env=environment, stdout=self.output, stderr=subprocess.STDOUT)

    def passes(self) -> bool:
        """Wait for its end, and show what it printed when it failed."""
        code = self.process.wait()
        print("{}: {}".format(self.name, "FAILED" if code else "ok"), flush=True)
        with self.output:
            if code:
                self.output.seek(0)
                print(self.output.read().decode(errors="replace"), flush=True)
        return code == 0


def start_checks() -> "list[Check]":
    return [Check(name, command) for name, command in CHECKS]


def report(checks: "list[Check]") -> "list[str]":
    """The names of those that failed."""
    return [check.name for check in checks if not check.passes()]


def run_money_tests(arguments: "list[str]") -> int:
    """On SQLite, as the product starts out."""
    if "-m" in arguments:
        return 0
    code = run(tool("pytest", *parallel(arguments), *arguments, "-m", "money"), TOLLBOOTH_TEST_DB="sqlite")
    return 0 if arguments and code == NOTHING_COLLECTED else code


def run_all_tests(arguments: "list[str]") -> int:
    """On PostgreSQL, as the product grows."""
    return run(tool("pytest", *parallel(arguments), *arguments))


def parallel(arguments: "list[str]") -> "list[str]":
    """Options that spread tests over the cores, unless the person chose otherwise or wants to debug."""
    own = any(argument.startswith(("-n", "--numprocesses", "--pdb", "--trace")) for argument in arguments)
    workers = min(8, (os.cpu_count() or 1) * 3 // 2)  # many tests wait for servers that they have started
    return [] if own else ["-n", str(workers), "--dist", "loadgroup"]


# ── Running things ───────────────────────────────────────────────────────────


def tool(name: str, *arguments: str) -> "list[str]":
    """The command line of a program of the virtual environment."""
    return [os.path.join(VENV, "bin", name), *arguments]


def become(name: str, *arguments: str) -> int:
    """Turn into the program, so that Ctrl-C and signals reach it and nobody else. Does not return."""
    command = tool(name, *arguments)
    sys.stdout.flush()
    os.execv(command[0], command)


def run(command: "list[str]", **environment: str) -> int:
    """Run a program to its end, also when Ctrl-C asks it to stop early; the shell's code for one that was killed."""
    process = subprocess.Popen(command, env=dict(os.environ, **environment))
    try:
        code = process.wait()
        return code if code >= 0 else 128 - code
    except KeyboardInterrupt:
        process.wait()
        raise


def remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.remove(path)


# ── Setting up ───────────────────────────────────────────────────────────────


def ensure(requirements: str) -> None:
    """Make sure that `.venv` holds exactly this file's packages; a fraction of a second when it does already."""
    if is_ready(requirements):
        return
    with alone():
        if not is_ready(requirements):
            set_up(requirements)


def is_ready(requirements: str) -> bool:
    stamp = read_stamp()
    return is_whole() and stamp[1:] in ([digest(requirements)], [digest(DEVELOPING)])


def is_whole() -> bool:
    """Whether `.venv` was finished, here, with a Python that is still the same."""
    return read_stamp()[:1] == [identity()] and os.access(VENV_PYTHON, os.X_OK)


def read_stamp() -> "list[str]":
    try:
        with open(STAMP, encoding="utf-8") as file:
            return file.read().splitlines()
    except OSError:
        return []


def identity() -> str:
    """Where we are and with which Python: a moved folder or a replaced interpreter breaks a virtual environment."""
    return "{} {}".format(ROOT, os.path.realpath(VENV_PYTHON))


def digest(requirements: str) -> str:
    with open(os.path.join(ROOT, requirements), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


@contextlib.contextmanager
def alone() -> "Iterator[None]":
    """Let one process at a time set up."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def set_up(requirements: str) -> None:
    progress = Progress()
    whole = is_whole()
    remove(STAMP)
    uv = shutil.which("uv")
    if not (uv and install_with_uv(uv, requirements, whole=whole, progress=progress)):
        install_with_pip(requirements, whole=whole, progress=progress)
    with open(STAMP, "w", encoding="utf-8") as file:
        file.write("{}\n{}\n".format(identity(), digest(requirements)))
    progress.say("Ready")


def install_with_uv(uv: str, requirements: str, *, whole: bool, progress: "Progress") -> bool:
    """Whether uv did it all; where it cannot reach a package index, pip may still know one."""
    if not whole:
        python = find_python(with_pip=False)
        make_venv([uv, "venv", "--quiet", "--python", python.path, VENV], python, progress)
    install = [uv, "pip", "install", "--python", VENV_PYTHON, "--no-deps", "--require-hashes", "-r", requirements]
    if progress.follow("Installing {} with uv".format(requirements), install) == 0:
        return True
    progress.say("uv could not install them; trying pip")
    return False


def install_with_pip(requirements: str, *, whole: bool, progress: "Progress") -> None:
    if not (whole and os.path.exists(os.path.join(VENV, "bin", "pip"))):
        python = find_python(with_pip=True)
        make_venv([python.path, "-m", "venv", VENV], python, progress)
    install = [VENV_PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    # Python compiles what is imported, once: a part of what is installed.
    install += ["--no-compile", "--progress-bar", "off", "--no-deps", "--require-hashes", "-r", requirements]
    if progress.follow("Installing {} with pip".format(requirements), install) != 0:
        raise Trouble("Could not install {}: pip's last words are above.".format(requirements))


def make_venv(command: "list[str]", python: "Python", progress: "Progress") -> None:
    remove(VENV)
    if progress.follow("Making .venv with Python {} ({})".format(python.version, python.path), command) != 0:
        raise Trouble("Could not make .venv: the last words of the attempt are above.")


class Progress:
    """Lines with the seconds since the start; a step that takes long repeats its line, in place on a terminal."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.on_terminal = sys.stdout.isatty()

    def say(self, text: str) -> None:
        print(self.line(text), flush=True)

    def line(self, text: str) -> str:
        return "[{:5.1f} s] {}".format(time.monotonic() - self.started, text)

    def follow(self, text: str, command: "list[str]") -> int:
        """Run a command quietly under its line; show the end of what it printed when it fails."""
        self.say(text)
        ended = threading.Event()
        lines = deque(maxlen=30)  # type: deque[str]
        ticker = threading.Thread(target=self.repeat, args=(text, ended, lines), daemon=True)
        ticker.start()
        try:
            code = read_output(command, lines)
        finally:
            ended.set()
            ticker.join()
        if code:
            print("".join(lines), file=sys.stderr)
        return code

    def repeat(self, text: str, ended: "threading.Event", lines: "deque[str]") -> None:
        while not ended.wait(1 if self.on_terminal else 5):
            latest = lines[-1].strip()[:50] if lines else ""
            line = self.line("{} … {}".format(text, latest))
            print("\r\033[K" + line if self.on_terminal else line, end="" if self.on_terminal else "\n", flush=True)
        if self.on_terminal:
            print("\r\033[K", end="")


def read_output(command: "list[str]", lines: "deque[str]") -> int:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        for line in process.stdout or ():
            lines.append(line.decode(errors="replace"))
    finally:
        process.wait()
    return process.returncode


# ── Finding a Python ─────────────────────────────────────────────────────────

PROBE = """
import importlib.util, sys
venv_works = all(importlib.util.find_spec(name) for name in ("venv", "ensurepip"))
print(sys._base_executable, "%d.%d.%d" % sys.version_info[:3], int(venv_works), sep="\\n")
"""


class Python:
    """An interpreter that answered: its path, never inside a virtual environment; its version; does `venv` work."""

    def __init__(self, path: str, version: str, venv_works: str) -> None:
        self.path = path
        self.version = version
        self.minor = tuple(int(part) for part in version.split(".")[:2])
        self.venv_works = venv_works == "1"


def find_python(*, with_pip: bool) -> Python:
    lacking_venv = None
    for python in filter(None, map(probe, candidates())):
        if python.minor >= OLDEST and (python.venv_works or not with_pip):
            return python
        if python.minor >= OLDEST:
            lacking_venv = lacking_venv or python
    raise Trouble(words_for_no_venv(lacking_venv) if lacking_venv else WORDS_FOR_NO_PYTHON)


def candidates() -> "Iterator[str]":
    """Where a Python may be: the one that runs this, then all of the search path, then pyenv's."""
    yield sys.executable
    for name in ("python3.13", "python3.12", "python3.11", "python3.14", "python3"):
        for folder in os.get_exec_path():
            yield os.path.join(folder, name)
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    for path in sorted(glob.glob(os.path.join(pyenv, "versions", "*", "bin", "python3")), reverse=True):
        yield path


def probe(path: str) -> "Python | None":
    """Ask an interpreter what it is; None when it is none, too old to answer, or a shim with nothing behind it."""
    if not os.access(path, os.X_OK):
        return None
    try:
        answer = subprocess.check_output([path, "-c", PROBE], stderr=subprocess.DEVNULL).decode().splitlines()
    except (OSError, subprocess.CalledProcessError):
        return None
    return Python(*answer) if len(answer) == 3 else None


WORDS_FOR_NO_PYTHON = """\
Tollbooth needs Python {}.{} or newer; this is {}.{}.{} and no newer one was found on this machine.
On Debian 12 or newer, or Ubuntu 24.04 or newer: sudo apt-get install python3 python3-venv
Elsewhere: install it with your system's package manager, pyenv or uv, then start this again.""".format(
    *OLDEST, *sys.version_info[:3]
)


def words_for_no_venv(python: Python) -> str:
    return """\
Python {0} is here ({1}), but without the venv module, which makes .venv.
On Debian or Ubuntu: sudo apt-get install python{2}.{3}-venv""".format(python.version, python.path, *python.minor)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
