"""`manage.py add_channel`: from an address and a key to a model that can be called, in one command."""

import io

import pytest
from django.core.management import CommandError, call_command

from billing.models import ModelPrice
from config.kernel.money import usd
from relay.channel_keys import disable_refused_key, open_key, open_secret
from relay.endpoints import Endpoint
from relay.models import Channel
from relay.providers import PROVIDERS
from tests.factories import make_group, make_price
from tests.relay.odd_upstream import Answer, chat, error, models, odd_upstream
from tokens.models import Group

KEY = "Qm3v8Wd1-Zx94f9c2ab17d"


class Terminal(io.StringIO):
    """Somebody who answers questions, one line each."""

    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def groups(db, monkeypatch):
    monkeypatch.setenv("UPSTREAM_KEY", KEY)
    Group.objects.all().delete()
    make_group("auto", is_auto=True)
    return [make_group("default"), make_group("vip", ratio_ppm=500_000)]


def add(*arguments, answers=""):
    """Run the command; what it printed. Without `answers` nobody is there to ask."""
    out = io.StringIO()
    stdin = Terminal(answers) if answers else io.StringIO()
    call_command("add_channel", *arguments, stdin=stdin, stdout=out, stderr=out)
    assert KEY not in out.getvalue()
    return out.getvalue()


def refusal_of(*arguments, **options):
    with pytest.raises(CommandError) as raised:
        add(*arguments, **options)
    assert KEY not in str(raised.value)
    return str(raised.value)


def served(channel):
    return dict(channel.channel_models.values_list("model", "upstream_model"))


@pytest.fixture
def upstream():
    with odd_upstream(models=models("small", "large"), chat=chat()) as upstream:
        yield upstream


@pytest.fixture
def known(upstream):
    """Arguments that are enough for this upstream."""
    return ["--base-url", upstream.base_url, "--name", "mine", "--api-key-env", "UPSTREAM_KEY"]


# ── A new channel ────────────────────────────────────────────────────────────


def test_the_sandbox_is_added_tested_and_callable(sandbox):
    price = "sandbox-mini=0.1,0.4,0.05"
    said = add("--base-url", sandbox, "--api-key-env", "UPSTREAM_KEY", "--model", "sandbox-mini", "--price", price)
    channel = Channel.objects.get()
    price = ModelPrice.objects.get()
    assert (channel.status, channel.test_ok, served(channel)) == ("enabled", True, {"sandbox-mini": ""})
    assert (price.input, price.output, price.cache_read) == (usd("0.1"), usd("0.4"), usd("0.05"))
    assert "Tested with sandbox-mini: first byte after" in said
    assert '/chat/completions \\\n  -H "Authorization: Bearer $KEY"' in said
    assert '"model": "sandbox-mini"' in said


def test_everything_listed_is_offered_in_every_group_but_the_automatic(known, groups):
    add(*known)
    channel = Channel.objects.get(name="mine")
    assert served(channel) == {"small": "", "large": ""}
    assert set(channel.groups.all()) == set(groups)
    assert open_secret(channel) == KEY


def test_the_key_goes_to_the_upstream_and_nowhere_else(known, upstream):
    add(*known)
    assert set(upstream.keys) == {f"Bearer {KEY}"}
    channel = Channel.objects.get()
    assert KEY.encode() not in bytes(channel.keys.get().sealed)


def test_models_without_a_price_are_said_not_to_be_callable(known):
    said = add(*known, "--price", "small=1,2")
    assert "Not callable until priced" in said
    assert said.split("Not callable until priced")[1].split("\n")[0].endswith(": large")
    assert '"model": "small"' in said


def test_with_no_price_at_all_no_call_is_shown(known):
    assert "curl" not in add(*known)


def test_names_patterns_and_mappings(known):
    said = add(*known, "--model", "l*", "fast=small", "hidden")
    assert served(Channel.objects.get()) == {"large": "", "fast": "small", "hidden": ""}
    assert "does not list hidden" in said


def test_groups_priority_and_weight(known, groups):
    add(*known, "--group", "vip", "--priority", "7", "--weight", "3")
    channel = Channel.objects.get()
    assert (list(channel.groups.all()), channel.priority, channel.weight) == ([groups[1]], 7, 3)


