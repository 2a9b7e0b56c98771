"""Draw the pages for docs/screenshots: `python3 run.py screenshots`.

Makes a product of its own in a temporary folder, with a month of made-up but correctly booked usage, serves it, and
takes each page light, dark and on a phone. Nothing outside docs/screenshots is touched.
"""

import os
import random
import tempfile
from datetime import timedelta
from pathlib import Path

import django
from playwright.sync_api import Browser, sync_playwright

TARGET = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
PAGES = {"home": "/", "pricing": "/pricing", "dashboard": "/dashboard", "tokens": "/tokens", "usage": "/usage"}
LOOKS = {"light": ("light", 1440, 900), "dark": ("dark", 1440, 900), "phone": ("light", 390, 844)}
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
MODELS = ("sandbox-mini", "sandbox-pro", "sandbox-slow", "sandbox-long")
CALLS = 1_200


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="tollbooth-screenshots-") as folder:
        os.environ.update(VAR_DIR=folder, ENV_FILE=os.devnull, DATABASE_URL=f"sqlite:///{folder}/shots.sqlite3")
        os.environ.update(REDIS_URL="", SITE_URL="https://console.example.com", DJANGO_ALLOW_ASYNC_UNSAFE="1")
        os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
        django.setup()
        cookies = _prepare()
        from config.asgi import application
        from tests.live import serving

        with serving(application) as url:
            _draw(url, cookies)


def _prepare() -> dict[str, str]:
    """Migrate, seed, book a month of usage; returns the cookies of a signed-in customer."""
    from django.conf import settings
    from django.core.management import call_command
    from django.test import Client

    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False  # served here without TLS
    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    from config import seeding

    seeding.seed(sandbox_url="http://127.0.0.1:9/v1")
    user = _customer()
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return {"sessionid": client.cookies["sessionid"].value}


def _customer():
    from allauth.account.models import EmailAddress

    from tests.factories import give, make_user
    from tokens.models import Group
    from tokens.services import issue_token

    user = make_user("lin@example.com", name="Lin Chen")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    give(user, "150")
    terms = {"production": ("28%", None), "staging": ("auto", "40"), "notebook": ("default", "25")}
    tokens = [
        issue_token(user=user, name=name, group=Group.objects.get(code=code), quota=_nano(quota)).token
        for name, (code, quota) in terms.items()
    ]
    _book_usage(tokens)
    return user


def _nano(dollars: str | None) -> int | None:
    from config.kernel.money import usd

    return None if dollars is None else usd(dollars)


def _book_usage(tokens: list) -> None:
    from django.utils import timezone

    from billing.lots import Lot, commit
    from billing.models import ModelPrice
    from billing.rollups import roll_up_usage

    chance, now = random.Random(7), timezone.now()  # always the same picture
    prices = {price.model: price for price in ModelPrice.objects.filter(model__in=MODELS)}
    for number in range(CALLS):
        moment = now - timedelta(minutes=5 + 43_000 * (CALLS - number) / CALLS + chance.random() * 30)
        hold, settlement = _call(chance.choice(tokens), prices[chance.choices(MODELS, (4, 5, 2, 1))[0]], moment, chance)
        commit(Lot(holds=[hold]))
        commit(Lot(settlements=[settlement]))
    roll_up_usage(now=now)


def _call(token, price, moment, chance: random.Random):
    from billing.holds import Settlement, charge_within
    from billing.pricing import Usage
    from config.kernel.ids import uuid7_at
    from tests.factories import make_hold

    ratio = 280_000 if token.group.is_auto else token.group.ratio_ppm
    hold = make_hold(
        token,
        price=price,
        ratio_ppm=ratio,
        amount="0.5",
        is_stream=chance.random() < 0.7,
        created_at=moment,
        id=uuid7_at(int(moment.timestamp() * 1000), chance.getrandbits(74)),
        group="28%" if token.group.is_auto else token.group.code,
    )
    prompt, failed = chance.randrange(200, 60_000), chance.random() < 0.02
    usage = Usage() if failed else Usage(input=prompt, cache_read=prompt // 4, output=chance.randrange(50, 9_000))
    first = chance.randrange(180, 900)
    settlement = Settlement(
        id=hold.id,
        status="failed" if failed else "settled",
        end_reason="upstream_error" if failed else "completed",
        rule="nothing" if failed else "reported",
        usage=usage,
        charge=0 if failed else charge_within(usage, quote=hold.quote, hold=hold.amount),
        channel_id=1,
        channel_name="Sandbox",
        attempts=({"channel": "Sandbox", "status": 502 if failed else 200, "error": "", "ms": first},),
        http_status=502 if failed else 200,
        error_code="upstream_error" if failed else "",
        first_byte_ms=first,
        total_ms=first + chance.randrange(300, 6_000),
    )
    return hold, settlement


def _draw(url: str, cookies: dict[str, str]) -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        for look in LOOKS:
            _draw_look(browser, url, cookies, look)
        browser.close()


def _draw_look(browser: Browser, url: str, cookies: dict[str, str], look: str) -> None:
    scheme, width, height = LOOKS[look]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    context.add_cookies([{"name": name, "value": value, "url": url} for name, value in cookies.items()])
    page = context.new_page()
    for name, path in PAGES.items():
        page.goto(url + path)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=TARGET / f"{name}-{look}.png", full_page=width > 1000)
    context.close()


if __name__ == "__main__":
    main()
