"""The OpenAPI document of /v1: what clients may send, as far as the relay reads it, and what comes back. Pure.

Fields that are not named here pass through, so every object may have more of them.
"""

from collections.abc import Iterable
from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 120}
SWITCH: Schema = {"type": ["boolean", "null"]}
COUNT: Schema = {"type": ["integer", "null"], "minimum": 1, "maximum": 100_000_000}
NUMBER: Schema = {"type": "integer", "minimum": 0}


COST: Schema = {"type": ["object", "null"], "properties": {"include": SWITCH}}  # the cost, in the answer's usage


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def thing(required: Iterable[str] = (), **properties: Schema) -> Schema:
    """An object with these properties and any others."""
    return {"type": "object", "properties": properties, "required": list(required)}


def items(schema: Schema, *, least: int = 0) -> Schema:
    """An array."""
    return {"type": "array", "items": schema, "minItems": least}


def either(*schemas: Schema) -> Schema:
    return {"anyOf": list(schemas)}


# ── Requests ─────────────────────────────────────────────────────────────────

MESSAGE = thing(["role"], role=TEXT, content=either(TEXT, items(thing()), {"type": "null"}))
CHAT_OPTIONS = {
    "model": NAME,
    "stream": SWITCH,
    "stream_options": {"type": ["object", "null"], "properties": {"include_usage": SWITCH}},
    "max_tokens": COUNT,
}
CHAT = thing(
    ["model", "messages"],
    **CHAT_OPTIONS,
    messages=items(MESSAGE, least=1),
    max_completion_tokens=COUNT,
    n={"type": ["integer", "null"], "minimum": 1, "maximum": 128},
    tools=items(thing()),
    usage=COST,
)
COMPLETION = thing(
    ["model", "prompt"],
    **CHAT_OPTIONS,
    prompt=either(TEXT, {**items(TEXT, least=1), "maxItems": 1}),
    n={"type": ["integer", "null"], "minimum": 1, "maximum": 128},
    echo=SWITCH,
    usage=COST,
)
RESPONSE = thing(
    ["model", "input"],
    model=NAME,
    input=either({"type": "string", "minLength": 1}, items(thing(), least=1)),
    instructions={"type": ["string", "null"]},
    stream=SWITCH,
    max_output_tokens=COUNT,
    tools=items(thing(["type"], type=TEXT)),
    metadata={"type": ["object", "null"]},
    usage=COST,
)
BLOCKS = either(TEXT, items(thing(["type", "text"], type={"const": "text"}, text=TEXT)))
TURN = thing(["role", "content"], role={"enum": ["user", "assistant", "system"]}, content=BLOCKS)
QUESTION = {
    "model": NAME,
    "messages": items(TURN, least=1),
    "system": BLOCKS,
    "tools": items(thing(["name", "input_schema"], name=TEXT, input_schema=thing())),
}
MESSAGES = thing(
    ["model", "messages", "max_tokens"],
    **QUESTION,
    max_tokens={"type": "integer", "minimum": 1, "maximum": 100_000_000},
    stream=SWITCH,
    stop_sequences=items(TEXT),
    metadata={"type": ["object", "null"]},
    usage=COST,
)
TOKENS = items({"type": "integer"}, least=1)
SOME_TEXT: Schema = {"type": "string", "minLength": 1}
EMBEDDING = thing(
    ["model", "input"],
    model=NAME,
    input=either(SOME_TEXT, items(SOME_TEXT, least=1), TOKENS, items(TOKENS, least=1)),
    dimensions=COUNT,
)
RERANK = thing(
    ["model", "query", "documents"],
    model=NAME,
    query=SOME_TEXT,
    documents={**items(TEXT, least=1), "maxItems": 10_000},
    top_n=COUNT,
)
PART = thing(["type", "text"], type={"const": "text"}, text=TEXT)
MODERATION = thing(["model", "input"], model=NAME, input=either(SOME_TEXT, items(either(TEXT, PART), least=1)))
IMAGE = thing(
    ["model", "prompt"], model=NAME, prompt=SOME_TEXT, n={"type": ["integer", "null"], "minimum": 1, "maximum": 16}
)
SPEECH = thing(["model", "input"], model=NAME, input=SOME_TEXT, voice={}, response_format=TEXT)
FILE: Schema = {"type": "string", "format": "binary"}
TRANSCRIPTION = thing(["model", "file"], model=NAME, file=FILE, prompt=TEXT)
IMAGE_EDIT = thing(["model", "image", "prompt"], model=NAME, image=FILE, mask=FILE, prompt=SOME_TEXT)
IMAGE_VARIATION = thing(["model", "image"], model=NAME, image=FILE)

# ── Answers ──────────────────────────────────────────────────────────────────