def test_an_upstream_without_a_list_needs_names():
    with odd_upstream(chat=chat()) as upstream:
        assert "There is no model to offer" in refusal_of("--base-url", upstream.base_url, "--no-key")
        add("--base-url", upstream.base_url, "--no-key", "--model", "known-to-me")
    assert served(Channel.objects.get()) == {"known-to-me": ""}


def test_names_that_would_tell_or_confuse_are_made_public_ones():
    listed = models("models/gemini-x", "/srv/models/llama-3.gguf", "maker/model")
    with odd_upstream(models=listed, chat=chat()) as upstream:
        add("--base-url", upstream.base_url, "--no-key")
    assert served(Channel.objects.get()) == {
        "gemini-x": "models/gemini-x",
        "llama-3": "/srv/models/llama-3.gguf",
        "maker/model": "",
    }


def test_the_channel_is_named_after_its_host_or_its_provider(upstream):
    add("--base-url", upstream.base_url, "--no-key")
    add("--provider", "ollama", "--base-url", upstream.base_url, "--yes")
    host = upstream.base_url.removeprefix("http://").removesuffix("/v1")
    assert set(Channel.objects.values_list("name", "provider")) == {(host, "custom"), ("Ollama", "ollama")}


def test_the_presets_own_variable_is_enough(upstream, monkeypatch):
    monkeypatch.setenv("DEEPSEEK_API_KEY", KEY)
    add("--provider", "deepseek", "--base-url", upstream.base_url)
    assert open_secret(Channel.objects.get(name="DeepSeek")) == KEY


def test_several_keys_and_endpoints(upstream, monkeypatch):
    monkeypatch.setenv("SECOND_KEY", "another-key")
    add("--base-url", upstream.base_url, "--api-key-env", "UPSTREAM_KEY", "SECOND_KEY", "--speaks", "chat", "messages")
    channel = Channel.objects.get()
    assert [open_key(key, channel) for key in channel.keys.all()] == [KEY, "another-key"]
    assert channel.endpoints == {Endpoint.CHAT, Endpoint.MESSAGES}


def test_without_endpoints_they_are_the_providers(upstream):
    add("--provider", "openai", "--base-url", upstream.base_url, "--no-key", "--yes")
    assert Channel.objects.get().endpoints == PROVIDERS["openai"].speaks


def test_another_reseller_is_named_after_its_host(upstream):
    add("--provider", "reseller", "--base-url", upstream.base_url, "--api-key-env", "UPSTREAM_KEY")
    channel = Channel.objects.get()
    assert channel.name in upstream.base_url
    assert channel.endpoints == set(Endpoint)


# ── Asking ───────────────────────────────────────────────────────────────────


def test_somebody_at_the_terminal_chooses_models_and_prices_them(known):
    said = add(*known, answers="small\nnonsense\n0.5,1.5,0.1\n")
    assert served(Channel.objects.get()) == {"small": ""}
    price = ModelPrice.objects.get()
    assert (price.model, price.input, price.cache_read) == ("small", usd("0.5"), usd("0.1"))
    assert "Write dollars per million tokens" in said


def test_enter_takes_all_models_and_leaves_them_without_prices(known):
    add(*known, answers="\n\n\n")
    assert len(served(Channel.objects.get())) == 2
    assert not ModelPrice.objects.exists()


def test_nothing_is_asked_that_is_known(known):
    make_price("small")
    said = add(*known, "--model", "small", answers="never read\n")
    assert "$ per 1M" not in said


def test_yes_asks_nothing(known):
    assert "$ per 1M" not in add(*known, "--yes", answers="small\n1,2\n")


# ── Again ────────────────────────────────────────────────────────────────────


def test_a_second_run_updates_what_is_given_and_keeps_the_rest(known, upstream, groups):
    add(*known, "--group", "vip", "--priority", "7", "--price", "small=1,2")
    channel = Channel.objects.get()
    said = add("--base-url", upstream.base_url, "--name", "mine", "--model", "tiny=small", "--weight", "4")
    channel.refresh_from_db()
    assert served(channel) == {"small": "", "large": "", "tiny": "small"}
    assert (list(channel.groups.all()), channel.priority, channel.weight) == ([groups[1]], 7, 4)
    assert open_secret(channel) == KEY
    assert "Updated the channel mine: 1 model, 1 new." in said


def test_a_changed_price_is_a_new_version_and_the_same_price_is_none(known):
    for price in ("small=1,2", "small=1,2", "small=1,3"):
        add(*known, "--price", price)
    assert list(ModelPrice.objects.order_by("id").values_list("output", flat=True)) == [usd(2), usd(3)]


