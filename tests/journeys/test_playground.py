"""Playground and Chat in a real browser, against the real relay and the sandbox upstream."""

import json
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from billing.models import UsageRecord, Wallet
from config.kernel.money import format_usd, usd
from tests.factories import give, make_channel, make_group, make_price
from tests.tools.xss import ATTACKS

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.django_db(transaction=True)]

MODELS = ("sandbox-pro", "sandbox-long", "sandbox-cut", "sandbox-error-midstream", "sandbox-error-500")
WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


@pytest.fixture
def page(transactional_db, sandbox, alice, client_of, new_page, request):
    """A window in which alice, who has a dollar, is signed in."""
    give(alice, "1")
    for model in MODELS:
        make_price(model, input="1", output="2")
    make_channel(sandbox, models=MODELS, groups=[make_group("default", is_default=True, description="Default")])
    site = request.getfixturevalue("site")
    page = new_page(base_url=site, viewport={"width": 1440, "height": 900})
    session = client_of(alice).cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": site}])
    return page


def ask(page, text, *, model="sandbox-mini"):
    if page.locator("#set-model").is_visible():
        page.get_by_label("Model", exact=True).select_option(model)
    page.locator("#draft").fill(text)
    page.keyboard.press("Control+Enter")


def answer(page):
    return page.locator(".turn-answer").last


def finished(page):
    """The last answer, once it says what it cost."""
    expect(answer(page).locator(".turn-facts strong")).to_have_text(re.compile(r"^\$0\.0"), timeout=15_000)
    return answer(page)


def test_an_answer_streams_is_charged_and_is_in_the_usage_log(page, alice):
    page.goto("/playground")
    page.get_by_label("System prompt").fill("Be brief.")
    ask(page, "Hello there", model="sandbox-pro")
    expect(answer(page).get_by_text("Thoughts")).to_be_visible(timeout=15_000)
    done = finished(page)
    record = UsageRecord.objects.get()
    assert (record.user, record.model, record.is_stream, record.token_name) == (
        alice,
        "sandbox-pro",
        True,
        "Playground",
    )
    assert Wallet.objects.get(user=alice).balance == usd("1") - record.charge
    expect(done).to_contain_text(format_usd(record.charge))
    expect(done).to_contain_text(f"{record.usage.prompt_total} in")
    expect(done).to_contain_text("first byte")
    expect(done.locator(".thoughts .prose")).to_be_hidden()
    expect(page.locator("#cost")).to_have_text(format_usd(record.charge))
    done.get_by_role("link", name="Details").click()
    expect(page.get_by_role("dialog", name="Request")).to_contain_text("Both are the same.")
    page.goto("/usage")
    expect(page.locator(f'[data-id="{record.pk}"]')).to_contain_text("Playground")


def test_an_answer_in_one_piece_costs_the_same(page):
    page.goto("/playground")
    ask(page, "Hello there")
    streamed = finished(page).locator(".turn-facts strong").inner_text()
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("switch", name="Stream").uncheck()
    ask(page, "Hello there")
    assert finished(page).locator(".turn-facts strong").inner_text() == streamed
    assert sorted(UsageRecord.objects.values_list("is_stream", flat=True)) == [False, True]


def test_stopping_keeps_what_is_there_and_says_what_it_cost(page):
    page.goto("/playground")
    ask(page, "Tell me everything", model="sandbox-long")
    expect(answer(page).locator(".prose").last).to_contain_text(re.compile(r"\w+ \w+"), timeout=15_000)
    page.keyboard.press("Escape")
    expect(answer(page)).to_contain_text("You stopped this answer.")
    finished(page)
    expect(answer(page)).to_contain_text(format_usd(UsageRecord.objects.get().charge))
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_visible()


