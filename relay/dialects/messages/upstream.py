"""What a channel that speaks Messages itself gets: not quite what was sent, and few of the caller's headers. Pure."""

from collections.abc import Mapping
from typing import Any

from relay.dialects.base import RelayRequest
from relay.dialects.cost import without_question

BETA_HEADER = "anthropic-beta"
# Betas that change what a request may say. Those that change what it costs (longer contexts, faster answers, tools that
# the provider runs) are the operator's to ask for, in the channel's own headers.
_BETAS = (
    "advanced-tool-use-",
    "claude-code-",
    "compact-",
    "context-management-",
    "effort-",
    "extended-cache-ttl-",
    "fine-grained-tool-streaming-",
    "interleaved-thinking-",
    "output-128k-",
    "prompt-caching-",
    "redact-thinking-",
    "structured-outputs-",
    "token-efficient-tools-",
    "tool-examples-",
    "tool-search-tool-",
)


def headers(given: Mapping[str, str]) -> dict[str, str]:
    """The betas without which fields such as `context_management` are refused; nothing else of the caller's."""
    asked = (name.strip() for name in given.get(BETA_HEADER, "").split(","))
    betas = [name for name in asked if name.startswith(_BETAS) and name.isascii() and name.isprintable()]
    return {BETA_HEADER: ",".join(betas)} if betas else {}


def adjust(request: RelayRequest) -> dict[str, Any]:
    """No question for the cost, and no thoughts that nobody signed: ours, from an answer made of a chat completion."""
    changes, messages = without_question(request), request.payload["messages"]
    if any(_is_unsigned(block) for message in messages for block in _blocks(message)):
        changes["messages"] = [message for message in map(_signed, messages) if message["content"]]
    return changes


def _signed(message: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(message["content"], list):
        return message
    return {**message, "content": [block for block in message["content"] if not _is_unsigned(block)]}


def _blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return content if isinstance(content, list) else []


def _is_unsigned(block: dict[str, Any]) -> bool:
    return block["type"] == "thinking" and not block.get("signature")
