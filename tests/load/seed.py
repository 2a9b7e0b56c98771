"""Fills a PostgreSQL database with ninety days of usage whose books agree, to measure a large installation.

    python -m tests.load.seed --rows 10000000 [--users 1000] [--days 90] [--database-url postgresql://…]

Everything is inserted as the product would have left it: constraints and append-only triggers stay in force, ids carry
the time of their row, and the hours are rolled up by the product's own roll-up. A database of yours must be empty;
without one the command starts its own, prints its URL and keeps it until it is interrupted.
"""

import argparse
import json
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import django
import psycopg

from tests.provision import postgres

STILL_OPEN = 5
SEALING_KEY = "5eed" * 16  # the same in every run: a database of yours outlives ours
CHUNK = 250_000  # rows a statement
NOWHERE = "http://127.0.0.1:9/v1"
MODELS = {"small": ("0.10", "0.02", "0.40"), "medium": ("1.25", "0.125", "10"), "large": ("5", "0.5", "25"),
          "thinker": ("2", "0.5", "8"), "coder": ("3", "0.3", "15"), "older": ("0.5", "0.5", "1.5")}  # fmt: skip
LISTED = {"painter": ("4", "1", "16"), "embedder": ("0.02", "0.02", "0.02"), "speaker": ("0.6", "0.6", "12")}
ENDPOINTS = {"painter": "images", "embedder": "embeddings", "speaker": "audio.speech"}  # one request in twenty
RARE = {"antique": ("10", "5", "40")}  # one in a hundred thousand
GROUPS = {"default": 1_000_000, "half": 500_000, "28%": 280_000}


@dataclass(frozen=True)
class Plan:
    """How many rows, of how many users, over which time."""

    rows: int
    users: int
    days: int
    end: datetime

    @property
    def start(self) -> datetime:
        return self.end - timedelta(days=self.days)


def main() -> None:
    options = _options()
    with database(options.database_url) as url:
        fill(rows=options.rows, users=options.users, days=options.days)
        _check_books()
        if not options.database_url:
            print(f"{url}\nInterrupt to stop and remove it.", flush=True)
            _wait()


def _wait() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was made is removed then as well
    with suppress(KeyboardInterrupt):
        signal.pause()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    return parser.parse_args()


def add_options(parser: argparse.ArgumentParser) -> None:
    """What every benchmark that needs a full database asks for."""
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=1_000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--database-url", default="")


@contextmanager
def database(url: str) -> Iterator[str]:
    """Django, migrated, on a database of yours or on one of our own that goes at the end."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tollbooth-load-"))
        url = url or _own_database(stack)
        own = {
            "VAR_DIR": folder,
            "ENV_FILE": os.devnull,
            "REDIS_URL": "",
            "DATABASE_URL": url,
            "SEALING_KEY": SEALING_KEY,
        }
        os.environ.update({**own, "DJANGO_SETTINGS_MODULE": "config.settings"})
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        yield url


def _own_database(stack: ExitStack) -> str:
    server = postgres.start()
    stack.callback(server.stop)
    with psycopg.connect(server.url.replace("/tollbooth", "/postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE tollbooth")
    return server.url


def fill(*, rows: int, users: int, days: int) -> None:
    """Fill an empty database and say how long each step took."""
    from django.utils import timezone

    from billing.models import UsageRecord

    assert not UsageRecord.objects.exists(), "the database is not empty"
    plan = Plan(rows=rows, users=users, days=days, end=timezone.now())
    begun = time.perf_counter()
    for step in (*STEPS, _statistics):
        started = time.perf_counter()
        step(plan)
        print(f"{step.__name__.strip('_'):>12} {time.perf_counter() - started:8.1f} s", flush=True)
    elapsed = time.perf_counter() - begun
    print(f"{rows:,} rows in {elapsed:.1f} s, {elapsed / max(rows, 1) * 1_000_000:.1f} s per million", flush=True)


def _check_books() -> None:
    from django.core.management import call_command

    started = time.perf_counter()
    call_command("ledger_check")
    print(f"ledger_check {time.perf_counter() - started:.2f} s", flush=True)


# ── Steps ────────────────────────────────────────────────────────────────────

PEOPLE = """
INSERT INTO accounts_user (email, name, password, is_superuser, is_active, is_staff, time_zone, language, date_joined)
SELECT format('user%%s@example.com', n), format('User %%s', n), '!', false, true, false, 'UTC', '', %(start)s
FROM generate_series(1, %(users)s) AS n;

