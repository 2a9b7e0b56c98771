"""Buying: plans, top-ups by key, pay pages, the key of a purchase; the wallet and the orders of an account."""

from django.urls import path

from orders.pages import order_views, shop_views, wallet_views
from orders.pages import pay_views as views

urlpatterns = [
    path("pricing/buy/<slug:code>", shop_views.buy, name="buy"),
    path("topup", shop_views.top_up, name="top-up"),
    path("usage/key", shop_views.key_usage, name="key-usage"),
    path("usage/key/other", shop_views.other_key, name="other-key"),
    path("orders/find", views.find, name="order-find"),  # before the orders themselves
    path("pricing/pay", views.open_pay_page, {"kind": "BUY"}, name="purchase-pay"),
    path("topup/pay", views.open_pay_page, {"kind": "TOP"}, name="top-up-pay"),
    path("pricing/pay/<str:token>", views.pay_page, {"kind": "BUY"}, name="purchase-pay-order"),
    path("topup/pay/<str:token>", views.pay_page, {"kind": "TOP"}, name="top-up-pay-order"),
    path("pay/return/<str:number>", views.pay_return, name="pay-return"),
    path("pay/<str:token>/status", views.pay_status, name="pay-status"),
    path("pay/<str:token>/check", views.check, name="pay-check"),
    path("pay/<str:token>/cancel", views.cancel, name="pay-cancel"),
    path("pay/<str:token>/resend", views.resend, name="pay-resend"),
    path("pay/<str:token>/key", views.show_key, name="pay-key"),
    path("keys/reveal/<str:link>", views.reveal, name="key-reveal"),
    path("wallet", wallet_views.wallet, name="wallet"),
    path("wallet/top-up", wallet_views.top_up, name="wallet-top-up"),
    path("wallet/redeem", wallet_views.redeem, name="wallet-redeem"),
    path("wallet/notice", wallet_views.notice, name="wallet-notice"),
    path("wallet/statement.csv", wallet_views.export, name="statement-csv"),
    path("orders", order_views.orders, name="orders"),
    path("orders/<slug:number>", order_views.order, name="order"),
    path("orders/<slug:number>/receipt", order_views.receipt, name="order-receipt"),
    path("orders/<slug:number>/cancel", order_views.cancel, name="order-cancel"),
]
