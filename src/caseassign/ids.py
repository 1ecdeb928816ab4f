"""What the library makes up: ids, of UUID version 7 (RFC 9562), which sort in the order of their making; and salts."""

from __future__ import annotations

import os
import secrets
import threading
import time
import uuid

_lock = threading.Lock()
_last = 0


def new_salt() -> str:
    """Return 128 bits that nobody can guess, in hexadecimal."""
    return secrets.token_hex(16)


def new_id() -> str:
    """Return a new id. Ids of one process never repeat or go back, even if the clock does."""
    global _last  # noqa: PLW0603  # the one counter of the process
    with _lock:
        milliseconds_and_counter = (time.time_ns() // 1_000_000 << 12) & ((1 << 60) - 1)
        _last = max(milliseconds_and_counter, _last + 1)
        stamp = _last
    random_bits = int.from_bytes(os.urandom(8)) & ((1 << 62) - 1)
    value = (stamp >> 12 << 80) | (7 << 76) | ((stamp & 0xFFF) << 64) | (2 << 62) | random_bits
    return str(uuid.UUID(int=value))
