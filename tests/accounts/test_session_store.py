"""What a session key opens: its own session until it is over."""

from datetime import timedelta

import pytest
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.utils import timezone

from config.sessions import SessionStore

pytestmark = pytest.mark.django_db


@pytest.fixture
def session():
    store = SessionStore()
    store["who"] = "alice"
    store.save()
    return store


@pytest.mark.parametrize("reader", [SessionStore, db.SessionStore])
def test_it_is_read_as_django_reads_it(session, reader):
    assert dict(reader(session.session_key).items()) == {"who": "alice"}


def test_one_that_is_over_is_empty_and_its_key_forgotten(session):
    Session.objects.filter(pk=session.session_key).update(expire_date=timezone.now() - timedelta(seconds=1))
    late = SessionStore(session.session_key)
    assert not list(late.items())
    assert late.session_key is None


@pytest.mark.parametrize("key", ["x" * 32, "' OR ''='"])
def test_an_unknown_key_opens_nothing(session, key):
    assert not list(SessionStore(key).items())
