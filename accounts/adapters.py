"""Where django-allauth asks the product: who mails, what second factors are called, whom another provider signs in."""

from email.utils import formataddr, parseaddr
from typing import Any, NoReturn
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.base.provider import Provider
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.second_factors import open_seed, sealed_seed
from config.egress.errors import EgressError
from config.egress.session import Session
from config.kernel.brands import Brand


def brand_name() -> str:
    """The name of the host somebody acts on; outside of a request the site's own."""
    brand: Brand | None = getattr(context.request, "brand", None)
    return brand.name if brand else str(settings.SITE_NAME)


def sender(name: str) -> str:
    """A brand's name before the one address that may send."""
    return formataddr((name, parseaddr(settings.DEFAULT_FROM_EMAIL)[1]))


class Mails(DefaultAccountAdapter):  # type: ignore[misc] # comes without types
    """Mail speaks in the name of the host that somebody acted on; its links lead there by themselves."""

    def format_email_subject(self, subject: str) -> str:
        return f"{brand_name()}: {subject}"

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Under the host's own address: the request's scheme is not what a browser sees behind a proxy with TLS."""
        brand: Brand | None = getattr(context.request, "brand", None)
        path: str = urlsplit(super().get_reset_password_from_key_url(key)).path
        return (brand.site_url if brand else str(settings.SITE_URL)) + path

    def get_from_email(self) -> str:
        return sender(brand_name())


class SecondFactors(DefaultMFAAdapter):  # type: ignore[misc] # comes without types
    """Authenticator apps and passkeys carry the site's name; their seeds are kept sealed."""

    def encrypt(self, text: str) -> str:
        return sealed_seed(text)

    def decrypt(self, encrypted_text: str) -> str:
        return open_seed(encrypted_text)

    def get_totp_issuer(self) -> str:
        return brand_name()

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """A passkey belongs to the host name it was made on: browsers offer it nowhere else."""
        return {**super().get_public_key_credential_rp_entity(), "name": brand_name()}

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:
        number = Authenticator.objects.filter(user=user, type=type).count() + 1
        return _("Passkey %(number)d") % {"number": number} if number > 1 else _("Passkey")


class OtherAccounts(DefaultSocialAccountAdapter):  # type: ignore[misc] # comes without types
    """Sign-in by another provider. Of what it says about addresses, only what it has verified is believed."""

    def get_requests_session(self) -> Session:
        return _ProviderSession()

    def get_app(self, request: HttpRequest, provider: str, client_id: str | None = None) -> SocialApp:
        try:
            return super().get_app(request, provider, client_id)
        except SocialApp.DoesNotExist:
            raise Http404 from None  # nobody has configured it

    def authenticate_by_email(self, sociallogin: SocialLogin) -> tuple[User, str] | None:
        """The account that has a verified address as its own.

        An address that somebody has only entered, and not confirmed, is on no account's row: it leads nowhere.
        """
        for address in _verified(sociallogin):
            user = User.objects.filter(email__iexact=address.email).first()
            if user is not None:
                return user, address.email
        return None

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Nobody signs up by an address that the provider has not verified."""
        if sociallogin.is_existing or sociallogin.state.get("process") == AuthProcess.CONNECT:
            return
        addresses = _verified(sociallogin)
        if not addresses:
            _turn_away(request, sociallogin.account.get_provider(request))
        sociallogin.email_addresses = addresses
        sociallogin.user.email = addresses[0].email.lower()

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]) -> User:
        user: User = super().populate_user(request, sociallogin, data)
        user.name = (data.get("name") or "")[: User._meta.get_field("name").max_length]
        return user


class _ProviderSession(Session):
    """The way out, with its refusals as errors that allauth makes a page of. Nobody closes it, so it keeps nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.headers["Connection"] = "close"

    def send(self, *args: Any, **options: Any) -> Any:
        try:
            return super().send(*args, **options)
        except EgressError as error:
            raise OAuth2Error(str(error)) from error


def _verified(sociallogin: SocialLogin) -> list[EmailAddress]:
    """The primary one first. Some providers send the word "false", which would count as true."""
    addresses = [address for address in sociallogin.email_addresses if str(address.verified).lower() == "true"]
    return sorted(addresses, key=lambda address: not address.primary)


def _turn_away(request: HttpRequest, provider: Provider) -> NoReturn:
    sentence = _("%(provider)s has not verified your email address. Verify it there, or sign up here with a password.")
    messages.error(request, sentence % {"provider": provider.name})
    raise ImmediateHttpResponse(redirect("account_signup"))
