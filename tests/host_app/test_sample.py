"""The sample is one to copy from: small, safe as it is set up, and what the documentation shows of it stands in it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_house import lines_of_code

from host_app.ground import HOST, OnSQLite, environment

PAGE = HOST.parents[1] / "how-to" / "embed-in-a-host-application.md"
SOURCES = [path for path in sorted(HOST.rglob("*.py")) if path.name != "0001_tables.py"]


def test_it_is_small_enough_to_be_read() -> None:
    """A stranger reads it in an hour: files under 250 lines, some 1,200 lines of code in all."""
    assert max(len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES) < 250
    assert sum(map(lines_of_code, SOURCES)) < 1_250


@pytest.mark.parametrize(
    "block", re.findall(r"^```py\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
)
def test_what_the_page_shows_stands_in_the_sample(block: str) -> None:
    """Every piece of code on the page is there, word for word."""
    assert any(block in path.read_text(encoding="utf-8") for path in SOURCES)


def test_it_has_no_script_and_asks_nothing_of_other_machines() -> None:
    """No page has a script, a style of its own or an address of another machine in it."""
    for page in (HOST / "agency").rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"<script|<style|style=|\son\w+=|https?://", text), page


def test_it_is_safe_as_it_is_set_up(agency: object) -> None:
    """Debugging is off, only this machine is served, forms need a token, and no key stands in the code."""
    from django.conf import settings  # noqa: PLC0415  # Django has to be set up first

    assert not settings.DEBUG
    assert {"127.0.0.1", "localhost", "[::1]"} == set(settings.ALLOWED_HOSTS) - {"testserver"}
    assert "django.middleware.csrf.CsrfViewMiddleware" in settings.MIDDLEWARE
    assert len(settings.SECRET_KEY) >= 50
    assert settings.SECRET_KEY not in (HOST / "agency" / "settings.py").read_text(encoding="utf-8")


def test_the_migrations_say_what_the_models_say(files: OnSQLite) -> None:
    """No model was changed without a migration."""
    with files.filled() as name:
        command = [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"]
        subprocess.run(command, cwd=HOST, env=environment(name), check=True, capture_output=True)


@pytest.mark.slow
def test_the_demonstration_leaves_other_databases_alone(files: OnSQLite) -> None:
    """What is no demonstration is neither filled nor served; the demonstration is filled once."""
    with files.filled() as name:
        command = [sys.executable, "manage.py", "demo", "--only-fill"]
        before = Path(name).read_bytes()
        subprocess.run(command, cwd=HOST, env=environment(name), check=True, capture_output=True)
        assert Path(name).read_bytes() == before
        rename = (
            "from django.contrib.auth.models import User; User.objects.filter(username='olga').update(username='o')"
        )
        shell = [sys.executable, "manage.py", "shell", "-v", "0", "-c", rename]
        subprocess.run(shell, cwd=HOST, env=environment(name), check=True, capture_output=True)
        refused = subprocess.run(command, cwd=HOST, env=environment(name), check=False, capture_output=True, text=True)
        assert refused.returncode == 1
        assert "not one for the demonstration" in refused.stderr
