"""Every setting of Rini, from the environment. `.env.example` explains each variable.

Without ``DATABASE_URL`` and ``REDIS_URL`` the servers are the embedded ones, and their addresses
and Rini's secrets come from the data folder.
"""

import os
import sys
import warnings
from pathlib import Path

import django_stubs_ext
import environ

from providers.vendors import FURTHER_KEY_VARIABLES
from rini import __version__, environment, logs
from rini.running import datadir

django_stubs_ext.monkeypatch()  # Django's classes take type arguments at run time too

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
environ.Env.read_env(env.str("RINI_ENV_FILE", default=str(BASE_DIR / ".env")))

# -- where things are ---------------------------------------------------------------------------
HOST = env.str("HOST", default="127.0.0.1")
PORT = env.int("PORT", default=8000)
DATA_DIR = Path(env.str("RINI_DATA_DIR", default="") or BASE_DIR / "var").resolve()
WEB_WORKERS = env.int("WEB_WORKERS", default=1)
WORKER_CONCURRENCY = env.int("WORKER_CONCURRENCY", default=2)
DATABASE_URL = env.str("DATABASE_URL", default="")
REDIS_URL = env.str("REDIS_URL", default="")
EMBEDDED_DATABASE = not DATABASE_URL
EMBEDDED_REDIS = not REDIS_URL
_installation = datadir.load(DATA_DIR) if EMBEDDED_DATABASE or EMBEDDED_REDIS else None
if _installation is not None:
    DATABASE_URL = DATABASE_URL or _installation.database_url
    REDIS_URL = REDIS_URL or _installation.redis_url

# -- secrets ------------------------------------------------------------------------------------
# Generated ones belong to the embedded database: whoever brings a database brings the secrets.
_generated = _installation if EMBEDDED_DATABASE else None
_given = env.str("RINI_API_MASTER_KEY", default="")
_own = _generated.master_key if _generated else ""
# Beside a given key the installation's own goes on to open what it has sealed.
MASTER_KEYS = environment.master_keys("RINI_API_MASTER_KEY", _given or _own)
if _given and _own:
    MASTER_KEYS += environment.master_keys("RINI_API_MASTER_KEY", _own)
# See rini.secrets.masters.
MASTER_KEYS_FILE = DATA_DIR / datadir.FILE if _own and not _given else None
SECRET_KEY = environment.signing_secret(
    "SECRET_KEY", env.str("SECRET_KEY", default=_generated.django_secret if _generated else "")
)
JWT_SECRET_KEYS = environment.signing_secrets(
    "JWT_SECRET_KEY", env.str("JWT_SECRET_KEY", default=_generated.jwt_secret if _generated else "")
)
JWT_SECRET_KEY = JWT_SECRET_KEYS[0]  # it signs; the others verify what they signed before


# -- Django -------------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", default=False)
# Of an installation of one's own machine: a page whose name points at it must not reach it.
_names = environment.host_names(HOST) if EMBEDDED_DATABASE else ["*"]
SERVED_HOSTS = env.list("ALLOWED_HOSTS", default=_names) or _names
SERVES_LITERAL_HOSTS = HOST in environment.WILDCARDS
ALLOWED_HOSTS = ["*"]  # rini.web.hosts has looked before, for the hot routes too
TRUSTED_PROXIES = environment.networks(
    "TRUSTED_PROXIES", env.list("TRUSTED_PROXIES", default=["127.0.0.1", "::1"])
)
CORS_ORIGINS = env.list("CORS_ORIGINS", default=[])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
BEHIND_TLS_PROXY = env.bool("BEHIND_TLS_PROXY", default=False)
HSTS_SECONDS = env.int("HSTS_SECONDS", default=31_536_000 if BEHIND_TLS_PROXY else 0)
DEFAULT_EXCEPTION_REPORTER_FILTER = "rini.web.debugging.Filter"
if BEHIND_TLS_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True

ROOT_URLCONF = "rini.urls"
ASGI_APPLICATION = "rini.asgi.application"
APPEND_SLASH = False  # both forms of every address answer; a redirected POST loses its body
INSTALLED_APPS = [
    *(["daphne"] if "runserver" in sys.argv else []),  # it imports Twisted: two seconds
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rini",
    "accounts",
    "billing",
    "providers",
    "memory",
    "knowledge",
    "conversations",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ko", "한국어"), ("zh-hans", "简体中文"), ("ja", "日本語")]
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "static"
WHITENOISE_USE_FINDERS = True
# `make run` needs no collectstatic, and so no folder.
warnings.filterwarnings("ignore", "No directory at", module="django.core.handlers")

# -- storage ------------------------------------------------------------------------------------
DATABASE_POOL_SIZE = env.int("DATABASE_POOL_SIZE", default=10)
DATABASES = {"default": env.db_url_config(DATABASE_URL)}
DATABASES["default"]["CONN_MAX_AGE"] = 0
DATABASES["default"]["ENGINE"] = "rini.storage.postgres"
DATABASES["default"]["OPTIONS"] = {
    **DATABASES["default"].get("OPTIONS", {}),
    "application_name": "rini",
    "connect_timeout": 5,
    "prepare_threshold": 0,  # those of rini.storage.statements; Django's own are never prepared
    # min_size 0: a process that only starts up or forks opens no connection for it.
    # reconnect_timeout: after a failed attempt everybody waits for the next, and the pauses double.
    "pool": {
        "min_size": 0,
        "max_size": DATABASE_POOL_SIZE,
        "timeout": 10,
        "reconnect_timeout": 5,
    }
    if DATABASE_POOL_SIZE
    else False,
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},
    }
}

