"""What a new installation starts with.

Safe to run again: a catalogue is written into an empty table, once, and is the operator's from then on.
"""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction

from accounts.models import User
from billing import trial
from billing.catalogue import read_catalogue
from billing.models import ModelPrice
from config.kernel.money import PPM, usd
from orders.demo import set_up_accounts
from orders.models import Coupon, Package
from relay.models import Channel
from relay.providers import SANDBOX
from relay.sandbox.behaviours import BEHAVIOURS
from relay.sandbox.services import MODELS
from relay.services import create_channel
from tokens.models import Group, Token
from tokens.services import KeyNotReadable, issue_token, reveal_key

SANDBOX_PRICES_FILE = Path(__file__).with_name("seed") / "sandbox_prices.toml"
PRICE_FIELDS = ("input", "output", "cache_read", "cache_write", "reasoning", "audio_input", "per_call")
DEMO_EMAIL = "demo@localhost"
DEMO_TOKEN = "Quick start"  # noqa: S105 - the name of it
SANDBOX_NAME = "Sandbox"
SANDBOX_SECRET = "sandbox"  # noqa: S105 - the sandbox takes any key
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")

GROUPS: tuple[dict[str, Any], ...] = (
    {
        "code": "auto",
        "description": "Automatic | same model, cheapest first, low → high (recommended)",
        "description_zh": "自动选择 | 同模型名低价优先: 低 → 高【推荐】",
        "is_auto": True,
    },
    {
        "code": "28%",
        "description": "Low price | 28% of list | Gemini (Vertex), GPT (Azure)",
        "description_zh": "低价特惠 | 2.8 折 | Gemini (Vertex)、GPT (Azure)",
        "ratio_ppm": PPM * 28 // 100,
    },
    {
        "code": "50%",
        "description": "Low price | 50% of list | Claude (AWS), DeepSeek (Baidu, self-hosted)",
        "description_zh": "低价特惠 | 5 折 | Claude (AWS)、DeepSeek (百度、开源部署)",
        "ratio_ppm": PPM * 50 // 100,
    },
    {
        "code": "75%",
        "description": "Low price | 75% of list | Gemini (Vertex), Claude (AWS, Anthropic)",
        "description_zh": "低价特惠 | 7.5 折 | Gemini (Vertex)、Claude (AWS、Anthropic)",
        "ratio_ppm": PPM * 75 // 100,
    },
    {"code": "default", "description": "Default", "description_zh": "默认分组", "is_default": True},
)

# Yuan, base quota, bonus quota: each is on sale as a top-up and as a first purchase.
PACKAGES = (
    (20, 1_000_000_000, 0),
    (40, 2_000_000_000, 0),
    (60, 3_000_000_000, 0),
    (100, 5_000_000_000, 1_000_000_000),
    (200, 10_000_000_000, 2_000_000_000),
    (1000, 50_000_000_000, 10_000_000_000),
)


@transaction.atomic
def seed(*, sandbox_url: str, gateway_url: str) -> None:
    """Everything, in the order of need. The addresses are where this machine's sandbox upstream and test payment
    gateway answer."""
    for lay_out, table in ((seed_groups, Group), (seed_prices, ModelPrice), (seed_packages, Package)):
        _into_empty(lay_out, table)
    create_operator()
    seed_sandbox(base_url=sandbox_url)
    if settings.DEMO:
        seed_demo_account()
        seed_coupon()
        set_up_accounts(gateway_url=gateway_url, merchants_file=settings.GATEWAY_MERCHANTS_FILE)


def _into_empty(lay_out: Callable[[], None], table: "type[Group | ModelPrice | Package]") -> None:
    if not table._default_manager.exists():
        lay_out()


def seed_groups() -> None:
    """The price groups, `auto` on top."""
    for position, fields in enumerate(GROUPS, start=1):
        Group.objects.create(sort_order=position * 10, **fields)


def seed_prices() -> None:
    """The catalogue's verified list prices; a model can be called only once a channel serves it."""
    for listed in read_catalogue():
        if listed.is_verified:
            listed.price.save()


def seed_packages() -> None:
    """Top-ups for whoever has a key, and the same offers as first purchases; the cheapest of those is the starter."""
    for position, (yuan, base, bonus) in enumerate(PACKAGES, start=1):
        terms = {
            "name": f"{yuan} CNY",
            "currency": "CNY",
            "price_minor": yuan * 100,
            "base_quota": base,
            "bonus_quota": bonus,
            "sort_order": position * 10,
        }
        first = "starter" if position == 1 else f"plan_{yuan}"
        Package.objects.create(kind=Package.Kind.TOP_UP, code=f"topup_{yuan}", **terms)
        Package.objects.create(kind=Package.Kind.FIRST_PURCHASE, code=first, **terms)


