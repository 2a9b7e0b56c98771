"""What a new installation starts with, and that it is the operator's from then on."""

import pytest
from allauth.account.models import EmailAddress

from accounts.models import User
from billing.models import LedgerEntry, ModelPrice
from config import seeding
from config.kernel.money import usd
from orders.models import Package, ProviderAccount
from orders.payments.accounts import problems_of
from relay.models import Channel, ChannelModel
from relay.sandbox.behaviours import BEHAVIOURS
from relay.sandbox.services import MODELS
from tokens.models import Group, Token
from tokens.selectors import token_by_key

pytestmark = pytest.mark.django_db

URL = "http://127.0.0.1:8089/v1"
GATEWAY_URL = "http://127.0.0.1:8090"
TABLES = (Group, ModelPrice, Package, Channel, ChannelModel, User, EmailAddress, Token, LedgerEntry)


@pytest.fixture
def production(settings):
    settings.DEMO = False


def seed(url=URL):
    seeding.seed(sandbox_url=url, gateway_url=GATEWAY_URL)


@pytest.fixture(scope="module")
def merchants_file(tmp_path_factory):
    """Made by the first who looks: its RSA keys take a second."""
    return tmp_path_factory.mktemp("gateway") / "merchants.json"


@pytest.fixture(autouse=True)
def _merchants_of_its_own(settings, merchants_file):
    settings.GATEWAY_MERCHANTS_FILE = merchants_file


def sandbox():
    return Channel.objects.get(is_sandbox=True)


def test_the_groups_of_the_reference_in_its_order():
    seed()
    rows = [(g.code, g.ratio_label, g.description_zh, g.is_auto, g.is_default) for g in Group.objects.all()]
    assert rows == [
        ("auto", "Automatic", "自动选择 | 同模型名低价优先: 低 → 高【推荐】", True, False),
        ("28%", "0.28x", "低价特惠 | 2.8 折 | Gemini (Vertex)、GPT (Azure)", False, False),
        ("50%", "0.5x", "低价特惠 | 5 折 | Claude (AWS)、DeepSeek (百度、开源部署)", False, False),
        ("75%", "0.75x", "低价特惠 | 7.5 折 | Gemini (Vertex)、Claude (AWS、Anthropic)", False, False),
        ("default", "1x", "默认分组", False, True),
    ]


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        ("top_up", ["topup_20", "topup_40", "topup_60", "topup_100", "topup_200", "topup_1000"]),
        ("first_purchase", ["starter", "plan_40", "plan_60", "plan_100", "plan_200", "plan_1000"]),
    ],
)
def test_the_packages_of_the_catalogue(kind, codes):
    seed()
    packages = Package.objects.filter(kind=kind)
    assert [package.code for package in packages] == codes
    assert [(p.name, p.currency, p.price_minor, p.base_quota, p.bonus_quota, p.quota) for p in packages] == [
        ("20 CNY", "CNY", 2_000, 1_000_000_000, 0, 1_000_000_000),
        ("40 CNY", "CNY", 4_000, 2_000_000_000, 0, 2_000_000_000),
        ("60 CNY", "CNY", 6_000, 3_000_000_000, 0, 3_000_000_000),
        ("100 CNY", "CNY", 10_000, 5_000_000_000, 1_000_000_000, 6_000_000_000),
        ("200 CNY", "CNY", 20_000, 10_000_000_000, 2_000_000_000, 12_000_000_000),
        ("1000 CNY", "CNY", 100_000, 50_000_000_000, 10_000_000_000, 60_000_000_000),
    ]


def test_prices_are_exact_and_never_nothing():
    seed()
    mini = ModelPrice.objects.get(model="sandbox-mini")
    assert (mini.input, mini.cache_read, mini.output) == (150_000_000, 75_000_000, 600_000_000)
    assert ModelPrice.objects.get(model="deepseek-v4-flash").cache_read == 14_000_000
    others = ModelPrice.objects.exclude(model__in=MODELS)
    assert all(price.input > 0 and price.output > 0 for price in others)
    assert all(price.input > 0 or price.per_call > 0 for price in ModelPrice.objects.filter(model__in=MODELS))


def test_every_sandbox_model_is_served_and_priced_in_every_group_but_auto():
    seed()
    assert set(sandbox().channel_models.values_list("model", flat=True)) == {*BEHAVIOURS, *MODELS}
    assert {*BEHAVIOURS, *MODELS} <= set(ModelPrice.objects.values_list("model", flat=True))
    assert list(sandbox().groups.values_list("code", flat=True)) == ["28%", "50%", "75%", "default"]
    drill, mini = (ModelPrice.objects.get(model=model) for model in ("sandbox-hang", "sandbox-mini"))
    assert drill.prices == mini.prices
    assert "fault drill" in drill.tags
    assert "fault drill" not in mini.tags


