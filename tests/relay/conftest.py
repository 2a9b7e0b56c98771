"""A served relay in front of a served sandbox upstream, and the people who call it."""

from dataclasses import dataclass
from functools import cached_property

import openai
import pytest
import requests

from billing.models import UsageRecord, Wallet
from relay.sandbox.app import app as sandbox_app
from tests.factories import make_channel, make_group, make_price, make_user
from tests.live import serving
from tokens.models import Token
from tokens.services import issue_token

MODELS = ("sandbox-mini", "sandbox-pro")


@pytest.fixture(scope="session")
def sandbox():
    """Base URL of a sandbox upstream."""
    with serving(sandbox_app, lifespan="off") as url:
        yield f"{url}/v1"


@dataclass
class Caller:
    """A customer with a key, and the relay's address."""

    base_url: str
    user: object
    token: Token
    key: str

    @cached_property
    def sdk(self):
        return openai.OpenAI(base_url=self.base_url, api_key=self.key, max_retries=0)

    def close(self):
        """Close the SDK's sockets, if it was used."""
        if "sdk" in self.__dict__:
            self.sdk.close()

    def post(self, body=None, *, path="/chat/completions", headers=None, **options):
        headers = {"Authorization": f"Bearer {self.key}"} if headers is None else headers
        return requests.post(f"{self.base_url}{path}", json=body, headers=headers, timeout=20, **options)

    def get(self, path):
        return requests.get(f"{self.base_url}{path}", headers={"Authorization": f"Bearer {self.key}"}, timeout=20)

    @property
    def records(self):
        return list(UsageRecord.objects.filter(user=self.user).order_by("id"))

    @property
    def wallet(self):
        return Wallet.objects.get(user=self.user)


def chat(model="sandbox-mini", content="Hello there", **fields):
    return {"model": model, "messages": [{"role": "user", "content": content}], **fields}


@pytest.fixture
def relay(transactional_db):
    """A relay on an empty database; rows made before the first call are seen, later ones within a second."""
    from config.asgi import application

    with serving(application) as url:
        yield f"{url}/v1"


@pytest.fixture
def caller_of(transactional_db, sandbox, request):
    """Make a caller, a channel to the sandbox for `models`, their prices; then start the relay."""

    made = []

    def make(*, models=MODELS, balance="1", channels=None, **token_fields):
        group = make_group()
        user = make_user(balance=balance)
        for model in models:
            make_price(model, input="1", output="2")
        for settings in channels if channels is not None else [{}]:
            make_channel(**({"base_url": sandbox, "models": models, "groups": [group]} | settings))
        issued = issue_token(user=user, name="test key", group=group, **token_fields)
        relay_url = request.getfixturevalue("relay")
        caller = Caller(relay_url, user, issued.token, issued.plain_key)
        made.append(caller)
        return caller

    yield make
    for caller in made:
        caller.close()