INSERT INTO account_emailaddress (user_id, email, verified, "primary") SELECT id, email, true, true FROM accounts_user;

INSERT INTO billing_wallet (user_id, balance, held) SELECT id, 0, 0 FROM accounts_user;

INSERT INTO tokens_token (
    public_id, user_id, group_id, name, key_hash, key_head, key_tail, is_enabled, used, held, models_allowed,
    ips_allowed, day_spent, month_spent, created_at
)
SELECT format('key_%%sx%%s', u.id, k), u.id, g.id, CASE k WHEN 0 THEN 'production' ELSE 'notebook' END,
    sha256(convert_to(format('%%s %%s', u.id, k), 'UTF8')), 'sk-AbCd', 'WxYz', true, 0, 0, '[]', '[]', 0, 0, %(start)s
FROM accounts_user AS u, generate_series(0, 1) AS k, LATERAL (
    SELECT id FROM tokens_group ORDER BY id OFFSET (u.id + k) %% (SELECT count(*) FROM tokens_group) LIMIT 1
) AS g;

CREATE TEMP TABLE seed_token AS
SELECT dense_rank() OVER (ORDER BY t.user_id) AS person, row_number() OVER (PARTITION BY t.user_id ORDER BY t.id) = 1
    AS is_first, t.id, t.user_id, t.name, g.code AS "group"
FROM tokens_token AS t JOIN tokens_group AS g ON g.id = t.group_id;
ANALYZE seed_token;
"""


def _people(plan: Plan) -> None:
    from tests.factories import make_group

    for code, ratio_ppm in GROUPS.items():
        make_group(code, ratio_ppm=ratio_ppm)
    _run(PEOPLE, plan)


TERMS = """
CREATE TEMP TABLE seed_term (
    number int, model text, endpoint text, price_id bigint, prices jsonb, "group" text, ratio_ppm bigint,
    input bigint, cache_read bigint, output bigint, channel_id bigint, channel_name text
)
"""


def _terms(plan: Plan) -> None:
    """Prices, a channel for each model, and what each model costs in each group."""
    from django.db import connection

    from config.kernel.money import usd
    from tests.factories import make_channel, make_price

    groups = [_group(code) for code in GROUPS]
    with connection.cursor() as cursor:
        cursor.execute(TERMS)
        for number, (model, (fresh, cached, written)) in enumerate((MODELS | LISTED | RARE).items()):
            price = make_price(
                model, input=fresh, output=written, cache_read=usd(cached), effective_from=plan.start, provider="load"
            )
            channel = make_channel(NOWHERE, name=f"{model} channel", models=[model], groups=groups, secret="")
            prices = price.prices.as_dict()
            about = [number, model, ENDPOINTS.get(model, "chat.completions"), price.pk, json.dumps(prices)]
            for group in groups:
                rates = [_exact(prices[kind] * group.ratio_ppm) for kind in ("input", "cache_read", "output")]
                row = [*about, group.code, group.ratio_ppm, *rates, channel.pk, channel.name]
                cursor.execute(f"INSERT INTO seed_term VALUES ({', '.join(['%s'] * len(row))})", row)


def _group(code: str) -> Any:
    from tokens.models import Group

    return Group.objects.get(code=code)


def _exact(product: int) -> int:
    """A price times a ratio; a product with a rest could not be rounded once, at the total, with whole numbers."""
    rate, rest = divmod(product, 1_000_000)
    assert rest == 0
    return rate


# A user's rank is a power of a random number: the first one makes a sixth of all calls, the last a few thousandths of
# a per cent. Tokens are joined by hash, so the rows keep the order of the series: that of their time.
USAGE = """
WITH drawn AS (
    SELECT n, %(start)s::timestamptz + (n - random()) * (%(end)s::timestamptz - %(start)s::timestamptz) / %(rows)s
            AS created_at,
        1 + floor(%(users)s * power(random(), 4))::int AS person, random() < 0.7 AS is_first,
        random() AS kind, random() AS luck, random() < 0.8 AS wants_stream,
        (20 + 12000 * power(random(), 3))::bigint AS prompt, (1 + 2000 * power(random(), 3))::bigint AS answer,
        CASE WHEN random() < 0.3 THEN 0.6 ELSE 0 END AS cached, (150 + 900 * power(random(), 3))::int AS first_byte
    FROM generate_series(%(first)s, %(last)s) AS n
), counted AS (
    SELECT *, CASE WHEN kind < 0.00001 THEN %(models)s + %(listed)s
            WHEN kind < 0.05 THEN %(models)s + floor(%(listed)s * random())::int
            ELSE floor(%(models)s * random())::int END AS number,
        CASE WHEN n > %(rows)s - %(open)s THEN 'open' WHEN luck < 0.015 THEN 'failed'
            WHEN luck < 0.02 THEN 'abandoned' ELSE 'settled' END AS status,
        floor(prompt * cached)::bigint AS hit
    FROM drawn
), priced AS (
    SELECT c.*, t.id AS token_id, t.user_id, t.name, s.model, s.endpoint, s.price_id, s.prices, s."group", s.ratio_ppm,
        s.channel_id, s.channel_name, c.wants_stream AND s.endpoint = 'chat.completions' AS is_stream,
        c.status IN ('settled', 'abandoned') AS is_charged,
        ((c.prompt - c.hit) * s.input + c.hit * s.cache_read + c.answer * s.output + 999999) / 1000000 AS cost
    FROM counted AS c JOIN seed_token AS t USING (person, is_first) JOIN seed_term AS s USING (number, "group")
)
INSERT INTO billing_usagerecord (
    id, user_id, token_id, token_name, "group", endpoint, is_stream, model, price_id, prices, ratio_ppm, channel_id,
    channel_name, attempts, status, hold, charge, cost, input_tokens, cache_read_tokens, output_tokens, end_reason,
    rule, is_suspect, http_status, error_code, first_byte_ms, total_ms, created_at, counted_on, settled_at, lease_until
)
SELECT pg_temp.seed_uuid7(created_at), user_id, token_id, name, "group", endpoint, is_stream, model,
    price_id, prices, ratio_ppm, channel_id, channel_name, '[]', status, 2 * cost + 1000,
    CASE WHEN is_charged THEN cost ELSE 0 END, CASE WHEN is_charged THEN cost * 3 / 5 END,
    CASE WHEN is_charged THEN prompt - hit END, CASE WHEN is_charged THEN hit END,
    CASE WHEN is_charged THEN answer END,
    CASE status WHEN 'settled' THEN 'completed' WHEN 'failed' THEN 'upstream_error'
        WHEN 'abandoned' THEN 'crashed' ELSE '' END,
    CASE status WHEN 'settled' THEN 'reported' WHEN 'failed' THEN 'nothing'
        WHEN 'abandoned' THEN 'delivered' ELSE '' END,
    false, CASE status WHEN 'settled' THEN 200 WHEN 'failed' THEN 502 END,
    CASE status WHEN 'failed' THEN 'upstream_error' ELSE '' END,
    CASE WHEN is_charged THEN first_byte END, CASE WHEN status <> 'open' THEN first_byte + answer * 8 END, created_at,
    (created_at AT TIME ZONE 'UTC')::date,
    CASE WHEN status <> 'open' THEN created_at + (first_byte + answer * 8) * interval '1 ms' END,
    CASE status WHEN 'open' THEN %(end)s + interval '30 days' ELSE created_at + interval '1 minute' END
