"""What kinds of requests are called on pages."""

from django.utils.translation import gettext_lazy as _

ENDPOINT_NAMES = {
    "chat.completions": _("Chat"),
    "completions": _("Completion"),
    "responses": _("Response"),
    "messages": _("Message"),
    "images": _("Image"),
    "audio.speech": _("Speech"),
    "audio.transcriptions": _("Transcription"),
    "embeddings": _("Embedding"),
    "moderations": _("Moderation"),
    "rerank": _("Reranking"),
}
