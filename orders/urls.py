"""Buying: pay pages, the key of a purchase."""

from django.urls import path

from orders import views

urlpatterns = [
    path("pricing/pay", views.open_pay_page, {"kind": "BUY"}, name="purchase-pay"),
    path("topup/pay", views.open_pay_page, {"kind": "TOP"}, name="top-up-pay"),
    path("pricing/pay/<str:token>", views.pay_page, {"kind": "BUY"}, name="purchase-pay-order"),
    path("topup/pay/<str:token>", views.pay_page, {"kind": "TOP"}, name="top-up-pay-order"),
    path("pay/return/<str:number>", views.pay_return, name="pay-return"),
    path("keys/reveal/<str:link>", views.reveal, name="key-reveal"),
]
