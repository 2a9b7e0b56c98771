"""The Chinese catalogue: complete, compiled, and with the same placeholders as the English."""

import re

import pytest

from config import catalogue

NARROW = re.compile(r"[一-鿿][,;:!?(]|[,;:!?)][一-鿿]")


@pytest.fixture(scope="module")
def current():
    """The catalogue after bringing it up to the sources, in memory."""
    return catalogue.update()


def test_every_string_is_translated(current):
    assert [message.id for message in catalogue.untranslated(current)] == []


def test_the_file_is_up_to_date(current):
    written = {(message.context, message.id) for message in catalogue.read_catalogue() if message.id}
    wanted = {(message.context, message.id) for message in current if message.id}
    assert written == wanted, "run: python manage.py messages"


def test_the_compiled_file_matches():
    assert catalogue.MO.read_bytes() == catalogue.compiled(catalogue.read_catalogue()), "run: python manage.py messages"


def test_placeholders_survive_translation(current):
    problems = [(message.id, [str(error) for error in errors]) for message, errors in current.check()]
    assert problems == []


def test_strings_of_attributes_blocks_and_python_are_found(current):
    found = {message.id for message in current}
    assert {"Token Management", "%(credit)s of credit", "Profile saved.", "Time zone"} <= found


def test_punctuation_beside_chinese_is_as_wide_as_the_characters(current):
    shown = [re.sub(r"<[^>]+>", "", text) for message in current for text in texts_of(message)]
    assert [text for text in shown if NARROW.search(text)] == []


def texts_of(message):
    return message.string if isinstance(message.string, (tuple, list)) else (message.string,)
