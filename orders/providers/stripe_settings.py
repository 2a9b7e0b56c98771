"""What an operator says about a Stripe account, and what is wrong with it."""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import SplitResult, urlsplit

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from orders.providers.base import Account, Option

SECRET_KEY, WEBHOOK_SECRET, PREVIOUS_SECRET = "secret_key", "webhook_secret", "previous_webhook_secret"
METHODS: Final = ("card", "alipay", "wechat_pay")

# The least that Stripe charges, in minor units. For CNY it names no figure: there it is what the least of the
# currency of the payouts is worth. Left out are currencies whose minor unit Stripe counts otherwise than ISO 4217.
LEAST_MINOR: Final[Mapping[str, int]] = {
    "AED": 200,
    "AUD": 50,
    "BRL": 50,
    "CAD": 50,
    "CHF": 50,
    "CNY": 400,
    "CZK": 1500,
    "DKK": 250,
    "EUR": 50,
    "GBP": 30,
    "HKD": 400,
    "HUF": 17500,
    "INR": 50,
    "JPY": 50,
    "MXN": 1000,
    "MYR": 200,
    "NOK": 300,
    "NZD": 50,
    "PLN": 200,
    "RON": 200,
    "SEK": 300,
    "SGD": 50,
    "THB": 1000,
    "USD": 50,
}
MOST_MINOR: Final = 99_999_999

OPTIONS: Final = (
    Option(
        SECRET_KEY,
        gettext_noop("Secret key"),
        gettext_noop("Begins with sk_live_, or rk_live_ when it is restricted."),
        secret=True,
    ),
    Option(
        WEBHOOK_SECRET,
        gettext_noop("Webhook signing secret"),
        gettext_noop(
            "Begins with whsec_. The endpoint has to send checkout.session, refund and charge.dispute events."
        ),
        secret=True,
    ),
    Option(
        "methods",
        gettext_noop("Payment methods"),
        gettext_noop("Of card, alipay and wechat_pay; card when empty."),
        required=False,
    ),
    Option(
        "currencies",
        gettext_noop("Currencies"),
        gettext_noop("Such as USD, CNY; all that can be used when empty."),
        required=False,
    ),
    Option(
        "checkout_domain",
        gettext_noop("Own domain of the payment page"),
        gettext_noop("Only if you have set one up at the provider, such as pay.example.com."),
        required=False,
    ),
    Option(
        "api_base",
        gettext_noop("Address of the API"),
        gettext_noop("Only to use something that stands in for the provider."),
        required=False,
    ),
)

_KEY = re.compile(r"(?:sk|rk)_(live|test)_[A-Za-z0-9_]{16,250}")
_SIGNING_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=_-]{16,250}")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
_SAMPLE = re.compile("secret|example|changeme|placeholder|replace|xxxx|12345678|abcdefgh", re.IGNORECASE)
_DOCUMENTED = ("4eC39HqLyjWDarjtT1zdp7dc", "BQokikJOvBiI2HlWgH4olfQ2", "tR3PYbcVNZZ796tH88S4VQ2u")  # Stripe's own pages
_LEAST_VARIETY = 8  # different characters: what Stripe makes has many more


def methods(account: Account) -> list[str]:
    """Ways to pay, as Stripe calls them, in the operator's order."""
    return _listed(account, "methods") or ["card"]


def currencies(account: Account) -> frozenset[str]:
    """ISO codes that this account sells in."""
    chosen = frozenset(code.upper() for code in _listed(account, "currencies"))
    return chosen & LEAST_MINOR.keys() if chosen else frozenset(LEAST_MINOR)


def signing_secrets(account: Account) -> list[str]:
    """The secrets that a webhook may be signed with; never an empty or a weak one."""
    secrets = (account.secrets.get(name, "") for name in (WEBHOOK_SECRET, PREVIOUS_SECRET))
    return [secret for secret in secrets if _SIGNING_SECRET.fullmatch(secret) and not _is_sample(secret)]


