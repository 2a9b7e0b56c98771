"""What gateways report: stored before they are answered, once each, and worked on afterwards."""

import hashlib
import logging
from collections.abc import Sequence

from django.db import transaction

from config.kernel.sealing import SealBroken
from orders.models import ProviderAccount, WebhookEvent
from orders.payments.accounts import is_usable, opened, provider_of
from orders.providers.base import BadWebhook, Event, Reply, Webhook

logger = logging.getLogger("tollbooth.payments")

MAX_BODY_BYTES = 64 * 1024


def account_for_webhooks(slug: str) -> ProviderAccount | None:
    """The account whose address this is; None where there is none that could tell a true message from a false one.

    An account that is no longer offered to buyers still hears of what they paid before.
    """
    row = ProviderAccount.objects.filter(slug=slug).first()
    return row if row is not None and is_usable(row) else None


def receive(row: ProviderAccount, webhook: Webhook) -> tuple[Reply, list[int]]:
    """Check, store and answer; the ids are of events that were not known before.

    Nothing of a message that is not genuine is stored, and only its size and hash are logged. Raises DatabaseError when
    it could not be stored: then the gateway has to hear a failure and send it again.
    """
    provider = provider_of(row)
    try:
        account = opened(row)
        events = provider.parse_webhook(account, webhook)
    except (BadWebhook, SealBroken) as error:
        size = len(_sent(webhook))
        logger.warning("refused a message for %s: %s (%d bytes, sha256 %s)", row.slug, error, size, _digest(webhook))
        reply = provider.reply(opened(row), accepted=False)
        return Reply(max(reply.status, 400), reply.body, reply.content_type), []
    stored = store(row, events, webhook)
    return provider.reply(account, accepted=True), stored


@transaction.atomic
def store(row: ProviderAccount, events: Sequence[Event], webhook: Webhook) -> list[int]:
    """Insert what is new; a repetition of something known changes nothing. Returns the ids of the new rows."""
    digest = _digest(webhook)
    keys = [event.dedupe_key for event in events]
    known = set(WebhookEvent.objects.filter(account=row, dedupe_key__in=keys).values_list("dedupe_key", flat=True))
    fresh = [_row_of(row, event, digest) for event in events if event.dedupe_key not in known]
    WebhookEvent.objects.bulk_create(fresh, ignore_conflicts=True)  # somebody may have been faster
    new = WebhookEvent.objects.filter(account=row, dedupe_key__in=set(keys) - known)
    return list(new.values_list("pk", flat=True))


def _sent(webhook: Webhook) -> bytes:
    """What holds the message: the body, or the query of a GET."""
    return webhook.body or webhook.query.encode()


def _digest(webhook: Webhook) -> str:
    return hashlib.sha256(_sent(webhook)).hexdigest()


def _row_of(row: ProviderAccount, event: Event, digest: str) -> WebhookEvent:
    return WebhookEvent(
        account=row,
        dedupe_key=event.dedupe_key,
        kind=event.kind,
        reference=event.reference[:64],
        provider_ref=event.provider_ref[:200],
        txn_id=event.txn_id[:200],
        refund_ref=event.refund_ref[:200],
        amount_minor=event.amount.minor if event.amount else None,
        currency=event.amount.currency if event.amount else "",
        is_live=event.live,
        occurred_at=event.occurred_at,
        body_sha256=digest,
    )
