"""A customer with a month of plausible usage: what the screenshots show. Money adds up as it would in service."""

from datetime import timedelta
from random import Random

from allauth.account.models import EmailAddress
from django.utils import timezone

from billing.models import ModelPrice, UsageRecord
from billing.pricing import Usage
from billing.rollups import roll_up_usage
from config.kernel.money import usd
from relay.model_hours import note_model_hours
from relay.models import Channel
from tests.billing.usage_rows import build_record
from tests.factories import make_channel, make_user
from tests.tools.purchases import Bought, furnish_purchases
from tokens.models import Group, Token
from tokens.services import issue_token

EMAIL, PASSWORD = "lin@example.com", "correct horse battery"
DAYS = 62
NOWHERE = "http://127.0.0.1:9/v1"

# Channel, groups, share of its models in all calls. Models without a price in the catalogue are skipped.
CHANNELS = {
    "Azure": (["28%"], {"gpt-5.5": 30, "gpt-5.4-mini": 16}),
    "Vertex": (["28%", "75%"], {"gemini-3.5-flash": 14}),
    "AWS": (["50%", "75%"], {"claude-sonnet-5": 18, "deepseek-v4-pro": 9}),
    "Direct": (["default"], {"kimi-k3": 5, "glm-5.3": 5, "qwen3.8-max": 4, "claude-opus-5": 2}),
}
TOKENS = {"production": 55, "staging": 20, "notebook": 15, "nightly-batch": 10}


def furnish(*, email: str = EMAIL, days: int = DAYS) -> Bought:
    """Fill a seeded, otherwise empty database; returns what was bought, most of it by the customer."""
    user = make_user(email, name="Lin Chen", time_zone="Asia/Shanghai")
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    Channel.objects.update(status=Channel.Status.DISABLED)  # the seeded sandbox
    shares = _open_channels()
    _record_usage(_issue_tokens(user), shares, days)
    bought = furnish_purchases(user)
    while roll_up_usage(now=timezone.now()):
        pass
    note_model_hours(now=timezone.now())
    return bought


def _open_channels():
    priced = set(ModelPrice.objects.values_list("model", flat=True))
    shares = {}
    for name, (codes, models) in CHANNELS.items():
        offered = {model: share for model, share in models.items() if model in priced}
        groups = list(Group.objects.filter(code__in=codes))
        make_channel(NOWHERE, name=name, models=list(offered), groups=groups)
        cheapest = min(groups, key=lambda group: group.ratio_ppm)
        shares |= {model: (share, cheapest) for model, share in offered.items()}
    return shares


def _issue_tokens(user):
    automatic = Group.objects.get(is_auto=True)
    issued = {name: issue_token(user=user, group=automatic, name=name).token for name in TOKENS}
    now = timezone.now()
    Token.objects.filter(user=user).update(created_at=now - timedelta(days=DAYS + 3))
    for name, changes in {
        "staging": {"quota": usd("250")},
        "notebook": {"quota": usd("110"), "ips_allowed": ["203.0.113.0/24"]},
        "nightly-batch": {"group": Group.objects.get(code="50%"), "expires_at": now + timedelta(days=30)},
    }.items():
        Token.objects.filter(pk=issued[name].pk).update(**changes)
    return issued


def _record_usage(tokens, shares, days):
    noise, now = Random(11), timezone.now()
    models, weights = list(shares), [share for share, _ in shares.values()]
    rows = []
    for day in range(days):
        start = now - timedelta(days=day)
        busy = 0.45 if start.weekday() >= 5 else 1
        for _ in range(int((70 - day * 0.35) * busy * noise.uniform(0.75, 1.2))):
            at = start - timedelta(seconds=noise.triangular(0, 86_400, 20_000))
            model = noise.choices(models, weights)[0]
            name = noise.choices(list(TOKENS), list(TOKENS.values()))[0]
            rows.append(_call(tokens[name], noise, at=at, model=model, group=shares[model][1]))
    UsageRecord.objects.bulk_create(sorted(rows, key=lambda row: row.created_at), batch_size=500)
    for name, token in tokens.items():
        mine = [row for row in rows if row.token_id == token.pk]
        Token.objects.filter(pk=token.pk).update(
            name=name, used=sum(row.charge for row in mine), last_used_at=max(row.created_at for row in mine)
        )


def _call(token, noise, *, at, model, group):
    stream, first_byte = noise.random() < 0.8, int(noise.lognormvariate(5.9, 0.35))
    if noise.random() < 0.012:
        return build_record(
            token, at=at, model=model, group=group.code, ratio_ppm=group.ratio_ppm, status="failed", is_stream=stream
        )
    prompt = int(noise.lognormvariate(10.4, 0.8))
    cached = int(prompt * noise.choice([0, 0, 0.4, 0.7]))
    usage = Usage(input=prompt - cached, cache_read=cached, output=int(noise.lognormvariate(8.0, 0.6)))
    return build_record(
        token,
        at=at,
        model=model,
        usage=usage,
        group=group.code,
        ratio_ppm=group.ratio_ppm,
        is_stream=stream,
        hold=usd("50"),
        first_byte_ms=first_byte,
        total_ms=first_byte + usage.output * 4,
    )
