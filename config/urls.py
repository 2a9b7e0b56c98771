"""The whole URL space on one screen."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from accounts import staff
from config import announcements, health, site_pages, theme
from orders.admin import business
from relay import balance
from relay.v1 import UnknownPath

handler400 = "config.error_pages.bad_request"
handler500 = "config.error_pages.server_error"

urlpatterns = [
    # Pages
    path("", include("relay.urls")),  # Home, Pricing, Docs
    path("", include("billing.urls")),  # Dashboard, Usage log
    path("", include("tokens.urls")),  # Token Management
    path("", include("orders.urls")),  # buying: pay pages, wallet, orders
    path("accounts/", include("accounts.urls")),  # sign-up, sign-in, profile
    path("i18n/", include("django.conf.urls.i18n")),
    path("about", site_pages.about, name="about"),
    path("favicon.ico", site_pages.favicon),
    path("announcements/dismiss", announcements.dismiss, name="dismiss-announcement"),
    path("theme", theme.set_theme, name="set-theme"),
    path("admin/login/", staff.sign_in),  # before the admin's own
    path("admin/password_change/", RedirectView.as_view(pattern_name="account_change_password")),
    path("admin/business/", admin.site.admin_view(business.page), name="staff-business"),
    path("admin/", admin.site.urls),
    # APIs
    path("v1/", include("relay.v1_urls")),
    path("dashboard/billing/subscription", balance.Subscription.as_view()),
    path("dashboard/billing/usage", balance.BillingUsage.as_view()),
    re_path(r"^api/usage/token/?$", balance.KeyUsage.as_view()),
    *(re_path(rf"^{prefix[1:]}(/|$)", UnknownPath.as_view()) for prefix in settings.RELAY_PATHS),
    path("api/", include("config.api_urls")),
    # For load balancers
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
]
