"""Every setting of Rini, from the environment. `.env.example` explains each variable.

A new variable is a line here, read by `rini.environment`, and one there; a test compares the two.
Without ``DATABASE_URL`` and ``REDIS_URL`` the servers are the embedded ones, and their addresses
and Rini's secrets come from the data folder.
"""

import sys
import warnings
from pathlib import Path

import django_stubs_ext
import environ

from providers.vendors import FURTHER_KEY_VARIABLES
from rini import logs, schedule
from rini.environment import addresses
from rini.environment.secrets import master_keys, signing_secret, signing_secrets
from rini.environment.variables import Environment
from rini.running import datadir
from rini.secrets.secret import Secret
from rini.web import rest_framework

django_stubs_ext.monkeypatch()  # Django's classes take type arguments at run time too

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment.with_file(BASE_DIR / ".env")

# -- where things are ---------------------------------------------------------------------------
HOST = env.text(
    "HOST",
    "127.0.0.1",
    form=r"[0-9A-Za-z._:-]+",
    allowed="Give the address or the name to listen on, as 127.0.0.1.",
)
PORT = env.integer("PORT", 8000, least=1, most=65_535)
DATA_DIR = Path(env.text("RINI_DATA_DIR") or BASE_DIR / "var").resolve()
WEB_WORKERS = env.integer("WEB_WORKERS", 1, least=1, most=256)
WORKER_CONCURRENCY = env.integer("WORKER_CONCURRENCY", 2, least=1, most=256)
DATABASE_URL = env.secret_address("DATABASE_URL", addresses.database)
REDIS_URL = env.secret_address("REDIS_URL", addresses.redis)
EMBEDDED_DATABASE = not DATABASE_URL
EMBEDDED_REDIS = not REDIS_URL
_installation = datadir.load(DATA_DIR) if EMBEDDED_DATABASE or EMBEDDED_REDIS else None
if _installation is not None:
    DATABASE_URL = DATABASE_URL or _installation.database_url
    REDIS_URL = REDIS_URL or _installation.redis_url

# -- secrets ------------------------------------------------------------------------------------
# Generated ones belong to the embedded database: whoever brings a database brings the secrets.
_generated = _installation if EMBEDDED_DATABASE else None
_given = env.secret("RINI_API_MASTER_KEY")
_own = _generated.master_key if _generated else ""
MASTER_KEYS = master_keys("RINI_API_MASTER_KEY", _given or _own)
if _given and _own:  # the installation's own goes on to open what it has sealed
    MASTER_KEYS += master_keys("RINI_API_MASTER_KEY", _own)
# See rini.secrets.masters.
MASTER_KEYS_FILE = DATA_DIR / datadir.FILE if _own and not _given else None
SECRET_KEY = signing_secret(
    "SECRET_KEY", env.secret("SECRET_KEY", _generated.django_secret if _generated else "")
)
JWT_SECRET_KEYS = signing_secrets(
    "JWT_SECRET_KEY", env.secret("JWT_SECRET_KEY", _generated.jwt_secret if _generated else "")
)
JWT_SECRET_KEY = JWT_SECRET_KEYS[0]  # it signs; the others verify what they signed before

# -- Django -------------------------------------------------------------------------------------
DEBUG = env.switch("DEBUG", False)
# Of an installation of one's own machine: a page whose name points at it must not reach it.
ALLOWED_HOSTS = env.items(
    "ALLOWED_HOSTS", addresses.names_of(HOST) if EMBEDDED_DATABASE else ["*"], addresses.host
)
SERVES_LITERAL_HOSTS = HOST in addresses.WILDCARDS
TRUSTED_PROXIES = env.items("TRUSTED_PROXIES", ["127.0.0.1", "::1"], addresses.network)
CORS_ORIGINS = env.items("CORS_ORIGINS", [], addresses.origin)
CSRF_TRUSTED_ORIGINS = env.items("CSRF_TRUSTED_ORIGINS", [], addresses.trusted_origin)
BEHIND_TLS_PROXY = env.switch("BEHIND_TLS_PROXY", False)
HSTS_SECONDS = env.integer("HSTS_SECONDS", 31_536_000 if BEHIND_TLS_PROXY else 0)
DEFAULT_EXCEPTION_REPORTER_FILTER = "rini.web.debugging.Filter"
if BEHIND_TLS_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True

