"""The OpenAI-compatible API. Included at /v1/; any other path that a wrong base URL leads to gets a helpful 404."""

from django.urls import path, re_path

from relay import balance, v1
from relay.dialects.chat import CHAT
from relay.dialects.completions import COMPLETIONS
from relay.dialects.embeddings import EMBEDDINGS
from relay.dialects.images import IMAGE_EDITS, IMAGE_VARIATIONS, IMAGES
from relay.dialects.messages import MESSAGES
from relay.dialects.moderations import MODERATIONS
from relay.dialects.rerank import RERANK
from relay.dialects.responses import RESPONSES
from relay.dialects.speech import SPEECH
from relay.dialects.transcriptions import TRANSCRIPTIONS, TRANSLATIONS

GENERATIONS = {
    "chat/completions": CHAT,
    "completions": COMPLETIONS,
    "responses": RESPONSES,
    "messages": MESSAGES,
    "embeddings": EMBEDDINGS,
    "rerank": RERANK,
    "moderations": MODERATIONS,
    "images/generations": IMAGES,
    "images/edits": IMAGE_EDITS,
    "images/variations": IMAGE_VARIATIONS,
    "audio/speech": SPEECH,
    "audio/transcriptions": TRANSCRIPTIONS,
    "audio/translations": TRANSLATIONS,
    "ai/<str:provider>/chat/completions": CHAT,
}

urlpatterns = [
    *(path(address, v1.Generation.as_view(dialect=dialect)) for address, dialect in GENERATIONS.items()),
    path("messages/count_tokens", v1.CountTokens.as_view()),
    path("ai/<str:provider>/models", v1.ModelList.as_view()),
    path("ai/<str:provider>/models/<path:model>", v1.ModelDetail.as_view()),
    path("models", v1.ModelList.as_view()),
    path("models/<path:model>", v1.ModelDetail.as_view()),
    path("dashboard/billing/subscription", balance.Subscription.as_view()),
    path("dashboard/billing/usage", balance.BillingUsage.as_view()),
    path("openapi.json", v1.OpenApi.as_view()),
    re_path(r"", v1.UnknownPath.as_view()),
]
