"""The settings: nothing is open that need not be, and the environment says what differs from machine to machine.

AGENCY_DATABASE   a file of SQLite, or a connection string of PostgreSQL such as "host=/run/postgresql dbname=agency"
AGENCY_SECRET_KEY what signs cookies; without it, one is made up at each start, and everybody has to log in again
AGENCY_HOSTS      the names under which the site is asked for, with commas between; this machine alone by default
AGENCY_HTTPS      "1" where the site is served over HTTPS: cookies then travel no other way
AGENCY_TODAY      the day that it is, for the demonstration and for tests; without it, what the calendar says
"""

import os
from datetime import date
from pathlib import Path

from django.core.management.utils import get_random_secret_key
from psycopg.conninfo import conninfo_to_dict

HERE = Path(__file__).parent

DEBUG = False
SECRET_KEY = os.environ.get("AGENCY_SECRET_KEY") or get_random_secret_key()
ALLOWED_HOSTS = os.environ.get("AGENCY_HOSTS", "127.0.0.1,localhost,[::1]").split(",")
TODAY = date.fromisoformat(os.environ["AGENCY_TODAY"]) if os.environ.get("AGENCY_TODAY") else None

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = os.environ.get("AGENCY_HTTPS") == "1"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Strict"
CSRF_COOKIE_HTTPONLY = True
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
X_FRAME_OPTIONS = "DENY"

INSTALLED_APPS = [
    "agency",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "agency.pages.ContentSecurityPolicy",
]
ROOT_URLCONF = "agency.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "agency.pages.workspace",
            ],
        },
    },
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = "home"


def database(name: str) -> dict[str, object]:
    """Return what Django wants to know of a database: a file of SQLite, or a connection string of PostgreSQL."""
    if "=" in name or name.startswith(("postgresql://", "postgres://")):
        said = conninfo_to_dict(name)
        known = {key.upper(): str(said.pop(key)) for key in ("host", "port", "user", "password") if key in said}
        # Who has to wait for a transaction that writes gives up after a while, and is told that there is a conflict.
        said["options"] = f"{said.get('options') or ''} -c lock_timeout=30s".strip()
        return {"ENGINE": "django.db.backends.postgresql", "NAME": said.pop("dbname", ""), **known, "OPTIONS": said}
    # Each transaction waits for the one before it: SQLite's are serial then, as a store's have to be.
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": name,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            # A personal text that is removed is overwritten.
            "init_command": "PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON",
        },
    }


DATABASES = {"default": database(os.environ.get("AGENCY_DATABASE") or str(HERE.parent / "agency.sqlite3"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en-us"
USE_TZ = True
TIME_ZONE = os.environ.get("CASEASSIGN_TIME_ZONE") or "America/New_York"
DATE_FORMAT = "j F Y"
STATIC_URL = "static/"