@pytest.mark.parametrize(
    ("model", "said"),
    [("sandbox-cut", "The upstream broke off its answer"), ("sandbox-error-midstream", "what you see is not all")],
)
def test_a_broken_answer_is_shown_as_broken(page, model, said):
    page.goto("/playground")
    ask(page, "Hello", model=model)
    expect(answer(page)).to_contain_text("The answer broke off", timeout=15_000)
    expect(answer(page)).to_contain_text(said)
    expect(answer(page).locator(".prose").last).not_to_be_empty()


def test_a_stream_without_its_end_mark_is_no_whole_answer(page):
    page.goto("/playground")
    page.route("**/v1/chat/completions", stream("Half an", end=""))
    ask(page, "Hello")
    expect(answer(page)).to_contain_text("The answer broke off")


@pytest.fixture
def failing(browser, page):
    """A window like alice's whose console may say that an answer was an error."""
    page.goto("/playground")
    context = browser.new_context(storage_state=page.context.storage_state())
    window = context.new_page()
    window.goto(page.url)
    yield window
    context.close()


def test_failures_say_what_to_do(failing):
    page = failing
    page.route("**/v1/chat/completions", refusal(402, "insufficient_quota", "Your balance is too low."))
    ask(page, "Hello")
    expect(answer(page)).to_contain_text("Your balance is too low.")
    expect(answer(page).get_by_role("link", name="Add credit to your wallet")).to_have_attribute("href", "/wallet")
    page.route("**/v1/chat/completions", refusal(429, "rate_limit_exceeded", "Too fast.", **{"Retry-After": "7"}))
    answer(page).get_by_role("button", name="Try again").click()
    expect(answer(page)).to_contain_text("Try again in 7 s.")
    page.route("**/playground/pass", refusal(401, "signed_out", "You have been signed out."))
    answer(page).get_by_role("button", name="Try again").click()
    expect(answer(page).get_by_role("link", name="Sign in again")).to_have_attribute(
        "href", re.compile(r"\?next=%2Fplay")
    )


def test_editing_a_message_replaces_what_came_after(page):
    page.goto("/playground")
    ask(page, "One")
    finished(page)
    ask(page, "Two")
    expect(page.locator(".turn-answer")).to_have_count(2)
    finished(page)
    page.locator(".turn-user").first.hover()
    page.get_by_role("button", name="Edit and send again").first.click()
    page.locator(".turn-editor textarea").first.fill("Three")
    page.get_by_role("button", name="Send again").first.click()
    expect(page.locator(".turn-answer")).to_have_count(1)
    expect(finished(page)).to_contain_text("Three")
    assert "One" not in page.locator("#turns").inner_text()


def test_the_call_as_code(page):
    page.goto("/playground")
    page.get_by_label("System prompt").fill('It\'s "quoted" and\nbroken')
    page.get_by_label("Max tokens").fill("77")
    page.get_by_role("button", name="Code").click()
    shown = {name: page.locator(f"#code-{name}-text").text_content() for name in ("curl", "python", "node")}
    body = json.loads(shown["curl"].split("-d '")[1].removesuffix("'").replace("'\\''", "'"))
    assert body["messages"] == [{"role": "system", "content": 'It\'s "quoted" and\nbroken'}]
    assert body["max_tokens"] == 77
    compile(shown["python"], "shown", "exec")
    assert "stream=True" in shown["python"]
    assert "sk-…" in shown["node"]


def test_conversations_stay_in_the_browser(page):
    page.goto("/chat")
    ask(page, "My first question")
    finished(page)
    page.get_by_role("button", name="New conversation").click()
    ask(page, "Another thing")
    finished(page)
    page.reload()
    names = page.locator("#conversations .chat-name-open")
    expect(names).to_have_text(["Another thing", "My first question"])
    names.last.click()
    expect(page.locator(".bubble")).to_have_text(["My first question"])
    row = page.locator(".chat-name").last
    row.get_by_role("button", name="Rename").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Renamed")
    page.keyboard.press("Enter")
    expect(names.last).to_have_text("Renamed")
    with page.expect_download() as download:
        row.get_by_role("button", name="Export").click()
    assert download.value.suggested_filename == "Renamed.json"
    row.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(names).to_have_text(["Another thing"])
    page.reload()
    expect(names).to_have_text(["Another thing"])


