"""The documentation: a page a topic, filled with the visitor's own addresses and, signed in, with their masked key."""

import re
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.html import strip_tags
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from accounts.models import User
from relay.error_guide import ERRORS, alias_rows
from relay.samples import PLACEHOLDER_KEY, PLACEHOLDER_MODEL
from relay.selectors import callable_models, price_groups, showcase
from tokens.models import Group, Token


class DocPage(NamedTuple):
    """A topic: its address under /docs, its name, and what it is about in one sentence."""

    slug: str
    title: Promise
    summary: Promise


FIRST: Final = "quick-start"
SECTIONS: Final = (
    (
        _("Get started"),
        (
            DocPage(FIRST, _("Quick start"), _("From a new key to the first answer in two minutes.")),
            DocPage("base-urls", _("Base URLs"), _("Which of the three addresses your client wants.")),
            DocPage(
                "authentication", _("Authentication"), _("How a request shows its key, and how to keep keys safe.")
            ),
            DocPage("clients", _("Clients"), _("What to type where, in the programs people use most.")),
        ),
    ),
    (
        _("API"),
        (
            DocPage("chat-completions", _("Chat completions"), _("The endpoint that most programs use.")),
            DocPage("streaming", _("Streaming"), _("Answers word by word, and how they end.")),
            DocPage("responses", _("Responses"), _("OpenAI's newer endpoint, for every model.")),
            DocPage("messages", _("Messages"), _("Anthropic's endpoint, for every model.")),
            DocPage("endpoints", _("Other endpoints"), _("Embeddings, images, sound, reranking, models and balance.")),
        ),
    ),
    (
        _("Reference"),
        (
            DocPage("models", _("Models and groups"), _("What a key can call, and what decides the price.")),
            DocPage("limits", _("Limits and headers"), _("What is limited, and the headers that tell you.")),
            DocPage("errors", _("Errors"), _("Every error this API sends, and what to do about it.")),
            DocPage("site-api", _("Site API"), _("Buy, top up and look up quota by program.")),
        ),
    ),
)
PAGES: Final = {page.slug: page for _title, pages in SECTIONS for page in pages}
_HEADING: Final = re.compile(r'<h2 id="([a-z0-9-]+)">(.*?)</h2>', re.DOTALL)


@require_safe
def docs(request: HttpRequest, slug: str = FIRST) -> HttpResponse:
    """One page. Raises Http404 for a topic that there is not."""
    page = PAGES.get(slug)
    if page is None:
        raise Http404
    content = render_to_string(f"docs/{slug}.html", _values(request, slug), request)
    order = list(PAGES.values())
    position = order.index(page)
    context = {
        "sections": SECTIONS,
        "first": FIRST,
        "topic": page,
        "content": mark_safe(content),  # noqa: S308 - rendered by a template
        "headings": [(anchor, strip_tags(text)) for anchor, text in _HEADING.findall(content)],
        "before": order[position - 1] if position else None,
        "after": order[position + 1] if position + 1 < len(order) else None,
    }
    return render(request, "docs/page.html", context)


def _values(request: HttpRequest, slug: str) -> dict[str, Any]:
    """What the topics mention: a model to call, a key, and the errors where they are listed."""
    groups = price_groups(request.user)
    values = {
        "model": _sample_model(request.user, groups),
        "api_key": _masked_key(request.user) or PLACEHOLDER_KEY,
        "groups": groups,
        "max_body_mib": settings.RELAY_MAX_BODY_BYTES // 2**20,
        "first_byte_seconds": int(settings.RELAY_FIRST_BYTE_TIMEOUT),
        "free_leaves": settings.RELAY_FREE_LEAVES,
    }
    if slug == "errors":
        values |= {"errors": ERRORS, "aliases": list(alias_rows())}
    return values


def _sample_model(user: User | AnonymousUser, groups: list[Group]) -> str:
    """A model that this visitor could call, a placeholder where there is none."""
    chosen = showcase(callable_models(Group(is_auto=True), among=groups))
    return chosen.model if chosen else PLACEHOLDER_MODEL


def _masked_key(user: User | AnonymousUser) -> str:
    """The newest key of a customer as it is shown in lists."""
    if not isinstance(user, User):
        return ""
    newest = Token.objects.owned_by(user).order_by("-pk").first()
    return newest.masked_key if newest else ""
