"""Token Management: the list, the form, and the acts on selected tokens. Everything works without scripts."""

import re
from collections.abc import Callable
from functools import partial, wraps

from allauth.account.decorators import reauthentication_required
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from config.kernel.errors import DomainError
from tokens import services
from tokens.converters import TokenId
from tokens.forms import EditTokenForm, NewTokenForm
from tokens.handover import hand_over, take_over
from tokens.models import Group, Token
from tokens.selectors import TokenFilter, default_group_of, groups_open_to, tokens_of
from tokens.services import KeyNotReadable

PAGE_SIZE = 50
_TOKEN_ID = re.compile(TokenId.regex)

View = Callable[[HttpRequest], HttpResponse]


def act(view: View) -> View:
    """A POST from the list. Whoever comes by GET (after signing in again, say) is sent to the list."""

    @login_required
    @wraps(view)
    def answer(request: HttpRequest) -> HttpResponse:
        return view(request) if request.method == "POST" else redirect("tokens")

    return answer


@login_required
@require_safe
def token_list(request: HttpRequest) -> HttpResponse:
    """All of the user's tokens, 50 a page. Parameters: `q` (part of the name), `status`, `group` (a code), `page`."""
    user = _user(request)
    asked = {name: _storable(request.GET.get(name, "")) for name in ("q", "status", "group")}
    tokens = tokens_of(user, TokenFilter(name=asked["q"], status=asked["status"], group=asked["group"]))
    context = {
        "page": Paginator(tokens, PAGE_SIZE).get_page(request.GET.get("page")),
        "asked": asked,
        "is_filtered": any(asked.values()),
        "statuses": Token.Status.choices,
        "group_codes": [(group.code, group.code) for group in groups_open_to(user)],
    }
    return render(request, "tokens/list.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """The empty form; when it passes, the next page shows the keys."""
    user = _user(request)
    form = NewTokenForm(request.POST or None, groups=groups_open_to(user), initial=_first_choice(user))
    issued = form.submit(partial(services.issue_tokens, user=user))
    if issued:
        hand_over(request.session, user=user, issued=issued)
        return redirect("tokens-created")
    return _form_page(request, {"form": form})


def _first_choice(user: User) -> dict[str, str]:
    group = default_group_of(user)
    return {"group": group.code} if group else {}


@login_required
@require_safe
@cache_control(no_store=True)
def created(request: HttpRequest) -> HttpResponse:
    """The keys just made, once, with code that uses them."""
    keys = take_over(request.session, user=_user(request))
    tokens = tokens_of(_user(request)).filter(public_id__in=keys).order_by("pk")
    if not tokens:
        return redirect("tokens")
    context = {"keys": [(token, keys[token.public_id]) for token in tokens], "is_revealable": settings.KEYS_REVEALABLE}
    return render(request, "tokens/created.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, public_id: str) -> HttpResponse:
    """The form with a token's terms."""
    token = get_object_or_404(tokens_of(_user(request)), public_id=public_id)
    form = EditTokenForm(request.POST or None, token=token, groups=_groups_for(token))
    edited = form.submit(partial(services.edit_token, token=token))
    if edited:
        messages.success(request, _("“%(name)s” was saved.") % {"name": edited.name})
        return redirect("tokens")
    return _form_page(request, {"form": form, "token": token})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def rotate(request: HttpRequest, public_id: str) -> HttpResponse:
    """Ask first. The button sends which key the page was about: sent twice, it replaces one key and no more."""
    user = _user(request)
    token = get_object_or_404(tokens_of(user), public_id=public_id)
    if request.method != "POST":
        return render(request, "tokens/rotate.html", {"token": token})
    if request.POST.get("key") != token.masked_key:
        return _replaced_meanwhile(request, token)
    try:
        issued = services.rotate_key(token=token, at_once="at_once" in request.POST)
    except DomainError as refusal:
        messages.error(request, refusal.message)
        return redirect("tokens")
    hand_over(request.session, user=user, issued=[issued])
    return redirect("tokens-created")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def stop_former_key(request: HttpRequest, public_id: str) -> HttpResponse:
    """Ask first, and send which key replaced the one to be stopped: after one more rotation that is another."""
    token = get_object_or_404(tokens_of(_user(request)), public_id=public_id)
    if request.method != "POST" and token.is_key_before_usable:
        return render(request, "tokens/former_key.html", {"token": token})
    if request.method == "POST" and request.POST.get("key") != token.masked_key:
        return _replaced_meanwhile(request, token)
    if request.method == "POST":
        services.stop_former_key(token=token)
    messages.success(request, _("Of “%(name)s” only the present key works now.") % {"name": token.name})
    return redirect("token-edit", public_id)


def _replaced_meanwhile(request: HttpRequest, token: Token) -> HttpResponse:
    messages.warning(request, _("The key of “%(name)s” was replaced meanwhile.") % {"name": token.name})
    return redirect("tokens")


def _form_page(request: HttpRequest, context: dict[str, object]) -> HttpResponse:
    return render(request, "tokens/form.html", {**context, "quota_per_usd": settings.QUOTA_PER_USD})


def _groups_for(token: Token) -> list[Group]:
    """The owner's groups, and the token's own even where it was closed since."""
    groups = groups_open_to(token.user_id)
    return groups if token.group in groups else [*groups, token.group]


@act
@reauthentication_required  # type: ignore[untyped-decorator]
@cache_control(no_store=True)
def reveal(request: HttpRequest) -> HttpResponse:
    """The keys of the selected tokens: a page, or plain text for the copy buttons."""
    tokens = _selected(request)
    keys, refusals = _open(tokens)
    if request.get_preferred_type(["text/html", "text/plain"]) == "text/plain":
        return _as_text(keys, refusals)
    if not tokens:
        return _nothing_selected(request)
    for refusal in refusals:
        messages.error(request, refusal.message)
    return render(request, "tokens/keys.html", {"keys": keys}) if keys else redirect("tokens")


def _open(tokens: list[Token]) -> tuple[list[tuple[Token, str]], list[DomainError]]:
    keys: list[tuple[Token, str]] = []
    refusals: list[DomainError] = []
    for token in tokens:
        try:
            keys.append((token, services.reveal_key(token=token)))
        except KeyNotReadable as refusal:
            refusals.append(refusal)
    return keys, refusals


def _as_text(keys: list[tuple[Token, str]], refusals: list[DomainError]) -> HttpResponse:
    """One key alone; several with their names, a line each. All or nothing: nobody copies less than they see."""
    if refusals or not keys:
        return HttpResponse(status=409, content_type="text/plain")
    lines = [key for _token, key in keys] if len(keys) == 1 else [f"{token.name}\t{key}" for token, key in keys]
    return HttpResponse("\n".join(lines), content_type="text/plain; charset=utf-8")


@act
def disable(request: HttpRequest) -> HttpResponse:
    """Switch the selected tokens off."""
    count = services.switch_tokens(user=_user(request), public_ids=_selected_ids(request), enabled=False)
    return _done(request, count, ngettext("%(count)d token was disabled.", "%(count)d tokens were disabled.", count))


@act
def enable(request: HttpRequest) -> HttpResponse:
    """Switch the selected tokens on again."""
    count = services.switch_tokens(user=_user(request), public_ids=_selected_ids(request), enabled=True)
    return _done(request, count, ngettext("%(count)d token was enabled.", "%(count)d tokens were enabled.", count))


@act
def delete(request: HttpRequest) -> HttpResponse:
    """Ask first: the page says what will be deleted, its button comes back with `confirmed`."""
    if "confirmed" not in request.POST and (tokens := _selected(request)):
        return render(request, "tokens/confirm_delete.html", {"tokens": tokens})
    count = services.delete_tokens(user=_user(request), public_ids=_selected_ids(request))
    return _done(request, count, ngettext("%(count)d token was deleted.", "%(count)d tokens were deleted.", count))


def _done(request: HttpRequest, count: int, message: str) -> HttpResponse:
    if not count:
        return _nothing_selected(request)
    messages.success(request, message % {"count": count})
    return redirect("tokens")


def _nothing_selected(request: HttpRequest) -> HttpResponse:
    messages.warning(request, _("Select a token first."))
    return redirect("tokens")


def _selected(request: HttpRequest) -> list[Token]:
    """The user's own among the tokens that the form's `token` fields name."""
    return list(tokens_of(_user(request)).filter(public_id__in=_selected_ids(request)))


def _selected_ids(request: HttpRequest) -> list[str]:
    return [each for each in request.POST.getlist("token") if _TOKEN_ID.fullmatch(each)][:PAGE_SIZE]


def _storable(text: str) -> str:
    # PostgreSQL takes no NUL, not even to compare with.
    return text.strip().replace("\x00", "")


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
