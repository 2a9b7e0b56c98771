"""Writes channels: creation, changes, and the outcome of tests."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from billing.models import ModelPrice
from config.egress.errors import AddressRefused, NameUnresolved
from config.egress.guard import guard
from config.kernel.errors import DomainError, InvalidInput
from config.kernel.sealing import SealBroken
from relay.base_url import clean_base_url, host_and_port, origin_of
from relay.catalog import target_of
from relay.channel_keys import open_key, set_keys, usable_key
from relay.models import Channel, ChannelKey, ChannelModel
from relay.probe import MAX_MODEL_NAME, probe
from tokens.models import Group

KEY_AGAIN = "Enter the key again: the base URL names another host, and the stored key was not given to that one."


@dataclass(frozen=True, slots=True)
class ChannelTest:
    """One test call: which model was asked, how long it took, and what went wrong in words that hold no secret."""

    ok: bool
    model: str
    first_byte_ms: int | None = None
    total_ms: int | None = None
    error: str = ""


@transaction.atomic
def create_channel(
    *,
    name: str,
    provider: str,
    base_url: str,
    secrets: Iterable[str],
    models: Mapping[str, str] | Iterable[str],
    groups: Iterable[Group],
    priority: int = 0,
    weight: int = 1,
    speaks: Iterable[str] = (),
    status: Channel.Status = Channel.Status.ENABLED,
    is_sandbox: bool = False,
) -> Channel:
    """A channel with its keys, models (public name → name at the upstream, or names alone) and groups.

    No secrets mean that the upstream asks for none, no `speaks` what its provider is known to have. Raises
    InvalidInput.
    """
    channel = Channel.objects.create(
        name=name,
        provider=provider,
        base_url=checked_base_url(base_url),
        priority=priority,
        weight=weight,
        speaks=list(speaks),
        status=status,
        is_sandbox=is_sandbox,
    )
    channel.groups.set(groups)
    add_models(channel=channel, models=models)
    set_keys(channel=channel, secrets=secrets)
    return channel


@transaction.atomic
def update_channel(
    *,
    channel: Channel,
    provider: str,
    base_url: str,
    secrets: Iterable[str] | None = None,
    models: Mapping[str, str] | Iterable[str] = (),
    groups: Iterable[Group] | None = None,
    priority: int | None = None,
    weight: int | None = None,
    speaks: Iterable[str] | None = None,
) -> int:
    """Change what is given; None leaves a thing as it is, models are only added. Returns how many models are new.

    Raises InvalidInput, also for a new host without the key: a stored key is never sent to another host.
    """
    base_url = checked_base_url(base_url)
    if secrets is None and needs_key_again(channel, base_url):
        raise InvalidInput(KEY_AGAIN, param="secret")
    channel.provider, channel.base_url = provider, base_url
    channel.priority = channel.priority if priority is None else priority
    channel.weight = channel.weight if weight is None else weight
    channel.speaks = channel.speaks if speaks is None else list(speaks)
    channel.save()
    if groups is not None:
        channel.groups.set(groups)
    if secrets is not None:
        set_keys(channel=channel, secrets=secrets)
    return add_models(channel=channel, models=models)


@transaction.atomic
def set_status(*, channels: Iterable[Channel], status: Channel.Status) -> None:
    """Enable or disable, row by row: a bulk UPDATE would not tell the serving processes.

    Enabling takes the keys along that were disabled automatically.
    """
    for channel in channels:
        channel.switch(status)
        if status == Channel.Status.ENABLED:
            for key in channel.keys.filter(status=ChannelKey.Status.AUTO_DISABLED):
                key.switch(ChannelKey.Status.ENABLED)


def needs_key_again(channel: Channel, base_url: str) -> bool:
    """Whether the new base URL is on another host, so that whoever changes it must know the keys."""
    return channel.keys.exists() and origin_of(channel.base_url) != origin_of(base_url)


@transaction.atomic
def add_models(*, channel: Channel, models: Mapping[str, str] | Iterable[str]) -> int:
    """Serve these models too, or under these upstream names; returns how many are new. Never takes one away."""
    pairs = models.items() if isinstance(models, Mapping) else [(model, "") for model in models]
    new = 0
    for model, upstream in pairs:
        if not 0 < len(model) <= MAX_MODEL_NAME or len(upstream) > MAX_MODEL_NAME:
            raise InvalidInput(f"A model name has 1 to {MAX_MODEL_NAME} characters.", param="models")
        values = {"upstream_model": "" if upstream == model else upstream}
        _, created = ChannelModel.objects.update_or_create(channel=channel, model=model, defaults=values)
        new += created
    return new


def checked_base_url(text: str) -> str:
    """The base URL as it is stored. Raises InvalidInput."""
    try:
        return clean_base_url(text)
    except ValueError as error:
        raise InvalidInput(str(error), param="base_url") from None


def demand_permitted(base_url: str) -> None:
    """Raises InvalidInput, with what to do about it, for a host that nothing would be sent to.

    A name that is unknown just now passes: it may be known when it is needed, and is judged again when it is dialled.
    """
    try:
        guard().addresses(*host_and_port(base_url))
    except AddressRefused as error:
        raise InvalidInput(str(error), param="base_url") from None
    except NameUnresolved:
        return


def probe_channel(*, channel: Channel, model: str | None = None, key: ChannelKey | None = None) -> ChannelTest:
    """Ask the channel for one tiny answer and remember how it went. Costs the operator a few tokens.

    Without a key it is the first that may be used, or the first at all.
    """
    row = _row_to_test(channel, model)
    if row is None:
        outcome = ChannelTest(ok=False, model=model or "", error="The channel does not serve this model.")
    else:
        outcome = _try(channel, row, key or usable_key(channel))
    _remember(channel, outcome)
    return outcome


def _row_to_test(channel: Channel, model: str | None) -> ChannelModel | None:
    """The named model, or the first that has a price: an upstream also lists models that cannot chat."""
    rows = list(channel.channel_models.all())
    if model is not None:
        return next((row for row in rows if row.model == model), None)
    priced = set(ModelPrice.objects.filter(model__in=[row.model for row in rows]).values_list("model", flat=True))
    return next((row for row in rows if row.model in priced), rows[0] if rows else None)


def _try(channel: Channel, row: ChannelModel, key: ChannelKey | None) -> ChannelTest:
    try:
        target = target_of(channel, row, secret=open_key(key, channel) if key else "", key=key)
        times = probe(target)
    except SealBroken:
        return ChannelTest(ok=False, model=row.model, error="The stored key cannot be opened. Enter it again.")
    except DomainError as error:
        return ChannelTest(ok=False, model=row.model, error=error.message)
    return ChannelTest(ok=True, model=row.model, first_byte_ms=times.first_byte_ms, total_ms=times.total_ms)


def _remember(channel: Channel, outcome: ChannelTest) -> None:
    """By UPDATE: a test changes nothing that the relay's snapshot is made of, so no process needs to reload."""
    channel.tested_at = timezone.now()
    channel.test_ok, channel.test_ms, channel.test_error = outcome.ok, outcome.total_ms, outcome.error[:300]
    Channel.objects.filter(pk=channel.pk).update(
        tested_at=channel.tested_at,
        test_ok=channel.test_ok,
        test_ms=channel.test_ms,
        test_error=channel.test_error,
    )
