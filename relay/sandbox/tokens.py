"""The sandbox's token rule, simple enough to check by hand.

Reading from the left, one token is

1. one Chinese, Japanese or Korean character, or else
2. one unbroken run of other letters, digits and underscores, or else
3. one other visible character (punctuation, symbols).

White space is never a token: it belongs to the token that follows it. "Don't panic, 世界!" has eight tokens:
``Don`` ``'`` ``t`` `` panic`` ``,`` `` 世`` ``界`` ``!``.
"""

import re

IMAGE_TOKENS = 85

_CJK = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_TOKEN = re.compile(rf"[{_CJK}]|[^\W{_CJK}]+|\S")


def count(text: str) -> int:
    """Number of tokens in the text."""
    return sum(1 for _ in _TOKEN.finditer(text))


def split(text: str) -> list[str]:
    """The text cut into its tokens, white space included: joined, they are the text again.

    Trailing white space stays with the last token; a text of white space alone has no tokens.
    """
    ends = [match.end() for match in _TOKEN.finditer(text)]
    if not ends:
        return []
    starts = [0, *ends[:-1]]
    return [text[start:end] for start, end in zip(starts, [*ends[:-1], len(text)], strict=True)]
