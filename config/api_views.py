"""What views of the site API share. Apart from `config.api`, which Django REST framework's views import themselves."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.serializers import Serializer
from rest_framework.views import APIView


class SiteView(APIView):
    """A part of the site API. No OPTIONS: it would answer outside the envelope."""

    http_method_names = [name for name in APIView.http_method_names if name != "options"]

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        if request.headers.get("Transfer-Encoding"):
            _measure(request)
        return super().initialize_request(request, *args, **kwargs)


def _measure(request: HttpRequest) -> None:
    """Give a body that comes in chunks its length: without one Django REST framework takes it for none."""
    body = request.read(settings.API_MAX_BODY_BYTES + 1)
    request._body = body
    request.META["CONTENT_LENGTH"] = str(len(body))


class PublicView(SiteView):
    """A part of the site API that needs no account: what proves a right to something is in the body."""

    authentication_classes = ()
    permission_classes = ()

    def body(self, shape: type[Serializer[Any]]) -> dict[str, Any]:
        """The request's fields, checked. Raises ValidationError."""
        serializer = shape(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)
