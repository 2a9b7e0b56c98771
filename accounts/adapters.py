"""Where django-allauth asks the product: what second factors are called."""

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.utils.translation import gettext as _

from accounts.models import User


class SecondFactors(DefaultMFAAdapter):  # type: ignore[misc] # comes without types
    """Authenticator apps and passkeys carry the site's name."""

    def get_totp_issuer(self) -> str:
        return str(settings.SITE_NAME)

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """A passkey belongs to the host name it was made on: browsers offer it nowhere else."""
        return {**super().get_public_key_credential_rp_entity(), "name": str(settings.SITE_NAME)}

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:
        number = Authenticator.objects.filter(user=user, type=type).count() + 1
        return _("Passkey %(number)d") % {"number": number} if number > 1 else _("Passkey")