FROM priced
"""

# A random UUID whose first six bytes are the milliseconds and whose version is seven; both kinds have the same variant.
UUID7 = """
CREATE FUNCTION pg_temp.seed_uuid7(moment timestamptz) RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT encode(set_byte(noise, 6, get_byte(noise, 6) & 15 | 112), 'hex')::uuid FROM (
        SELECT overlay(uuid_send(gen_random_uuid())
            PLACING substring(int8send(floor(extract(epoch FROM moment) * 1000)::bigint) FROM 3) FROM 1) AS noise
    ) AS timed
$$
"""


# Foreign keys and indexes are checked and built for all rows at once: four times as fast as for each.
FOREIGN_KEYS = """
SELECT format('ALTER TABLE billing_usagerecord DROP CONSTRAINT %%I', conname),
    format('ALTER TABLE billing_usagerecord ADD CONSTRAINT %%I %%s', conname, pg_get_constraintdef(oid))
FROM pg_constraint WHERE conrelid = 'billing_usagerecord'::regclass AND contype = 'f'
"""
INDEXES = """
SELECT format('DROP INDEX %%I', i.indexrelid::regclass::name), pg_get_indexdef(i.indexrelid)
FROM pg_index AS i WHERE i.indrelid = 'billing_usagerecord'::regclass AND NOT i.indisprimary
"""


def _usage(plan: Plan) -> None:
    from django.db import transaction

    with transaction.atomic():
        _run("SET LOCAL work_mem = '1GB';\nSET LOCAL maintenance_work_mem = '1GB'", plan)
        _run(UUID7, plan)
        put_back = _taken_away(FOREIGN_KEYS, plan) + _taken_away(INDEXES, plan)
        for first in range(1, plan.rows + 1, CHUNK):
            _run(USAGE, plan, first=first, last=min(first + CHUNK - 1, plan.rows))
        for statement in put_back:
            _run(statement, plan)


def _taken_away(script: str, plan: Plan) -> list[str]:
    """Drop what a query names; returns the statements that put it back."""
    found = _run(script, plan)
    for drop, _put_back in found:
        _run(drop, plan)
    return [put_back for _drop, put_back in found]


# Each user has a grant of their own size, and pays at the beginning of a week what they will use in it.
LEDGER = """
CREATE TEMP TABLE seed_day AS
SELECT user_id, token_id, counted_on AS day, sum(charge)::bigint AS charge, max(created_at) AS last_used_at,
    coalesce(sum(hold) FILTER (WHERE status = 'open'), 0)::bigint AS held
