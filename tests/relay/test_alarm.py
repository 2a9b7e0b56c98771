"""One timer for many waits: each of them ends at its own limit, and cancelling from elsewhere is never taken for it."""

import asyncio

import pytest

from relay.alarm import Alarm

LONG = 3600.0


def run(work):
    return asyncio.run(work())


def test_a_wait_within_its_limit_gives_what_it_waited_for():
    async def work():
        alarm = Alarm()
        with alarm.within(LONG):
            answer = await asyncio.sleep(0, "answer")
        alarm.close()
        return answer

    assert run(work) == "answer"


def test_a_wait_that_is_too_long_ends_and_the_task_goes_on():
    async def work():
        alarm = Alarm()
        with pytest.raises(TimeoutError), alarm.within(0.01):
            await asyncio.Event().wait()
        with alarm.within(LONG):
            await asyncio.sleep(0)
        alarm.close()
        return asyncio.current_task().cancelling()

    assert run(work) == 0


@pytest.mark.parametrize("first", [0.02, LONG])
def test_a_later_wait_has_a_limit_of_its_own(first):
    async def work():
        alarm = Alarm()
        with alarm.within(first):
            await asyncio.sleep(0)
        with pytest.raises(TimeoutError), alarm.within(0.05):  # sooner than the timer is set for, or later
            await asyncio.Event().wait()
        alarm.close()

    run(work)


def test_one_timer_serves_many_waits(monkeypatch):
    async def work():
        loop, made = asyncio.get_running_loop(), []
        call_at = loop.call_at
        monkeypatch.setattr(loop, "call_at", lambda *args, **kwargs: made.append(args) or call_at(*args, **kwargs))
        alarm = Alarm()
        for _ in range(100):
            with alarm.within(LONG):
                await asyncio.sleep(0)
        alarm.close()
        return made

    assert len(run(work)) == 1


def test_nothing_rings_between_waits():
    async def work():
        alarm = Alarm()
        with alarm.within(0.01):
            await asyncio.sleep(0)
        await asyncio.sleep(0.03)
        with pytest.raises(TimeoutError), alarm.within(0.01):
            await asyncio.Event().wait()

    run(work)


def test_cancelling_the_task_is_no_timeout():
    async def wait(alarm):
        with alarm.within(LONG):
            await asyncio.Event().wait()

    async def work():
        alarm = Alarm()
        task = asyncio.create_task(wait(alarm))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        alarm.close()

    run(work)


def test_an_error_of_the_wait_is_its_own():
    async def work():
        with Alarm().within(LONG):
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        run(work)
