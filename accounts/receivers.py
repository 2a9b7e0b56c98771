"""What accounts do when allauth tells of something: who sets a new password by mail has proved the address."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.signals import email_confirmed, password_reset
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.models import User


@receiver(password_reset)
def trust_the_mailed_address(request: HttpRequest, user: User, **_signal: Any) -> None:
    """The link came by mail. Of several addresses any may have been mailed, one just entered too: that proves none."""
    addresses = list(EmailAddress.objects.filter(user=user)[:2])
    if len(addresses) == 1 and not addresses[0].verified and addresses[0].set_verified():
        email_confirmed.send(sender=EmailAddress, request=request, email_address=addresses[0])