# Files of messages: in the data folder, or, where a bucket is named, at S3 or what speaks as it.
MEDIA_ROOT = DATA_DIR / "files"
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
AWS_STORAGE_BUCKET_NAME = env.str("AWS_STORAGE_BUCKET_NAME", default="")
_in_bucket = {
    "BACKEND": "storages.backends.s3.S3Storage",
    "OPTIONS": {
        "bucket_name": AWS_STORAGE_BUCKET_NAME,
        "endpoint_url": env.str("AWS_S3_ENDPOINT_URL", default="") or None,
        "region_name": env.str("AWS_S3_REGION_NAME", default="") or None,
        "default_acl": None,  # as the bucket has it: private
        "file_overwrite": False,
    },
}
_in_folder = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
STORAGES = {
    "default": _in_bucket if AWS_STORAGE_BUCKET_NAME else _in_folder,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
MAX_IMAGE_BYTES = env.int("MAX_IMAGE_BYTES", default=10 * 1024 * 1024)
MAX_IMAGE_PIXELS = env.int("MAX_IMAGE_PIXELS", default=50_000_000)

# -- accounts -----------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
SILENCED_SYSTEM_CHECKS = ["auth.E003"]  # the user name is unique by a constraint that ignores case
PASSWORD_HASHERS = ["accounts.hashing.Argon2"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
    )
]
LOGIN_REDIRECT_URL = "/admin/"
# Whoever serves others says himself what strangers may; on one's own machine there are none.
IS_OWN_MACHINE = EMBEDDED_DATABASE and environment.is_loopback(HOST)
OPEN_REGISTRATION = env.bool("OPEN_REGISTRATION", default=IS_OWN_MACHINE)
REGISTRATIONS_PER_HOUR = env.int("REGISTRATIONS_PER_HOUR", default=20)
SECURITY_LOG_DAYS = env.int("SECURITY_LOG_DAYS", default=365)
ANONYMOUS_ACCESS = env.bool("ANONYMOUS_ACCESS", default=False)
JWT_ALGORITHM = env.str("JWT_ALGORITHM", default="HS256")
if JWT_ALGORITHM not in {"HS256", "HS384", "HS512"}:
    environment.refuse("JWT_ALGORITHM", f"is {JWT_ALGORITHM!r}", "Give HS256, HS384 or HS512.")
JWT_ACCESS_TOKEN_EXPIRE_MINUTES = env.int("JWT_ACCESS_TOKEN_EXPIRE_MINUTES", default=60)
JWT_REFRESH_TOKEN_EXPIRE_DAYS = env.int("JWT_REFRESH_TOKEN_EXPIRE_DAYS", default=30)
API_TOKEN_ROTATION_GRACE_MINUTES = env.int("API_TOKEN_ROTATION_GRACE_MINUTES", default=60)

# -- the API ------------------------------------------------------------------------------------
MAX_REQUEST_BYTES = env.int("MAX_REQUEST_BYTES", default=32 * 1024 * 1024)
MAX_TEXT_CHARACTERS = env.int("MAX_TEXT_CHARACTERS", default=1_000_000)
# Of each account; an operator can give one its own. 0: no limit.
REQUESTS_PER_MINUTE = env.int("REQUESTS_PER_MINUTE", default=0)
TOKENS_PER_MINUTE = env.int("TOKENS_PER_MINUTE", default=0)
PARALLEL_GENERATIONS = env.int("PARALLEL_GENERATIONS", default=0)
IDEMPOTENCY_HOURS = env.int("IDEMPOTENCY_HOURS", default=24)
REQUEST_OWNER = "accounts.authentication.owner_of"
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_REQUEST_BYTES
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rini.web.parsing.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "rini.web.api.SkipLimitPagination",
    "DEFAULT_SCHEMA_CLASS": "rini.web.api_schema.Schema",
    "EXCEPTION_HANDLER": "rini.web.api.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,  # `format` in a query is the route's own parameter
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Rini",
    "DESCRIPTION": "A self-hosted backend for applications that talk to language models.",
    "VERSION": __version__,
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "PREPROCESSING_HOOKS": ["rini.openapi.document.add_endpoints"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "rini.openapi.document.add_examples",
        "rini.openapi.document.loosen_choices",
        "rini.openapi.document.shape_streams",
        "rini.openapi.links.add_links",
    ],
    "ENUM_NAME_OVERRIDES": {
        "MessageStatus": "conversations.models.MessageStatus",
        "Role": "conversations.models.Role",
        "GenerationStatus": "conversations.models.GenerationStatus",
        "UsageStatus": "billing.models.UsageStatus",
    },
}

