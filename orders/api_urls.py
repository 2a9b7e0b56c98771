"""`/api/payments`: where gateways report to."""

from django.urls import re_path

from orders import webhooks

urlpatterns = [
    # With and without the last slash: a redirect would lose the message, and operators register both.
    re_path(r"^payments/(?P<slug>[a-z0-9-]+)/notify/?$", webhooks.notify, name="payment-notify"),
]
