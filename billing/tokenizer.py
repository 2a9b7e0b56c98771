"""Counts tokens offline: exactly for the models whose vocabulary is public, a fair guess for all others. Pure.

`toktok` has the vocabularies compiled in. Where it cannot be installed, and for texts too long to count while others
wait, characters are counted instead.
"""

import re
from collections.abc import Iterable

try:
    from toktok import batch_count
except ImportError:  # no wheel for this platform
    batch_count = None

LONGEST_COUNTED = 1024 * 1024  # characters; about 10 ms
GUESS = "o200k_base"
_FAMILIES = (
    (re.compile(r"gpt-oss"), "o200k_harmony"),
    (re.compile(r"(chatgpt-)?gpt-4o|chatgpt|gpt-4\.[15]|gpt-[5-9]|o[1-9](-|$)|codex"), "o200k_base"),
    (re.compile(r"gpt-4|gpt-3\.5|text-embedding-(3|ada)"), "cl100k_base"),
)


def encoding_of(model: str) -> str | None:
    """The encoding of a model whose tokens can be counted exactly; its name may have a maker's prefix."""
    name = model.rpartition("/")[2].lower()
    if batch_count is None:
        return None
    return next((encoding for family, encoding in _FAMILIES if family.match(name)), None)


def warm_up() -> None:
    """Load the most common vocabulary: some tenths of a second in which nothing else in this process runs."""
    count_tokens(["tokens"])


def count_tokens(texts: Iterable[str], *, encoding: str | None = None) -> int:
    """Tokens of all the texts together; without an encoding a guess by the most common one."""
    short, rest = [], 0
    for text in texts:
        if batch_count is None or len(text) > LONGEST_COUNTED:
            rest += guess_tokens(text)
        else:
            short.append(text)
    return rest + (_count(short, encoding or GUESS) if short else 0)


def _count(texts: list[str], encoding: str) -> int:
    try:
        return sum(batch_count(texts, encoding, threads=1))
    except UnicodeError:  # half a surrogate pair is no text
        return sum(map(guess_tokens, texts))


def guess_tokens(text: str) -> int:
    """Four plain characters a token, one of any other script."""
    plain = len(text) if text.isascii() else sum(character < "\x80" for character in text)
    return -(-plain // 4) + len(text) - plain
