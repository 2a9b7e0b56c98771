"""Presets of providers: where each endpoint is, how the key is shown, and that it stays on the provider's host."""

import pytest

from relay.base_url import clean_base_url, origin_of
from relay.endpoints import Endpoint
from relay.providers import CUSTOM, PROVIDERS, RESELLER, SANDBOX, Upstream

NAMED = [
    "openai",
    "azure",
    "anthropic",
    "gemini",
    "deepseek",
    "moonshot",
    "zhipu",
    "minimax",
    "qwen",
    "ernie",
    "volcengine",
    "hunyuan",
    "cloudbase",
    "baichuan",
    "stepfun",
    "siliconflow",
    "openrouter",
    "ollama",
    "vllm",
    "reseller",
]


def at(provider, base_url=None, **fields):
    preset = PROVIDERS[provider]
    url = base_url or preset.base_url.replace(preset.own_part or "{}", "mine")
    return Upstream(provider=provider, base_url=url, secret="k3y", **fields)


def test_every_provider_is_there():
    assert set(NAMED) <= PROVIDERS.keys()


@pytest.mark.parametrize("code", PROVIDERS)
def test_presets_are_complete(code):
    preset = PROVIDERS[code]
    assert Endpoint.CHAT in preset.speaks
    assert not preset.messages_url or Endpoint.MESSAGES in preset.speaks
    if code in (CUSTOM, SANDBOX, RESELLER):
        assert not preset.base_url
        return
    upstream = at(code)
    assert clean_base_url(upstream.base_url) == upstream.base_url
    assert bool(preset.key_env) == upstream.base_url.startswith("https://")
    for endpoint in Endpoint:
        assert origin_of(upstream.url_of(endpoint, "m")) == origin_of(upstream.base_url)


@pytest.mark.parametrize(
    ("code", "endpoint", "url"),
    [
        ("openai", Endpoint.CHAT, "https://api.openai.com/v1/chat/completions"),
        ("openai", Endpoint.SPEECH, "https://api.openai.com/v1/audio/speech"),
        ("openai", Endpoint.IMAGES, "https://api.openai.com/v1/images/generations"),
        ("openai", Endpoint.RERANK, "https://api.openai.com/v1/rerank"),
        ("anthropic", Endpoint.MESSAGES, "https://api.anthropic.com/v1/messages"),
        ("deepseek", Endpoint.MESSAGES, "https://api.deepseek.com/anthropic/v1/messages"),
        ("deepseek", Endpoint.CHAT, "https://api.deepseek.com/v1/chat/completions"),
        ("gemini", Endpoint.EMBEDDINGS, "https://generativelanguage.googleapis.com/v1beta/openai/embeddings"),
        (
            "azure",
            Endpoint.CHAT,
            "https://mine.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2024-10-21",
        ),
    ],
)
def test_where_an_endpoint_is(code, endpoint, url):
    assert at(code).url_of(endpoint, "gpt") == url


def test_the_same_provider_behind_another_host_has_everything_there():
    proxy = at("deepseek", "https://proxy.example/v1")
    assert proxy.url_of(Endpoint.MESSAGES, "m") == "https://proxy.example/v1/messages"


def test_the_newer_api_of_azure_has_neither_deployments_nor_a_version():
    azure = at("azure", "https://mine.openai.azure.com/openai/v1")
    assert azure.url_of(Endpoint.CHAT, "gpt") == "https://mine.openai.azure.com/openai/v1/chat/completions"
    assert azure.models_url == "https://mine.openai.azure.com/openai/v1/models"


def test_a_version_of_ones_own_goes_before_the_presets():
    assert at("azure", api_version="2025-04-01").models_url.endswith("/openai/models?api-version=2025-04-01")


@pytest.mark.parametrize(
    ("code", "endpoint", "headers"),
    [
        ("openai", Endpoint.CHAT, {"Authorization": "Bearer k3y"}),
        ("azure", Endpoint.CHAT, {"api-key": "k3y"}),
        ("anthropic", Endpoint.CHAT, {"Authorization": "Bearer k3y"}),
        ("anthropic", Endpoint.MESSAGES, {"x-api-key": "k3y", "anthropic-version": "2023-06-01"}),
        ("openrouter", Endpoint.MESSAGES, {"Authorization": "Bearer k3y", "anthropic-version": "2023-06-01"}),
        ("no-preset", Endpoint.CHAT, {"Authorization": "Bearer k3y"}),
    ],
)
def test_how_the_key_is_shown(code, endpoint, headers):
    upstream = Upstream(provider=code, base_url="https://a.example/v1", secret="k3y")
    assert upstream.headers(endpoint) == {"User-Agent": "Tollbooth", **headers}


def test_without_a_key_nothing_is_shown():
    assert Upstream(provider="ollama", base_url="http://127.0.0.1:11434/v1").headers() == {"User-Agent": "Tollbooth"}


def test_a_channels_own_headers_are_added():
    upstream = at("openai", header_overrides={"OpenAI-Project": "p1"})
    assert upstream.headers()["OpenAI-Project"] == "p1"


def test_they_go_before_ours_however_they_are_written():
    upstream = at("anthropic", header_overrides={"Anthropic-Version": "2099-01-01", "user-agent": "curl"})
    assert upstream.headers(Endpoint.MESSAGES) == {
        "x-api-key": "k3y",
        "Anthropic-Version": "2099-01-01",
        "user-agent": "curl",
    }
