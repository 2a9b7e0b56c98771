"""The token rule: counts that a person can check, and pieces that add up to the text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.sandbox import tokens


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        ("  \n", []),
        ("Hello, world!", ["Hello", ",", " world", "!"]),
        ("Don't panic, 世界!", ["Don", "'", "t", " panic", ",", " 世", "界", "!"]),
        ("snake_case v2.10", ["snake_case", " v2", ".", "10"]),
        ("naïve Übung", ["naïve", " Übung"]),
        ("GPT模型", ["GPT", "模", "型"]),
        ("ひら 한글", ["ひ", "ら", " 한", "글"]),
        ('{"a":1}', ["{", '"', "a", '"', ":", "1", "}"]),
        ("end \n", ["end \n"]),
    ],
)
def test_texts_cut_by_hand(text: str, pieces: list[str]) -> None:
    assert tokens.split(text) == pieces
    assert tokens.count(text) == len(pieces)


@given(st.text())
def test_pieces_are_counted_and_add_up_to_the_text(text: str) -> None:
    pieces = tokens.split(text)

    assert len(pieces) == tokens.count(text)
    assert "".join(pieces) == (text if pieces else "")
    assert all(tokens.count(piece) == 1 for piece in pieces)
