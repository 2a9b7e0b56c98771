"""The status page: how each model on sale has answered in the last 24 hours. No channel, no upstream, no counts."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from statistics import median_low

from django.contrib.auth.models import AnonymousUser
from django.core.cache import caches
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from billing.models import ModelPrice
from billing.spans import hours_of
from config.kernel.money import PPM
from relay.model_hours import status_span
from relay.models import Channel, ChannelModel, ModelHour
from relay.providers import label_of
from relay.selectors import FAULT_DRILL, callable_models, price_groups, prices_in_force
from tokens.models import Group

CACHE_SECONDS = 30
GOOD_PPM, POOR_PPM = 990_000, 900_000
FEWEST_FAILURES = 3  # fewer are chance, not trouble
RECENT_HOURS = 2  # the running one and the one before: what "now" means


class State(StrEnum):
    """How calls went: nobody called, well, some failed, many failed."""

    NONE = "none"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Calls of one model in some time, and the median time to the first byte in milliseconds."""

    answered: int = 0
    failed: int = 0
    first_byte_ms: int | None = None

    @property
    def share_ppm(self) -> int | None:
        """Answered calls in parts per million; None where there were none."""
        calls = self.answered + self.failed
        return self.answered * PPM // calls if calls else None

    @property
    def state(self) -> State:
        share = self.share_ppm
        if share is None:
            return State.NONE
        if share >= GOOD_PPM:
            return State.GOOD
        return State.WARN if share >= POOR_PPM or self.failed < FEWEST_FAILURES else State.BAD


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of one model."""

    at: datetime
    outcomes: Outcomes


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One model: its hours, oldest first, all of them together, and the latest.

    `strip` is the hours as SVG, a path for each state: a shape for each hour would be most of the page.
    """

    model: str
    provider: str
    hours: tuple[Hour, ...]
    strip: tuple[tuple[State, str], ...]
    whole: Outcomes
    now: State


@dataclass(frozen=True, slots=True)
class Status:
    """The whole page. `since` is the first hour that is shown."""

    models: tuple[ModelStatus, ...]
    measured_at: datetime
    since: datetime

    @property
    def failing(self) -> int:
        return sum(model.now == State.BAD for model in self.models)

    @property
    def state(self) -> State:
        """Of the site: that of most of its models, and no better than a warning while any of them fails."""
        states = {model.now for model in self.models}
        if self.failing * 2 > len(self.models):
            return State.BAD
        if states & {State.BAD, State.WARN}:
            return State.WARN
        return State.GOOD if State.GOOD in states else State.NONE


@require_safe
def status(request: HttpRequest) -> HttpResponse:
    """The page. Parameter: `model`, whose hours are shown as a table too."""
    found = _cached_status()
    wanted = request.GET.get("model", "")
    chosen = next((model for model in found.models if model.model == wanted), None)
    return render(request, "relay/status.html", {"status": found, "chosen": chosen})


def _cached_status() -> Status:
    kept: Status | None = caches["process"].get("status")
    if kept is None:
        kept = current_status(timezone.now())
        caches["process"].set("status", kept, CACHE_SECONDS)
    return kept


def current_status(now: datetime) -> Status:
    """Everything at one moment, in six statements."""
    span = status_span(now)
    noted: defaultdict[str, dict[datetime, Outcomes]] = defaultdict(dict)
    rows = ModelHour.objects.filter(hour__gte=span.start)
    for model, hour, answered, failed, first_byte in rows.values_list(
        "model", "hour", "answered", "failed", "first_byte_ms"
    ):
        noted[model][hour] = Outcomes(answered, failed, first_byte)
    hours = list(hours_of(span))
    models = [_model_status(model, provider, hours, noted[model]) for model, provider in _models_on_sale()]
    return Status(tuple(models), measured_at=now, since=span.start)


def _model_status(model: str, provider: str, hours: Sequence[datetime], noted: dict[datetime, Outcomes]) -> ModelStatus:
    cells = tuple(Hour(at, noted.get(at, Outcomes())) for at in hours)
    outcomes = [cell.outcomes for cell in cells]
    now = together(outcomes[-RECENT_HOURS:]).state
    return ModelStatus(model, provider, cells, _strip(outcomes), together(outcomes), now)


def _strip(outcomes: Sequence[Outcomes]) -> tuple[tuple[State, str], ...]:
    """Bars 8 wide and 24 high, 10 apart."""
    paths: defaultdict[State, str] = defaultdict(str)
    for place, outcome in enumerate(outcomes):
        paths[outcome.state] += f"M{10 * place} 0h8v24h-8z"
    return tuple(paths.items())


def together(outcomes: Iterable[Outcomes]) -> Outcomes:
    """The sums, and the median of the hours' medians."""
    found = list(outcomes)
    times = [each.first_byte_ms for each in found if each.first_byte_ms is not None]
    return Outcomes(
        answered=sum(each.answered for each in found),
        failed=sum(each.failed for each in found),
        first_byte_ms=median_low(times) if times else None,
    )


def _models_on_sale() -> list[tuple[str, str]]:
    """Models and their providers' names: what anybody can call, and what they could before its channels gave way."""
    groups = price_groups(AnonymousUser())
    offered = {offer.model: offer.listed for offer in callable_models(Group(is_auto=True), among=groups)}
    broken = ChannelModel.objects.filter(channel__status=Channel.Status.AUTO_DISABLED, channel__groups__in=groups)
    prices = prices_in_force()
    for model in broken.values_list("model", flat=True).distinct():
        if model in prices:
            offered.setdefault(model, prices[model])
    return [(model, label_of(price.provider)) for model, price in sorted(offered.items()) if _is_for_sale(price)]


def _is_for_sale(price: ModelPrice) -> bool:
    return FAULT_DRILL not in price.tags
