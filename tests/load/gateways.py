"""What the relay's benchmark measures: the product as it is served, and beside it programs that stand in its place."""

import http.client
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from tests.load.machine import wait_until_idle
from tests.provision.servers import Server, free_port

MODEL = "load-model"
WORKERS = 2
START_SECONDS = 120
STOP_SECONDS = 90
UPSTREAM_SECRET = "upstream-secret"


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """Something between callers and the upstream. `processes` are trees of processes by what they do."""

    name: str
    port: int
    keys: list[str] = field(default_factory=lambda: ["sk-load"])
    processes: Mapping[str, int]


@contextmanager
def upstream() -> Iterator[Gateway]:
    """The upstream itself, asked directly."""
    port = free_port()
    with _running([sys.executable, "-m", "tests.load.upstream", str(port)], port) as process:
        yield Gateway(name="direct", port=port, processes={"upstream": process.pid})


@contextmanager
def product(upstream_port: int, database: Server, *, accounts: int, folder: Path) -> Iterator[Gateway]:
    """What `run.py serve` starts, without the worker and the sandbox; its accounts have one key each."""
    port = free_port()
    keys = _furnish(upstream_port, accounts)
    command = [sys.executable, "manage.py", "serve", "--port", str(port), "--workers", str(WORKERS)]
    environment = {"EGRESS_ALLOW": f"127.0.0.1:{upstream_port}", "SITE_URL": f"http://127.0.0.1:{port}"}
    with _running([*command, "--no-worker", "--no-sandbox"], port, environment, log=folder / "serve.log") as process:
        processes = {"relay": process.pid, "database": database.kept_by.pid}
        yield Gateway(name="tollbooth", port=port, keys=keys, processes=processes)


def _furnish(upstream_port: int, accounts: int) -> list[str]:
    """Make the rows; returns the accounts' keys."""
    from django.test import override_settings

    from tests.factories import make_channel, make_group, make_price, make_user
    from tokens.services import issue_token

    make_price(MODEL)
    make_channel(f"http://127.0.0.1:{upstream_port}/v1", models=[MODEL], secret=UPSTREAM_SECRET)
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        users = [make_user(balance="1000000") for _ in range(accounts)]
    return [issue_token(user=user, name="load", group=make_group()).plain_key for user in users]


NGINX = """
daemon off; worker_processes {workers}; pid {folder}/nginx.pid; error_log {folder}/error.log; {user}
events {{ worker_connections 16384; }}
http {{
    access_log off; client_max_body_size 32m; client_body_buffer_size 256k; keepalive_requests 1000000;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    upstream model {{ server 127.0.0.1:{upstream_port}; keepalive 256; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
        }}
    }}
}}
"""


@contextmanager
def nginx(upstream_port: int, *, folder: Path) -> Iterator[Gateway]:
    """nginx with `proxy_pass` and nothing else: what passing bytes on costs at least."""
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""  # or its workers could not write into our folder
    text = NGINX.format(folder=folder, workers=WORKERS, upstream_port=upstream_port, port=port, user=user)
    (folder / "nginx.conf").write_text(text)
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    command = [program, "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with _running(command, port) as process:
        yield Gateway(name="nginx", port=port, processes={"nginx": process.pid})


def has_nginx() -> bool:
    return bool(shutil.which("nginx")) or Path("/usr/sbin/nginx").exists()


LITELLM = """
model_list:
  - model_name: {model}
    litellm_params: {{model: openai/{model}, api_base: "http://127.0.0.1:{upstream_port}/v1", api_key: {secret}}}
general_settings: {{master_key: {key}}}
"""


OURS = ("DATABASE_URL", "REDIS_URL")  # variables that it would take for its own


@contextmanager
def litellm(program: str, upstream_port: int, *, folder: Path) -> Iterator[Gateway]:
    """LiteLLM's proxy from a virtual environment of yours: no database, so no accounts and no money."""
    port, key = free_port(), "sk-load"
    text = LITELLM.format(model=MODEL, upstream_port=upstream_port, secret=UPSTREAM_SECRET, key=key)
    (folder / "litellm.yaml").write_text(text)
    command = [program, "--config", str(folder / "litellm.yaml"), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--num_workers", str(WORKERS), "--telemetry", "False"]
    command += ["--timeout_worker_healthcheck", "100"]  # its workers take longer to start than uvicorn waits for them
    environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", **dict.fromkeys(OURS)}
    with _running(command, port, environment, log=folder / "litellm.log") as process:
        yield Gateway(name="LiteLLM", port=port, keys=[key], processes={"litellm": process.pid})


@contextmanager
def _running(
    command: list[str], port: int, environment: Mapping[str, str | None] | None = None, *, log: Path | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """A program that answers on a port of the loopback address, until the block ends; None unsets a variable."""
    variables = {**os.environ, **(environment or {})}
    with open(log or os.devnull, "wb") as output:
        process = subprocess.Popen(
            command,
            cwd=settings.BASE_DIR,
            env={name: value for name, value in variables.items() if value is not None},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        try:
            _wait_for(process, port, log)
            wait_until_idle(process.pid)  # one of its processes answers, and others may still be starting
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(process: "subprocess.Popen[bytes]", port: int, log: Path | None) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/")
            connection.getresponse()  # whatever it says
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()
    said = log.read_text(errors="replace")[-2000:] if log else ""
    raise RuntimeError(f"{process.args!r} does not answer on port {port}: {said}")
