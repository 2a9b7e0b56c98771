"""`/api/schema` and `/api/docs`: the OpenAPI document of the site API, and a page to read and try it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe
from drf_spectacular.renderers import OpenApiJsonRenderer

from config.openapi import document


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """The document as JSON."""
    body = OpenApiJsonRenderer().render(document(get_language() or "en"))
    return HttpResponse(body, content_type="application/json")


@require_safe
@ensure_csrf_cookie  # trying what a session may do needs the token, which the page's script reads from its cookie
def docs(request: HttpRequest) -> HttpResponse:
    """Swagger UI, from our own files and without a line of inline script or style."""
    return render(request, "api_docs.html")
