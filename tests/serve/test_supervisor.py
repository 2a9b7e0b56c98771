"""Child processes under a real supervisor: order, falls, stubborn and forgotten ones."""

import json
import os
import signal
import sys
from uuid import uuid4

import pytest

from tests.serve.processes import Running, kill_all, marked, wait_until

MARK = "TOLLBOOTH_TEST_RUN"
FOREVER = "import signal, time; print('up'); time.sleep(600)"
SLOW_TO_STOP = """
import signal, sys, time
def leave(*_):
    time.sleep(0.3)
    print('down')
    sys.exit()
signal.signal(signal.SIGTERM, leave)
print('up')
time.sleep(600)
"""
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(600)"
WITH_A_CHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', "import time; print('up', flush=True); time.sleep(600)"])
time.sleep(600)
"""


@pytest.fixture
def supervise():
    """Start a supervisor with programs; nothing of it outlives the test."""
    mark, started = str(uuid4()), []

    def start(*programs):
        command = [sys.executable, "-m", "tests.serve.harness", json.dumps(programs)]
        running = Running(command, {**os.environ, MARK: mark})
        running.mark = mark
        started.append(running)
        return running

    yield start
    kill_all(MARK, mark)
    for running in started:
        running.process.wait()


def test_programs_stop_stage_by_stage_after_new_work_was_shut_out(supervise):
    late = {"name": "late", "code": SLOW_TO_STOP, "stage": 2}
    early = {"name": "early", "code": SLOW_TO_STOP, "stage": 1}
    running = supervise(late, early)
    running.line_with("up")
    running.line_with("up")
    code, output = running.stop(signal.SIGTERM)
    assert code == 0
    end = [line for line in output.splitlines() if "down" in line or "CLOSED" in line]
    assert end == ["|CLOSED", "early|down", "late|down"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_way_to_stop_ends_without_a_trace(supervise, number):
    running = supervise({"name": "one", "code": FOREVER})
    running.line_with("one|up")
    code, output = running.stop(number)
    assert code == 0
    assert "Traceback" not in output
    assert marked(MARK, running.mark) == []


def test_a_program_that_falls_is_started_again(supervise):
    running = supervise({"name": "one", "code": FOREVER})
    running.line_with("one|up")
    (child,) = set(marked(MARK, running.mark)) - {running.process.pid}
    os.kill(child, signal.SIGKILL)
    assert running.line_with("ended") == "one|ended (killed by SIGKILL); starting it again in 1 s"
    running.line_with("one|up")


def test_a_program_that_never_runs_ends_everything_with_its_last_words(supervise):
    broken = {"name": "broken", "code": "import sys; print('no such table'); sys.exit(3)"}
    running = supervise(broken, {"name": "sound", "code": FOREVER})
    code, output = running.end()
    assert code == 1
    assert output.count("broken|no such table") == 3
    last = output.splitlines()[-1]
    assert "broken does not start: exit code 3, 3 times in a row." in last
    assert "no such table" in last
    assert marked(MARK, running.mark) == []


def test_a_program_that_ignores_the_request_to_stop_is_killed(supervise):
    running = supervise({"name": "one", "code": STUBBORN, "stop_seconds": 0.3})
    running.line_with("one|up")
    code, output = running.stop(signal.SIGTERM)
    assert code == 0
    assert "one|did not stop within 0 s: killed" in output
    assert marked(MARK, running.mark) == []


def test_a_second_signal_does_not_wait(supervise):
    running = supervise({"name": "one", "code": STUBBORN, "stop_seconds": 600})
    running.line_with("one|up")
    running.process.send_signal(signal.SIGINT)
    running.line_with("Stopping")
    code, _ = running.stop(signal.SIGINT)
    assert code == 0
    assert marked(MARK, running.mark) == []


def test_children_of_a_program_end_with_it(supervise):
    running = supervise({"name": "one", "code": WITH_A_CHILD})
    running.line_with("one|up")
    running.stop(signal.SIGTERM)
    assert marked(MARK, running.mark) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can end children with their parent")
def test_a_killed_supervisor_leaves_nobody_behind(supervise):
    running = supervise({"name": "one", "code": FOREVER}, {"name": "two", "code": FOREVER})
    running.line_with("up")
    running.line_with("up")
    running.process.kill()
    wait_until(lambda: marked(MARK, running.mark) == [])