ROOT_URLCONF = "rini.urls"
ASGI_APPLICATION = "rini.asgi.application"
APPEND_SLASH = False  # both forms of every address answer; a redirected POST loses its body
INSTALLED_APPS = [
    *(["daphne"] if "runserver" in sys.argv else []),  # it imports Twisted: two seconds
    "rini",  # before the administration: its templates are looked for first
    "accounts.apps.AdministrationConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
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
LANGUAGE_CODE = "en"  # for callers who ask for none of them (`rini.web.language`)
LANGUAGES = [("en", "English"), ("ko", "한국어"), ("zh-hans", "简体中文"), ("ja", "日本語")]
LOCALE_PATHS = [BASE_DIR / "rini" / "locale"]  # built from its .po files (`make messages`)
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "static"
WHITENOISE_USE_FINDERS = True
# `make run` needs no collectstatic, and so no folder.
warnings.filterwarnings("ignore", "No directory at", module="django.core.handlers")

# -- storage ------------------------------------------------------------------------------------
DATABASE_POOL_SIZE = env.integer("DATABASE_POOL_SIZE", 10, most=1000)
DATABASES = {"default": environ.Env.db_url_config(DATABASE_URL)}
DATABASES["default"]["CONN_MAX_AGE"] = 0  # under ASGI kept ones leak: the pool keeps them
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
# Files of messages: in the data folder, or, where a bucket is named, at S3 or what speaks as it.
MEDIA_ROOT = DATA_DIR / "files"
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
AWS_STORAGE_BUCKET_NAME = env.text(
    "AWS_STORAGE_BUCKET_NAME", form=r"[A-Za-z0-9._-]{3,255}", allowed="Give the name of a bucket."
)
_in_bucket = {
    "BACKEND": "storages.backends.s3.S3Storage",
    "OPTIONS": {
        "bucket_name": AWS_STORAGE_BUCKET_NAME,
        # Without keys in the environment boto3 looks elsewhere for them: in the machine's role.
        "access_key": env.secret("AWS_ACCESS_KEY_ID") or None,
        "secret_key": env.secret("AWS_SECRET_ACCESS_KEY") or None,
        "endpoint_url": env.address("AWS_S3_ENDPOINT_URL") or None,
        "region_name": env.text(
            "AWS_S3_REGION_NAME", form=r"[a-z0-9-]+", allowed="Give a region, as eu-central-1."
        )
        or None,
        "default_acl": None,  # as the bucket has it: private
        "file_overwrite": False,
    },
}
_in_folder = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
STORAGES = {
    "default": _in_bucket if AWS_STORAGE_BUCKET_NAME else _in_folder,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
MAX_IMAGE_BYTES = env.integer("MAX_IMAGE_BYTES", 10 * 1024 * 1024, least=1)
MAX_IMAGE_PIXELS = env.integer("MAX_IMAGE_PIXELS", 50_000_000, least=1)

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
# Whoever serves others decides what strangers may do; on one's own machine there are none.
IS_OWN_MACHINE = EMBEDDED_DATABASE and addresses.is_loopback(HOST)
OPEN_REGISTRATION = env.switch("OPEN_REGISTRATION", IS_OWN_MACHINE)
REGISTRATIONS_PER_HOUR = env.integer("REGISTRATIONS_PER_HOUR", 20)
ADMIN_SECOND_FACTOR = env.choice(
    "ADMIN_SECOND_FACTOR", "offered" if IS_OWN_MACHINE else "required", ("offered", "required")
)
INVITATION_DAYS = env.integer("INVITATION_DAYS", 7, least=1, most=365)
SECURITY_LOG_DAYS = env.integer("SECURITY_LOG_DAYS", 365, most=36_500)
ANONYMOUS_ACCESS = env.switch("ANONYMOUS_ACCESS", False)
JWT_ALGORITHM = env.choice("JWT_ALGORITHM", "HS256", ("HS256", "HS384", "HS512"))
JWT_ACCESS_TOKEN_EXPIRE_MINUTES = env.duration(
    "JWT_ACCESS_TOKEN_EXPIRE_MINUTES", 1440, "minutes", least=1, most=5_000_000
)
JWT_REFRESH_TOKEN_EXPIRE_DAYS = env.duration(
    "JWT_REFRESH_TOKEN_EXPIRE_DAYS", 30, "days", least=0.01, most=36_500
)
API_TOKEN_ROTATION_GRACE_MINUTES = env.duration(
    "API_TOKEN_ROTATION_GRACE_MINUTES", 60, "minutes", most=5_000_000
)

# -- limits: docs/limits.md says what happens beyond each of them ---------------------------------
MAX_REQUEST_BYTES = env.integer("MAX_REQUEST_BYTES", 32 * 1024 * 1024, least=1024)
MAX_ANONYMOUS_BYTES = env.integer("MAX_ANONYMOUS_BYTES", 64 * 1024, least=1024)
MAX_BODIES_BYTES = env.integer("MAX_BODIES_BYTES", 64 * 1024 * 1024, least=1024)
MAX_SOCKET_MESSAGE_BYTES = env.integer("MAX_SOCKET_MESSAGE_BYTES", 8 * 1024 * 1024, least=1024)
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_REQUEST_BYTES
MAX_CONNECTIONS = env.integer("MAX_CONNECTIONS", 4096, least=1)
MAX_CONNECTIONS_PER_ADDRESS = env.integer("MAX_CONNECTIONS_PER_ADDRESS", 256)
MAX_REQUEST_LINE_BYTES = env.integer("MAX_REQUEST_LINE_BYTES", 16 * 1024, least=256)
MAX_HEADER_BYTES = env.integer("MAX_HEADER_BYTES", 32 * 1024, least=1024)
MAX_HEADERS = env.integer("MAX_HEADERS", 100, least=10)
MAX_PIPELINED_REQUESTS = env.integer("MAX_PIPELINED_REQUESTS", 32)
REQUEST_HEAD_SECONDS = env.duration("REQUEST_HEAD_SECONDS", 15, "seconds", least=1, most=3600)
REQUEST_BODY_SECONDS = env.duration("REQUEST_BODY_SECONDS", 30, "seconds", least=1, most=3600)
REQUEST_BODY_BYTES_PER_SECOND = env.integer("REQUEST_BODY_BYTES_PER_SECOND", 1024, least=1)
KEEP_ALIVE_SECONDS = env.integer("KEEP_ALIVE_SECONDS", 75, least=1, most=86_400)
STALLED_READER_SECONDS = env.duration("STALLED_READER_SECONDS", 60, "seconds", least=1, most=86_400)
SOCKET_AUTHENTICATION_SECONDS = env.duration(
    "SOCKET_AUTHENTICATION_SECONDS", 10, "seconds", least=0.1, most=3600
)
PASSWORDS_AT_ONCE = env.integer("PASSWORDS_AT_ONCE", 2, least=1, most=256)
PASSWORD_WAIT_SECONDS = env.duration("PASSWORD_WAIT_SECONDS", 5, "seconds", most=60)
LARGE_REQUESTS_AT_ONCE = env.integer("LARGE_REQUESTS_AT_ONCE", 2, least=1, most=256)
LARGE_REQUEST_WAIT_SECONDS = env.duration("LARGE_REQUEST_WAIT_SECONDS", 30, "seconds", most=600)
DJANGO_REQUESTS_AT_ONCE = env.integer("DJANGO_REQUESTS_AT_ONCE", 64, least=1, most=10_000)
DJANGO_REQUEST_WAIT_SECONDS = env.duration("DJANGO_REQUEST_WAIT_SECONDS", 10, "seconds", most=600)
# orjson writes nothing deeper than 254 levels.
MAX_JSON_DEPTH = env.integer("MAX_JSON_DEPTH", 100, least=10, most=200)
MAX_JSON_VALUES = env.integer("MAX_JSON_VALUES", 1_000_000, least=1000)
KNOWLEDGE_PROMPT_TOKENS = env.integer("KNOWLEDGE_PROMPT_TOKENS", 4000, least=100)
MAX_TEXT_CHARACTERS = env.integer("MAX_TEXT_CHARACTERS", 1_000_000, least=1)
MAX_MESSAGES = env.integer("MAX_MESSAGES", 5000, least=1)
MAX_TOOLS = env.integer("MAX_TOOLS", 512, least=1)
MAX_SCHEMA_DEPTH = env.integer("MAX_SCHEMA_DEPTH", 64, least=1, most=200)
MAX_SCHEMA_VALUES = env.integer("MAX_SCHEMA_VALUES", 50_000, least=1)
MAX_PARAMETERS_BYTES = env.integer("MAX_PARAMETERS_BYTES", 2 * 1024 * 1024, least=1024)
MAX_EMBEDDING_INPUTS = env.integer("MAX_EMBEDDING_INPUTS", 10_000, least=1)
MAX_EMBEDDING_CALLS = env.integer("MAX_EMBEDDING_CALLS", 50, least=1)
MAX_SIBLINGS = env.integer("MAX_SIBLINGS", 100, least=1)
MAX_IMPORTED_MESSAGES = env.integer("MAX_IMPORTED_MESSAGES", 20_000, least=1)
MAX_METADATA_BYTES = env.integer("MAX_METADATA_BYTES", 64 * 1024, least=2)
MAX_PAGE_BYTES = env.integer("MAX_PAGE_BYTES", 32 * 1024 * 1024, least=1024)
MAX_UNSENT_BYTES = env.integer("MAX_UNSENT_BYTES", 128 * 1024 * 1024, least=1024)
MAX_SESSION_MESSAGES = env.integer("MAX_SESSION_MESSAGES", 50_000)
MAX_SESSION_BYTES = env.integer("MAX_SESSION_BYTES", 32 * 1024 * 1024)
MAX_USER_BYTES = env.integer("MAX_USER_BYTES", 1024 * 1024 * 1024)
MAX_GROUPS = env.integer("MAX_GROUPS", 100, least=1)
MAX_GROUP_MEMBERS = env.integer("MAX_GROUP_MEMBERS", 1000, least=1)
MAX_SHARES = env.integer("MAX_SHARES", 100, least=1)

# -- the API ------------------------------------------------------------------------------------
# Of each account; an operator can give one its own. 0: no limit.
REQUESTS_PER_MINUTE = env.integer("REQUESTS_PER_MINUTE", 0)
TOKENS_PER_MINUTE = env.integer("TOKENS_PER_MINUTE", 0)
PARALLEL_GENERATIONS = env.integer("PARALLEL_GENERATIONS", 0)
IDEMPOTENCY_HOURS = env.duration("IDEMPOTENCY_HOURS", 24, "hours", least=0.01, most=100_000)
REQUEST_OWNER = "accounts.authentication.owner_of"
# Hosts, host:port and networks beside the public ones that addresses of users may lead to.
EGRESS_ALLOWED_HOSTS = env.items("EGRESS_ALLOWED_HOSTS", [], addresses.place)

REST_FRAMEWORK = rest_framework.SETTINGS
SPECTACULAR_SETTINGS = rest_framework.DOCUMENT

# -- models and their providers -----------------------------------------------------------------
PROVIDER_BASE_URLS = env.provider_addresses()
PROVIDER_API_KEYS = env.provider_keys(FURTHER_KEY_VARIABLES)
# Whom the operator's keys serve: nobody, accounts with a budget or a limit per minute, everybody.
LEND_OPERATOR_KEYS = env.choice(
    "LEND_OPERATOR_KEYS",
    "always" if IS_OWN_MACHINE else "limited",
    ("never", "limited", "always"),
)
CATALOGUE_REMEMBERED_SECONDS = env.duration("CATALOGUE_REMEMBERED_SECONDS", 3, "seconds", most=3600)
PROVIDER_CONNECT_TIMEOUT = env.duration(
    "PROVIDER_CONNECT_TIMEOUT", 10, "seconds", least=0.1, most=3600
)
PROVIDER_READ_TIMEOUT = env.duration("PROVIDER_READ_TIMEOUT", 300, "seconds", least=0.1, most=86400)
_MODEL = {"form": r"\S{1,251}", "allowed": "Give a model's name, as openai/gpt-4.1-mini."}
DEFAULT_MODEL = env.text("DEFAULT_MODEL", **_MODEL)
# Sent for callers of /chat and /api/chat who name none; empty: the provider's own.
DEFAULT_TEMPERATURE = env.optional_number("DEFAULT_TEMPERATURE", 0.7, most=10)
DEFAULT_MAX_TOKENS = env.optional_integer("DEFAULT_MAX_TOKENS", 256, least=1)
ONE_SHOT_MAX_TOKENS = env.optional_integer("ONE_SHOT_MAX_TOKENS", 2000, least=1)
LLM_MODEL = env.text("LLM_MODEL", **_MODEL)  # at LLM_SERVER_URL; empty: the first that it lists
DEMO_TOKENS_PER_SECOND = env.number("DEMO_TOKENS_PER_SECOND", 50, most=1_000_000)
OFFLINE_EMBEDDING_THREADS = env.integer("OFFLINE_EMBEDDING_THREADS", 2, least=1, most=256)

# -- sessions of /api/chat ------------------------------------------------------------------------
SESSION_TIMEOUT_HOURS = env.duration(
    "SESSION_TIMEOUT_HOURS", 24, "hours", least=0.001, most=1_000_000
)
MAX_CONTEXT_MESSAGES = env.integer("MAX_CONTEXT_MESSAGES", 10, least=1)

# -- conversations --------------------------------------------------------------------------------
# If the operator sets it, that limit is for all sessions; otherwise they tell as much as fits.
CONTEXT_TURNS = MAX_CONTEXT_MESSAGES if env.is_set("MAX_CONTEXT_MESSAGES") else None
AUTO_TITLE = env.switch("AUTO_TITLE", True)
MEMORY_ENABLED = env.switch("MEMORY_ENABLED", True)
MEMORY_EXTRACTION = env.switch("MEMORY_EXTRACTION", True)
MEMORY_MODEL = env.text("MEMORY_MODEL", **_MODEL)  # empty: the one that has answered
MEMORY_NEEDS_CONFIRMATION = env.switch("MEMORY_NEEDS_CONFIRMATION", False)
MEMORY_PER_EXCHANGE = env.integer("MEMORY_PER_EXCHANGE", 5, least=1, most=100)
MEMORY_DAILY_BUDGET = env.dollars("MEMORY_DAILY_BUDGET", "0.10")
MEMORY_PROMPT_TOKENS = env.integer("MEMORY_PROMPT_TOKENS", 1500, least=100)
MAX_MEMORIES = env.integer("MAX_MEMORIES", 50_000, least=1)
MAX_MEMORY_CHARACTERS = env.integer("MAX_MEMORY_CHARACTERS", 10_000, least=1)

# -- reading documents ----------------------------------------------------------------------------
# What one document may take: the fields of `knowledge.readers.limits.Limits`.
READER_LIMITS = {
    "seconds": env.duration("READER_SECONDS", 60, "seconds", least=1, most=3600),
    "memory_mb": env.integer("READER_MEMORY_MB", 512, least=64),
    "document_mb": env.integer("READER_DOCUMENT_MB", 100, least=1),
    "expanded_mb": env.integer("READER_EXPANDED_MB", 256, least=1),
    "pages": env.integer("READER_PAGES", 5_000, least=1),
    "cells": env.integer("READER_CELLS", 500_000, least=1),
    "characters": env.integer("READER_CHARACTERS", 20_000_000, least=1),
    "ocr": env.choice("OCR", "none", ("none", "tesseract")) == "tesseract",
    "ocr_languages": env.text(
        "OCR_LANGUAGES",
        "kor+jpn+chi_sim+eng",
        form=r"\w+(\+\w+)*",
        allowed="Give tesseract's names of languages, as kor+eng.",
    ),
    "ocr_seconds": env.duration("OCR_SECONDS", 600, "seconds", least=1, most=86_400),
}

# -- money --------------------------------------------------------------------------------------
UNKNOWN_PRICE_INPUT_RATE = env.dollars("UNKNOWN_PRICE_INPUT", "15")
UNKNOWN_PRICE_OUTPUT_RATE = env.dollars("UNKNOWN_PRICE_OUTPUT", "75")
UNKNOWN_OUTPUT_TOKENS = env.integer("UNKNOWN_OUTPUT_TOKENS", 8192, least=1)
READ_ON_SECONDS = env.duration("READ_ON_SECONDS", 3, "seconds", least=0.001, most=60)
LEDGER_RETENTION_MONTHS = env.integer("LEDGER_RETENTION_MONTHS", 0, most=10_000)

# -- generations --------------------------------------------------------------------------------
JOURNAL_FLUSH_SECONDS = env.duration("JOURNAL_FLUSH_SECONDS", 0.1, "seconds", least=0.001, most=60)
JOURNAL_RETENTION_HOURS = env.duration(
    "JOURNAL_RETENTION_HOURS", 24, "hours", least=0.01, most=100_000
)
PROCESS_DEAD_AFTER_SECONDS = env.duration(
    "PROCESS_DEAD_AFTER_SECONDS", 10, "seconds", least=2, most=3600
)
SHUTDOWN_GRACE_SECONDS = env.duration("SHUTDOWN_GRACE_SECONDS", 10, "seconds", most=3600)
STREAM_KEEPALIVE_SECONDS = env.duration(
    "STREAM_KEEPALIVE_SECONDS", 15, "seconds", least=0.01, most=3600
)

# -- background work ----------------------------------------------------------------------------
CELERY_BROKER_URL = REDIS_URL
CELERY_BEAT_SCHEDULE = schedule.TASKS

# -- metrics -------------------------------------------------------------------------------------
METRICS_DIR = DATA_DIR / "metrics"
METRICS_OPEN = env.switch("METRICS_OPEN", False)
_metrics_token = env.secret("METRICS_TOKEN")
METRICS_TOKEN = Secret(_metrics_token and signing_secret("METRICS_TOKEN", _metrics_token))

# -- logs ---------------------------------------------------------------------------------------
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"))
REQUEST_LOG = env.number("REQUEST_LOG", 1, most=1)
LOG_FORMAT = env.choice(
    "LOG_FORMAT", "console" if DEBUG or EMBEDDED_DATABASE else "json", ("json", "console")
)
LOGGING_CONFIG = None
logs.configure(LOG_LEVEL, LOG_FORMAT)
