"""The Celery application: queues and the beat table. Broker: Redis when REDIS_URL is set, else files under `var/`."""

import os
import warnings
from typing import Any

from celery import Celery
from celery.contrib.django.task import DjangoTask
from celery.exceptions import SecurityWarning
from celery.schedules import crontab
from celery.signals import beat_embedded_init, setup_logging, worker_init, worker_process_init
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.conf import settings
from django.db import transaction

from config import spool
from config.serving.leash import die_with_parent

# A worker that runs as root is warned about for the sake of pickled messages; ours are JSON and nothing else.
warnings.filterwarnings("ignore", category=SecurityWarning)

QUEUES = ("money", "default", "mail")
FOLDER = settings.VAR_DIR / "celery"
SPOOL = FOLDER / "spool"
IS_EMBEDDED = settings.CELERY_BROKER_URL.startswith(spool.SCHEME)

# Whoever publishes is a person waiting for a page: a Redis that is away is noticed in a second, not in twenty.
REDIS_OPTIONS = {
    "socket_connect_timeout": 1,
    "socket_timeout": 5,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
}


class Task(DjangoTask):
    """The database row that a task works on was committed first, so a broker that is away may not fail the request."""

    def delay_on_commit(self, *args: Any, **kwargs: Any) -> None:
        """Publish once the transaction is committed; a failure is logged, and a beat sweep does the work later."""

        def publish() -> None:  # Django needs a function with a name to log what it raised
            self.delay(*args, **kwargs)

        transaction.on_commit(publish, robust=True)


app = Celery("tollbooth", task_cls=Task)
app.conf.update(
    broker_url=settings.CELERY_BROKER_URL,
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_time_limit=300,
    task_default_queue="default",
    task_queues=[Queue(name) for name in QUEUES],
    task_publish_retry=False,
    worker_prefetch_multiplier=1,
    worker_redirect_stdouts=False,
    timezone="UTC",
    beat_schedule_filename=str(FOLDER / "beat-schedule"),
    # Each entry expires before its next turn: a worker that was away finds one of each, not a thousand.
    beat_schedule={
        "settle what a crash left open": {
            "task": "billing.sweep_open_usage",
            "schedule": 10.0,
            "options": {"queue": "money", "expires": 9},
        },
        "roll up finished hours": {"task": "billing.roll_up_usage", "schedule": 60.0, "options": {"expires": 59}},
        "tell of low balances": {
            "task": "billing.tell_low_balances",
            "schedule": 60.0,
            "options": {"queue": "mail", "expires": 59},
        },
        "try refused keys of channels again": {
            "task": "relay.recover_keys",
            "schedule": 30.0,
            "options": {"expires": 29},
        },
        "tell staff of refused keys": {
            "task": "relay.tell_staff",
            "schedule": 30.0,
            "options": {"queue": "mail", "expires": 29},
        },
        "note how models answer": {
            "task": "relay.note_model_hours",
            "schedule": 60.0,
            "options": {"expires": 59},
        },
        "finish what gateways reported": {
            "task": "orders.sweep_events",
            "schedule": 20.0,
            "options": {"queue": "money", "expires": 19},
        },
        "ask gateways for payments": {
            "task": "orders.poll_payments",
            "schedule": 5.0,
            "options": {"queue": "money", "expires": 5},
        },
        "end unpaid orders": {
            "task": "orders.expire_orders",
            "schedule": 60.0,
            "options": {"queue": "money", "expires": 59},
        },
        "give money back": {
            "task": "orders.submit_refunds",
            "schedule": 30.0,
            "options": {"queue": "money", "expires": 29},
        },
        "send what was bought": {
            "task": "orders.retry_deliveries",
            "schedule": 15.0,
            "options": {"queue": "mail", "expires": 15},
        },
        "compare payments with gateways": {
            "task": "orders.reconcile",
            "schedule": crontab(hour=3, minute=17),
            "options": {"queue": "money", "expires": 36_000},
        },
        "prove the books": {
            "task": "billing.check_books",
            "schedule": 3600.0,
            "options": {"queue": "money", "expires": 3599},
        },
    },
)
if IS_EMBEDDED:
    app.conf.broker_transport_options = {"folder": str(SPOOL), "polling_interval": spool.LONGEST_WAIT}
    app.conf.worker_enable_remote_control = (
        False  # its mailboxes would be more files, and nobody asks one embedded worker
    )
else:
    app.conf.broker_transport_options = REDIS_OPTIONS
FOLDER.mkdir(parents=True, exist_ok=True)
app.autodiscover_tasks()


@setup_logging.connect
def keep_logging(**_signal: Any) -> None:
    """Having a receiver stops Celery from replacing what settings.LOGGING set up."""


@worker_init.connect
def put_back_unfinished(**_signal: Any) -> None:
    """What an earlier worker had taken when it was killed is done again; tasks are idempotent."""
    if IS_EMBEDDED:
        spool.recover(SPOOL)


@beat_embedded_init.connect
@worker_process_init.connect
def follow_the_worker(**_signal: Any) -> None:
    """Celery's own child processes outlive a killed worker unless they are told not to."""
    die_with_parent()
