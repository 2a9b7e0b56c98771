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

from accounts.models import User
from config.api import ok
from config.api_fields import Flag, Text, TextList, WholeNumber
from config.api_views import SiteView
from config.kernel.errors import InvalidInput
from config.kernel.money import MAX_NANO, quota_to_nano
from config.openapi import documented
from tokens import services
from tokens.models import Token
from tokens.selectors import open_group, tokens_of
from tokens.services import IssuedToken

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
    """What a key may do. Amounts in quota; null for no limit or no end."""  # types only: `tokens.terms` judges values

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


class RotationInput(serializers.Serializer[Any]):
    """Whether the present key stops at once; it works for 24 hours more if not."""

    atOnce = Flag(source="at_once", required=False)


class SwitchedToken(serializers.Serializer[Any]):
    """A token and what it can do now."""

    id = serializers.CharField()
    status = serializers.ChoiceField(choices=tuple(_STATUS.values()))


class TokenShape(SwitchedToken):
    """A token as its owner sees it in a list."""

    displayName = serializers.CharField()
    maskedKey = serializers.CharField()


_TAG = _("Keys of the signed-in user")
_REFUSED = [(401, "UNAUTHORIZED"), (403, "FORBIDDEN")]
_NOT_FOUND = (404, "not_found")
_NAME_ON_THE_WIRE = {field.source or name: name for name, field in TokenInput().fields.items()}


class TokenView(SiteView):
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

    @documented(
        name="tokens_list",
        tag=_TAG,
        summary=_("List keys"),
        answer={"items": TokenShape(many=True)},
        failures=_REFUSED[:1],
    )
    def get(self, request: Request) -> Response:
        return ok(items=[_described(token) for token in tokens_of(self.owner)])

    @documented(
        name="tokens_create",
        tag=_TAG,
        summary=_("Create a key"),
        request=TokenInput,
        status=201,
        answer={"token": TokenShape(), "plainKey": serializers.CharField()},
        failures=_REFUSED,
    )
    def post(self, request: Request) -> Response:
        with _names_of_the_wire():
            issued = services.issue_token(user=self.owner, **self.terms(partial=False))
        return _with_key(issued, status=201)


class TokenDetail(TokenView):
    """Edit and delete."""

    @documented(
        name="tokens_edit",
        tag=_TAG,
        summary=_("Change a key"),
        request=TokenInput,
        answer={"token": TokenShape()},
        failures=[*_REFUSED, _NOT_FOUND],
    )
    def patch(self, request: Request, public_id: str) -> Response:
        token = self.token(public_id)
        with _names_of_the_wire():
            edited = services.edit_token(token=token, **self.terms(partial=True))
        return ok(token=_described(edited))

    @documented(name="tokens_delete", tag=_TAG, summary=_("Delete a key"), answer={}, failures=[*_REFUSED, _NOT_FOUND])
    def delete(self, request: Request, public_id: str) -> Response:
        services.delete_token(token=self.token(public_id))
        return ok()


class TokenSwitch(TokenView):
    """Disable or enable."""

    def switch(self, public_id: str, *, enabled: bool) -> Response:
        token = self.token(public_id)
        services.set_enabled(token=token, enabled=enabled)
        return ok(token={"id": token.public_id, "status": _STATUS[token.status]})


class TokenDisable(TokenSwitch):
    """Disable."""

    @documented(
        name="tokens_disable",
        tag=_TAG,
        summary=_("Disable a key"),
        answer={"token": SwitchedToken()},
        failures=[*_REFUSED, _NOT_FOUND],
    )
    def patch(self, request: Request, public_id: str) -> Response:
        return self.switch(public_id, enabled=False)


class TokenEnable(TokenSwitch):
    """Enable."""

    @documented(
        name="tokens_enable",
        tag=_TAG,
        summary=_("Enable a key"),
        answer={"token": SwitchedToken()},
        failures=[*_REFUSED, _NOT_FOUND],
    )
    def patch(self, request: Request, public_id: str) -> Response:
        return self.switch(public_id, enabled=True)


class TokenRotation(TokenView):
    """A fresh key for the same token."""

    @documented(
        name="tokens_rotate",
        tag=_TAG,
        summary=_("Rotate a key"),
        request=RotationInput,
        answer={
            "token": TokenShape(),
            "plainKey": serializers.CharField(),
            "formerKeyUntil": serializers.DateTimeField(allow_null=True),
        },
        failures=[*_REFUSED, _NOT_FOUND, (409, "conflict")],
    )
    def post(self, request: Request, public_id: str) -> Response:
        token = self.token(public_id)
        body = RotationInput(data=request.data)
        body.is_valid(raise_exception=True)
        issued = services.rotate_key(token=token, **body.validated_data)
        return _with_key(issued, formerKeyUntil=issued.token.former_until)


class TokenFormerKey(TokenView):
    """The key that the present one replaced."""

    @documented(
        name="tokens_stop_former_key",
        tag=_TAG,
        summary=_("Stop the key before the present one"),
        answer={},
        failures=[*_REFUSED, _NOT_FOUND],
    )
    def delete(self, request: Request, public_id: str) -> Response:
        services.stop_former_key(token=self.token(public_id))
        return ok()


def _with_key(issued: IssuedToken, *, status: int = 200, **more: Any) -> Response:
    """The only answers that hold a key in clear; no cache may keep them."""
    response = ok(status, token=_described(issued.token), plainKey=issued.plain_key, **more)
    response["Cache-Control"] = "no-store"
    return response


def _described(token: Token) -> dict[str, str]:
    return {
        "id": token.public_id,
        "displayName": token.name,
        "maskedKey": token.masked_tail,
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
