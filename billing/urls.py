"""Pages about what was used and what it cost."""

from django.urls import path

from billing import views

urlpatterns = [
    path("dashboard", views.dashboard, name="dashboard"),
    path("usage", views.usage_log, name="usage"),
]
