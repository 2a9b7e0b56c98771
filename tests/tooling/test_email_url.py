"""EMAIL_URL in each form of docs/settings.md: how mail leaves, read from the settings file itself."""

import re
import runpy
from pathlib import Path

import pytest
from django.conf import settings
from django.core.mail import get_connection
from django.core.mail.backends.smtp import EmailBackend

ROOT = Path(settings.BASE_DIR)
FORMS = {  # host, port, user, password, STARTTLS, TLS from the first byte; None where nothing is sent by SMTP
    "consolemail://": None,
    "smtp+tls://user:password@host:587": ("host", 587, "user", "password", True, False),
    "smtp+ssl://user:password@host:465": ("host", 465, "user", "password", False, True),
    "smtp://host:25": ("host", 25, "", "", False, False),
}


@pytest.fixture
def connection_of(monkeypatch, settings):
    """What Django would send mail by."""

    def connection_of(url):
        monkeypatch.setenv("EMAIL_URL", url)
        found = runpy.run_path(str(ROOT / "config/settings.py"))
        for name, value in found.items():
            if name.startswith("EMAIL_"):
                setattr(settings, name, value)
        return get_connection()

    return connection_of


@pytest.mark.parametrize("url", FORMS)
def test_mail_leaves_as_the_form_says(connection_of, url):
    connection = connection_of(url)
    if FORMS[url] is None:
        assert type(connection).__module__ == "django.core.mail.backends.console"
        return
    assert type(connection) is EmailBackend
    host, port, user, password, has_starttls, is_tls = FORMS[url]
    assert (connection.host, connection.port) == (host, port)
    assert (connection.username or "", connection.password or "") == (user, password)
    assert (connection.use_tls, connection.use_ssl) == (has_starttls, is_tls)


def test_special_characters_of_a_password_are_written_in_percent(connection_of):
    connection = connection_of("smtp+tls://robot%40example.com:a%40b%2Fc%3Ad%23e%3Ff%25g+h@mail.example.com:587")
    assert (connection.username, connection.password) == ("robot@example.com", "a@b/c:d#e?f%g+h")


def test_these_are_the_forms_that_are_described():
    (row,) = re.findall(r"^\| `EMAIL_URL` .*", (ROOT / "docs/settings.md").read_text(), re.MULTILINE)
    assert set(re.findall(r"`([\w+]+://[^`]*)`", row)) == set(FORMS)
    (row,) = re.findall(r"^\| `EMAIL_URL` .*", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert set(re.findall(r"`([\w+]+://[^`]*)`", row)) <= set(FORMS)