def test_a_stored_key_is_not_sent_to_another_host(known):
    add(*known)
    with odd_upstream(models=models("small"), chat=chat()) as other:
        assert "Enter the key again" in refusal_of("--base-url", other.base_url, "--name", "mine")
    assert other.asked == []


def test_a_disabled_channel_stays_disabled(known):
    add(*known)
    Channel.objects.update(status="disabled")
    assert "The channel is disabled" in add(*known)
    assert Channel.objects.get().status == "disabled"


# ── Refusals ─────────────────────────────────────────────────────────────────


def test_an_unreachable_host(groups):
    assert "refused or lost" in refusal_of("--base-url", "http://127.0.0.1:9/v1", "--no-key")
    assert not Channel.objects.exists()


def test_a_key_the_upstream_refuses():
    with odd_upstream(models=error(401, f"Invalid key {KEY}")) as upstream:
        said = refusal_of("--base-url", upstream.base_url, "--api-key-env", "UPSTREAM_KEY")
    assert "does not accept this key (status 401)" in said
    assert not Channel.objects.exists()


def test_a_channel_that_fails_its_test_is_kept_but_disabled():
    with odd_upstream(models=models("small"), chat=error(403, f"No access with {KEY}")) as upstream:
        said = refusal_of("--base-url", upstream.base_url, "--api-key-env", "UPSTREAM_KEY", "--name", "mine")
    assert "failed" in said
    assert "stays disabled" in said
    assert Channel.objects.get().status == "disabled"


def test_a_mended_channel_needs_only_the_command_again(groups):
    with odd_upstream(models=models("small"), chat=[error(500, "later"), chat()]) as upstream:
        arguments = ["--base-url", upstream.base_url, "--no-key", "--name", "mine"]
        refusal_of(*arguments)
        add(*arguments)
    assert Channel.objects.get().status == "enabled"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "Say --base-url, or --provider"),
        (["--provider", "cloudbase"], "--env-id or --base-url"),
        (["--provider", "deepseek"], "Set DEEPSEEK_API_KEY"),
        (["--provider", "nobody"], "invalid choice"),
        (["--base-url", "ftp://host/v1", "--no-key"], "http:// or https://"),
        (["--base-url", "http://host/v1"], "--api-key-env, or say --no-key"),
        (["--base-url", "http://host/v1", "--api-key-env", "NOT_SET_ANYWHERE"], "is empty or not set"),
        (["--base-url", "http://host/v1", "--no-key", "--group", "nobody"], "no group nobody"),
        (["--base-url", "http://host/v1", "--no-key", "--group", "auto"], "no group auto"),
        (["--base-url", "http://host/v1", "--no-key", "--price", "a=1"], "IN,OUT"),
        (["--base-url", "http://host/v1", "--no-key", "--price", "1,2"], "MODEL=IN,OUT"),
        (["--base-url", "http://host/v1", "--no-key", "--price", "a=-1,2"], "cannot be negative"),
        (["--base-url", "http://host/v1", "--no-key", "--weight", "0"], "at least 1"),
    ],
)
def test_what_cannot_be_meant(arguments, reason, monkeypatch):
    monkeypatch.delenv("DEEPSEEK_API_KEY", raising=False)
    assert reason in refusal_of(*arguments)
    assert not Channel.objects.exists()


def test_a_price_or_a_test_of_another_model_is_a_typing_error(known):
    assert "foo is not among the models" in refusal_of(*known, "--price", "foo=1,2")
    assert "foo is not among the models" in refusal_of(*known, "--test-model", "foo")
    assert not Channel.objects.exists()


def test_an_installation_without_groups_is_told_so(known):
    Group.objects.all().delete()
    assert "no group yet" in refusal_of(*known)


def test_a_list_that_is_an_error_is_not_taken_for_no_list():
    with odd_upstream(models=Answer(status=503)) as upstream:
        assert "status 503" in refusal_of("--base-url", upstream.base_url, "--no-key", "--model", "small")


def test_a_channel_that_was_disabled_automatically_comes_back_with_a_key_that_works(known):
    add(*known)
    channel = Channel.objects.get()
    disable_refused_key(key_id=channel.keys.get().pk, reason="status 401")
    add(*known)
    channel.refresh_from_db()
    assert (channel.status, channel.keys.get().status) == ("enabled", "enabled")
