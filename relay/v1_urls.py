"""The OpenAI-compatible API. Included at /v1/; any other path that a wrong base URL leads to gets a helpful 404."""

from django.urls import path, re_path

from relay import v1

urlpatterns = [
    path("chat/completions", v1.ChatCompletions.as_view()),
    path("models", v1.ModelList.as_view()),
    path("models/<path:model>", v1.ModelDetail.as_view()),
    re_path(r"", v1.UnknownPath.as_view()),
]
