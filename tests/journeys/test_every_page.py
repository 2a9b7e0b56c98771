"""Every page, for whom it is: no error in the console, nothing refused by the security policy, nothing wider than the
window, in both languages and themes; and nothing that axe finds against WCAG 2.2 A and AA."""

import pytest

from tests.journeys.every_page import UNNAMED, listed, places, visits
from tests.journeys.tour import Tour

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db, pytest.mark.xdist_group("every page")]
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RULES = {"light": WCAG, "dark": {"type": "rule", "values": ["color-contrast"]}}  # only colours change with the theme


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
def test_every_page_is_whole_and_accessible(browser, rooms, width, language):
    tour = Tour(browser, rooms, visits(rooms), width=width, theme="light", language=language)
    for page in tour:
        tour.measure(page)
        if width == 1440:
            tour.test(page, RULES["light"])
        page.emulate_media(color_scheme="dark")
        tour.measure(page)
        page.emulate_media(color_scheme="light")
    tour.end()


@pytest.mark.soak
def test_every_page_is_readable_in_the_dark(browser, rooms):
    tour = Tour(browser, rooms, visits(rooms), width=1440, theme="dark", language="en")
    for page in tour:
        tour.test(page, RULES["dark"])
    tour.end()
