"""Ask the relay through LangChain; prints what came back as JSON."""

import asyncio
import json
import os

import openai
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel


class City(BaseModel):
    """Where people live."""

    name: str
    people: int


@tool
def look(at: str) -> str:
    """Look at something."""
    return f"Seen: {at}."


def model(**options):
    settings = {"base_url": os.environ["BASE_URL"], "api_key": os.environ["API_KEY"], "max_retries": 0}
    return ChatOpenAI(**settings | {"model": "sandbox-mini"} | options)


def with_a_tool():
    asked = [("user", "Please look.")]
    chat = model().bind_tools([look])
    first = chat.invoke(asked)
    results = [ToolMessage(look.invoke(call["args"]), tool_call_id=call["id"]) for call in first.tool_calls]
    return [call["name"] for call in first.tool_calls], chat.invoke([*asked, first, *results]).content


def error_of(**options):
    try:
        model(**options).invoke("Hello there")
    except openai.APIStatusError as error:
        return error.status_code
    return None


answer = model().invoke("Hello there")
chunks = list(model(stream_usage=True).stream("Hello there"))
called, after_tool = with_a_tool()
print(
    json.dumps(
        {
            "text": answer.content,
            "tokens": answer.usage_metadata["output_tokens"],
            "streamed": "".join(chunk.content for chunk in chunks),
            "streamed_tokens": sum(chunk.usage_metadata["output_tokens"] for chunk in chunks if chunk.usage_metadata),
            "at_once": [reply.content for reply in asyncio.run(model().abatch(["Hello there"] * 3))],
            "called": called,
            "after_tool": after_tool,
            "parsed": model().with_structured_output(City).invoke("Where?").model_dump(),
            "response": model(use_responses_api=True).invoke("Hello there").text,
            "errors": {
                "key": error_of(api_key="sk-wrong"),
                "model": error_of(model="gpt-nine"),
                "limit": error_of(model="sandbox-error-429"),
                "upstream": error_of(model="sandbox-error-500"),
            },
        }
    )
)
