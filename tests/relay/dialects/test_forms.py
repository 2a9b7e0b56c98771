"""Forms with a file: what is written is read again, and arbitrary bytes are read or refused, never more."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from config.kernel.errors import InvalidInput, TooLarge
from relay.dialects.forms import Upload, content_type_of, new_boundary, read_form, write_form

LIMIT = 1_000
names = st.from_regex(r"[A-Za-z0-9_.-]{1,64}", fullmatch=True).filter(lambda name: name != "file")
texts = st.text(st.characters(exclude_categories=["Cs"]))
uploads = st.builds(
    Upload,
    st.sampled_from(["", ".wav", ".mp3"]),
    st.sampled_from(["audio/wav", "application/octet-stream"]),
    st.binary(min_size=1, max_size=LIMIT),
)


def read(raw):
    return read_form(raw, files=["file"], max_file_bytes=LIMIT)


@given(st.dictionaries(names, texts, max_size=5), st.lists(texts, min_size=1, max_size=3), uploads)
@example({}, ["\r\n--form"], Upload("", "audio/wav", b"\r\n--form-\r\n\r\n--"))
def test_what_is_written_is_read_again(fields, several, upload):
    form = {**fields, "several[]": several, "file": upload}
    boundary = new_boundary()
    assert read(write_form(form, boundary)) == form
    assert content_type_of(boundary).endswith(f"; boundary={boundary}")


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_arbitrary_bytes_are_read_or_refused(head, tail):
    for raw in (head, b"--b\r\n" + head + b"\r\n\r\n" + tail + b"\r\n--b--"):
        with pytest.raises((InvalidInput, TooLarge)):
            read(raw)


def test_one_byte_beyond_the_limit():
    form = {"file": Upload("", "audio/wav", b"x" * (LIMIT + 1))}
    with pytest.raises(TooLarge):
        read(write_form(form, "b"))


def test_no_two_forms_share_a_boundary():
    assert new_boundary() != new_boundary()
