"""Eight processes with a database connection each, let go together: `python -m tests.billing.crew PROCESSES`.

Reads one line of JSON per race, a list with one [deed, arguments] for each process, and writes a line of their answers.
"""

import asyncio
import json
import multiprocessing
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from random import Random
from uuid import UUID

import django

ROOT = Path(__file__).parents[2]


class Crew:
    """The processes as the test that races them sees them."""

    def __init__(self, process):
        self._process = process

    def race(self, *works):
        """Do the works (deed, arguments) at once, one in each process; the answers in their order."""
        self._process.stdin.write(json.dumps(works) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the crew died; its last words are on stderr"
        return json.loads(answer)


@contextmanager
def crew_of(processes, *, database_url):
    """So many processes on a database, ready to race."""
    command = [sys.executable, "-m", "tests.billing.crew", str(processes)]
    environment = {**os.environ, "DATABASE_URL": database_url, "DATABASE_POOL_SIZE": "2"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **pipes) as process:
        yield Crew(process)
        process.stdin.close()


# ── In the processes ─────────────────────────────────────────────────────────


def main():
    django.setup()
    processes = int(sys.argv[1])
    context = multiprocessing.get_context("fork")  # quick, and safe as long as nothing is connected yet
    barrier = context.Barrier(processes)
    with context.Pool(processes, initializer=globals().update, initargs=({"barrier": barrier},)) as pool:
        for line in sys.stdin:
            print(json.dumps(pool.map(work, json.loads(line), chunksize=1)), flush=True)  # noqa: T201


def work(task):
    """One deed in this process, begun when all the others are here."""
    deed, arguments = task
    globals()["barrier"].wait(timeout=60)
    return DEEDS[deed](**arguments)


def hold_many(token_ids, each):
    """Ask the ledger writer for holds of each key at once; `held` or the status and code of each answer."""
    from billing.writer import LedgerWriter
    from tests.factories import make_hold
    from tokens.models import Token

    async def ask():
        writer = LedgerWriter()
        try:
            return await asyncio.gather(*map(writer.place_hold, holds), return_exceptions=True)
        finally:
            await writer.close()

    tokens = Token.objects.select_related("group").in_bulk(token_ids)
    holds = [make_hold(tokens[token_id]) for token_id in token_ids for _ in range(each)]
    return ["held" if isinstance(answer, int) else [answer.status, answer.code] for answer in asyncio.run(ask())]


def grant(user_id, amount, key):
    from billing.ledger import post_entry

    return post_entry(user_id=user_id, amount=amount, kind="grant", idempotency_key=key)


def save_settings(user_id, token_id, times):
    """Save the profile and the key's terms from what was read at the beginning, as an open page does."""
    from accounts.forms import ProfileForm
    from accounts.models import User
    from tokens.models import Token
    from tokens.services import edit_token

    user, token = User.objects.get(pk=user_id), Token.objects.get(pk=token_id)
    for number in range(times):
        form = ProfileForm({"name": f"Alice {number}", "language": "", "time_zone": "UTC"}, instance=user)
        form.save()
        edit_token(token=token, name=f"key {number}")
    return times


def spend(token_id, times):
    """Hold and settle, one call after the other; the sum of the charges."""
    from billing.lots import place_hold, settle
    from tests.factories import make_hold
    from tokens.models import Token

    token = Token.objects.get(pk=token_id)
    spent = 0
    for _ in range(times):
        hold = make_hold(token)
        place_hold(hold)
        settlement = ending(hold.id, tokens=1_000)
        assert settle(settlement)
        spent += settlement.charge
    return spent


def settle_all(record_ids, seed, tokens):
    """Settle every record, in an order of one's own; how many this process settled."""
    from billing.lots import settle

    Random(seed).shuffle(record_ids)
    return sum(settle(ending(UUID(record_id), tokens=tokens)) for record_id in record_ids)


def sweep(limit):
    from billing.lots import sweep_expired

    return sweep_expired(limit=limit)


def ending(record_id, *, tokens):
    """A settlement at two dollars per million tokens."""
    from billing.holds import Settlement
    from billing.pricing import Usage

    return Settlement(record_id, "settled", "completed", "reported", Usage(input=0, output=tokens), 2_000 * tokens)


def be_notified(slug, told, times):
    """Receive the same report of a gateway again and again, and work on what is new; how often it was acknowledged."""
    from orders.models import ProviderAccount
    from orders.providers import registry
    from tests.orders.scripted import Scripted
    from tests.orders.shop import notify

    registry.PROVIDERS["scripted"] = Scripted(confirms=True)
    account, acknowledged = ProviderAccount.objects.get(slug=slug), 0
    for _ in range(times):
        reply, event_ids = notify(account, **told)
        acknowledged += reply.body == "success"
        for event_id in event_ids:
            process_event(event_id)
    return acknowledged


def process_event(event_id):
    from orders.payments import processing

    processing.process_event(event_id)


DEEDS = {deed.__name__: deed for deed in (hold_many, grant, save_settings, spend, settle_all, sweep, be_notified)}

if __name__ == "__main__":
    main()
