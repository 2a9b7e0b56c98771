"""Every error the relay sends, as the documentation explains it. Statuses and types are those of the code itself."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from config.kernel.errors import (
    DomainError,
    InsufficientCredit,
    InvalidInput,
    LoopDetected,
    NotAuthenticated,
    NotFound,
    PermissionRefused,
    RateLimited,
    TooLarge,
    Unavailable,
    UpstreamFailed,
    UpstreamTimedOut,
)
from relay.dialects.messages.errors import error_body
from relay.errors import InternalError, type_of
from relay.v1 import MethodNotAllowed


class Explained(NamedTuple):
    """One code: the error that carries it, when it is sent, and what the caller does about it."""

    kind: type[DomainError]
    code: str
    when: Promise
    remedy: Promise

    @property
    def status(self) -> int:
        return self.kind.status

    @property
    def type(self) -> str:
        return type_of(self.status)

    @property
    def message_type(self) -> str:
        """The same error's type at `/v1/messages`."""
        return str(error_body(self.kind(""))["error"]["type"])


ERRORS: Final = (
    Explained(
        InvalidInput,
        "invalid_request",
        _("A field is missing or has the wrong type or value; or the provider refused the request."),
        _("Read the message: it names the field. param holds its path."),
    ),
    Explained(
        InvalidInput,
        "invalid_json",
        _("The body is no JSON object."),
        _("Send JSON with the header Content-Type: application/json. Look for stray commas and quotes."),
    ),
    Explained(
        InvalidInput,
        "invalid_form",
        _("A recording or a picture was not sent as a form, or the form is broken."),
        _("Send multipart/form-data with the model and the file, and let your client set the boundary."),
    ),
    Explained(
        InvalidInput,
        "unsupported_tool",
        _("A built-in tool of the Responses API was asked of a model that has none."),
        _("Use function tools, or choose a model that serves Responses itself."),
    ),
    Explained(
        NotAuthenticated,
        "invalid_api_key",
        _("There is no key in the request, or no such key exists."),
        _("Send Authorization: Bearer sk-… and copy the key again from Token Management."),
    ),
    Explained(
        NotAuthenticated,
        "key_disabled",
        _("The key was switched off."),
        _("Enable it in Token Management, or use another key."),
    ),
    Explained(
        NotAuthenticated,
        "key_expired",
        _("The key's expiry date has passed."),
        _("Give it a later date in Token Management, or make a new key."),
    ),
    Explained(
        InsufficientCredit,
        "insufficient_quota",
        _("The account's balance does not cover the most that the request can cost."),
        _("Top up, or ask for fewer max_tokens. The message says how much is left and where to top up."),
    ),
    Explained(
        InsufficientCredit,
        "key_quota_exhausted",
        _("The key's own quota, or its cap of the day or the month, does not cover the request."),
        _("Raise the quota or the cap of the key, or wait until the date in the message."),
    ),
    Explained(
        PermissionRefused,
        "model_not_allowed",
        _("The key may call certain models only, and this is none of them."),
        _("Add the model to the key's list, or use a key without a list."),
    ),
    Explained(
        PermissionRefused,
        "ip_not_allowed",
        _("The key may be used from certain networks only, and yours is none of them."),
        _("Add your public address to the key's networks."),
    ),
    Explained(
        PermissionRefused,
        "key_revoked",
        _("The key was deleted or switched off while the answer was streaming."),
        _("Use another key. What had arrived until then is charged."),
    ),
    Explained(
        PermissionRefused,
        "account_suspended",
        _("The operator has suspended the account."),
        _("Write to the operator."),
    ),
    Explained(
        NotFound,
        "model_not_found",
        _("There is no such model in the key's group, or not at this endpoint."),
        _("Ask GET /v1/models what the key may call, and mind upper and lower case."),
    ),
    Explained(
        NotFound,
        "provider_not_found",
        _("The provider in the address is not served here."),
        _("Take one of those the message names, or leave the provider out of the address."),
    ),
    Explained(
        NotFound,
        "unknown_url",
        _("The address leads nowhere: most often /v1 is missing or there twice."),
        _("The message names the address that was probably meant."),
    ),
    Explained(
        MethodNotAllowed,
        "method_not_allowed",
        _("The endpoint is there, but not for this HTTP method."),
        _("The header Allow names the methods that work; endpoints that generate take POST."),
    ),
    Explained(
        TooLarge,
        "request_too_large",
        _("The body or the uploaded file is too large."),
        _("Send smaller images or shorter files, or link to them."),
    ),
    Explained(
        RateLimited,
        "rate_limit_exceeded",
        _("The key's own limit is reached, or that of every channel of the model."),
        _("Wait for as many seconds as Retry-After says; then try again with growing pauses."),
    ),
    Explained(
        InternalError,
        "internal_error",
        _("We made a mistake."),
        _("Try again. If it stays, tell us the X-Request-Id."),
    ),
    Explained(
        UpstreamFailed,
        "upstream_error",
        _("Every channel that was tried failed, or the provider ended a stream early."),
        _("Try again; nothing is charged where nothing was delivered."),
    ),
    Explained(
        Unavailable,
        "no_available_channel",
        _("Every channel of the model is down at the moment."),
        _("Wait for Retry-After, or call another model. The status page shows which are well."),
    ),
    Explained(
        Unavailable,
        "server_restarting",
        _("The server is being restarted."),
        _("Try again after a second."),
    ),
    Explained(
        Unavailable,
        "service_unavailable",
        _("Keys and balances cannot be read for a moment."),
        _("Try again after Retry-After."),
    ),
    Explained(
        Unavailable,
        "billing_unavailable",
        _("The charge cannot be booked for a moment, so nothing was sent on."),
        _("Try again after Retry-After."),
    ),
    Explained(
        Unavailable,
        "maintenance",
        _("The operator is working on the site and has closed the API for it."),
        _("Try again after Retry-After."),
    ),
    Explained(
        UpstreamTimedOut,
        "upstream_timeout",
        _("No channel sent its first byte in time."),
        _("Try again, with a shorter prompt or stream: true."),
    ),
    Explained(
        LoopDetected,
        "loop_detected",
        _("The request came back to this site: a channel points at the site itself."),
        _("Tell the operator; there is nothing you can do."),
    ),
)


