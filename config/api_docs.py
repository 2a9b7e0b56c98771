"""`/api/schema` and `/api/docs`: the OpenAPI document of the site API, and a page to read and try it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe
from drf_spectacular.renderers import OpenApiJsonRenderer

from config.context import site
from config.openapi import document


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """The document as JSON, with the name of the site that was asked."""
    made = document(get_language() or "en")
    title = _("%(name)s site API") % {"name": site(request)["site_name"]}
    body = OpenApiJsonRenderer().render({**made, "info": {**made["info"], "title": title}})
    return HttpResponse(body, content_type="application/json")


@require_safe
@ensure_csrf_cookie  # trying what a session may do needs the token, which the page's script reads from its cookie
def docs(request: HttpRequest) -> HttpResponse:
    """Swagger UI, from our own files and without a line of inline script or style."""
    return render(request, "api_docs.html")
