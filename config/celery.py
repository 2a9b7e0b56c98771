"""The Celery application: queues and the beat table. Broker: Redis when REDIS_URL is set, else files under `var/`."""

import os

from celery import Celery
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.conf import settings

app = Celery("tollbooth")
app.conf.update(
    broker_url=settings.CELERY_BROKER_URL,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_default_queue="default",
    task_queues=[Queue("money"), Queue("default"), Queue("mail")],
    task_time_limit=300,
    timezone="UTC",
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
    beat_schedule_filename=str(settings.VAR_DIR / "celery" / "beat-schedule"),
    beat_schedule={
        "settle what a crash left open": {"task": "billing.sweep_open_usage", "schedule": 10.0, "options": {"queue": "money"}},
        "roll up finished hours": {"task": "billing.roll_up_usage", "schedule": 60.0},
    },
)
if settings.CELERY_BROKER_URL.startswith("filesystem"):
    _spool = settings.VAR_DIR / "celery" / "spool"
    _control = settings.VAR_DIR / "celery" / "control"
    app.conf.broker_transport_options = {
        "data_folder_in": str(_spool),
        "data_folder_out": str(_spool),
        "control_folder": str(_control),
        "store_processed": False,
    }
    # Remote control would leave a file per heartbeat in the spool; one embedded worker needs none.
    app.conf.worker_enable_remote_control = False
    for folder in (_spool, _control):
        folder.mkdir(parents=True, exist_ok=True)
app.autodiscover_tasks()
