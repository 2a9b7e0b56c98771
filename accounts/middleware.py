"""Pages speak the reader's language and show times in the reader's zone."""

from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from accounts import sessions
from accounts.models import User
from config.kernel.brands import Brand

GetResponse = Callable[[HttpRequest], HttpResponse]


def preferences(get_response: GetResponse) -> GetResponse:
    """Activate the signed-in user's time zone, and language unless the language menu has been used in this browser.

    Synchronous on purpose, as what stands inside it: the whole stack is one thread hop under ASGI.
    """

    def answer(request: HttpRequest) -> HttpResponse:
        user = request.user
        if isinstance(user, User):
            _use_language(request, user.language)
            _use_time_zone(user.time_zone)
        brand: Brand | None = getattr(request, "brand", None)
        if brand is not None and not (isinstance(user, User) and user.language):
            _use_language(request, brand.language)
        try:
            return get_response(request)
        finally:
            timezone.deactivate()

    return answer


def _use_language(request: HttpRequest, language: str) -> None:
    if language and settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
        translation.activate(language)
        request.LANGUAGE_CODE = translation.get_language()


def _use_time_zone(name: str) -> None:
    try:
        timezone.activate(ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError):
        timezone.deactivate()


def note_session(get_response: GetResponse) -> GetResponse:
    """Keep the list of sessions true. After the answer, so that a page that signs out notes nothing."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if isinstance(request.user, User) and request.session.session_key:
            sessions.note(request)
        return response

    return answer
