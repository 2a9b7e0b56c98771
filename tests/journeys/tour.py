"""A walk through many pages in Chromium that collects everything wrong with them, so that one run tells it all."""

from itertools import groupby

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings

WIDTHS = {360: 780, 1440: 900}
THIRD_PARTY = ["#api-docs .swagger-ui"]  # Swagger UI's own markup and colours: contrast, labels, buttons inside buttons
REPORT_REFUSALS = """document.addEventListener("securitypolicyviolation", event =>
    console.error("refused:", event.violatedDirective, event.blockedURI, event.sample))"""
TOO_WIDE = """() => [...document.querySelectorAll("body *")].filter(each =>
    each.getBoundingClientRect().right > innerWidth + 1).slice(0, 3).map(each => each.outerHTML.slice(0, 120))"""


class Tour:
    """Visits in a browser window for each person, and what they had to complain about."""

    def __init__(self, browser, rooms, visits, *, width, theme, language):
        self.browser, self.rooms, self.visits, self.complaints = browser, rooms, visits, []
        self.options = {"viewport": {"width": width, "height": WIDTHS[width]}, "color_scheme": theme}
        self.cookies = {settings.LANGUAGE_COOKIE_NAME: language}

    def __iter__(self):
        """Each visit with its page loaded."""
        for who, mine in groupby(sorted(self.visits), key=lambda visit: visit.who):
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

    def test(self, page, rules, *, within="html"):
        """What axe finds in one part of the page."""
        options = {"runOnly": rules, "resultTypes": ["violations"]}
        where = {"include": [[within]], "exclude": [[place] for place in THIRD_PARTY]}
        for rule in Axe().run(page, context=where, options=options).response["violations"]:
            self.complain(f"{rule['id']}: {[node['target'] for node in rule['nodes']][:4]}")

    def end(self):
        if self.complaints:
            pytest.fail("\n".join(self.complaints), pytrace=False)