class Alias(NamedTuple):
    """How another system calls what we call `code`."""

    system: str
    name: str
    code: str


ALIASES: Final = (
    Alias("OpenAI", "429 insufficient_quota", "insufficient_quota"),
    Alias("OpenAI", "500 server_error", "internal_error"),
    Alias("Anthropic", "authentication_error", "invalid_api_key"),
    Alias("Anthropic", "billing_error", "insufficient_quota"),
    Alias("Anthropic", "not_found_error", "model_not_found"),
    Alias("Anthropic", "529 overloaded_error", "no_available_channel"),
    Alias("OpenRouter", "402", "insufficient_quota"),
    Alias("OpenRouter", "408", "upstream_timeout"),
    Alias("OpenRouter", "503", "no_available_channel"),
    Alias("One API, New API", "insufficient_user_quota", "insufficient_quota"),
    Alias("One API, New API", "pre_consume_token_quota_failed", "key_quota_exhausted"),
    Alias("One API, New API", "get_channel_failed", "no_available_channel"),
    Alias("One API, New API", "channel:no_available_key", "no_available_channel"),
    Alias("One API, New API", "do_request_failed", "upstream_error"),
    Alias("", "400 INVALID_REQUEST", "invalid_request"),
    Alias("", "401 UNAUTHORIZED", "invalid_api_key"),
    Alias("", "429 RATE_LIMIT", "rate_limit_exceeded"),
    Alias("", "500 UPSTREAM_ERROR", "upstream_error"),
)


def explained(code: str) -> Explained | None:
    """The row of a code."""
    return next((row for row in ERRORS if row.code == code), None)


def alias_rows() -> Iterator[tuple[Alias, Explained]]:
    """Each alias beside what it is here."""
    for alias in ALIASES:
        row = explained(alias.code)
        assert row is not None, alias
        yield alias, row
