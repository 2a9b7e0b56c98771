"""Processes that die on time: `python -m tests.orders.victim` reads lines of deed, row and statement, and forks a child
for each, which kills itself before its n-th SQL statement; writes `dead`, or `done` when the child lived to the end.
"""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import django

ROOT = Path(__file__).parents[2]


class Victims:
    """The forking process as a test sees it."""

    def __init__(self, process):
        self._process = process

    def dies(self, deed, row, statement):
        """Whether the child that did this was killed on the way."""
        self._process.stdin.write(f"{deed} {row} {statement}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        assert answer in ("dead", "done"), f"{deed} failed at statement {statement}: see stderr"
        return answer == "dead"


@contextmanager
def victims_on(database_url):
    """A process that forks children on this database."""
    command = [sys.executable, "-m", "tests.orders.victim"]
    environment = {**os.environ, "DATABASE_URL": database_url, "DATABASE_POOL_SIZE": "2", "EMAIL_URL": "dummymail://"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **pipes) as process:
        yield Victims(process)
        process.stdin.close()


# ── In the process ───────────────────────────────────────────────────────────


def main():
    django.setup()
    _know_the_scripted_gateway()
    for line in sys.stdin:
        deed, row, statement = line.split()
        child = os.fork()  # safe: nothing is connected yet
        if child == 0:
            _die_before(int(statement))
            DEEDS[deed](int(row))
            os._exit(0)
        _pid, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print("dead" if killed else "done" if status == 0 else "failed", flush=True)  # noqa: T201


def _know_the_scripted_gateway():
    from orders.providers import registry
    from tests.orders.scripted import Scripted

    registry.PROVIDERS["scripted"] = Scripted(confirms=True)


def _die_before(statement):
    from django.db.backends.utils import CursorWrapper

    real, seen = CursorWrapper._execute_with_wrappers, [0]

    def counted(self, *args, **kwargs):
        seen[0] += 1
        if seen[0] == statement:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(self, *args, **kwargs)

    CursorWrapper._execute_with_wrappers = counted


def process_event(row):
    from orders.payments.processing import process_event

    process_event(row)


def start(row):
    from orders.models import Order
    from orders.payments.paying import start_payment

    start_payment(Order.objects.get(pk=row))


def hear(row):
    from orders.models import PaymentAttempt
    from tests.orders.shop import report

    attempt = PaymentAttempt.objects.select_related("account").get(pk=row)
    report(attempt.account, attempt)


def expire(row):
    from orders.models import Order
    from orders.payments import polling

    order = Order.objects.get(pk=row)
    polling.expire(order, order.expires_at)


def deliver(row):
    from orders.delivering import deliver
    from orders.models import Delivery

    deliver(Delivery.objects.select_related("order", "token").get(pk=row))


def refund_by_hand(row):
    from orders.models import Payment
    from orders.payments.refunding import request_refund

    payment = Payment.objects.get(pk=row)
    request_refund(
        payment=payment, amount_minor=2_500, reason="", actor_id=None, key=f"form {payment.pk}", by_hand=True
    )


def book_refund(row):
    from orders.providers import registry
    from orders.providers.base import PaymentState, PaymentStatus

    refunded = PaymentState(PaymentStatus.PAID, refunded_minor=2_500)
    registry.PROVIDERS["scripted"].query = lambda _account, **_names: refunded
    process_event(row)


def submit_refund(row):
    from orders.models import Refund
    from orders.payments.refunding import submit

    submit(Refund.objects.get(pk=row))


_DEEDS = (start, hear, process_event, expire, deliver, refund_by_hand, book_refund, submit_refund)
DEEDS = {deed.__name__: deed for deed in _DEEDS}

if __name__ == "__main__":
    main()
