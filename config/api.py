"""The site API's envelope: `{"ok": true, …}` or `{"ok": false, "error": {code, message, details?}}`."""

import logging
from collections.abc import Mapping
from io import BytesIO
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import authentication, exceptions, parsers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings

from config.kernel.errors import DomainError, TooLarge

logger = logging.getLogger("tollbooth.api")

_NO_FIELD = api_settings.NON_FIELD_ERRORS_KEY
_BY_STATUS = {401: "UNAUTHORIZED", 403: "FORBIDDEN", 404: "not_found", 405: "method_not_allowed"}


class SessionAuthentication(authentication.SessionAuthentication):
    """Django's session with CSRF. Naming a scheme makes DRF answer 401 instead of 403 where nobody is signed in."""

    def authenticate_header(self, request: Request) -> str:
        return "Session"


class BodyParser(parsers.JSONParser):
    """JSON up to `API_MAX_BODY_BYTES`. Raises TooLarge, and ParseError also for what is nested too deeply."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        longest = settings.API_MAX_BODY_BYTES
        body = stream.read(longest + 1)
        if len(body) > longest:
            raise _too_large()
        try:
            return super().parse(BytesIO(body), media_type, parser_context)
        except RecursionError:
            raise exceptions.ParseError(_("The request is nested too deeply.")) from None


def _too_large() -> TooLarge:
    return TooLarge(_("The request is too long: %(bytes)d bytes at most.") % {"bytes": settings.API_MAX_BODY_BYTES})


def ok(status: int = 200, **fields: Any) -> Response:
    """A success in the envelope."""
    return Response({"ok": True, **fields}, status=status)


def failure(status: int, code: str, message: str, *, details: Any = None, headers: Any = None) -> Response:
    """A failure in the envelope."""
    error: dict[str, Any] = {"code": code, "message": message}
    if details:
        error["details"] = details
    return Response({"ok": False, "error": error}, status=status, headers=headers)


def render_exception(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler for `/api/*`: every error in the envelope, unexpected ones without text."""
    if isinstance(error, RequestDataTooBig):  # Django's own limit, where a length far above ours was announced
        error = _too_large()
    match error:
        case DomainError():
            headers = {"Retry-After": str(error.retry_after)} if error.retry_after else None
            return failure(error.status, error.code, error.message, details=error.details, headers=headers)
        case exceptions.ValidationError() | exceptions.ParseError() | exceptions.UnsupportedMediaType():
            return _invalid_payload(error)
        case exceptions.Throttled():
            said = _("Too many requests. Please wait a moment and try again.")
            return failure(429, "RATE_LIMIT", said, headers=_headers_of(error))
        case exceptions.NotAuthenticated():
            return failure(401, "UNAUTHORIZED", _("Please sign in first."), headers=_headers_of(error))
        case exceptions.APIException():
            code = _BY_STATUS.get(error.status_code, "error")
            return failure(error.status_code, code, str(error.detail), headers=_headers_of(error))
        case Http404():
            return failure(404, "not_found", _("There is no such object."))
        case PermissionDenied():
            return failure(403, "FORBIDDEN", _("This is not allowed."))
    logger.error("unhandled error in the site API", exc_info=error)
    return failure(500, "SERVER_ERROR", _("Something went wrong on our side. Please try again."))


def _invalid_payload(error: exceptions.APIException) -> Response:
    detail = error.detail
    complaints = detail if isinstance(detail, dict) else {_NO_FIELD: detail}
    details = {
        "body" if field == _NO_FIELD else field: [str(item) for item in _as_list(messages)]
        for field, messages in complaints.items()
    }
    said = _("The request is not a JSON object.") if "body" in details else _("The request has invalid fields.")
    return failure(400, "invalid_payload", said, details=details)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _headers_of(error: exceptions.APIException) -> dict[str, str] | None:
    wait = getattr(error, "wait", None)
    if wait is not None:
        return {"Retry-After": str(int(wait) + 1)}
    challenge = getattr(error, "auth_header", None)
    return {"WWW-Authenticate": challenge} if challenge else None
