"""Every setting of the product, from the environment or `.env`; with neither, a demo on SQLite without Redis."""

from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.utils.translation import gettext_lazy as _

from config import secrets
from config.hosts import KnownHosts

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
env.read_env(env.str("ENV_FILE", default=str(BASE_DIR / ".env")))

# ── What kind of installation this is ────────────────────────────────────────
DEMO = env.bool("DEMO", default=True)  # seeds a sandbox channel, prints mail, allows plain HTTP; say DEMO=false to sell
DEBUG = env.bool("DEBUG", default=False)
VAR_DIR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var")))
SITE_NAME = env.str("SITE_NAME", default="Tollbooth")
SITE_URL = env.str("SITE_URL", default="http://127.0.0.1:8000").rstrip("/")
API_BASE_URL = env.str("API_BASE_URL", default=f"{SITE_URL}/v1").rstrip("/")
# Besides the hosts that an operator enters as sites.
ALLOWED_HOSTS = KnownHosts(env.list("ALLOWED_HOSTS", default=["*"] if DEMO else [urlsplit(SITE_URL).hostname]))
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[SITE_URL])
TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)
OPERATOR_EMAIL = env.str("OPERATOR_EMAIL", default="operator@localhost")  # the staff account that `serve` makes
SANDBOX_PORT = env.int("SANDBOX_PORT", default=8089)  # on 127.0.0.1; another one when it is taken
GATEWAY_PORT = env.int("GATEWAY_PORT", default=8090)  # the demo's payment gateway, the same way
GATEWAY_MERCHANTS_FILE = VAR_DIR / "gateway.json"  # who takes payments there, with both sides' keys
MAINTENANCE = env.str("MAINTENANCE", default="")  # "pages", or "all" with the relay; or a file (config/maintenance.py)

# ── Secrets: three, each for one purpose; none of them is ever in the database ───
_stored = secrets.load_or_create(VAR_DIR / "secrets.json", ("SECRET_KEY", "KEY_PEPPER", "SEALING_KEY"))
SECRET_KEY = env.str("SECRET_KEY", default=_stored["SECRET_KEY"])
KEY_PEPPER = bytes.fromhex(env.str("KEY_PEPPER", default=_stored["KEY_PEPPER"]))
SEALING_KEY = bytes.fromhex(env.str("SEALING_KEY", default=_stored["SEALING_KEY"]))

# ── Applications ─────────────────────────────────────────────────────────────
INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "config.apps.StaffAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_cotton",
    "rest_framework",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.github",
    "allauth.socialaccount.providers.google",
    "allauth.socialaccount.providers.openid_connect",
    "csp",
    "config",
    "accounts",
    "tokens",
    "billing",
    "relay",
    "orders",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "config.static_files.StaticFiles",
    "django.middleware.gzip.GZipMiddleware",  # pads at random against BREACH
    "config.middleware.request_id",
    "config.middleware.roomy",
    "tokens.middleware.brand",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "tokens.middleware.CsrfOfSites",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.middleware.admin_policy",
    "config.error_pages.refused_methods",
    "config.maintenance.maintenance",
    "accounts.middleware.preferences",
    "accounts.middleware.note_session",
]
RELAY_PATHS = (  # answered by the relay's own lean handler
    *("/v1", "/dashboard/billing", "/api/usage/token"),
    *("/chat/completions", "/completions", "/responses", "/messages", "/models"),  # where a base URL without /v1 leads
    *("/embeddings", "/rerank", "/moderations", "/images", "/audio"),
)
RELAY_MIDDLEWARE = [
    "relay.middleware.request_id",
    "relay.middleware.cors",
    "relay.middleware.maintenance",
    "relay.middleware.no_return",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.context.site",
            ],
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "django_cotton.cotton_loader.Loader",
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
            "builtins": [
                "django_cotton.templatetags.cotton",
                "config.templatetags.display",
                "config.templatetags.kept",
            ],
        },
    }
]
COTTON_DIR = "components"
FORM_RENDERER = "config.form_renderer.Renderer"

