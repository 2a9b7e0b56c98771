"""OpenAI's chat completions: what every channel speaks, and what the other dialects are made of."""

from relay.dialects.base import Dialect
from relay.dialects.chat.answer import read_answer
from relay.dialects.chat.native import Meter
from relay.dialects.chat.replay import events_of
from relay.dialects.chat.request import adjust, parse
from relay.endpoints import Endpoint

CHAT = Dialect(
    name="chat.completions",
    endpoint=Endpoint.CHAT,
    parse=parse,
    read=read_answer,
    new_meter=lambda request: Meter(show_usage=request.wants_usage, show_cost=request.wants_cost),
    replay=events_of,
    adjust=adjust,
)

__all__ = ["CHAT", "Meter"]
