"""The whole URL space on one screen."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from accounts import staff
from config import health, theme
from relay.v1 import UnknownPath

handler500 = "config.error_pages.server_error"

urlpatterns = [
    # Pages
    path("", include("relay.urls")),  # Home, Pricing
    path("", include("billing.urls")),  # Dashboard, Usage log
    path("", include("tokens.urls")),  # Token Management
    path("accounts/", include("accounts.urls")),  # sign-up, sign-in, profile
    path("i18n/", include("django.conf.urls.i18n")),
    path("theme", theme.set_theme, name="set-theme"),
    path("admin/login/", staff.sign_in),  # before the admin's own
    path("admin/password_change/", RedirectView.as_view(pattern_name="account_change_password")),
    path("admin/", admin.site.urls),
    # APIs
    path("v1/", include("relay.v1_urls")),
    path("chat/completions", UnknownPath.as_view()),  # where a base URL without /v1 leads
    path("api/", include("config.api_urls")),
    # For load balancers
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
]
