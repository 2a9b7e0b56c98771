"""Ask the relay through LiteLLM, in each of the dialects that it speaks; prints what came back as JSON."""

import asyncio
import json
import os

import litellm
import openai

ROOT, KEY = os.environ["BASE_URL"], os.environ["API_KEY"]
OPENAI = {"model": "openai/sandbox-mini", "api_base": ROOT, "api_key": KEY, "num_retries": 0}
ANTHROPIC = {**OPENAI, "model": "anthropic/sandbox-mini", "api_base": ROOT.removesuffix("/v1")}
QUESTION = [{"role": "user", "content": "Please look."}]
LOOK = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {"at": {}}}}}


def text_of(stream):
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def chat(account):
    answer = litellm.completion(messages=QUESTION, **account)
    stream = litellm.completion(messages=QUESTION, stream=True, stream_options={"include_usage": True}, **account)
    chunks = list(stream)
    called = litellm.completion(messages=QUESTION, tools=[LOOK], **account).choices[0].message.tool_calls
    return {
        "text": answer.choices[0].message.content,
        "tokens": answer.usage.completion_tokens,
        "streamed": text_of(chunks),
        "streamed_tokens": [chunk.usage.completion_tokens for chunk in chunks if getattr(chunk, "usage", None)][-1],
        "called": [call.function.name for call in called],
    }


def error_of(**changes):
    try:
        litellm.completion(messages=QUESTION, **OPENAI | changes)
    except openai.OpenAIError as error:
        return type(error).__name__
    return None


async def asked_at_once():
    answers = await asyncio.gather(*(litellm.acompletion(messages=QUESTION, **OPENAI) for _ in range(3)))
    return [answer.choices[0].message.content for answer in answers]


def response():
    return litellm.responses(input="Please look.", **OPENAI).output[-1].content[0].text


print(
    json.dumps(
        {
            "openai": chat(OPENAI),
            "anthropic": chat(ANTHROPIC),
            "at_once": asyncio.run(asked_at_once()),
            "response": response(),
            "errors": {
                "key": error_of(api_key="sk-wrong"),
                "model": error_of(model="openai/gpt-nine"),
                "limit": error_of(model="openai/sandbox-error-429"),
                "upstream": error_of(model="openai/sandbox-error-500"),
            },
        }
    )
)
