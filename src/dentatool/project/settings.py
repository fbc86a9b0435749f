"""All settings. The environment decides; the table of variables is in the README."""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from environs import env

from dentatool.kit import csp
from dentatool.kit.post_office import PostOfficeError, post_office
from dentatool.protection.outgoing import Blocked, checked
from dentatool.protection.published import Unusable, published_passwords
from dentatool.values.proxies import trusted_networks

BASE = Path(__file__).resolve().parents[1]
MODE = env.str("DENTATOOL_MODE", "development")
VAR = Path(env.str("DENTATOOL_VAR", str(BASE.parents[1] / "var"))).resolve()
DENTATOOL_MODE, DENTATOOL_VAR = MODE, VAR
if MODE not in ("development", "test", "production"):
    sys.exit("DENTATOOL_MODE muss development, test oder production sein.")
DEBUG = False  # never: error pages with local variables would show patients


DENTATOOL_DB_FILE = Path(env.str("DENTATOOL_DB_FILE", str(VAR / "secrets" / "database.json")))


def _secret(name: str, fallback: str) -> str:
    """A secret of this instance. Before set-up there is none, and nothing may need it then."""
    file = VAR / "secrets" / name
    return file.read_text().strip() if file.exists() else fallback


def _database() -> dict[str, Any]:
    """The database in the role that this process was started for; the web never has more than `app`."""
    facts = json.loads(DENTATOOL_DB_FILE.read_text()) if DENTATOOL_DB_FILE.exists() else {"roles": {}}
    role = facts["roles"].get(os.environ.get("DENTATOOL_DB_ROLE", "app"), {})
    # As start-up options they survive the RESET ALL at the beginning of each transaction.
    options: dict[str, Any] = {"application_name": "dentatool", "connect_timeout": 5, "options": "-c TimeZone=UTC"}
    # Prepared by psycopg at their sixth use: planning again each time would double the database's share of a page.
    options |= {"server_side_binding": True, "prepare_threshold": 5}
    if "sslmode" in facts:
        options["sslmode"] = facts["sslmode"]
    return {
        "ENGINE": "dentatool.protection.engine",
        "HOST": facts.get("host", ""),
        "PORT": facts.get("port", 5432),
        "NAME": env.str("DENTATOOL_DB_NAME", facts.get("name", "dentatool")),
        "USER": role.get("user", ""),
        "PASSWORD": role.get("password", ""),
        "CONN_MAX_AGE": None,
        "OPTIONS": options,
    }


SECRET_KEY = _secret("django.key", "not-set-up")
DENTATOOL_PASS_KEY_FILE = str(VAR / "secrets" / "pass.key")
DENTATOOL_SIGNING_KEY_FILE = str(VAR / "secrets" / "signing.key")
DENTATOOL_TRAIL_KEY_FILE = str(VAR / "secrets" / "trail.key")
DENTATOOL_WITNESS = str(VAR / "witness")  # what the trails were, told outside of the database
DENTATOOL_ROOT_KEY_FILE = env.str("DENTATOOL_ROOT_KEY_FILE", str(VAR / "keys" / "root.key"))
# A key service for the root key in place of the file: https://host[:port]/mount/key (Transit of Vault and OpenBao).
DENTATOOL_KMS = env.str("DENTATOOL_KMS", "").rstrip("/")
DENTATOOL_KMS_TOKEN_FILE = env.str("DENTATOOL_KMS_TOKEN_FILE", str(VAR / "secrets" / "kms.token"))
if DENTATOOL_KMS and not re.fullmatch(r"https://[\w.-]+(:\d{1,5})?(/[\w.-]+){2,}", DENTATOOL_KMS, re.ASCII):
    sys.exit(f"DENTATOOL_KMS muss https://rechner:port/transit/schluessel sein, nicht {DENTATOOL_KMS!r}.")

