"""The settings of the application, with one difference: a password is checked at once, for tests log in often."""

from agency.settings import *  # noqa: F403  # that is what it is for

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
