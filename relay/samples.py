"""Programs that call the relay, in seven languages: templates that are filled, shown, copied and, by tests, run."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from django.template import Context, Engine
from django.utils.safestring import SafeString

from relay.highlight import highlight

KINDS: Final = ("chat", "stream")
LANGUAGES: Final = {
    "curl": "curl",
    "python": "Python",
    "node": "Node.js",
    "go": "Go",
    "java": "Java",
    "php": "PHP",
    "csharp": "C#",
}
PLACEHOLDER_KEY: Final = "sk-your-api-key"
PLACEHOLDER_MODEL: Final = "MODEL"


class Sample(NamedTuple):
    """One program: the language's code and name, and the program as HTML."""

    language: str
    label: str
    html: SafeString


def sample_text(kind: str, language: str, values: Mapping[str, str]) -> str:
    """The program itself; `values` are `api_base_url`, `api_key` and `model`, which no program has to escape."""
    template = Engine.get_default().get_template(f"relay/samples/{kind}/{language}.txt")
    return template.render(Context(dict(values), autoescape=False)).strip("\n")


def samples(kind: str, values: Mapping[str, str]) -> list[Sample]:
    """The same program in every language."""
    return [
        Sample(language, label, highlight(sample_text(kind, language, values), language))
        for language, label in LANGUAGES.items()
    ]
