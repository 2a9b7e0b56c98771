"""Keys as a proof: whoever has one may top it up and read what it has used, as long as the relay would take it."""

from django.utils import timezone
from django.utils.translation import gettext as _

from billing.credit import KeyAccount, account_by_key
from config.client_address import Address
from config.kernel.errors import InvalidInput
from tokens.models import Token
from tokens.terms import parse_networks


class KeyRefused(InvalidInput):
    """The key opens nothing; the sentence says why."""

    default_code = "INVALID_KEY"


def open_account(key: str, *, address: Address | None) -> KeyAccount:
    """The token of a usable key and its credit. Raises KeyRefused.

    A key whose quota is used up is usable here: that is when people top up.
    """
    found = account_by_key(key.strip())
    if found is None:
        raise KeyRefused(_("This API key is not known. Check that it was copied whole."))
    reason = _refusal(found.token, address)
    if reason:
        raise KeyRefused(reason)
    return found


def _refusal(token: Token, address: Address | None) -> str:
    """Why the key may not be used, or nothing."""
    if token.deleted_at is not None:
        return _("This API key has been deleted.")
    if not token.user.is_active:
        return _("The account of this API key is suspended. Please contact support.")
    if not token.is_enabled:
        return _("This API key is disabled.")
    if token.expires_at is not None and token.expires_at <= timezone.now():
        return _("This API key has expired.")
    if token.ips_allowed and not _is_inside(address, token):
        return _("This API key may not be used from your address.")
    return ""


def _is_inside(address: Address | None, token: Token) -> bool:
    return address is not None and any(address in network for network in parse_networks(token.ips_allowed))