# ── Database: SQLite by default, PostgreSQL by DATABASE_URL ──────────────────
DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'tollbooth.sqlite3'}")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        # Without IMMEDIATE, three of four concurrent read-then-write transactions fail with "database is locked".
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    }
else:
    # Under ASGI every page runs in a thread of its own: connections kept by threads would be opened and lost with each.
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 5,
        # The first concerns only the ledger's prepared statements; with the second, sums are hashed and not sorted.
        "options": "-c plan_cache_mode=force_generic_plan -c work_mem=16MB",
        "pool": {"min_size": 1, "max_size": env.int("DATABASE_POOL_SIZE", default=16), "timeout": 5},
    }

# ── Redis: shared cache and broker when REDIS_URL is set, neither needed without ─
REDIS_URL = env.str("REDIS_URL", default="")
CACHES = {
    "default": (
        {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
        if REDIS_URL
        else {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "OPTIONS": {"MAX_ENTRIES": 100_000},  # of the usual 300, a few callers would push out what limits them
        }
    ),
    # For what has to be there while Redis is away, such as the status page: each process keeps its own, for seconds.
    "process": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "process"},
}
SESSION_ENGINE = "config.sessions"

# ── Celery ───────────────────────────────────────────────────────────────────
CELERY_BROKER_URL = REDIS_URL or "spool://localhost"  # config/spool.py

# ── Accounts ─────────────────────────────────────────────────────────────────
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = (
    True  # but not ..._SUPPORTS_CHANGE: allauth offers it for unknown addresses only
)
ACCOUNT_RATE_LIMITS = {"confirm_email": "3/10m/key"}  # codes mailed to one address
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_CHANGE_EMAIL = True  # one address at a time; the old one stays until the new one is verified
ACCOUNT_EMAIL_NOTIFICATIONS = True  # mail to the owner when the password, the address or the second factor changes
ACCOUNT_REAUTHENTICATION_REQUIRED = True
MFA_ADAPTER = "accounts.adapters.SecondFactors"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True  # browsers do it over HTTPS, and on http://localhost
ACCOUNT_ADAPTER = "accounts.adapters.Mails"
SOCIALACCOUNT_ADAPTER = "accounts.adapters.OtherAccounts"
SOCIALACCOUNT_EMAIL_AUTHENTICATION = True  # by an address the provider has verified, as the adapter reads it
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_PROVIDERS = {  # offered on the sign-in page when the client id is set
    name: {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [{"client_id": client_id, "secret": env.str(f"{name.upper()}_CLIENT_SECRET")}],
    }
    for name in ("google", "github")
    if (client_id := env.str(f"{name.upper()}_CLIENT_ID", default=""))
}
if OIDC_CLIENT_ID := env.str("OIDC_CLIENT_ID", default=""):
    SOCIALACCOUNT_PROVIDERS["openid_connect"] = {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "sso",
                "name": env.str("OIDC_NAME", default="OpenID Connect"),  # on the button
                "client_id": OIDC_CLIENT_ID,
                "secret": env.str("OIDC_CLIENT_SECRET"),
                "settings": {"server_url": env.str("OIDC_SERVER_URL")},  # where .well-known/openid-configuration is
            }
        ],
    }
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXY_COUNT
# Modules that hold personal data, shaped as accounts.personal_data.Holder: exported, and erased with the account.
PERSONAL_DATA = ["tokens.personal_data", "billing.personal_data", "orders.personal_data"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "home"

# ── Mail: printed in the demo, one URL (smtp+tls://user:pass@host:587) to send it
EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default=f"{SITE_NAME} <noreply@localhost>")

