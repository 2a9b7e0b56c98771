"""Background work end to end: published by one process, done by another, on files and on Redis."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing import tasks
from billing.models import RollupMark, UsageRecord, UsageRollup
from config.celery import QUEUES
from tests.billing.usage_rows import make_record
from tests.celery.conftest import stop, take_all, wait_until
from tests.factories import make_token, make_user

pytestmark = pytest.mark.live


@pytest.fixture
def usage_of_yesterday(transactional_db):
    return make_record(make_token(make_user()), at=timezone.now() - timedelta(days=1))


def rolled_up():
    return UsageRollup.objects.count() == 1 and RollupMark.objects.exists()


def test_a_task_published_while_no_worker_runs_is_done_by_the_next_which_stops_quietly(background, usage_of_yesterday):
    background.publish(tasks.roll_up_usage)
    worker = background.start()
    wait_until(rolled_up)
    code, output = stop(worker)
    assert code == 0
    assert output.split() == ["worker:", "Warm", "shutdown", "(MainProcess)"]
    assert background.messages() == []


def test_each_queue_gets_its_own_tasks(background):
    background.publish(tasks.sweep_open_usage, queue="money")
    background.publish(tasks.roll_up_usage)
    with background.connection() as connection:
        waiting = {queue: take_all(connection, queue) for queue in QUEUES}
    assert waiting == {"money": ["billing.sweep_open_usage"], "default": ["billing.roll_up_usage"], "mail": []}


def test_beat_settles_an_abandoned_request_without_anybody_asking(background):
    long_ago = timezone.now() - timedelta(hours=1)
    make_record(make_token(make_user()), at=long_ago, status=UsageRecord.Status.OPEN, hold=0, lease_until=long_ago)
    background.start("worker")
    if background.broker:
        background.start("beat")
    wait_until(lambda: UsageRecord.objects.filter(status=UsageRecord.Status.ABANDONED).exists())
