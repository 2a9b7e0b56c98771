"""Pages about what was used and what it cost."""

from django.urls import path

from billing import views
from billing.usage_log import Log

urlpatterns = [
    path("dashboard", views.dashboard, name="dashboard"),
    path("usage", views.log, name="usage"),
    path("usage.csv", views.log_csv, name="usage-csv"),
    path("usage/live", views.live, name="usage-live"),
    path("drawing", views.log, {"log": Log.DRAWING}, name="drawing"),
    path("drawing.csv", views.log_csv, {"log": Log.DRAWING}, name="drawing-csv"),
    path("drawing/live", views.live, {"log": Log.DRAWING}, name="drawing-live"),
    path("tasks", views.log, {"log": Log.TASKS}, name="tasks"),
    path("tasks.csv", views.log_csv, {"log": Log.TASKS}, name="tasks-csv"),
    path("tasks/live", views.live, {"log": Log.TASKS}, name="tasks-live"),
    path("usage/<uuid:record_id>", views.record, name="usage-record"),
]
