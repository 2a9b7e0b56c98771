"""The benchmark of the relay runs, and the product answers all that it is asked there."""

import os
import subprocess
import sys

import pytest
from django.conf import settings

from tests.load.machine import counted

SHORT = ["--alone", "--rounds", "1", "--seconds", "0.3", "--accounts", "3", "--streams", "20"]
MEASURED = (
    *("8 connections: requests/s", "64 connections: CPU ms, database", "20 streams: CPU µs per event"),
    *("first byte later by ms, stream, p50", "20 slow streams: KiB per stream"),
)


@pytest.mark.soak
def test_a_short_run_measures_everything_without_an_error():
    own = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    run = subprocess.run(
        [sys.executable, "-m", "tests.load.relay", *SHORT],
        cwd=settings.BASE_DIR,
        env=own,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    assert all(label in run.stdout for label in MEASURED), run.stdout
    errors = [line.split() for line in run.stdout.splitlines() if ": errors" in line]
    assert [line[-1] for line in errors] == ["0"], run.stdout


def test_what_perf_prints_is_read():
    assert counted("1234567,,instructions:u,1000000,100.00,,\n") == 1_234_567
    assert counted("<not supported>,,instructions,0,100.00,,\n") is None
    assert counted("Error: no access\n") is None
