"""Whose API a channel can speak, where each endpoint of it is, and how it wants to be shown a key. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from relay.endpoints import Endpoint

CUSTOM = "custom"
SANDBOX = "sandbox"
RESELLER = "reseller"
ANTHROPIC_VERSION = "2023-06-01"
USER_AGENT = "Tollbooth"


class Auth(StrEnum):
    """The header that carries the key."""

    BEARER = "Authorization"
    API_KEY = "api-key"
    X_API_KEY = "x-api-key"


CHAT = frozenset({Endpoint.CHAT})
TEXT = CHAT | {Endpoint.COMPLETIONS, Endpoint.EMBEDDINGS}
EMBEDDING = CHAT | {Endpoint.EMBEDDINGS}
AUDIO = frozenset({Endpoint.SPEECH, Endpoint.TRANSCRIPTIONS})
PICTURES = frozenset({Endpoint.IMAGES, Endpoint.IMAGE_EDITS, Endpoint.IMAGE_VARIATIONS})  # as OpenAI has them
CLAUDE = frozenset({Endpoint.MESSAGES})


@dataclass(frozen=True, slots=True)
class Provider:
    """A preset. `base_url` may hold a `{part}` of the operator's own; no `key_env`, no key needed.

    `messages_url` is where Anthropic's endpoint is when it is on the same host but not below `base_url`. With an
    `api_version` the model's name is part of the path, as with Azure's deployments.
    """

    code: str
    label: str
    base_url: str = ""
    key_env: str = ""
    speaks: frozenset[Endpoint] = CHAT
    auth: Auth = Auth.BEARER
    messages_auth: Auth = Auth.X_API_KEY
    messages_url: str = ""
    api_version: str = ""
    limit_field: str = "max_tokens"

    @property
    def own_part(self) -> str:
        """The placeholder in `base_url`, braces and all; empty where there is none."""
        start, end = self.base_url.find("{"), self.base_url.find("}")
        return self.base_url[start : end + 1] if start >= 0 else ""


PROVIDERS: dict[str, Provider] = {
    preset.code: preset
    for preset in (
        Provider(
            "openai",
            "OpenAI",
            "https://api.openai.com/v1",
            "OPENAI_API_KEY",
            speaks=TEXT | AUDIO | PICTURES | {Endpoint.RESPONSES, Endpoint.MODERATIONS, Endpoint.TRANSLATIONS},
            limit_field="max_completion_tokens",
        ),
        Provider(
            "azure",
            "Azure OpenAI",
            "https://{resource}.openai.azure.com/openai",
            "AZURE_OPENAI_API_KEY",
            speaks=TEXT | AUDIO | {Endpoint.IMAGES, Endpoint.TRANSLATIONS},
            auth=Auth.API_KEY,
            api_version="2024-10-21",
            limit_field="max_completion_tokens",
        ),
        Provider("anthropic", "Anthropic", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY", speaks=CHAT | CLAUDE),
        Provider(
            "gemini",
            "Google Gemini",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "GEMINI_API_KEY",
            speaks=EMBEDDING | {Endpoint.IMAGES},
        ),
        Provider(
            "deepseek",
            "DeepSeek",
            "https://api.deepseek.com/v1",
            "DEEPSEEK_API_KEY",
            speaks=CHAT | CLAUDE,
            messages_url="https://api.deepseek.com/anthropic/v1/messages",
        ),
        Provider(
            "moonshot",
            "Moonshot (Kimi)",
            "https://api.moonshot.cn/v1",
            "MOONSHOT_API_KEY",
            speaks=CHAT | CLAUDE,
            messages_auth=Auth.BEARER,
            messages_url="https://api.moonshot.cn/anthropic/v1/messages",
        ),
        Provider(
            "zhipu",
            "Zhipu (GLM)",
            "https://open.bigmodel.cn/api/paas/v4",
            "ZHIPU_API_KEY",
            speaks=EMBEDDING | AUDIO | CLAUDE | {Endpoint.IMAGES, Endpoint.RERANK, Endpoint.MODERATIONS},
            messages_url="https://open.bigmodel.cn/api/anthropic/v1/messages",
        ),
        Provider(
            "minimax",
            "MiniMax",
            "https://api.minimaxi.com/v1",
            "MINIMAX_API_KEY",
            speaks=CHAT | CLAUDE,
            messages_url="https://api.minimaxi.com/anthropic/v1/messages",
        ),
        Provider(
            "qwen",
            "Qwen (Bailian)",
            "https://dashscope.aliyuncs.com/compatible-mode/v1",
            "DASHSCOPE_API_KEY",
            speaks=TEXT | CLAUDE,
            messages_url="https://dashscope.aliyuncs.com/apps/anthropic/v1/messages",
        ),
        Provider(
            "ernie",
            "Baidu ERNIE (Qianfan)",
            "https://qianfan.baidubce.com/v2",
            "QIANFAN_API_KEY",
            speaks=EMBEDDING | {Endpoint.IMAGES, Endpoint.RERANK},
        ),
        Provider(
            "volcengine",
            "Volcengine (Doubao)",
            "https://ark.cn-beijing.volces.com/api/v3",
            "ARK_API_KEY",
            speaks=EMBEDDING | {Endpoint.IMAGES, Endpoint.RESPONSES},
        ),
        Provider(
            "hunyuan",
            "Tencent Hunyuan",
            "https://api.hunyuan.cloud.tencent.com/v1",
            "HUNYUAN_API_KEY",
            speaks=EMBEDDING,
        ),
        Provider(
            "cloudbase",
            "CloudBase",
            "https://{env_id}.api.tcloudbasegateway.com/v1/ai/cloudbase",
            "CLOUDBASE_API_KEY",
        ),
        Provider("baichuan", "Baichuan", "https://api.baichuan-ai.com/v1", "BAICHUAN_API_KEY", speaks=EMBEDDING),
        Provider(
            "stepfun", "StepFun", "https://api.stepfun.com/v1", "STEP_API_KEY", speaks=CHAT | AUDIO | {Endpoint.IMAGES}
        ),
        Provider(
            "siliconflow",
            "SiliconFlow",
            "https://api.siliconflow.cn/v1",
            "SILICONFLOW_API_KEY",
            speaks=EMBEDDING | AUDIO | CLAUDE | {Endpoint.IMAGES, Endpoint.RERANK},
        ),
        Provider(
            "openrouter",
            "OpenRouter",
            "https://openrouter.ai/api/v1",
            "OPENROUTER_API_KEY",
            speaks=TEXT | CLAUDE | {Endpoint.RESPONSES},
            messages_auth=Auth.BEARER,
        ),
        Provider("ollama", "Ollama", "http://127.0.0.1:11434/v1", speaks=TEXT),
        Provider(
            "vllm",
            "vLLM",
            "http://127.0.0.1:8000/v1",
            speaks=TEXT | {Endpoint.RESPONSES, Endpoint.TRANSCRIPTIONS, Endpoint.TRANSLATIONS},
        ),
        Provider("llamacpp", "llama.cpp", "http://127.0.0.1:8080/v1", speaks=TEXT),
        Provider(RESELLER, "Another reseller", speaks=frozenset(Endpoint)),
        Provider(CUSTOM, "Custom"),
        Provider(
            SANDBOX,
            "Sandbox",
            speaks=EMBEDDING | AUDIO | PICTURES | {Endpoint.MODERATIONS, Endpoint.RERANK, Endpoint.TRANSLATIONS},
        ),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """Where an upstream is and as whom it is called."""

    provider: str
    base_url: str
    secret: str = field(repr=False, default="")
    api_version: str = ""
    header_overrides: Mapping[str, str] = field(default_factory=dict)

    @property
    def preset(self) -> Provider:
        """The provider's, or that of a custom one."""
        return PROVIDERS.get(self.provider, PROVIDERS[CUSTOM])

    @property
    def limit_field(self) -> str:
        """What it calls the greatest number of tokens of a chat answer."""
        return self.preset.limit_field

    @property
    def models_url(self) -> str:
        """Where it lists its models."""
        return f"{self.base_url}/models{self._query}"

    def url_of(self, endpoint: Endpoint, model: str) -> str:
        """Where `model`, by the name it has there, is asked through an endpoint; always on the base URL's host."""
        if self._query:
            return f"{self.base_url}/deployments/{model}{endpoint.path}{self._query}"
        elsewhere = self.preset.messages_url if endpoint is Endpoint.MESSAGES else ""
        if elsewhere and _origin(elsewhere) == _origin(self.base_url):
            return elsewhere
        return self.base_url + endpoint.path

    def headers(self, endpoint: Endpoint = Endpoint.CHAT) -> dict[str, str]:
        """Who calls, with the key as this endpoint wants it, and the channel's own headers in place of ours."""
        is_claude = endpoint is Endpoint.MESSAGES
        auth = self.preset.messages_auth if is_claude else self.preset.auth
        headers = {"User-Agent": USER_AGENT}
        if is_claude:
            headers["anthropic-version"] = ANTHROPIC_VERSION
        if self.secret:
            headers[auth] = f"Bearer {self.secret}" if auth is Auth.BEARER else self.secret
        replaced = {name.lower() for name in self.header_overrides}
        ours = {name: value for name, value in headers.items() if name.lower() not in replaced}
        return {**ours, **self.header_overrides}

    @property
    def _query(self) -> str:
        """Azure's version; its newer API, whose base URL ends in /v1, has none."""
        version = self.api_version or self.preset.api_version
        return f"?api-version={version}" if version and not self.base_url.endswith("/v1") else ""


def label_of(code: str) -> str:
    """A provider's name for people; codes that no preset has stand for themselves."""
    preset = PROVIDERS.get(code)
    return preset.label if preset else code


def _origin(url: str) -> list[str]:
    return url.split("/")[:3]
