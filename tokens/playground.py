"""The token behind Playground and Chat: made on first use, and from then on one of its owner's like any other."""

from django.db import transaction

from accounts.models import User
from tokens.models import Group, Token
from tokens.services import issue_token

NAME = "Playground"


@transaction.atomic
def playground_token(*, user: User, group: Group) -> Token:
    """The user's token of that name, made in `group` if there is none. Raises InvalidInput for a closed group."""
    User.objects.select_for_update().get(pk=user.pk)  # two windows at once make one token
    token = Token.objects.owned_by(user).filter(name=NAME).order_by("pk").first()
    return token or issue_token(user=user, name=NAME, group=group).token
