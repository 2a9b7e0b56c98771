"""What services note in English for the operator, said in the reader's language; gateways' own words stay theirs."""

import re

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

PHRASES = (
    # Why a payment is in review
    _("A wrong amount was paid."),
    _("Paid after the order had ended."),
    # What a comparison with a gateway found
    _("paid at the gateway, unknown here until now"),
    _("refunded at the gateway, unknown here until now"),
    _("paid here, %(status)s at the gateway"),
    _("%(ours)s here, %(theirs)s at the gateway"),
    # What became of a gateway's message
    _("credited"),
    _("duplicate"),
    _("overpaid"),
    _("review"),
    _("refunded"),
    _("undone"),
    _("ended"),
    _("closed"),
    _("applied"),
    _("known already"),
    _("of no consequence"),
    _("no such order"),
    _("no such refund"),
    _("no amount or no transaction"),
    _("live and test mode differ"),
    _("the order belongs to another account"),
    _("refunded before it was paid"),
    _("disputed before it was paid"),
    _("reported as paid, but the gateway says %(status)s"),
    _("reported %(reported)s, but the gateway says %(theirs)s"),
    _("refund reported as failed, but the gateway says refunded"),
    _("nothing is left to give back, or another refund is under way"),
    _("dismissed by %(who)s"),
    # Why a refund was booked, and why it came to nothing
    _("Refunded at the gateway"),
    _("Dispute"),
    _("dispute won"),
    _("failed at the gateway"),
    _("The refund failed"),
    # How a payment stands at a gateway
    _("waiting"),
    _("paid"),
    _("unknown"),
)
_PARTS = re.compile(r"%\\\((\w+)\\\)s")
_PATTERNS = [(re.compile(_PARTS.sub(r"(?P<\1>.+)", re.escape(phrase))), phrase) for phrase in PHRASES]


def in_words(note: str) -> str:
    """The note in the reader's language, its parts too; as it stands where it is none of ours."""
    for pattern, phrase in _PATTERNS:
        if found := pattern.fullmatch(note):
            parts = {name: in_words(part) for name, part in found.groupdict().items()}
            return gettext(phrase) % parts if parts else gettext(phrase)
    return note
