"""The endpoints an upstream may have, and their paths after the base URL. Pure."""

from enum import StrEnum


class Endpoint(StrEnum):
    """What can be asked of an upstream; the value is the word that `speaks` holds."""

    CHAT = "chat"
    COMPLETIONS = "completions"
    RESPONSES = "responses"
    MESSAGES = "messages"
    EMBEDDINGS = "embeddings"
    IMAGES = "images"
    IMAGE_EDITS = "image_edits"
    IMAGE_VARIATIONS = "image_variations"
    SPEECH = "speech"
    TRANSCRIPTIONS = "transcriptions"
    TRANSLATIONS = "translations"
    MODERATIONS = "moderations"
    RERANK = "rerank"

    @property
    def path(self) -> str:
        """Appended to a base URL that ends in /v1."""
        return _PATHS.get(self, f"/{self.value}")


_PATHS = {
    Endpoint.CHAT: "/chat/completions",
    Endpoint.IMAGES: "/images/generations",
    Endpoint.IMAGE_EDITS: "/images/edits",
    Endpoint.IMAGE_VARIATIONS: "/images/variations",
    Endpoint.SPEECH: "/audio/speech",
    Endpoint.TRANSCRIPTIONS: "/audio/transcriptions",
    Endpoint.TRANSLATIONS: "/audio/translations",
}