# ── Languages and time ───────────────────────────────────────────────────────
LANGUAGE_CODE = env.str("LANGUAGE_CODE", default="en")
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LANGUAGE_COOKIE_AGE = 31_536_000
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = SITE_URL.startswith("https://")
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# ── Static files ─────────────────────────────────────────────────────────────
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # before the first collectstatic, WhiteNoise warns about its absence
_sidecar = find_spec("drf_spectacular_sidecar")
assert _sidecar is not None
assert _sidecar.origin is not None
_SWAGGER_UI = Path(_sidecar.origin).parent / "static" / "drf_spectacular_sidecar" / "swagger-ui-dist"
STATICFILES_DIRS = [BASE_DIR / "static", ("swagger-ui", _SWAGGER_UI)]  # as an app it would bring 5 MB of Redoc along
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.static_files.Storage"},
}

# ── Security ─────────────────────────────────────────────────────────────────
SECURE_COOKIES = SITE_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_COOKIES
SECURE_HSTS_SECONDS = 31_536_000 if SECURE_COOKIES else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
_POLICY = {
    "default-src": [SELF],
    "img-src": [SELF, "data:"],
    "object-src": [NONE],
    "base-uri": [SELF],
    "form-action": [SELF],
    "frame-ancestors": [NONE],
}
CONTENT_SECURITY_POLICY = {"DIRECTIVES": _POLICY}
# The staff admin's own scripts evaluate expressions; only /admin is served with this wider policy.
ADMIN_CSP_UPDATE = {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}

# ── Site API and relay ───────────────────────────────────────────────────────
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["config.api.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.api.BodyParser"],
    "DEFAULT_THROTTLE_CLASSES": ["config.rate_limits.AddressThrottle"],
    "DEFAULT_SCHEMA_CLASS": "config.openapi.Schema",
    "EXCEPTION_HANDLER": "config.api.render_exception",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "NUM_PROXIES": TRUSTED_PROXY_COUNT,
}
API_MAX_BODY_BYTES = env.int("API_MAX_BODY_BYTES", default=64 * 1024)
API_RATE_LIMITS = {  # requests in a minute
    "address": env.int("API_LIMIT_ADDRESS", default=600),  # of one client address, whatever it asks
    "guess": env.int("API_LIMIT_GUESS", default=120),  # of one client address, with a key or an order's number
    "place": env.int("API_LIMIT_PLACE", default=60),  # orders made from one client address
    "order": env.int("API_LIMIT_ORDER", default=60),  # about one order
    "check": env.int("API_LIMIT_CHECK", default=12),  # of the gateway about one order, by a button
    "resend": env.int("API_LIMIT_RESEND", default=1),  # of the mail about one order
    "key": env.int("API_LIMIT_KEY", default=120),  # with one key
}
SPECTACULAR_SETTINGS = {
    "TITLE": _("Site API"),
    "DESCRIPTION": _("Buying, topping up and looking into keys. Every answer carries an `X-Request-Id`."),
    "VERSION": "1",
    "SERVERS": [{"url": "/"}],  # where the document was read
    "SCHEMA_PATH_PREFIX": "/",
    "SCHEMA_PATH_PREFIX_INSERT": "/api",  # the document is made of config.api_urls
    "COMPONENT_SPLIT_REQUEST": True,
    "SORT_OPERATIONS": False,
    "POSTPROCESSING_HOOKS": [],  # would give the two enumerations called "status" names nobody reads
}
EGRESS_ALLOW = env.list("EGRESS_ALLOW", default=[])  # besides the public internet: networks, hosts, hosts:ports
EGRESS_CA_FILE = env.str("EGRESS_CA_FILE", default="")  # PEM of a certificate authority of yours, besides the machine's
EGRESS_LOOKUP_TIMEOUT = env.float("EGRESS_LOOKUP_TIMEOUT", default=3)  # seconds for a host name
EGRESS_LOOKUP = "config.egress.names.system_lookup"
RELAY_MAX_BODY_BYTES = env.int("RELAY_MAX_BODY_BYTES", default=32 * 1024 * 1024)
RELAY_CONNECT_TIMEOUT = env.float("RELAY_CONNECT_TIMEOUT", default=5)
RELAY_FIRST_BYTE_TIMEOUT = env.float("RELAY_FIRST_BYTE_TIMEOUT", default=120)
RELAY_FAILOVER_SECONDS = env.float("RELAY_FAILOVER_SECONDS", default=150)  # after that no other channel is tried
RELAY_CHEAPEST_FIRST = env.bool("RELAY_CHEAPEST_FIRST", default=False)  # of equal priority, by what channels cost you
RELAY_IDLE_TIMEOUT = env.float("RELAY_IDLE_TIMEOUT", default=60)
RELAY_TOTAL_TIMEOUT = env.float("RELAY_TOTAL_TIMEOUT", default=1800)
RELAY_ERROR_PROFILE = env.str("RELAY_ERROR_PROFILE", default="standard")  # or "classic": 500 for every upstream failure
RELAY_LIMITS_BUDGET = env.float("RELAY_LIMITS_BUDGET", default=0.1)  # seconds a request may wait for Redis
RELAY_DRAIN_SECONDS = env.float("RELAY_DRAIN_SECONDS", default=30)
RELAY_SLOW_READER_SECONDS = env.float(
    "RELAY_SLOW_READER_SECONDS", default=30
)  # who takes nothing for so long is let go
# Where a channel charges for an answer whose caller left: how long it is read on, and how many at once in a process.
RELAY_READ_ON_SECONDS = env.float("RELAY_READ_ON_SECONDS", default=60)
RELAY_READ_ON_LIMIT = env.int("RELAY_READ_ON_LIMIT", default=100)
RELAY_FREE_LEAVES = env.int("RELAY_FREE_LEAVES", default=20)  # before a word of the answer, of a key in an hour