INSTALLED_APPS = [
    "dentatool.protection",
    "dentatool.kit",
    "dentatool.practices",
    "dentatool.catalogue",
    "dentatool.team",
    "dentatool.orders",
    "dentatool.billing",
    "dentatool.overview",
    "dentatool.operations",
    "dentatool.api",
    "django_htmx",
    "csp",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "dentatool.operations.monitoring.requests.Counting",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "dentatool.kit.headers.Policy",
    "dentatool.kit.headers.Headers",
    "dentatool.kit.arrival.refuse_what_did_not_arrive",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "dentatool.protection.access.internal.gate.Gate",
]
ROOT_URLCONF = "dentatool.project.urls"
WSGI_APPLICATION = "dentatool.project.wsgi.application"
TEMPLATES = [
    {
        # Jinja2, except that a value which cannot be opened is shown as „nicht lesbar“.
        "BACKEND": "dentatool.protection.vault.internal.templates.PageTemplates",
        "NAME": "pages",
        "APP_DIRS": True,
        "OPTIONS": {
            "environment": "dentatool.kit.templating.environment",
            "context_processors": [
                "django.contrib.messages.context_processors.messages",
                "dentatool.kit.context.page_frame",
            ],
        },
    }
]
FORM_RENDERER = "dentatool.kit.form_rendering.FormRenderer"
DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["dentatool.protection.access.internal.hashing.Argon2id"]
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"

LANGUAGE_CODE, TIME_ZONE, USE_TZ, USE_I18N = "de", "Europe/Berlin", True, True
FORMAT_MODULE_PATH = "dentatool.kit.formats"

STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {
        "BACKEND": env.str("DENTATOOL_STATICFILES", "whitenoise.storage.CompressedManifestStaticFilesStorage")
    },
}

WHITENOISE_ADD_HEADERS_FUNCTION = csp.for_files
WHITENOISE_ALLOW_ALL_ORIGINS = False  # nobody else's page uses our files

# Mail: without a server, messages wait in the outbox (while developing: files in var/mail).
DENTATOOL_MAIL_INTO_FILES = MODE == "development"
DENTATOOL_SMTP_URL = env.str("DENTATOOL_SMTP_URL", "")
DENTATOOL_MAIL_FROM = env.str("DENTATOOL_MAIL_FROM", "")
DENTATOOL_CA_FILE = env.str("DENTATOOL_CA_FILE", "")
# Own hosts in private networks, or at other ports, that we may call (protection/outgoing): identity providers of
# laboratories, whoever waits for the heartbeat, whoever takes alerts.
DENTATOOL_PRIVATE_HOSTS = env.list("DENTATOOL_PRIVATE_HOSTS", [])
try:
    post_office(DENTATOOL_SMTP_URL, DENTATOOL_MAIL_FROM)
except PostOfficeError as unusable:
    sys.exit(str(unusable))

# Who learns of faults, and who waits for the watch's sign of life (operations/monitoring): a slip of the pen here would
# be noticed on the day when it counts.
try:
    for address in (each.strip() for each in env.str("DENTATOOL_ALERT_TO", "").split(",") if each.strip()):
        validate_email(address)
except ValidationError:
    sys.exit(f"DENTATOOL_ALERT_TO: {address!r} ist keine E-Mail-Adresse.")
for name in ("DENTATOOL_HEARTBEAT_URL", "DENTATOOL_ALERT_WEBHOOK_URL"):
    try:
        if url := env.str(name, ""):
            checked(url, DENTATOOL_PRIVATE_HOSTS)
    except Blocked as unusable:
        sys.exit(f"{name}: {unusable}")
if url and len(env.str("DENTATOOL_ALERT_WEBHOOK_SECRET", "")) < 32:
    sys.exit(
        "DENTATOOL_ALERT_WEBHOOK_SECRET muss mindestens 32 Zeichen haben: Damit wird unterschrieben, was gemeldet wird."
    )

# Passwords that were published (protection/published): a file that no new password may be in.
DENTATOOL_PUBLISHED_PASSWORDS = env.str("DENTATOOL_PUBLISHED_PASSWORDS", "")
try:
    published_passwords(DENTATOOL_PUBLISHED_PASSWORDS)
