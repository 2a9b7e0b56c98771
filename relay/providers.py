"""Whose API a channel can speak: each provider's OpenAI-compatible endpoint, and the variable that holds its key."""

from dataclasses import dataclass

CUSTOM = "custom"
SANDBOX = "sandbox"
ENV_ID = "{env_id}"


@dataclass(frozen=True, slots=True)
class Provider:
    """A preset: `/chat/completions` is appended to `base_url`, which may hold ENV_ID; no `key_env`, no key needed."""

    code: str
    label: str
    base_url: str = ""
    key_env: str = ""


PROVIDERS: dict[str, Provider] = {
    preset.code: preset
    for preset in (
        Provider("openai", "OpenAI", "https://api.openai.com/v1", "OPENAI_API_KEY"),
        Provider("anthropic", "Anthropic", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY"),
        Provider("deepseek", "DeepSeek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
        Provider("moonshot", "Moonshot (Kimi)", "https://api.moonshot.cn/v1", "MOONSHOT_API_KEY"),
        Provider("zhipu", "Zhipu (GLM)", "https://open.bigmodel.cn/api/paas/v4", "ZHIPU_API_KEY"),
        Provider("minimax", "MiniMax", "https://api.minimaxi.com/v1", "MINIMAX_API_KEY"),
        Provider("qwen", "Qwen (Bailian)", "https://dashscope.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY"),
        Provider("ernie", "Baidu ERNIE (Qianfan)", "https://qianfan.baidubce.com/v2", "QIANFAN_API_KEY"),
        Provider("volcengine", "Volcengine (Doubao)", "https://ark.cn-beijing.volces.com/api/v3", "ARK_API_KEY"),
        Provider("hunyuan", "Tencent Hunyuan", "https://api.hunyuan.cloud.tencent.com/v1", "HUNYUAN_API_KEY"),
        Provider(
            "cloudbase", "CloudBase", f"https://{ENV_ID}.api.tcloudbasegateway.com/v1/ai/cloudbase", "CLOUDBASE_API_KEY"
        ),
        Provider("baichuan", "Baichuan", "https://api.baichuan-ai.com/v1", "BAICHUAN_API_KEY"),
        Provider("stepfun", "StepFun", "https://api.stepfun.com/v1", "STEP_API_KEY"),
        Provider("siliconflow", "SiliconFlow", "https://api.siliconflow.cn/v1", "SILICONFLOW_API_KEY"),
        Provider("openrouter", "OpenRouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
        Provider(
            "gemini", "Google Gemini", "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"
        ),
        Provider("ollama", "Ollama", "http://127.0.0.1:11434/v1"),
        Provider("vllm", "vLLM", "http://127.0.0.1:8000/v1"),
        Provider("llamacpp", "llama.cpp", "http://127.0.0.1:8080/v1"),
        Provider(CUSTOM, "Custom"),
        Provider(SANDBOX, "Sandbox"),
    )
}


def label_of(code: str) -> str:
    """A provider's name for people; codes that no preset has stand for themselves."""
    preset = PROVIDERS.get(code)
    return preset.label if preset else code
