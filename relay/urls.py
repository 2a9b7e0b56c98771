"""What can be called: Home, Pricing, Status and Docs for everybody, Playground and Chat for customers."""

from django.urls import path

from relay import docs, playground, status, views

urlpatterns = [
    path("", views.home, name="home"),
    path("pricing", views.pricing, name="pricing"),
    path("status", status.status, name="status"),
    path("docs", docs.docs, name="docs"),
    path("docs/<slug:slug>", docs.docs, name="docs-page"),
    path("playground", playground.playground, name="playground"),
    path("chat", playground.chat, name="chat"),
    path("playground/pass", playground.make_pass, name="playground-pass"),
    path("playground/receipt/<uuid:record_id>", playground.receipt, name="playground-receipt"),
]
