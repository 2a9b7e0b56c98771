"""`manage.py serve` as a person starts it, in a folder of its own."""

import os
import shutil
import signal
import socket
import subprocess
import sys

import pytest
from django.conf import settings

from tests.serve.processes import Running, kill_all, marked

GIVEN_TO_TESTS = ("SITE_URL", "API_BASE_URL", "EGRESS_ALLOW")


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Product:
    """One installation: an empty folder with SQLite and no Redis, unless told otherwise."""

    def __init__(self, folder, **environment):
        self.folder = str(folder)
        self.port = unused_port()
        inherited = {name: value for name, value in os.environ.items() if name not in GIVEN_TO_TESTS}
        own = {
            "VAR_DIR": self.folder,
            "ENV_FILE": os.devnull,
            "DATABASE_URL": f"sqlite:///{folder}/tollbooth.sqlite3",
            "REDIS_URL": "",
            "SANDBOX_PORT": str(unused_port()),
            "GATEWAY_PORT": str(unused_port()),
            "RELAY_DRAIN_SECONDS": "5",
        }
        self.environment = {**inherited, **own, **environment}
        self.started = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def manage(self, *arguments):
        running = Running([sys.executable, "manage.py", *arguments], self.environment)
        self.started.append(running)
        return running

    def serve(self, *options):
        return self.manage("serve", "--port", str(self.port), *options)

    def serve_until_ready(self, *options):
        """Returns the running product and its banner."""
        running = self.serve(*options)
        running.line_with("A first call")
        running.line_with("")
        if "demo account" in running.lines[-2]:
            running.line_with("curl")
        return running

    def processes(self):
        return marked("VAR_DIR", self.folder)

    def end(self):
        for running in self.started:
            if running.process.poll() is None:
                running.process.send_signal(signal.SIGINT)
                running.end()
        kill_all("VAR_DIR", self.folder)
        for running in self.started:
            running.process.wait()


PREPARES = """
import django
django.setup()
from django.core.management import call_command
from config.serving.preparation import collect_static_files
call_command("migrate", verbosity=0)
collect_static_files()
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder with tables and static files in it; nobody was there yet."""
    folder = tmp_path_factory.mktemp("prepared")
    environment = Product(folder).environment | {"DJANGO_SETTINGS_MODULE": "config.settings"}
    subprocess.run([sys.executable, "-c", PREPARES], env=environment, cwd=settings.BASE_DIR, check=True)
    (folder / "secrets.json").unlink()
    return folder


@pytest.fixture
def install():
    """Make an installation; whatever of it still runs at the end is stopped."""
    made = []

    def make(folder, **environment):
        made.append(Product(folder, **environment))
        return made[-1]

    yield make
    for product in made:
        product.end()


@pytest.fixture
def empty_product(install, tmp_path):
    return install(tmp_path)


@pytest.fixture
def product(install, prepared, tmp_path):
    """One that need not make its tables and static files."""
    return install(copy_of(prepared, tmp_path))


def copy_of(prepared, folder):
    shutil.copytree(prepared, folder, dirs_exist_ok=True)
    return folder
