"""The OpenAI-compatible API. Included at /v1/; any other path that a wrong base URL leads to gets a helpful 404."""

from django.urls import path, re_path

from relay import balance, v1

urlpatterns = [
    path("chat/completions", v1.ChatCompletions.as_view()),
    path("completions", v1.Completions.as_view()),
    path("responses", v1.Responses.as_view()),
    path("embeddings", v1.Embeddings.as_view()),
    path("rerank", v1.Rerank.as_view()),
    path("moderations", v1.Moderations.as_view()),
    path("images/generations", v1.Images.as_view()),
    path("images/edits", v1.ImageEdits.as_view()),
    path("images/variations", v1.ImageVariations.as_view()),
    path("audio/speech", v1.Speech.as_view()),
    path("audio/transcriptions", v1.Transcriptions.as_view()),
    path("audio/translations", v1.Translations.as_view()),
    path("messages", v1.Messages.as_view()),
    path("messages/count_tokens", v1.CountTokens.as_view()),
    path("ai/<str:provider>/chat/completions", v1.ChatCompletions.as_view()),
    path("ai/<str:provider>/models", v1.ModelList.as_view()),
    path("ai/<str:provider>/models/<path:model>", v1.ModelDetail.as_view()),
    path("models", v1.ModelList.as_view()),
    path("models/<path:model>", v1.ModelDetail.as_view()),
    path("dashboard/billing/subscription", balance.Subscription.as_view()),
    path("dashboard/billing/usage", balance.BillingUsage.as_view()),
    path("openapi.json", v1.OpenApi.as_view()),
    re_path(r"", v1.UnknownPath.as_view()),
]
