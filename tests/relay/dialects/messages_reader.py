"""Reads the events of a message as strictly as its documentation allows."""

import orjson

_FIELDS = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "input_json_delta": ("tool_use", "partial_json"),
}


def read_message(events):
    """The message that the events make. Fails for an event out of order, or a block beside another."""
    first, *middle, delta, stop = events
    assert first["type"] == "message_start"
    assert stop == {"type": "message_stop"}
    assert delta["type"] == "message_delta"
    blocks = _blocks(middle)
    return {**first["message"], "content": blocks, **delta["delta"], "usage": delta["usage"]}


def _blocks(events):
    blocks, is_open, json = [], False, ""
    for event in events:
        kind = event["type"]
        if kind == "content_block_start":
            assert not is_open
            assert event["index"] == len(blocks)
            blocks.append(dict(event["content_block"]))
            is_open, json = True, ""
        elif kind == "content_block_delta":
            assert is_open
            assert event["index"] == len(blocks) - 1
            json += _add(blocks[-1], event["delta"])
        else:
            assert kind == "content_block_stop"
            assert is_open
            assert event["index"] == len(blocks) - 1
            if json:
                blocks[-1]["input"] = orjson.loads(json)
            is_open = False
    assert not is_open
    return blocks


def _add(block, delta):
    block_type, field = _FIELDS[delta["type"]]
    assert block["type"] == block_type
    assert delta[field]
    if block_type == "tool_use":
        return delta[field]
    block[field] += delta[field]
    return ""
