"""Where gateways report to. A plain Django view: the signature is over the bytes as they arrived."""

import logging

from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from orders.models import ProviderAccount
from orders.payments.inbox import MAX_BODY_BYTES, account_for_webhooks, receive
from orders.providers.base import Reply, Webhook
from orders.tasks import process_event

logger = logging.getLogger("tollbooth.payments")


@csrf_exempt
@require_http_methods(["GET", "POST"])
def notify(request: HttpRequest, slug: str) -> HttpResponse:
    """Store what the gateway reports, then answer as it expects. 404 for an account without a proper secret."""
    row = account_for_webhooks(slug)
    if row is None:
        raise Http404
    body = _body_of(request)
    if body is None:
        return HttpResponse("too large", status=413, content_type="text/plain")
    headers = {name.lower(): value for name, value in request.headers.items()}
    return _answer(row, Webhook(request.method or "", headers, request.META.get("QUERY_STRING", ""), body))


def _answer(row: ProviderAccount, webhook: Webhook) -> HttpResponse:
    try:
        reply, event_ids = receive(row, webhook)
    except DatabaseError:
        logger.exception("a message for %s could not be stored", row.slug)
        reply, event_ids = Reply(500, "fail"), []
    for event_id in event_ids:
        process_event.delay_on_commit(event_id)
    return HttpResponse(reply.body, status=reply.status, content_type=reply.content_type)


def _body_of(request: HttpRequest) -> bytes | None:
    """The whole body, or None when it is longer than any genuine message; no more than that is ever read."""
    if len(request.META.get("QUERY_STRING", "")) > MAX_BODY_BYTES:
        return None
    try:
        declared = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return None
    if declared > MAX_BODY_BYTES:
        return None
    body = request.read(MAX_BODY_BYTES + 1)
    return body if len(body) <= MAX_BODY_BYTES else None
