"""Every page of the staff admin: answered, no error in the console, nothing refused by the security policy, nothing
wider than the window, and states that can be read."""

import pytest

from tests.conftest import persona
from tests.journeys.every_page import Visit
from tests.journeys.tour import Tour
from tests.pages.admin_pages import addresses
from tests.pages.admin_rows import make_rows

pytestmark = [
    *(pytest.mark.browser, pytest.mark.live, pytest.mark.django_db, pytest.mark.xdist_group("every page")),
    pytest.mark.soak,
]
CONTRAST = {"type": "rule", "values": ["color-contrast"]}
ROWS = "#result_list"


@pytest.fixture(scope="module")
def visits(rooms, django_db_blocker):
    """With a row of everything, even of what a month of business does not bring."""
    with django_db_blocker.unblock():
        rows = make_rows(persona("dave"))
        carol = rooms.people["carol"]
        return [Visit("carol", address) for address in addresses(rows.by_name, carol)]


@pytest.mark.parametrize(
    ("width", "theme", "language"), [(1440, "light", "en"), (360, "dark", "zh-hans"), (1440, "dark", "zh-hans")]
)
def test_every_admin_page_is_whole(browser, rooms, visits, width, theme, language):
    tour = Tour(browser, rooms, visits, width=width, theme=theme, language=language)
    for page in tour:
        tour.measure(page)
        if page.locator(ROWS).count():
            tour.test(page, CONTRAST, within=ROWS)
    tour.end()