# -- models and their providers -----------------------------------------------------------------
PROVIDER_BASE_URLS = environment.provider_addresses(os.environ)
PROVIDER_API_KEYS = environment.provider_keys(os.environ, FURTHER_KEY_VARIABLES)
# Whom the operator's keys serve: nobody, whoever has a budget or a limit per minute, everybody.
LEND_OPERATOR_KEYS = environment.choice(
    "LEND_OPERATOR_KEYS",
    env.str(
        "LEND_OPERATOR_KEYS",
        default="always" if IS_OWN_MACHINE else "limited",
    ),
    ("never", "limited", "always"),
)
CATALOGUE_REMEMBERED_SECONDS = env.float("CATALOGUE_REMEMBERED_SECONDS", default=3.0)
PROVIDER_CONNECT_TIMEOUT = env.float("PROVIDER_CONNECT_TIMEOUT", default=10.0)
PROVIDER_READ_TIMEOUT = env.float("PROVIDER_READ_TIMEOUT", default=300.0)
DEFAULT_MODEL = env.str("DEFAULT_MODEL", default="")
# Sent for callers of /chat and /api/chat who name none; empty: the provider's own.
DEFAULT_TEMPERATURE = environment.optional_number(
    "DEFAULT_TEMPERATURE", env.str("DEFAULT_TEMPERATURE", default="0.7")
)
DEFAULT_MAX_TOKENS = environment.optional_integer(
    "DEFAULT_MAX_TOKENS", env.str("DEFAULT_MAX_TOKENS", default="256")
)
LLM_MODEL = env.str("LLM_MODEL", default="")  # at LLM_SERVER_URL; empty: the first that it lists
DEMO_TOKENS_PER_SECOND = env.float("DEMO_TOKENS_PER_SECOND", default=50.0)

# -- sessions of /api/chat ------------------------------------------------------------------------
SESSION_TIMEOUT_HOURS = env.float("SESSION_TIMEOUT_HOURS", default=24.0)
MAX_CONTEXT_MESSAGES = env.int("MAX_CONTEXT_MESSAGES", default=10)

# -- conversations --------------------------------------------------------------------------------
# Set by the operator, that limit is for all sessions; otherwise they tell as much as fits.
CONTEXT_TURNS = env.int("MAX_CONTEXT_MESSAGES", default=0) or None
AUTO_TITLE = env.bool("AUTO_TITLE", default=True)

# -- money --------------------------------------------------------------------------------------
UNKNOWN_PRICE_INPUT_RATE = environment.rate("UNKNOWN_PRICE_INPUT", os.environ, default="15")
UNKNOWN_PRICE_OUTPUT_RATE = environment.rate("UNKNOWN_PRICE_OUTPUT", os.environ, default="75")
UNKNOWN_OUTPUT_TOKENS = env.int("UNKNOWN_OUTPUT_TOKENS", default=8192)
LEDGER_RETENTION_MONTHS = env.int("LEDGER_RETENTION_MONTHS", default=0)

# -- generations --------------------------------------------------------------------------------
JOURNAL_FLUSH_SECONDS = env.float("JOURNAL_FLUSH_SECONDS", default=0.1)
JOURNAL_RETENTION_HOURS = env.int("JOURNAL_RETENTION_HOURS", default=24)
PROCESS_DEAD_AFTER_SECONDS = env.float("PROCESS_DEAD_AFTER_SECONDS", default=10.0)
STREAM_KEEPALIVE_SECONDS = env.float("STREAM_KEEPALIVE_SECONDS", default=15.0)

# -- background work ----------------------------------------------------------------------------
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 5.0
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "socket_timeout": 5,
    "socket_connect_timeout": 5,
}
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE = {
    "reap-generations": {"task": "conversations.tasks.reap", "schedule": 5.0},
    "sweep-holds": {"task": "providers.tasks.sweep", "schedule": 5.0},
    "delete-expired-sessions": {
        "task": "conversations.tasks.delete_expired_sessions",
        "schedule": 300.0,
    },
    "forget-answers": {"task": "rini.tasks.forget_answers", "schedule": 3600.0},
    "sweep-files": {"task": "conversations.tasks.sweep_files", "schedule": 86400.0},
    "trim-journal": {"task": "conversations.tasks.trim_journal", "schedule": 3600.0},
    "make-ledger-partitions": {"task": "billing.tasks.make_partitions", "schedule": 86400.0},
    "trim-ledger": {"task": "billing.tasks.trim_ledger", "schedule": 86400.0},
    "forget-refresh-tokens": {"task": "accounts.tasks.forget_refresh_tokens", "schedule": 86400.0},
    "trim-security-log": {"task": "accounts.tasks.trim_security_log", "schedule": 86400.0},
}

# -- logs ---------------------------------------------------------------------------------------
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO").upper()
LOG_FORMAT = env.str("LOG_FORMAT", default="console" if DEBUG or EMBEDDED_DATABASE else "json")
LOGGING_CONFIG = None
logs.configure(LOG_LEVEL, LOG_FORMAT)
