"""The tables of the Django peer, in an application that is this module; `connect` comes before anything else."""

from __future__ import annotations

from typing import Any

import django
from django.conf import settings

from benchmarks.rules import JOURNAL


def connect(file: str) -> None:
    """Set Django up over a file, as durable as the other peers."""
    pragmas = f"PRAGMA journal_mode={JOURNAL}; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
    settings.configure(
        INSTALLED_APPS=["benchmarks.peers.django_tables"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": file,
                "CONN_MAX_AGE": None,
                "OPTIONS": {"timeout": 30, "transaction_mode": "IMMEDIATE", "init_command": pragmas},
            }
        },
    )
    django.setup()


def models() -> Any:
    """Return the module of the models, which can be loaded only once Django is set up."""
    from benchmarks.peers.django_tables import models as tables  # noqa: PLC0415

    return tables