FROM billing_usagerecord GROUP BY 1, 2, 3;
ANALYZE seed_day;

INSERT INTO billing_ledgerentry (
    wallet_id, kind, amount, balance_after, idempotency_key, reference, reason, created_at
)
SELECT w.id, 'grant', reserve, reserve, format('load:grant:%%s', w.id), '', '', %(start)s
FROM billing_wallet AS w, LATERAL (SELECT (10 + w.id %% 90) * 1000000000 AS reserve) AS r;

INSERT INTO billing_ledgerentry (
    wallet_id, kind, amount, balance_after, idempotency_key, reference, reason, created_at
)
SELECT w.id, 'top_up', used.charge, (10 + w.id %% 90) * 1000000000 + used.charge,
    format('load:%%s:%%s', extract(epoch FROM used.week)::bigint, w.id), '', '', greatest(used.week, %(start)s)
FROM billing_wallet AS w JOIN (
    SELECT user_id, date_trunc('week', day) AS week, sum(charge) AS charge FROM seed_day GROUP BY 1, 2
) AS used USING (user_id)
WHERE used.charge > 0 ORDER BY used.week, w.id
"""


def _ledger(plan: Plan) -> None:
    _run(LEDGER, plan)


COUNTERS = """
UPDATE billing_wallet AS w SET held = coalesce(u.held, 0), balance = e.paid - coalesce(u.charge, 0)
FROM (SELECT wallet_id, sum(amount) AS paid FROM billing_ledgerentry GROUP BY 1) AS e
    JOIN billing_wallet AS o ON o.id = e.wallet_id
    LEFT JOIN (SELECT user_id, sum(charge) AS charge, sum(held) AS held FROM seed_day GROUP BY 1) AS u USING (user_id)
WHERE w.id = e.wallet_id;

UPDATE tokens_token AS t SET
    used = u.charge, held = u.held, day = u.day, last_used_at = u.last_used_at,
    day_spent = u.day_spent, month_spent = u.month_spent
FROM (
    SELECT token_id, max(day) AS day, sum(charge) AS charge, sum(held) AS held, max(last_used_at) AS last_used_at,
        sum(charge + held) FILTER (WHERE day = last_day) AS day_spent,
        sum(charge + held) FILTER (WHERE date_trunc('month', day) = date_trunc('month', last_day)) AS month_spent
    FROM (SELECT *, max(day) OVER (PARTITION BY token_id) AS last_day FROM seed_day) AS d GROUP BY 1
) AS u
WHERE u.token_id = t.id
"""


def _counters(plan: Plan) -> None:
    _run(COUNTERS, plan)


def _roll_ups(plan: Plan) -> None:
    from billing.rollups import roll_up_usage

    while roll_up_usage(now=plan.end):
        pass


STEPS: tuple[Callable[[Plan], None], ...] = (_people, _terms, _usage, _ledger, _counters, _roll_ups)


def _statistics(plan: Plan) -> None:
    """What autovacuum would have done by then."""
    _run("VACUUM (ANALYZE)", plan)


def _run(script: str, plan: Plan, **values: Any) -> list[Any]:
    """Execute statements, each ended by a semicolon and a new line; returns what the last one found."""
    from django.db import connection

    values |= {"rows": plan.rows, "users": plan.users, "start": plan.start, "end": plan.end}
    values |= {"models": len(MODELS), "listed": len(LISTED)}
    with connection.cursor() as cursor:
        for statement in script.split(";\n"):
            cursor.execute(statement, values | {"open": STILL_OPEN})
        return cursor.fetchall() if cursor.description else []


if __name__ == "__main__":
    main()
