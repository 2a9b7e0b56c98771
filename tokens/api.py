"""`/api/tokens`: the keys of the signed-in user. Session and CSRF come from the site API's defaults."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from config.api import ok
from config.api_fields import Text, TextList, WholeNumber
from config.kernel.errors import InvalidInput
from config.kernel.money import MAX_NANO, quota_to_nano
from tokens import services
from tokens.models import Token
from tokens.selectors import open_group, tokens_of

_STATUS = {
    Token.Status.ENABLED: "ACTIVE",
    Token.Status.DISABLED: "REVOKED",
    Token.Status.EXPIRED: "EXPIRED",
    Token.Status.EXHAUSTED: "EXHAUSTED",
}


class Quota(WholeNumber):
    """Quota units on the wire, nano-dollars inside."""

    default_error_messages = {"inexact": _("This can't be converted exactly to nano-dollars.")}

    def to_internal_value(self, data: Any) -> int:
        units = super().to_internal_value(data)
        if abs(units) > MAX_NANO:
            return units  # far out of range already; the terms of a token refuse it
        try:
            return quota_to_nano(units, quota_per_usd=settings.QUOTA_PER_USD)
        except ValueError:
            self.fail("inexact")


class TokenInput(serializers.Serializer[Any]):
    """The body of a creation or an edit: types only; `tokens.terms` judges the values."""

    displayName = Text(source="name")
    group = Text(required=False)
    quota = Quota(required=False, allow_null=True)
    expiresAt = serializers.DateTimeField(source="expires_at", required=False, allow_null=True)
    models = TextList(required=False)
    allowedIps = TextList(source="ips", required=False)
    requestsPerMinute = WholeNumber(source="requests_per_minute", required=False, allow_null=True)
    tokensPerMinute = WholeNumber(source="tokens_per_minute", required=False, allow_null=True)
    concurrentRequests = WholeNumber(source="concurrent_requests", required=False, allow_null=True)
    dailyCap = Quota(source="daily_cap", required=False, allow_null=True)
    monthlyCap = Quota(source="monthly_cap", required=False, allow_null=True)


_NAME_ON_THE_WIRE = {field.source or name: name for name, field in TokenInput().fields.items()}


class TokenView(APIView):
    """What the views below share."""

    def terms(self, *, partial: bool) -> dict[str, Any]:
        """The body as arguments of a service."""
        body = TokenInput(data=self.request.data, partial=partial)
        body.is_valid(raise_exception=True)
        terms = dict(body.validated_data)
        if "group" in terms:
            terms["group"] = open_group(self.owner, terms["group"])
        return terms

    @property
    def owner(self) -> User:
        """The signed-in user; permission was checked before."""
        assert isinstance(self.request.user, User)
        return self.request.user

    def token(self, public_id: str) -> Token:
        """The owner's token; somebody else's is a 404."""
        return get_object_or_404(tokens_of(self.owner), public_id=public_id)


class TokenCollection(TokenView):
    """List and create."""

    def get(self, request: Request) -> Response:
        return ok(items=[_described(token) for token in tokens_of(self.owner)])

    def post(self, request: Request) -> Response:
        with _names_of_the_wire():
            issued = services.issue_token(user=self.owner, **self.terms(partial=False))
        response = ok(201, token=_described(issued.token), plainKey=issued.plain_key)
        response["Cache-Control"] = "no-store"
        return response


class TokenDetail(TokenView):
    """Edit and delete."""

    def patch(self, request: Request, public_id: str) -> Response:
        token = self.token(public_id)
        with _names_of_the_wire():
            edited = services.edit_token(token=token, **self.terms(partial=True))
        return ok(token=_described(edited))

    def delete(self, request: Request, public_id: str) -> Response:
        services.delete_token(token=self.token(public_id))
        return ok()


class TokenSwitch(TokenView):
    """Disable or enable."""

    enabled = False

    def patch(self, request: Request, public_id: str) -> Response:
        token = self.token(public_id)
        services.set_enabled(token=token, enabled=self.enabled)
        return ok(token={"id": token.public_id, "status": _STATUS[token.status]})


def _described(token: Token) -> dict[str, str]:
    return {
        "id": token.public_id,
        "displayName": token.name,
        "maskedKey": f"sk-****{token.key_tail}",
        "status": _STATUS[token.status],
    }


@contextmanager
def _names_of_the_wire() -> Iterator[None]:
    """Complaints about terms leave under the names the caller used."""
    try:
        yield
    except InvalidInput as error:
        if error.details:
            error.details = {_NAME_ON_THE_WIRE.get(term, term): said for term, said in error.details.items()}
        raise
