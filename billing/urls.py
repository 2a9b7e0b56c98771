"""Pages about what was used and what it cost."""

from django.urls import path

from billing import views

urlpatterns = [
    path("dashboard", views.dashboard, name="dashboard"),
    path("usage", views.log, name="usage"),
    path("usage.csv", views.log_csv, name="usage-csv"),
    path("usage/<uuid:record_id>", views.record, name="usage-record"),
]
