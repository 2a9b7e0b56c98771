"""Content blocks as the parts of a chat message: text, images, documents, search results."""

from collections.abc import Iterable, Mapping
from typing import Any

from relay.dialects.messages.blocks import Block, blocks_of, object_in, string_in, unavailable

Part = dict[str, Any]


def parts_of(content: Any, where: str) -> list[Part]:
    """The parts of a whole content. Raises InvalidInput for a block that chat completions do not know."""
    found = enumerate(blocks_of(content, where))
    return [part for position, block in found for part in parts_of_block(block, f"{where}[{position}]")]


def parts_of_block(block: Block, where: str) -> list[Part]:
    """The same for one block."""
    match block["type"]:
        case "text":
            text = string_in(block, "text", where)
            return [text_part(text)] if text else []
        case "image":
            return [_image(object_in(block, "source", where), f"{where}.source")]
        case "document":
            return _document(block, where)
        case "search_result":
            return _search_result(block, where)
        case kind:
            raise unavailable(where, f"content of type {kind[:60]}")


def text_part(text: str) -> Part:
    return {"type": "text", "text": text}


def joined(parts: Iterable[Part]) -> str | list[Part]:
    """Parts as a message's content: one string where all are text, because not every provider takes a list."""
    kept = list(parts)
    if all(part["type"] == "text" for part in kept):
        return "\n\n".join(part["text"] for part in kept)
    return kept


def _image(source: Mapping[str, Any], where: str) -> Part:
    match source.get("type"):
        case "base64":
            url = _data_url(source, where)
        case "url":
            url = string_in(source, "url", where)
        case _:
            raise unavailable(where, "an image that is not sent as base64 or url")
    return {"type": "image_url", "image_url": {"url": url}}


def _document(block: Block, where: str) -> list[Part]:
    _refuse_citations(block, where)
    heading = "\n".join(string_in(block, name, where) for name in ("title", "context") if block.get(name))
    source, place = object_in(block, "source", where), f"{where}.source"
    match source.get("type"):
        case "text":
            body = [text_part(string_in(source, "data", place))]
        case "content":
            body = parts_of(source.get("content"), f"{place}.content")
        case "base64":
            name = block.get("title") or "document.pdf"
            body = [{"type": "file", "file": {"filename": name, "file_data": _data_url(source, place)}}]
        case _:
            raise unavailable(place, "a document that is not sent as base64, text or content")
    return [text_part(heading), *body] if heading else body


def _search_result(block: Block, where: str) -> list[Part]:
    _refuse_citations(block, where)
    heading = f"{string_in(block, 'title', where)}\n{string_in(block, 'source', where)}"
    return [text_part(heading), *parts_of(block.get("content"), f"{where}.content")]


def _refuse_citations(block: Block, where: str) -> None:
    citations = block.get("citations")
    if isinstance(citations, dict) and citations.get("enabled"):
        raise unavailable(f"{where}.citations", "an answer with citations")


def _data_url(source: Mapping[str, Any], where: str) -> str:
    return f"data:{string_in(source, 'media_type', where)};base64,{string_in(source, 'data', where)}"
