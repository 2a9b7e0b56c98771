"""One-time links that sign somebody in without a password: printed on the server's terminal, never sent by mail."""

from datetime import timedelta

from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.urls import reverse
from django.utils import timezone
from django.utils.http import base36_to_int

from accounts.models import User

LIFETIME = timedelta(hours=24)


class _Tokens(PasswordResetTokenGenerator):
    """Django's reset tokens under another salt and with a shorter life: bound to the last sign-in and the password."""

    key_salt = "accounts.sign_in_links"

    def check_token(self, user: User | None, token: str | None) -> bool:
        if not super().check_token(user, token):
            return False
        made = base36_to_int(str(token).split("-")[0])
        return self._num_seconds(self._now()) - made <= LIFETIME.total_seconds()


_tokens = _Tokens()


def path_for(user: User) -> str:
    """The path of a fresh link: works once, within LIFETIME, while password and last sign-in stay as they are."""
    return reverse("sign_in_link", args=[user.pk, _tokens.make_token(user)])


def user_of(*, user_id: int, token: str) -> User | None:
    """Whom the link would sign in; None when it is used, old or made up. Changes nothing."""
    user = User.objects.filter(pk=user_id, is_active=True).first()
    return user if user is not None and _tokens.check_token(user, token) else None


def redeem(*, user_id: int, token: str) -> User | None:
    """Use the link up. Of two who redeem it at the same moment one gets the user, the other None."""
    user = user_of(user_id=user_id, token=token)
    if user is None:
        return None
    unused = User.objects.filter(pk=user.pk, last_login=user.last_login, password=user.password)
    return user if unused.update(last_login=timezone.now()) else None
