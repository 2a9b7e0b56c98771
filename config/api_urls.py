"""The site API; an unknown path answers in its envelope."""

from django.urls import include, path, re_path
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.views import APIView

from config import api_docs
from config.kernel.errors import NotFound


class UnknownPath(APIView):
    """Everything under /api/ that is not served."""

    authentication_classes = ()
    permission_classes = ()
    schema = None

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        raise NotFound(_("There is no such address in the site API."))


urlpatterns = [
    path("", include("tokens.api_urls")),  # the keys of the signed-in user
    path("", include("orders.api.urls")),  # buying, and where gateways report to
    path("schema", api_docs.schema, name="api-schema"),
    path("docs", api_docs.docs, name="api-docs"),
    re_path(r"", UnknownPath.as_view()),
]
