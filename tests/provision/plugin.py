"""The pytest plugin that gives a test run its environment before Django reads its settings.

One run tests one installation of the product:

- as it grows, which is the default: PostgreSQL and Redis. A `DATABASE_URL` or `REDIS_URL` of yours is used (the login
  must be able to create databases; the given Redis database is emptied, and so are the ones numbered after it, one
  for each further worker). What is not given is started here, once, before the workers of a parallel run.
- as it starts out, with `TOLLBOOTH_TEST_DB=sqlite`: an SQLite file and no Redis.

Neither your `.env` nor your `var/` is touched. The seed of the property tests is chosen here and printed.
"""

import gc
import os
import random
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import execnet
import pytest

from tests.provision.servers import kept_folder

WORKER = "PYTEST_XDIST_WORKER"
SEED = "TOLLBOOTH_TEST_SEED"
running = ExitStack()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    gc.disable()  # until all is imported
    options = early_config.known_args_namespace
    if WORKER in os.environ or options.help or options.version:
        return  # a worker inherits the environment of the process that started it
    folder = kept_folder("tollbooth-tests-")
    running.callback(folder.stop)
    os.environ.update(installation(folder.folder))
    os.environ.setdefault(SEED, str(random.randrange(2**32)))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported by now stays, and is not searched for garbage."""
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def installation(folder: Path) -> dict[str, str]:
    """The environment of the product under test; starts the servers it needs and nobody named."""
    own = {"ENV_FILE": os.devnull, "VAR_DIR": str(folder), "EGRESS_ALLOW": "127.0.0.0/8"}
    if os.environ.get("TOLLBOOTH_TEST_DB") == "sqlite":
        return {**own, "DATABASE_URL": f"sqlite:///{folder}/tollbooth.sqlite3", "REDIS_URL": ""}
    return own | dict(started_servers())


def started_servers() -> Iterator[tuple[str, str]]:
    from tests.provision import postgres, valkey

    for variable, module in (("DATABASE_URL", postgres), ("REDIS_URL", valkey)):
        if not os.environ.get(variable):
            server = module.start()
            running.callback(server.stop)
            yield variable, server.url


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(specs: Sequence[execnet.XSpec]) -> None:
    """A Redis database for each worker; PostgreSQL and SQLite databases are separated by pytest-django."""
    if url := os.environ.get("REDIS_URL"):
        for number, spec in enumerate(specs):
            spec.env["REDIS_URL"] = numbered(url, number)


def numbered(url: str, number: int) -> str:
    """The address of the Redis database `number` places after the given one."""
    parts = urlsplit(url)
    first = int(parts.path.strip("/") or 0)
    return parts._replace(path=f"/{first + number}").geturl()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = os.environ.get(SEED)


def pytest_report_header(config: pytest.Config) -> str:
    database = urlsplit(os.environ.get("DATABASE_URL", "")).scheme or "none"
    redis = "Redis" if os.environ.get("REDIS_URL") else "no Redis"
    seed = config.option.hypothesis_seed
    return f"installation: {database}, {redis}; property tests: repeat with --hypothesis-seed={seed}"


def pytest_unconfigure() -> None:
    running.close()
