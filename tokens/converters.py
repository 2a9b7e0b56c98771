"""Path converters of the tokens' addresses."""

from django.urls.converters import StringConverter


class TokenId(StringConverter):
    """`key_…`; anything else is a 404 before a query is made of it."""

    regex = "key_[0-9a-z]{1,36}"
