"""Dashboard and Usage log."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


@login_required
def dashboard(request: HttpRequest) -> HttpResponse:
    return render(request, "billing/dashboard.html")


@login_required
def usage_log(request: HttpRequest) -> HttpResponse:
    return render(request, "billing/usage.html")
