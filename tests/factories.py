"""Plain functions that make rows; every argument has a sensible default."""

import itertools
import os
from datetime import timedelta

from django.utils import timezone

from accounts.models import User
from billing.holds import Hold
from billing.ledger import post_entry
from billing.models import LedgerEntry, ModelPrice, Wallet
from billing.pricing import Quote
from config.kernel.ids import uuid7
from config.kernel.money import NanoUSD, usd
from relay.channel_keys import set_keys
from relay.models import Channel, ChannelModel
from relay.routing import Target
from tokens.models import Group, Token

_numbers = itertools.count(1)


def make_user(email=None, *, balance="0", **fields):
    """A user with a wallet holding `balance` dollars."""
    user = User.objects.create_user(email or f"user{next(_numbers)}@example.com", "correct horse battery", **fields)
    Wallet.objects.get_or_create(user=user)
    give(user, balance)
    return user


def give(user, amount):
    """Credit in dollars."""
    if usd(amount):
        key = f"test:{next(_numbers)}:{user.pk}"
        post_entry(user_id=user.pk, amount=usd(amount), kind=LedgerEntry.Kind.GRANT, idempotency_key=key)


def make_group(code="default", *, ratio_ppm=1_000_000, **fields):
    return Group.objects.get_or_create(code=code, defaults={"ratio_ppm": ratio_ppm, **fields})[0]


def make_token(user, *, group=None, **fields):
    """A token whose key nobody knows; use tokens.services.issue_token where the key matters."""
    fields.setdefault("name", "test key")
    return Token.objects.create(
        user=user, group=group or make_group(), key_hash=os.urandom(32), key_head="sk-AbCd", key_tail="WxYz", **fields
    )


def make_price(model="test-model", *, input="1", output="2", **fields):
    """A price in dollars per million tokens, in force since yesterday."""
    fields.setdefault("effective_from", timezone.now() - timedelta(days=1))
    return ModelPrice.objects.create(model=model, input=usd(input), output=usd(output), **fields)


def make_channel(base_url, *, name=None, models=("test-model",), groups=None, secret="upstream-secret", **fields):
    values = {"name": name or f"channel {next(_numbers)}", "provider": "custom"}
    channel = Channel.objects.create(base_url=base_url, **(values | fields))
    channel.groups.set(groups or [make_group()])
    pairs = models.items() if isinstance(models, dict) else [(model, "") for model in models]
    ChannelModel.objects.bulk_create(
        ChannelModel(channel=channel, model=model, upstream_model=upstream) for model, upstream in pairs
    )
    set_keys(channel=channel, secrets=[secret] if isinstance(secret, str) else secret)
    return channel


def make_target(base_url, *, secret="", model="m", **fields):
    """One channel's key for one model, without any row."""
    values = {"provider": "custom", "channel_id": 1, "channel_name": "one", "priority": 0, "weight": 1}
    return Target(base_url=base_url, secret=secret, upstream_model=model, **(values | fields))


def make_hold(token, *, amount="0.10", price=None, ratio_ppm=1_000_000, **fields):
    """A hold ready to be placed."""
    price = price or ModelPrice.objects.first() or make_price()
    values = {
        "id": uuid7(),
        "user_id": token.user_id,
        "token_id": token.pk,
        "token_name": token.name,
        "group": token.group.code,
        "endpoint": "chat.completions",
        "is_stream": False,
        "model": price.model,
        "quote": Quote(price_id=price.pk, prices=price.prices, ratio_ppm=ratio_ppm),
        "amount": NanoUSD(usd(amount)),
        "created_at": timezone.now(),
    }
    return Hold(**(values | fields))
