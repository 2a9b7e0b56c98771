"""The documentation: every page, the samples (run where their runtime is installed), and the list of errors."""

import ast
import json
import re
import shutil
import subprocess
import sys
from html import unescape

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings as django_settings
from django.utils import translation

from config.kernel import errors as kernel_errors
from config.kernel.errors import DomainError
from relay import error_guide, v1
from relay import errors as relay_errors
from relay.docs import PAGES
from relay.highlight import highlight
from relay.samples import KINDS, LANGUAGES, sample_text
from tests.factories import make_channel, make_group, make_price
from tests.relay.conftest import caller_of, relay, sandbox  # noqa: F401 - fixtures
from tokens.services import issue_token

HERE = "http://127.0.0.1:9/v1"
VALUES = {"api_base_url": "https://api.example.com/v1", "api_key": "sk-abc", "model": "sandbox-mini"}
TAGS = re.compile(r"<[^>]+>")


@pytest.fixture
def shop(db):
    make_price("gpt-5.1", input="1.25", output="10", tags=["tools"])
    make_channel(HERE, models=("gpt-5.1",), groups=[make_group()])
    make_group("auto", is_auto=True)


def address_of(slug):
    return "/docs" if slug == "quick-start" else f"/docs/{slug}"


# ── The pages ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("slug", PAGES)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_page_in_both_languages(client, shop, slug, language):
    client.cookies["django_language"] = language
    response = client.get(address_of(slug))
    page = response.content.decode()
    with translation.override(language):
        assert f"<h1>{PAGES[slug].title}</h1>" in page
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert 'property="og:title"' in page


def test_an_unknown_page_is_not_found(client, db):
    assert client.get("/docs/no-such-topic").status_code == 404


def test_headings_are_listed_and_lead_to_their_place(client, shop):
    response = client.get("/docs/errors")
    page = response.content.decode()
    anchors = [anchor for anchor, _ in response.context["headings"]]
    assert "aliases" in anchors
    assert all(f'id="{anchor}"' in page and f'href="#{anchor}"' in page for anchor in anchors)


def test_no_id_is_there_twice(client, shop):
    for slug in PAGES:
        ids = re.findall(r'\sid="([^"]+)"', client.get(address_of(slug)).content.decode())
        assert len(ids) == len(set(ids)), slug


def test_links_between_pages_lead_somewhere(client, shop):
    found = {
        href for slug in PAGES for href in re.findall(r'href="(/[^"#]*)', client.get(address_of(slug)).content.decode())
    }
    inside = [href for href in found if not href.startswith("/static/")]
    assert [href for href in inside if client.get(href).status_code not in (200, 302)] == []


# ── The visitor's own values ─────────────────────────────────────────────────


def test_samples_name_the_host_that_was_asked(client, shop, settings):
    settings.SITE_URL, settings.API_BASE_URL = "https://shop.example.com", "https://shop.example.com/v1"
    settings.ALLOWED_HOSTS = ["shop.example.com", "b-end.example.com"]
    assert (
        "https://b-end.example.com/v1/chat/completions"
        in client.get("/docs", headers={"host": "b-end.example.com"}).content.decode()
    )
    assert (
        "https://shop.example.com/v1/chat" in client.get("/docs", headers={"host": "shop.example.com"}).content.decode()
    )


def test_a_base_url_of_its_own_is_the_same_on_every_host(client, shop, settings):
    settings.API_BASE_URL = "https://api.elsewhere.example/v1"
    page = client.get("/docs/base-urls").content.decode()
    assert "https://api.elsewhere.example/v1/chat/completions" in page
    assert "testserver" not in page


def test_a_customer_sees_their_newest_key_masked_and_nobody_elses(client, shop, client_of, alice, bob):
    issued = issue_token(user=alice, name="mine", group=make_group())
    hers, his = (client_of(person).get("/docs").content.decode() for person in (alice, bob))
    assert issued.token.masked_key in hers
    assert issued.plain_key not in hers
    for page in (his, client.get("/docs").content.decode()):
        assert issued.token.masked_key not in page
        assert "sk-your-api-key" in page


def test_samples_call_a_model_that_is_on_sale(client, shop):
    assert "&quot;model&quot;: &quot;gpt-5.1&quot;" in client.get("/docs").content.decode()


# ── The samples ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sample_is_filled(kind, language):
    program = sample_text(kind, language, VALUES)
    assert "https://api.example.com/v1/chat/completions" in program or language == "python"
    assert all(value in program for value in VALUES.values())
    assert not re.search(r"\{\{|\}\}\s*/|&quot;|&#", program)
    assert ("stream" in program.lower()) == (kind == "stream")


@pytest.mark.parametrize("language", LANGUAGES)
def test_colours_leave_the_program_as_it_is(language):
    program = sample_text("stream", language, VALUES)
    coloured = highlight(program, language)
    assert unescape(TAGS.sub("", coloured)) == program
    assert 'class="tok-s"' in coloured


def test_markup_in_code_is_shown_and_not_obeyed():
    assert "<script>" not in highlight('x = "<script>" <script>', "python")


@pytest.mark.parametrize(("kind", "language"), [("chat", "python"), ("stream", "python")])
def test_python_compiles(kind, language):
    compile(sample_text(kind, language, VALUES), language, "exec")


@pytest.mark.live
@pytest.mark.parametrize("language", ["curl", "python", "node", "java", "go", "php"])
def test_samples_run_against_the_relay(caller_of, tmp_path, language):  # noqa: F811 - the fixture above
    alice = caller_of()
    answers = [run_sample(kind, language, alice, tmp_path) for kind in KINDS]
    whole, streamed = alice.records
    assert [whole.is_stream, streamed.is_stream] == [False, True]
    assert [record.status for record in alice.records] == ["settled", "settled"]
    assert answers[0] == answers[1] != ""


