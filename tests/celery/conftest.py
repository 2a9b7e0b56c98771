"""Real Celery workers, started as `serve` starts them, on the test database and on either broker."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from django.conf import settings
from kombu import Connection

from config.celery import QUEUES
from config.serving.programs import programs
from tests.live import database_url

PATIENCE_SECONDS = 60


@pytest.fixture(params=["files", pytest.param("redis", marks=pytest.mark.soak)])
def broker(request):
    """REDIS_URL for the processes of the test: empty for the file broker."""
    url = os.environ.get("REDIS_URL", "")
    if request.param == "redis" and not url:
        pytest.skip("this run has no Redis")
    return url if request.param == "redis" else ""


class Background:
    """The background processes of one installation, and its broker."""

    def __init__(self, folder, broker):
        self.folder = folder
        self.broker = broker
        self.environment = {
            **os.environ,
            "DATABASE_URL": database_url(),
            "REDIS_URL": broker,
            "VAR_DIR": str(folder),
            "ENV_FILE": os.devnull,
        }
        self.processes = []

    def start(self, name="worker"):
        with pytest.MonkeyPatch.context() as patch, socket.socket() as listener:
            patch.setattr(settings, "REDIS_URL", self.broker)
            chosen = programs(listener=listener, web_processes=1, worker=True, site_url="http://127.0.0.1:8000")
        (program,) = [program for program in chosen if program.name == name]
        process = subprocess.Popen(
            [sys.executable, *program.arguments],
            env=self.environment,
            cwd=settings.BASE_DIR,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.processes.append(process)
        return process

    def publish(self, task, **options):
        """Queue a task as a page of this installation would."""
        with self.connection() as connection:
            task.apply_async(connection=connection, **options)

    def connection(self):
        folder = str(self.folder / "celery" / "spool")
        return Connection(self.broker or "spool://localhost", transport_options={"folder": folder})

    def messages(self):
        """The file broker's files, of whatever kind."""
        return [path for path in (self.folder / "celery" / "spool").rglob("*") if path.is_file()]


@pytest.fixture
def background(transactional_db, tmp_path, broker):
    installation = Background(tmp_path, broker)
    yield installation
    for process in installation.processes:
        process.kill()
        process.communicate()
    with installation.connection() as connection:
        for queue in QUEUES:
            take_all(connection, queue)


def stop(process):
    """SIGTERM; returns the exit code and all that the process had printed."""
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    return process.returncode, output


def take_all(connection, queue):
    """The names of the tasks that wait in a queue, which is empty from then on."""
    names = []
    while message := connection.default_channel.basic_get(queue, no_ack=False):
        names.append(message.headers["task"])
        message.ack()
    return names


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
