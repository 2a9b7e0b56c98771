"""Pages about one's own account that django-allauth does not have."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.account.app_settings import EmailVerificationMethod
from allauth.account.decorators import reauthentication_required
from allauth.account.models import EmailAddress
from allauth.account.utils import perform_login
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import get_adapter as other_accounts
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.usersessions.models import UserSession
from allauth.usersessions.views import ListUserSessionsView
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import closing, personal_data, sessions, sign_in_links
from accounts.forms import MailForm, ProfileForm
from accounts.models import User
from config.kernel.errors import Conflict

View = Callable[[HttpRequest], HttpResponseBase]


def _proved_again(view: View) -> View:
    """Asks for password, passkey or code unless that was a moment ago."""
    wrapped: View = reauthentication_required(view)
    return wrapped


# Under no-referrer a browser sends `Origin: null` with the form, which Django's CSRF check refuses; the unguessable,
# one-time address does that check's work, and Sec-Fetch-Site keeps other sites' forms out.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_link(request: HttpRequest, user_id: int, token: str) -> HttpResponse:
    """GET shows a button, because scanners and previews open links too; POST signs in."""
    if request.method == "POST" and request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin":
        user = sign_in_links.redeem(user_id=user_id, token=token)
        if user is not None:
            return _enter(request, user)
    user = sign_in_links.user_of(user_id=user_id, token=token)
    response = render(request, "accounts/sign_in_link.html", {"person": user}, status=200 if user else 410)
    response.headers["Referrer-Policy"] = "no-referrer"  # the address is the secret
    return response


def _enter(request: HttpRequest, user: User) -> HttpResponse:
    """Sign in, second factor included but no e-mail code; who has no password is asked to set one."""
    home = resolve_url("dashboard")
    if not user.has_usable_password():
        home = f"{resolve_url('account_set_password')}?{urlencode({'next': home})}"
    response: HttpResponse = perform_login(
        request, user, email_verification=EmailVerificationMethod.NONE, redirect_url=home
    )
    return response


@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """Show and change name, language and time zone."""
    assert isinstance(request.user, User)
    form = ProfileForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        user = form.save()
        messages.success(request, _("Profile saved."))
        return _keep_language(redirect("profile"), user)
    return render(request, "accounts/profile.html", {"form": form, **_ways_in(request.user)})


def _ways_in(user: User) -> dict[str, Any]:
    """How somebody signs in, and where they are."""
    factors = [kind for (kind,) in Authenticator.objects.filter(user=user).values_list("type")]
    return {
        "is_verified": EmailAddress.objects.filter(user=user, email=user.email, verified=True).exists(),
        "passkeys": factors.count(Authenticator.Type.WEBAUTHN),
        "has_app": Authenticator.Type.TOTP in factors,
        "session_count": UserSession.objects.filter(user=user).count(),
    }


@require_POST
@login_required
def choose_mail(request: HttpRequest) -> HttpResponse:
    """Keep which mail is wanted."""
    assert isinstance(request.user, User)
    form = MailForm(request.POST, instance=request.user)
    if form.is_valid():
        form.save()
        messages.success(request, _("Profile saved."))
    return redirect("profile")


@login_required
@_proved_again
@require_safe
def export_data(request: HttpRequest) -> StreamingHttpResponse:
    """All that is known about the user as one JSON file, sent while it is read."""
    assert isinstance(request.user, User)
    name = timezone.localtime().strftime("account-%Y%m%d-%H%M.json")
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    pieces = personal_data.one_by_one(personal_data.export(request.user))
    return StreamingHttpResponse(pieces, content_type="application/json", headers=headers)


@login_required
@_proved_again
@require_http_methods(["GET", "HEAD", "POST"])
def close_account(request: HttpRequest) -> HttpResponse:
    """What closing means, and the button."""
    assert isinstance(request.user, User)
    address = request.user.email
    if request.method == "POST" and request.POST.get("sure") == "yes":
        try:
            closing.close_account(user=request.user)
        except Conflict:
            return redirect("close_account")
        get_adapter(request).send_mail("account/email/account_closed", address, {})
        logout(request)
        messages.success(request, _("Your account is closed."))
        return redirect("home")
    return render(request, "accounts/close.html", {"objections": closing.objections(request.user)})


def _keep_language(response: HttpResponseRedirect, user: User) -> HttpResponseRedirect:
    """The language menu's cookie outranks the profile, so a change here has to replace it."""
    if user.language:
        response.set_cookie(settings.LANGUAGE_COOKIE_NAME, user.language, max_age=365 * 24 * 3600, samesite="Lax")
    else:
        response.delete_cookie(settings.LANGUAGE_COOKIE_NAME, samesite="Lax")
    return response


class SessionsPage(ListUserSessionsView):  # type: ignore[misc] # comes without types
    """Where one is signed in; its POST, allauth's, signs out everywhere else."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        places = sessions.places_of(context["sessions"], current_key=self.request.session.session_key)
        return {**context, "places": places}


sessions_page = SessionsPage.as_view()


@require_POST
@login_required
def end_session(request: HttpRequest, session_id: int) -> HttpResponse:
    """Sign out one other browser."""
    assert isinstance(request.user, User)
    if sessions.end(user=request.user, session_id=session_id):
        messages.success(request, _("Signed out there."))
    return redirect("usersessions_list")


@require_POST
def sign_in_with(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Go to another provider, by a page: a form whose answer redirects to another site breaks our own form-action."""
    provider = other_accounts(request).get_provider(request, provider_id)
    try:
        response: HttpResponse = provider.redirect_from_request(request)
    except (OAuth2Error, OSError, ValueError, KeyError) as error:  # it is away, or says nonsense about itself
        failed: HttpResponse = render_authentication_error(request, provider, exception=error)
        return failed
    if not isinstance(response, HttpResponseRedirect):
        return response
    return render(request, "accounts/leaving.html", {"address": response.url, "provider": provider})
