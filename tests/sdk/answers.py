"""What upstreams answer in the three dialects, in the shapes that their makers document."""

import json

# ── Chat completions ─────────────────────────────────────────────────────────

CHAT_USAGE = {"prompt_tokens": 20, "completion_tokens": 7, "total_tokens": 27}
_CHAT_HEAD = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": "model-x", "system_fingerprint": "fp_1"}


def chat(*messages, finish="stop", usage=CHAT_USAGE, **fields):
    """A whole chat completion; each message is a choice, and `fields` are added to every choice."""
    choices = [
        {
            "index": index,
            "message": {"role": "assistant", "content": None, **message},
            "finish_reason": finish,
            **fields,
        }
        for index, message in enumerate(messages)
    ]
    return {**_CHAT_HEAD, "object": "chat.completion", "choices": choices, "usage": usage}


def chat_events(*deltas, finish="stop", usage=CHAT_USAGE, **fields):
    """The same as a stream of deltas of one choice."""
    chunks = [{"index": 0, "delta": delta, "finish_reason": None, **fields} for delta in deltas]
    chunks.append({"index": 0, "delta": {}, "finish_reason": finish})
    head = {**_CHAT_HEAD, "object": "chat.completion.chunk"}
    bodies = [{**head, "choices": [chunk]} for chunk in chunks] + [{**head, "choices": [], "usage": usage}]
    return [*(b"data: %s\n\n" % json.dumps(body).encode() for body in bodies), b"data: [DONE]\n\n"]


def call(id, name, arguments, *, index=None):
    """A tool call of a message, or with an index one of a delta."""
    place = {} if index is None else {"index": index}
    return {**place, "id": id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


# ── Messages ─────────────────────────────────────────────────────────────────

_MESSAGE = {"id": "msg_01", "type": "message", "role": "assistant", "model": "model-x", "stop_sequence": None}
_READ = {"input_tokens": 20, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
THOUGHT = {"type": "thinking", "thinking": "Let me see.", "signature": "EqQBCkYIBxgC"}
REDACTED = {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3p"}


def message(*content, stop="end_turn", output=7):
    """A whole message."""
    return {**_MESSAGE, "content": list(content), "stop_reason": stop, "usage": {**_READ, "output_tokens": output}}


def message_events(*content, stop="end_turn", output=7):
    """The same as a stream."""
    opening = {**_MESSAGE, "content": [], "stop_reason": None, "usage": {**_READ, "output_tokens": 1}}
    events = [named("message_start", message=opening), named("ping")]
    for index, block in enumerate(content):
        events += _block_events(index, block)
    delta = {"stop_reason": stop, "stop_sequence": None}
    return [*events, named("message_delta", delta=delta, usage={"output_tokens": output}), named("message_stop")]


def _block_events(index, block):
    opening, deltas = _parts_of(block)
    return [
        named("content_block_start", index=index, content_block={**block, **opening}),
        *(named("content_block_delta", index=index, delta=delta) for delta in deltas),
        named("content_block_stop", index=index),
    ]


def _parts_of(block):
    """What its opening leaves out, and the deltas that bring it."""
    match block["type"]:
        case "text":
            return {"text": ""}, [{"type": "text_delta", "text": word} for word in block["text"].split(sep="|")]
        case "thinking":
            thought = {"type": "thinking_delta", "thinking": block["thinking"]}
            signature = {"type": "signature_delta", "signature": block["signature"]}
            return {"thinking": "", "signature": ""}, [thought, signature]
        case "tool_use":
            return {"input": {}}, [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
    return {}, []


# ── Responses ────────────────────────────────────────────────────────────────

RESPONSE_USAGE = {
    "input_tokens": 20,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 27,
}
SEALED = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAABo"}


def response(*output, status="completed", usage=RESPONSE_USAGE, **fields):
    """A whole response."""
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_700_000_000,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "model": "model-x",
        "output": list(output),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": usage,
        **fields,
    }


def said(text):
    """An output item of text."""
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [part]}


def response_events(*output, **fields):
    """The same as a stream; texts come in one delta."""
    begun = response(status="in_progress", usage=None)
    events = [("response.created", {"response": begun}), ("response.in_progress", {"response": begun})]
    for index, item in enumerate(output):
        events.append(("response.output_item.added", {"output_index": index, "item": {**item, "content": []}}))
        events += _text_events(index, item)
        events.append(("response.output_item.done", {"output_index": index, "item": item}))
    ended = response(*output, **fields)
    events.append((f"response.{ended['status']}", {"response": ended}))
    return [named(kind, sequence_number=number, **data) for number, (kind, data) in enumerate(events)]


def _text_events(index, item):
    where = {"item_id": item["id"], "output_index": index, "content_index": 0}
    for part in item.get("content", ()):
        empty = {**part, "text": ""}
        yield "response.content_part.added", {**where, "part": empty}
        yield "response.output_text.delta", {**where, "delta": part["text"], "logprobs": []}
        yield "response.output_text.done", {**where, "text": part["text"], "logprobs": []}
        yield "response.content_part.done", {**where, "part": part}


def named(kind, **fields):
    """An event named by its type, as Messages and Responses have them."""
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), json.dumps({"type": kind, **fields}).encode())
