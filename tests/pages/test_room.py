"""Calls of a page do not take memory from the system and give it back, however deep in its templates they stand."""

from resource import RUSAGE_THREAD, getrusage

import pytest
from django.http import HttpResponse

from config.middleware import roomy

DEPTHS = range(0, 400, 5)
CALLS = 300


def faults_at(depth: int) -> int:
    """Pages of memory that the system handed out while a loop at this depth called a function."""
    if depth:
        return faults_at(depth - 1)
    before = getrusage(RUSAGE_THREAD).ru_minflt
    for _ in range(CALLS):
        (lambda *values: values)(1, 2, 3)
    return getrusage(RUSAGE_THREAD).ru_minflt - before


@pytest.mark.parametrize("surroundings", [0, 30, 60])
def test_no_depth_is_slow(rf, surroundings):
    def page(_request):
        return HttpResponse(max(faults_at(depth) for depth in DEPTHS))

    def entered(depth):
        return entered(depth - 1) if depth else roomy(page)(rf.get("/"))

    assert int(entered(surroundings).content) < CALLS / 3
