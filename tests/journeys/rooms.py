"""A served product with two weeks of business in it, and who is signed in."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.conf import settings
from django.core.management import call_command
from django.test import Client, override_settings
from django.urls import resolve

from accounts import sign_in_links
from accounts.models import User
from billing.models import UsageRecord
from orders.access import page_token
from orders.delivering import link_token
from orders.models import Delivery
from tests.conftest import persona
from tests.live import serving
from tests.tools.purchases import Bought
from tests.tools.showroom import furnish
from tokens.models import Token
from tokens.services import rotate_key

TOTP_SECRET = "JBSWY3DPEHPK3PXP"
DAYS = 14  # of use: each of their hours is rolled up by itself


class Rooms(NamedTuple):
    """Alice has everything, bob nothing yet; carol is staff."""

    url: str
    people: dict[str, User]
    sessions: dict[str, str]  # session keys by person; a stranger has none
    bought: Bought
    tokens: list[Token]
    settled: UsageRecord
    failed: UsageRecord
    passkey: Authenticator
    key_link: str
    sign_in_link: list[Any]
    reset_link: list[str]

    def token_of(self, name: str) -> str:
        """What stands in the address of an order's pay page."""
        return page_token(getattr(self.bought, name))


@contextmanager
def open_rooms() -> Iterator[Rooms]:
    """Fill the database, which has to be empty, and serve it."""
    call_command("seed", verbosity=0)
    bought = furnish(email="alice@example.com", days=DAYS)
    alice = User.objects.get(email="alice@example.com")
    people = {"alice": alice, "bob": persona("bob"), "carol": persona("carol", **OPERATOR)}
    from config.asgi import application

    with serving(application) as url, override_settings(SITE_URL=url, API_BASE_URL=f"{url}/v1"):
        records = UsageRecord.objects.filter(user=alice).order_by("-pk")
        ended = [records.filter(status=status)[0] for status in ("settled", "failed")]
        yield rooms_of(url, people, bought, ended)


OPERATOR = {"is_staff": True, "is_superuser": True}


def rooms_of(url: str, people: dict[str, User], bought: Bought, ended: list[UsageRecord]) -> Rooms:
    """Everything that there is a page about; gives alice a second factor, and a token of hers a new key.

    `ended`: one call that went well, one not.
    """
    alice, bob = people["alice"], people["bob"]
    passkey = Authenticator.objects.create(user=alice, type="webauthn", data={"name": "Laptop", "credential": {}})
    TOTP.activate(alice, TOTP_SECRET)
    RecoveryCodes.activate(alice)
    tokens = list(Token.objects.filter(user=alice))
    rotate_key(token=tokens[0])
    return Rooms(
        url=url,
        people=people,
        sessions={who: session_of(user) for who, user in people.items()},
        bought=bought,
        tokens=tokens,
        settled=ended[0],
        failed=ended[1],
        passkey=passkey,
        key_link=link_token(Delivery.objects.get(order=bought.first)),
        sign_in_link=list(resolve(sign_in_links.path_for(bob)).kwargs.values()),
        reset_link=[user_pk_to_url_str(bob), default_token_generator.make_token(bob)],
    )


def session_of(user: User) -> str:
    """A browser's session in which the password was given a moment ago."""
    return recently_signed_in(user).cookies[settings.SESSION_COOKIE_NAME].value


def recently_signed_in(user: User) -> Client:
    """A browser that is asked for no password again."""
    client, now = Client(), time.time()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    session = client.session
    session["noted_at"] = now
    session["account_authentication_methods"] = [{"method": "password", "at": now, "reauthenticated": True}]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()
    return client
