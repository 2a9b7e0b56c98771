"""Publishing from a transaction: after its commit, never after a rollback, and never at the request's expense."""

import pytest
from celery import Celery
from django.db import transaction

from billing import tasks
from config.celery import REDIS_OPTIONS, Task, app
from tests.celery.conftest import take_all

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def waiting():
    """Takes the names of the tasks that wait in the default queue."""

    def take():
        with app.connection_for_read() as connection:
            return take_all(connection, "default")

    take()
    yield take
    take()


def test_a_task_is_published_once_its_transaction_is_committed(waiting):
    with transaction.atomic():
        tasks.roll_up_usage.delay_on_commit()
        assert waiting() == []
    assert waiting() == ["billing.roll_up_usage"]


def test_a_task_of_a_transaction_that_was_rolled_back_is_never_published(waiting):
    with transaction.atomic():
        tasks.roll_up_usage.delay_on_commit()
        transaction.set_rollback(True)
    assert waiting() == []


def test_a_broker_that_is_away_is_logged_and_does_not_fail_the_request(caplog):
    away = Celery("away", task_cls=Task, broker="redis://127.0.0.1:1/0", set_as_current=False)
    away.conf.update(task_publish_retry=app.conf.task_publish_retry, broker_transport_options=REDIS_OPTIONS)

    @away.task
    def anything():
        pass

    with transaction.atomic():
        anything.delay_on_commit()
    assert "Error calling" in caplog.text
