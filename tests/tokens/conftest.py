import pytest

from tests.factories import make_group
from tokens.services import issue_token


@pytest.fixture
def standard(db):
    """The group new users get."""
    return make_group("default", is_default=True)


@pytest.fixture
def issue(standard):
    """Issue a token with sensible terms: `issue(alice, quota=usd("1"))`."""

    def issue(user, **terms):
        return issue_token(user=user, **({"name": "prod"} | terms))

    return issue
