"""Liveness and readiness for load balancers."""

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse

from relay import runtime


def alive(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> JsonResponse:
    """The process can take work: it is not about to stop, and the database answers."""
    if runtime.is_draining():
        return JsonResponse({"status": "stopping"}, status=503)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse({"status": "database unavailable"}, status=503)
    return JsonResponse({"status": "ok"})
