"""Request ids sort by time and carry it."""

from datetime import UTC, datetime, timedelta

from config.kernel import ids


def test_a_request_id_is_a_version_7_uuid_of_now():
    made = ids.uuid7()
    assert made.version == 7
    assert abs(ids.uuid7_time(made) - datetime.now(UTC)) < timedelta(minutes=1)


def test_ids_of_a_later_millisecond_sort_later():
    assert ids.uuid7_at(1_000, (1 << 74) - 1) < ids.uuid7_at(1_001, 0)


def test_the_first_id_of_a_moment_bounds_it_from_below():
    moment = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert ids.first_uuid7_of(moment) <= ids.uuid7_at(int(moment.timestamp() * 1000), 12345)
    assert ids.first_uuid7_of(moment) > ids.uuid7_at(int(moment.timestamp() * 1000) - 1, (1 << 74) - 1)


def test_a_thousand_ids_are_all_different():
    assert len({ids.uuid7() for _ in range(1000)}) == 1000