def test_an_answer_that_was_being_written_is_not_taken_up_again(page):
    page.goto("/chat")
    page.locator(".chat-settings-open").click()
    page.get_by_label("Model", exact=True).select_option("sandbox-long")
    page.keyboard.press("Escape")
    ask(page, "Tell me everything")
    expect(answer(page).locator(".prose").last).to_contain_text(re.compile(r"\w+ \w+"), timeout=15_000)
    page.wait_for_function("document.querySelector('.turn-answer').ariaBusy === 'true'")
    page.reload()
    expect(answer(page)).to_contain_text("This page was closed while the answer was written")


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1440, "light")])
def test_nothing_is_in_the_way_of_anybody(page, scheme, width):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    for address in ("/playground", "/chat"):
        page.goto(address)
        page.route(
            "**/v1/chat/completions", stream("# Title\n\n```python\nprint(1)\n```\n\n- [x] done\n\n| a |\n|---|\n| 1 |")
        )
        ask(page, "Hello")
        expect(answer(page).get_by_role("heading", name="Title")).to_be_visible()
        expect(answer(page).locator(".hljs-built_in")).to_have_text("print")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert [violation["id"] for violation in Axe().run(page, options=WCAG).response["violations"]] == []


# ── What models write is anybody's text ──────────────────────────────────────


def stream(text, *, end="data: [DONE]\n\n"):
    """An answer of these words, as the relay would send it."""
    pieces = [text[at : at + 7] for at in range(0, len(text), 7)]
    events = [json.dumps({"choices": [{"index": 0, "delta": {"content": piece}}]}) for piece in pieces]
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "cost": 0.000042}
    events.append(json.dumps({"choices": [], "usage": usage}))
    body = "".join(f"data: {event}\n\n" for event in events) + end
    return lambda route: route.fulfill(status=200, headers={"Content-Type": "text/event-stream"}, body=body)


def refusal(status, code, message, **headers):
    body = json.dumps({"error": {"code": code, "message": message}})
    headers = {"Content-Type": "application/json", **headers}
    return lambda route: route.fulfill(status=status, headers=headers, body=body)


HARMLESS = """() => {
  const prose = document.querySelector('.turn-answer > .prose');
  const every = [...prose.querySelectorAll('*')].filter((each) => !each.closest('.code-head'));
  const names = every.flatMap((each) => each.getAttributeNames());
  const leading = every.filter((each) => each.matches('[href], [src], [srcset], [action], [formaction]'));
  return {
    tags: [...new Set(every.map((each) => each.localName))],
    handlers: names.filter((name) => name.startsWith('on') || name === 'style'),
    links: leading.map((each) => each.getAttribute('href')),
    ids: every.filter((each) => each.id || each.getAttribute('name')).length,
    pwned: window.pwned ?? null,
  };
}"""
DANGEROUS = {
    "script",
    "img",
    "iframe",
    "svg",
    "math",
    "style",
    "object",
    "embed",
    "form",
    "base",
    "link",
    "meta",
    "video",
}


def test_no_answer_does_harm(page):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/playground")
    for attack in ATTACKS:
        page.get_by_role("button", name="Clear").click()
        page.unroute_all()
        page.route("**/v1/chat/completions", stream(attack))
        ask(page, "Hello")
        finished(page)
        found = page.evaluate(HARMLESS)
        assert not DANGEROUS & set(found["tags"]), attack
        assert (found["handlers"], found["ids"], found["pwned"]) == ([], 0, None), attack
        assert all(link is None or re.match(r"https?:|mailto:", link) for link in found["links"]), attack
    assert not [url for url in asked if "evil.example" in url]
