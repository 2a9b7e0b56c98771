"""An exception anywhere in the relay: the caller is told, nothing stays held, and no exchange is left running.

No point is named here: one request of each kind shows which functions of the relay it passes through, and each of
them then fails in its turn.
"""

import functools
import gc
import importlib
import inspect
import pkgutil
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
import requests
from django.utils import timezone

import relay
from billing.lots import sweep_expired
from billing.models import UsageRecord
from relay.runtime import current
from tests.relay.conftest import chat
from tests.relay.faults.conftest import check_wallet
from tests.relay.test_leaving import wait_for

pytestmark = pytest.mark.live

# What serves before there is a request, or beside it, or sends its answer.
NOT_IN_A_REQUEST = (
    *("relay.runtime", "relay.watchdog", "relay.sandbox", "relay.drain", "relay.asgi", "relay.middleware"),
    "relay.alarm",
)


class Broken(Exception):
    """Planted."""


def modules():
    names = [info.name for info in pkgutil.walk_packages(relay.__path__, "relay.")]
    return [importlib.import_module(name) for name in names if _is_in(name)]


def _is_in(name):
    return not name.startswith(NOT_IN_A_REQUEST) and ".management" not in name and ".migrations" not in name


def points():
    """Every name by which the relay's modules and classes call a function of the relay."""
    for module in modules():
        for name, value in list(vars(module).items()):
            if inspect.isfunction(value) and value.__module__.startswith("relay."):
                yield module, name
            elif (
                inspect.isclass(value) and value.__module__ == module.__name__ and not issubclass(value, BaseException)
            ):
                yield from ((value, method) for method, body in vars(value).items() if inspect.isfunction(body))


@contextmanager
def replaced(point, make):
    owner, name = point
    original = vars(owner)[name]
    setattr(owner, name, make(original))
    try:
        yield
    finally:
        setattr(owner, name, original)


def noting(point, passed):
    def make(original):
        @functools.wraps(original)
        def call(*args, **kwargs):
            passed.setdefault(point)
            return original(*args, **kwargs)

        return call

    return make


def breaking(happened):
    def make(original):
        def fail():
            happened.append(original)
            raise Broken(original.__qualname__)

        async def awaited(*args, **kwargs):
            fail()

        async def iterated(*args, **kwargs):
            yield fail()

        def called(*args, **kwargs):
            fail()

        if inspect.iscoroutinefunction(original):
            return awaited
        return iterated if inspect.isasyncgenfunction(original) else called

    return make


def passed_by(ask):
    """The points that a good request passes, in their order."""
    passed = {}
    everywhere = [replaced(point, noting(point, passed)) for point in points()]
    for one in everywhere:
        one.__enter__()
    try:
        ask()
    finally:
        for one in everywhere:
            one.__exit__(None, None, None)
    return list(passed)


def until_passed(happened, *, seconds=1.0):
    """Turns of a loop until the point was passed: which pieces an answer comes in, and so what is done, is chance."""
    for _ in range(10):
        yield
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not happened:
            time.sleep(0.02)
        if happened:
            return


def sweep():
    """What the next sweep does once leases have run out."""
    UsageRecord.objects.filter(status="open").update(lease_until=timezone.now() - timedelta(seconds=1))
    return sweep_expired()


@pytest.fixture
def nothing_in_the_background(monkeypatch):
    """What is done now and then would count as passed by a request that meets it, and not be passed by the next."""
    monkeypatch.setattr("relay.runtime.REFRESH_SECONDS", 3600.0)
    monkeypatch.setattr("relay.runtime.HEARTBEAT_SECONDS", 3600.0)


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.usefixtures("nothing_in_the_background")
@pytest.mark.parametrize("stream", [True, False])
def test_wherever_the_relay_breaks_nothing_stays_held(case, stream):
    here = case("well-behaved")
    ask = functools.partial(here.alice.post, chat("well-behaved", stream=stream))
    assert ask().status_code == 200
    passed = passed_by(ask)
    assert len(passed) > 40
    for point in passed:
        happened = []
        with replaced(point, breaking(happened)):
            is_whole = [looks_whole(ask) for _ in until_passed(happened)][-1]
            wait_for(lambda: not current().active)
        assert happened, f"{point} was not passed again"
        if is_whole:
            record = here.alice.records[-1]
            assert record.charge > 0, f"{point} gives answers away"
    sweep()
    assert {record.status for record in here.alice.records} <= {"settled", "failed", "abandoned"}
    check_wallet(here.alice)
    assert ask().status_code == 200
    gc.collect()  # what a planted error has kept from being awaited is complained of here, and in no other test


def looks_whole(ask):
    """Whether the caller got a whole answer, and not an error, an error event or, at the worst, a broken connection."""
    try:
        response = ask()
    except requests.RequestException:
        return False
    if response.status_code != 200:
        assert response.json()["error"]["code"]
        return False
    return b'"error"' not in response.content