COMMANDS = {
    "curl": ("hello.sh", ["sh"]),
    "python": ("hello.py", [sys.executable]),
    "node": ("hello.mjs", ["node"]),
    "java": ("Hello.java", ["java"]),
    "go": ("hello.go", ["go", "run"]),
    "php": ("hello.php", ["php"]),
}


def run_sample(kind, language, caller, folder):
    """The text that a program prints."""
    name, command = COMMANDS[language]
    runtime = {"curl": "curl"}.get(language, command[0])
    if shutil.which(runtime) is None:
        pytest.skip(f"{runtime} is not installed")
    values = {"api_base_url": caller.base_url, "api_key": caller.key, "model": "sandbox-mini"}
    (folder / name).write_text(sample_text(kind, language, values))
    run = subprocess.run([*command, name], cwd=folder, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr[-2000:]
    return text_of(run.stdout).strip()


def text_of(printed):
    """The answer's text, also where a program prints the JSON around it."""
    lines = [line.removeprefix("data: ") for line in printed.splitlines()]
    chunks = [json.loads(line) for line in lines if line.startswith("{")]
    if not chunks:
        return printed
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    return "".join(choice.get("message", choice.get("delta", {})).get("content") or "" for choice in choices)


# ── Errors ───────────────────────────────────────────────────────────────────

KINDS_OF_ERRORS = {
    name: kind
    for module in (kernel_errors, relay_errors, v1)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, DomainError)
}
# What only staff meets, in the admin and in commands, and the console's own pass: neither answers a call.
OF_NO_CALL = {"admin", "channel_keys", "overrides", "probe", "recovery", "services", "playground"}


def sources_of_errors():
    root = django_settings.BASE_DIR
    for path in (root / "relay").rglob("*.py"):
        if not {"sandbox", "management", "migrations"} & set(path.parts) and path.stem not in OF_NO_CALL:
            yield path
    yield from (root / "billing/admission.py", root / "billing/writer.py", root / "tokens/refusals.py")


def errors_of(source):
    """(status, code) of every error that a module makes by name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS_OF_ERRORS:
            kind = KINDS_OF_ERRORS[node.func.id]
            given = [word.value for word in node.keywords if word.arg == "code"]
            if not given:
                yield kind.status, kind.default_code
            elif isinstance(given[0], ast.Constant):
                yield kind.status, given[0].value


def test_every_error_of_the_relay_is_explained_and_no_other():
    sent = {error for path in sources_of_errors() for error in errors_of(path.read_text())}
    assert len(sent) > 20
    assert {(row.status, row.code) for row in error_guide.ERRORS} == sent


def test_the_rule_sees_a_new_code():
    assert set(errors_of('raise NotFound("Gone.", code="gone")\nraise TooLarge("Big.")')) == {
        (404, "gone"),
        (413, "request_too_large"),
    }


def test_types_are_those_that_are_sent():
    for row in error_guide.ERRORS:
        assert relay_errors.error_object(row.kind("", code=row.code))["error"]["type"] == row.type


def test_every_alias_has_a_place_to_lead_to(client, db):
    page = client.get("/docs/errors").content.decode()
    for alias in error_guide.ALIASES:
        assert f'href="#{alias.code}"' in page
        assert f'<tr id="{alias.code}">' in page


@pytest.mark.live
def test_a_refusal_is_what_the_page_says(caller_of):  # noqa: F811 - the fixture above
    alice = caller_of()
    answer = alice.post({"model": "no-such-model", "messages": [{"role": "user", "content": "Hi"}]})
    row = error_guide.explained(answer.json()["error"]["code"])
    assert (answer.status_code, answer.json()["error"]["type"]) == (row.status, row.type)


# ── In a browser ─────────────────────────────────────────────────────────────


@pytest.mark.soak  # each page in each theme; the tour of all pages (tests/journeys) is made every time
@pytest.mark.browser
@pytest.mark.live
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_barriers_and_no_sideways_scrolling(relay, new_page, shop, scheme):  # noqa: F811
    page = new_page(base_url=relay.removesuffix("/v1"), color_scheme=scheme, viewport={"width": 360, "height": 780})
    for slug in PAGES:
        page.goto(address_of(slug))
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, slug
        assert violations(page) == [], slug


def violations(page):
    return [(found["id"], found["nodes"][0]["target"]) for found in Axe().run(page).response["violations"]]


@pytest.mark.browser
@pytest.mark.live
def test_languages_change_without_scripts(relay, browser, shop):  # noqa: F811
    context = browser.new_context(base_url=relay.removesuffix("/v1"), java_script_enabled=False)
    page = context.new_page()
    page.goto("/docs/chat-completions")
    assert page.locator(".sample-curl").is_visible()
    page.get_by_role("radio", name="Go").check()
    assert page.locator(".sample-go").is_visible()
    assert not page.locator(".sample-curl").is_visible()
    context.close()


@pytest.mark.browser
@pytest.mark.live
def test_a_language_once_chosen_stays(relay, new_page, shop):  # noqa: F811
    page = new_page(base_url=relay.removesuffix("/v1"))
    page.goto("/docs")
    page.get_by_role("radio", name="Python").first.check()
    assert page.locator(".sample-python:visible").count() == 2
    page.goto("/docs/streaming")
    assert page.locator(".sample-python").is_visible()
