"""Every page, for whom it is: no error in the console, nothing refused by the security policy, nothing wider than the
window, in both languages and themes; and nothing that axe finds against WCAG 2.2 A and AA."""

from itertools import groupby

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from tests.journeys.every_page import UNNAMED, listed, places, visits
from tests.journeys.rooms import open_rooms

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db, pytest.mark.xdist_group("every page")]
WIDTHS = {360: 780, 1440: 900}
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RULES = {"light": WCAG, "dark": {"type": "rule", "values": ["color-contrast"]}}  # only colours change with the theme
THIRD_PARTY = ["#api-docs .swagger-ui"]  # Swagger UI's own markup and colours: contrast, labels, buttons inside buttons
REPORT_REFUSALS = """document.addEventListener("securitypolicyviolation", event =>
    console.error("refused:", event.violatedDirective, event.blockedURI, event.sample))"""
TOO_WIDE = """() => [...document.querySelectorAll("body *")].filter(each =>
    each.getBoundingClientRect().right > innerWidth + 1).slice(0, 3).map(each => each.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")  # filled once, before the transaction in which each test believes to be
def rooms(browser, django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        try:
            with open_rooms() as rooms:
                yield rooms
        finally:
            call_command("flush", interactive=False, verbosity=0)
            connections.close_all()


class Tour:
    """A browser window for each person, and what they had to complain about."""

    def __init__(self, browser, rooms, *, width, theme, language):
        self.browser, self.rooms, self.complaints = browser, rooms, []
        self.options = {"viewport": {"width": width, "height": WIDTHS[width]}, "color_scheme": theme}
        self.cookies = {settings.LANGUAGE_COOKIE_NAME: language}

    def __iter__(self):
        """Each visit with its page loaded."""
        for who, mine in groupby(sorted(visits(self.rooms)), key=lambda visit: visit.who):
            context = self.enter(who)
            page = context.new_page()
            page.on("console", lambda message: self.hear(message))
            page.on("pageerror", lambda error: self.complain(str(error)))
            for self.visit in mine:
                answer = page.goto(self.visit.address, wait_until="load")
                self.check(answer)
                yield page
            context.close()

    def check(self, answer):
        if answer.status != self.visit.status:
            self.complain(f"answered {answer.status}")
        if not answer.url.endswith(self.visit.address) and "/reset/key/" not in self.visit.address:
            self.complain(f"led to {answer.url}")

    def enter(self, who):
        context = self.browser.new_context(base_url=self.rooms.url, reduced_motion="reduce", **self.options)
        cookies = dict(self.cookies)
        if who in self.rooms.sessions:
            cookies[settings.SESSION_COOKIE_NAME] = self.rooms.sessions[who]
        context.add_cookies([{"name": name, "value": value, "url": self.rooms.url} for name, value in cookies.items()])
        context.add_init_script(REPORT_REFUSALS)
        return context

    def hear(self, message):
        is_expected = message.location["url"].endswith(self.visit.address) and self.visit.status != 200
        if message.type == "error" and not is_expected:
            self.complain(message.text)

    def complain(self, what):
        self.complaints.append(f"{self.visit.who} {self.visit.address}: {what}")

    def measure(self, page):
        """A page may not scroll sideways; its tables may."""
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            self.complain(f"wider than the window: {page.evaluate(TOO_WIDE)}")

    def test(self, page, rules):
        options = {"runOnly": rules, "resultTypes": ["violations"]}
        where = {"exclude": [[place] for place in THIRD_PARTY]}
        for rule in Axe().run(page, context=where, options=options).response["violations"]:
            self.complain(f"{rule['id']}: {[node['target'] for node in rule['nodes']][:4]}")

    def end(self):
        if self.complaints:
            pytest.fail("\n".join(self.complaints), pytrace=False)


def test_no_address_is_forgotten():
    assert {place.name for place in places()} - {""} == listed()
    assert [place for place in places() if not place.name and not place.route.startswith(UNNAMED)] == []


@pytest.mark.parametrize(
    ("width", "language"),
    [
        (360, "zh-hans"),
        (1440, "en"),
        pytest.param(360, "en", marks=pytest.mark.soak),
        pytest.param(1440, "zh-hans", marks=pytest.mark.soak),
    ],
)
def test_every_page_is_whole(browser, rooms, width, language):
    tour = Tour(browser, rooms, width=width, theme="light", language=language)
    for page in tour:
        tour.measure(page)
        page.emulate_media(color_scheme="dark")
        tour.measure(page)
        page.emulate_media(color_scheme="light")
    tour.end()


@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.soak)])
def test_every_page_is_accessible(browser, rooms, theme):
    tour = Tour(browser, rooms, width=1440, theme=theme, language="en")
    for page in tour:
        tour.test(page, RULES[theme])
    tour.end()