except Unusable as unusable:
    sys.exit(f"DENTATOOL_PUBLISHED_PASSWORDS: {unusable}")

# Days that the trail is kept, by class; defaults and bounds: protection/audit/retention.py.
DENTATOOL_KEEP_DAYS = {
    kept: days for kept in ("security", "access", "business")
    if (days := env.int(f"DENTATOOL_KEEP_{kept.upper()}_DAYS", None)) is not None
}  # fmt: skip
# Days between two reviews of accesses (TOM 3): 180 for a laboratory; more often is allowed, less is not.
DENTATOOL_REVIEW_DAYS = env.int("DENTATOOL_REVIEW_DAYS", 180)
if not 30 <= DENTATOOL_REVIEW_DAYS <= 180:
    sys.exit("DENTATOOL_REVIEW_DAYS muss zwischen 30 und 180 liegen.")
# The least that every laboratory must ask for besides the password; each may ask for more.
DENTATOOL_LEAST_FACTOR_RULE = env.str("DENTATOOL_LEAST_FACTOR_RULE", "optional")
if DENTATOOL_LEAST_FACTOR_RULE not in ("optional", "required", "passkey"):
    sys.exit("DENTATOOL_LEAST_FACTOR_RULE muss optional, required oder passkey sein.")
DENTATOOL_SECURITY_CONTACT = env.str("DENTATOOL_SECURITY_CONTACT", "")
DENTATOOL_API_PER_MINUTE = env.int("DENTATOOL_API_PER_MINUTE", 600)
if not 10 <= DENTATOOL_API_PER_MINUTE <= 6000:
    sys.exit("DENTATOOL_API_PER_MINUTE muss zwischen 10 und 6000 liegen.")
# Our own proxies, whose word about the address of a connection is taken (values/proxies); nobody else's is.
try:
    DENTATOOL_TRUSTED_PROXIES = trusted_networks(env.list("DENTATOOL_TRUSTED_PROXIES", []))
except ValueError as unusable:
    sys.exit(f"DENTATOOL_TRUSTED_PROXIES: {unusable}")
# Who may see the numbers of the installation (/metrics) and its state (/betrieb/zustand/): by default this machine.
try:
    DENTATOOL_METRICS_FROM = trusted_networks(env.list("DENTATOOL_METRICS_FROM", ["127.0.0.0/8", "::1"]))
except ValueError as unusable:
    sys.exit(f"DENTATOOL_METRICS_FROM: {unusable}")
ALLOWED_HOSTS = env.list("DENTATOOL_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
# What links in e-mails begin with: never taken from a request, whose sender could name another place.
DENTATOOL_URL = env.str("DENTATOOL_URL", f"https://{ALLOWED_HOSTS[0]}:{env.str('DENTATOOL_PORT', '8443')}").rstrip("/")
CSRF_TRUSTED_ORIGINS = env.list("DENTATOOL_ORIGINS", [])
SECURE_SSL_REDIRECT = True
SECURE_HSTS_SECONDS = 0 if MODE == "development" else 2 * 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_COOKIE_NAME = "__Host-csrf"
CSRF_COOKIE_SECURE = CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "dentatool.kit.errors.csrf_failure"
SESSION_COOKIE_NAME = "__Host-messages"  # only the message cookie's settings derive from these
SESSION_COOKIE_SECURE = SESSION_COOKIE_HTTPONLY = True
CONTENT_SECURITY_POLICY = csp.CONTENT_SECURITY_POLICY

DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000
FILE_UPLOAD_MAX_MEMORY_SIZE = 5_500_000
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]  # nothing unsealed touches the disk

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "dentatool.project.logs.OneLine", "with_texts": MODE == "development"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line"},
        "errors": {"()": "dentatool.operations.monitoring.errors.Recorder"},
    },
    "root": {"handlers": ["stderr", "errors"], "level": "WARNING"},
    "loggers": {"django.server": {"level": "WARNING"}},
}
