"""What was put off until now is due now."""

import pytest
from django.db import connection
from django.utils import timezone

from orders.clock import database_now


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "sqlite", reason="the clock of another machine, perhaps")
def test_sqlite_is_not_behind_by_a_part_of_a_millisecond():
    for _ in range(20):
        earlier = timezone.now()
        assert database_now() >= earlier
