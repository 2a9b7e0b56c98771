"""The child processes of `serve`, in the order in which they stop: nothing new comes in before the rest winds down."""

import os
import socket
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

from config.serving.supervisor import Program
from orders.demo import STRIPE_SLUG

WEB, WORKER, BEAT, STAND_IN = range(4)
MARGIN_SECONDS = 5
WORKER_SECONDS = 30  # a task that takes longer is put back and done again after the next start
PLAIN_WORKER = ("--without-gossip", "--without-mingle", "--loglevel", "INFO")


def programs(
    *,
    listener: socket.socket,
    web_processes: int,
    worker: bool,
    site_url: str,
    sandbox_port: int | None = None,
    gateway_port: int | None = None,
) -> list[Program]:
    """What to run. Without Redis worker and beat are one process; with it two, and workers may run elsewhere."""
    chosen = [_web(number, listener) for number in range(1, web_processes + 1)]
    if worker and settings.REDIS_URL:
        chosen += [_worker("--queues", "money,default,mail"), _beat()]
    elif worker:
        chosen += [_worker("--beat", "--pool", "solo", "--without-heartbeat")]
    if sandbox_port is not None:
        chosen += [_sandbox(sandbox_port)]
    if gateway_port is not None:
        chosen += [_gateway(gateway_port, site_url)]
    return chosen


def default_web_processes() -> int:
    """SQLite has one writer, so one process; PostgreSQL has one process per core."""
    if connection.vendor == "sqlite":
        return 1
    # The cores of this process, which in a container may be fewer than the machine's; macOS does not say.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _web(number: int, listener: socket.socket) -> Program:
    grace = int(settings.RELAY_DRAIN_SECONDS) + MARGIN_SECONDS
    options = {
        "--fd": listener.fileno(),
        "--loop": "uvloop",
        "--http": "config.serving.http1:HttpProtocol",
        "--ws": "none",
        "--lifespan": "on",
        "--log-level": "warning",
        "--timeout-graceful-shutdown": grace,
    }
    pairs = (str(word) for pair in options.items() for word in pair)
    # uvicorn believes the proxies named in FORWARDED_ALLOW_IPS, its own variable; by default those of this machine.
    proxies = "--proxy-headers" if settings.TRUSTED_PROXY_COUNT else "--no-proxy-headers"
    return Program(
        name=f"web {number}" if number > 1 else "web",
        arguments=(
            "-m",
            "uvicorn",
            "config.asgi:application",
            *pairs,
            "--no-access-log",
            "--no-server-header",
            proxies,
        ),
        stage=WEB,
        # uvicorn's grace, then as long again for settlements: see relay/runtime.py
        stop_seconds=grace + settings.RELAY_DRAIN_SECONDS + MARGIN_SECONDS,
        pass_fds=(listener.fileno(),),
    )


def _celery(command: str, *options: str) -> tuple[str, ...]:
    return ("-m", "celery", "--quiet", "--app", "config.celery", command, *options)


def _worker(*options: str) -> Program:
    return Program(
        name="worker",
        arguments=_celery("worker", *PLAIN_WORKER, *options),
        stage=WORKER,
        stop_seconds=WORKER_SECONDS,
    )


def _beat() -> Program:
    # No pid file: it would refuse to start after a kill -9, and the supervisor knows its children.
    return Program(name="beat", arguments=_celery("beat", "--pidfile="), stage=BEAT, stop_seconds=MARGIN_SECONDS)


def _sandbox(port: int) -> Program:
    return Program(
        name="sandbox",
        arguments=("-m", "relay.sandbox", "--port", str(port)),
        stage=STAND_IN,
        stop_seconds=MARGIN_SECONDS,
    )


def _gateway(port: int, site_url: str) -> Program:
    options = {
        "--port": str(port),
        "--merchants": str(settings.GATEWAY_MERCHANTS_FILE),
        "--stripe-webhook": f"{site_url}/api/payments/{STRIPE_SLUG}/notify",
        "--allow-notify": urlsplit(site_url).netloc,
    }
    return Program(
        name="gateway",
        arguments=("-m", "orders.gateway", *(word for pair in options.items() for word in pair)),
        stage=STAND_IN,
        stop_seconds=MARGIN_SECONDS,
    )
