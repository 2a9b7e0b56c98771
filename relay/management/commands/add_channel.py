"""`manage.py add_channel`: from an upstream's address and key to a model that can be called."""

import getpass
import json
import os
import shlex
import sys
from argparse import ArgumentTypeError
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from billing.price_versions import set_price, version_in_force
from config.kernel.errors import DomainError
from relay.channel_keys import open_secret
from relay.endpoints import Endpoint
from relay.models import Channel
from relay.probe import NO_MODEL_LIST, list_upstream_models
from relay.providers import CUSTOM, PROVIDERS, RESELLER, SANDBOX, Provider, Upstream
from relay.services import (
    KEY_AGAIN,
    ChannelTest,
    checked_base_url,
    create_channel,
    needs_key_again,
    probe_channel,
    set_status,
    update_channel,
)
from relay.wanted import Dollars, dollars, model_price, pick_models, public_name
from tokens.models import Group


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything the channel will be, known before anything is written. `secrets` None keeps the stored keys."""

    name: str
    provider: Provider
    base_url: str
    secrets: list[str] | None
    models: dict[str, str]
    groups: list[Group] | None
    priority: int | None
    weight: int | None
    speaks: list[str] | None


class Command(BaseCommand):
    help = "Add an upstream as a channel, price its models, test it, and say how to call it. Run again to update it."

    stealth_options = ("stdin",)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--provider", choices=sorted(PROVIDERS), help="a preset with a known base URL")
        parser.add_argument("--base-url", help="of any OpenAI-compatible server, up to and with /v1")
        parser.add_argument(
            "--env-id", "--resource", dest="own_part", help="your environment or resource, where an address holds one"
        )
        parser.add_argument("--name", help="name of the channel; an existing one is updated")
        key = parser.add_mutually_exclusive_group()
        key.add_argument(
            "--api-key-env",
            dest="key_variables",
            action="extend",
            nargs="+",
            metavar="NAME",
            help="environment variable that holds the upstream's key; several for as many keys",
        )
        key.add_argument("--no-key", action="store_true", help="the upstream asks for no key")
        parser.add_argument(
            "--model",
            dest="models",
            action="extend",
            nargs="+",
            default=[],
            metavar="NAME[=UPSTREAM]",
            help="models to offer, all of them by default; a pattern such as gpt-4* picks from the upstream's list",
        )
        parser.add_argument(
            "--group", dest="groups", action="extend", nargs="+", metavar="CODE", help="groups to offer them in; all"
        )
        parser.add_argument("--priority", type=int, help="higher is tried first; 0")
        parser.add_argument("--weight", type=_positive, help="share among channels of one priority; 1")
        parser.add_argument(
            "--speaks",
            action="extend",
            nargs="+",
            choices=[endpoint.value for endpoint in Endpoint],
            help="endpoints the upstream has; those the provider is known for",
        )
        parser.add_argument(
            "--price",
            dest="prices",
            action="extend",
            nargs="+",
            type=_price,
            default=[],
            metavar="MODEL=IN,OUT[,CACHED]",
            help="dollars per million tokens",
        )
        parser.add_argument("--test-model", metavar="NAME", help="model to test the channel with")
        parser.add_argument("--yes", action="store_true", help="ask nothing")

    def handle(self, **options: Any) -> None:
        self.stdin = options.get("stdin") or sys.stdin
        self.may_ask = not options["yes"] and self.stdin.isatty()
        try:
            self.run(options)
        except DomainError as error:
            raise CommandError(error.message) from None

    def run(self, options: dict[str, Any]) -> None:
        existing, plan = self.plan(options)
        self.demand_offered(plan, [model for model, _ in options["prices"]], options["test_model"])
        never_passed = existing is None or not existing.test_ok
        channel = self.save(existing, plan)
        self.set_prices(plan, dict(options["prices"]))
        outcome = probe_channel(channel=channel, model=options["test_model"])
        self.tell_outcome(channel, outcome)
        if never_passed or channel.status == Channel.Status.AUTO_DISABLED:
            set_status(channels=[channel], status=Channel.Status.ENABLED)
        self.tell_usage(plan, channel)

    # ── What to do ───────────────────────────────────────────────────────────

    def plan(self, options: dict[str, Any]) -> tuple[Channel | None, Plan]:
        """Ask the upstream and the operator whatever is not known yet; nothing is written."""
        provider = PROVIDERS[options["provider"] or CUSTOM]
        base_url = _base_url(provider, options["base_url"], options["own_part"])
        name = options["name"] or (urlsplit(base_url).netloc if provider.code in (CUSTOM, RESELLER) else provider.label)
        existing = Channel.objects.filter(name=name).first()
        groups = _groups(options["groups"], is_new=existing is None)
        secrets = self.find_secrets(provider, options, existing)
        if existing and secrets is None:
            usable_secret = _stored_secret(existing, base_url)
        else:
            usable_secret = next(iter(secrets or []), "")
        upstream = Upstream(provider=provider.code, base_url=base_url, secret=usable_secret)
        models = self.find_models(upstream, options["models"])
        plan = Plan(
            name,
            provider,
            base_url,
            secrets,
            models,
            groups,
            options["priority"],
            options["weight"],
            options["speaks"],
        )
        return existing, plan

    def find_secrets(self, provider: Provider, options: dict[str, Any], existing: Channel | None) -> list[str] | None:
        """The keys to store: empty for none, None to keep those an existing channel has."""
        variables = options["key_variables"]
        if options["no_key"]:
            return []
        if variables or (provider.key_env and os.environ.get(provider.key_env)):
            return [_key_from(variable) for variable in variables or [provider.key_env]]
        if existing:
            return None
        if not provider.key_env and provider.code not in (CUSTOM, RESELLER):
            return []
        if self.may_ask:
            return [getpass.getpass("Key of the upstream (Enter for none): ").strip()]
        preset = f"Set {provider.key_env}, or name" if provider.key_env else "Name"
        raise CommandError(f"{preset} the variable that holds the upstream's key with --api-key-env, or say --no-key.")

    def find_models(self, upstream: Upstream, wanted: list[str]) -> dict[str, str]:
        """Public name → name at the upstream. `wanted` may hold patterns; without it, all that the upstream lists."""
        try:
            listed = list_upstream_models(upstream)
        except DomainError as error:
            if error.code != NO_MODEL_LIST:
                raise
            listed = []
        found = _count(len(listed), "model") if listed else "no models"
        self.stdout.write(f"{upstream.base_url} lists {found}.")
        offered = {public_name(model): model for model in listed}
        if not wanted and len(offered) > 1 and self.may_ask:
            wanted = self.ask(f"Models to offer, names or patterns (Enter for all {len(offered)}): ").split()
        models = pick_models(offered, wanted) if wanted else offered
        if not models:
            raise CommandError("There is no model to offer. Name some with --model; most base URLs end in /v1.")
        for model, name in models.items():
            if listed and name not in listed:
                self.stderr.write(f"The upstream does not list {name}; {model} is added all the same.")
        return models

    def demand_offered(self, plan: Plan, priced: list[str], tested: str | None) -> None:
        """Refuse a price or a test of a model that is not part of the plan: somebody mistyped."""
        for model in [*priced, *([tested] if tested else [])]:
            if model not in plan.models:
                raise CommandError(f"{model} is not among the models of this channel: {', '.join(plan.models)}")

    # ── Doing it ─────────────────────────────────────────────────────────────

    def save(self, existing: Channel | None, plan: Plan) -> Channel:
        """A new channel stays disabled until its test has passed."""
        if existing is None:
            channel = create_channel(
                name=plan.name,
                provider=plan.provider.code,
                base_url=plan.base_url,
                secrets=plan.secrets or [],
                models=plan.models,
                groups=plan.groups or [],
                priority=plan.priority or 0,
                weight=plan.weight or 1,
                speaks=plan.speaks or [],
                status=Channel.Status.DISABLED,
                is_sandbox=plan.provider.code == SANDBOX,
            )
            self.stdout.write(f"Added the channel {channel.name} with {_count(len(plan.models), 'model')}.")
            return channel
        new = update_channel(
            channel=existing,
            provider=plan.provider.code,
            base_url=plan.base_url,
            secrets=plan.secrets,
            models=plan.models,
            groups=plan.groups,
            priority=plan.priority,
            weight=plan.weight,
            speaks=plan.speaks,
        )
        self.stdout.write(f"Updated the channel {existing.name}: {_count(len(plan.models), 'model')}, {new} new.")
        return existing

    def set_prices(self, plan: Plan, given: dict[str, Dollars]) -> None:
        """The prices given, then those asked for; models left without one are named at the end."""
        maker = "" if plan.provider.code in (CUSTOM, RESELLER) else plan.provider.code
        for model in plan.models:
            price = given.get(model)
            if price is None and self.may_ask and version_in_force(model) is None:
                price = self.ask_price(model)
            if price is not None and set_price(model=model, provider=maker, **price._asdict()):
                self.stdout.write(f"Priced {model}.")

    def ask_price(self, model: str) -> Dollars | None:
        """Until it makes sense or is left empty."""
        while answer := self.ask(f"{model}: $ per 1M tokens as IN,OUT[,CACHED] (Enter for none yet): "):
            try:
                return dollars(answer)
            except ValueError as error:
                self.stderr.write(str(error))
        return None

    def ask(self, question: str) -> str:
        self.stdout.write(question, ending="")
        self.stdout.flush()
        return str(self.stdin.readline()).strip()

    # ── Saying it ────────────────────────────────────────────────────────────

    def tell_outcome(self, channel: Channel, outcome: ChannelTest) -> None:
        if not outcome.ok:
            is_off = channel.status == Channel.Status.DISABLED
            state = (
                "It stays disabled: mend it and run this again." if is_off else "It is saved, and enabled as before."
            )
            raise CommandError(f"The test of {channel.name} with {outcome.model} failed. {outcome.error} {state}")
        self.stdout.write(
            f"Tested with {outcome.model}: first byte after {outcome.first_byte_ms} ms, "
            f"complete after {outcome.total_ms} ms."
        )

    def tell_usage(self, plan: Plan, channel: Channel) -> None:
        """Which models wait for a price, and a call that works with any key of these groups."""
        unpriced = [model for model in plan.models if version_in_force(model) is None]
        if unpriced:
            page = settings.SITE_URL + reverse("admin:billing_modelprice_add")
            self.stdout.write(f"Not callable until priced (--price, or {page}): {', '.join(unpriced)}")
        if channel.status != Channel.Status.ENABLED:
            self.stdout.write("The channel is disabled: nothing is sent to it.")
        ready = next((model for model in plan.models if model not in unpriced), None)
        if ready:
            groups = ", ".join(channel.groups.values_list("code", flat=True))
            self.stdout.write(f"\nCall it with a key of one of the groups {groups}, or of an automatic one:\n")
            self.stdout.write(_curl(ready))


def _base_url(provider: Provider, given: str | None, own_part: str | None) -> str:
    if given:
        return checked_base_url(given)
    if provider.own_part and not own_part:
        option = "--env-id" if provider.own_part == "{env_id}" else "--resource"
        raise CommandError(f"{provider.label} has an address of your own: say {option} or --base-url.")
    if not provider.base_url:
        raise CommandError("Say --base-url, or --provider with one of: " + ", ".join(sorted(PROVIDERS)))
    return checked_base_url(provider.base_url.replace(provider.own_part or "{}", own_part or ""))


def _key_from(variable: str) -> str:
    key = os.environ.get(variable, "").strip()
    if not key:
        raise CommandError(f"The environment variable {variable} is empty or not set.")
    return key


def _stored_secret(channel: Channel, base_url: str) -> str:
    if needs_key_again(channel, base_url):
        raise CommandError(KEY_AGAIN)
    return open_secret(channel)


def _groups(codes: list[str] | None, *, is_new: bool) -> list[Group] | None:
    """The named groups; for a new channel all by default. The automatic group has no channels of its own."""
    if codes is None and not is_new:
        return None
    groups = list(Group.objects.filter(is_auto=False))
    if codes is not None:
        unknown = set(codes) - {group.code for group in groups}
        if unknown:
            known = ", ".join(group.code for group in groups)
            raise CommandError(f"There is no group {', '.join(sorted(unknown))} for channels. There are: {known}")
        groups = [group for group in groups if group.code in codes]
    if not groups:
        raise CommandError("There is no group yet to offer the models in. Create one in the admin, or run the seed.")
    return groups


def _price(text: str) -> tuple[str, Dollars]:
    try:
        return model_price(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r}: {error}") from None


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ArgumentTypeError("must be at least 1")
    return number


def _curl(model: str) -> str:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hello!"}]}, ensure_ascii=False)
    return (
        f"curl {settings.API_BASE_URL}/chat/completions \\\n"
        '  -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" \\\n'
        f"  -d {shlex.quote(body)}"
    )


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