def api_base(account: Account) -> str:
    """Where to send requests; empty for Stripe itself. Raises ValueError with words for the operator."""
    given = account.options.get("api_base", "").rstrip("/")
    if not given:
        return ""
    parts = _split(given)
    if parts is None or parts.path or parts.query or parts.fragment or not _may_carry_money(account, parts):
        raise ValueError(
            _("The address of the API has to be https, without a path; http only on this machine and for tests.")
        )
    return given


def is_pay_page(account: Account, url: str) -> bool:
    """Whether a customer may be sent there: a page of Stripe's, or of what stands in for it."""
    parts = _split(url)
    if parts is None or not _may_carry_money(account, parts):
        return False
    host, base = parts.hostname or "", urlsplit(api_base(account)).hostname or ""
    if base:
        return host == base or (_is_here(host) and _is_here(base))
    own = account.options.get("checkout_domain", "").lower()
    return parts.port in (None, 443) and (host.endswith(".stripe.com") or (own != "" and host == own))


def problems(account: Account) -> Iterator[str]:
    """What is wrong with the settings, in words for the operator."""
    yield from _key_problems(account)
    yield from _signing_problems(account)
    if unknown := [name for name in _listed(account, "methods") if name not in METHODS]:
        yield _("Unknown payment methods: %(names)s.") % {"names": ", ".join(unknown)}
    if unknown := [code for code in _listed(account, "currencies") if code.upper() not in LEAST_MINOR]:
        yield _("Currencies that cannot be used: %(names)s.") % {"names": ", ".join(unknown)}
    if (domain := account.options.get("checkout_domain", "")) and not _DOMAIN.fullmatch(domain.lower()):
        yield _("The domain of the payment page is a host name alone, such as pay.example.com.")
    try:
        api_base(account)
    except ValueError as error:
        yield str(error)


def _key_problems(account: Account) -> Iterator[str]:
    key = account.secrets.get(SECRET_KEY, "")
    shape = _KEY.fullmatch(key)
    if key.startswith("pk_"):
        yield _("This is the publishable key; the secret key begins with sk_ or rk_.")
    elif shape is None:
        yield _("The secret key begins with sk_live_, sk_test_, rk_live_ or rk_test_, and 16 or more letters follow.")
    elif _is_sample(key):
        yield _("The secret key is a sample out of a manual.")
    elif shape[1] == "live" and not account.live:
        yield _("A live key moves real money, and this is a test account.")
    elif shape[1] == "test" and account.live:
        yield _("A test key takes no real money, and this is a live account.")


def _signing_problems(account: Account) -> Iterator[str]:
    """Of the present secret: the one before it counts no more than it is worth, and is gone a day later."""
    secret = account.secrets.get(WEBHOOK_SECRET, "")
    if not _SIGNING_SECRET.fullmatch(secret):
        yield _("The webhook signing secret begins with whsec_, and 16 or more characters follow.")
    elif _is_sample(secret):
        yield _("The webhook signing secret is a sample that everybody knows.")


def _is_sample(secret: str) -> bool:
    core = re.sub(r"^(?:whsec|(?:sk|rk)_(?:live|test))_", "", secret)
    return bool(_SAMPLE.search(core)) or core in _DOCUMENTED or len(set(core)) < _LEAST_VARIETY


def _listed(account: Account, name: str) -> list[str]:
    return [item for item in re.split(r"[\s,]+", account.options.get(name, "")) if item]


def _split(url: str) -> SplitResult | None:
    """The parts of an address in plain characters; None for what browsers and libraries may read in two ways."""
    if not url.isascii() or not url.isprintable() or set(url) & set(' \\<>"'):
        return None
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - it is read when asked for
    except ValueError:
        return None
    return parts if parts.hostname and "@" not in parts.netloc else None


def _may_carry_money(account: Account, parts: SplitResult) -> bool:
    return parts.scheme == "https" or (parts.scheme == "http" and not account.live and _is_here(parts.hostname or ""))


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
