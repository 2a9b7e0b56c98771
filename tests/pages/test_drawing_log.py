"""The Drawing log and the Task log: the Usage log of what is no text."""

import re
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test import AsyncClient
from django.utils import timezone

from tests.billing.usage_rows import make_record
from tests.factories import make_token

pytestmark = pytest.mark.django_db
ROW = re.compile(r'<tr data-id="([0-9a-f-]{36})"')
LOGS = ("/drawing", "/tasks")


@pytest.fixture
def rows(alice):
    """One of alice's requests of each kind, by its endpoint."""
    token, at = make_token(alice, name="alice-prod"), timezone.now() - timedelta(minutes=5)
    kinds = ("chat.completions", "images", "audio.speech", "audio.transcriptions", "embeddings", "rerank")
    return {kind: make_record(token, at=at, endpoint=kind, model=f"{kind}-model") for kind in kinds}


@pytest.fixture
def shown(client_of, alice):
    """`shown("/tasks")`: the endpoints listed to alice there."""

    def shown(address, rows):
        response = client_of(alice).get(address)
        assert response.status_code == 200
        ids = ROW.findall(response.content.decode())
        return [kind for kind, row in rows.items() if str(row.pk) in ids]

    return shown


@pytest.mark.parametrize("address", [*LOGS, "/drawing.csv", "/tasks.csv", "/drawing/live", "/tasks/live"])
def test_strangers_are_asked_to_sign_in(client, address):
    assert client.get(address).headers["Location"].startswith("/accounts/login/")


def test_each_log_has_its_kinds(shown, rows):
    tasks = ["audio.speech", "audio.transcriptions", "embeddings", "rerank"]
    assert shown("/drawing", rows) == shown("/drawing/live", rows) == ["images"]
    assert shown("/tasks", rows) == shown("/tasks/live", rows) == tasks
    assert shown("/usage", rows) == list(rows)


def test_the_header_adds_up_what_is_listed(client_of, alice, rows):
    page = client_of(alice).get("/tasks").content.decode()
    assert re.search(r"<dt>Requests</dt><dd>4</dd>", page)
    assert "Transcription" in page


def test_tasks_are_filtered_by_kind_and_by_everything_else(shown, rows):
    assert shown("/tasks?kind=rerank", rows) == ["rerank"]
    assert shown("/tasks?model=embeddings-model", rows) == ["embeddings"]
    assert shown("/tasks?kind=images", rows) == []  # not one of this log's kinds: said so instead
    assert shown("/drawing?status=failed", rows) == []


def test_exports_hold_the_same(alice, rows):
    client = AsyncClient()
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")

    async def read():
        return b"".join([piece async for piece in await client.get("/drawing.csv")]).decode()

    body = async_to_sync(read)()
    assert str(rows["images"].pk) in body
    assert str(rows["embeddings"].pk) not in body


def test_empty_logs_say_what_would_be_there(client_of, alice):
    client = client_of(alice)
    assert "/v1/images/generations" in client.get("/drawing").content.decode()
    assert "/v1/embeddings" in client.get("/tasks").content.decode()
    assert "Clear filters" in client.get("/tasks?status=failed").content.decode()


@pytest.mark.parametrize("address", LOGS)
def test_bob_finds_nothing_of_alices(client_of, bob, rows, address):
    page = client_of(bob).get(address).content.decode()
    assert ROW.findall(page) == []
    assert "-model" not in page.split('id="log"')[1]


@pytest.mark.parametrize("address", LOGS)
def test_few_rows_among_many_are_found_by_an_index(client_of, alice, rows, address, django_assert_max_num_queries):
    client = client_of(alice)
    with django_assert_max_num_queries(12) as captured:
        client.get(address)
    assert any('"endpoint" IN' in query["sql"] for query in captured.captured_queries)
    with connection.cursor() as cursor:
        names = connection.introspection.get_constraints(cursor, "billing_usagerecord")
    assert {"usage_drawings", "usage_tasks"} <= names.keys()
