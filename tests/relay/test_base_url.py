"""Which addresses a channel may have, and every preset has one of them."""

import pytest

from relay.base_url import clean_base_url


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("https://api.example.com/v1", "https://api.example.com/v1"),
        (" https://api.example.com/v1/ ", "https://api.example.com/v1"),
        ("http://ollama:11434/v1", "http://ollama:11434/v1"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
        ("http://localhost", "http://localhost"),
    ],
)
def test_good_addresses(typed, stored):
    assert clean_base_url(typed) == stored


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "api.example.com/v1",
        "file:///etc/passwd",
        "https:///v1",
        "https://user@example.com/v1",
        "https://user:word@example.com/v1",
        "https://example.com/v1?key=1",
        "https://example.com/v1?",
        "https://example.com/v1#part",
        "https://example.com:99999/v1",
        "https://[::1/v1",
        "https://example.com/v1\nHost: other",
        "https://exa mple.com/v1",
        "https://exämple.com/v1",
        "https://{env_id}.example.com/v1",
        "https://example.com/v1/chat/completions",
        "https://example.com/v1/models/",
        "https://example.com/" + "x" * 300,
    ],
)
def test_bad_addresses(typed):
    with pytest.raises(ValueError, match=r"\.$"):
        clean_base_url(typed)
