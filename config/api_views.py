"""What views of the site API share. Apart from `config.api`, which Django REST framework's views import themselves."""

from typing import Any

from rest_framework.serializers import Serializer
from rest_framework.views import APIView


class PublicView(APIView):
    """A part of the site API that needs no account: what proves a right to something is in the body."""

    authentication_classes = ()
    permission_classes = ()
    metadata_class = None

    def body(self, shape: type[Serializer[Any]]) -> dict[str, Any]:
        """The request's fields, checked. Raises ValidationError."""
        serializer = shape(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)