def seed_coupon() -> None:
    """Something to type into the coupon field of a demo: a tenth off."""
    if not Coupon.objects.exists():
        Coupon.objects.create(code="SPRING10", off_bps=1_000, per_customer=None)


def create_operator() -> None:
    """The first account with every permission, without a password, when there is no staff account."""
    if not User.objects.filter(is_staff=True).exists():
        operator = User.objects.filter(email__iexact=settings.OPERATOR_EMAIL).first()
        operator = operator or User.objects.create_user(settings.OPERATOR_EMAIL)
        operator.is_staff = operator.is_superuser = True
        operator.set_unusable_password()  # whoever signed up with this address before need not be the operator
        operator.save(update_fields=["is_staff", "is_superuser", "password"])
        _verify_email(operator)


def operator() -> User | None:
    """The oldest account with every permission."""
    return User.objects.filter(is_staff=True, is_superuser=True, is_active=True).order_by("pk").first()


def seed_sandbox(*, base_url: str) -> None:
    """Lead the sandbox channel to this address; in a demo that has none, make it, with its prices."""
    channel = local_sandbox_channel()
    if channel is not None and channel.base_url != base_url:
        channel.base_url = base_url
        channel.save(update_fields=["base_url"])
    elif settings.DEMO and not Channel.objects.filter(is_sandbox=True).exists():
        _create_sandbox_channel(base_url)
        _price_sandbox_models()


def local_sandbox_channel() -> Channel | None:
    """The channel whose upstream is the sandbox of this machine."""
    channels = Channel.objects.filter(is_sandbox=True, provider=SANDBOX).order_by("pk")
    return next((channel for channel in channels if urlsplit(channel.base_url).hostname in LOOPBACK_HOSTS), None)


def _create_sandbox_channel(base_url: str) -> None:
    create_channel(
        name=SANDBOX_NAME,
        provider=SANDBOX,
        base_url=base_url,
        secrets=[SANDBOX_SECRET],
        models=[*BEHAVIOURS, *MODELS],
        groups=Group.objects.filter(is_auto=False),
        is_sandbox=True,
    )


def _price_sandbox_models() -> None:
    """A fault drill costs what sandbox-mini costs, should it answer at all."""
    rows = {row["model"]: row for row in sandbox_prices()}
    for model in (*BEHAVIOURS, *MODELS):
        if not ModelPrice.objects.filter(model=model).exists():
            _create_price(**rows.get(model, {**rows["sandbox-mini"], "model": model, "tags": ["chat", "fault drill"]}))


def sandbox_prices() -> list[dict[str, Any]]:
    """What the sandbox's models cost, in nano-dollars."""
    rows: list[dict[str, Any]] = tomllib.loads(SANDBOX_PRICES_FILE.read_text(encoding="utf-8"))["sandbox"]
    return [{key: usd(value) if key in PRICE_FIELDS else value for key, value in row.items()} for row in rows]


def _create_price(**fields: Any) -> None:
    ModelPrice.objects.create(**fields)


def seed_demo_account() -> None:
    """A customer with trial credit and one key, so that a first call needs no sign-up. Made once."""
    if User.objects.filter(email=DEMO_EMAIL).exists():
        return
    user = User.objects.create_user(DEMO_EMAIL, name="Demo")
    _verify_email(user)
    trial.grant_credit(user_id=user.pk)
    group = Group.objects.filter(is_auto=True).first() or Group.objects.filter(is_default=True).first()
    if group is not None:
        issue_token(user=user, name=DEMO_TOKEN, group=group)


def _verify_email(user: User) -> None:
    """Nobody reads mail for @localhost; without a verified address django-allauth would ask for a code at sign-in."""
    EmailAddress.objects.update_or_create(user=user, email=user.email, defaults={"verified": True, "primary": True})


def demo_key() -> str | None:
    """The demo account's key, as long as it works and a sealed copy of it is kept."""
    token = Token.objects.filter(user__email=DEMO_EMAIL, name=DEMO_TOKEN, deleted_at=None).order_by("pk").first()
    if token is None or token.status != Token.Status.ENABLED:
        return None
    try:
        return reveal_key(token=token)
    except KeyNotReadable:
        return None
