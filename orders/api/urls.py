"""`/api/topup`, `/api/purchase`, `/api/quota`: buying. `/api/payments`: where gateways report to, and QR codes."""

from django.urls import path, re_path

from orders import qr
from orders.api import purchase as api_purchase
from orders.api import quota as api_quota
from orders.api import top_up as api_topup
from orders.payments import webhooks

urlpatterns = [
    path("topup/packages", api_topup.Packages.as_view()),
    path("topup/preview", api_topup.TopUpPreview.as_view()),
    path("topup/orders", api_topup.TopUpOrders.as_view()),
    path("topup/pay", api_topup.TopUpPay.as_view()),
    path("topup/query", api_topup.TopUpQuery.as_view()),
    path("purchase/plans", api_purchase.Plans.as_view()),
    path("purchase/orders", api_purchase.PurchaseOrders.as_view()),
    path("purchase/pay", api_purchase.PurchasePay.as_view()),
    path("purchase/query", api_purchase.PurchaseQuery.as_view()),
    path("quota/query", api_quota.QuotaQuery.as_view()),
    path("quota/logs", api_quota.QuotaLogs.as_view()),
    path("payments/qr/<str:token>.svg", qr.draw, name="payment-qr"),
    # With and without the last slash: a redirect would lose the message, and operators register both.
    re_path(r"^payments/(?P<slug>[a-z0-9-]+)/notify/?$", webhooks.notify, name="payment-notify"),
]
