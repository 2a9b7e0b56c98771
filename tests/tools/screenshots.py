"""Draw the pages for `docs/screenshots`: light, dark and on a phone.

`python3 run.py screenshots` furnishes a product of its own in a temporary folder and draws that;
`--base-url`, `--email` and `--password` draw a running one instead, as that customer.
"""

import argparse
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.tools.small_png import with_palette

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
PAGES = {
    "home": "/",
    "dashboard": "/dashboard",
    "tokens": "/tokens",
    "usage": "/usage",
    "playground": "/playground",
    "wallet": "/wallet",
    "orders": "/orders",
    "pay": "/orders",  # and on to the pay page of the newest order
    "pricing": "/pricing",
    "docs": "/docs",
    "status": "/status",
}
DESKTOP = ViewportSize(width=1440, height=900)
TALLEST = 1900
PHONE = ViewportSize(width=390, height=844)
LOOKS = {
    "light": {"viewport": DESKTOP, "color_scheme": "light"},
    "dark": {"viewport": DESKTOP, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "color_scheme": "light", "device_scale_factor": 2, "is_mobile": True},
}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def main() -> None:
    """Write every page in every look, or those named."""
    arguments = parsed()
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("Chromium is not installed (Debian: apt-get install chromium).")
    FOLDER.mkdir(parents=True, exist_ok=True)
    drawn: list[Path] = []
    with product(arguments) as (url, email, password), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for look in LOOKS:
            drawn += draw(browser, look, url, email, password, arguments.pages)
        browser.close()
    for path in drawn:  # only now: beside the pages' own server it would have to wait for this
        path.write_bytes(with_palette(path.read_bytes()))
        sys.stdout.write(f"{path.name}\n")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="*", metavar="page", help=", ".join(PAGES))
    parser.add_argument("--base-url", help="a running product, such as http://127.0.0.1:8000")
    parser.add_argument("--email")
    parser.add_argument("--password")
    arguments = parser.parse_args()
    if unknown := set(arguments.pages) - PAGES.keys():
        parser.error(f"no such page: {', '.join(sorted(unknown))}")
    if arguments.base_url and not (arguments.email and arguments.password):
        parser.error("--base-url needs --email and --password of a customer there")
    return arguments


def draw(browser: Browser, look: str, url: str, email: str, password: str, names: list[str]) -> Iterator[Path]:
    """One browser window: sign in, then visit the pages."""
    context = browser.new_context(base_url=url, locale="en", reduced_motion="reduce", **LOOKS[look])  # type: ignore[arg-type]
    page = context.new_page()
    sign_in(page, email, password)
    for name in names or PAGES:
        page.goto(PAGES[name], wait_until="load")
        if name == "pay":
            page.goto(str(page.locator("main a[href^='/topup/pay']").first.get_attribute("href")), wait_until="load")
        page.evaluate("document.fonts.ready")
        if look != "phone":
            show_whole(page)
        path = FOLDER / f"{name}-{look}.png"
        page.screenshot(path=path, animations="disabled")
        yield path
    context.close()


def show_whole(page: Page) -> None:
    """As tall a window as the page, up to a limit: in a full-page picture what is sticky would end half-way."""
    page.set_viewport_size(DESKTOP)
    wanted = page.locator("html").evaluate("html => html.scrollHeight")
    page.set_viewport_size(ViewportSize(width=DESKTOP["width"], height=max(DESKTOP["height"], min(wanted, TALLEST))))


def sign_in(page: Page, email: str, password: str) -> None:
    page.goto("/accounts/login/")
    page.locator("input[name=login]").fill(email)
    page.locator("input[name=password]").fill(password)
    page.locator("main button[type=submit]").first.click()
    page.wait_for_url("**/dashboard")


@contextmanager
def product(arguments: argparse.Namespace) -> Iterator[tuple[str, str, str]]:
    """Address of the product to draw, and who signs in."""
    if arguments.base_url:
        yield arguments.base_url, arguments.email, arguments.password
        return
    with tempfile.TemporaryDirectory() as folder:
        furnished = furnish(folder)
        from tests.live import serving

        with serving(furnished) as url:
            from tests.tools.showroom import EMAIL, PASSWORD

            yield url, EMAIL, PASSWORD


def furnish(folder: str) -> Any:
    """Migrate, seed and fill a database in `folder`; returns the application that serves it."""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DJANGO_ALLOW_ASYNC_UNSAFE": "1",  # Playwright's loop runs in this thread
        "ENV_FILE": os.devnull,
        "VAR_DIR": folder,
        "DATABASE_URL": f"sqlite:///{folder}/tollbooth.sqlite3",
        "REDIS_URL": "",
        "API_BASE_URL": "https://api.tollbooth.example/v1",
        "LOG_LEVEL": "ERROR",
    }
    import django
    from django.core.management import call_command

    django.setup()
    from tests.tools.showroom import furnish as fill

    for command in ("migrate", "collectstatic", "load_prices", "seed"):
        options = {"interactive": False} if command in ("migrate", "collectstatic") else {}
        call_command(command, verbosity=0, stdout=io.StringIO(), **options)
    fill()
    from config.asgi import application  # only now: it looks at the collected files when it is made

    return application


if __name__ == "__main__":
    main()