def test_seeding_again_changes_nothing():
    def rows():
        return {table: list(table._default_manager.order_by("pk").values()) for table in TABLES}

    seed()
    before = rows()
    seed()
    assert rows() == before


def test_what_the_operator_changed_or_deleted_stays_so():
    seed()
    Group.objects.filter(code="50%").update(ratio_ppm=550_000)
    ModelPrice.objects.filter(model="gpt-4.1").delete()
    Package.objects.get(code="starter").delete()
    sandbox().groups.set([Group.objects.get(code="default")])
    Group.objects.get(code="28%").delete()
    seed()
    assert Group.objects.get(code="50%").ratio_ppm == 550_000
    assert not Group.objects.filter(code="28%").exists()
    assert not ModelPrice.objects.filter(model="gpt-4.1").exists()
    assert not Package.objects.filter(code="starter").exists()
    assert list(sandbox().groups.values_list("code", flat=True)) == ["default"]


def test_the_sandbox_channel_follows_the_sandbox_to_another_port():
    seed()
    seed("http://127.0.0.1:9000/v1")
    assert sandbox().base_url == "http://127.0.0.1:9000/v1"


def test_a_sandbox_channel_that_was_led_elsewhere_is_left_alone():
    seed()
    Channel.objects.update(base_url="https://sandbox.example.com/v1")
    seed("http://127.0.0.1:9000/v1")
    assert sandbox().base_url == "https://sandbox.example.com/v1"
    assert seeding.local_sandbox_channel() is None


def test_a_production_installation_gets_neither_sandbox_nor_demo_account(production):
    seed()
    assert not Channel.objects.exists()
    assert not ModelPrice.objects.filter(model__startswith="sandbox").exists()
    assert list(User.objects.values_list("is_staff", flat=True)) == [True]
    assert seeding.demo_key() is None


def test_the_operator_has_every_permission_and_no_password(settings):
    settings.OPERATOR_EMAIL = "carol@example.com"
    seed()
    operator = seeding.operator()
    assert (operator.email, operator.is_staff, operator.is_superuser) == ("carol@example.com", True, True)
    assert not operator.has_usable_password()
    assert EmailAddress.objects.get(user=operator).verified


def test_no_operator_is_made_where_somebody_is_staff(carol):
    seed()
    assert list(User.objects.filter(is_staff=True)) == [carol]


def test_whoever_took_the_operators_address_before_loses_its_password(settings):
    settings.OPERATOR_EMAIL = "carol@example.com"
    User.objects.create_user("carol@example.com", "mallory knows this")
    seed()
    assert not seeding.operator().has_usable_password()


def test_the_demo_account_can_make_a_first_call(settings):
    settings.TRIAL_CREDIT_USD = "1"
    seed()
    key = seeding.demo_key()
    snapshot = token_by_key(key)
    user = User.objects.get(pk=snapshot.user_id)
    assert (user.email, user.has_usable_password(), user.wallet.balance) == ("demo@localhost", False, usd("1"))
    assert Token.objects.get(pk=snapshot.id).group.is_auto


@pytest.mark.parametrize("change", [{"is_enabled": False}, {"key_sealed": None}, {"name": "renamed"}])
def test_a_demo_key_that_cannot_be_used_or_read_is_not_shown_nor_made_again(change):
    seed()
    Token.objects.update(**change)
    seed()
    assert seeding.demo_key() is None
    assert Token.objects.count() == 1


def test_a_demo_can_be_bought_from_and_a_production_installation_has_no_test_accounts(settings):
    seed()
    accounts = ProviderAccount.objects.all()
    assert [(row.slug, row.is_live, problems_of(row)) for row in accounts] == [
        ("xunhupay", False, []),
        ("epay", False, []),
        ("epay2", False, []),
        ("stripe", False, []),
    ]
    settings.DEMO = False
    assert [row.slug for row in accounts if not problems_of(row)] == []


def test_the_test_accounts_follow_the_gateway_to_another_port():
    seed()
    seeding.seed(sandbox_url=URL, gateway_url="http://127.0.0.1:9001")
    assert ProviderAccount.objects.get(slug="stripe").options["api_base"] == "http://127.0.0.1:9001"
    assert ProviderAccount.objects.get(slug="epay").rotated_at is None
