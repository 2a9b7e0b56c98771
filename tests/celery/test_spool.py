"""The file broker: what is published arrives once and in order, and nothing is lost on the way."""

import subprocess
import sys

import pytest
from kombu import Connection

from config import spool

QUEUE = "money"


@pytest.fixture
def root(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def connect(root):
    """Open connections to the spool; each is what one process would have."""
    opened = []

    def connect():
        opened.append(Connection("spool://localhost", transport_options={"folder": str(root)}))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.release()


def publish(connection, *bodies, queue=QUEUE):
    with connection.SimpleQueue(queue) as opened:
        for body in bodies:
            opened.put(body)


def receive(connection, queue=QUEUE):
    """The next message, unacknowledged, or None."""
    channel = connection.default_channel
    return channel.basic_get(queue)


def files(root):
    return [path for path in root.rglob("*") if path.is_file()]


def test_messages_arrive_in_the_order_in_which_they_were_published(connect):
    publish(connect(), 1, 2, 3)
    reader = connect()
    received = []
    while message := receive(reader):
        received.append(message.payload)
        message.ack()
    assert received == [1, 2, 3]


def test_a_message_reaches_its_own_queue_alone(connect):
    publish(connect(), "pay")
    reader = connect()
    assert receive(reader, "mail") is None
    assert receive(reader, QUEUE).payload == "pay"


def test_an_acknowledged_message_leaves_no_file(connect, root):
    publish(connect(), "pay")
    receive(connect()).ack()
    assert files(root) == []


def test_two_readers_never_get_the_same_message(connect):
    publish(connect(), "pay")
    first, second = connect(), connect()
    assert receive(first).payload == "pay"
    assert receive(second) is None


def test_what_a_closed_connection_had_not_finished_is_delivered_again(connect):
    publish(connect(), "pay")
    reader = connect()
    receive(reader)
    reader.release()
    assert receive(connect()).payload == "pay"


def test_what_a_killed_reader_had_taken_is_delivered_again_once_recovered(connect, root):
    publish(connect(), "first", "second")
    code = (
        "import os, sys; from kombu import Connection; import config.spool;"
        "c = Connection('spool://localhost', transport_options={'folder': sys.argv[1]});"
        f"assert c.default_channel.basic_get('{QUEUE}').payload == 'first'; os._exit(9)"
    )
    died = subprocess.run([sys.executable, "-c", code, str(root)], check=False)
    assert died.returncode == 9

    assert spool.recover(root) == 1

    reader = connect()
    assert [receive(reader).payload, receive(reader).payload] == ["first", "second"]


def test_there_is_nothing_to_recover_where_nobody_ever_published(root):
    assert spool.recover(root) == 0


def test_a_refused_message_is_gone_and_a_requeued_one_comes_back(connect, root):
    publish(connect(), "refuse", "requeue")
    reader = connect()
    receive(reader).reject()
    receive(reader).requeue()
    assert receive(reader).payload == "requeue"
    assert len(files(root)) == 1


def test_a_purged_queue_is_empty(connect, root):
    publish(connect(), 1, 2)
    channel = connect().default_channel
    assert channel.queue_purge(QUEUE) == 2
    assert files(root) == []


def test_no_message_is_lost_or_torn_while_others_publish(connect, root):
    count = 400
    code = (
        "import sys; from kombu import Connection; import config.spool;"
        "c = Connection('spool://localhost', transport_options={'folder': sys.argv[1]});"
        f"q = c.SimpleQueue('{QUEUE}'); [q.put(sys.argv[2] + str(n)) for n in range({count})]"
    )
    publishers = [subprocess.Popen([sys.executable, "-c", code, str(root), name]) for name in ("a", "b")]
    reader, received = connect(), []
    while True:
        ended = all(publisher.poll() is not None for publisher in publishers)
        if message := receive(reader):
            received.append(message.payload)
            message.ack()
        elif ended:
            break
    assert [publisher.returncode for publisher in publishers] == [0, 0]
    assert sorted(received) == sorted(name + str(number) for name in ("a", "b") for number in range(count))


def test_only_its_owner_may_read_the_spool(connect, root):
    publish(connect(), "pay")
    assert [folder.stat().st_mode & 0o077 for folder in root.iterdir()] == [0] * len(list(root.iterdir()))