# ── Money ────────────────────────────────────────────────────────────────────
QUOTA_PER_USD = env.int("QUOTA_PER_USD", default=500_000)
ORDER_LIFETIME_MINUTES = env.int("ORDER_LIFETIME_MINUTES", default=30)  # how long a new order can be paid
MORE_PROOFS = ["orders.proof.check_orders"]  # what ledger_check proves besides billing's own books
TRIAL_CREDIT_USD = env.str("TRIAL_CREDIT_USD", default="1" if DEMO else "0")  # granted once, when an e-mail is verified
USAGE_LEASE_SECONDS = env.int(
    "USAGE_LEASE_SECONDS", default=30
)  # an open request unheard of for so long is settled by the sweep
KEYS_REVEALABLE = env.bool(
    "KEYS_REVEALABLE", default=True
)  # keep a sealed copy of each key, so that its owner can copy it again

# ── Admin ────────────────────────────────────────────────────────────────────
UNFOLD = {
    "SITE_TITLE": SITE_NAME,
    "SITE_HEADER": SITE_NAME,
    "SITE_URL": "/dashboard",
    "SHOW_HISTORY": True,
    "SHOW_BACK_BUTTON": True,
    "SITE_ICON": "config.staff_menu.logo",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "config.staff_menu.logo"}],
    "STYLES": ["config.staff_menu.styles"],
    "SIDEBAR": {"show_search": True, "navigation": "config.staff_menu.sections_for"},
    "COLORS": {  # those of static/css/tokens.css
        "base": {
            "50": "#f8f9f8",
            "100": "#f1f4f2",
            "200": "#e2e7e4",
            "300": "#cbd3ce",
            "400": "#9ba5a0",
            "500": "#616b66",
            "600": "#47514c",
            "700": "#38413d",
            "800": "#242a27",
            "900": "#121514",
            "950": "#0b0d0c",
        },
        "primary": {
            "50": "#eef9f4",
            "100": "#d8f1e5",
            "200": "#b5dccb",
            "300": "#86c7ab",
            "400": "#43cf9c",
            "500": "#1f9d75",
            "600": "#0b6b4f",
            "700": "#095640",
            "800": "#0a4535",
            "900": "#0a382c",
            "950": "#052019",
        },
    },
}

# ── Logs ─────────────────────────────────────────────────────────────────────
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "celery": {"level": "WARNING"},
        "urllib3": {"level": "ERROR"},  # its lines hold addresses, and some payment gateways want their key in one
    },
}