LIST = thing(["object", "data"], object={"const": "list"}, data=items(thing()))
MODEL = thing(["id", "object"], id=NAME, object={"const": "model"}, created={"type": "integer"}, owned_by=TEXT)
COMPONENTS: dict[str, Schema] = {
    "Error": thing(
        ["error"],
        error=thing(
            ["message", "type", "param", "code"], message=TEXT, type=TEXT, param={"type": ["string", "null"]}, code=TEXT
        ),
    ),
    "MessageError": thing(
        ["type", "error"], type={"const": "error"}, error=thing(["type", "message"], type=TEXT, message=TEXT)
    ),
    "ChatCompletion": thing(["choices"], choices=items(thing(), least=1), usage=thing()),
    "Completion": thing(["object", "choices"], object={"const": "text_completion"}, choices=items(thing(), least=1)),
    "Response": thing(["object", "output"], object={"const": "response"}, output=items(thing()), usage=thing()),
    "Message": thing(["type", "role", "content"], type={"const": "message"}, content=items(thing()), usage=thing()),
    "TokenCount": thing(["input_tokens"], input_tokens=NUMBER),
    "Embeddings": thing(["data"], data=items(thing(["embedding"]), least=1)),
    "Results": thing(["results"], results=items(thing())),
    "Pictures": thing(["data"], data=items(thing())),
    "Transcription": thing(["text"], text=TEXT),
    "Model": MODEL,
    "Models": {**LIST, "properties": {**LIST["properties"], "data": items(ref("Model"))}},
    "Subscription": thing(["hard_limit_usd"], hard_limit_usd={"type": "number"}, access_until=NUMBER),
    "Spent": thing(["total_usage"], total_usage={"type": "number"}),
}

EVENT = thing(["data"], event=TEXT, data=TEXT)  # of a stream, field by field

# ── Operations ───────────────────────────────────────────────────────────────

PROVIDER = {"name": "provider", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[a-z-]+$"}}
MODEL_NAME = {"name": "model", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[a-z0-9.-]+$"}}


def media(schema: Schema, content_type: str = "application/json") -> Schema:
    return {content_type: {"schema": schema}}


def operation(summary: str, answer: Schema, *parameters: Schema, body: Schema | None = None, **more: Any) -> Schema:
    """One call; `answer` is the content of a 200, `error` the name of the envelope of anything else."""
    error = media(ref(more.pop("error", "Error")))
    described: Schema = {
        "summary": summary,
        "parameters": list(parameters),
        "responses": {
            "200": {"description": "The answer.", "content": answer},
            "default": {"description": "Why there is none, and what to do.", "content": error},
        },
    }
    if body is not None:
        described["requestBody"] = {"required": True, "content": body}
    return {**described, **more}


def generation(summary: str, request: Schema, answer: str, *parameters: Schema, error: str = "Error") -> Schema:
    """A call that can be streamed."""
    answers = {**media(ref(answer)), **media(EVENT, "text/event-stream")}
    return {"post": operation(summary, answers, *parameters, body=media(request), error=error)}


def posted(summary: str, request: Schema, answer: Schema, *, content_type: str = "application/json") -> Schema:
    return {"post": operation(summary, answer, body=media(request, content_type))}


def got(summary: str, answer: str, *parameters: Schema) -> Schema:
    return {"get": operation(summary, media(ref(answer)), *parameters)}


FORM = "multipart/form-data"
WRITTEN = {**media(ref("Transcription")), **media(TEXT, "text/*")}
COUNT_TOKENS = operation(
    "Count the tokens of a message; free",
    media(ref("TokenCount")),
    body=media(thing(["model", "messages"], **QUESTION)),
    error="MessageError",
)
PATHS: dict[str, Schema] = {
    "/chat/completions": generation("Create a chat completion", CHAT, "ChatCompletion"),
    "/completions": generation("Create a completion (legacy)", COMPLETION, "Completion"),
    "/responses": generation("Create a response", RESPONSE, "Response"),
    "/messages": generation("Create a message, as Anthropic's API", MESSAGES, "Message", error="MessageError"),
    "/messages/count_tokens": {"post": COUNT_TOKENS},
    "/embeddings": posted("Create embeddings", EMBEDDING, media(ref("Embeddings"))),
    "/rerank": posted("Order documents by a query", RERANK, media(ref("Results"))),
    "/moderations": posted("Classify texts", MODERATION, media(ref("Results"))),
    "/images/generations": posted("Create images", IMAGE, media(ref("Pictures"))),
    "/audio/speech": posted("Read a text aloud", SPEECH, media({}, "audio/*")),
    "/images/edits": posted("Change pictures", IMAGE_EDIT, media(ref("Pictures")), content_type=FORM),
    "/images/variations": posted("Vary a picture", IMAGE_VARIATION, media(ref("Pictures")), content_type=FORM),
    "/audio/transcriptions": posted("Write a recording down", TRANSCRIPTION, WRITTEN, content_type=FORM),
    "/audio/translations": posted("Write a recording down in English", TRANSCRIPTION, WRITTEN, content_type=FORM),
    "/models": got("List the models that the key may call", "Models"),
    "/models/{model}": got("One of them", "Model", MODEL_NAME),
    "/ai/{provider}/chat/completions": generation("As above, by one provider", CHAT, "ChatCompletion", PROVIDER),
    "/ai/{provider}/models": got("The models of one provider", "Models", PROVIDER),
    "/ai/{provider}/models/{model}": got("One of them", "Model", PROVIDER, MODEL_NAME),
    "/dashboard/billing/subscription": got("What the key may spend, in dollars", "Subscription"),
    "/dashboard/billing/usage": got("What was spent, in cents", "Spent"),
    "/openapi.json": {"get": operation("This document", media(thing(["openapi", "paths"])), security=[])},
}


def document(*, title: str, url: str) -> Schema:
    """The whole of it, for an installation of this name and API address."""
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1"},
        "servers": [{"url": url}],
        "security": [{"bearer": []}, {"x-api-key": []}, {"api-key": []}],
        "paths": PATHS,
        "components": {
            "schemas": COMPONENTS,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "api-key": {"type": "apiKey", "in": "header", "name": "api-key"},
            },
        },
    }
